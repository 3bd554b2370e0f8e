"""Connecting to a recorder."""

import asyncio
import socket

from .errors import UpstreamUnreachable
from .uris import Location


async def dial(location: Location) -> socket.socket:
    """Return a connected, non-blocking socket. Raises UpstreamUnreachable."""
    try:
        return await _connected(location.host, location.port)
    except OSError as error:
        raise UpstreamUnreachable(f"recorder can't be reached: {error.strerror or type(error).__name__}") from error


async def _connected(host: str, port: int) -> socket.socket:
    """Return a connected, non-blocking socket. Raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        # Without the thread that a name needs.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock
