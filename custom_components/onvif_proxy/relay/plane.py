"""The data plane: an event loop that serves media sockets by itself, with a tick where packets come singly.

Cost follows wake-ups, not bytes. Sockets of the plane are served where the loop waits, without a callback's way through it,
all that are ready at once, into one buffer. While wake-ups would come more often than ticks, because packets come singly or
streams are many, the loop sleeps to the next tick before it serves: each read takes several packets, each wake-up several
streams. Few streams whose pictures are written at once are passed on at once, and so is what comes in bulk.
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
BULK = 96 * 1024
"""Bytes of a read from which on nothing is gained by waiting for more."""
MAX_TICKS = 256
"""Ticks in a row before it is measured anew how often wake-ups come without them."""
MEASURED_WAKES = 16
"""Wake-ups that such a measurement takes."""
_WEIGHT = 1 / 16
"""Of one wake-up in the mean."""
_RARELY = 1.0
"""Seconds between wake-ups; longer is not told apart."""
_MAX_EVENTS = 256
_READABLE, _WRITABLE = select.EPOLLIN, select.EPOLLOUT


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
        self.ticking = False
        """Whether sockets are served at ticks only."""
        self.called = False
        """Whether the loop has something to do: a callback or timer that came while sockets were served."""
        self.received = 0
        """Bytes that sockets with a tick have given at this wake-up; theirs to count."""
        self._owners: dict[int, Pollable] = {}
        self._ticks: dict[int, float] = {}
        self._tick = 0.0
        self._served_ticks = 0
        self._left_to_measure = 0
        self._interval = _RARELY
        """Seconds from one wake-up to the next, lately, without ticks."""
        self._woke = 0.0
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
        self._epoll.register(fd, _READABLE)
        self._owners[fd] = owner
        if tick is not None:
            self._ticks[fd] = tick
            self._tick = min(self._ticks.values())
            self.ticking = self.ticking and self._tick > 0

    def watch(self, fd: int, *, reading: bool, writing: bool) -> None:
        """Choose what to be told of."""
        self._epoll.modify(fd, (_READABLE if reading else 0) | (_WRITABLE if writing else 0))

    def remove(self, fd: int) -> None:
        """Forget a socket; before it is closed."""
        self._epoll.unregister(fd)
        del self._owners[fd]
        if self._ticks.pop(fd, None) is not None:
            self._tick = min(self._ticks.values(), default=0.0)
            self.ticking = self.ticking and self._tick > 0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Serve the plane's sockets until something is ready that is not one of them, or the loop has something to do."""
        self.called = False
        ends = None if timeout is None else time.monotonic() + max(timeout, 0)
        while True:
            events = self._tick_events(timeout) if self.ticking else self._epoll.poll(timeout, _MAX_EVENTS)
            if events:
                self.received = 0
                found = self._serve(events)
                if self._tick:
                    bulky = self.received > BULK * len(events)
                    if not self.ticking:
                        self._measure(bulky)
                    elif bulky:
                        self._stop_ticking()
                if found or self.called:
                    return found
            if ends is not None:
                timeout = ends - time.monotonic()
                if timeout <= 0:
                    return []

    def _measure(self, bulky: bool) -> None:
        """See how often wake-ups come; begin to tick where that is too often for what they bring."""
        now = time.monotonic()
        self._interval += (min(now - self._woke, _RARELY) - self._interval) * _WEIGHT
        self._woke = now
        self._left_to_measure -= 1
        self.ticking = self._interval < self._tick and self._left_to_measure <= 0 and not bulky
        self._served_ticks = 0

    def _tick_events(self, timeout: float | None) -> list[tuple[int, int]]:
        """Return what is ready at the next tick; stop ticking when nothing is, or to measure."""
        left = self._tick - time.monotonic() % self._tick
        time.sleep(left if timeout is None else max(0.0, min(left, timeout)))
        events = self._epoll.poll(0, _MAX_EVENTS)
        self._served_ticks += 1
        if not events:
            self.ticking = False
            self._woke = time.monotonic()
        elif self._served_ticks >= MAX_TICKS:
            self._stop_ticking()
        return events

    def _stop_ticking(self) -> None:
        """Measure anew."""
        self.ticking = False
        self._left_to_measure = MEASURED_WAKES
        self._woke = time.monotonic()

    def _serve(self, events: list[tuple[int, int]]) -> list[tuple[selectors.SelectorKey, int]]:
        """Serve the plane's sockets; return what else is ready, as asyncio wants it."""
        found = []
        owners = self._owners
        for fd, event in events:
            owner = owners.get(fd)
            if owner is None:
                if key := self.get_map().get(fd):
                    wanted = (event & ~_READABLE and selectors.EVENT_WRITE) | (
                        event & ~_WRITABLE and selectors.EVENT_READ
                    )
                    found.append((key, wanted & key.events))
                continue
            try:
                if event == _READABLE:
                    owner.readable()
                    continue
                if event & _WRITABLE:
                    owner.writable()
                if event & ~_WRITABLE and fd in owners:
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
