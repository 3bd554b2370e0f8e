"""The Media2 service's own nouns as elements of ver10/schema: encoders by media type (ONVIF Media2)."""

from collections.abc import Iterable

from ...model import AudioDecoding, AudioEncoding, Channel, Loudspeaker, Stream, VideoEncoding
from ..xmltree import Element, node
from .media_elements import audio_choices, configuration, decodings_of, quality_range, rates, resolution
from .media_facts import (
    Kind,
    audio_bit_rate,
    audio_sample_rate,
    bit_rate,
    codec_profile,
    frame_rate,
    gov_length,
    quality,
)

# tt:VideoEncodingMimeNames, tt:VideoEncodingProfiles and tt:AudioEncodingMimeNames; that of MPEG-4 is misspelled there.
VIDEO_NAMES = {"MPEG4": "MPV4-ES"}
PROFILE_NAMES = {"SP": "Simple", "ASP": "AdvancedSimple"}
# G.711 has one name, whichever its law.
AUDIO_NAMES = {"G711": "PCMU", "AAC": "MP4A-LATM"}


def video_name(video: VideoEncoding) -> str:
    """Return the media type of pictures."""
    return VIDEO_NAMES.get(video.codec, video.codec)


def audio_name(audio: AudioEncoding | AudioDecoding) -> str:
    """Return the media type of sound."""
    return AUDIO_NAMES.get(audio.codec, audio.codec)


def profile_name(video: VideoEncoding) -> str | None:
    """Return the codec's profile in Media2's words."""
    profile = codec_profile(video)
    return None if profile is None else PROFILE_NAMES.get(profile, profile)


def _known(**attributes: object) -> dict[str, object]:
    return {name: value for name, value in attributes.items() if value is not None}


def video_encoder_configuration(name: str, channel: Channel, stream: Stream) -> Element:
    """Build a tt:VideoEncoder2Configuration."""
    video = stream.video
    return configuration(
        name,
        Kind.VIDEO_ENCODER,
        channel,
        stream,
        node("tt:Encoding", video_name(video)),
        resolution("tt:Resolution", video),
        node(
            "tt:RateControl",
            node("tt:FrameRateLimit", frame_rate(video)),
            node("tt:BitrateLimit", bit_rate(video)),
        ),
        node("tt:Quality", quality(video)),
        **_known(GovLength=gov_length(video), Profile=profile_name(video)),
    )


def audio_encoder_configuration(name: str, channel: Channel, stream: Stream) -> Element:
    """Build a tt:AudioEncoder2Configuration."""
    audio = stream.audio
    assert audio is not None
    return configuration(
        name,
        Kind.AUDIO_ENCODER,
        channel,
        stream,
        node("tt:Encoding", audio_name(audio)),
        node("tt:Bitrate", audio_bit_rate(audio)),
        node("tt:SampleRate", audio_sample_rate(audio)),
    )


def video_encoder_options(name: str, streams: Iterable[Stream]) -> list[Element]:
    """Build a tt:VideoEncoder2ConfigurationOptions for each codec: exactly what the streams are."""
    videos: dict[str, list[VideoEncoding]] = {}
    for stream in streams:
        videos.setdefault(video_name(stream.video), []).append(stream.video)
    return [_video_encoder_options(name, encoding, same) for encoding, same in videos.items()]


def _video_encoder_options(name: str, encoding: str, videos: list[VideoEncoding]) -> Element:
    sizes = {(video.width, video.height): video for video in videos}
    rates = [bit_rate(video) for video in videos]
    lengths = [length for video in videos if (length := gov_length(video)) is not None]
    profiles = dict.fromkeys(profile for video in videos if (profile := profile_name(video)) is not None)
    return node(
        name,
        _known(
            GovLengthRange=f"{min(lengths)} {max(lengths)}" if lengths else None,
            FrameRatesSupported=" ".join(
                f"{rate:g}" for rate in sorted({frame_rate(video) for video in videos}, reverse=True)
            ),
            ProfilesSupported=" ".join(profiles) or None,
            ConstantBitRateSupported=False,
        ),
        node("tt:Encoding", encoding),
        quality_range(videos),
        *(resolution("tt:ResolutionsAvailable", video) for video in sizes.values()),
        node("tt:BitrateRange", node("tt:Min", min(rates)), node("tt:Max", max(rates))),
    )


def audio_encoder_options(name: str, audios: Iterable[AudioEncoding]) -> list[Element]:
    """Build a tt:AudioEncoder2ConfigurationOptions for each way that sound is encoded."""
    return audio_choices(name, audios, audio_name)


def audio_decoder_options(name: str, found: Iterable[Loudspeaker]) -> list[Element]:
    """Build a tt:AudioEncoder2ConfigurationOptions, for decoders the same, for each kind of sound that is taken."""
    return [
        node(
            name,
            node("tt:Encoding", audio_name(one)),
            rates("tt:BitrateList", one.bit_rates),
            rates("tt:SampleRateList", one.sample_rates),
        )
        for one in decodings_of(found)
    ]
