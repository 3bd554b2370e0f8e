"""The relay as a server: one viewer's connection and the RTSP session in it (RFC 2326)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
import logging
import math
import secrets

from ..rtsp import Headers, InterleavedRun, RtspError, RtspFramer, RtspRequest, RtspResponse
from ..sdp import MediaDescription
from .camera import Camera
from .connection import RtspConnection
from .description import TRACK, describe, offered_tracks
from .errors import UpstreamError, UpstreamRefused
from .fields import Channels, RtpInfo, Transport, parse_session, parse_transports
from .login import ViewerLogin
from .rtcp import Passage
from .upstream import PlayAnswer, UpstreamSession
from .uris import ViewerTarget, parse_viewer_uri

_LOGGER = logging.getLogger(__name__)

_RETRY_AFTER = "10"
"""Seconds, with 503."""


class _State(Enum):
    """RFC 2326 appendix A.2, and the moment between PLAY and its answer."""

    INIT = auto()
    READY = auto()
    STARTING = auto()
    PLAYING = auto()


class _Refusal(Exception):
    """A request is answered with an error."""

    def __init__(self, status: int, **fields: str) -> None:
        super().__init__(status)
        self.status = status
        self.fields = [(name.replace("_", "-"), value) for name, value in fields.items()]


@dataclass(frozen=True, slots=True)
class _Track:
    """A medium that was set up: interleaved channels of RTP and RTCP on both sides."""

    viewer: Channels
    recorder: Channels

    def pairs(self) -> zip[tuple[int, int]]:
        """Return the recorder's and the viewer's number of each channel."""
        return zip(self.recorder, self.viewer, strict=True)


class ViewerSession:
    """Answers one viewer; holds an upstream session from its first DESCRIBE or SETUP to its end."""

    def __init__(self, camera: Camera) -> None:
        """The viewer counts from the moment that its connection is made."""
        self.connection = RtspConnection(
            self,
            camera.limits,
            camera.buffer,
            framer=RtspFramer(max_items=camera.limits.max_items_per_read),
            allowance=camera.limits.max_login_bytes,
        )
        self.task: asyncio.Task[None] | None = None
        """Runs from connection to end; None for a connection that was refused."""
        self.address = ""
        """Of the viewer, for limits and logs."""
        self._camera = camera
        self._limits = camera.limits
        self._login = ViewerLogin(camera.realm, camera.logins)
        self._requests: deque[RtspRequest] = deque()
        self._arrived = asyncio.Event()
        self._ending = False
        self._releasing = False
        self._seen = 0.0
        self._idle: asyncio.TimerHandle | None = None
        self._upstream: UpstreamSession | None = None
        self._name = ""
        self._media: dict[int, MediaDescription] = {}
        self._description = b""
        self._state = _State.INIT
        self._session = ""
        self._tracks: dict[int, _Track] = {}
        self._passage = Passage({}, ())
        self._held: list[InterleavedRun] = []
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

    @property
    def watching(self) -> bool:
        """Tell whether it holds a connection to the recorder."""
        return self._upstream is not None

    @property
    def has_session(self) -> bool:
        """Tell whether it has set up something to play."""
        return self._state is not _State.INIT

    async def _run(self) -> None:
        """Serve the viewer until its end; then nothing of it is left on either side."""
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
            self.connection.finish()
            try:
                await self._release()
                await self.connection.wait_closed()
            finally:
                self._camera.viewers.discard(self)

    def end(self) -> None:
        """Begin the end; what is on its way to the viewer still gets there."""
        if self._ending:
            return
        self._ending = True
        # A session that is being given back to the recorder takes a second at most, and the end comes after it.
        if self.task is not None and not self._releasing:
            self.task.cancel()

    # What the connection tells.

    def connection_made(self) -> None:
        """Begin, or end at once where there are too many."""
        self.address = self.connection.peer_address()
        if not self._camera.may_connect(self.address):
            _LOGGER.debug("Viewer %s is one too many", self.address)
            self.connection.abort()
            return
        self._camera.viewers.add(self)
        # Eager: a task that is cancelled before its first step would never reach its end.
        self.task = asyncio.get_running_loop().create_task(self._run(), eager_start=True)

    def message_received(self, message: RtspRequest | RtspResponse) -> None:
        """Queue a request; answers are to nothing that we asked."""
        if isinstance(message, RtspResponse):
            return
        if len(self._requests) >= self._limits.max_pipelined:
            _LOGGER.debug("Viewer %s sends requests without waiting for answers", self.address)
            self.end()
            return
        self._requests.append(message)
        self._arrived.set()

    def run_received(self, run: InterleavedRun) -> None:
        """Pass the viewer's RTCP on to the recorder; it is a sign of life too. Raises RtspError before any SETUP."""
        if not self._session:
            raise RtspError("interleaved data before SETUP")
        if self._upstream is None or not self._tracks:
            return
        self._seen = asyncio.get_running_loop().time()
        channels = {track.viewer[1]: track.recorder[1] for track in self._tracks.values()}
        for channel, payload in run.frames():
            if channel in channels:
                self._upstream.send(channels[channel], payload)

    def framing_lost(self, error: RtspError) -> None:
        """Answer nonsense and close."""
        _LOGGER.debug("Viewer %s sent no RTSP: %s", self.address, error)
        self.connection.write(RtspResponse(400, headers=Headers([("Connection", "close")])).to_bytes())
        self.end()

    def writing_blocked(self, blocked: bool) -> None:
        """Take no more than the viewer takes."""
        self.connection.pause_reading(blocked)
        if self._upstream is not None:
            self._upstream.pause_reading(blocked)

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

    async def _release(self) -> None:
        """Give the upstream session back; the viewer may begin anew."""
        upstream, self._upstream = self._upstream, None
        self._state = _State.INIT
        self._tracks = {}
        self._held = []
        if upstream is not None:
            self._releasing = True
            try:
                await upstream.close()
            finally:
                self._releasing = False

    def _upstream_ended(self, error: UpstreamError) -> None:
        _LOGGER.debug("Stream %s of viewer %s ended: %s", self._name, self.address, error)
        self.end()

    def _pass_media(self, run: InterleavedRun) -> None:
        """Send media; what comes before PLAY is answered waits for it, within the buffer's limit."""
        if self._state is _State.PLAYING:
            self.connection.write(self._passage.translate(run))
        elif self._state is _State.STARTING:
            if sum(len(held.data) for held in self._held) < self._limits.write_buffer:
                self._held.append(run)

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
            _LOGGER.debug("%s of %s for viewer %s: %s", request.method, self._name, self.address, error)
            if not isinstance(error, UpstreamRefused) or self._state is _State.INIT:
                await self._release()
            response = RtspResponse(error.status)
            if error.status == 503:
                response.headers.set("Retry-After", _RETRY_AFTER)
        fields = [("CSeq", str(request.cseq))] if request.cseq is not None else []
        response.headers = Headers([*fields, *response.headers.items()])
        self.connection.write(response.to_bytes())
        if self._state is _State.STARTING:
            self._start_or_stop_media(response.status == 200)
        if self._login.failures >= self._limits.max_login_failures:
            _LOGGER.debug("Viewer %s can't log in", self.address)
            self._ending = True

    def _start_or_stop_media(self, start: bool) -> None:
        self._state = _State.PLAYING if start else _State.READY
        held, self._held = self._held, []
        for run in held:
            self._pass_media(run)

    async def _respond(self, request: RtspRequest, target: ViewerTarget | None) -> RtspResponse:
        if request.version != "RTSP/1.0":
            raise _Refusal(505)
        if request.cseq is None:
            raise _Refusal(400)
        if request.method != "OPTIONS":
            challenges = self._login.check(request, target, self._camera.credentials, address=self.address)
            if challenges:
                raise _Challenge(challenges)
            self.connection.allowance = None
        if self._login.done:
            self._seen = asyncio.get_running_loop().time()
        method = self._methods.get(request.method)
        if method is None:
            raise _Refusal(501, Public=", ".join(self._methods))
        if target is None or (target.name and target.name not in self._camera.sources):
            raise _Refusal(404)
        if required := request.headers.get("Require"):
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
        headers = [("Content-Base", self._uri(target) + "/"), ("Content-Type", "application/sdp")]
        return RtspResponse(200, headers=Headers(headers), body=self._description)

    async def _open(self, name: str) -> None:
        """Have an upstream session for a source."""
        if self._upstream is not None and self._name == name:
            return
        if self._state is not _State.INIT:
            raise _Refusal(455)
        await self._release()
        if not self._camera.may_watch(self.address):
            raise _Refusal(453)
        self._name = name
        self._upstream = UpstreamSession(
            self._camera.sources[name],
            self._limits,
            self._camera.buffer,
            on_run=self._pass_media,
            on_end=self._upstream_ended,
        )
        description = await self._upstream.open()
        self._media = offered_tracks(description)
        if not self._media:
            await self._release()
            raise _Refusal(502)
        self._description = describe(description, self._media, name=name, address=self.connection.local_address())

    async def _setup(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        if not target.name:
            raise _Refusal(459)
        offers = parse_transports(request.headers.get("Transport") or "")
        if (offer := next((offer for offer in offers if offer.interleaved), None)) is None:
            raise _Refusal(461)
        await self._open(target.name)
        number = target.track
        if number is None:
            if len(self._media) > 1:
                raise _Refusal(459)
            number = 1
        if number not in self._media:
            raise _Refusal(404)
        if self._state is _State.PLAYING or number in self._tracks:
            raise _Refusal(455)
        assert self._upstream is not None
        channels = self._free_channels(offer)
        recorder = await self._upstream.setup(self._media[number], channels)
        self._tracks[number] = _Track(viewer=channels, recorder=recorder)
        self._passage = Passage(
            {theirs: ours for track in self._tracks.values() for theirs, ours in track.pairs()},
            {track.recorder[1] for track in self._tracks.values()},
        )
        if self._state is _State.INIT:
            self._session = secrets.token_hex(8)
            self._state = _State.READY
        transport = f"RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]}"
        session = f"{self._session};timeout={math.floor(self._limits.session_timeout)}"
        return RtspResponse(200, headers=Headers([("Transport", transport), ("Session", session)]))

    def _free_channels(self, offer: Transport) -> Channels:
        """Return the channels that the viewer wants, or others where they are taken or not named."""
        taken = {channel for track in self._tracks.values() for channel in track.viewer}
        if offer.channels is not None and taken.isdisjoint(offer.channels):
            return offer.channels
        first = next(first for first in range(0, 256, 2) if taken.isdisjoint((first, first + 1)))
        return first, first + 1

    def _session_of(self, request: RtspRequest, target: ViewerTarget) -> UpstreamSession:
        """Return the upstream session that a request is about: all of its tracks at once."""
        if self._upstream is None or self._state is _State.INIT or "Session" not in request.headers:
            raise _Refusal(454)
        if target.name and target.name != self._name:
            raise _Refusal(454)
        if target.track is not None and (len(self._tracks) > 1 or target.track not in self._tracks):
            raise _Refusal(460)
        return self._upstream

    async def _play(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        upstream = self._session_of(request, target)
        if self._state is _State.PLAYING:
            return RtspResponse(200)
        self._state = _State.STARTING
        answer = await upstream.play()
        headers = Headers([("Range", answer.range)] if answer.range else [])
        if rtp_info := self._rtp_info(upstream, answer, target):
            headers.add("RTP-Info", rtp_info)
        return RtspResponse(200, headers=headers)

    def _rtp_info(self, upstream: UpstreamSession, answer: PlayAnswer, target: ViewerTarget) -> str:
        numbers = list(self._tracks)
        base = self._uri(ViewerTarget(target.authority, self._name))
        return ",".join(
            str(RtpInfo(f"{base}/{TRACK}{numbers[index]}", info.sequence, info.time))
            for info in answer.rtp_info
            if (index := upstream.track_of(info.uri)) is not None
        )

    async def _pause(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        upstream = self._session_of(request, target)
        if self._state is _State.PLAYING:
            await upstream.pause()
            self._state = _State.READY
        return RtspResponse(200)

    async def _teardown(self, request: RtspRequest, target: ViewerTarget) -> RtspResponse:
        self._session_of(request, target)
        await self._release()
        return RtspResponse(200)

    def _uri(self, target: ViewerTarget) -> str:
        """Return a source's URI, at the host that the viewer called us by."""
        return f"rtsp://{target.authority or self.connection.local_authority()}/{target.name}"


class _Challenge(_Refusal):
    """401 with the ways to log in."""

    def __init__(self, challenges: list[str]) -> None:
        super().__init__(401)
        self.fields = [("WWW-Authenticate", challenge) for challenge in challenges]
