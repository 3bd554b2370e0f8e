"""One TCP connection of either side in the data plane: reads, what waits to be written, an end in good order."""

import asyncio
from collections import deque
import socket
from typing import Protocol

from ..rtsp import RtspError
from .limits import Limits
from .passage import Passage
from .plane import READ_BUFFER, Plane

_GATHERED = 64
"""Pieces that are given to the kernel at once."""


class ConnectionHandler(Protocol):
    """Who is told what happens on a connection; every method is called in the event loop and must not block."""

    def data_received(self, size: int) -> int:
        """Take what is in the plane's buffer up to `size`; return where the rest begins that is not whole yet.

        The rest comes again at the buffer's beginning, with more behind it. Raises RtspError for nonsense.
        """

    def framing_lost(self, error: RtspError) -> None:
        """Hear that the peer sent nonsense; nothing more is received."""

    def connection_lost(self) -> None:
        """Hear that the connection is gone; called once."""


class Connection:
    """A non-blocking socket with a queue of what its peer has not taken yet.

    Messages wait until they are sent. Media wait as references to what all viewers share, and whoever put them there may
    take them back.
    """

    def __init__(self, handler: ConnectionHandler, plane: Plane, limits: Limits, sock: socket.socket) -> None:
        """Take a connected socket over; `start` begins to read."""
        self.sock = sock
        self.queue: deque[tuple[bytes | memoryview, Passage | None, bool]] = deque()
        """(what, how it is changed on its way, whether it is media)."""
        self.queued = 0
        """Bytes of the queue."""
        self.sent = 0
        """Bytes, ever."""
        self.closed = False
        """Whether nothing can be sent any more."""
        self._handler = handler
        self._plane = plane
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._receive = sock.recv_into
        self._rest = b""
        self._registered = False
        self._deaf = False
        self._begun = False
        self._messages = 0
        self._watched = (True, False)
        self._finishing = False
        self._progress = False
        self._stuck: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._gone = self._loop.create_future()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def start(self, *, tick: float | None = None) -> None:
        """Read from now on; `tick` as in `Plane.add`."""
        self._plane.add(self.sock.fileno(), self, tick=tick)
        self._registered = True

    # What the plane tells.

    def readable(self) -> None:
        """Read once and hand it on."""
        plane = self._plane
        rest = len(self._rest)
        try:
            if rest:
                plane.buffer[:rest] = self._rest
                size = self._receive(plane.view[rest:])
            else:
                size = self._receive(plane.view)
        except BlockingIOError, InterruptedError:
            return
        except OSError:
            size = 0
        if not size:
            self.abort()
            return
        if self._deaf:
            return
        size += rest
        try:
            taken = self._handler.data_received(size)
        except RtspError as error:
            self._deaf = True
            self._handler.framing_lost(error)
            return
        # A message or frame is never as long as the buffer: handlers refuse those that are too long.
        if taken < size:
            self._rest = bytes(plane.view[taken:size])
        elif rest:
            self._rest = b""

    def writable(self) -> None:
        """Send what waits, as far as the peer takes it."""
        queue = self.queue
        while queue:
            gathered = self._gather()
            try:
                sent = self.sock.sendmsg(gathered)
            except BlockingIOError, InterruptedError:
                break
            except OSError:
                self.abort()
                return
            self.sent += sent
            self._progress = self._progress or sent > 0
            whole = self._take_off(gathered, sent)
            if not whole:
                break
        self._watch()
        if not queue and self._finishing:
            self._shut_down()

    def failed(self) -> None:
        """End."""
        self.abort()

    def _gather(self) -> list[bytes | memoryview]:
        """Return what is to be sent next; what is sent changed is changed now."""
        gathered: list[bytes | memoryview] = []
        size = 0
        for index in range(min(len(self.queue), _GATHERED)):
            data, passage, media = self.queue[index]
            if passage is not None:
                changed = passage.translate(bytes(data))
                self.queued += len(changed) - len(data)
                data = changed
                self.queue[index] = (data, None, media)
            gathered.append(data)
            size += len(data)
            if size >= READ_BUFFER:
                break
        return gathered

    def _take_off(self, gathered: list[bytes | memoryview], sent: int) -> bool:
        """Take what was sent off the queue; return whether that was all that was gathered."""
        self.queued -= sent
        for data in gathered:
            _, _, media = self.queue.popleft()
            if not media:
                self._messages -= min(sent, len(data))
            if sent < len(data):
                self.queue.appendleft((memoryview(data)[sent:], None, media))
                self._begun = self._begun or sent > 0
                return False
            sent -= len(data)
            self._begun = False
        return True

    def _watch(self) -> None:
        """Be told of what matters now."""
        # Who asks without reading the answers is not asked for more.
        wanted = (self._messages <= self._limits.max_unread_answers or self._deaf, bool(self.queue))
        if wanted != self._watched and self._registered:
            self._watched = wanted
            self._plane.watch(self.sock.fileno(), reading=wanted[0], writing=wanted[1])
        if self.queue and self._stuck is None and not self.closed:
            self._progress = False
            self._stuck = self._loop.call_later(self._limits.write_timeout, self._check_progress)

    def _check_progress(self) -> None:
        self._stuck = None
        if self.queue and not self._progress:
            self.abort()
        elif self.queue:
            self._watch()

    # What the owner asks.

    @property
    def unread(self) -> int:
        """Bytes of messages that wait."""
        return self._messages

    def write(self, data: bytes) -> None:
        """Send a message behind what waits; in vain once the connection is ending."""
        if self.closed:
            return
        self.queue.append((data, None, False))
        self.queued += len(data)
        self._messages += len(data)
        if len(self.queue) == 1:
            self.writable()

    def keep(self, data: bytes, sent: int) -> None:
        """Queue the rest of media of which the first `sent` bytes are sent; the queue must be empty."""
        self.queue.append((memoryview(data)[sent:], None, True))
        self.queued += len(data) - sent
        self._begun = sent > 0
        self._watch()

    def enqueue(self, piece: bytes, passage: Passage) -> None:
        """Queue media; `writable()` sends it."""
        if not self.closed:
            self.queue.append((piece, None if passage.unchanged else passage, True))
            self.queued += len(piece)

    def drop_media(self, keep: int) -> None:
        """Take queued media back, but for the first `keep` pieces and for what the peer has the beginning of."""
        kept: deque[tuple[bytes | memoryview, Passage | None, bool]] = deque()
        for index, entry in enumerate(self.queue):
            if not entry[2]:
                kept.append(entry)
            elif keep > 0 or (index == 0 and self._begun):
                kept.append(entry)
                keep -= 1
        self.queue = kept
        self.queued = sum(len(data) for data, _, _ in kept)

    def finish(self) -> None:
        """Send what is waiting, then end.

        What the peer still sends is thrown away for a moment: closing with unread data makes the kernel reset the connection
        and with it the last answer.
        """
        if self.closed:
            return
        self.drop_media(0)
        self.closed = self._deaf = self._finishing = True
        self._linger = self._loop.call_later(self._limits.linger_timeout, self.abort)
        self.writable()

    def _shut_down(self) -> None:
        self._finishing = False
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()

    def abort(self) -> None:
        """End at once; idempotent."""
        if self._gone.done():
            return
        self.closed = self._deaf = True
        for timer in (self._stuck, self._linger):
            if timer is not None:
                timer.cancel()
        self.queue.clear()
        self.queued = 0
        if self._registered:
            self._registered = False
            self._plane.remove(self.sock.fileno())
        self.sock.close()
        self._gone.set_result(None)
        self._handler.connection_lost()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        await asyncio.shield(self._gone)


def local_address(sock: socket.socket) -> tuple[str, int]:
    """Return the address and port that the peer of a socket reached."""
    name = sock.getsockname()
    return str(name[0]), int(name[1])
