"""The recorder's web server: SOAP services and snapshots behind digest authentication, with the faults that are on."""

import asyncio
from collections import Counter
import logging
from urllib.parse import urlsplit

from aiohttp import web

from .authentication import DigestRealm, UsernameTokens, Verdict
from .device_io_service import DeviceIoService
from .device_service import OPEN_OPERATIONS, DeviceService
from .event_service import FAULT_ACTION, EventService, action
from .faults import GARBAGE, Fault, Faults, reset_connection
from .imaging_service import ImagingService
from .loops import Loops
from .loudspeaker_service import LoudspeakerService
from .media2_service import Media2Service
from .media_service import MediaService
from .ptz_service import PtzService
from .service import Call, Handler, Recorder
from .soap import (
    CONTENT_TYPE,
    PASSWORD_DIGEST,
    SoapFault,
    SoapRequest,
    UsernameToken,
    envelope,
    fault_envelope,
    not_authorized,
    not_supported,
    parse,
)

_LOGGER = logging.getLogger(__name__)
MAX_BODY = 1 << 20
_COUNTED_AS = {"tr2": "Media2.", "tptz": "PTZ.", "timg": "Imaging.", "tmd": "DeviceIO."}
"""What stands before the names of operations that other services have, too."""


class _AskForCredentialsError(Exception):
    """HTTP 401 with a challenge."""

    def __init__(self, *, stale: bool = False) -> None:
        super().__init__()
        self.stale = stale


class OnvifServer:
    """HTTP: starts, stops, authenticates, dispatches."""

    def __init__(self, recorder: Recorder, loops: Loops, faults: Faults) -> None:
        """Serve a recorder."""
        self._recorder = recorder
        self._options = recorder.options
        self._loops = loops
        self._faults = faults
        self._realm = DigestRealm(
            f"{recorder.channels.vendor.name}-nvr",
            self._options.username,
            self._options.password,
            sha256=True,
            nonce_lifetime=self._options.nonce_lifetime,
        )
        self._tokens = UsernameTokens(self._options.username, self._options.password)
        device_io = DeviceIoService(recorder)
        self.device = DeviceService(recorder, device_io.counts)
        self.events = EventService(recorder, faults)
        paths = recorder.channels.vendor.paths
        self._services: dict[str, dict[str, Handler]] = {
            paths["device"]: self.device.operations | device_io.device_operations,
            paths["media"]: MediaService(recorder).operations | LoudspeakerService(recorder).operations,
            paths["device_io"]: device_io.operations,
        }
        if self._options.ptz:
            self._services[paths["ptz"]] = PtzService(recorder).operations
        if self._options.imaging:
            self._services[paths["imaging"]] = ImagingService(recorder).operations
        if self._options.media2:
            self._services[paths["media2"]] = Media2Service(recorder).operations
        self.requests: Counter[str] = Counter()
        self.authentication_failures: Counter[str] = Counter()
        self.port = 0
        self.rtsp_port = 0
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> None:
        """Listen; raises OSError."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/{path:.*}", self._soap)
        app.router.add_get("/{path:.*}", self._snapshot)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._options.host, port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close everything."""
        self.events.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def bases(self, request: web.Request) -> tuple[str, str]:
        """Return the HTTP and RTSP bases as the recorder believes it is reached."""
        name = request.transport.get_extra_info("sockname") if request.transport else None
        return self.bases_at(name[0] if name else self._options.host)

    def bases_at(self, address: str) -> tuple[str, str]:
        """Return the HTTP and RTSP bases at one of its addresses."""
        http = self._options.wrong_xaddr or f"{address}:{self.port}"
        host = urlsplit(f"//{http}").hostname
        return f"http://{http}", f"rtsp://{host}:{self.rtsp_port}"

    async def _misbehave(self, fault: Fault, request: web.Request) -> web.StreamResponse | None:
        """Return the answer of a fault, None when the right answer is to follow."""
        match fault.kind:
            case "hang" | "reset":
                if fault.kind == "hang":
                    await self._faults.hang()
                reset_connection(request.transport)
                # The lost connection cancels this handler.
                await asyncio.Event().wait()
            case "401":
                return self._challenge()
            case "500":
                return web.Response(status=500, text="Internal Server Error")
            case "empty":
                return web.Response(content_type=CONTENT_TYPE)
            case "garbage":
                return web.Response(body=GARBAGE, content_type=CONTENT_TYPE)
            case "slow":
                await asyncio.sleep(fault.seconds)
        return None

    def _challenge(self, *, stale: bool = False) -> web.Response:
        response = web.Response(status=401, text="Unauthorized")
        for challenge in self._realm.challenges(stale=stale):
            response.headers.add("WWW-Authenticate", challenge)
        return response

    async def _soap(self, request: web.Request) -> web.StreamResponse:
        operation = ""
        try:
            soap = parse(await request.read())
            operation = soap.name
            counted = _COUNTED_AS.get(soap.prefix, "") + soap.name
            self.requests[counted] += 1
            if self._options.answer_delay:
                await asyncio.sleep(self._options.answer_delay)
            if self._faults.onvif.concerns(counted) and (answer := await self._misbehave(self._faults.onvif, request)):
                return answer
            self._authenticate(request, soap)
            handler = self._handler(request.path_qs, soap)
            http_base, rtsp_base = self.bases(request)
            body = await handler(Call(request=soap, path=request.path_qs, http_base=http_base, rtsp_base=rtsp_base))
        except _AskForCredentialsError as ask:
            return self._challenge(stale=ask.stale)
        except SoapFault as fault:
            return web.Response(
                status=fault.status,
                body=fault_envelope(fault, FAULT_ACTION if action(operation) else None),
                content_type=CONTENT_TYPE,
                charset="utf-8",
            )
        is_event = request.path.startswith(self._recorder.channels.vendor.paths["events"])
        return web.Response(
            body=envelope(body, action(operation) if is_event else None), content_type=CONTENT_TYPE, charset="utf-8"
        )

    def _handler(self, path: str, soap: SoapRequest) -> Handler:
        operations = self._services.get(path)
        if operations is None and path.startswith(self._recorder.channels.vendor.paths["events"]):
            operations = self.events.operations
        handler = (operations or {}).get(f"{soap.prefix}:{soap.name}")
        if handler is None:
            raise not_supported()
        return handler

    def _authenticate(self, request: web.Request, soap: SoapRequest) -> None:
        """HTTP digest first, then the token when there is one: all that is given must be right."""
        if soap.name in OPEN_OPERATIONS:
            return
        if "Authorization" in request.headers or soap.token is None:
            self._check_digest(request, "onvif")
        if soap.token is not None and (reason := self._wrong_token(soap.token)):
            self.authentication_failures["onvif"] += 1
            _LOGGER.debug("Refused %s: %s", soap.name, reason)
            raise not_authorized()

    def _check_digest(self, request: web.Request, service: str) -> None:
        header = request.headers.get("Authorization")
        if header is None:
            raise _AskForCredentialsError
        # aiohttp shows the path decoded; what was signed is the request line's.
        verdict = self._realm.check(header, request.method, request.raw_path)
        if verdict is not Verdict.RIGHT:
            self.authentication_failures[service] += verdict is Verdict.WRONG
            raise _AskForCredentialsError(stale=verdict is Verdict.STALE)

    def _wrong_token(self, token: UsernameToken) -> str | None:
        if token.password_type != PASSWORD_DIGEST:
            return "not a password digest"
        return self._tokens.check(token.username, token.password, token.nonce, token.created, self._recorder.now())

    async def _snapshot(self, request: web.Request) -> web.StreamResponse:
        stream = next((one for one in self._recorder.channels.streams if one.snapshot_path == request.path_qs), None)
        if stream is None:
            raise web.HTTPNotFound
        self.requests["snapshot"] += 1
        fault = self._faults.snapshot
        if fault.concerns("snapshot") and (answer := await self._misbehave(fault, request)):
            return answer
        try:
            self._check_digest(request, "snapshot")
        except _AskForCredentialsError as ask:
            return self._challenge(stale=ask.stale)
        return web.Response(body=await self._loops.still(stream), content_type="image/jpeg")
