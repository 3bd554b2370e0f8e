"""One keeper in a network namespace: a second one would undo what the first one does."""

import errno
from pathlib import Path
import socket
from typing import Self

from .errors import Fault, KeptElsewhere

_NAME = "\0onvif_proxy.interfaces"
"""Of a unix socket without a file: its scope is the network namespace, and it is gone with its process, however that ends."""


_SOCKETS = Path("/proc/thread-self/net/unix")
"""proc(5), /proc/net/unix: of the network namespace that the calling thread is in, which /proc/net is not."""
_STREAM = b"0001"


def is_kept() -> bool:
    """Tell whether a keeper runs in this network namespace; reads a file.

    Taking the lock to find out would turn away a keeper that starts in that moment, and that may be for good.
    """
    name = _NAME.replace("\0", "@").encode()
    sockets = (line.split(maxsplit=7) for line in _SOCKETS.read_bytes().splitlines())
    return any(len(fields) == 8 and (fields[4], fields[7]) == (_STREAM, name) for fields in sockets)


class KeeperLock:
    """Held from its making until it is released."""

    def __init__(self) -> None:
        """Take the lock.

        Raises:
            KeptElsewhere: Somebody has it.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.bind(_NAME)
        except OSError as error:
            self._socket.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise KeptElsewhere(Fault.KEPT_ELSEWHERE) from error

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        self._socket.close()

    def __enter__(self) -> Self:
        """Hold it."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Release it."""
        self.release()
