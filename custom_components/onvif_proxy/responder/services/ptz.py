"""The PTZ service (ONVIF PTZ, ver20/ptz/wsdl): the unit that moves the camera.

There is one node with one configuration, both with tokens of our own, in all profiles; presets have the recorder's. What
is asked is checked against what the unit can do and passed on. There are no preset tours, and no places on a map.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...controls import ControlProblem, PtzControl
from ...model import PtzAbilities
from ..auth import Access
from ..errors import ActionNotSupported, InvalidArgument, ReceiverFault
from ..names import PTZ_PATH, expand
from ..xmltree import Element, child_text, node
from . import ptz_elements as elements, ptz_requests as requests
from .base import Context, Handler, Operation, Service
from .media_configurations import asks_for_nothing_else, no_configuration, stream_of_profile
from .refusals import Names, lack
from .steering import ask_recorder, name_of, read_flag

VERSION: Final = (2, 60)

_LACKING: Final[Names] = {
    Access.READ_MEDIA: ("GetPresetTours", "GetPresetTour", "GetPresetTourOptions"),
    Access.ACTUATE: (
        "GeoMove",
        "MoveAndStartTracking",
        "CreatePresetTour",
        "ModifyPresetTour",
        "OperatePresetTour",
        "RemovePresetTour",
    ),
}

type _Subcodes = Mapping[ControlProblem, str]

_NO_SUBCODES: Final[_Subcodes] = {}
_PRESET_SUBCODES: Final[_Subcodes] = {
    ControlProblem.NO_SUCH_TOKEN: "ter:NoToken",
    ControlProblem.OUT_OF_RANGE: "ter:InvalidPresetName",
    ControlProblem.FULL: "ter:TooManyPresets",
}
_SPEED_SUBCODES: Final[_Subcodes] = {
    ControlProblem.NO_SUCH_TOKEN: "ter:NoToken",
    ControlProblem.OUT_OF_RANGE: "ter:InvalidSpeed",
}


def _abilities(context: Context) -> PtzAbilities:
    """Return what the unit can do; the service is only offered where there is one."""
    ptz = context.description.channel.ptz
    assert ptz is not None
    return ptz


def capabilities(context: Context) -> Element:
    """Build tptz:Capabilities; what a status tells is what the recorder's does."""
    ptz = _abilities(context)
    return node(
        "tptz:Capabilities",
        {
            "EFlip": False,
            "Reverse": False,
            "GetCompatibleConfigurations": True,
            "MoveStatus": ptz.tells_movement,
            "StatusPosition": ptz.tells_position,
        },
    )


def legacy_capabilities(context: Context) -> Element:
    """Build tt:PTZ of GetCapabilities."""
    return node("tt:PTZ", node("tt:XAddr", context.xaddr(PTZ)))


def get_nodes(context: Context, _request: Element) -> Element:
    """List the one node."""
    return node("tptz:GetNodesResponse", elements.ptz_node("tptz:PTZNode", _abilities(context)))


def get_node(context: Context, request: Element) -> Element:
    """Tell of the node."""
    if child_text(request, "tptz:NodeToken") != elements.PTZ_NODE:
        raise InvalidArgument("There is no PTZ node with this token", "ter:NoEntity")
    return node("tptz:GetNodeResponse", elements.ptz_node("tptz:PTZNode", _abilities(context)))


def _configuration(context: Context) -> Element:
    profiles = len(context.description.channel.streams)
    return elements.ptz_configuration("tptz:PTZConfiguration", _abilities(context), profiles)


def _check_configuration(token: str | None) -> None:
    if token != elements.PTZ_CONFIGURATION:
        raise no_configuration()


def get_configurations(context: Context, _request: Element) -> Element:
    """List the one configuration."""
    return node("tptz:GetConfigurationsResponse", _configuration(context))


def get_configuration(context: Context, request: Element) -> Element:
    """Tell of the configuration."""
    _check_configuration(child_text(request, "tptz:PTZConfigurationToken"))
    return node("tptz:GetConfigurationResponse", _configuration(context))


def get_compatible_configurations(context: Context, request: Element) -> Element:
    """List what a profile has already."""
    stream_of_profile(context, request, "tptz:ProfileToken")
    return node("tptz:GetCompatibleConfigurationsResponse", _configuration(context))


def get_configuration_options(context: Context, request: Element) -> Element:
    """Tell the spaces and how long a move may go on."""
    _check_configuration(child_text(request, "tptz:ConfigurationToken"))
    options = elements.ptz_configuration_options("tptz:PTZConfigurationOptions", _abilities(context))
    return node("tptz:GetConfigurationOptionsResponse", options)


def set_configuration(context: Context, request: Element) -> Element:
    """Answer as for other configurations: what it is already is set, anything else can't be."""
    wanted = request.find(expand("tptz:PTZConfiguration"))
    if wanted is None:
        raise no_configuration()
    _check_configuration(wanted.get("token"))
    if not asks_for_nothing_else(wanted, _configuration(context)):
        raise InvalidArgument("The recorder decides how the unit moves", "ter:ConfigModify")
    return _done(request)


@dataclass(frozen=True, slots=True)
class _Unit:
    """What a request is about."""

    abilities: PtzAbilities
    control: PtzControl


def _unit_of(context: Context, request: Element) -> _Unit:
    """Return the unit of the profile that a request names; raises `SoapFault`."""
    stream_of_profile(context, request, "tptz:ProfileToken")
    if context.camera.ptz is None:
        raise ActionNotSupported(name_of(request))
    return _Unit(_abilities(context), context.camera.ptz)


def _unit_with_home(context: Context, request: Element) -> _Unit:
    unit = _unit_of(context, request)
    if not unit.abilities.has_home:
        raise ActionNotSupported(name_of(request))
    return unit


def _done(request: Element, *content: Element) -> Element:
    return node(f"tptz:{name_of(request)}Response", *content)


async def continuous_move(context: Context, request: Element) -> Element:
    """Move until told to stop, or until the time is over."""
    unit = _unit_of(context, request)
    velocity = requests.read_target(request, requests.VELOCITY, unit.abilities)
    timeout = requests.read_timeout(request, unit.abilities)
    if velocity is not None:
        subcodes = {ControlProblem.OUT_OF_RANGE: requests.VELOCITY.subcode}
        await ask_recorder(request, unit.control.continuous_move(velocity, timeout), subcodes)
    return _done(request)


async def relative_move(context: Context, request: Element) -> Element:
    """Move by a distance."""
    unit = _unit_of(context, request)
    translation = requests.read_target(request, requests.TRANSLATION, unit.abilities)
    speed = requests.read_speed(request, unit.abilities)
    if translation is not None:
        subcodes = {ControlProblem.OUT_OF_RANGE: requests.TRANSLATION.subcode}
        await ask_recorder(request, unit.control.relative_move(translation, speed), subcodes)
    return _done(request)


async def absolute_move(context: Context, request: Element) -> Element:
    """Move to a position."""
    unit = _unit_of(context, request)
    position = requests.read_target(request, requests.POSITION, unit.abilities)
    speed = requests.read_speed(request, unit.abilities)
    if position is not None:
        subcodes = {ControlProblem.OUT_OF_RANGE: requests.POSITION.subcode}
        await ask_recorder(request, unit.control.absolute_move(position, speed), subcodes)
    return _done(request)


async def stop(context: Context, request: Element) -> Element:
    """Stop moving."""
    unit = _unit_of(context, request)
    pan_tilt, zoom = (read_flag(request, name, default=True) for name in ("tptz:PanTilt", "tptz:Zoom"))
    if pan_tilt or zoom:
        await ask_recorder(request, unit.control.stop(pan_tilt=pan_tilt, zoom=zoom), _NO_SUBCODES)
    return _done(request)


async def get_status(context: Context, request: Element) -> Element:
    """Tell where the unit is and whether it moves."""
    unit = _unit_of(context, request)
    status = await ask_recorder(request, unit.control.status(), _NO_SUBCODES)
    return _done(request, elements.ptz_status("tptz:PTZStatus", status, unit.abilities, context.now))


async def get_presets(context: Context, request: Element) -> Element:
    """List the presets. A recorder that does not tell how many it can have may have some all the same."""
    unit = _unit_of(context, request)
    presets = await ask_recorder(request, unit.control.presets(), _NO_SUBCODES)
    told = [preset for preset in presets if elements.is_token(preset.token)]
    return _done(request, *(elements.ptz_preset("tptz:Preset", preset, unit.abilities) for preset in told))


async def set_preset(context: Context, request: Element) -> Element:
    """Remember the position, as a new preset or in place of another."""
    unit = _unit_of(context, request)
    name, token = requests.read_preset_name(request), requests.read_preset_token(request)
    made = await ask_recorder(request, unit.control.set_preset(name, token), _PRESET_SUBCODES)
    if not elements.is_token(made):
        raise ReceiverFault("The recorder gave the preset no token that can be told", "ter:Action")
    return _done(request, node("tptz:PresetToken", made))


def _required_preset(request: Element) -> str:
    if (token := requests.read_preset_token(request)) is None:
        raise requests.no_preset()
    return token


async def remove_preset(context: Context, request: Element) -> Element:
    """Forget a preset."""
    unit = _unit_of(context, request)
    token = _required_preset(request)
    await ask_recorder(request, unit.control.remove_preset(token), _PRESET_SUBCODES)
    return _done(request)


async def goto_preset(context: Context, request: Element) -> Element:
    """Move to a preset."""
    unit = _unit_of(context, request)
    token, speed = _required_preset(request), requests.read_speed(request, unit.abilities)
    await ask_recorder(request, unit.control.go_to_preset(token, speed), _SPEED_SUBCODES)
    return _done(request)


async def goto_home_position(context: Context, request: Element) -> Element:
    """Move to the home position."""
    unit = _unit_with_home(context, request)
    speed = requests.read_speed(request, unit.abilities)
    await ask_recorder(request, unit.control.go_home(speed), _SPEED_SUBCODES)
    return _done(request)


async def set_home_position(context: Context, request: Element) -> Element:
    """Make this position the home position."""
    unit = _unit_with_home(context, request)
    await ask_recorder(request, unit.control.set_home(), _NO_SUBCODES)
    return _done(request)


async def send_auxiliary_command(context: Context, request: Element) -> Element:
    """Send an auxiliary command; what the recorder says to it is not known."""
    unit = _unit_of(context, request)
    command = requests.read_auxiliary_command(request, unit.abilities)
    await ask_recorder(request, unit.control.send_auxiliary(command), _NO_SUBCODES)
    return _done(request, node("tptz:AuxiliaryResponse"))


def _read(handler: Handler) -> Operation:
    return Operation(handler, Access.READ_MEDIA, constant=True)


PTZ: Final = Service(
    prefix="tptz",
    path=PTZ_PATH,
    version=VERSION,
    capabilities=capabilities,
    category="PTZ",
    legacy_capabilities=legacy_capabilities,
    offered=lambda description: description.channel.ptz is not None,
    operations={
        "GetNodes": _read(get_nodes),
        "GetNode": _read(get_node),
        "GetConfigurations": _read(get_configurations),
        "GetConfiguration": _read(get_configuration),
        "GetCompatibleConfigurations": _read(get_compatible_configurations),
        "GetConfigurationOptions": _read(get_configuration_options),
        "SetConfiguration": Operation(set_configuration, Access.ACTUATE),
        "GetStatus": Operation(get_status, Access.READ_MEDIA),
        "ContinuousMove": Operation(continuous_move, Access.ACTUATE),
        "RelativeMove": Operation(relative_move, Access.ACTUATE),
        "AbsoluteMove": Operation(absolute_move, Access.ACTUATE),
        "Stop": Operation(stop, Access.ACTUATE),
        "GetPresets": Operation(get_presets, Access.READ_MEDIA),
        "SetPreset": Operation(set_preset, Access.ACTUATE),
        "RemovePreset": Operation(remove_preset, Access.ACTUATE),
        "GotoPreset": Operation(goto_preset, Access.ACTUATE),
        "GotoHomePosition": Operation(goto_home_position, Access.ACTUATE),
        "SetHomePosition": Operation(set_home_position, Access.ACTUATE),
        "SendAuxiliaryCommand": Operation(send_auxiliary_command, Access.ACTUATE),
        **lack(_LACKING),
    },
)
