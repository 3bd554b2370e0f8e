"""Bytes from one socket to another by way of a pipe in the kernel, without coming into this process (splice(2))."""

import contextlib
import fcntl
import os
import socket

PIPE_SIZE = 256 * 1024
"""Bytes that a pipe holds where its user may have more of that size (pipe(7), pipe-user-pages-soft); else what it gets."""
_FLAGS = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK


class Splice:
    """What one socket says to another. Both are non-blocking and somebody else's; the pipe is its own, and used for nothing else."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        """Make the pipe; raises OSError where there are no descriptors left."""
        self.held = 0
        """Bytes that the sink hasn't taken yet."""
        self.passed = 0
        """Bytes that it has, ever."""
        self.ended = False
        """Whether the source has ended."""
        self.done = False
        """Whether the sink has been told so, behind all that the source had said."""
        self._source = source
        self._sink = sink
        self._out, self._in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # a smaller pipe costs wake-ups, no more
            fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, PIPE_SIZE)

    @property
    def hungry(self) -> bool:
        """Whether the source is to be read: not while anything is held, when a full pipe would look like an empty socket."""
        return not self.ended and not self.held

    def pull(self) -> None:
        """Take what the source has, once, while hungry; raises OSError where it was reset."""
        try:
            self.held = os.splice(self._source.fileno(), self._in, PIPE_SIZE, flags=_FLAGS)
        except BlockingIOError:
            return
        self.ended = not self.held

    def push(self) -> None:
        """Give the sink what it takes, and the end when it is reached; raises OSError where the sink is gone."""
        if self.held:
            try:
                passed = os.splice(self._out, self._sink.fileno(), self.held, flags=_FLAGS)
            except BlockingIOError:
                return
            self.held -= passed
            self.passed += passed
        if self.ended and not self.held and not self.done:
            self.done = True
            self._sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give the pipe back, with whatever is left in it; called once."""
        os.close(self._in)
        os.close(self._out)
