"""What both media services say of a camera: which configurations its profiles have, and their numbers.

A profile is a stream, its token is the stream's role. All tokens are our own and never change: a client keeps them. Two
profiles share one video source and one configuration of it, as clients take a second source for a second camera.
"""

from collections.abc import Iterable
from enum import StrEnum
import math

from ...model import AudioEncoding, Channel, Loudspeaker, Stream, StreamRole, VideoEncoding
from ..names import VIDEO_SOURCE_CONFIGURATION
from .ptz_elements import PTZ_CONFIGURATION

AUDIO_SOURCE = "AudioSource_1"
AUDIO_SOURCE_CONFIGURATION = "AudioSourceConfiguration_1"
AUDIO_OUTPUT = "AudioOutput_1"
AUDIO_OUTPUT_CONFIGURATION = "AudioOutputConfiguration_1"

PROFILE_NAMES = {StreamRole.MAIN: "MainStream", StreamRole.SUB: "SubStream"}

# What the schema demands even where the recorder told nothing: a common camera's values.
DEFAULT_FRAME_RATE = 25
DEFAULT_BIT_RATE = 4096
DEFAULT_SECONDS_PER_GOV = 2
DEFAULT_QUALITY = 5.0
DEFAULT_CODEC_PROFILE = {"H264": "Main", "H265": "Main", "MPEG4": "SP"}
CODEC_PROFILES = {
    "H264": ("Baseline", "Main", "Extended", "High"),
    "H265": ("Main", "Main10"),
    "MPEG4": ("SP", "ASP"),
}
DEFAULT_AUDIO_BIT_RATE = {"G711": 64, "G726": 32, "AAC": 32}
DEFAULT_AUDIO_SAMPLE_RATE = {"G711": 8, "G726": 8, "AAC": 16}
DEFAULT_OUTPUT_LEVEL = 50
AUDIO_CHANNELS = 1
SESSION_TIMEOUT = "PT60S"


class Kind(StrEnum):
    """What a configuration is of, by its name in Media2."""

    VIDEO_SOURCE = "VideoSource"
    AUDIO_SOURCE = "AudioSource"
    VIDEO_ENCODER = "VideoEncoder"
    AUDIO_ENCODER = "AudioEncoder"
    ANALYTICS = "Analytics"
    PTZ = "PTZ"
    METADATA = "Metadata"
    AUDIO_OUTPUT = "AudioOutput"
    AUDIO_DECODER = "AudioDecoder"


def configuration_token(kind: Kind, channel: Channel, stream: Stream) -> str | None:
    """Return the token of the configuration that a stream's profile has, None where it has none of the kind."""
    match kind:
        case Kind.VIDEO_SOURCE:
            return VIDEO_SOURCE_CONFIGURATION
        case Kind.VIDEO_ENCODER:
            return f"VideoEncoder_{stream.role}"
        case Kind.AUDIO_SOURCE if stream.audio is not None:
            return AUDIO_SOURCE_CONFIGURATION
        case Kind.AUDIO_ENCODER if stream.audio is not None:
            return f"AudioEncoder_{stream.role}"
        case Kind.AUDIO_OUTPUT if stream.loudspeaker is not None:
            return AUDIO_OUTPUT_CONFIGURATION
        case Kind.AUDIO_DECODER if stream.loudspeaker is not None:
            return f"AudioDecoder_{stream.role}"
        case Kind.PTZ if channel.ptz is not None:
            return PTZ_CONFIGURATION
    return None


def loudspeakers(streams: Iterable[Stream]) -> list[Loudspeaker]:
    """Return what clients can talk through."""
    return [stream.loudspeaker for stream in streams if stream.loudspeaker is not None]


def output_level(loudspeaker: Loudspeaker) -> int:
    """Return its volume."""
    return DEFAULT_OUTPUT_LEVEL if loudspeaker.level is None else loudspeaker.level


def use_count(kind: Kind, channel: Channel, token: str) -> int:
    """Return how many profiles have a configuration."""
    return sum(configuration_token(kind, channel, stream) == token for stream in channel.streams)


def frame_rate(video: VideoEncoding) -> float:
    """Return frames a second."""
    return video.frame_rate or float(DEFAULT_FRAME_RATE)


def frame_rate_limit(video: VideoEncoding) -> int:
    """Return frames a second as the integer that Media1 wants, never less than the stream has."""
    return max(1, math.ceil(frame_rate(video)))


def bit_rate(video: VideoEncoding) -> int:
    """Return kbit/s."""
    return video.bit_rate or DEFAULT_BIT_RATE


def quality(video: VideoEncoding) -> float:
    """Return it on the recorder's scale."""
    return DEFAULT_QUALITY if video.quality is None else video.quality


def gov_length(video: VideoEncoding) -> int | None:
    """Return frames from one key frame to the next; None where each is one."""
    if video.codec not in CODEC_PROFILES:
        return None
    return video.gov_length or frame_rate_limit(video) * DEFAULT_SECONDS_PER_GOV


def codec_profile(video: VideoEncoding) -> str | None:
    """Return the codec's profile in Media1's words; None where it has none."""
    if video.codec_profile in CODEC_PROFILES.get(video.codec, ()):
        return video.codec_profile
    return DEFAULT_CODEC_PROFILE.get(video.codec)


def audio_bit_rate(audio: AudioEncoding) -> int:
    """Return kbit/s."""
    return audio.bit_rate or DEFAULT_AUDIO_BIT_RATE.get(audio.codec, DEFAULT_AUDIO_BIT_RATE["AAC"])


def audio_sample_rate(audio: AudioEncoding) -> int:
    """Return kHz."""
    return audio.sample_rate or DEFAULT_AUDIO_SAMPLE_RATE.get(audio.codec, DEFAULT_AUDIO_SAMPLE_RATE["AAC"])
