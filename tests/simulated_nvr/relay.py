"""A contact that the recorder switches."""

import time

from .axis import Clock


class Relay:
    """Bistable: it stays as it was set. Monostable: it falls back after its delay (DeviceIO, SetRelayOutputSettings)."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        """Begin inactive, bistable, open while inactive."""
        self._clock = clock
        self._active = False
        self._set_at = clock()
        self.monostable = False
        self.delay = 1.0
        """Seconds."""
        self.idle_closed = False

    @property
    def active(self) -> bool:
        """Its logical state."""
        return self._active and not (self.monostable and self._clock() >= self._set_at + self.delay)

    def switch(self, active: bool) -> None:
        """Set its logical state."""
        self._active = active
        self._set_at = self._clock()
