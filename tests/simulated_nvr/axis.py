"""A motor that moves along a line: where it is follows from when it was told to go. No timer, no task."""

from collections.abc import Callable
import math
import time

type Clock = Callable[[], float]
"""Seconds that only rise."""


class Axis:
    """A position between two ends, moving at a velocity until a moment."""

    def __init__(
        self, low: float, high: float, full_speed: float, start: float = 0.0, clock: Clock = time.monotonic
    ) -> None:
        """`full_speed` is in positions a second."""
        self._low, self._high = low, high
        self._full_speed = full_speed
        self._clock = clock
        self._start, self._since = start, clock()
        self._velocity = 0.0
        self._ends = self._since

    @property
    def position(self) -> float:
        """Where it is now."""
        passed = min(self._clock(), self._ends) - self._since
        return self._within(self._start + self._velocity * passed)

    @property
    def moving(self) -> bool:
        """Whether it has not arrived yet."""
        return self._clock() < self._ends

    def run(self, speed: float, seconds: float) -> None:
        """Move at a part (-1 to 1) of its full speed until the time is over or an end is reached."""
        start = self.position
        self._start, self._since = start, self._clock()
        self._velocity = speed * self._full_speed
        room = (self._high if speed > 0 else self._low) - start
        self._ends = self._since + (min(seconds, room / self._velocity) if speed else 0.0)

    def go(self, target: float, speed: float = 1.0) -> None:
        """Move to a position, or to the end that is nearest to it; a speed of 0 is the full one."""
        way = self._within(target) - self.position
        speed = math.copysign(speed or 1.0, way)
        self.run(speed, abs(way / (speed * self._full_speed)))

    def stop(self) -> None:
        """Stand still."""
        self.run(0.0, 0.0)

    def _within(self, position: float) -> float:
        return min(max(position, self._low), self._high)
