"""The relay as a client: one RTSP session with the recorder for one stream, RTP interleaved in its TCP connection."""

import asyncio
from collections.abc import Callable
import contextlib
from dataclasses import dataclass
import logging

from ..digest import DigestClient, parse_parameters
from ..rtsp import Headers, InterleavedRun, RtspError, RtspFramer, RtspRequest, RtspResponse, frame
from ..sdp import MediaDescription, SdpError, SessionDescription, parse_sdp
from .connection import RtspConnection
from .errors import (
    UpstreamEnded,
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnreachable,
)
from .fields import (
    DEFAULT_SESSION_TIMEOUT,
    Channels,
    RtpInfo,
    is_range,
    parse_rtp_info,
    parse_session,
    parse_transports,
)
from .limits import Limits
from .source import Source
from .uris import Location, at_authority, parse_location, resolve_control

_LOGGER = logging.getLogger(__name__)

_LIVE_FROM_NOW = "npt=0.000-"
_MIN_KEEP_ALIVE = 1.0
_MAX_KEEP_ALIVE = 30.0


@dataclass(frozen=True, slots=True)
class PlayAnswer:
    """What the recorder says of the start of its media."""

    rtp_info: tuple[RtpInfo, ...] = ()
    """The recorder's URIs."""
    range: str | None = None
    """Well-formed, or None."""


class UpstreamSession:
    """Describes, sets up and plays one stream; ends by `close()` or, told by `on_end`, by the recorder.

    Where a hub later shares a stream between viewers it stands on these methods: one session below, many viewers above.
    """

    def __init__(
        self,
        source: Source,
        limits: Limits,
        buffer: bytearray,
        *,
        on_run: Callable[[InterleavedRun], None],
        on_end: Callable[[UpstreamError], None],
    ) -> None:
        """`buffer` is what connections read into; `on_end` is called at most once, and never during `open` or `close`."""
        self._source = source
        self._limits = limits
        self._buffer = buffer
        self._on_run = on_run
        self._on_end = on_end
        self._digest = DigestClient(source.credentials, allow_basic=True)
        self._connection: RtspConnection | None = None
        self._location: Location | None = None
        self._base = ""
        self._control = ""
        self._session: str | None = None
        self._session_timeout = DEFAULT_SESSION_TIMEOUT
        self._setups: list[str] = []
        self._played = False
        self._playing = False
        self._silent = False
        self._held_back = False
        self._opened = False
        self._closing = False
        self._writable = True
        self._cseq = 0
        self._lock = asyncio.Lock()
        self._answer: asyncio.Future[RtspResponse] | None = None
        self._keep_alive: asyncio.Task[None] | None = None

    async def open(self) -> SessionDescription:
        """Connect and describe; raises UpstreamError, after which only `close()` is allowed."""
        try:
            location = parse_location(self._source.uri)
        except ValueError as error:
            raise UpstreamNonsense("the source has no RTSP URI") from error
        try:
            async with asyncio.timeout(self._limits.upstream_timeout):
                response = await self._describe(location)
        except TimeoutError as error:
            raise UpstreamTimeout("recorder doesn't answer") from error
        description = self._read_description(response)
        self._opened = True
        return description

    async def setup(self, medium: MediaDescription, channels: Channels) -> Channels:
        """Set a medium up on these interleaved channels; return those that the recorder took. Raises UpstreamError."""
        uri = resolve_control(self._base, medium.control)
        transport = f"RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]}"
        response = await self._request("SETUP", uri, ("Transport", transport))
        answered = next(iter(parse_transports(response.headers.get("Transport") or "")), None)
        if answered is None or not answered.interleaved:
            raise UpstreamNonsense("recorder answered SETUP with another transport")
        session = response.headers.get("Session")
        if session is None:
            raise UpstreamNonsense("recorder answered SETUP without a session")
        self._session, self._session_timeout = parse_session(session)
        self._setups.append(uri)
        return answered.channels or channels

    async def play(self) -> PlayAnswer:
        """Start the media, or go on after a pause. Raises UpstreamError."""
        extra = () if self._played else (("Range", _LIVE_FROM_NOW),)
        response = await self._request("PLAY", self._control, *extra)
        self._played = self._playing = True
        self._silent = False
        if self._keep_alive is None:
            self._keep_alive = asyncio.get_running_loop().create_task(self._keep_session_alive())
        media_range = response.headers.get("Range") or ""
        return PlayAnswer(
            rtp_info=tuple(parse_rtp_info(response.headers.get("RTP-Info") or "")),
            range=media_range if is_range(media_range) else None,
        )

    async def pause(self) -> None:
        """Stop the media. Raises UpstreamError."""
        await self._request("PAUSE", self._control)
        self._playing = False

    async def close(self) -> None:
        """Give the session back to the recorder and disconnect; idempotent, takes `teardown_timeout` at most."""
        self._closing = True
        try:
            if self._keep_alive is not None:
                self._keep_alive.cancel()
                await asyncio.wait([self._keep_alive])
            if self._session is not None and self._connection is not None:
                self._connection.pause_reading(False)
                # The recorder may be gone, or hang: the end of the connection tells it the same.
                with contextlib.suppress(UpstreamError, TimeoutError):
                    async with asyncio.timeout(self._limits.teardown_timeout):
                        await self._exchange("TEARDOWN", self._control)
        finally:
            if self._connection is not None:
                self._connection.abort()
                await self._connection.wait_closed()

    def track_of(self, uri: str) -> int | None:
        """Return which of the media that were set up, in that order from 0, a URI of the recorder names."""
        if self._location is None:
            return None
        uri = at_authority(uri, self._location.authority).rstrip("/")
        wanted = uri if "://" in uri else resolve_control(self._base, uri)
        return next((index for index, known in enumerate(self._setups) if known.rstrip("/") == wanted), None)

    def send(self, channel: int, payload: memoryview) -> None:
        """Send a frame (RTCP) to the recorder; dropped while the recorder doesn't read."""
        if self._connection is not None and self._writable:
            self._connection.write(frame(channel, payload))

    def pause_reading(self, pause: bool) -> None:
        """Hold the recorder back while nobody takes its media, or go on."""
        self._held_back = pause
        self._silent = False
        if self._connection is not None:
            self._connection.pause_reading(pause)

    # What the connection tells.

    def connection_made(self) -> None:
        """Nothing to do: `open()` goes on."""

    def message_received(self, message: RtspRequest | RtspResponse) -> None:
        """Match an answer to its request; refuse what the recorder asks of us."""
        if isinstance(message, RtspRequest):
            if self._connection is not None:
                headers = Headers([("CSeq", message.headers.get("CSeq") or "0")])
                self._connection.write(RtspResponse(501, headers=headers).to_bytes())
        elif self._answer is not None and not self._answer.done() and message.cseq in (None, self._cseq):
            self._answer.set_result(message)

    def run_received(self, run: InterleavedRun) -> None:
        """Pass media on."""
        self._silent = False
        if not self._closing:
            self._on_run(run)

    def framing_lost(self, error: RtspError) -> None:
        """Give up: what follows can't be told apart any more."""
        self._end(UpstreamNonsense(f"recorder sent no RTSP: {error}"))
        if self._connection is not None:
            self._connection.abort()

    def writing_blocked(self, blocked: bool) -> None:
        """Remember whether the recorder reads."""
        self._writable = not blocked

    def connection_lost(self) -> None:
        """Tell whoever waits."""
        self._end(UpstreamEnded("recorder closed the connection"))

    def _end(self, error: UpstreamError) -> None:
        """End for the recorder's part: by the request that waits for an answer, else by `on_end`."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        elif self._opened and not self._closing:
            self._closing = True
            self._on_end(error)

    async def _describe(self, location: Location) -> RtspResponse:
        for _ in range(self._limits.max_redirects + 1):
            await self._connect(location)
            response = await self._exchange("DESCRIBE", location.uri, ("Accept", "application/sdp"))
            if response.status not in (301, 302):
                return _successful("DESCRIBE", response)
            try:
                target = parse_location(response.headers.get("Location") or "")
            except ValueError as error:
                raise UpstreamNonsense("recorder redirects to no RTSP URI") from error
            # Anywhere else in the network would make the relay a tool to reach what the viewer can't.
            if target.host != location.host:
                raise UpstreamNonsense("recorder redirects to another host")
            location = target
        raise UpstreamNonsense("recorder redirects in circles")

    async def _connect(self, location: Location) -> None:
        if self._connection is not None:
            former, self._connection = self._connection, None
            former.abort()
            await former.wait_closed()
        self._location = location
        connection = RtspConnection(self, self._limits, self._buffer, framer=RtspFramer())
        try:
            await asyncio.get_running_loop().create_connection(lambda: connection, location.host, location.port)
        except OSError as error:
            raise UpstreamUnreachable(f"recorder can't be reached: {error.strerror or type(error).__name__}") from error
        self._connection = connection

    def _read_description(self, response: RtspResponse) -> SessionDescription:
        location = self._location
        assert location is not None
        base = response.headers.get("Content-Base") or response.headers.get("Content-Location") or ""
        self._base = at_authority(base, location.authority)
        try:
            parse_location(self._base)
        except ValueError:
            self._base = location.uri
        try:
            description = parse_sdp(response.body)
        except SdpError as error:
            raise UpstreamNonsense(f"recorder described nothing: {error}") from error
        self._control = resolve_control(self._base, description.control)
        return description

    async def _request(self, method: str, uri: str, *fields: tuple[str, str]) -> RtspResponse:
        """Ask, and expect success in time."""
        try:
            async with asyncio.timeout(self._limits.upstream_timeout):
                return _successful(method, await self._exchange(method, uri, *fields))
        except TimeoutError as error:
            raise UpstreamTimeout(f"recorder doesn't answer {method}") from error

    async def _exchange(self, method: str, uri: str, *fields: tuple[str, str]) -> RtspResponse:
        """Ask, log in when the recorder wants it, return any other answer. One request at a time."""
        async with self._lock:
            response = await self._send(method, uri, fields)
            for attempt in range(2):
                challenges = response.headers.get_all("WWW-Authenticate")
                stale = any(
                    parse_parameters(challenge)[1].get("stale", "").lower() == "true" for challenge in challenges
                )
                # The first 401 may be about a nonce that is too old, said or not; a second one that doesn't say so is final.
                if response.status != 401 or (attempt and not stale):
                    break
                if not self._digest.take_challenges(challenges):
                    raise UpstreamUnauthorized("recorder wants a login that isn't known here")
                response = await self._send(method, uri, fields)
        if response.status == 401:
            raise UpstreamUnauthorized("recorder doesn't accept its credentials")
        return response

    async def _send(self, method: str, uri: str, fields: tuple[tuple[str, str], ...]) -> RtspResponse:
        if self._connection is None or self._connection.closed:
            raise UpstreamEnded("no connection to the recorder")
        self._cseq += 1
        headers = Headers([("CSeq", str(self._cseq)), *fields])
        if self._session is not None:
            headers.add("Session", self._session)
        if authorization := self._digest.authorization(method, uri):
            headers.add("Authorization", authorization)
        try:
            request = RtspRequest(method, uri, headers).to_bytes()
        except RtspError as error:
            raise UpstreamNonsense(f"recorder's words make no request: {error}") from error
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._connection.write(request)
            return await self._answer
        finally:
            self._answer = None

    async def _keep_session_alive(self) -> None:
        """Ask something harmless twice in the session's timeout; end when the session is lost or its media stopped."""
        interval = min(max(self._session_timeout / 2, _MIN_KEEP_ALIVE), _MAX_KEEP_ALIVE)
        try:
            method = "OPTIONS"
            while True:
                response = await self._ask_for_life(method)
                if response is not None and response.status == 454:
                    raise UpstreamEnded("recorder ended the session")
                if response is not None and method == "OPTIONS":
                    public = (response.headers.get("Public") or "").upper().split(",")
                    method = "GET_PARAMETER" if "GET_PARAMETER" in map(str.strip, public) else "OPTIONS"
                self._silent = True
                await asyncio.sleep(interval)
                if self._playing and self._silent and not self._held_back:
                    raise UpstreamEnded("recorder sends no media")
        except UpstreamError as error:
            _LOGGER.debug("Session with the recorder lost: %s", error)
            self._end(error)

    async def _ask_for_life(self, method: str) -> RtspResponse | None:
        """Ask, and take any answer for a sign of life, and media too: a slow viewer may keep the answer behind them."""
        self._silent = True
        try:
            async with asyncio.timeout(self._limits.upstream_timeout):
                return await self._exchange(method, self._control)
        except TimeoutError as error:
            if self._silent and not self._held_back:
                raise UpstreamTimeout("recorder doesn't answer") from error
            return None


def _successful(method: str, response: RtspResponse) -> RtspResponse:
    if not 200 <= response.status < 300:
        raise UpstreamRefused(method, response.status)
    return response
