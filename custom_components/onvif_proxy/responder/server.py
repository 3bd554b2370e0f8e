"""The HTTP side of a virtual camera: SOAP on the services' paths, and the still image."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
import inspect
import logging
import re
import socket
from typing import Any, Self, override

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11
from lxml import etree

from ..digest import DigestServer
from ..model import CameraDescription, Snapshot
from .answers import AnswerCache
from .auth import Access, Gate, HttpLogin, TokenVerifier
from .camera import Camera
from .connections import (
    ANSWER_TIMEOUT,
    HEAD_TIMEOUT,
    IF_UNSENT,
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
from .names import SNAPSHOT_PATH, SUBSCRIPTION_PATH
from .services import OPERATIONS, SERVICES, Context, operations_of
from .services.base import Operation
from .soap import CONTENT_TYPE, Addressing, SoapRequest, build_answer, build_fault, parse_request
from .tunnels import TunnelTaker, hand_over, tunnel_half
from .xmltree import XmlLimits

_LOGGER = logging.getLogger(__name__)

MAX_BODY_SIZE = 256 * 1024
BODY_TIMEOUT = 10.0
LINGER_TIMEOUT = 2.0
SNAPSHOT_TIMEOUT = 15.0
SHUTDOWN_TIMEOUT = 0.3
SNAPSHOT_RETRY_AFTER = 5

_SOAP_PATHS = frozenset(service.path for service in SERVICES)
_SERVICE_OF = {name: service for service in SERVICES for name in operations_of((service,))}
_SERVER_HEADERS = {hdrs.SERVER: "onvif_proxy"}
_SOAP_HEADERS = _SERVER_HEADERS | {hdrs.CONTENT_TYPE: f"{CONTENT_TYPE}; charset=utf-8"}
_ALGORITHMS = ("MD5", "SHA-256", "MD5")
"""Of the challenges, in order: MD5 at both ends, as some clients read only the first, and FFmpeg only the last, and neither
knows more. Tried with FFmpeg 9.0 (401 when SHA-256 is the last), curl, aiohttp, httpx, requests and npm's onvif 0.8.3."""
_IMAGE_TYPE = re.compile(r"image/[a-z0-9.+-]+")


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
        camera: Camera,
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
        tunnels: TunnelTaker | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_client: Callable[[str], None] | None = None,
    ) -> None:
        """Make a server that listens on nothing yet.

        Cameras with the same credentials must share `tokens`, and keep them over a restart: a token that was used at one
        camera would else be good at another, or once more. `tunnels` serves RTSP over HTTP; None where nobody does. `on_client`
        is called with the IPv4 address of the client for each SOAP request that its login let in.
        """
        self.discoverable = discoverable
        """What GetDiscoveryMode says; set it when discovery is switched."""
        self._describe(description)
        self._camera = camera
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
        self._tunnels = tunnels
        self._clock = clock
        self._on_client = on_client
        self._gate = Gate(
            digest=DigestServer(f"onvif_proxy {description.identity.uuid}", algorithms=_ALGORITHMS),
            tokens=TokenVerifier(clock=clock) if tokens is None else tokens,
            logins=camera.logins,
        )
        self._answers = AnswerCache()
        self._server: CappedServer | None = None
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
        self._answers.clear()
        self._server = server
        self._runner = runner

    async def stop(self) -> None:
        """Close the socket and all connections; idempotent."""
        if self._runner is None:
            return
        runner, self._runner, self._server = self._runner, None, None
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
        """Say something else from now on, and let in by other credentials; the endpoint must be the same.

        Who waits for events on the strength of former credentials has to log in anew.
        """
        former = self._description.credentials
        self._describe(description)
        self._answers.clear()
        if self._server is not None and description.credentials not in (None, former):
            self._server.end_waiting()

    def _describe(self, description: CameraDescription) -> None:
        self._description = description
        self._services = tuple(service for service in SERVICES if service.offered(description))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            return await self._dispatch(request)
        except ConnectionError:
            raise
        except Exception:
            _LOGGER.exception("Could not answer %s", request.path)
            return web.Response(status=500, headers=_SERVER_HEADERS)
        finally:
            self._handlers.discard(task)

    @property
    def _tunnel_taker(self) -> TunnelTaker | None:
        """Who serves RTSP over HTTP; nobody while RTSP is passed on as it is."""
        return self._tunnels if self._description.raw_paths is None else None

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._description.credentials is None and hdrs.ORIGIN in request.headers:
            # A web page, in the browser of somebody who may reach the camera. No client of cameras says where it is from.
            return web.Response(status=403, headers=_SERVER_HEADERS)
        if (take := self._tunnel_taker) is not None and (half := tunnel_half(request)) is not None:
            response = web.Response(status=hand_over(request, half, take), headers=_SERVER_HEADERS)
            response.force_close()
            return response
        path = request.raw_path if request.raw_path in _SOAP_PATHS else request.path
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
        if path in _SOAP_PATHS:
            methods, handle = {hdrs.METH_POST}, self._handle_soap
        elif (subscription := _subscription_of(path)) is not None:
            methods, handle = {hdrs.METH_POST}, partial(self._handle_soap, subscription=subscription)
        elif path == SNAPSHOT_PATH:
            methods, handle = {hdrs.METH_GET, hdrs.METH_HEAD}, self._handle_snapshot
        else:
            return web.Response(status=404, headers=_SERVER_HEADERS)
        if request.method not in methods:
            allow = {hdrs.ALLOW: ", ".join(sorted(methods))}
            return web.Response(status=405, headers=_SERVER_HEADERS | allow)
        return await handle(request)

    async def _handle_soap(self, request: web.BaseRequest, *, subscription: str | None = None) -> web.Response:
        addressing = None
        try:
            soap = parse_request(await self._read_body(request), self._xml_limits)
            operation = OPERATIONS.get(soap.operation)
            if operation is not None and operation.action is not None:
                addressing = Addressing(operation.action, soap.message_id)
            self._gate.check_soap(
                None if operation is None else operation.access,
                soap.headers,
                _login_of(request),
                self._description.credentials,
            )
            open_to_all = operation is not None and operation.access is Access.PRE_AUTH
            if self._on_client is not None and not open_to_all and request.remote is not None:
                self._on_client(request.remote)
            name = etree.QName(soap.operation).localname
            if operation is None or _SERVICE_OF[soap.operation] not in self._services:
                raise ActionNotSupported(name)
            if_unsent: list[Callable[[], None]] = []
            answer = await self._answer(request, soap, operation, addressing, subscription, if_unsent)
        except SoapFault as fault:
            return self._refuse(fault, addressing)
        response = web.Response(body=answer, headers=_SOAP_HEADERS)
        response[IF_UNSENT] = if_unsent
        return response

    async def _answer(
        self,
        request: web.BaseRequest,
        soap: SoapRequest,
        operation: Operation,
        addressing: Addressing | None,
        subscription: str | None,
        if_unsent: list[Callable[[], None]],
    ) -> bytes:
        """Return the answer of an operation; raises `SoapFault`, and nothing else but what a lost connection does."""
        key = None
        if operation.constant and (addressing is None or addressing.relates_to is None):
            key = self._answers.key(soap.body)
            if (kept := self._answers.get(key)) is not None:
                return kept
        context = Context(
            description=self._description,
            onvif_port=self._port,
            services=self._services,
            camera=self._camera,
            discoverable=self.discoverable,
            tunnels=self._tunnel_taker is not None,
            now=self._clock(),
            client=request.remote or "",
            subscription=subscription,
            headers=soap.headers,
            if_unsent=if_unsent,
        )
        try:
            content = operation.handler(context, soap.body)
            if inspect.isawaitable(content):
                with self._waiting(request, operation):
                    content = await content
            answer = build_answer(content, addressing)
        except SoapFault:
            raise
        except Exception as error:
            for undo in if_unsent:
                undo()
            _LOGGER.exception("Could not answer %s", etree.QName(soap.operation).localname)
            raise ReceiverFault("The device failed to answer", "ter:Action") from error
        if key is not None and context.description is self._description:
            self._answers.keep(key, answer)
        return answer

    def _waiting(self, request: web.BaseRequest, operation: Operation) -> AbstractContextManager[None]:
        """Let go of a request for events when its place is needed: it may wait for a minute."""
        if operation.action is None or self._server is None:
            return nullcontext()
        return self._server.waiting(request.protocol)

    async def _read_body(self, request: web.BaseRequest) -> bytes:
        if (request.content_length or 0) > self._max_body_size:
            raise self._too_large()
        body = bytearray()
        try:
            if request.content.is_eof():  # it came along with the head: no need to wait
                body += request.content.read_nowait()
            else:
                await self._receive_body(request, body)
        except TimeoutError as error:
            raise TooSlow("The request did not arrive in time") from error
        except web.RequestPayloadError as error:
            raise NotWellFormed("The body of the request is broken") from error
        if len(body) > self._max_body_size:
            raise self._too_large()
        return bytes(body)

    async def _receive_body(self, request: web.BaseRequest, body: bytearray) -> None:
        if request.version == HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # or an error would be taken for one in the midst of an answer
        async with asyncio.timeout(self._body_timeout):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > self._max_body_size:
                    raise self._too_large()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The request has more than {self._max_body_size} bytes")

    def _refuse(self, fault: SoapFault, addressing: Addressing | None) -> web.Response:
        response = web.Response(
            status=fault.status,
            body=build_fault(fault, addressing),
            headers=_SOAP_HEADERS,
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
            self._gate.check_snapshot(_login_of(request), self._description.credentials)
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
                snapshot = await self._camera.snapshots.snapshot()
        except TimeoutError as error:
            raise SnapshotUnavailable("the recorder took too long") from error
        if _IMAGE_TYPE.fullmatch(snapshot.content_type) is None:
            raise SnapshotUnavailable("what the recorder sent is not an image")
        return snapshot


def _subscription_of(path: str) -> str | None:
    """Return the id of the pull point that a path is of."""
    name = path.removeprefix(SUBSCRIPTION_PATH)
    return name if name and name != path else None


def _login_of(request: web.BaseRequest) -> HttpLogin:
    """Return what a digest is made of; bytes that are not UTF-8 become question marks, which match nothing."""
    source = request.remote or ""
    authorization = request.headers.get(hdrs.AUTHORIZATION)
    if authorization is None:
        return HttpLogin(source)

    def clean(text: str) -> str:
        return text.encode("utf-8", "replace").decode()

    return HttpLogin(
        source,
        authorization=clean(authorization),
        method=request.method,
        target=clean(request.raw_path),
        host=clean(request.headers.get(hdrs.HOST, "")),
    )
