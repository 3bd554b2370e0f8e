"""The relay as a client: one RTSP session with the recorder for one stream, RTP interleaved in its TCP connection."""

import asyncio
from collections.abc import Iterable, Mapping
import contextlib
from dataclasses import dataclass
import logging
import secrets
from typing import Protocol

from ..digest import DigestClient, parse_parameters
from ..rtsp import Headers, RtspError, RtspFramer, RtspRequest, RtspResponse, frame
from ..sdp import MediaDescription, SdpError, SessionDescription, parse_sdp
from .codecs import FINDERS
from .connection import Connection
from .dial import dial
from .errors import (
    UpstreamEnded,
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamTimeout,
    UpstreamUnauthorized,
)
from .fields import DEFAULT_SESSION_TIMEOUT, Channels, parse_session, parse_transports
from .frames import DOLLAR, HEADER
from .limits import Limits
from .plane import Plane
from .rtcp import empty_receiver_report
from .scanner import Scanner
from .source import Source
from .uris import Location, at_authority, parse_location, resolve_control

_LOGGER = logging.getLogger(__name__)

_LIVE_FROM_NOW = "npt=0.000-"
_MIN_KEEP_ALIVE = 1.0
_MAX_KEEP_ALIVE = 30.0


@dataclass(frozen=True, slots=True)
class PlayingTrack:
    """A medium that was set up."""

    medium: MediaDescription
    channels: Channels


class UpstreamHandler(Protocol):
    """Who takes what a recorder sends; called in the event loop, must not block."""

    def media_received(self, piece: bytes, scanner: Scanner) -> None:
        """Take whole media frames, which the scanner has just walked."""

    def report_received(self, channel: int, compound: bytes) -> None:
        """Take RTCP."""


class UpstreamSession:
    """Describes, sets up and plays one stream; `lost` tells when the recorder ends it, `close()` ends it from here."""

    def __init__(
        self,
        source: Source,
        limits: Limits,
        plane: Plane,
        handler: UpstreamHandler,
        *,
        tick: float | None,
        feature: str | None = None,
    ) -> None:
        """With a `feature` it is required of the recorder (RFC 2326 section 12.32), and no media need come; `tick` as in `Plane.add`."""
        self.lost: asyncio.Future[UpstreamError] = asyncio.get_running_loop().create_future()
        """Why there is no session any more; cancelled by `close()`."""
        self._source = source
        self._limits = limits
        self._plane = plane
        self._handler = handler
        self._tick = tick
        self._required = [] if feature is None else [("Require", feature)]
        self._digest = DigestClient(source.credentials, allow_basic=True)
        self._framer = RtspFramer()
        self.scanner = Scanner()
        """Walks what the recorder sends."""
        self._connection: Connection | None = None
        self._location: Location | None = None
        self._base = ""
        self._control = ""
        self._session: str | None = None
        self._session_timeout = DEFAULT_SESSION_TIMEOUT
        self._report_channels: frozenset[int] = frozenset()
        self._ssrc = secrets.randbits(32)
        self._heard = 0
        """Reads of media."""
        self._closing = False
        self._cseq = 0
        self._lock = asyncio.Lock()
        self._answer: asyncio.Future[RtspResponse] | None = None
        self._keep_alive: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None

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
        return self._read_description(response)

    async def setup(self, media: Mapping[int, MediaDescription]) -> dict[int, PlayingTrack]:
        """Set media up, by track number. Raises UpstreamError."""
        tracks: dict[int, PlayingTrack] = {}
        for index, (number, medium) in enumerate(media.items()):
            tracks[number] = PlayingTrack(medium, await self._setup(medium, (2 * index, 2 * index + 1)))
        taken = [channel for track in tracks.values() for channel in track.channels]
        if len(set(taken)) < len(taken):
            raise UpstreamNonsense("recorder puts two tracks on one channel")
        self._report_channels = frozenset(track.channels[1] for track in tracks.values())
        self.scanner = _scanner(tracks.values())
        return tracks

    async def play(self) -> None:
        """Start the media of all tracks; the first may be there before this returns. Raises UpstreamError."""
        await self._request("PLAY", self._control, ("Range", _LIVE_FROM_NOW), *self._required)
        self._keep_alive = asyncio.get_running_loop().create_task(self._keep_session_alive())
        if not self._required:
            self._watch_media()

    def send_media(self, channel: int, packet: bytes | memoryview) -> None:
        """Send an RTP packet; it is lost where the recorder doesn't take it at once."""
        if self._connection is not None and not self._connection.queue:
            self._connection.write(frame(channel, packet))

    async def _setup(self, medium: MediaDescription, channels: Channels) -> Channels:
        """Set a medium up on these interleaved channels; return those that the recorder took."""
        uri = resolve_control(self._base, medium.control)
        transport = f"RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]}"
        response = await self._request("SETUP", uri, ("Transport", transport), *self._required)
        answered = next(iter(parse_transports(response.headers.get("Transport") or "")), None)
        if answered is None or not answered.interleaved:
            raise UpstreamNonsense("recorder answered SETUP with another transport")
        session = response.headers.get("Session")
        if session is None:
            raise UpstreamNonsense("recorder answered SETUP without a session")
        self._session, self._session_timeout = parse_session(session)
        return answered.channels or channels

    async def close(self) -> None:
        """Give the session back to the recorder and disconnect; idempotent, takes `teardown_timeout` at most."""
        self._closing = True
        self.lost.cancel()
        if self._watch is not None:
            self._watch.cancel()
        try:
            if self._keep_alive is not None:
                self._keep_alive.cancel()
                await asyncio.wait([self._keep_alive])
            if self._session is not None and self._connection is not None:
                # The recorder may be gone, or hang: the end of the connection tells it the same.
                with contextlib.suppress(UpstreamError, TimeoutError):
                    async with asyncio.timeout(self._limits.teardown_timeout):
                        await self._exchange("TEARDOWN", self._control)
        finally:
            if self._connection is not None:
                self._connection.abort()

    # What the connection tells.

    def data_received(self, size: int) -> int:
        """Walk media, match an answer to its request, refuse what the recorder asks of us. Raises RtspError."""
        plane, scanner = self._plane, self.scanner
        plane.received += size
        position = others = 0
        while True:
            end = scanner.scan(plane.buffer, position, size)
            if end > position:
                self._heard += 1
                if not self._closing:
                    self._handler.media_received(bytes(plane.view[position:end]), scanner)
            if end == size or not scanner.whole:
                return end
            position = self._take_other(end, size)
            if position == end:
                return end
            others += 1
            if others > self._limits.max_recorder_items_per_read:
                raise RtspError("too many messages or frames at once")

    def _take_other(self, start: int, end: int) -> int:
        """Take one message, or a frame that isn't media, at a position; return its end, `start` where it isn't whole."""
        view = self._plane.view[start:end]
        if view[0] == DOLLAR:
            length = HEADER + int.from_bytes(view[2:HEADER])
            if len(view) < HEADER or len(view) < length:
                return start
            if view[1] in self._report_channels and not self._closing:
                self._handler.report_received(view[1], bytes(view[HEADER:length]))
            return start + length
        message, taken = self._framer.message_at(bytes(view[: self._framer.max_size]))
        if isinstance(message, RtspRequest):
            if self._connection is not None:
                headers = Headers([("CSeq", message.headers.get("CSeq") or "0")])
                self._connection.write(RtspResponse(501, headers=headers).to_bytes())
        elif message is not None and self._answer is not None and not self._answer.done():
            if message.cseq in (None, self._cseq):
                self._answer.set_result(message)
        return start + taken

    def framing_lost(self, error: RtspError) -> None:
        """Give up: what follows can't be told apart any more."""
        self._end(UpstreamNonsense(f"recorder sent no RTSP: {error}"))
        if self._connection is not None:
            self._connection.abort()

    def connection_lost(self) -> None:
        """Tell whoever waits, unless it is the connection to where the recorder redirected from."""
        if self._connection is not None:
            self._end(UpstreamEnded("recorder closed the connection"))

    def _end(self, error: UpstreamError) -> None:
        """End for the recorder's part: for the request that waits for an answer, and for whoever waits for the end."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        if not self.lost.done():
            self.lost.set_result(error)

    def _watch_media(self, heard: int = -1) -> None:
        """End a session whose media has stopped, though its connection may stand."""
        if heard == self._heard:
            self._end(UpstreamSilent("recorder sends no media"))
        else:
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(self._limits.media_timeout, self._watch_media, self._heard)

    async def _describe(self, location: Location) -> RtspResponse:
        for _ in range(self._limits.max_redirects + 1):
            await self._connect(location)
            response = await self._exchange("DESCRIBE", location.uri, ("Accept", "application/sdp"), *self._required)
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
        self._location = location
        self._connection = Connection(self, self._plane, self._limits, await dial(location))
        self._connection.start(tick=self._tick)

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
        """Ask something harmless twice in the session's timeout, and report nothing by RTCP; end when the session is lost."""
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
                self._report()
                await asyncio.sleep(interval)
        except UpstreamError as error:
            _LOGGER.debug("Session with the recorder lost: %s", error)
            self._end(error)

    def _report(self) -> None:
        """Send a receiver report for each track; not to a recorder that doesn't read."""
        if self._connection is not None and not self._connection.queue:
            report = empty_receiver_report(self._ssrc)
            self._connection.write(b"".join(frame(channel, report) for channel in sorted(self._report_channels)))

    async def _ask_for_life(self, method: str) -> RtspResponse | None:
        """Ask, and take any answer for a sign of life, and media too: some recorders don't answer while they send."""
        heard = self._heard
        try:
            async with asyncio.timeout(self._limits.upstream_timeout):
                return await self._exchange(method, self._control)
        except TimeoutError as error:
            if heard == self._heard:
                raise UpstreamTimeout("recorder doesn't answer") from error
            return None


def _scanner(tracks: Iterable[PlayingTrack]) -> Scanner:
    """Return what walks the media of these tracks: the first video's key frames begin groups."""
    tracks = list(tracks)
    media = [track.channels[0] for track in tracks]
    video = next((track for track in tracks if track.medium.kind == "video"), None)
    if video is None:
        return Scanner(media=media)
    return Scanner(video=video.channels[0], look=FINDERS.get(video.medium.encoding), media=media)


def _successful(method: str, response: RtspResponse) -> RtspResponse:
    if not 200 <= response.status < 300:
        raise UpstreamRefused(method, response.status)
    return response
