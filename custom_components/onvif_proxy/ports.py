"""Choosing the ports of an endpoint, once: those that clients expect where possible, else the next free ones."""

from collections.abc import Collection, Iterable
import errno
import socket

DEDICATED_ONVIF_PORTS = (80, 8000)
DEDICATED_RTSP_PORTS = (554, 8554)
SHARED_ONVIF_PORTS = range(8081, 8081 + 256)
SHARED_RTSP_PORTS = range(8654, 8654 + 256)


def first_free_port(address: str, candidates: Iterable[int], taken: Collection[int] = ()) -> int | None:
    """Return the first candidate that can be listened on, leaving out those promised to others; None if there is none.

    A wildcard listener of another program, or a missing privilege for ports below 1024, rules a port out.
    Raises OSError when the address itself is not there.
    """
    for port in candidates:
        if port not in taken and _can_listen(address, port):
            return port
    return None


def _can_listen(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                return False
            raise
    return True
