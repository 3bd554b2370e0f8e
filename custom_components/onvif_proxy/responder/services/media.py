"""The media service (ONVIF Media, ver10/media/wsdl): what the camera streams, and where.

Nothing can be configured by ONVIF: the recorder decides how it encodes, so every profile is fixed.
"""

from collections import Counter
from collections.abc import Callable

from ...model import AudioEncoding, Channel, Stream
from ..auth import Access
from ..errors import ActionNotSupported, InvalidArgument
from ..names import MEDIA_PATH, VIDEO_SOURCE_CONFIGURATION, expand
from ..xmltree import Element, child_text, node
from . import media_elements as elements
from .base import Context, Handler, Operation, Service

VERSION = (2, 60)
# RTSP over HTTP is not offered. How RTP travels is settled in RTSP's SETUP, so a client that says UDP or TCP here is
# given the same URI as one that says RTSP.
_PROTOCOLS = ("", "UDP", "TCP", "RTSP")


def capabilities(context: Context) -> Element:
    """Build trt:Capabilities."""
    return node(
        "trt:Capabilities",
        {
            "SnapshotUri": context.description.channel.snapshot_uri is not None,
            "Rotation": False,
            "VideoSourceMode": False,
            "OSD": False,
        },
        node("trt:ProfileCapabilities", {"MaximumNumberOfProfiles": len(context.description.channel.streams)}),
        node(
            "trt:StreamingCapabilities",
            {
                "RTPMulticast": False,
                "RTP_TCP": False,
                "RTP_RTSP_TCP": True,
                "NonAggregateControl": False,
                "NoRTSPStreaming": False,
            },
        ),
    )


def legacy_capabilities(context: Context) -> Element:
    """Build tt:Media of GetCapabilities."""
    profiles = node("tt:MaximumNumberOfProfiles", len(context.description.channel.streams))
    return node(
        "tt:Media",
        node("tt:XAddr", context.xaddr(MEDIA)),
        node(
            "tt:StreamingCapabilities",
            node("tt:RTPMulticast", False),
            node("tt:RTP_TCP", False),
            node("tt:RTP_RTSP_TCP", True),
        ),
        node("tt:Extension", node("tt:ProfileCapabilities", profiles)),
    )


def _stream_of_profile(context: Context, request: Element) -> Stream:
    """Return the stream of `ProfileToken`."""
    token = child_text(request, "trt:ProfileToken")
    for stream in context.description.channel.streams:
        if stream.role == token:
            return stream
    raise InvalidArgument("There is no profile with this token", "ter:NoProfile")


def _stream_of_configuration(context: Context, request: Element, token_of: Callable[[Stream], str]) -> Stream:
    """Return the stream of an encoder's `ConfigurationToken`."""
    token = child_text(request, "trt:ConfigurationToken")
    for stream in context.description.channel.streams:
        if token_of(stream) == token:
            return stream
    raise _no_configuration()


def _no_configuration() -> InvalidArgument:
    return InvalidArgument("There is no configuration with this token", "ter:NoConfig")


def _check_configuration(request: Element, token: str, *, exists: bool = True) -> None:
    """Refuse a `ConfigurationToken` other than the only one."""
    if not exists or child_text(request, "trt:ConfigurationToken") != token:
        raise _no_configuration()


def _has(request: Element, name: str) -> bool:
    return request.find(expand(name)) is not None


def _audio_streams(channel: Channel) -> list[tuple[Stream, AudioEncoding]]:
    return [(stream, stream.audio) for stream in channel.streams if stream.audio is not None]


def get_profiles(context: Context, _request: Element) -> Element:
    """List the profiles, main first: clients take the first for the best."""
    channel = context.description.channel
    return node(
        "trt:GetProfilesResponse", *(elements.profile("trt:Profiles", channel, stream) for stream in channel.streams)
    )


def get_profile(context: Context, request: Element) -> Element:
    """Tell one profile."""
    stream = _stream_of_profile(context, request)
    return node("trt:GetProfileResponse", elements.profile("trt:Profile", context.description.channel, stream))


def get_video_sources(context: Context, _request: Element) -> Element:
    """List the one video source."""
    source = elements.video_source("trt:VideoSources", context.description.channel)
    return node("trt:GetVideoSourcesResponse", source)


def get_video_source_configurations(context: Context, _request: Element) -> Element:
    """List the one video source configuration."""
    configuration = elements.video_source_configuration("trt:Configurations", context.description.channel)
    return node("trt:GetVideoSourceConfigurationsResponse", configuration)


def get_video_source_configuration(context: Context, request: Element) -> Element:
    """Tell the video source configuration."""
    _check_configuration(request, VIDEO_SOURCE_CONFIGURATION)
    configuration = elements.video_source_configuration("trt:Configuration", context.description.channel)
    return node("trt:GetVideoSourceConfigurationResponse", configuration)


def get_compatible_video_source_configurations(context: Context, request: Element) -> Element:
    """List the video source configurations that a profile can have."""
    _stream_of_profile(context, request)
    configuration = elements.video_source_configuration("trt:Configurations", context.description.channel)
    return node("trt:GetCompatibleVideoSourceConfigurationsResponse", configuration)


def get_video_source_configuration_options(context: Context, request: Element) -> Element:
    """Tell what a video source configuration can be."""
    if _has(request, "trt:ConfigurationToken"):
        _check_configuration(request, VIDEO_SOURCE_CONFIGURATION)
    if _has(request, "trt:ProfileToken"):
        _stream_of_profile(context, request)
    options = elements.video_source_options("trt:Options", context.description.channel)
    return node("trt:GetVideoSourceConfigurationOptionsResponse", options)


def get_guaranteed_number_of_video_encoder_instances(context: Context, request: Element) -> Element:
    """Count the encoders that run at the same time, by codec."""
    _check_configuration(request, VIDEO_SOURCE_CONFIGURATION)
    codecs = Counter(stream.video.codec for stream in context.description.channel.streams)
    return node(
        "trt:GetGuaranteedNumberOfVideoEncoderInstancesResponse",
        node("trt:TotalNumber", codecs.total()),
        *(node(f"trt:{codec}", codecs[codec]) for codec in ("JPEG", "H264", "MPEG4")),
    )


def get_video_encoder_configurations(context: Context, _request: Element) -> Element:
    """List the video encoder configurations."""
    return node(
        "trt:GetVideoEncoderConfigurationsResponse",
        *(
            elements.video_encoder_configuration("trt:Configurations", stream)
            for stream in context.description.channel.streams
        ),
    )


def get_video_encoder_configuration(context: Context, request: Element) -> Element:
    """Tell one video encoder configuration."""
    stream = _stream_of_configuration(context, request, elements.video_encoder_token)
    configuration = elements.video_encoder_configuration("trt:Configuration", stream)
    return node("trt:GetVideoEncoderConfigurationResponse", configuration)


def get_compatible_video_encoder_configurations(context: Context, request: Element) -> Element:
    """List the video encoder configurations that a profile can have: its own."""
    stream = _stream_of_profile(context, request)
    configuration = elements.video_encoder_configuration("trt:Configurations", stream)
    return node("trt:GetCompatibleVideoEncoderConfigurationsResponse", configuration)


def _streams_of_options(context: Context, request: Element, token_of: Callable[[Stream], str]) -> tuple[Stream, ...]:
    """Return the streams that a request for options is about: that of its tokens, or all."""
    streams = context.description.channel.streams
    if _has(request, "trt:ProfileToken"):
        streams = (_stream_of_profile(context, request),)
    if _has(request, "trt:ConfigurationToken"):
        streams = (_stream_of_configuration(context, request, token_of),)
    return streams


def get_video_encoder_configuration_options(context: Context, request: Element) -> Element:
    """Tell what a video encoder configuration can be."""
    streams = _streams_of_options(context, request, elements.video_encoder_token)
    return node(
        "trt:GetVideoEncoderConfigurationOptionsResponse", elements.video_encoder_options("trt:Options", streams)
    )


def get_audio_sources(context: Context, _request: Element) -> Element:
    """List the audio source, if there is sound."""
    has_audio = bool(_audio_streams(context.description.channel))
    return node("trt:GetAudioSourcesResponse", elements.audio_source("trt:AudioSources") if has_audio else None)


def get_audio_source_configurations(context: Context, _request: Element) -> Element:
    """List the audio source configuration, if there is sound."""
    channel = context.description.channel
    return node(
        "trt:GetAudioSourceConfigurationsResponse",
        elements.audio_source_configuration("trt:Configurations", channel) if _audio_streams(channel) else None,
    )


def get_audio_source_configuration(context: Context, request: Element) -> Element:
    """Tell the audio source configuration."""
    channel = context.description.channel
    _check_configuration(request, elements.AUDIO_SOURCE_CONFIGURATION, exists=bool(_audio_streams(channel)))
    configuration = elements.audio_source_configuration("trt:Configuration", channel)
    return node("trt:GetAudioSourceConfigurationResponse", configuration)


def get_compatible_audio_source_configurations(context: Context, request: Element) -> Element:
    """List the audio source configurations that a profile can have."""
    silent = _stream_of_profile(context, request).audio is None
    channel = context.description.channel
    return node(
        "trt:GetCompatibleAudioSourceConfigurationsResponse",
        None if silent else elements.audio_source_configuration("trt:Configurations", channel),
    )


def get_audio_source_configuration_options(context: Context, request: Element) -> Element:
    """Tell what an audio source configuration can be."""
    has_audio = bool(_audio_streams(context.description.channel))
    if _has(request, "trt:ProfileToken"):
        _stream_of_profile(context, request)
    if _has(request, "trt:ConfigurationToken"):
        _check_configuration(request, elements.AUDIO_SOURCE_CONFIGURATION, exists=has_audio)
    if not has_audio:
        raise ActionNotSupported("Audio", "ter:AudioNotSupported")
    return node("trt:GetAudioSourceConfigurationOptionsResponse", elements.audio_source_options("trt:Options"))


def get_audio_encoder_configurations(context: Context, _request: Element) -> Element:
    """List the audio encoder configurations."""
    return node(
        "trt:GetAudioEncoderConfigurationsResponse",
        *(
            elements.audio_encoder_configuration("trt:Configurations", stream, audio)
            for stream, audio in _audio_streams(context.description.channel)
        ),
    )


def get_audio_encoder_configuration(context: Context, request: Element) -> Element:
    """Tell one audio encoder configuration."""
    stream = _stream_of_configuration(context, request, elements.audio_encoder_token)
    if stream.audio is None:
        raise _no_configuration()
    configuration = elements.audio_encoder_configuration("trt:Configuration", stream, stream.audio)
    return node("trt:GetAudioEncoderConfigurationResponse", configuration)


def get_compatible_audio_encoder_configurations(context: Context, request: Element) -> Element:
    """List the audio encoder configurations that a profile can have: its own, if it has sound."""
    stream = _stream_of_profile(context, request)
    return node(
        "trt:GetCompatibleAudioEncoderConfigurationsResponse",
        None
        if stream.audio is None
        else elements.audio_encoder_configuration("trt:Configurations", stream, stream.audio),
    )


def get_audio_encoder_configuration_options(context: Context, request: Element) -> Element:
    """Tell what an audio encoder configuration can be."""
    streams = _streams_of_options(context, request, elements.audio_encoder_token)
    audios = [stream.audio for stream in streams if stream.audio is not None]
    if not audios and _has(request, "trt:ConfigurationToken"):
        raise _no_configuration()
    return node(
        "trt:GetAudioEncoderConfigurationOptionsResponse", elements.audio_encoder_options("trt:Options", audios)
    )


def get_metadata_configurations(_context: Context, _request: Element) -> Element:
    """List the metadata configurations: none."""
    return node("trt:GetMetadataConfigurationsResponse")


def get_compatible_metadata_configurations(context: Context, request: Element) -> Element:
    """List the metadata configurations that a profile can have: none."""
    _stream_of_profile(context, request)
    return node("trt:GetCompatibleMetadataConfigurationsResponse")


def _media_uri(uri: str) -> Element:
    return node(
        "trt:MediaUri",
        node("tt:Uri", uri),
        node("tt:InvalidAfterConnect", False),
        node("tt:InvalidAfterReboot", False),
        node("tt:Timeout", "PT0S"),
    )


def get_stream_uri(context: Context, request: Element) -> Element:
    """Tell where a profile is streamed; a request without StreamSetup is taken for unicast RTSP."""
    stream = _stream_of_profile(context, request)
    setup = request.find(expand("trt:StreamSetup"))
    kind = child_text(setup, "tt:Stream") or "RTP-Unicast"
    transport = None if setup is None else setup.find(expand("tt:Transport"))
    protocol = child_text(transport, "tt:Protocol") or ""
    if kind != "RTP-Unicast" or protocol.upper() not in _PROTOCOLS:
        raise InvalidArgument("Only unicast over RTSP is offered", "ter:InvalidStreamSetup")
    return node("trt:GetStreamUriResponse", _media_uri(context.stream_uri(stream.role)))


def get_snapshot_uri(context: Context, request: Element) -> Element:
    """Tell where the still image is: one for all profiles, as large as the recorder has it."""
    _stream_of_profile(context, request)
    if context.description.channel.snapshot_uri is None:
        raise ActionNotSupported("GetSnapshotUri")
    return node("trt:GetSnapshotUriResponse", _media_uri(context.snapshot_uri))


_READS: dict[str, Handler] = {
    "GetProfiles": get_profiles,
    "GetProfile": get_profile,
    "GetVideoSources": get_video_sources,
    "GetVideoSourceConfigurations": get_video_source_configurations,
    "GetVideoSourceConfiguration": get_video_source_configuration,
    "GetCompatibleVideoSourceConfigurations": get_compatible_video_source_configurations,
    "GetVideoSourceConfigurationOptions": get_video_source_configuration_options,
    "GetGuaranteedNumberOfVideoEncoderInstances": get_guaranteed_number_of_video_encoder_instances,
    "GetVideoEncoderConfigurations": get_video_encoder_configurations,
    "GetVideoEncoderConfiguration": get_video_encoder_configuration,
    "GetCompatibleVideoEncoderConfigurations": get_compatible_video_encoder_configurations,
    "GetVideoEncoderConfigurationOptions": get_video_encoder_configuration_options,
    "GetAudioSources": get_audio_sources,
    "GetAudioSourceConfigurations": get_audio_source_configurations,
    "GetAudioSourceConfiguration": get_audio_source_configuration,
    "GetCompatibleAudioSourceConfigurations": get_compatible_audio_source_configurations,
    "GetAudioSourceConfigurationOptions": get_audio_source_configuration_options,
    "GetAudioEncoderConfigurations": get_audio_encoder_configurations,
    "GetAudioEncoderConfiguration": get_audio_encoder_configuration,
    "GetCompatibleAudioEncoderConfigurations": get_compatible_audio_encoder_configurations,
    "GetAudioEncoderConfigurationOptions": get_audio_encoder_configuration_options,
    "GetMetadataConfigurations": get_metadata_configurations,
    "GetCompatibleMetadataConfigurations": get_compatible_metadata_configurations,
    "GetStreamUri": get_stream_uri,
    "GetSnapshotUri": get_snapshot_uri,
}

MEDIA = Service(
    prefix="trt",
    path=MEDIA_PATH,
    version=VERSION,
    capabilities=capabilities,
    category="Media",
    legacy_capabilities=legacy_capabilities,
    operations={name: Operation(handler, Access.READ_MEDIA) for name, handler in _READS.items()},
)
