"""The picture's settings of a camera, what they may be, and its focus (ONVIF Imaging, ImagingSettings20)."""

from collections.abc import Mapping
from dataclasses import dataclass
import time

from .axis import Axis, Clock

FOCUS_SPEED = 1.0
"""Of the range 0 to 1, a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value of the picture."""

    path: str
    """Elements below ImagingSettings20: `Exposure/Mode`."""
    start: float | str
    span: tuple[float, float] | None = None
    """Lowest and highest of a number."""
    words: tuple[str, ...] = ()
    """What a word may be."""
    options_path: str = ""
    """Elements below ImagingOptions20 where they differ; empty: as `path`."""

    def read(self, text: str) -> float | str:
        """Read a value; raises ValueError for one that it may not have."""
        if self.span is None:
            if text in self.words:
                return text
        elif self.span[0] <= (number := float(text)) <= self.span[1]:
            return number
        raise ValueError(f"{self.path} can't be {text!r}")


def numbers(top: float, *paths: str) -> tuple[Setting, ...]:
    """Return settings from 0 to `top`, half way up."""
    return tuple(Setting(path=path, start=top / 2, span=(0.0, top)) for path in paths)


def mode(path: str, *words: str, options_path: str = "") -> Setting:
    """Return a setting that is one of some words, the first to begin with."""
    return Setting(path=path, start=words[0], words=words, options_path=options_path)


FOCUS_SETTINGS = (
    mode("Focus/AutoFocusMode", "AUTO", "MANUAL", options_path="Focus/AutoFocusModes"),
    Setting(path="Focus/DefaultSpeed", start=1.0, span=(0.0, 1.0)),
)
"""Of cameras whose focus has a motor."""
_ORDER = (
    "BacklightCompensation",
    "Brightness",
    "ColorSaturation",
    "Contrast",
    "Exposure",
    "Focus",
    "IrCutFilter",
    "Sharpness",
    "WideDynamicRange",
    "WhiteBalance",
)


class Picture:
    """The settings that a camera has now."""

    def __init__(self, settings: tuple[Setting, ...], *, motor_focus: bool, clock: Clock = time.monotonic) -> None:
        """Begin with the start values."""
        known = [*settings, *(FOCUS_SETTINGS if motor_focus else ())]
        known.sort(key=lambda setting: _ORDER.index(setting.path.partition("/")[0]))
        self.settings = {setting.path: setting for setting in known}
        """In the order of the schema."""
        self.values: dict[str, float | str] = {setting.path: setting.start for setting in known}
        self.focus = Axis(0.0, 1.0, FOCUS_SPEED, start=0.5, clock=clock) if motor_focus else None

    def change(self, texts: Mapping[str, str]) -> None:
        """Change some values, all or none; raises ValueError for what it doesn't have or may not be."""
        changed = {}
        for path, given in texts.items():
            if path not in self.settings:
                raise ValueError(f"there is no {path}")
            changed[path] = self.settings[path].read(given)
        self.values |= changed
