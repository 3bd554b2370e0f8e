"""The connections of an HTTP server: how many there are, and how long one may take up its place."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import logging
import select
from typing import Any, override

from aiohttp import web

_LOGGER = logging.getLogger(__name__)

HEAD_TIMEOUT = 5.0
ANSWER_TIMEOUT = 30.0
KEEP_ALIVE_TIMEOUT = 30.0
MAX_CONNECTIONS = 64
MAX_CONNECTIONS_PER_CLIENT = 24
_SMALL = 32 * 1024
"""Bytes, less than asyncio's buffer of a connection takes without waiting."""
IF_UNSENT = web.ResponseKey("if_unsent", list[Callable[[], None]])
"""Of a response: what is to be called when the connection breaks before the client has taken it."""


@dataclass(slots=True)
class _Place:
    """What a connection takes up."""

    client: str
    transport: asyncio.Transport
    timer: asyncio.TimerHandle
    """Ends the connection when the client is too slow with its first request, or with taking an answer."""


class CappedServer(web.Server):
    """An HTTP server of so many connections, so that one client can't shut out the others.

    Where all places are taken, that one is given to a new connection which has been without a request for the longest
    time. Where there is none, it is that of a request which waits for something to happen: of the same client if it has
    too many, else of the one with the most connections. Timeouts are seconds: `head_timeout` to the end of the first
    request's head, `answer_timeout` for the client to take an answer, `keep_alive_timeout` from one request to the head
    of the next.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        limit: int = MAX_CONNECTIONS,
        limit_per_client: int = MAX_CONNECTIONS_PER_CLIENT,
        head_timeout: float = HEAD_TIMEOUT,
        answer_timeout: float = ANSWER_TIMEOUT,
        keep_alive_timeout: float = KEEP_ALIVE_TIMEOUT,
        **options: Any,
    ) -> None:
        """Take aiohttp's options of a connection as well."""
        super().__init__(handler, request_factory=self._begin_request, handler_cancellation=True)
        self._limit = limit
        self._limit_per_client = limit_per_client
        self._head_timeout = head_timeout
        self._answer_timeout = answer_timeout
        self._options = options | {"keepalive_timeout": keep_alive_timeout}
        self._places: dict[web.RequestHandler, _Place] = {}
        self._clients: Counter[str] = Counter()
        self._idle: dict[web.RequestHandler, None] = {}
        """Without a request; for the longest time first."""
        self._waiting: dict[web.RequestHandler, None] = {}
        """With a request that waits for something to happen; for the longest time first."""

    @override
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._options)

    @override
    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        client = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._make_room(client):
            _LOGGER.debug("Too many connections; one more from %s refused", client)
            transport.abort()
            return
        timer = asyncio.get_running_loop().call_later(self._head_timeout, transport.abort)
        self._places[handler] = _Place(client, transport, timer)
        self._clients[client] += 1
        self._idle[handler] = None

    @override
    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        self._leave(handler)
        super().connection_lost(handler, exc)

    def end_waiting(self) -> None:
        """End the requests that wait for something to happen."""
        for handler in tuple(self._waiting):
            self._places[handler].transport.abort()

    @override
    async def shutdown(self, timeout: float | None = None) -> None:
        self.end_waiting()
        await super().shutdown(timeout)
        for handler, place in tuple(self._places.items()):
            self._leave(handler)
            place.transport.abort()  # or a client that takes nothing would keep it open

    def _make_room(self, client: str) -> bool:
        """Tell whether there is a place for one more connection, at the cost of an idle one if need be."""
        full_of_client = self._clients[client] >= self._limit_per_client
        if not full_of_client and len(self._places) < self._limit:
            return True
        handler = self._oldest(self._idle, client if full_of_client else None)
        if handler is None:
            greediest = max(self._clients, key=self._clients.__getitem__)
            handler = self._oldest(self._waiting, client if full_of_client else greediest)
        if handler is None:
            return False
        transport = self._places[handler].transport
        self._leave(handler)
        transport.abort()
        return True

    def _oldest(self, handlers: Iterable[web.RequestHandler], client: str | None) -> web.RequestHandler | None:
        """Return the first connection, of a client or of anybody."""
        return next((handler for handler in handlers if client in (None, self._places[handler].client)), None)

    def _leave(self, handler: web.RequestHandler) -> None:
        if (place := self._places.pop(handler, None)) is not None:
            place.timer.cancel()
            self._idle.pop(handler, None)
            self._waiting.pop(handler, None)
            self._clients[place.client] -= 1
            self._clients += Counter()  # drops the zeros

    def _begin_request(
        self, message: Any, payload: Any, protocol: web.RequestHandler, writer: Any, task: asyncio.Task[None]
    ) -> web.BaseRequest:
        """Make a request of its head, when it is its turn."""
        if (place := self._places.get(protocol)) is not None:
            place.timer.cancel()
            self._idle.pop(protocol, None)
        return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())

    @contextmanager
    def waiting(self, handler: web.RequestHandler) -> Iterator[None]:
        """Note that a request waits for something to happen: it ends at once when the place is needed, or on shutdown."""
        if handler in self._places:
            self._waiting[handler] = None
        try:
            yield
        finally:
            self._waiting.pop(handler, None)

    def begin_answer(self, handler: web.RequestHandler, answer: web.StreamResponse) -> None:
        """Note that a client has to take an answer now; a small one is out of our hands at once."""
        if (place := self._places.get(handler)) is None:
            return
        if place.transport.get_write_buffer_size() or (answer.content_length or _SMALL) >= _SMALL:
            place.timer = asyncio.get_running_loop().call_later(self._answer_timeout, place.transport.abort)

    def end_answer(self, handler: web.RequestHandler) -> None:
        """Note that it has, and that its next request is awaited."""
        if (place := self._places.get(handler)) is not None:
            place.timer.cancel()
            self._idle[handler] = None


class _Connection(web.RequestHandler):
    """Tells its server when an answer begins and ends, and its author when the client did not take it."""

    __slots__ = ("_server",)

    def __init__(self, server: CappedServer, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server

    @override
    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        undo = resp.get(IF_UNSENT, [])
        self._server.begin_answer(self, resp)
        is_lost = bool(undo) and _has_left(self.transport)
        is_sent = False
        try:
            resp, is_broken = await super().finish_response(request, resp, start_time)
            is_sent = not is_broken and not is_lost
        finally:
            self._server.end_answer(self)
            if not is_sent:
                for call in undo:
                    call()
        return resp, is_broken


def _has_left(transport: asyncio.BaseTransport | None) -> bool:
    """Tell whether a client has closed its connection, though the event loop may not have seen it yet."""
    if transport is None or transport.is_closing():
        return True
    poll = select.poll()
    poll.register(transport.get_extra_info("socket"), select.POLLRDHUP)
    return bool(poll.poll(0))
