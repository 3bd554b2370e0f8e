"""RTSP over HTTP on the port of the web services: its two requests are recognised here and served elsewhere.

Video never passes through this process: the connection itself is handed over, with what was read of it.
"""

import asyncio
import logging
import re
from typing import Protocol

from aiohttp import hdrs, web

from ..model import TunnelHalf

_LOGGER = logging.getLogger(__name__)

MAX_RECEIVED = 32 * 1024
"""Bytes of a POST's body that may be here before it is handed over."""
_MEDIA_TYPE = "application/x-rtsp-tunnelled"
_COOKIE_HEADER = "x-sessioncookie"
_COOKIE = re.compile(r"[!-~]{1,128}")


class TunnelTaker(Protocol):
    """Who serves RTSP."""

    def __call__(self, half: TunnelHalf, received: bytes, connection: int) -> None:
        """Take over a connection by a descriptor that is closed after the call; raises OSError where nobody can."""


class HandedOver(ConnectionError):
    """There is no connection here any more that an answer could be sent to."""


def tunnel_half(request: web.BaseRequest) -> TunnelHalf | None:
    """Return which half of which tunnel a request is; None where it is none."""
    cookie = request.headers.get(_COOKIE_HEADER)
    if cookie is None:
        return None
    header = {hdrs.METH_GET: hdrs.ACCEPT, hdrs.METH_POST: hdrs.CONTENT_TYPE}.get(request.method)
    if header is None or _MEDIA_TYPE not in request.headers.get(header, "").lower():
        return None
    return TunnelHalf(cookie=cookie, sending=request.method == hdrs.METH_POST, client=request.remote or "")


def hand_over(request: web.BaseRequest, half: TunnelHalf, take: TunnelTaker) -> int:
    """Give the connection of a request away and raise HandedOver; return the status of the answer where that can't be."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client is gone")
    if _COOKIE.fullmatch(half.cookie) is None or hdrs.TRANSFER_ENCODING in request.headers:
        return web.HTTPBadRequest.status_code
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    received = request.content.read_nowait() if request.can_read_body else b""
    if len(received) > MAX_RECEIVED:
        return web.HTTPRequestEntityTooLarge.status_code
    try:
        take(half, received, transport.get_extra_info("socket").fileno())
    except OSError as error:
        _LOGGER.debug("No tunnel for %s: %s", half.client, error)
        return web.HTTPServiceUnavailable.status_code
    # Only the descriptor is closed: the connection goes on at who took it.
    transport.abort()
    raise HandedOver
