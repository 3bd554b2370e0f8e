"""What clients say in requests of the PTZ service, checked against what the unit can do.

The faults are those of the tables in the PTZ specification, chapter 5.
"""

from dataclasses import dataclass
from typing import Final

from ...controls import PtzVector
from ...model import PtzAbilities, PtzSpace, PtzSpaceKind
from ..durations import parse_duration
from ..errors import ActionNotSupported, InvalidArgument
from ..names import expand
from ..xmltree import Element, child_text
from .ptz_elements import MAX_NAME_LENGTH, auxiliary_commands, default_spaces, default_timeout, is_token, timeout_range
from .steering import name_of, read_number


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorForm:
    """A tt:PTZVector or tt:PTZSpeed in a request."""

    element: str
    pan_tilt: PtzSpaceKind
    zoom: PtzSpaceKind
    subcode: str
    """Of the fault for numbers that can't be taken."""
    stops_at_zero: bool = False
    """Zero means to stand still in any space, so it is taken even where the range is without it."""
    may_be_ignored: bool = False
    """Said by clients even to units that know nothing of the kind."""

    @property
    def parts(self) -> tuple[tuple[str, tuple[str, ...], PtzSpaceKind], ...]:
        """The elements in it, the coordinates of each and the spaces that they are in."""
        return ("tt:PanTilt", ("x", "y"), self.pan_tilt), ("tt:Zoom", ("x",), self.zoom)


POSITION: Final = VectorForm(
    element="tptz:Position",
    pan_tilt=PtzSpaceKind.ABSOLUTE_PAN_TILT,
    zoom=PtzSpaceKind.ABSOLUTE_ZOOM,
    subcode="ter:InvalidPosition",
)
TRANSLATION: Final = VectorForm(
    element="tptz:Translation",
    pan_tilt=PtzSpaceKind.RELATIVE_PAN_TILT,
    zoom=PtzSpaceKind.RELATIVE_ZOOM,
    subcode="ter:InvalidTranslation",
    stops_at_zero=True,
)
VELOCITY: Final = VectorForm(
    element="tptz:Velocity",
    pan_tilt=PtzSpaceKind.CONTINUOUS_PAN_TILT,
    zoom=PtzSpaceKind.CONTINUOUS_ZOOM,
    subcode="ter:InvalidVelocity",
    stops_at_zero=True,
)
SPEED: Final = VectorForm(
    element="tptz:Speed",
    pan_tilt=PtzSpaceKind.PAN_TILT_SPEED,
    zoom=PtzSpaceKind.ZOOM_SPEED,
    subcode="ter:InvalidSpeed",
    may_be_ignored=True,
)


@dataclass(frozen=True, slots=True)
class _Part:
    numbers: tuple[float, ...]
    space: str | None


def read_target(request: Element, form: VectorForm, ptz: PtzAbilities) -> PtzVector | None:
    """Read where to, how far or how fast a move goes; None where it moves nothing. Raises `SoapFault`."""
    if not any(space.kind in (form.pan_tilt, form.zoom) for space in ptz.spaces):
        raise ActionNotSupported(name_of(request))
    vector = request.find(expand(form.element))
    if vector is None:
        raise InvalidArgument(f"{form.element.partition(':')[2]} is missing", form.subcode)
    return _read_vector(vector, form, ptz)


def read_speed(request: Element, ptz: PtzAbilities) -> PtzVector | None:
    """Read how fast a move goes, None where the unit decides; raises `SoapFault`."""
    vector = request.find(expand(SPEED.element))
    return None if vector is None else _read_vector(vector, SPEED, ptz)


def _read_vector(vector: Element, form: VectorForm, ptz: PtzAbilities) -> PtzVector | None:
    pan_tilt, zoom = (
        None if (element := vector.find(expand(name))) is None else _read_part(element, coordinates, kind, form, ptz)
        for name, coordinates, kind in form.parts
    )
    if pan_tilt is None and zoom is None:
        return None
    pan, tilt = (None, None) if pan_tilt is None else pan_tilt.numbers
    return PtzVector(
        pan=pan,
        tilt=tilt,
        zoom=None if zoom is None else zoom.numbers[0],
        pan_tilt_space=None if pan_tilt is None else pan_tilt.space,
        zoom_space=None if zoom is None else zoom.space,
    )


def _read_part(
    element: Element, coordinates: tuple[str, ...], kind: PtzSpaceKind, form: VectorForm, ptz: PtzAbilities
) -> _Part | None:
    try:
        numbers = tuple(read_number(element.get(coordinate)) for coordinate in coordinates)
    except ValueError as error:
        raise InvalidArgument("A coordinate is not a number", form.subcode) from error
    named = (element.get("space") or "").strip() or None
    known = [space for space in ptz.spaces if space.kind is kind]
    if named is None and not known and (form.may_be_ignored or not any(numbers)):
        return None  # clients send all axes, with zero for those that they leave alone
    space = _space_of(named, kind, ptz)
    for number, (lowest, highest) in zip(numbers, (space.x, space.y or space.x), strict=False):
        if not lowest <= number <= highest and not (form.stops_at_zero and number == 0):
            raise InvalidArgument(f"A coordinate is not from {lowest:g} to {highest:g}", form.subcode)
    # Where there are several, the recorder's default may be another than ours.
    return _Part(numbers, space.uri if named is not None or len(known) > 1 else None)


def _space_of(named: str | None, kind: PtzSpaceKind, ptz: PtzAbilities) -> PtzSpace:
    space = (
        default_spaces(ptz).get(kind)
        if named is None
        else next((space for space in ptz.spaces if space.kind is kind and space.uri == named), None)
    )
    if space is None:
        raise InvalidArgument("The unit does not know this space", "ter:SpaceNotSupported")
    return space


def read_timeout(request: Element, ptz: PtzAbilities) -> float:
    """Read for how many seconds a continuous move may go on; raises `SoapFault`."""
    text = child_text(request, "tptz:Timeout")
    if text is None:
        return default_timeout(ptz)
    shortest, longest = timeout_range(ptz)
    try:
        seconds = parse_duration(text).total_seconds()
    except ValueError as error:
        raise InvalidArgument("The timeout is not a duration", "ter:TimeoutNotSupported") from error
    if not shortest <= seconds <= longest:
        reason = f"The timeout is not from {shortest:g} to {longest:g} seconds"
        raise InvalidArgument(reason, "ter:TimeoutNotSupported")
    return seconds


def read_preset_token(request: Element) -> str | None:
    """Read the recorder's token of a preset, None where there is none; raises `SoapFault` for what can't be one."""
    element = request.find(expand("tptz:PresetToken"))
    if element is None:
        return None
    token = element.text or ""  # opaque: its blanks belong to it
    if not is_token(token):
        raise no_preset()
    return token


def no_preset() -> InvalidArgument:
    """Return the fault for a token that no preset has."""
    return InvalidArgument("There is no preset with this token", "ter:NoToken")


def read_preset_name(request: Element) -> str | None:
    """Read how a preset is to be called, None where the recorder may choose; raises `SoapFault`."""
    name = child_text(request, "tptz:PresetName") or None
    if name is not None and not (len(name) <= MAX_NAME_LENGTH and name.isprintable()):
        raise InvalidArgument(f"A name has at most {MAX_NAME_LENGTH} characters", "ter:InvalidPresetName")
    return name


def read_auxiliary_command(request: Element, ptz: PtzAbilities) -> str:
    """Read an auxiliary command of the unit; raises `SoapFault`."""
    commands = auxiliary_commands(ptz)
    if not commands:
        raise ActionNotSupported(name_of(request))
    command = child_text(request, "tptz:AuxiliaryData")
    if command not in commands:
        raise InvalidArgument("The unit does not know this command")
    return command
