"""The media service (ONVIF Media, ver10/media/wsdl): what the camera streams, and where.

Nothing can be configured by ONVIF: the recorder decides how it encodes. So profiles are fixed, and an operation that
would change something succeeds only where it changes nothing. A key frame can't be asked for either, there is no
multicast and one video source mode: these operations are left out.
"""

from collections import Counter
from collections.abc import Iterable
from functools import partial

from ...model import CameraDescription, Channel, Stream
from ..auth import Access
from ..errors import ActionNotSupported, InvalidArgument
from ..names import MEDIA_PATH, VIDEO_SOURCE_CONFIGURATION, expand
from ..xmltree import Element, child_text, node
from . import media_elements as elements
from .base import Context, Handler, Operation, Service
from .media_configurations import (
    Family,
    audios_of,
    fixed_profile,
    has,
    loudspeakers_of,
    no_configuration,
    stream_of_profile,
    too_many_profiles,
)
from .media_facts import PROFILE_NAMES, Kind, loudspeakers

VERSION = (2, 60)
# How RTP travels is settled in RTSP's SETUP, so a client that says UDP or TCP here is given the same URI as one that says
# RTSP.
_PROTOCOLS = ("", "UDP", "TCP", "RTSP")
# As in the field: RTP_TCP says that RTP can come over TCP, and Hikvision's clients don't play where it can't.
_STREAMING = {"RTPMulticast": False, "RTP_TCP": True, "RTP_RTSP_TCP": True}


def _is_in_media1(description: CameraDescription, stream: Stream) -> bool:
    """Return whether a stream's encoder is told: Media1 has no word for H.265, so that is left to Media2 if offered."""
    return stream.video.codec != "H265" or not description.media2


def _audio_source_options(name: str, _channel: Channel, streams: Iterable[Stream]) -> Element:
    audios_of(streams, "GetAudioSourceConfigurationOptions")
    return elements.audio_source_options(name)


def _audio_encoder_options(name: str, _channel: Channel, streams: Iterable[Stream]) -> Element:
    return elements.audio_encoder_options(name, audios_of(streams, "GetAudioEncoderConfigurationOptions"))


def _audio_output_options(name: str, _channel: Channel, streams: Iterable[Stream]) -> Element:
    return elements.audio_output_options(name, loudspeakers_of(streams, "GetAudioOutputConfigurationOptions"))


def _audio_decoder_options(name: str, _channel: Channel, streams: Iterable[Stream]) -> Element:
    return elements.audio_decoder_options(name, loudspeakers_of(streams, "GetAudioDecoderConfigurationOptions"))


# By the word in the names of the operations and of the profile's elements, in the order of tt:Profile.
FAMILIES = {
    "VideoSource": Family(
        kind=Kind.VIDEO_SOURCE,
        prefix="trt",
        build=elements.video_source_configuration,
        options=lambda name, channel, _streams: elements.video_source_options(name, channel),
    ),
    "AudioSource": Family(
        kind=Kind.AUDIO_SOURCE,
        prefix="trt",
        build=elements.audio_source_configuration,
        options=_audio_source_options,
    ),
    "VideoEncoder": Family(
        kind=Kind.VIDEO_ENCODER,
        prefix="trt",
        build=elements.video_encoder_configuration,
        options=lambda name, _channel, streams: elements.video_encoder_options(name, streams),
        is_said=_is_in_media1,
    ),
    "AudioEncoder": Family(
        kind=Kind.AUDIO_ENCODER,
        prefix="trt",
        build=elements.audio_encoder_configuration,
        options=_audio_encoder_options,
    ),
    "VideoAnalytics": Family(kind=Kind.ANALYTICS, prefix="trt"),
    "PTZ": Family(kind=Kind.PTZ, prefix="trt", build=elements.ptz_configuration_of),
    "Metadata": Family(
        kind=Kind.METADATA,
        prefix="trt",
        options=lambda name, _channel, _streams: elements.metadata_options(name),
    ),
    "AudioOutput": Family(
        kind=Kind.AUDIO_OUTPUT,
        prefix="trt",
        build=elements.audio_output_configuration,
        options=_audio_output_options,
    ),
    "AudioDecoder": Family(
        kind=Kind.AUDIO_DECODER,
        prefix="trt",
        build=elements.audio_decoder_configuration,
        options=_audio_decoder_options,
    ),
}
_IN_EXTENSION = ("AudioOutput", "AudioDecoder")
"""Those that are younger than tt:Profile."""
_ADDED_AND_REMOVED_ONLY = "PTZ"
_WITHOUT_OPTIONS = "VideoAnalytics"


def capabilities(context: Context) -> Element:
    """Build trt:Capabilities."""
    return node(
        "trt:Capabilities",
        {
            "SnapshotUri": context.description.has_snapshot,
            "Rotation": False,
            "VideoSourceMode": False,
            "OSD": False,
        },
        node("trt:ProfileCapabilities", {"MaximumNumberOfProfiles": len(context.description.channel.streams)}),
        node("trt:StreamingCapabilities", {**_STREAMING, "NonAggregateControl": False, "NoRTSPStreaming": False}),
    )


def legacy_capabilities(context: Context) -> Element:
    """Build tt:Media of GetCapabilities."""
    profiles = node("tt:MaximumNumberOfProfiles", len(context.description.channel.streams))
    return node(
        "tt:Media",
        node("tt:XAddr", context.xaddr(MEDIA)),
        node("tt:StreamingCapabilities", *(node(f"tt:{name}", value) for name, value in _STREAMING.items())),
        node("tt:Extension", node("tt:ProfileCapabilities", profiles)),
    )


def _profile(name: str, description: CameraDescription, stream: Stream) -> Element:
    """Build a tt:Profile."""
    built = {
        word: family.build_for(f"tt:{word}Configuration", description, stream) for word, family in FAMILIES.items()
    }
    extension = [built.pop(word) for word in _IN_EXTENSION]
    return node(
        name,
        {"token": stream.role, "fixed": True},
        node("tt:Name", PROFILE_NAMES[stream.role]),
        *built.values(),
        node("tt:Extension", *extension) if any(element is not None for element in extension) else None,
    )


def _asked_stream(context: Context, request: Element) -> Stream:
    return stream_of_profile(context, request, "trt:ProfileToken")


def get_profiles(context: Context, _request: Element) -> Element:
    """List the profiles, main first: clients take the first for the best."""
    description = context.description
    return node(
        "trt:GetProfilesResponse",
        *(_profile("trt:Profiles", description, stream) for stream in description.channel.streams),
    )


def get_profile(context: Context, request: Element) -> Element:
    """Tell one profile."""
    stream = _asked_stream(context, request)
    return node("trt:GetProfileResponse", _profile("trt:Profile", context.description, stream))


def create_profile(context: Context, request: Element) -> Element:
    """Refuse."""
    token = child_text(request, "trt:Token")
    if any(stream.role == token for stream in context.description.channel.streams):
        raise InvalidArgument("There is a profile with this token", "ter:ProfileExists")
    raise too_many_profiles()


def delete_profile(context: Context, request: Element) -> Element:
    """Refuse."""
    _asked_stream(context, request)
    raise fixed_profile()


def get_video_sources(context: Context, _request: Element) -> Element:
    """List the one video source."""
    source = elements.video_source("trt:VideoSources", context.description.channel)
    return node("trt:GetVideoSourcesResponse", source)


def get_audio_sources(context: Context, _request: Element) -> Element:
    """List the audio source, if there is sound."""
    has_audio = any(stream.audio is not None for stream in context.description.channel.streams)
    return node("trt:GetAudioSourcesResponse", elements.audio_source("trt:AudioSources") if has_audio else None)


def get_audio_outputs(context: Context, _request: Element) -> Element:
    """List the loudspeaker, if there is one."""
    found = loudspeakers(context.description.channel.streams)
    return node("trt:GetAudioOutputsResponse", elements.audio_output("trt:AudioOutputs") if found else None)


def get_guaranteed_number_of_video_encoder_instances(context: Context, request: Element) -> Element:
    """Count the encoders that run at the same time, by codec."""
    FAMILIES["VideoSource"].streams_with(context.description, child_text(request, "trt:ConfigurationToken"))
    codecs = Counter(stream.video.codec for stream in context.description.channel.streams)
    return node(
        "trt:GetGuaranteedNumberOfVideoEncoderInstancesResponse",
        node("trt:TotalNumber", codecs.total()),
        *(node(f"trt:{codec}", codecs[codec]) for codec in ("JPEG", "H264", "MPEG4")),
    )


def get_osds(prefix: str, _context: Context, request: Element) -> Element:
    """List the texts over the picture: none. Hikvision's recorders ask for them and want no fault."""
    token = child_text(request, f"{prefix}:ConfigurationToken")
    if token not in (None, VIDEO_SOURCE_CONFIGURATION) or has(request, f"{prefix}:OSDToken"):
        raise no_configuration()
    return node(f"{prefix}:GetOSDsResponse")


def get_osd_options(prefix: str, _context: Context, request: Element) -> Element:
    """Tell that no text can be laid over the picture."""
    if child_text(request, f"{prefix}:ConfigurationToken") != VIDEO_SOURCE_CONFIGURATION:
        raise no_configuration()
    return node(f"{prefix}:GetOSDOptionsResponse", elements.osd_options(f"{prefix}:OSDOptions"))


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
    stream = _asked_stream(context, request)
    setup = request.find(expand("trt:StreamSetup"))
    kind = child_text(setup, "tt:Stream") or "RTP-Unicast"
    transport = None if setup is None else setup.find(expand("tt:Transport"))
    protocol = child_text(transport, "tt:Protocol") or ""
    if kind == "RTP-Unicast" and protocol.upper() == "HTTP" and context.tunnels:
        return node("trt:GetStreamUriResponse", _media_uri(context.tunnel_uri(stream.role)))
    if kind != "RTP-Unicast" or protocol.upper() not in _PROTOCOLS:
        raise InvalidArgument("Only unicast over RTSP is offered", "ter:InvalidStreamSetup")
    if protocol.upper() == "UDP" and not context.datagrams:
        raise InvalidArgument("Only RTP over TCP is offered", "ter:InvalidStreamSetup")
    return node("trt:GetStreamUriResponse", _media_uri(context.stream_uri(stream.role)))


def get_snapshot_uri(context: Context, request: Element) -> Element:
    """Tell where the still image is: one for all profiles, as large as the recorder has it."""
    _asked_stream(context, request)
    if not context.description.has_snapshot:
        raise ActionNotSupported("GetSnapshotUri")
    return node("trt:GetSnapshotUriResponse", _media_uri(context.snapshot_uri))


def _configuration_operations(word: str, family: Family) -> dict[str, Operation]:
    """Return the operations of a family of configurations."""

    def get_all(context: Context, _request: Element) -> Element:
        description = context.description
        configurations = family.build_all("trt:Configurations", description, description.channel.streams)
        return node(f"trt:Get{word}ConfigurationsResponse", configurations)

    def get_one(context: Context, request: Element) -> Element:
        stream, *_ = family.streams_with(context.description, child_text(request, "trt:ConfigurationToken"))
        configuration = family.build_for("trt:Configuration", context.description, stream)
        return node(f"trt:Get{word}ConfigurationResponse", configuration)

    def get_compatible(context: Context, request: Element) -> Element:
        stream = _asked_stream(context, request)
        configurations = family.build_all("trt:Configurations", context.description, [stream])
        return node(f"trt:GetCompatible{word}ConfigurationsResponse", configurations)

    def add(context: Context, request: Element) -> Element:
        token = child_text(request, "trt:ConfigurationToken")
        family.check_addition(context.description, _asked_stream(context, request), token)
        return node(f"trt:Add{word}ConfigurationResponse")

    def remove(context: Context, request: Element) -> Element:
        family.check_removal(context.description, _asked_stream(context, request))
        return node(f"trt:Remove{word}ConfigurationResponse")

    operations = {
        f"Add{word}Configuration": Operation(add, Access.ACTUATE),
        f"Remove{word}Configuration": Operation(remove, Access.ACTUATE),
    }
    if word == _ADDED_AND_REMOVED_ONLY:
        return operations
    operations |= {
        f"Get{word}Configurations": _read(get_all),
        f"Get{word}Configuration": _read(get_one),
        f"GetCompatible{word}Configurations": _read(get_compatible),
        f"Set{word}Configuration": Operation(family.set_configuration, Access.ACTUATE),
    }
    if word != _WITHOUT_OPTIONS:
        operations[f"Get{word}ConfigurationOptions"] = _read(family.build_options)
    return operations


def _read(handler: Handler) -> Operation:
    return Operation(handler, Access.READ_MEDIA, constant=True)


MEDIA = Service(
    prefix="trt",
    path=MEDIA_PATH,
    version=VERSION,
    capabilities=capabilities,
    category="Media",
    legacy_capabilities=legacy_capabilities,
    operations={
        "GetProfiles": _read(get_profiles),
        "GetProfile": _read(get_profile),
        "CreateProfile": Operation(create_profile, Access.ACTUATE),
        "DeleteProfile": Operation(delete_profile, Access.ACTUATE),
        "GetVideoSources": _read(get_video_sources),
        "GetAudioSources": _read(get_audio_sources),
        "GetAudioOutputs": _read(get_audio_outputs),
        "GetGuaranteedNumberOfVideoEncoderInstances": _read(get_guaranteed_number_of_video_encoder_instances),
        "GetStreamUri": _read(get_stream_uri),
        "GetSnapshotUri": _read(get_snapshot_uri),
        "GetOSDs": _read(partial(get_osds, "trt")),
        "GetOSDOptions": _read(partial(get_osd_options, "trt")),
        **{
            name: operation
            for word, family in FAMILIES.items()
            for name, operation in _configuration_operations(word, family).items()
        },
    },
)
