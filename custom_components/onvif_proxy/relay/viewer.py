"""The relay as a server: one viewer's connection and the RTSP session in it (RFC 2326)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from enum import Enum, auto
import logging
import math
import secrets
import socket

from ..rtsp import Headers, InterleavedRun, RtspError, RtspFramer, RtspRequest, RtspResponse
from ..sdp import MediaDescription
from .backchannel import FEATURE, BackchannelBusy
from .camera import Camera
from .connection import Connection, local_address
from .description import TRACK, describe
from .errors import UpstreamError
from .fields import Channels, RtpInfo, parse_session, parse_transports
from .frames import RtpHeader
from .hub import StreamHub
from .login import ViewerLogin
from .route import Route
from .statistics import ViewerStatistics
from .uris import ViewerTarget, parse_viewer_uri

_LOGGER = logging.getLogger(__name__)

_RETRY_AFTER = "10"
"""Seconds, with 503."""
_LIVE = "npt=now-"
"""The range of what is played: what happens now (RFC 2326 section 3.6)."""


class _State(Enum):
    """RFC 2326 appendix A.2."""

    INIT = auto()
    READY = auto()
    PLAYING = auto()


class _Refusal(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, **fields: str) -> None:
        super().__init__(status)
        self.status = status
        self.fields = [(name.replace("_", "-"), value) for name, value in fields.items()]


class ViewerSession:
    """Answers one viewer; holds a stream from its first DESCRIBE or SETUP to its end."""

    def __init__(self, camera: Camera, sock: socket.socket, address: str, *, transport: str = "TCP") -> None:
        """Serve a connection that was accepted from an address; `transport` is how statistics call it."""
        self.address = address
        self._transport = transport
        self.connection = Connection(self, camera.common.plane, camera.limits, sock)
        self._camera = camera
        self._limits = camera.limits
        self._framer = RtspFramer(max_items=camera.limits.max_items_per_read)
        self._allowance: int | None = camera.limits.max_login_bytes
        """Bytes that may still be received; None for any number."""
        self._login = ViewerLogin(camera.realm, camera.logins)
        self._since = datetime.now(UTC)
        self._requests: deque[RtspRequest] = deque()
        self._arrived = asyncio.Event()
        self._ending = False
        self._seen = 0.0
        self._idle: asyncio.TimerHandle | None = None
        self._hub: StreamHub | None = None
        self._media: Mapping[int, MediaDescription] = {}
        self._back: dict[int, MediaDescription] = {}
        """What it may talk through, by track number."""
        self._talk: int | None = None
        """The channel that it talks through."""
        self._description = b""
        self._state = _State.INIT
        self._session = ""
        self._route = Route(self.connection, address, camera.common.plane, camera.limits, self._report_received)
        self._starts = False
        """Whether media follows the answer to the present request."""
        self._methods: dict[str, Callable[[RtspRequest, ViewerTarget], Awaitable[RtspResponse]]] = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "TEARDOWN": self._teardown,
            "GET_PARAMETER": self._parameter,
            "SET_PARAMETER": self._parameter,
        }

        camera.viewers.add(self)
        # Eager: a task that is cancelled before its first step would never reach its end.
        self.task: asyncio.Task[None] | None = asyncio.get_running_loop().create_task(self._run(), eager_start=True)
        """Runs until nothing of it is left."""
        self.connection.start()

    @property
    def known(self) -> bool:
        """Tell whether it has logged in."""
        return self._login.done

    @property
    def watching(self) -> bool:
        """Tell whether it holds a stream."""
        return self._hub is not None

    def statistics(self) -> ViewerStatistics | None:
        """Return what it is doing; None where it has set up nothing to play."""
        if self._state is _State.INIT or self._hub is None:
            return None
        return ViewerStatistics(
            address=self.address,
            since=self._since,
            stream=self._hub.name,
            transport="UDP" if self._route.in_datagrams else self._transport,
            bytes=self._route.sent,
            dropped_groups=self._route.dropped,
        )

    async def _run(self) -> None:
        """Serve the viewer until its end; then nothing of it is left."""
        try:
            self._seen = asyncio.get_running_loop().time()
            self._watch_idleness()
            while not self._ending:
                await self._arrived.wait()
                self._arrived.clear()
                while self._requests and not self._ending:
                    await self._serve_or_fail(self._requests.popleft())
        finally:
            self._ending = True
            if self._idle is not None:
                self._idle.cancel()
            self._release()
            self.connection.finish()
            try:
                await self.connection.wait_closed()
            finally:
                self._camera.viewers.discard(self)

    def end(self) -> None:
        """Begin the end; answers that are on their way to the viewer still get there."""
        if not self._ending and self.task is not None:
            self._ending = True
            self.task.cancel()

    # What the connection tells.

    def data_received(self, size: int) -> int:
        """Take requests and RTCP. Raises RtspError."""
        if self._allowance is not None:
            self._allowance -= size
            if self._allowance < 0:
                raise RtspError("too much before a login")
        for item in self._framer.feed(bytes(self._camera.common.plane.view[:size])):
            if isinstance(item, InterleavedRun):
                if not self._session:
                    raise RtspError("interleaved data before SETUP")
                self._report_received()
                if self._talk is not None:
                    self._hear(item)
            elif isinstance(item, RtspRequest):
                self._request_received(item)
        return size

    def _request_received(self, request: RtspRequest) -> None:
        """Queue a request."""
        if len(self._requests) >= self._limits.max_pipelined:
            _LOGGER.debug("Viewer %s sends requests without waiting for answers", self.address)
            self.end()
            return
        self._requests.append(request)
        self._arrived.set()

    def _report_received(self) -> None:
        """Take the viewer's RTCP for a sign of life: the recorder gets the relay's."""
        self._seen = asyncio.get_running_loop().time()

    def _hear(self, run: InterleavedRun) -> None:
        """Pass on what the viewer says."""
        for channel, packet in run.frames():
            if channel == self._talk:
                self._say(packet)

    def _say(self, packet: memoryview) -> None:
        if self._state is _State.PLAYING:
            self._camera.backchannel.say(self, packet)

    def framing_lost(self, error: RtspError) -> None:
        """Answer nonsense and close."""
        _LOGGER.debug("Viewer %s sent no RTSP: %s", self.address, error)
        self.connection.write(RtspResponse(400, headers=Headers([("Connection", "close")])).to_bytes())
        self.end()

    def connection_lost(self) -> None:
        """End with the connection."""
        self.end()

    # Its life.

    def _watch_idleness(self) -> None:
        loop = asyncio.get_running_loop()
        limit = self._limits.session_timeout if self._login.done else self._limits.handshake_timeout
        if loop.time() - self._seen >= limit:
            _LOGGER.debug("Viewer %s was silent for %.0f s", self.address, limit)
            self.end()
        else:
            self._idle = loop.call_at(self._seen + limit, self._watch_idleness)

    def _release(self) -> None:
        """Give the stream back; the viewer may begin anew."""
        self._leave()
        hub, self._hub = self._hub, None
        former, self._state = self._state, _State.INIT
        if former is not _State.INIT:
            self._camera.on_change()
        self._back = {}
        self._end_talk()
        self._route.close()
        if hub is not None:
            hub.release(self)

    def _leave(self) -> None:
        """Get no more media."""
        if self._hub is not None:
            self._hub.fanout.leave(self._route.delivery)
        self._route.renew()

    # Requests.

    async def _serve_or_fail(self, request: RtspRequest) -> None:
        """Serve a request; a defect of ours ends this viewer, and it is told so."""
        try:
            await self._serve(request)
        except Exception:
            _LOGGER.exception("Could not answer %s", request.method)
            headers = Headers([("CSeq", str(request.cseq or 0)), ("Connection", "close")])
            self.connection.write(RtspResponse(500, headers=headers).to_bytes())
            self._ending = True

    async def _serve(self, request: RtspRequest) -> None:
        target = parse_viewer_uri(request.uri)
        try:
            response = await self._respond(request, target)
        except _Refusal as refusal:
            response = RtspResponse(refusal.status, headers=Headers(refusal.fields))
        except UpstreamError as error:
            _LOGGER.debug("%s for viewer %s: %s", request.method, self.address, error)
            self._release()
            response = RtspResponse(error.status)
            if error.status == 503:
                response.headers.set("Retry-After", _RETRY_AFTER)
        fields = [("CSeq", str(request.cseq))] if request.cseq is not None else []
        response.headers = Headers([*fields, *response.headers.items()])
        self.connection.write(response.to_bytes())
        if self._starts and response.status == 200 and self._hub is not None:
            self._state = _State.PLAYING
            self._hub.fanout.join(self._route.delivery, self._route.tracks)
        self._starts = False
        if self._login.failures >= self._limits.max_login_failures:
            _LOGGER.debug("Viewer %s can't log in", self.address)
            self._ending = True

    async def _respond(self, request: RtspRequest, target: ViewerTarget | None) -> RtspResponse:
        if request.version != "RTSP/1.0":
            raise _Refusal(505)
        if request.cseq is None:
            raise _Refusal(400)
        if request.method != "OPTIONS":
            challenges = self._login.check(request, target, self._camera.credentials, address=self.address)
            if challenges:
                raise _Challenge(challenges)
            self._allowance = None
        if self._login.done:
            self._seen = asyncio.get_running_loop().time()
        method = self._methods.get(request.method)
        if method is None:
            raise _Refusal(501, Public=", ".join(self._methods))
        if target is None or (target.name and target.name not in self._camera.hubs):
            raise _Refusal(404)
        if (required := request.headers.get("Require")) and required != FEATURE:
            raise _Refusal(551, Unsupported=required)
        session = parse_session(request.headers.get("Session") or "")[0]
        if session and (session != self._session or self._state is _State.INIT):
            raise _Refusal(454)
        response = await method(request, target)
        if self._state is not _State.INIT and "Session" not in response.headers:
            response.headers.set("Session", self._session)
        return response

    async def _options(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        return RtspResponse(200, headers=Headers([("Public", ", ".join(self._methods))]))

    async def _parameter(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        """Take it as a sign of life; there are no parameters."""
        if request.body.strip():
            raise _Refusal(451)
        return RtspResponse(200)

    async def _describe(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        if not target.name or target.track is not None:
            raise _Refusal(404)
        accepted = request.headers.get("Accept") or "*/*"
        if not any(kind in accepted.lower() for kind in ("application/sdp", "application/*", "*/*")):
            raise _Refusal(406)
        await self._open(target.name)
        if (required := request.headers.get("Require")) and not await self._learn_backchannel(target.name):
            raise _Refusal(551, Unsupported=required)
        headers = [("Content-Base", self._uri(target) + "/"), ("Content-Type", "application/sdp")]
        return RtspResponse(200, headers=Headers(headers), body=self._description)

    async def _open(self, name: str) -> None:
        """Hold a stream, and know what it is."""
        if self._hub is None or self._hub is not self._camera.hubs.get(name):
            if self._state is not _State.INIT:
                if self._hub is not None and self._hub.name == name:
                    return
                raise _Refusal(455)
            self._release()
            if not self._camera.may_watch(self.address):
                raise _Refusal(453)
            self._hub = self._camera.hubs[name]
            self._hub.hold(self)
        offer = await self._hub.describe(self)
        self._media = {**offer.media, **self._back}
        address, _ = local_address(self.connection.sock)
        self._description = describe(offer.session, self._media, name=name, address=address)

    async def _learn_backchannel(self, name: str) -> bool:
        """Ask whether the viewer could talk; if so, that is a part of the stream's description now."""
        if self._hub is None or not self._camera.options.audio:
            return False
        if not self._back and (medium := await self._camera.backchannel.describe(self._hub.source)) is not None:
            self._back = {max(self._media) + 1: medium}
            await self._open(name)
        return bool(self._back)

    def _end_talk(self) -> None:
        if self._talk is not None:
            self._talk = None
            self._camera.backchannel.end(self)

    async def _begin_talk(self, channels: Channels) -> None:
        """Talk from now on, if nobody else does and the recorder listens; else the viewer keeps what it has."""
        assert self._hub is not None
        try:
            await self._camera.backchannel.begin(self, self._hub.source)
        except BackchannelBusy as error:
            raise _Refusal(453) from error
        except UpstreamError as error:
            _LOGGER.debug("Viewer %s can't talk: %s", self.address, error)
            raise _Refusal(error.status) from error
        self._talk = channels[0]

    async def _setup(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        if not target.name:
            raise _Refusal(459)
        offers = parse_transports(request.headers.get("Transport") or "")
        if (offer := next((offer for offer in offers if self._route.takes(offer)), None)) is None:
            raise _Refusal(461)
        await self._open(target.name)
        number = target.track
        if number is None:
            if len(self._media) > 1:
                raise _Refusal(459)
            number = 1
        if number not in self._media:
            raise _Refusal(404)
        if self._state is _State.PLAYING or number in self._route.tracks:
            raise _Refusal(455)
        channels = self._route.free_channels(offer)
        talks = number in self._back
        if talks:
            await self._begin_talk(channels)
        begins = None if self._hub is None else self._hub.fanout.beginnings((number,)).get(number)
        try:
            transport = self._route.set_up(number, offer, channels, begins=begins, hear=self._say if talks else None)
        except OSError as error:
            _LOGGER.warning("No UDP ports for viewer %s: %s", self.address, error.strerror)
            if talks:
                self._end_talk()
            raise _Refusal(453) from error
        if self._state is _State.INIT:
            self._session = secrets.token_hex(8)
            self._state = _State.READY
            self._camera.on_change()
        session = f"{self._session};timeout={math.floor(self._limits.session_timeout)}"
        return RtspResponse(200, headers=Headers([("Transport", transport), ("Session", session)]))

    def _session_of(self, request: RtspRequest, target: ViewerTarget) -> StreamHub:
        """Return the stream that a request is about: all of its tracks at once."""
        if self._hub is None or self._state is _State.INIT or "Session" not in request.headers:
            raise _Refusal(454)
        if target.name and target.name != self._hub.name:
            raise _Refusal(454)
        if target.track is not None and (len(self._route.tracks) > 1 or target.track not in self._route.tracks):
            raise _Refusal(460)
        return self._hub

    async def _play(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        hub = self._session_of(request, target)
        if self._state is _State.PLAYING:
            return RtspResponse(200)
        await hub.fanout.group_began()
        self._starts = True
        headers = Headers([("Range", _LIVE)])
        if rtp_info := self._rtp_info(
            hub.fanout.beginnings(self._route.tracks), ViewerTarget(target.authority, hub.name)
        ):
            headers.add("RTP-Info", rtp_info)
        return RtspResponse(200, headers=headers)

    def _rtp_info(self, beginnings: Mapping[int, RtpHeader], stream: ViewerTarget) -> str:
        return ",".join(
            str(RtpInfo(f"{self._uri(stream)}/{TRACK}{number}", header.sequence, header.timestamp))
            for number in self._route.tracks
            if (header := beginnings.get(number)) is not None
        )

    async def _pause(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        self._session_of(request, target)
        if self._state is _State.PLAYING:
            self._leave()
            self._state = _State.READY
        return RtspResponse(200)

    async def _teardown(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        self._session_of(request, target)
        self._release()
        return RtspResponse(200)

    def _uri(self, target: ViewerTarget) -> str:
        """Return a source's URI, at the host that the viewer called us by."""
        address, port = local_address(self.connection.sock)
        return f"rtsp://{target.authority or f'{address}:{port}'}/{target.name}"


class _Challenge(_Refusal):
    """401 with the ways to log in."""

    def __init__(self, challenges: list[str]) -> None:
        super().__init__(401)
        self.fields = [("WWW-Authenticate", challenge) for challenge in challenges]
