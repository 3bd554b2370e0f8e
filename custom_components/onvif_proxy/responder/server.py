"""The HTTP side of a virtual camera: SOAP on the services' paths, and the still image."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
import inspect
import logging
import re
import socket
from typing import Any, Protocol, Self, override

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11
from lxml import etree

from ..digest import DigestServer
from ..model import CameraDescription, Snapshot
from .auth import Access, Gate, HttpLogin, TokenVerifier
from .connections import (
    ANSWER_TIMEOUT,
    HEAD_TIMEOUT,
    KEEP_ALIVE_TIMEOUT,
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_PER_CLIENT,
    CappedServer,
)
from .errors import (
    ActionNotSupported,
    LoginNeeded,
    NotWellFormed,
    ReceiverFault,
    SnapshotUnavailable,
    SoapFault,
    TooLarge,
    TooSlow,
)
from .names import SNAPSHOT_PATH
from .services import OPERATIONS, SERVICES, Context
from .soap import CONTENT_TYPE, build_answer, build_fault, parse_request
from .xmltree import XmlLimits

_LOGGER = logging.getLogger(__name__)

MAX_BODY_SIZE = 256 * 1024
BODY_TIMEOUT = 10.0
LINGER_TIMEOUT = 2.0
SNAPSHOT_TIMEOUT = 15.0
SHUTDOWN_TIMEOUT = 0.3
SNAPSHOT_RETRY_AFTER = 5

_SOAP_PATHS = frozenset(service.path for service in SERVICES)
_SERVER_HEADERS = {hdrs.SERVER: "onvif_proxy"}
_IMAGE_TYPE = re.compile(r"image/[a-z0-9.+-]+")


class SnapshotSource(Protocol):
    """Who fetches the still image from the recorder."""

    async def snapshot(self) -> Snapshot:
        """Return an image; raises `SnapshotUnavailable`."""


class _QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """What strangers send is no error of ours: aiohttp logs a broken request with its traceback."""

    @override
    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.debug(msg, *args)


class OnvifServer:
    """Answers the ONVIF clients of one virtual camera on its endpoint.

    Operations are looked up by the expanded name of the only child of the SOAP body, whichever service's path it came
    to: some clients send media requests to the device service. All timeouts are seconds, all sizes bytes.
    """

    def __init__(
        self,
        description: CameraDescription,
        snapshots: SnapshotSource,
        *,
        discoverable: bool = True,
        max_body_size: int = MAX_BODY_SIZE,
        xml_limits: XmlLimits | None = None,
        head_timeout: float = HEAD_TIMEOUT,
        body_timeout: float = BODY_TIMEOUT,
        answer_timeout: float = ANSWER_TIMEOUT,
        keep_alive_timeout: float = KEEP_ALIVE_TIMEOUT,
        snapshot_timeout: float = SNAPSHOT_TIMEOUT,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT,
        max_connections: int = MAX_CONNECTIONS,
        max_connections_per_client: int = MAX_CONNECTIONS_PER_CLIENT,
        tokens: TokenVerifier | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_client: Callable[[str], None] | None = None,
    ) -> None:
        """Make a server that listens on nothing yet.

        Cameras with the same credentials must share `tokens`, and keep them over a restart: a token that was used at one
        camera would else be good at another, or once more. `on_client` is called with the IPv4 address of the client for
        each SOAP request that its login let in.
        """
        self.discoverable = discoverable
        """What GetDiscoveryMode says; set it when discovery is switched."""
        self._description = description
        self._snapshots = snapshots
        self._max_body_size = max_body_size
        self._xml_limits = xml_limits or XmlLimits()
        self._head_timeout = head_timeout
        self._body_timeout = body_timeout
        self._answer_timeout = answer_timeout
        self._keep_alive_timeout = keep_alive_timeout
        self._snapshot_timeout = snapshot_timeout
        self._shutdown_timeout = shutdown_timeout
        self._max_connections = max_connections
        self._max_connections_per_client = max_connections_per_client
        self._clock = clock
        self._on_client = on_client
        self._gate = Gate(
            digest=DigestServer(realm=f"onvif_proxy {description.identity.uuid}"),
            tokens=TokenVerifier(clock=clock) if tokens is None else tokens,
        )
        self._runner: web.ServerRunner | None = None
        self._port = description.endpoint.onvif_port
        self._handlers: set[asyncio.Task[Any]] = set()

    @property
    def port(self) -> int:
        """The bound port; before the start, the wanted one."""
        return self._port

    async def start(self) -> None:
        """Listen on the endpoint; raises OSError."""
        if self._runner is not None:
            return
        endpoint = self._description.endpoint
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((endpoint.address, endpoint.onvif_port))
            server = CappedServer(
                self._handle,
                limit=self._max_connections,
                limit_per_client=self._max_connections_per_client,
                head_timeout=self._head_timeout,
                answer_timeout=self._answer_timeout,
                keep_alive_timeout=self._keep_alive_timeout,
                access_log=None,
                logger=_QuietLogger(_LOGGER),
                lingering_time=LINGER_TIMEOUT,
                auto_decompress=False,
            )
            runner = web.ServerRunner(server, shutdown_timeout=self._shutdown_timeout)
            await runner.setup()
            await web.SockSite(runner, listener).start()
        except BaseException:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        self._runner = runner

    async def stop(self) -> None:
        """Close the socket and all connections; idempotent."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        await runner.cleanup()
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=self._shutdown_timeout)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def update(self, description: CameraDescription) -> None:
        """Say something else from now on; the endpoint must be the same."""
        self._description = description

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        try:
            return await self._dispatch(request)
        except ConnectionError:
            raise
        except Exception:
            _LOGGER.exception("Could not answer %s", request.path)
            return web.Response(status=500, headers=_SERVER_HEADERS)

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path in _SOAP_PATHS:
            methods, handle = {hdrs.METH_POST}, self._handle_soap
        elif request.path == SNAPSHOT_PATH:
            methods, handle = {hdrs.METH_GET, hdrs.METH_HEAD}, self._handle_snapshot
        else:
            return web.Response(status=404, headers=_SERVER_HEADERS)
        if request.method not in methods:
            allow = {hdrs.ALLOW: ", ".join(sorted(methods))}
            return web.Response(status=405, headers=_SERVER_HEADERS | allow)
        return await handle(request)

    async def _handle_soap(self, request: web.BaseRequest) -> web.Response:
        try:
            answer = await self._answer(request)
        except SoapFault as fault:
            return self._refuse(fault)
        return web.Response(body=answer, content_type=CONTENT_TYPE, charset="utf-8", headers=_SERVER_HEADERS)

    async def _answer(self, request: web.BaseRequest) -> bytes:
        """Return the answer of an operation; raises `SoapFault`, and nothing else but what a lost connection does."""
        soap = parse_request(await self._read_body(request), self._xml_limits)
        operation = OPERATIONS.get(soap.operation)
        description = self._description
        access = None if operation is None else operation.access
        self._gate.check_soap(access, soap.headers, _login_of(request), description.credentials)
        if self._on_client is not None and access is not Access.PRE_AUTH and request.remote is not None:
            self._on_client(request.remote)
        name = etree.QName(soap.operation).localname
        if operation is None:
            raise ActionNotSupported(name)
        context = Context(
            description=description,
            onvif_port=self._port,
            services=SERVICES,
            discoverable=self.discoverable,
            now=self._clock(),
        )
        try:
            answer = operation.handler(context, soap.body)
            return build_answer(await answer if inspect.isawaitable(answer) else answer)
        except SoapFault:
            raise
        except Exception as error:
            _LOGGER.exception("Could not answer %s", name)
            raise ReceiverFault("The device failed to answer", "ter:Action") from error

    async def _read_body(self, request: web.BaseRequest) -> bytes:
        too_large = TooLarge(f"The request has more than {self._max_body_size} bytes")
        if (request.content_length or 0) > self._max_body_size:
            raise too_large
        if request.version == HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # or an error would be taken for one in the midst of an answer
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_timeout):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > self._max_body_size:
                        raise too_large
        except TimeoutError as error:
            raise TooSlow("The request did not arrive in time") from error
        except web.RequestPayloadError as error:
            raise NotWellFormed("The body of the request is broken") from error
        return bytes(body)

    def _refuse(self, fault: SoapFault) -> web.Response:
        response = web.Response(
            status=fault.status,
            body=build_fault(fault),
            content_type=CONTENT_TYPE,
            charset="utf-8",
            headers=_SERVER_HEADERS,
        )
        if isinstance(fault, LoginNeeded):
            self._challenge(response, fault)
        if isinstance(fault, TooLarge | TooSlow):
            response.force_close()
        return response

    def _challenge(self, response: web.Response, fault: LoginNeeded) -> None:
        for challenge in self._gate.digest.challenges(stale=fault.stale):
            response.headers.add(hdrs.WWW_AUTHENTICATE, challenge)

    async def _handle_snapshot(self, request: web.BaseRequest) -> web.Response:
        try:
            self._gate.check_http(_login_of(request), self._description.credentials)
        except LoginNeeded as fault:
            response = web.Response(status=fault.status, headers=_SERVER_HEADERS)
            self._challenge(response, fault)
            return response
        try:
            snapshot = await self._fetch_snapshot()
        except SnapshotUnavailable as error:
            _LOGGER.debug("No snapshot: %s", error)
            return web.Response(status=503, headers=_SERVER_HEADERS | {hdrs.RETRY_AFTER: str(SNAPSHOT_RETRY_AFTER)})
        return web.Response(
            body=snapshot.image,
            content_type=snapshot.content_type,
            headers=_SERVER_HEADERS | {hdrs.CACHE_CONTROL: "no-store"},
        )

    async def _fetch_snapshot(self) -> Snapshot:
        try:
            async with asyncio.timeout(self._snapshot_timeout):
                snapshot = await self._snapshots.snapshot()
        except TimeoutError as error:
            raise SnapshotUnavailable("the recorder took too long") from error
        if _IMAGE_TYPE.fullmatch(snapshot.content_type) is None:
            raise SnapshotUnavailable("what the recorder sent is not an image")
        return snapshot


def _login_of(request: web.BaseRequest) -> HttpLogin:
    """Return what a digest is made of; bytes that are not UTF-8 become question marks, which match nothing."""

    def clean(text: str) -> str:
        return text.encode("utf-8", "replace").decode()

    authorization = request.headers.get(hdrs.AUTHORIZATION)
    return HttpLogin(
        authorization=None if authorization is None else clean(authorization),
        method=request.method,
        target=clean(request.raw_path),
        host=clean(request.headers.get(hdrs.HOST, "")),
    )
