"""A recorder that does what a test tells it, wrong or right: one answer a method, written by the test where it matters."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
import struct
from typing import Self

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay import Source
from custom_components.onvif_proxy.rtsp import Headers, InterleavedRun, RtspFramer, RtspRequest, RtspResponse, frame

PATH = "/Streaming/Channels/101?transportmode=unicast&profile=Profile_1"
SDP = b"""v=0\r
o=- 1109162014219182 1 IN IP4 198.51.100.64\r
s=Media Presentation of 198.51.100.64\r
e=admin@198.51.100.64\r
u=http://198.51.100.64/\r
c=IN IP4 198.51.100.64\r
t=0 0\r
a=control:*\r
a=range:npt=now-\r
m=video 0 RTP/AVP 96\r
c=IN IP4 198.51.100.64\r
b=AS:5000\r
a=recvonly\r
a=x-dimensions:352,288\r
a=control:trackID=video\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LADdkBYJaEAAADAAQAAAMAyDxQqSA=,aO4xsg==\r
a=Media_header:MEDIAINFO=494D4B48;\r
m=audio 0 RTP/AVP 8\r
a=control:trackID=audio\r
a=rtpmap:8 PCMA/8000\r
m=audio 0 RTP/AVP 0\r
a=control:trackID=back\r
a=sendonly\r
m=application 0 RTP/AVP 107\r
a=control:trackID=metadata\r
a=rtpmap:107 vnd.onvif.metadata/90000\r
"""


def packet(sequence: int, timestamp: int, payload: bytes, *, kind: int = 96, marker: bool = True) -> bytes:
    """Return an RTP packet."""
    second = kind | (0x80 if marker else 0)
    return struct.pack("!BBHII", 0x80, second, sequence, timestamp, 0x1234ABCD) + payload


FIRST = packet(1, 100, b"\x65first")
"""A key frame; what is sent when the media starts."""


type Answer = RtspResponse | bytes | None
"""Bytes are sent as they are; None leaves the request without an answer."""


@dataclass
class Connection:
    """A connection of the relay."""

    writer: asyncio.StreamWriter
    requests: list[RtspRequest] = field(default_factory=list)
    channels: dict[str, tuple[int, int]] = field(default_factory=dict)
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    """Received."""
    open: bool = True

    def send(self, data: bytes) -> None:
        """Send anything."""
        self.writer.write(data)


def ok(*fields: tuple[str, str], body: bytes = b"") -> RtspResponse:
    """Return a success."""
    return RtspResponse(200, headers=Headers(fields), body=body)


class ScriptedRecorder:
    """Listens on loopback; `script` maps a method to what makes its answer, other methods are answered well."""

    def __init__(self, **script: Callable[[RtspRequest, Connection], Answer]) -> None:
        """Take the script."""
        self.script = script
        self.connections: list[Connection] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def base(self) -> str:
        """The URI of the stream."""
        return f"rtsp://127.0.0.1:{self.port}{PATH}"

    @property
    def source(self) -> Source:
        """What a relay is given."""
        return Source(uri=self.base, credentials=Credentials(username="admin", password="RecorderSecret"))

    @property
    def requests(self) -> list[RtspRequest]:
        """All requests."""
        return [request for connection in self.connections for request in connection.requests]

    @property
    def methods(self) -> list[str]:
        """The methods of all requests."""
        return [request.method for request in self.requests]

    @property
    def open_connections(self) -> int:
        """Connections that the relay has not ended."""
        return sum(connection.open for connection in self.connections)

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for connection in self.connections:
            connection.writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(writer)
        self.connections.append(connection)
        framer = RtspFramer()
        try:
            while data := await reader.read(65536):
                for item in framer.feed(data):
                    if isinstance(item, RtspRequest):
                        self._answer(item, connection)
                    elif isinstance(item, InterleavedRun):
                        connection.frames += [(channel, bytes(payload)) for channel, payload in item.frames()]
        except ConnectionError:
            pass  # The relay may end as it likes; that it did is in `open`.
        finally:
            connection.open = False
            writer.transport.abort()

    def _answer(self, request: RtspRequest, connection: Connection) -> None:
        connection.requests.append(request)
        make = self.script.get(request.method, getattr(self, f"answer_{request.method.lower()}", None))
        answer = make(request, connection) if make else RtspResponse(501)
        if isinstance(answer, RtspResponse):
            answer.headers.set("CSeq", request.headers.get("CSeq") or "")
            answer = answer.to_bytes()
        if answer is not None:
            connection.send(answer)

    def answer_options(self, request: RtspRequest, connection: Connection) -> Answer:
        """List the methods."""
        return ok(("Public", "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER"))

    def answer_describe(self, request: RtspRequest, connection: Connection) -> Answer:
        """Describe the stream, with relative controls."""
        base = request.uri + "/"
        return ok(("Content-Base", base), ("Content-Type", "application/sdp"), body=SDP)

    def answer_setup(self, request: RtspRequest, connection: Connection) -> Answer:
        """Take the channels that were asked for."""
        first, second = (request.headers.get("Transport") or "").rpartition("=")[2].split("-")
        connection.channels[request.uri] = int(first), int(second)
        transport = f"RTP/AVP/TCP;unicast;interleaved={first}-{second};ssrc=1234ABCD"
        return ok(("Transport", transport), ("Session", "SECRET-SESSION;timeout=60"))

    def answer_play(self, request: RtspRequest, connection: Connection) -> Answer:
        """Start, and send one packet at once."""
        uris = list(connection.channels)
        info = ",".join(f"url={uri};seq={number};rtptime={number}00" for number, uri in enumerate(uris, start=1))
        response = ok(("Session", "SECRET-SESSION"), ("Range", "npt=now-"), ("RTP-Info", info))
        response.headers.set("CSeq", request.headers.get("CSeq") or "")
        return response.to_bytes() + frame(next(iter(connection.channels.values()))[0], FIRST)

    def answer_pause(self, request: RtspRequest, connection: Connection) -> Answer:
        """Stop."""
        return ok()

    answer_teardown = answer_get_parameter = answer_pause


def in_turn(*answers: Callable[[RtspRequest, Connection], Answer]) -> Callable[[RtspRequest, Connection], Answer]:
    """Answer the first request by the first, and so on; the last stays."""
    left: list[Callable[[RtspRequest, Connection], Answer]] = list(answers)

    def answer(request: RtspRequest, connection: Connection) -> Answer:
        make = left.pop(0) if len(left) > 1 else left[0]
        return make(request, connection)

    return answer


def status(code: int, *fields: tuple[str, str]) -> Callable[[RtspRequest, Connection], Answer]:
    """Always answer with a status."""
    return lambda request, connection: RtspResponse(code, headers=Headers(fields))


def raw(data: bytes) -> Callable[[RtspRequest, Connection], Answer]:
    """Always answer with these bytes."""
    return lambda request, connection: data


def silence(request: RtspRequest, connection: Connection) -> Answer:
    """Never answer."""
    return None


def reset(request: RtspRequest, connection: Connection) -> Answer:
    """End the connection."""
    connection.writer.transport.abort()
    return None


def described(sdp: bytes, *fields: tuple[str, str]) -> Callable[[RtspRequest, Connection], Answer]:
    """Describe with another text."""
    return lambda request, connection: ok(*fields, ("Content-Type", "application/sdp"), body=sdp)


def channels_used(frames: Sequence[tuple[int, bytes]]) -> set[int]:
    """Return the channels of frames."""
    return {channel for channel, _ in frames}
