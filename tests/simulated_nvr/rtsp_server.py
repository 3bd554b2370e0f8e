"""The recorder's RTSP server (RFC 2326): digest, TCP interleaved and UDP, limits, faults and sessions that expire."""

import asyncio
from collections import Counter
from collections.abc import Callable
import re
import time

from .authentication import DigestRealm, Verdict
from .channels import SimulatedStream
from .faults import GARBAGE, Faults, reset_connection
from .loops import Loops
from .rtsp_message import MAX_HEAD, BadMessageError, RtspRequest, RtspResponse, read_request
from .rtsp_session import MAX_BUFFERED, RtspSession, TcpDelivery, Track, UdpDelivery
from .sdp import BACKCHANNEL, BACKCHANNEL_PAYLOAD_TYPE, describe
from .service import Recorder
from .vendors import stream_of

METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
_PORTS = re.compile(r"client_port=(\d+)(?:-(\d+))?")
_INTERLEAVED = re.compile(r"interleaved=(\d+)(?:-(\d+))?")


class _Refusal(Exception):
    """An answer that refuses."""

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        super().__init__(status)
        self.response = RtspResponse(status, list(headers))


class RtspServer:
    """Listens, and keeps the sessions."""

    def __init__(self, recorder: Recorder, loops: Loops, faults: Faults) -> None:
        """Serve a recorder's streams."""
        options, vendor = recorder.options, recorder.channels.vendor
        self.recorder = recorder
        self.loops = loops
        self.faults = faults
        self.realm = DigestRealm(
            vendor.rtsp_realm,
            options.username,
            options.password,
            qop=vendor.rtsp_qop,
            nonce_lifetime=options.nonce_lifetime,
        )
        self.sessions: dict[str, RtspSession] = {}
        self.sessions_peak = 0
        self.requests: Counter[str] = Counter()
        self.authentication_failures = 0
        self.heard: dict[int, list[bytes]] = {}
        """RTP packets that came for loudspeakers, by channel number."""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self, port: int) -> None:
        """Listen; raises OSError."""
        self._server = await asyncio.start_server(
            self._serve, self.recorder.options.host, port, limit=MAX_HEAD, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port, all connections and sessions."""
        if self._server is None:
            return
        self._server.close()
        await self.drop_connections()
        await self._server.wait_closed()
        self._server = None

    async def drop_connections(self) -> None:
        """Reset every connection, as an unplugged cable or a reboot; the port stays open."""
        connections = dict(self._connections)
        for task, writer in connections.items():
            reset_connection(writer.transport)
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def end_sessions_of(self, number: int) -> None:
        """End the sessions of a channel whose camera is gone, without a word to the clients."""
        for session in [session for session in self.sessions.values() if session.stream.number == number]:
            await self.end(session)

    async def end(self, session: RtspSession) -> None:
        """End a session."""
        self.sessions.pop(session.id, None)
        await session.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served in a task")
        self._connections[task] = writer
        connection = _Connection(self, reader, writer)
        try:
            await connection.run()
        except ConnectionError, asyncio.IncompleteReadError, BadMessageError, TimeoutError:
            # The client has gone, or speaks something else: the connection ends, the sessions with it.
            pass
        finally:
            del self._connections[task]
            for session in connection.sessions:
                await self.end(session)
            writer.close()


class _Connection:
    """One client's connection: requests in, answers out."""

    def __init__(self, server: RtspServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._local: str = writer.get_extra_info("sockname")[0]
        self._peer: str = writer.get_extra_info("peername")[0]
        self.sessions: list[RtspSession] = []
        self._after: Callable[[], None] | None = None
        self._methods = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "TEARDOWN": self._teardown,
            "GET_PARAMETER": self._parameter,
            "SET_PARAMETER": self._parameter,
        }

    async def run(self) -> None:
        """Serve until the client goes, or its sessions have expired."""
        while True:
            request = await self._next()
            if request is None:
                return
            self._server.requests[request.method] += 1
            await self._answer(request)

    async def _next(self) -> RtspRequest | None:
        """Return the next request, None when a session has expired meanwhile."""
        timeout = self._server.recorder.options.rtsp_session_timeout
        while True:
            live = [session for session in self.sessions if session.id in self._server.sessions]
            # One deadline for the whole message: RTCP and half requests don't keep a session alive.
            left = min((session.last_seen for session in live), default=time.monotonic()) + timeout - time.monotonic()
            try:
                async with asyncio.timeout(left):
                    message = await read_request(self._reader)
            except TimeoutError:
                return None
            if isinstance(message, RtspRequest):
                for session in live:
                    session.last_seen = time.monotonic()
                return message
            self._hear(message, live)

    def _hear(self, packet: bytes, live: list[RtspSession]) -> None:
        """Keep sound for a loudspeaker; RTCP has no payload type."""
        if len(packet) > 1 and packet[1] & 0x7F == BACKCHANNEL_PAYLOAD_TYPE:
            for session in live:
                if session.talks and session.playing:
                    self._server.heard.setdefault(session.stream.number, []).append(packet)

    async def _answer(self, request: RtspRequest) -> None:
        if await self._misbehave(request):
            return
        try:
            self._authenticate(request)
            response = await self._methods.get(request.method, self._unknown)(request)
        except _Refusal as refusal:
            response = refusal.response
        self._write(request, response)
        if self._after is not None:
            # Media may only follow the answer to PLAY.
            self._after()
            self._after = None

    def _write(self, request: RtspRequest, response: RtspResponse) -> None:
        if self._writer.transport.get_write_buffer_size() > 2 * MAX_BUFFERED:
            raise ConnectionResetError("the client asks but does not read")
        self._writer.write(response.to_bytes(request.headers.get("cseq"), [("Server", "simulated_nvr")]))

    async def _misbehave(self, request: RtspRequest) -> bool:
        """Return whether a fault has taken the place of the right answer."""
        fault = self._server.faults.rtsp
        if not fault.concerns(request.method):
            return False
        match fault.kind:
            case "hang" | "reset":
                if fault.kind == "hang":
                    await self._server.faults.hang()
                reset_connection(self._writer.transport)
                raise ConnectionResetError
            case "401":
                self._write(request, self._challenge().response)
            case "500":
                self._write(request, RtspResponse(500))
            case "empty":
                self._write(request, RtspResponse())
            case "garbage":
                self._writer.write(GARBAGE)
            case "slow":
                await asyncio.sleep(fault.seconds)
                return False
            case _:
                return False
        return True

    def _challenge(self, *, stale: bool = False) -> _Refusal:
        challenges = self._server.realm.challenges(stale=stale)
        return _Refusal(401, *(("WWW-Authenticate", challenge) for challenge in challenges))

    def _authenticate(self, request: RtspRequest) -> None:
        if request.method == "OPTIONS":
            return
        header = request.headers.get("authorization")
        if header is None:
            raise self._challenge()
        verdict = self._server.realm.check(header, request.method, request.uri)
        if verdict is not Verdict.RIGHT:
            self._server.authentication_failures += verdict is Verdict.WRONG
            raise self._challenge(stale=verdict is Verdict.STALE)

    def _stream(self, request: RtspRequest) -> SimulatedStream:
        channels = self._server.recorder.channels
        named = stream_of(channels.vendor, request.target)
        stream = channels.stream(*named) if named else None
        if stream is None:
            raise _Refusal(404)
        return stream

    def _session(self, request: RtspRequest) -> RtspSession:
        given = request.headers.get("session", "").partition(";")[0].strip()
        session = self._server.sessions.get(given)
        if session is None or session not in self.sessions:
            raise _Refusal(454)
        return session

    async def _unknown(self, request: RtspRequest) -> RtspResponse:
        raise _Refusal(501)

    async def _options(self, request: RtspRequest) -> RtspResponse:
        return RtspResponse(headers=[("Public", METHODS)])

    async def _describe(self, request: RtspRequest) -> RtspResponse:
        stream = self._stream(request)
        loop = await self._server.loops.get(stream)
        vendor = self._server.recorder.channels.vendor
        base = request.uri.rstrip("/") + "/"
        aggregate, prefix = "*", ""
        if vendor.absolute_control:
            base = request.uri.partition("?")[0].rstrip("/") + "/"
            aggregate, prefix = base, base
        controls = [prefix + vendor.control(number) for number in range(len(loop.tracks))]
        wants_to_talk = request.headers.get("require") == BACKCHANNEL
        body = describe(
            loop,
            self._local,
            stream.video.bit_rate,
            controls,
            aggregate,
            backchannel_control=prefix + vendor.control(len(loop.tracks))
            if wants_to_talk and self._has_loudspeaker(stream)
            else None,
        )
        return RtspResponse(headers=[("Content-Type", "application/sdp"), ("Content-Base", base)], body=body)

    async def _setup(self, request: RtspRequest) -> RtspResponse:
        server = self._server
        stream = self._stream(request)
        loop = await server.loops.get(stream)
        control = server.recorder.channels.vendor.control
        target = request.target.rstrip("/")
        tracks = range(len(loop.tracks) + self._has_loudspeaker(stream))
        number = next((one for one in tracks if target.endswith(f"/{control(one)}")), None)
        if number is None:
            raise _Refusal(459)
        talks = number == len(loop.tracks)
        if "session" in request.headers:
            session = self._session(request)
            if session.stream is not stream or session.playing or number in session.tracks:
                raise _Refusal(455)
        else:
            session = None
            limit = server.recorder.options.max_rtsp_sessions
            if limit is not None and len(server.sessions) >= limit:
                raise _Refusal(453)
        delivery = self._delivery(request.headers.get("transport", ""), number)
        if talks and isinstance(delivery, UdpDelivery):
            delivery.close()
            raise _Refusal(461)
        if session is None:
            session = RtspSession(stream, loop, server.loops.epoch, server.faults)
            self.sessions.append(session)
            server.sessions[session.id] = session
            server.sessions_peak = max(server.sessions_peak, len(server.sessions))
        timeout = int(server.recorder.options.rtsp_session_timeout)
        transport = delivery.transport_header
        if talks:
            session.talks = True
        else:
            track = session.tracks[number] = Track(loop.tracks[number], delivery, request.uri)
            transport += f";ssrc={track.ssrc:08X};mode=play"
        return RtspResponse(headers=[("Transport", transport), ("Session", f"{session.id};timeout={timeout}")])

    def _has_loudspeaker(self, stream: SimulatedStream) -> bool:
        return stream.number in self._server.recorder.options.loudspeakers

    def _delivery(self, header: str, number: int) -> TcpDelivery | UdpDelivery:
        """Take the first transport of the client's list that we have."""
        for transport in header.split(","):
            profile, *parameters = [part.strip() for part in transport.split(";")]
            if "multicast" in parameters:
                continue
            if profile == "RTP/AVP/TCP":
                found = _INTERLEAVED.search(transport)
                channel = int(found[1]) if found else 2 * number
                if channel <= 254:
                    return TcpDelivery(self._writer, channel)
            elif profile in {"RTP/AVP", "RTP/AVP/UDP"} and (found := _PORTS.search(transport)):
                ports = int(found[1]), int(found[2] or int(found[1]) + 1)
                if all(0 < port < 65536 for port in ports):
                    return UdpDelivery(self._local, self._peer, ports)
        raise _Refusal(461)

    async def _play(self, request: RtspRequest) -> RtspResponse:
        session = self._session(request)
        if not session.playing:
            self._after = session.play
        return RtspResponse(
            headers=[
                ("Session", session.id),
                ("Range", "npt=now-"),
                ("RTP-Info", ",".join(track.rtp_info for _, track in sorted(session.tracks.items()))),
            ]
        )

    async def _pause(self, request: RtspRequest) -> RtspResponse:
        session = self._session(request)
        await session.pause()
        return RtspResponse(headers=[("Session", session.id)])

    async def _teardown(self, request: RtspRequest) -> RtspResponse:
        session = self._session(request)
        await self._server.end(session)
        self.sessions.remove(session)
        return RtspResponse(headers=[("Session", session.id)])

    async def _parameter(self, request: RtspRequest) -> RtspResponse:
        if "session" in request.headers:
            return RtspResponse(headers=[("Session", self._session(request).id)])
        return RtspResponse()
