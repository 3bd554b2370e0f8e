"""How media gets to a viewer that plays; one that is slow loses whole groups of pictures and disturbs no one."""

from collections import deque
from collections.abc import Sequence
import time
from typing import Protocol

from .connection import Connection
from .frames import ends_picture
from .limits import Limits
from .passage import Passage


class Delivery(Protocol):
    """What a hub gives media to; every method is called in the event loop and must not block."""

    passage: Passage
    """Of the session with the recorder that media comes from now."""
    dropped: int
    """Groups of pictures that were lost on the way, in whole or in part."""

    def begin(self, pieces: Sequence[bytes] | None) -> None:
        """Start with a group of which these pieces are here; None: wait for the next one."""

    def give(self, piece: bytes, changed: bytes, held: bool) -> None:
        """Take media as it came and as the passage makes it; `held` while the group buffer keeps it too."""

    def turn(self, pieces: Sequence[bytes]) -> None:
        """Hear that a new group began with these pieces, which were given before."""

    def group_given_up(self) -> None:
        """Hear that the group buffer has let go of its group."""

    def report(self, data: bytes) -> None:
        """Take a frame of RTCP."""


class Outlet(Protocol):
    """What media leaves by, with a queue of what its peer has not taken yet; as of `Connection`."""

    queue: deque[tuple[bytes | memoryview, Passage | None, bool]]
    """(what, how it is changed on its way, whether it is media)."""
    queued: int
    """Bytes of the queue."""
    closed: bool

    def enqueue(self, piece: bytes, passage: Passage) -> None:
        """Queue media; `writable()` sends it."""

    def writable(self) -> None:
        """Send what waits, as far as the peer takes it."""

    def drop_media(self, keep: int) -> None:
        """Take queued media back, but for the first `keep` pieces."""


class GroupDelivery:
    """What all ways have in common.

    What the viewer doesn't take at once waits as references. They cost nothing while they are of the group that is
    buffered anyway; when that is over, or there is none, no more than `write_buffer` may be left.
    """

    def __init__(self, outlet: Outlet, passage: Passage, limits: Limits) -> None:
        """Give nothing before `begin`."""
        self.passage = passage
        self.dropped = 0
        self._outlet = outlet
        self._limit = limits.write_buffer
        self._patience = limits.key_timeout
        self._waits_until = 0.0
        self._waiting = False

    def begin(self, pieces: Sequence[bytes] | None) -> None:
        """Send what of the group is here behind what the connection still has to send; where that is too much, wait."""
        if pieces is None or self._outlet.queued > self._limit:
            self._wait()
        else:
            self._waiting = False
            self._enqueue(pieces)

    def _give_later(self, piece: bytes, held: bool) -> None:
        if self._waiting:
            # Key frames may be too far apart, or not be found: something is better than nothing.
            if time.monotonic() < self._waits_until or self._outlet.queued > self._limit:
                return
            self._waiting = False
        if not held and self._outlet.queued > self._limit:
            self._drop()
            return
        self._outlet.enqueue(piece, self.passage)
        if len(self._outlet.queue) == 1:
            self._outlet.writable()

    def turn(self, pieces: Sequence[bytes]) -> None:
        """Leave what is left of the former group where it is too much; go on with the new one where there is room."""
        if not self._waiting:
            if self._outlet.queued <= self._limit:
                return
            self._drop()
        elif self._outlet.queued > self._limit:
            self.dropped += 1
        if self._outlet.queued <= self._limit:
            self._waiting = False
            self._enqueue(pieces)

    def group_given_up(self) -> None:
        """Keep no more than is allowed without a group."""
        if self._outlet.queued > self._limit and not self._waiting:
            self._drop()

    def _enqueue(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self._outlet.enqueue(piece, self.passage)
        self._outlet.writable()

    def _wait(self) -> None:
        self._waiting = True
        self._waits_until = time.monotonic() + self._patience

    def _drop(self) -> None:
        """Lose what waits, but for the end of a picture that is near, and what comes until the next key frame."""
        self.dropped += 1
        keep, size = 0, 0
        for index, (data, _, media) in enumerate(self._outlet.queue):
            size += len(data)
            if size > self._limit:
                break
            if media and index and ends_picture(bytes(data), self.passage.video):
                keep = sum(entry[2] for entry in list(self._outlet.queue)[: index + 1])
                break
        self._outlet.drop_media(keep)
        self._wait()


class InterleavedDelivery(GroupDelivery):
    """Through the viewer's RTSP connection (RFC 2326 section 10.12)."""

    def __init__(self, connection: Connection, passage: Passage, limits: Limits) -> None:
        """Give nothing before `begin`."""
        super().__init__(connection, passage, limits)
        self._connection = connection
        self._send = connection.sock.send

    def give(self, piece: bytes, changed: bytes, held: bool) -> None:
        """Send at once where nothing waits before it."""
        connection = self._connection
        if connection.queue or self._waiting or connection.closed:
            self._give_later(piece, held)
            return
        if not changed:
            return
        try:
            sent = self._send(changed)
        except BlockingIOError, InterruptedError:
            sent = 0
        except OSError:
            connection.abort()
            return
        connection.sent += sent
        if sent < len(changed):
            connection.keep(changed, sent)

    def report(self, data: bytes) -> None:
        """Send RTCP while the viewer keeps up; the next one tells the same."""
        connection = self._connection
        if data and not self._waiting and not connection.queue:
            connection.write(data)
