"""The passage of raw mode: two connections as one, bytes both ways, of which nothing is understood.

A viewer that is slow holds up its own connection to the recorder and nothing else: what is on its way is in two pipes and the
sockets' buffers, all of them bounded by the kernel.
"""

import asyncio
import contextlib
import socket

from .limits import Limits
from .plane import Plane
from .splice import Splice


class RawPassage:
    """Passes on until both peers have ended, or one of them is lost or makes the other wait for too long."""

    def __init__(
        self, viewer: socket.socket, recorder: socket.socket, plane: Plane, limits: Limits, *, tick: float
    ) -> None:
        """Take two connected, non-blocking sockets, which stay the caller's; `tick` as in `Plane.add`.

        Raises OSError where there are no descriptors left.
        """
        self._plane = plane
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as pipes:
            self.up = Splice(viewer, recorder)
            pipes.callback(self.up.close)
            self.down = Splice(recorder, viewer)
            pipes.callback(self.down.close)
            self._pipes = pipes.pop_all()
        self._sides = (
            _Side(viewer, plane, self, reads=self.up, writes=self.down, tick=None),
            _Side(recorder, plane, self, reads=self.down, writes=self.up, tick=tick),
        )
        self._over: asyncio.Future[str] = self._loop.create_future()
        self._moved = self._loop.time()
        """When something was said last."""
        self._idle: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    async def run(self) -> str:
        """Pass on; return why that ended. Afterwards the sockets are good for nothing but being closed."""
        try:
            self._check_idleness()
            self._watch()
            return await self._over
        finally:
            for timer in (self._idle, self._stuck):
                if timer is not None:
                    timer.cancel()
            for side in self._sides:
                side.leave()
            self._pipes.close()

    def move(self, splice: Splice, *, pull: bool = False) -> None:
        """Move what can be moved one way."""
        if self._over.done():
            return
        before = splice.held, splice.passed, splice.ended
        try:
            if pull:
                splice.pull()
                self._plane.received += splice.held
            splice.push()
        except OSError as error:
            self.end(error.strerror or type(error).__name__)
            return
        if (splice.held, splice.passed, splice.ended) != before:
            self._moved = self._loop.time()
        if self.up.done and self.down.done:
            self.end("both have ended")
            return
        if splice.ended and not before[2]:
            self._check_idleness()
        self._watch()

    def end(self, reason: str) -> None:
        """Begin the end; idempotent."""
        if not self._over.done():
            self._over.set_result(reason)

    def _watch(self) -> None:
        """Be told of what matters now, and see that whoever is waited for takes something."""
        for side in self._sides:
            side.watch()
        waiting = {splice: splice.passed for splice in (self.up, self.down) if splice.held}
        if waiting and self._stuck is None:
            self._stuck = self._loop.call_later(self._limits.write_timeout, self._check_progress, waiting)

    def _check_progress(self, waiting: dict[Splice, int]) -> None:
        self._stuck = None
        if any(splice.held and splice.passed == passed for splice, passed in waiting.items()):
            self.end("a peer takes nothing any more")
        else:
            self._watch()

    def _check_idleness(self) -> None:
        half = self.up.ended or self.down.ended
        # Who hears that its peer has ended mostly ends, too; what it still says may go on for as long as it likes.
        limit = self._limits.upstream_timeout if half else self._limits.session_timeout
        if self._idle is not None:
            self._idle.cancel()
        if self._loop.time() - self._moved >= limit:
            self.end(f"silent for {limit:.0f} s")
        else:
            self._idle = self._loop.call_at(self._moved + limit, self._check_idleness)


class _Side:
    """One of the two sockets, in the plane while anything of it is wanted.

    A socket that nothing is wanted of must not be there: that its peer is gone would be told again and again.
    """

    def __init__(
        self,
        sock: socket.socket,
        plane: Plane,
        passage: RawPassage,
        *,
        reads: Splice,
        writes: Splice,
        tick: float | None,
    ) -> None:
        self._fd = sock.fileno()
        self._plane = plane
        self._passage = passage
        self._reads = reads
        self._writes = writes
        self._tick = tick
        self._watched = (False, False)

    def readable(self) -> None:
        """Pass on what its peer says; what is told is also that the peer is gone, while nothing can be taken."""
        if self._reads.hungry:
            self._passage.move(self._reads, pull=True)

    def writable(self) -> None:
        """Give its peer what waits for it."""
        self._passage.move(self._writes)

    def failed(self) -> None:
        """End."""
        self._passage.end("a defect of the relay")

    def watch(self) -> None:
        """Be told of what is wanted now."""
        wanted = (self._reads.hungry, self._writes.held > 0)
        if wanted == self._watched:
            return
        if not any(wanted):
            self._plane.remove(self._fd)
        else:
            if not any(self._watched):
                self._plane.add(self._fd, self, tick=self._tick)
            self._plane.watch(self._fd, reading=wanted[0], writing=wanted[1])
        self._watched = wanted

    def leave(self) -> None:
        """Be told of nothing more."""
        if any(self._watched):
            self._watched = (False, False)
            self._plane.remove(self._fd)
