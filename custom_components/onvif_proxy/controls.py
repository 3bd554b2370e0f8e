"""What clients steer through a virtual camera: the calls of a PTZ unit, of the picture's settings and of contacts.

A recorder's driver implements these, the responder calls them. Tokens, spaces and units are the recorder's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class ControlProblem(StrEnum):
    """Why something could not be steered."""

    UNREACHABLE = "unreachable"
    """The recorder does not answer, or not in time."""
    REFUSED = "refused"
    """The recorder says no."""
    NOT_SUPPORTED = "not_supported"
    """The recorder does not know such a call."""
    OUT_OF_RANGE = "out_of_range"
    """A number or a word that the recorder does not take."""
    NO_SUCH_TOKEN = "no_such_token"
    """There is no preset, or no contact, with this token."""
    FULL = "full"
    """No more presets fit."""


class ControlError(Exception):
    """Something could not be steered; the text is for logs and holds no secret."""

    def __init__(self, problem: ControlProblem, text: str = "") -> None:
        """Make an error."""
        super().__init__(text or problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzVector:
    """A position, a distance or a speed; None leaves that axis alone."""

    pan: float | None = None
    tilt: float | None = None
    """None when and only when `pan` is."""
    zoom: float | None = None
    pan_tilt_space: str | None = None
    """None is the recorder's default space."""
    zoom_space: str | None = None


class MoveState(StrEnum):
    """Whether something moves, in ONVIF's words."""

    IDLE = "IDLE"
    MOVING = "MOVING"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzStatus:
    """Where a PTZ unit is; None where the recorder does not tell."""

    position: PtzVector | None = None
    pan_tilt: MoveState | None = None
    zoom: MoveState | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzPreset:
    """A remembered position."""

    token: str
    name: str
    position: PtzVector | None = None


class PtzControl(Protocol):
    """The PTZ unit of one channel. All methods raise `ControlError`."""

    async def continuous_move(self, velocity: PtzVector, timeout: float | None) -> None:
        """Move until `stop`, or for `timeout` seconds."""

    async def relative_move(self, translation: PtzVector, speed: PtzVector | None) -> None:
        """Move by a distance."""

    async def absolute_move(self, position: PtzVector, speed: PtzVector | None) -> None:
        """Move to a position."""

    async def stop(self, *, pan_tilt: bool, zoom: bool) -> None:
        """Stop moving."""

    async def status(self) -> PtzStatus:
        """Tell where the unit is."""

    async def presets(self) -> tuple[PtzPreset, ...]:
        """List the presets."""

    async def set_preset(self, name: str | None, token: str | None) -> str:
        """Remember the position as a new preset, or in place of that with `token`; returns its token."""

    async def remove_preset(self, token: str) -> None:
        """Forget a preset."""

    async def go_to_preset(self, token: str, speed: PtzVector | None) -> None:
        """Move to a preset."""

    async def go_home(self, speed: PtzVector | None) -> None:
        """Move to the home position."""

    async def set_home(self) -> None:
        """Make this position the home position."""

    async def send_auxiliary(self, command: str) -> None:
        """Send an auxiliary command: wiper, washer, infrared light."""


type ImagingSettings = Mapping[str, float | str]
"""Values by path in tt:ImagingSettings20: `Brightness`, `Exposure/Mode`. Only those of `IMAGING_FIELDS`."""

type ImagingOptions = Mapping[str, tuple[float, float] | tuple[str, ...]]
"""What each may be: lowest and highest, or the words."""

IMAGING_FIELDS: Final[Mapping[str, type[float | str]]] = {
    "BacklightCompensation/Mode": str,
    "BacklightCompensation/Level": float,
    "Brightness": float,
    "ColorSaturation": float,
    "Contrast": float,
    "Exposure/Mode": str,
    "Exposure/Priority": str,
    "Exposure/MinExposureTime": float,
    "Exposure/MaxExposureTime": float,
    "Exposure/MinGain": float,
    "Exposure/MaxGain": float,
    "Exposure/MinIris": float,
    "Exposure/MaxIris": float,
    "Exposure/ExposureTime": float,
    "Exposure/Gain": float,
    "Exposure/Iris": float,
    "Focus/AutoFocusMode": str,
    "Focus/DefaultSpeed": float,
    "Focus/NearLimit": float,
    "Focus/FarLimit": float,
    "IrCutFilter": str,
    "Sharpness": float,
    "WideDynamicRange/Mode": str,
    "WideDynamicRange/Level": float,
    "WhiteBalance/Mode": str,
    "WhiteBalance/CrGain": float,
    "WhiteBalance/CbGain": float,
}
"""In the order of the schema."""


class FocusMove(StrEnum):
    """The ways to move a focus, by the element's name in tt:FocusMove."""

    ABSOLUTE = "Absolute"
    RELATIVE = "Relative"
    CONTINUOUS = "Continuous"


type FocusOptions = Mapping[FocusMove, Mapping[str, tuple[float, float]]]
"""What a focus can do: `{ABSOLUTE: {"Position": (0, 1), "Speed": (0, 1)}}`; empty where it can't be moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusStatus:
    """Where the focus is."""

    position: float
    state: MoveState
    error: str | None = None


class ImagingControl(Protocol):
    """The picture's settings of one channel. All methods raise `ControlError`."""

    async def settings(self) -> ImagingSettings:
        """Read the settings."""

    async def options(self) -> ImagingOptions:
        """Tell what they may be."""

    async def set_settings(self, settings: ImagingSettings, *, force_persistence: bool) -> None:
        """Change those that are given."""

    async def focus_options(self) -> FocusOptions:
        """Tell how the focus can be moved."""

    async def move_focus(self, move: FocusMove, values: Mapping[str, float]) -> None:
        """Move the focus; `values` by the element's name: `Position`, `Distance`, `Speed`."""

    async def stop_focus(self) -> None:
        """Stop moving the focus."""

    async def focus_status(self) -> FocusStatus | None:
        """Tell where the focus is; None where the recorder does not."""


class RelayControl(Protocol):
    """The contacts of a recorder."""

    async def set_relay(self, token: str, *, active: bool) -> None:
        """Switch one; raises `ControlError`."""
