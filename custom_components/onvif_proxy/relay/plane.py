"""The data plane: every socket of a process's relays in one epoll, served together, with a tick where packets come singly.

Cost follows wake-ups, not bytes. One wake-up of the event loop serves all sockets that are ready, into one buffer; while what
is read is small, the sockets are left alone until the next tick, so that each read takes several packets.
"""

import asyncio
from collections.abc import Sequence
import logging
import os
import select
from typing import Protocol

_LOGGER = logging.getLogger(__name__)

READ_BUFFER = 256 * 1024
"""Bytes taken from a socket at once."""
READ_AHEAD = 64
"""Bytes of the buffer behind what is read: whoever walks a frame may look a little beyond its end."""
SMALL_READ = 8 * 1024
"""Bytes; while the mean read of a recorder is smaller, the tick gathers. A frame of video written at once is larger."""
MAX_TICKS = 256
"""Ticks in a row before reads are measured anew without them."""
MEASURED_WAKES = 16
"""Wake-ups without a tick that such a measurement takes."""
_WEIGHT = 1 / 32
"""Of one read in the mean."""
_MAX_EVENTS = 256


class Pollable(Protocol):
    """A socket's owner; called in the event loop, must not block."""

    def readable(self) -> None:
        """Read once."""

    def writable(self) -> None:
        """Write what waits."""

    def failed(self) -> None:
        """End: one of the above raised what it should not have."""


class Plane:
    """The sockets of one event loop; holds file descriptors only while it has any."""

    def __init__(self) -> None:
        """Have no socket yet."""
        self.buffer = bytearray(READ_BUFFER + READ_AHEAD)
        """What sockets are read into; valid until the next read."""
        self.view = memoryview(self.buffer)[:READ_BUFFER]
        self.mean_read = float(READ_BUFFER)
        """Bytes, of recorders' reads outside of ticks."""
        self.ticking = False
        """Whether sockets are served at ticks only."""
        self._owners: dict[int, Pollable] = {}
        self._ticks: dict[int, float] = {}
        self._epoll: select.epoll | None = None
        self._timer = -1
        self._served_ticks = 0
        self._measuring = 0

    @property
    def sockets(self) -> int:
        """How many there are."""
        return len(self._owners)

    def register(self, fd: int, owner: Pollable, *, tick: float | None = None) -> None:
        """Serve a socket from now on, reading. The shortest tick (seconds, 0 for none) of all that name one holds for all."""
        if self._epoll is None:
            self._open()
        assert self._epoll is not None
        self._epoll.register(fd, select.EPOLLIN)
        self._owners[fd] = owner
        if tick is not None:
            self._ticks[fd] = tick

    def watch(self, fd: int, *, reading: bool, writing: bool) -> None:
        """Choose what to be told of."""
        assert self._epoll is not None
        self._epoll.modify(fd, (select.EPOLLIN if reading else 0) | (select.EPOLLOUT if writing else 0))

    def unregister(self, fd: int) -> None:
        """Forget a socket; before it is closed."""
        assert self._epoll is not None
        self._epoll.unregister(fd)
        del self._owners[fd]
        self._ticks.pop(fd, None)
        if not self._owners:
            self._close()

    def measure(self, size: int) -> None:
        """Hear of a read from a recorder."""
        if not self.ticking:
            self.mean_read += (size - self.mean_read) * _WEIGHT

    def _open(self) -> None:
        self._epoll = select.epoll()
        self._timer = os.timerfd_create(0, flags=os.TFD_NONBLOCK | os.TFD_CLOEXEC)
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._wake)

    def _close(self) -> None:
        assert self._epoll is not None
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._timer if self.ticking else self._epoll.fileno())
        self._epoll.close()
        os.close(self._timer)
        self._epoll, self._timer, self.ticking = None, -1, False
        self.mean_read = float(READ_BUFFER)

    def _wake(self) -> None:
        """Serve at once; go over to ticks where that would be often and for little."""
        assert self._epoll is not None
        self._serve(self._epoll.poll(0, _MAX_EVENTS))
        self._measuring -= 1
        if self.mean_read < SMALL_READ and self._measuring <= 0 and self._epoll is not None:
            if tick := min(self._ticks.values(), default=0.0):
                self._begin_ticks(tick)

    def _begin_ticks(self, tick: float) -> None:
        assert self._epoll is not None
        self.ticking = True
        self._served_ticks = 0
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._epoll.fileno())
        os.timerfd_settime(self._timer, initial=tick, interval=tick)
        loop.add_reader(self._timer, self._tick)

    def _end_ticks(self) -> None:
        assert self._epoll is not None
        self.ticking = False
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._timer)
        os.timerfd_settime(self._timer, initial=0)
        loop.add_reader(self._epoll.fileno(), self._wake)

    def _tick(self) -> None:
        """Serve what came since the last tick; without any, or to measure, go back to serving at once."""
        assert self._epoll is not None
        try:
            os.read(self._timer, 8)
        except BlockingIOError:
            return
        events = self._epoll.poll(0, _MAX_EVENTS)
        self._serve(events)
        self._served_ticks += 1
        if self._epoll is not None and (not events or self._served_ticks >= MAX_TICKS):
            self._measuring = MEASURED_WAKES if events else 0
            self._end_ticks()

    def _serve(self, events: Sequence[tuple[int, int]]) -> None:
        owners = self._owners
        for fd, event in events:
            if (owner := owners.get(fd)) is None:
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
