"""The head of a PTZ camera: three motors, presets, a home, and a record of what it was told."""

from collections.abc import Mapping
from dataclasses import dataclass
import time

from .axis import Axis, Clock

PAN_TILT_SPEED = 1.0
"""Of the range -1 to 1, a second."""
ZOOM_SPEED = 0.5
"""Of the range 0 to 1, a second."""
PAN_TILT, ZOOM = ("pan", "tilt"), ("zoom",)

type Place = dict[str, float]
"""Some or all of pan, tilt and zoom."""


class PresetsFullError(Exception):
    """No more presets fit."""


@dataclass(frozen=True, slots=True)
class PtzCommand:
    """Something the head was told and did."""

    name: str
    """The operation: ContinuousMove."""
    values: Mapping[str, float | str]
    """Pan, tilt, zoom as they were sent, timeout in seconds, preset, name, command; only what was sent."""


@dataclass(slots=True)
class Preset:
    """A place with a name."""

    name: str
    place: Place


class PtzUnit:
    """A head that really moves."""

    def __init__(self, max_presets: int, clock: Clock = time.monotonic) -> None:
        """Look straight ahead, with two presets as an installer leaves them."""
        self._axes = {
            "pan": Axis(-1.0, 1.0, PAN_TILT_SPEED, clock=clock),
            "tilt": Axis(-1.0, 1.0, PAN_TILT_SPEED, clock=clock),
            "zoom": Axis(0.0, 1.0, ZOOM_SPEED, clock=clock),
        }
        self._max_presets = max_presets
        self.presets = {
            "1": Preset("Gate", {"pan": -0.5, "tilt": 0.2, "zoom": 0.4}),
            "2": Preset("Door", {"pan": 0.3, "tilt": -0.1, "zoom": 0.0}),
        }
        self.home: Place = {"pan": 0.0, "tilt": 0.0, "zoom": 0.0}
        self.commands: list[PtzCommand] = []

    @property
    def position(self) -> Place:
        """Where it looks now: pan and tilt -1 to 1, zoom 0 to 1."""
        return {name: axis.position for name, axis in self._axes.items()}

    @property
    def moving(self) -> bool:
        """Whether anything moves."""
        return self.moves(PAN_TILT + ZOOM)

    def moves(self, names: tuple[str, ...]) -> bool:
        """Whether any of some axes moves."""
        return any(self._axes[name].moving for name in names)

    def note(self, name: str, values: Mapping[str, float | str]) -> None:
        """Remember a command."""
        self.commands.append(PtzCommand(name, dict(values)))

    def run(self, velocity: Place, seconds: float) -> None:
        """Move the axes that are named, until the time is over; 0 stops one."""
        for name, speed in velocity.items():
            self._axes[name].run(speed, seconds)

    def go(self, place: Place, speed: Place) -> None:
        """Move to a place; axes without a speed move at the full one."""
        for name, target in place.items():
            self._axes[name].go(target, speed.get(name, 1.0))

    def go_by(self, way: Place, speed: Place) -> None:
        """Move by a distance."""
        position = self.position
        self.go({name: position[name] + distance for name, distance in way.items()}, speed)

    def stop(self, names: tuple[str, ...]) -> None:
        """Stop some axes."""
        for name in names:
            self._axes[name].stop()

    def set_preset(self, token: str | None, name: str | None) -> str:
        """Remember where it looks, return the token; raises KeyError for an unknown one and PresetsFullError."""
        if token is not None:
            preset = self.presets[token]
            preset.place = self.position
            preset.name = name or preset.name
            return token
        if len(self.presets) >= self._max_presets:
            raise PresetsFullError
        token = next(str(number) for number in range(1, self._max_presets + 1) if str(number) not in self.presets)
        self.presets[token] = Preset(name or f"Preset {token}", self.position)
        return token
