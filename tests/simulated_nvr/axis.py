"""A motor that moves along a line: where it is follows from when it was told to go. No timer, no task."""

from collections.abc import Callable
import time

type Clock = Callable[[], float]
"""Seconds that only rise."""


class Axis:
    """A position between two ends."""

    def __init__(
        self, low: float, high: float, full_speed: float, start: float = 0.0, clock: Clock = time.monotonic
    ) -> None:
        """`full_speed` is in positions a second."""
        self._low, self._high = low, high
        self._full_speed = full_speed
        self._clock = clock
        self._origin = self._target = start
        self._begins = self._ends = clock()

    @property
    def position(self) -> float:
        """Where it is now."""
        return self._at(self._clock())

    @property
    def moving(self) -> bool:
        """Whether it has not arrived yet."""
        return self._clock() < self._ends

    def run(self, speed: float, seconds: float) -> None:
        """Move at a part (-1 to 1) of its full speed until the time is over or an end is reached."""
        velocity = speed * self._full_speed
        self._move(self.position + velocity * seconds, abs(velocity))

    def go(self, target: float, speed: float = 1.0) -> None:
        """Move to a position, or to the end that is nearest to it; a speed of 0 is the full one."""
        self._move(target, (speed or 1.0) * self._full_speed)

    def stop(self) -> None:
        """Stand still."""
        self._move(self.position, 0.0)

    def _move(self, target: float, velocity: float) -> None:
        now = self._clock()
        self._origin = self._at(now)
        self._begins = now
        self._target = min(max(target, self._low), self._high) if velocity else self._origin
        way = abs(self._target - self._origin)
        self._ends = self._begins + (way / velocity if velocity else 0.0)

    def _at(self, moment: float) -> float:
        if moment >= self._ends:
            return self._target
        part = (moment - self._begins) / (self._ends - self._begins)
        return self._origin + part * (self._target - self._origin)
