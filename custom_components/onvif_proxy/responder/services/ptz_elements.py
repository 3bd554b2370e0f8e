"""The PTZ service's nouns as elements of ver10/schema, in the media profiles as well."""

from collections.abc import Mapping
from datetime import timedelta

from ...model import PtzAbilities, PtzSpace, PtzSpaceKind
from ..durations import format_duration
from ..xmltree import Element, node

PTZ_NODE = "PTZNode_1"
PTZ_CONFIGURATION = "PTZConfiguration_1"

DEFAULT_TIMEOUT = 10.0
"""Seconds that a continuous move goes on by itself, where the unit can do so."""

# In the order of tt:PTZConfiguration; the first is misspelled there.
_DEFAULT_SPACES = {
    PtzSpaceKind.ABSOLUTE_PAN_TILT: "tt:DefaultAbsolutePantTiltPositionSpace",
    PtzSpaceKind.ABSOLUTE_ZOOM: "tt:DefaultAbsoluteZoomPositionSpace",
    PtzSpaceKind.RELATIVE_PAN_TILT: "tt:DefaultRelativePanTiltTranslationSpace",
    PtzSpaceKind.RELATIVE_ZOOM: "tt:DefaultRelativeZoomTranslationSpace",
    PtzSpaceKind.CONTINUOUS_PAN_TILT: "tt:DefaultContinuousPanTiltVelocitySpace",
    PtzSpaceKind.CONTINUOUS_ZOOM: "tt:DefaultContinuousZoomVelocitySpace",
}


def default_spaces(ptz: PtzAbilities) -> Mapping[PtzSpaceKind, PtzSpace]:
    """Return the space of each kind that holds where a client names none: the first."""
    return {space.kind: space for space in reversed(ptz.spaces)}


def default_timeout(ptz: PtzAbilities) -> float:
    """Return for how many seconds a continuous move goes on by itself where a client does not say."""
    shortest, longest = ptz.timeout
    return min(max(DEFAULT_TIMEOUT, shortest), longest)


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
