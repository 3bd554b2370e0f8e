"""The media service's nouns as elements of ver10/schema: sources, configurations, profiles and options of a channel.

All tokens are our own and never change: a client keeps them. Two profiles share one video source and one
configuration of it, as clients take a second source for a second camera.
"""

from collections.abc import Callable, Iterable
import math

from ...model import AudioEncoding, Channel, Stream, StreamRole, VideoEncoding
from ..names import VIDEO_SOURCE, VIDEO_SOURCE_CONFIGURATION
from ..xmltree import Element, node

AUDIO_SOURCE = "AudioSource_1"
AUDIO_SOURCE_CONFIGURATION = "AudioSourceConfiguration_1"

PROFILE_NAMES = {StreamRole.MAIN: "MainStream", StreamRole.SUB: "SubStream"}

# What the schema demands even where the recorder told nothing: a common camera's values.
DEFAULT_FRAME_RATE = 25
DEFAULT_BIT_RATE = 4096
DEFAULT_SECONDS_PER_GOV = 2
DEFAULT_QUALITY = 5.0
DEFAULT_H264_PROFILE = "Main"
H264_PROFILES = ("Baseline", "Main", "Extended", "High")
MPEG4_PROFILES = ("SP", "ASP")
DEFAULT_AUDIO_BIT_RATE = {"G711": 64, "G726": 32, "AAC": 32}
DEFAULT_AUDIO_SAMPLE_RATE = {"G711": 8, "G726": 8, "AAC": 16}
AUDIO_CHANNELS = 1
SESSION_TIMEOUT = "PT60S"


def video_encoder_token(stream: Stream) -> str:
    """Return the token of a stream's video encoder configuration."""
    return f"VideoEncoder_{stream.role}"


def audio_encoder_token(stream: Stream) -> str:
    """Return the token of a stream's audio encoder configuration."""
    return f"AudioEncoder_{stream.role}"


def frame_rate_limit(video: VideoEncoding) -> int:
    """Return frames a second as the integer that the schema wants, never less than the stream has."""
    return max(1, math.ceil(video.frame_rate)) if video.frame_rate else DEFAULT_FRAME_RATE


def gov_length(video: VideoEncoding) -> int:
    """Return frames from one key frame to the next."""
    return video.gov_length or frame_rate_limit(video) * DEFAULT_SECONDS_PER_GOV


def codec_profile(video: VideoEncoding) -> str:
    """Return the H.264 or MPEG-4 profile in the schema's words."""
    allowed = MPEG4_PROFILES if video.codec == "MPEG4" else H264_PROFILES
    if video.codec_profile is not None and video.codec_profile in allowed:
        return video.codec_profile
    return MPEG4_PROFILES[0] if video.codec == "MPEG4" else DEFAULT_H264_PROFILE


def audio_bit_rate(audio: AudioEncoding) -> int:
    """Return kbit/s."""
    return audio.bit_rate or DEFAULT_AUDIO_BIT_RATE.get(audio.codec, DEFAULT_AUDIO_BIT_RATE["AAC"])


def audio_sample_rate(audio: AudioEncoding) -> int:
    """Return kHz."""
    return audio.sample_rate or DEFAULT_AUDIO_SAMPLE_RATE.get(audio.codec, DEFAULT_AUDIO_SAMPLE_RATE["AAC"])


def _configuration(name: str, token: str, use_count: int, *content: Element | None) -> Element:
    return node(name, {"token": token}, node("tt:Name", token), node("tt:UseCount", use_count), *content)


def _resolution(name: str, video: VideoEncoding) -> Element:
    return node(name, node("tt:Width", video.width), node("tt:Height", video.height))


def _no_multicast() -> Element:
    """Build the tt:Multicast that the schema demands of a camera without multicast."""
    return node(
        "tt:Multicast",
        node("tt:Address", node("tt:Type", "IPv4"), node("tt:IPv4Address", "0.0.0.0")),
        node("tt:Port", 0),
        node("tt:TTL", 0),
        node("tt:AutoStart", False),
    )


def video_source(name: str, channel: Channel) -> Element:
    """Build a tt:VideoSource: as large and as fast as the main stream."""
    video = channel.main.video
    return node(
        name,
        {"token": VIDEO_SOURCE},
        node("tt:Framerate", video.frame_rate or float(DEFAULT_FRAME_RATE)),
        _resolution("tt:Resolution", video),
    )


def video_source_configuration(name: str, channel: Channel) -> Element:
    """Build a tt:VideoSourceConfiguration: the whole picture."""
    video = channel.main.video
    return _configuration(
        name,
        VIDEO_SOURCE_CONFIGURATION,
        len(channel.streams),
        node("tt:SourceToken", VIDEO_SOURCE),
        node("tt:Bounds", {"x": 0, "y": 0, "width": video.width, "height": video.height}),
    )


def video_encoder_configuration(name: str, stream: Stream) -> Element:
    """Build a tt:VideoEncoderConfiguration.

    H.265 is said as it is, though the schema of Media1 lists only JPEG, MPEG4 and H264: so do cameras in the field.
    RateControl is always there; UniFi's AI Port refuses a camera without.
    """
    video = stream.video
    coded = None
    if video.codec in ("H264", "MPEG4"):
        profile = "tt:H264Profile" if video.codec == "H264" else "tt:Mpeg4Profile"
        coded = node(f"tt:{video.codec}", node("tt:GovLength", gov_length(video)), node(profile, codec_profile(video)))
    return _configuration(
        name,
        video_encoder_token(stream),
        1,
        node("tt:Encoding", video.codec),
        _resolution("tt:Resolution", video),
        node("tt:Quality", DEFAULT_QUALITY if video.quality is None else video.quality),
        node(
            "tt:RateControl",
            node("tt:FrameRateLimit", frame_rate_limit(video)),
            node("tt:EncodingInterval", 1),
            node("tt:BitrateLimit", video.bit_rate or DEFAULT_BIT_RATE),
        ),
        coded,
        _no_multicast(),
        node("tt:SessionTimeout", SESSION_TIMEOUT),
    )


def audio_source(name: str) -> Element:
    """Build a tt:AudioSource."""
    return node(name, {"token": AUDIO_SOURCE}, node("tt:Channels", AUDIO_CHANNELS))


def audio_source_configuration(name: str, channel: Channel) -> Element:
    """Build a tt:AudioSourceConfiguration."""
    use_count = sum(stream.audio is not None for stream in channel.streams)
    return _configuration(name, AUDIO_SOURCE_CONFIGURATION, use_count, node("tt:SourceToken", AUDIO_SOURCE))


def audio_encoder_configuration(name: str, stream: Stream, audio: AudioEncoding) -> Element:
    """Build a tt:AudioEncoderConfiguration."""
    return _configuration(
        name,
        audio_encoder_token(stream),
        1,
        node("tt:Encoding", audio.codec),
        node("tt:Bitrate", audio_bit_rate(audio)),
        node("tt:SampleRate", audio_sample_rate(audio)),
        _no_multicast(),
        node("tt:SessionTimeout", SESSION_TIMEOUT),
    )


def profile(name: str, channel: Channel, stream: Stream) -> Element:
    """Build a tt:Profile: one stream; its token is its role."""
    audio = stream.audio
    return node(
        name,
        {"token": stream.role, "fixed": True},
        node("tt:Name", PROFILE_NAMES[stream.role]),
        video_source_configuration("tt:VideoSourceConfiguration", channel),
        None if audio is None else audio_source_configuration("tt:AudioSourceConfiguration", channel),
        video_encoder_configuration("tt:VideoEncoderConfiguration", stream),
        None if audio is None else audio_encoder_configuration("tt:AudioEncoderConfiguration", stream, audio),
    )


def _range(name: str, values: Iterable[int]) -> Element:
    known = list(values)
    return node(name, node("tt:Min", min(known)), node("tt:Max", max(known)))


def video_source_options(name: str, channel: Channel) -> Element:
    """Build tt:VideoSourceConfigurationOptions: nothing can be chosen."""
    video = channel.main.video
    bounds = {"X": 0, "Y": 0, "Width": video.width, "Height": video.height}
    return node(
        name,
        node("tt:BoundsRange", *(_range(f"tt:{side}Range", [size]) for side, size in bounds.items())),
        node("tt:VideoSourceTokensAvailable", VIDEO_SOURCE),
    )


def video_encoder_options(name: str, streams: Iterable[Stream]) -> Element:
    """Build tt:VideoEncoderConfigurationOptions: exactly what the streams are. H.265 has no place in them."""
    videos = [stream.video for stream in streams]
    qualities = [DEFAULT_QUALITY if video.quality is None else video.quality for video in videos]
    return node(
        name,
        node(
            "tt:QualityRange",
            node("tt:Min", math.floor(min(qualities))),
            node("tt:Max", math.ceil(max(qualities))),
        ),
        *(
            _codec_options(codec, same)
            for codec in ("JPEG", "MPEG4", "H264")
            if (same := [video for video in videos if video.codec == codec])
        ),
    )


_CODEC_PROFILES_NAME = {"MPEG4": "tt:Mpeg4ProfilesSupported", "H264": "tt:H264ProfilesSupported"}


def _codec_options(codec: str, videos: list[VideoEncoding]) -> Element:
    def values[T](of: Callable[[VideoEncoding], T]) -> list[T]:
        return list(dict.fromkeys(of(video) for video in videos))

    sizes = {(video.width, video.height): video for video in videos}
    profiles = _CODEC_PROFILES_NAME.get(codec)
    return node(
        f"tt:{codec}",
        *(_resolution("tt:ResolutionsAvailable", video) for video in sizes.values()),
        None if profiles is None else _range("tt:GovLengthRange", values(gov_length)),
        _range("tt:FrameRateRange", values(frame_rate_limit)),
        _range("tt:EncodingIntervalRange", [1]),
        *([] if profiles is None else [node(profiles, each) for each in values(codec_profile)]),
    )


def audio_source_options(name: str) -> Element:
    """Build tt:AudioSourceConfigurationOptions."""
    return node(name, node("tt:InputTokensAvailable", AUDIO_SOURCE))


def audio_encoder_options(name: str, audios: Iterable[AudioEncoding]) -> Element:
    """Build tt:AudioEncoderConfigurationOptions: exactly what the streams are."""
    return node(
        name,
        *(
            node(
                "tt:Options",
                node("tt:Encoding", codec),
                node("tt:BitrateList", node("tt:Items", bit_rate)),
                node("tt:SampleRateList", node("tt:Items", sample_rate)),
            )
            for codec, bit_rate, sample_rate in dict.fromkeys(
                (audio.codec, audio_bit_rate(audio), audio_sample_rate(audio)) for audio in audios
            )
        ),
    )
