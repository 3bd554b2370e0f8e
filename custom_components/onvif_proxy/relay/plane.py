"""The data plane: an event loop that serves media sockets by itself, with a tick where packets come singly.

Cost follows wake-ups, not bytes. Sockets of the plane are served where the loop waits, without a callback's way through it,
all that are ready at once, into one buffer. While reads are small, the loop sleeps to the next tick before it serves, so that
each read takes several packets.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
import logging
import os
import select
import selectors
import time
from typing import Protocol, override

_LOGGER = logging.getLogger(__name__)

READ_BUFFER = 256 * 1024
"""Bytes taken from a socket at once."""
READ_AHEAD = 64
"""Bytes of the buffer behind what is read: whoever walks a frame may look a little beyond its end."""
SMALL_READ = 24 * 1024
"""Bytes; while a recorder's mean read is smaller, the tick gathers. A main stream's picture, written at once, is larger."""
MAX_TICKS = 256
"""Ticks in a row before reads are measured anew without them."""
MEASURED_WAKES = 16
"""Wake-ups without a tick that such a measurement takes."""
_WEIGHT = 1 / 32
"""Of one read in the mean."""
_MAX_EVENTS = 256


class Pollable(Protocol):
    """A socket's owner; called where the loop waits, must not block."""

    def readable(self) -> None:
        """Read once."""

    def writable(self) -> None:
        """Write what waits."""

    def failed(self) -> None:
        """End: one of the above raised what it should not have."""


class Plane(selectors.EpollSelector):
    """What an event loop waits with, and the sockets that are served meanwhile."""

    def __init__(self) -> None:
        """Have no socket yet."""
        super().__init__()
        self.buffer = bytearray(READ_BUFFER + READ_AHEAD)
        """What sockets are read into; valid until the next read."""
        self.view = memoryview(self.buffer)[:READ_BUFFER]
        self.mean_read = float(READ_BUFFER)
        """Bytes, of recorders' reads; who reads adds to it while `measuring`."""
        self.measuring = True
        """Whether reads are as recorders write."""
        self.called = False
        """Whether the loop has something to do: a callback or timer that came while sockets were served."""
        self._owners: dict[int, Pollable] = {}
        self._ticks: dict[int, float] = {}
        self._tick = 0.0
        self._served_ticks = 0
        self._left_to_measure = 0
        # The selector's own epoll, through a descriptor that is ours to close.
        self._epoll = select.epoll.fromfd(os.dup(self.fileno()))

    @override
    def close(self) -> None:
        """Close the epoll."""
        self._epoll.close()
        super().close()

    @property
    def sockets(self) -> int:
        """How many there are."""
        return len(self._owners)

    def add(self, fd: int, owner: Pollable, *, tick: float | None = None) -> None:
        """Serve a socket from now on, reading. The shortest tick (seconds, 0 for none) of all that name one holds for all."""
        self._epoll.register(fd, select.EPOLLIN)
        self._owners[fd] = owner
        if tick is not None:
            self._ticks[fd] = tick
            self._tick = min(self._ticks.values())

    def watch(self, fd: int, *, reading: bool, writing: bool) -> None:
        """Choose what to be told of."""
        self._epoll.modify(fd, (select.EPOLLIN if reading else 0) | (select.EPOLLOUT if writing else 0))

    def remove(self, fd: int) -> None:
        """Forget a socket; before it is closed."""
        self._epoll.unregister(fd)
        del self._owners[fd]
        if self._ticks.pop(fd, None) is not None:
            self._tick = min(self._ticks.values(), default=0.0)
            if not self._ticks:
                self.mean_read = float(READ_BUFFER)

    def measure(self, size: int) -> None:
        """Hear of a read from a recorder, while `measuring`."""
        self.mean_read += (size - self.mean_read) * _WEIGHT

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Serve the plane's sockets until something is ready that is not one of them, or the loop has something to do."""
        self.called = False
        ends = None if timeout is None else time.monotonic() + max(timeout, 0)
        while True:
            if self.measuring:
                events = self._epoll.poll(timeout, _MAX_EVENTS)
                self._left_to_measure -= 1
            else:
                events = self._tick_events(timeout)
            found = self._serve(events) if events else []
            if found or self.called:
                return found
            if events and self.measuring and self._left_to_measure <= 0:
                self.measuring = not (self._tick and self.mean_read < SMALL_READ)
                self._served_ticks = 0
            if ends is not None:
                timeout = ends - time.monotonic()
                if timeout <= 0:
                    return found

    def _tick_events(self, timeout: float | None) -> list[tuple[int, int]]:
        """Return what is ready at the next tick; stop ticking when nothing is, or to measure."""
        if timeout is None or timeout > 0:
            time.sleep(self._tick - time.monotonic() % self._tick)
        events = self._epoll.poll(0, _MAX_EVENTS)
        self._served_ticks += 1
        if not events or self._served_ticks >= MAX_TICKS:
            self.measuring = True
            self._left_to_measure = MEASURED_WAKES if events else 0
        return events

    def _serve(self, events: list[tuple[int, int]]) -> list[tuple[selectors.SelectorKey, int]]:
        """Serve the plane's sockets; return what else is ready, as asyncio wants it."""
        found = []
        owners = self._owners
        for fd, event in events:
            owner = owners.get(fd)
            if owner is None:
                if key := self.get_map().get(fd):
                    wanted = (event & ~select.EPOLLIN and selectors.EVENT_WRITE) | (
                        event & ~select.EPOLLOUT and selectors.EVENT_READ
                    )
                    found.append((key, wanted & key.events))
                continue
            try:
                if event & select.EPOLLOUT:
                    owner.writable()
                if event & ~select.EPOLLOUT and fd in owners:
                    owner.readable()
            except Exception:
                # A defect of ours, or a new trick of a peer's: it costs this connection, no other.
                _LOGGER.exception("Could not serve a connection")
                owner.failed()
        return found


class PlaneLoop(asyncio.SelectorEventLoop):
    """The event loop that relays run in: `asyncio.run(..., loop_factory=PlaneLoop)`."""

    def __init__(self) -> None:
        """Have a plane of its own."""
        self.plane = Plane()
        super().__init__(self.plane)

    @override
    def call_soon[*Ts](
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Stop serving, to call."""
        self.plane.called = True
        return super().call_soon(callback, *args, context=context)

    @override
    def call_at[*Ts](
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Stop serving, to see when to wake next."""
        self.plane.called = True
        return super().call_at(when, callback, *args, context=context)


def running_plane() -> Plane:
    """Return the running event loop's; raises TypeError in a loop of another kind."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, PlaneLoop):
        raise TypeError("a relay needs a PlaneLoop")
    return loop.plane
