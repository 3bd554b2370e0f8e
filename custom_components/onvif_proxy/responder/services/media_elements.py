"""The media service's nouns as elements of ver10/schema; those of sources are Media2's, too."""

from collections.abc import Callable, Iterable
import math

from ...model import AudioDecoding, AudioEncoding, Channel, Loudspeaker, Stream, VideoEncoding
from ..names import VIDEO_SOURCE
from ..xmltree import Element, node
from .media_facts import (
    AUDIO_CHANNELS,
    AUDIO_OUTPUT,
    AUDIO_SOURCE,
    SESSION_TIMEOUT,
    Kind,
    audio_bit_rate,
    audio_sample_rate,
    bit_rate,
    codec_profile,
    configuration_token,
    frame_rate,
    frame_rate_limit,
    gov_length,
    output_level,
    quality,
    use_count,
)
from .ptz_elements import ptz_configuration


def configuration(
    name: str, kind: Kind, channel: Channel, stream: Stream, *content: Element | None, **attributes: object
) -> Element:
    """Build a tt:ConfigurationEntity, with what its kind adds."""
    token = configuration_token(kind, channel, stream)
    assert token is not None
    return node(
        name,
        {"token": token} | attributes,
        node("tt:Name", token),
        node("tt:UseCount", use_count(kind, channel, token)),
        *content,
    )


def resolution(name: str, video: VideoEncoding) -> Element:
    """Build a tt:VideoResolution."""
    return node(name, node("tt:Width", video.width), node("tt:Height", video.height))


def no_multicast() -> Element:
    """Build the tt:Multicast that Media1 demands of a camera without multicast."""
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
        node("tt:Framerate", frame_rate(video)),
        resolution("tt:Resolution", video),
    )


def audio_source(name: str) -> Element:
    """Build a tt:AudioSource."""
    return node(name, {"token": AUDIO_SOURCE}, node("tt:Channels", AUDIO_CHANNELS))


def video_source_configuration(name: str, channel: Channel, stream: Stream) -> Element:
    """Build a tt:VideoSourceConfiguration: the whole picture."""
    video = channel.main.video
    return configuration(
        name,
        Kind.VIDEO_SOURCE,
        channel,
        stream,
        node("tt:SourceToken", VIDEO_SOURCE),
        node("tt:Bounds", {"x": 0, "y": 0, "width": video.width, "height": video.height}),
    )


def audio_source_configuration(name: str, channel: Channel, stream: Stream) -> Element:
    """Build a tt:AudioSourceConfiguration."""
    return configuration(name, Kind.AUDIO_SOURCE, channel, stream, node("tt:SourceToken", AUDIO_SOURCE))


def audio_output(name: str) -> Element:
    """Build a tt:AudioOutput."""
    return node(name, {"token": AUDIO_OUTPUT})


def audio_output_configuration(name: str, channel: Channel, stream: Stream) -> Element:
    """Build a tt:AudioOutputConfiguration."""
    assert stream.loudspeaker is not None
    return configuration(
        name,
        Kind.AUDIO_OUTPUT,
        channel,
        stream,
        node("tt:OutputToken", AUDIO_OUTPUT),
        node("tt:OutputLevel", output_level(stream.loudspeaker)),
    )


def audio_decoder_configuration(name: str, channel: Channel, stream: Stream) -> Element:
    """Build a tt:AudioDecoderConfiguration: what it takes is in its options."""
    return configuration(name, Kind.AUDIO_DECODER, channel, stream)


def ptz_configuration_of(name: str, channel: Channel, _stream: Stream) -> Element:
    """Build a tt:PTZConfiguration."""
    assert channel.ptz is not None
    return ptz_configuration(name, channel.ptz, len(channel.streams))


def video_encoder_configuration(name: str, channel: Channel, stream: Stream) -> Element:
    """Build a tt:VideoEncoderConfiguration.

    H.265 is said as it is, though the schema of Media1 lists only JPEG, MPEG4 and H264: so do cameras in the field.
    RateControl is always there; UniFi's AI Port refuses a camera without.
    """
    video = stream.video
    coded = None
    if video.codec in _CODEC_PROFILE_NAMES:
        profile = f"tt:{_CODEC_PROFILE_NAMES[video.codec]}"
        coded = node(f"tt:{video.codec}", node("tt:GovLength", gov_length(video)), node(profile, codec_profile(video)))
    return configuration(
        name,
        Kind.VIDEO_ENCODER,
        channel,
        stream,
        node("tt:Encoding", video.codec),
        resolution("tt:Resolution", video),
        node("tt:Quality", quality(video)),
        node(
            "tt:RateControl",
            node("tt:FrameRateLimit", frame_rate_limit(video)),
            node("tt:EncodingInterval", 1),
            node("tt:BitrateLimit", bit_rate(video)),
        ),
        coded,
        no_multicast(),
        node("tt:SessionTimeout", SESSION_TIMEOUT),
    )


def audio_encoder_configuration(name: str, channel: Channel, stream: Stream) -> Element:
    """Build a tt:AudioEncoderConfiguration."""
    audio = stream.audio
    assert audio is not None
    return configuration(
        name,
        Kind.AUDIO_ENCODER,
        channel,
        stream,
        node("tt:Encoding", audio.codec),
        node("tt:Bitrate", audio_bit_rate(audio)),
        node("tt:SampleRate", audio_sample_rate(audio)),
        no_multicast(),
        node("tt:SessionTimeout", SESSION_TIMEOUT),
    )


def _range(name: str, values: Iterable[int]) -> Element:
    known = list(values)
    return node(name, node("tt:Min", min(known)), node("tt:Max", max(known)))


def quality_range(videos: Iterable[VideoEncoding]) -> Element:
    """Build tt:QualityRange, in whole numbers as Media1 has them."""
    known = [quality(video) for video in videos]
    return node("tt:QualityRange", node("tt:Min", math.floor(min(known))), node("tt:Max", math.ceil(max(known))))


def video_source_options(name: str, channel: Channel) -> Element:
    """Build tt:VideoSourceConfigurationOptions: nothing can be chosen."""
    video = channel.main.video
    bounds = {"X": 0, "Y": 0, "Width": video.width, "Height": video.height}
    return node(
        name,
        node("tt:BoundsRange", *(_range(f"tt:{side}Range", [size]) for side, size in bounds.items())),
        node("tt:VideoSourceTokensAvailable", VIDEO_SOURCE),
    )


def audio_source_options(name: str) -> Element:
    """Build tt:AudioSourceConfigurationOptions."""
    return node(name, node("tt:InputTokensAvailable", AUDIO_SOURCE))


def audio_output_options(name: str, found: Iterable[Loudspeaker]) -> Element:
    """Build tt:AudioOutputConfigurationOptions: nothing can be chosen."""
    levels = [output_level(loudspeaker) for loudspeaker in found]
    return node(name, node("tt:OutputTokensAvailable", AUDIO_OUTPUT), _range("tt:OutputLevelRange", levels))


def audio_decoder_options(name: str, found: Iterable[Loudspeaker]) -> Element:
    """Build tt:AudioDecoderConfigurationOptions."""
    decodings = decodings_of(found)
    return node(
        name,
        *(
            node(
                f"tt:{codec}DecOptions",
                rates("tt:Bitrate", (rate for one in same for rate in one.bit_rates)),
                rates("tt:SampleRateRange", (rate for one in same for rate in one.sample_rates)),
            )
            for codec in ("AAC", "G711", "G726")
            if (same := [one for one in decodings if one.codec == codec])
        ),
    )


def decodings_of(found: Iterable[Loudspeaker]) -> list[AudioDecoding]:
    """Return each kind of sound that loudspeakers take once."""
    return list(dict.fromkeys(one for loudspeaker in found for one in loudspeaker.takes))


def rates(name: str, values: Iterable[int]) -> Element:
    """Build a tt:IntItems."""
    return node(name, *(node("tt:Items", value) for value in dict.fromkeys(values)))


def metadata_options(name: str) -> Element:
    """Build tt:MetadataConfigurationOptions: there is none to be had."""
    nothing = (node("tt:PanTiltStatusSupported", False), node("tt:ZoomStatusSupported", False))
    return node(name, node("tt:PTZStatusFilterOptions", *nothing))


def osd_options(name: str) -> Element:
    """Build tt:OSDConfigurationOptions: no text can be laid over; the schema demands the rest, though it is ignored."""
    return node(
        name,
        node("tt:MaximumNumberOfOSDs", {"Total": 0}),
        node("tt:Type", "Text"),
        node("tt:PositionOption", "UpperLeft"),
    )


_CODEC_PROFILE_NAMES = {"MPEG4": "Mpeg4Profile", "H264": "H264Profile"}


def video_encoder_options(name: str, streams: Iterable[Stream]) -> Element:
    """Build tt:VideoEncoderConfigurationOptions: exactly what the streams are. H.265 has no place in them."""
    videos = [stream.video for stream in streams]
    return node(
        name,
        quality_range(videos),
        *(
            _codec_options(codec, same)
            for codec in ("JPEG", "MPEG4", "H264")
            if (same := [video for video in videos if video.codec == codec])
        ),
    )


def _codec_options(codec: str, videos: list[VideoEncoding]) -> Element:
    def values[T](of: Callable[[VideoEncoding], T | None]) -> list[T]:
        return [value for value in dict.fromkeys(of(video) for video in videos) if value is not None]

    sizes = {(video.width, video.height): video for video in videos}
    lengths = values(gov_length)
    return node(
        f"tt:{codec}",
        *(resolution("tt:ResolutionsAvailable", video) for video in sizes.values()),
        _range("tt:GovLengthRange", lengths) if lengths else None,
        _range("tt:FrameRateRange", values(frame_rate_limit)),
        _range("tt:EncodingIntervalRange", [1]),
        *(node(f"tt:{_CODEC_PROFILE_NAMES[codec]}sSupported", profile) for profile in values(codec_profile)),
    )


def audio_encoder_options(name: str, audios: Iterable[AudioEncoding]) -> Element:
    """Build tt:AudioEncoderConfigurationOptions: exactly what the streams are."""
    return node(name, audio_choices("tt:Options", audios, lambda audio: audio.codec))


def audio_choices(
    name: str, audios: Iterable[AudioEncoding], encoding_of: Callable[[AudioEncoding], str]
) -> list[Element]:
    """Build a tt:AudioEncoderConfigurationOption for each way that sound is encoded."""
    choices = dict.fromkeys((encoding_of(audio), audio_bit_rate(audio), audio_sample_rate(audio)) for audio in audios)
    return [
        node(
            name,
            node("tt:Encoding", encoding),
            node("tt:BitrateList", node("tt:Items", kbits)),
            node("tt:SampleRateList", node("tt:Items", khz)),
        )
        for encoding, kbits, khz in choices
    ]
