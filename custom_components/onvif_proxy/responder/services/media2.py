"""The Media2 service (ONVIF Media2, ver20/media/wsdl): the same camera as in the media service, with words for H.265.

It is offered only where it helps, as client libraries turn to it as soon as it is listed.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from ...model import Channel, Stream
from ..auth import Access
from ..errors import ActionNotSupported, InvalidArgument
from ..names import MEDIA2_PATH, VIDEO_SOURCE_CONFIGURATION, expand
from ..xmltree import Element, child_text, node
from . import media2_elements as elements
from .base import Context, Handler, Operation, Service
from .media import FAMILIES as MEDIA1_FAMILIES, VERSION, get_osd_options, get_osds
from .media_configurations import (
    Family,
    audios_of,
    conflict,
    fixed_profile,
    has,
    loudspeakers_of,
    no_configuration,
    stream_of_profile,
    too_many_profiles,
)
from .media_facts import PROFILE_NAMES, Kind

# RTP over UDP, and over TCP. The others are multicast, and RTSP inside of TLS; inside of HTTP it has another URI.
_PROTOCOLS = ("RtspUnicast", "RTSP")
_ALL = "All"


def _audio_encoder_options(name: str, _channel: Channel, streams: Iterable[Stream]) -> list[Element]:
    return elements.audio_encoder_options(name, audios_of(streams, "GetAudioEncoderConfigurationOptions"))


def _audio_decoder_options(name: str, _channel: Channel, streams: Iterable[Stream]) -> list[Element]:
    return elements.audio_decoder_options(name, loudspeakers_of(streams, "GetAudioDecoderConfigurationOptions"))


# By tr2:ConfigurationEnumeration, in the order of tr2:ConfigurationSet. Only what encodes and decodes is said in other words.
FAMILIES = {family.kind: replace(family, prefix="tr2") for family in MEDIA1_FAMILIES.values()} | {
    Kind.VIDEO_ENCODER: Family(
        kind=Kind.VIDEO_ENCODER,
        prefix="tr2",
        build=elements.video_encoder_configuration,
        options=lambda name, _channel, streams: elements.video_encoder_options(name, streams),
    ),
    Kind.AUDIO_ENCODER: Family(
        kind=Kind.AUDIO_ENCODER,
        prefix="tr2",
        build=elements.audio_encoder_configuration,
        options=_audio_encoder_options,
    ),
    Kind.AUDIO_DECODER: replace(MEDIA1_FAMILIES["AudioDecoder"], prefix="tr2", options=_audio_decoder_options),
}


def capabilities(context: Context) -> Element:
    """Build tr2:Capabilities."""
    description = context.description
    streams = description.channel.streams
    present = [
        kind
        for kind, family in FAMILIES.items()
        if any(family.token_of(description, stream) is not None for stream in streams)
    ]
    return node(
        "tr2:Capabilities",
        {
            "SnapshotUri": description.has_snapshot,
            "Rotation": False,
            "VideoSourceMode": False,
            "OSD": False,
            "TemporaryOSDText": False,
            "Mask": False,
            "SourceMask": False,
        },
        node(
            "tr2:ProfileCapabilities",
            {"MaximumNumberOfProfiles": len(streams), "ConfigurationsSupported": " ".join(present)},
        ),
        node(
            "tr2:StreamingCapabilities",
            {
                "RTSPStreaming": True,
                "RTPMulticast": False,
                "RTP_RTSP_TCP": True,
                "NonAggregateControl": False,
                "AutoStartMulticast": False,
                "SecureRTSPStreaming": False,
            },
        ),
    )


def get_profiles(context: Context, request: Element) -> Element:
    """List the profiles, main first, or that of a token; with the configurations of the types that are asked for."""
    description = context.description
    streams = description.channel.streams
    if has(request, "tr2:Token"):
        streams = (stream_of_profile(context, request, "tr2:Token"),)
    types = {(element.text or "").strip() for element in request.iterfind(expand("tr2:Type"))}
    families = [family for kind, family in FAMILIES.items() if _ALL in types or kind in types]
    return node(
        "tr2:GetProfilesResponse",
        *(
            node(
                "tr2:Profiles",
                {"token": stream.role, "fixed": True},
                node("tr2:Name", PROFILE_NAMES[stream.role]),
                node(
                    "tr2:Configurations",
                    *(family.build_for(f"tr2:{family.kind}", description, stream) for family in families),
                )
                if types
                else None,
            )
            for stream in streams
        ),
    )


def create_profile(_context: Context, _request: Element) -> Element:
    """Refuse."""
    raise too_many_profiles()


def delete_profile(context: Context, request: Element) -> Element:
    """Refuse."""
    stream_of_profile(context, request, "tr2:Token")
    raise fixed_profile()


def _asked_stream(context: Context, request: Element) -> Stream:
    return stream_of_profile(context, request, "tr2:ProfileToken")


def _references(request: Element) -> list[tuple[str, str | None]]:
    """Return the type and the token of each configuration that a request names."""
    return [
        (child_text(reference, "tr2:Type") or "", child_text(reference, "tr2:Token"))
        for reference in request.iterfind(expand("tr2:Configuration"))
    ]


def _family(kind: str) -> Family:
    if kind not in FAMILIES:
        raise no_configuration()
    return FAMILIES[Kind(kind)]


def add_configuration(context: Context, request: Element) -> Element:
    """Add what a profile has already; refuse anything else, a new name included."""
    profile = _asked_stream(context, request)
    for kind, token in _references(request):
        if kind != _ALL:  # to be ignored, says the specification
            _family(kind).check_addition(context.description, profile, token)
    if child_text(request, "tr2:Name") not in (None, PROFILE_NAMES[profile.role]):
        raise conflict()
    return node("tr2:AddConfigurationResponse")


def remove_configuration(context: Context, request: Element) -> Element:
    """Remove what a profile lacks anyway; refuse anything else."""
    profile = _asked_stream(context, request)
    for kind, _ in _references(request):
        if kind == _ALL:
            raise conflict()
        if kind in FAMILIES:
            FAMILIES[Kind(kind)].check_removal(context.description, profile)
    return node("tr2:RemoveConfigurationResponse")


def get_video_encoder_instances(context: Context, request: Element) -> Element:
    """Count the encoders that run at the same time, by codec."""
    source = FAMILIES[Kind.VIDEO_SOURCE]
    source.streams_with(context.description, child_text(request, "tr2:ConfigurationToken"))
    codecs = Counter(elements.video_name(stream.video) for stream in context.description.channel.streams)
    return node(
        "tr2:GetVideoEncoderInstancesResponse",
        node(
            "tr2:Info",
            *(
                node("tr2:Codec", node("tr2:Encoding", codec), node("tr2:Number", number))
                for codec, number in codecs.items()
            ),
            node("tr2:Total", codecs.total()),
        ),
    )


def get_stream_uri(context: Context, request: Element) -> Element:
    """Tell where a profile is streamed; how RTP travels is settled in RTSP's SETUP."""
    stream = _asked_stream(context, request)
    protocol = child_text(request, "tr2:Protocol") or "RTSP"
    if protocol == "RtspOverHttp" and context.tunnels:
        return node("tr2:GetStreamUriResponse", node("tr2:Uri", context.tunnel_uri(stream.role)))
    if protocol not in _PROTOCOLS:
        raise InvalidArgument("Only unicast over RTSP is offered", "ter:InvalidStreamSetup")
    if protocol == "RtspUnicast" and not context.datagrams:
        raise InvalidArgument("Only RTP over TCP is offered", "ter:InvalidStreamSetup")
    return node("tr2:GetStreamUriResponse", node("tr2:Uri", context.stream_uri(stream.role)))


def get_snapshot_uri(context: Context, request: Element) -> Element:
    """Tell where the still image is."""
    _asked_stream(context, request)
    if not context.description.has_snapshot:
        raise ActionNotSupported("GetSnapshotUri")
    return node("tr2:GetSnapshotUriResponse", node("tr2:Uri", context.snapshot_uri))


def get_masks(_context: Context, request: Element) -> Element:
    """List the privacy masks: none that could be told."""
    token = child_text(request, "tr2:ConfigurationToken")
    if token not in (None, VIDEO_SOURCE_CONFIGURATION) or has(request, "tr2:Token"):
        raise no_configuration()
    return node("tr2:GetMasksResponse")


def _configuration_operations(kind: Kind, family: Family) -> dict[str, Operation]:
    """Return the operations of a family of configurations."""

    def get(context: Context, request: Element) -> Element:
        streams = family.asked_streams(context, request)
        configurations = family.build_all("tr2:Configurations", context.description, streams)
        return node(f"tr2:Get{kind}ConfigurationsResponse", configurations)

    operations = {f"Get{kind}Configurations": _read(get)}
    if kind is not Kind.ANALYTICS:
        operations |= {
            f"Get{kind}ConfigurationOptions": _read(family.build_options),
            f"Set{kind}Configuration": Operation(family.set_configuration, Access.ACTUATE),
        }
    return operations


def _read(handler: Handler) -> Operation:
    return Operation(handler, Access.READ_MEDIA, constant=True)


MEDIA2 = Service(
    prefix="tr2",
    path=MEDIA2_PATH,
    version=VERSION,
    capabilities=capabilities,
    offered=lambda description: description.media2,
    operations={
        "GetProfiles": _read(get_profiles),
        "CreateProfile": Operation(create_profile, Access.ACTUATE),
        "DeleteProfile": Operation(delete_profile, Access.ACTUATE),
        "AddConfiguration": Operation(add_configuration, Access.ACTUATE),
        "RemoveConfiguration": Operation(remove_configuration, Access.ACTUATE),
        "GetVideoEncoderInstances": _read(get_video_encoder_instances),
        "GetStreamUri": _read(get_stream_uri),
        "GetSnapshotUri": _read(get_snapshot_uri),
        "GetOSDs": _read(partial(get_osds, "tr2")),
        "GetOSDOptions": _read(partial(get_osd_options, "tr2")),
        "GetMasks": _read(get_masks),
        **{
            name: operation
            for kind, family in FAMILIES.items()
            if kind is not Kind.PTZ
            for name, operation in _configuration_operations(kind, family).items()
        },
    },
)
