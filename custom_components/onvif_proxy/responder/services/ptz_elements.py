"""The PTZ service's nouns as elements of ver10/schema, in the media profiles as well."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ...controls import MoveState, PtzPreset, PtzStatus, PtzVector
from ...model import PtzAbilities, PtzSpace, PtzSpaceKind
from ..durations import format_duration, format_time
from ..texts import shorten
from ..xmltree import Element, node

PTZ_NODE = "PTZNode_1"
PTZ_CONFIGURATION = "PTZConfiguration_1"

DEFAULT_TIMEOUT = 10.0
"""Seconds that a continuous move goes on by itself, where the unit can do so."""
MAX_TIMEOUT = 60.0
"""Seconds that it may go on at most, where the unit would do so for longer: nobody may be watching any more."""
MAX_TOKEN_LENGTH = 64
"""Characters of a tt:ReferenceToken."""
MAX_NAME_LENGTH = 64
"""Characters of a tt:Name."""
MAX_AUXILIARY_LENGTH = 128
"""Characters of a tt:AuxiliaryData."""

# In the order of tt:PTZConfiguration; the first is misspelled there.
_DEFAULT_SPACES = {
    PtzSpaceKind.ABSOLUTE_PAN_TILT: "tt:DefaultAbsolutePantTiltPositionSpace",
    PtzSpaceKind.ABSOLUTE_ZOOM: "tt:DefaultAbsoluteZoomPositionSpace",
    PtzSpaceKind.RELATIVE_PAN_TILT: "tt:DefaultRelativePanTiltTranslationSpace",
    PtzSpaceKind.RELATIVE_ZOOM: "tt:DefaultRelativeZoomTranslationSpace",
    PtzSpaceKind.CONTINUOUS_PAN_TILT: "tt:DefaultContinuousPanTiltVelocitySpace",
    PtzSpaceKind.CONTINUOUS_ZOOM: "tt:DefaultContinuousZoomVelocitySpace",
}


_PAN_TILT_KINDS = (
    PtzSpaceKind.ABSOLUTE_PAN_TILT,
    PtzSpaceKind.RELATIVE_PAN_TILT,
    PtzSpaceKind.CONTINUOUS_PAN_TILT,
)
_ZOOM_KINDS = (PtzSpaceKind.ABSOLUTE_ZOOM, PtzSpaceKind.RELATIVE_ZOOM, PtzSpaceKind.CONTINUOUS_ZOOM)


def default_spaces(ptz: PtzAbilities) -> Mapping[PtzSpaceKind, PtzSpace]:
    """Return the space of each kind that holds where a client names none: the generic one, which it means, or the first."""
    chosen: dict[PtzSpaceKind, PtzSpace] = {}
    for space in sorted(ptz.spaces, key=_is_generic, reverse=True):
        chosen.setdefault(space.kind, space)
    return chosen


def _is_generic(space: PtzSpace) -> bool:
    """Tell PositionGenericSpace, ZoomGenericSpeedSpace and their like (ONVIF PTZ, predefined spaces) from others."""
    return "Generic" in space.uri.rpartition("/")[2]


def timeout_range(ptz: PtzAbilities) -> tuple[float, float]:
    """Return the seconds, shortest and longest, that a client may let a continuous move go on."""
    shortest, longest = ptz.timeout
    return shortest, max(shortest, min(longest, MAX_TIMEOUT))


def default_timeout(ptz: PtzAbilities) -> float:
    """Return for how many seconds a continuous move goes on by itself where a client does not say."""
    shortest, longest = timeout_range(ptz)
    return min(max(DEFAULT_TIMEOUT, shortest), longest)


def is_token(text: str) -> bool:
    """Tell whether a text can be a tt:ReferenceToken."""
    return 0 < len(text) <= MAX_TOKEN_LENGTH and text.isprintable()


def auxiliary_commands(ptz: PtzAbilities) -> tuple[str, ...]:
    """Return those that can be told."""
    return tuple(command for command in ptz.auxiliary_commands if len(command) <= MAX_AUXILIARY_LENGTH)


def number_range(name: str, limits: tuple[float, float]) -> Element:
    """Build a tt:FloatRange."""
    lowest, highest = limits
    return node(name, node("tt:Min", float(lowest)), node("tt:Max", float(highest)))


def space_description(name: str, space: PtzSpace) -> Element:
    """Build a tt:Space1DDescription or tt:Space2DDescription."""
    return node(
        name,
        node("tt:URI", space.uri),
        number_range("tt:XRange", space.x),
        None if space.y is None else number_range("tt:YRange", space.y),
    )


def _limits(name: str, space: PtzSpace | None) -> Element | None:
    return None if space is None else node(name, space_description("tt:Range", space))


def _default_speed(spaces: Mapping[PtzSpaceKind, PtzSpace]) -> Element | None:
    """Build tt:DefaultPTZSpeed: as fast as it can."""
    pan_tilt, zoom = spaces.get(PtzSpaceKind.PAN_TILT_SPEED), spaces.get(PtzSpaceKind.ZOOM_SPEED)
    if pan_tilt is None and zoom is None:
        return None
    return node(
        "tt:DefaultPTZSpeed",
        None
        if pan_tilt is None
        else node("tt:PanTilt", {"x": float(pan_tilt.x[1]), "y": float(pan_tilt.x[1]), "space": pan_tilt.uri}),
        None if zoom is None else node("tt:Zoom", {"x": float(zoom.x[1]), "space": zoom.uri}),
    )


def ptz_configuration(name: str, ptz: PtzAbilities, use_count: int = 1) -> Element:
    """Build a tt:PTZConfiguration; `use_count` is the number of media profiles that have it: one a stream."""
    spaces = default_spaces(ptz)
    return node(
        name,
        {"token": PTZ_CONFIGURATION},
        node("tt:Name", PTZ_CONFIGURATION),
        node("tt:UseCount", use_count),
        node("tt:NodeToken", PTZ_NODE),
        *(node(element, spaces[kind].uri) for kind, element in _DEFAULT_SPACES.items() if kind in spaces),
        _default_speed(spaces),
        node("tt:DefaultPTZTimeout", format_duration(timedelta(seconds=default_timeout(ptz)))),
        _limits("tt:PanTiltLimits", spaces.get(PtzSpaceKind.ABSOLUTE_PAN_TILT)),
        _limits("tt:ZoomLimits", spaces.get(PtzSpaceKind.ABSOLUTE_ZOOM)),
    )


def _spaces(name: str, ptz: PtzAbilities) -> Element:
    """Build a tt:PTZSpaces."""
    return node(
        name,
        *(
            space_description(f"tt:{kind}", space)
            for kind in PtzSpaceKind
            for space in ptz.spaces
            if space.kind is kind
        ),
    )


def ptz_node(name: str, ptz: PtzAbilities) -> Element:
    """Build a tt:PTZNode."""
    return node(
        name,
        {"token": PTZ_NODE},
        node("tt:Name", PTZ_NODE),
        _spaces("tt:SupportedPTZSpaces", ptz),
        node("tt:MaximumNumberOfPresets", ptz.max_presets),
        node("tt:HomeSupported", ptz.has_home),
        *(node("tt:AuxiliaryCommands", command) for command in auxiliary_commands(ptz)),
    )


def ptz_configuration_options(name: str, ptz: PtzAbilities) -> Element:
    """Build a tt:PTZConfigurationOptions."""
    shortest, longest = (format_duration(timedelta(seconds=seconds)) for seconds in timeout_range(ptz))
    return node(
        name,
        _spaces("tt:Spaces", ptz),
        node("tt:PTZTimeout", node("tt:Min", shortest), node("tt:Max", longest)),
    )


def _position(name: str, position: PtzVector | None, ptz: PtzAbilities) -> Element | None:
    """Build a tt:PTZVector; a position without a space is in the default one."""
    if position is None:
        return None
    spaces = default_spaces(ptz)

    def space(kind: PtzSpaceKind, told: str | None) -> dict[str, object]:
        uri = told or (spaces[kind].uri if kind in spaces else None)
        return {} if uri is None else {"space": uri}

    parts = []
    if position.pan is not None and position.tilt is not None:
        where = space(PtzSpaceKind.ABSOLUTE_PAN_TILT, position.pan_tilt_space)
        parts.append(node("tt:PanTilt", {"x": position.pan, "y": position.tilt, **where}))
    if position.zoom is not None:
        parts.append(node("tt:Zoom", {"x": position.zoom, **space(PtzSpaceKind.ABSOLUTE_ZOOM, position.zoom_space)}))
    return node(name, parts) if parts else None


def ptz_status(name: str, status: PtzStatus, ptz: PtzAbilities, now: datetime) -> Element:
    """Build a tt:PTZStatus; whether it moves is unknown where the recorder does not tell."""
    kinds = {space.kind for space in ptz.spaces}
    states = {
        element: state or MoveState.UNKNOWN
        for element, state, own in (
            ("tt:PanTilt", status.pan_tilt, _PAN_TILT_KINDS),
            ("tt:Zoom", status.zoom, _ZOOM_KINDS),
        )
        if state is not None or not kinds.isdisjoint(own)
    }
    error = status.error
    if error is None and MoveState.UNKNOWN in states.values():
        error = "The recorder does not tell whether the unit moves"  # ONVIF wants a reason beside UNKNOWN
    return node(
        name,
        _position("tt:Position", status.position, ptz),
        node("tt:MoveStatus", *(node(element, state) for element, state in states.items())),
        None if error is None else node("tt:Error", shorten(error)),
        node("tt:UtcTime", format_time(now)),
    )


def ptz_preset(name: str, preset: PtzPreset, ptz: PtzAbilities) -> Element:
    """Build a tt:PTZPreset."""
    return node(
        name,
        {"token": preset.token},
        node("tt:Name", preset.name[:MAX_NAME_LENGTH]) if preset.name else None,
        _position("tt:PTZPosition", preset.position, ptz),
    )
