"""The device IO service (ONVIF Device IO, ver10/deviceIO/wsdl): what goes into and out of the camera.

Relay outputs are listed and switched with messages of the device service, also when sent here.
"""

from typing import Final

from ...model import EventKind
from ..auth import Access
from ..names import DEVICE_IO_PATH, DIGITAL_INPUT, VIDEO_SOURCE
from ..xmltree import Element, child_text, node
from .base import Context, Handler, Operation, Service
from .device_relays import mode_of, relay_of, set_relay_output_settings
from .media_facts import AUDIO_OUTPUT, AUDIO_SOURCE, loudspeakers
from .refusals import Names, lack

VERSION: Final = (2, 60)

# Configurations are the media service's; there is no serial port and no output for pictures.
_LACKING: Final[Names] = {
    Access.READ_MEDIA: (
        "GetVideoSourceConfiguration",
        "GetVideoSourceConfigurationOptions",
        "GetVideoOutputConfiguration",
        "GetVideoOutputConfigurationOptions",
        "GetAudioSourceConfiguration",
        "GetAudioSourceConfigurationOptions",
        "GetAudioOutputConfiguration",
        "GetAudioOutputConfigurationOptions",
    ),
    Access.READ_SYSTEM: (
        "GetDigitalInputConfigurationOptions",
        "GetSerialPortConfiguration",
        "GetSerialPortConfigurationOptions",
    ),
    Access.ACTUATE: (
        "SetVideoSourceConfiguration",
        "SetVideoOutputConfiguration",
        "SetAudioSourceConfiguration",
        "SetAudioOutputConfiguration",
        "SetDigitalInputConfigurations",
        "SetSerialPortConfiguration",
        "SendReceiveSerialCommand",
    ),
}


def _counts(context: Context) -> dict[str, int]:
    """Return how many there are of what, in the order of tt:DeviceIOCapabilities."""
    description = context.description
    return {
        "VideoSources": 1,
        "VideoOutputs": 0,
        "AudioSources": int(_has_audio(context)),
        "AudioOutputs": int(_has_loudspeaker(context)),
        "RelayOutputs": len(description.relay_outputs),
    }


def _has_audio(context: Context) -> bool:
    return any(stream.audio is not None for stream in context.description.channel.streams)


def _has_loudspeaker(context: Context) -> bool:
    return bool(loudspeakers(context.description.channel.streams))


def _has_digital_input(context: Context) -> bool:
    return EventKind.DIGITAL_INPUT in context.description.event_kinds


def capabilities(context: Context) -> Element:
    """Build tmd:Capabilities."""
    return node(
        "tmd:Capabilities",
        {
            **_counts(context),
            "SerialPorts": 0,
            "DigitalInputs": int(_has_digital_input(context)),
            "DigitalInputOptions": False,
        },
    )


def legacy_capabilities(context: Context) -> Element:
    """Build tt:DeviceIO of GetCapabilities."""
    return node(
        "tt:DeviceIO",
        node("tt:XAddr", context.xaddr(DEVICE_IO)),
        *(node(f"tt:{name}", count) for name, count in _counts(context).items()),
    )


def get_video_sources(_context: Context, _request: Element) -> Element:
    """List the video source's token."""
    return node("tmd:GetVideoSourcesResponse", node("tmd:Token", VIDEO_SOURCE))


def get_audio_sources(context: Context, _request: Element) -> Element:
    """List the audio source's token, if there is sound."""
    return node("tmd:GetAudioSourcesResponse", node("tmd:Token", AUDIO_SOURCE) if _has_audio(context) else None)


def get_audio_outputs(context: Context, _request: Element) -> Element:
    """List the loudspeaker's token, if there is one."""
    return node("tmd:GetAudioOutputsResponse", node("tmd:Token", AUDIO_OUTPUT) if _has_loudspeaker(context) else None)


def _none(name: str) -> Handler:
    """Answer with an empty list."""
    return lambda _context, _request: node(f"tmd:{name}Response")


def get_relay_output_options(context: Context, request: Element) -> Element:
    """Tell what the relay outputs can be set to: to what they are."""
    relays = context.description.relay_outputs
    if (token := child_text(request, "tmd:RelayOutputToken")) is not None:
        relays = (relay_of(context.description, token),)
    return node(
        "tmd:GetRelayOutputOptionsResponse",
        *(
            node(
                "tmd:RelayOutputOptions",
                {"token": relay.token},
                node("tmd:Mode", mode_of(relay)),
                *((node("tmd:DelayTimes", f"{relay.delay:g}"), node("tmd:Discrete", True)) if relay.monostable else ()),
            )
            for relay in relays
        ),
    )


def get_digital_inputs(context: Context, _request: Element) -> Element:
    """List the digital input, if the camera tells of one; what is its idle state nobody knows."""
    return node(
        "tmd:GetDigitalInputsResponse",
        node("tmd:DigitalInputs", {"token": DIGITAL_INPUT}) if _has_digital_input(context) else None,
    )


def _read(handler: Handler, access: Access) -> Operation:
    return Operation(handler, access, constant=True)


DEVICE_IO: Final = Service(
    prefix="tmd",
    path=DEVICE_IO_PATH,
    version=VERSION,
    capabilities=capabilities,
    category="DeviceIO",
    legacy_capabilities=legacy_capabilities,
    operations={
        "GetVideoSources": _read(get_video_sources, Access.READ_MEDIA),
        "GetVideoOutputs": _read(_none("GetVideoOutputs"), Access.READ_MEDIA),
        "GetAudioSources": _read(get_audio_sources, Access.READ_MEDIA),
        "GetAudioOutputs": _read(get_audio_outputs, Access.READ_MEDIA),
        "GetRelayOutputOptions": _read(get_relay_output_options, Access.PRE_AUTH),
        "SetRelayOutputSettings": Operation(set_relay_output_settings, Access.ACTUATE),
        "GetDigitalInputs": _read(get_digital_inputs, Access.READ_SYSTEM),
        "GetSerialPorts": _read(_none("GetSerialPorts"), Access.READ_SYSTEM),
        **lack(_LACKING),
    },
)
