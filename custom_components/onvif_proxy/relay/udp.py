"""Media over UDP (RFC 2326 section 12.39, RFC 3550 section 11): a pair of ports for each track, and a pace.

UDP has nothing that holds a sender back: a key frame sent at once is more than a viewer's socket has room for. What goes
beyond a burst waits for its turn, in the same queue of references that slow viewers in TCP have.
"""

import asyncio
from collections import deque
from collections.abc import Callable
import errno
import os
import secrets
import socket
import time

from .delivery import GroupDelivery
from .descriptors import viewers_may_have
from .fields import Channels, Ports
from .frames import HEADER
from .limits import Limits
from .passage import Passage
from .plane import Plane

_TURN = 0.004
"""Seconds between two turns of what waits."""
_RECEIVE_BUFFER = 4096
"""Bytes: nobody reads what a viewer sends to the port of RTP (some do, to open a way through a firewall)."""
_SHORTEST_REPORT = 8
_REPORT_TYPES = range(192, 224)
"""RFC 5761 section 4."""
_LATER = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EINTR})


class UdpOutlet:
    """The ports of one viewer, and what waits for its turn."""

    def __init__(self, local: str, viewer: str, plane: Plane, limits: Limits, *, on_report: Callable[[], None]) -> None:
        """Media goes from one address to the other; `on_report` is called when the viewer sends RTCP."""
        self.queue: deque[tuple[bytes | memoryview, Passage | None, bool]] = deque()
        self.queued = 0
        self.sent = 0
        """Bytes of packets, ever."""
        self.closed = False
        self._local = local
        self._viewer = viewer
        self._plane = plane
        self._limits = limits
        self._on_report = on_report
        self._media: dict[int, socket.socket] = {}
        self._reports: dict[int, socket.socket] = {}
        self._heard: list[_HeardSocket] = []
        self._allowance = float(limits.udp_burst)
        self._allowed_at = time.monotonic()
        self._turn: asyncio.TimerHandle | None = None

    def open(self, channels: Channels, client: Ports, on_media: Callable[[memoryview], None] | None = None) -> Ports:
        """Have what is for these channels sent to these ports; return those that it comes from. Raises OSError.

        `on_media` is called with packets that come instead.
        """
        media, reports = _bind_pair(self._local, self._limits)
        try:
            media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            # Connected: the kernel throws away what others send.
            media.connect((self._viewer, client[0]))
            reports.connect((self._viewer, client[1]))
        except BaseException:
            media.close()
            reports.close()
            raise
        self._media[channels[0]] = media
        if on_media is not None:
            self._heard.append(_HeardSocket(media, self._plane, on_media))
        self._reports[channels[1]] = reports
        self._heard.append(_HeardSocket(reports, self._plane, self._take_report))
        return media.getsockname()[1], reports.getsockname()[1]

    def close(self) -> None:
        """Send nothing more; idempotent."""
        self.closed = True
        self.drop_media(0)
        for heard in self._heard:
            heard.close()
        for sock in (*self._media.values(), *self._reports.values()):
            sock.close()
        self._media, self._reports, self._heard = {}, {}, []

    def send(self, data: bytes | memoryview) -> int:
        """Send whole frames while that is allowed; return how many bytes of them were sent."""
        now = time.monotonic()
        earned = (now - self._allowed_at) * self._limits.udp_rate
        self._allowance = min(self._allowance + earned, float(self._limits.udp_burst))
        self._allowed_at = now
        position, size, view = 0, len(data), memoryview(data)
        while position < size and self._allowance > 0:
            end = position + HEADER + (data[position + 2] << 8 | data[position + 3])
            if (media := self._media.get(data[position + 1])) is not None:
                if not _sent(media, view[position + HEADER : end]):
                    break
                self.sent += end - position - HEADER
                self._allowance -= end - position
            position = end
        return position

    def send_report(self, frame: bytes) -> None:
        """Send a frame of RTCP as far as that is possible at once; the next one tells the same."""
        if (report := self._reports.get(frame[1])) is not None and _sent(report, frame[HEADER:]):
            self.sent += len(frame) - HEADER

    def _take_report(self, packet: memoryview) -> None:
        """Hear the viewer's RTCP; what is none is nothing."""
        if len(packet) >= _SHORTEST_REPORT and packet[0] >> 6 == 2 and packet[1] in _REPORT_TYPES:
            self._on_report()

    def keep(self, data: bytes, sent: int) -> None:
        """Queue the rest of media of which the first `sent` bytes are sent; the queue must be empty."""
        self.queue.append((memoryview(data)[sent:], None, True))
        self.queued += len(data) - sent
        self._await_turn()

    # As an outlet.

    def enqueue(self, piece: bytes, passage: Passage) -> None:
        """Queue media; `writable()` sends it."""
        if not self.closed:
            self.queue.append((piece, None if passage.unchanged else passage, True))
            self.queued += len(piece)

    def writable(self) -> None:
        """Send what waits, as far as that is allowed."""
        while self.queue:
            waiting, passage, _ = self.queue.popleft()
            self.queued -= len(waiting)
            data = waiting if passage is None else passage.translate(bytes(waiting))
            if (sent := self.send(data)) < len(data):
                self.queue.appendleft((memoryview(data)[sent:], None, True))
                self.queued += len(data) - sent
                self._await_turn()
                return

    def drop_media(self, keep: int) -> None:
        """Take queued media back, but for the first `keep` pieces."""
        while len(self.queue) > keep:
            self.queued -= len(self.queue.pop()[0])
        if not self.queue and self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _await_turn(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_later(_TURN, self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        self.writable()


class UdpDelivery(GroupDelivery):
    """In datagrams: a packet each."""

    def __init__(self, outlet: UdpOutlet, passage: Passage, limits: Limits) -> None:
        """Give nothing before `begin`."""
        super().__init__(outlet, passage, limits)
        self._udp = outlet

    def give(self, piece: bytes, changed: bytes, held: bool) -> None:
        """Send at once where nothing waits before it."""
        udp = self._udp
        if udp.queue or self._waiting or udp.closed:
            self._give_later(piece, held)
        elif (sent := udp.send(changed)) < len(changed):
            udp.keep(changed, sent)

    def report(self, data: bytes) -> None:
        """Send RTCP."""
        if data:
            self._udp.send_report(data)


class _HeardSocket:
    """Hears what a viewer sends to a port."""

    def __init__(self, sock: socket.socket, plane: Plane, hear: Callable[[memoryview], None]) -> None:
        """Listen from now on."""
        self.sock = sock
        self._plane = plane
        self._hear = hear
        plane.add(sock.fileno(), self)

    def readable(self) -> None:
        """Take a datagram."""
        view = self._plane.view
        try:
            size = self.sock.recv_into(view)
        except OSError:  # the viewer's host refused an earlier datagram of ours, or another reader was first
            return
        self._hear(view[:size])

    def writable(self) -> None:
        """Nothing waits here."""

    def failed(self) -> None:
        """End."""
        self.close()

    def close(self) -> None:
        """Hear no more, and close the socket; idempotent."""
        if self.sock.fileno() >= 0:
            self._plane.remove(self.sock.fileno())
            self.sock.close()


def _sent(sock: socket.socket, packet: bytes | memoryview) -> bool:
    """Send a packet; return False where the kernel has no room for it now. One that can't be sent at all is lost."""
    try:
        sock.send(packet)
    except OSError as error:
        # That nobody listens at the viewer's port is told for the packet before: its RTSP connection says when it is gone.
        return error.errno not in _LATER
    return True


def _bind_pair(address: str, limits: Limits) -> tuple[socket.socket, socket.socket]:
    """Bind an even port and the next one, at random. Raises OSError."""
    evens = range(limits.udp_first_port + limits.udp_first_port % 2, limits.udp_last_port, 2)
    if not evens:
        raise OSError(errno.EADDRNOTAVAIL, "no ports to choose from")
    first = secrets.randbelow(len(evens))
    for port in (*evens[first:], *evens[:first]):
        pair: list[socket.socket] = []
        try:
            for number in (port, port + 1):
                pair.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
                pair[-1].bind((address, number))
        except OSError as error:
            for sock in pair:
                sock.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            if viewers_may_have(pair[1].fileno(), limits):
                return pair[0], pair[1]
            for sock in pair:
                sock.close()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    raise OSError(errno.EADDRINUSE, "all ports are taken")
