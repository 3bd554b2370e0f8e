"""The picture's settings of a recorder's channels (ONVIF imaging service, ver20)."""

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any, Final

from ..controls import IMAGING_FIELDS, FocusMove, FocusOptions, FocusStatus, ImagingOptions, ImagingSettings, MoveState
from .control_calls import ControlCalls
from .profiles import get, items_of, text_of
from .ptz import read_error, read_move_state, read_range
from .soap import IMAGING

MAX_WORDS = 32
"""Choices of one setting."""

_OPTION_PATHS: Final[Mapping[str, str]] = {
    "Focus/AutoFocusMode": "Focus/AutoFocusModes",
    "IrCutFilter": "IrCutFilterModes",
    "WhiteBalance/CrGain": "WhiteBalance/YrGain",
    "WhiteBalance/CbGain": "WhiteBalance/YbGain",
}
"""Where tt:ImagingOptions20 has other names than tt:ImagingSettings20."""
_REQUIRED_WORDS: Final = tuple(name for name in IMAGING_FIELDS if name.endswith(("/Mode", "/AutoFocusMode")))
"""What the schema wants wherever their parents are."""
_FOCUS_VALUES: Final = ("Position", "Distance", "Speed")


def read_settings(value: object) -> ImagingSettings:
    """Read a tt:ImagingSettings20; what it lacks is left out."""
    found: dict[str, float | str] = {}
    for name, kind in IMAGING_FIELDS.items():
        given = get(value, *name.split("/"))
        if kind is str:
            if (word := text_of(given)) is not None:
                found[name] = word
        elif isinstance(given, int | float) and math.isfinite(given):
            found[name] = float(given)
    return found


def read_options(value: object) -> ImagingOptions:
    """Read a tt:ImagingOptions20."""
    found: dict[str, tuple[float, float] | tuple[str, ...]] = {}
    for name, kind in IMAGING_FIELDS.items():
        given = get(value, *_OPTION_PATHS.get(name, name).split("/"))
        if kind is str:
            if words := tuple(word for item in items_of(given)[:MAX_WORDS] if (word := text_of(item))):
                found[name] = words
        elif (bounds := read_range(given)) is not None:
            found[name] = bounds
    return found


def read_focus_options(value: object) -> FocusOptions:
    """Read a tt:MoveOptions20."""
    found: dict[FocusMove, dict[str, tuple[float, float]]] = {}
    for move in FocusMove:
        ranges = {name: read_range(get(value, move.value, name)) for name in _FOCUS_VALUES}
        if given := {name: bounds for name, bounds in ranges.items() if bounds is not None}:
            found[move] = given
    return found


def write_settings(settings: ImagingSettings) -> dict[str, Any]:
    """Make a tt:ImagingSettings20 of what is given."""
    written: dict[str, Any] = {}
    for name, value in settings.items():
        *parents, last = name.split("/")
        place = written
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return written


@dataclass(frozen=True, slots=True, kw_only=True)
class OnvifImaging:
    """The settings of one video source; implements `controls.ImagingControl`."""

    calls: ControlCalls
    source_token: str

    async def settings(self) -> ImagingSettings:
        """Read the settings."""
        return read_settings(await self._call("GetImagingSettings"))

    async def options(self) -> ImagingOptions:
        """Tell what they may be."""
        return read_options(await self._call("GetOptions"))

    async def set_settings(self, settings: ImagingSettings, *, force_persistence: bool) -> None:
        """Change those that are given."""
        parents = {name.partition("/")[0] for name in settings if "/" in name}
        lacking = [name for name in _REQUIRED_WORDS if name.partition("/")[0] in parents and name not in settings]
        if lacking:
            now = await self.settings()
            settings = {**{name: now[name] for name in lacking if name in now}, **settings}
        await self._call(
            "SetImagingSettings", ImagingSettings=write_settings(settings), ForcePersistence=force_persistence
        )

    async def focus_options(self) -> FocusOptions:
        """Tell how the focus can be moved."""
        return read_focus_options(await self._call("GetMoveOptions"))

    async def move_focus(self, move: FocusMove, values: Mapping[str, float]) -> None:
        """Move the focus."""
        await self._call("Move", Focus={move.value: dict(values)})

    async def stop_focus(self) -> None:
        """Stop moving the focus."""
        await self._call("Stop")

    async def focus_status(self) -> FocusStatus | None:
        """Tell where the focus is; None where the recorder does not."""
        status = get(await self._call("GetStatus"), "FocusStatus20")
        position = get(status, "Position")
        if not isinstance(position, int | float) or not math.isfinite(position):
            return None
        return FocusStatus(
            position=float(position),
            state=read_move_state(get(status, "MoveStatus")) or MoveState.UNKNOWN,
            error=read_error(get(status, "Error")),
        )

    async def _call(self, operation: str, **parameters: object) -> Any:
        return await self.calls.call(IMAGING, operation, {"VideoSourceToken": self.source_token, **parameters})
