"""A viewer made of a bare socket: says exactly what a test wants, keeps every byte that it was sent."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

from custom_components.onvif_proxy.digest import DigestClient
from custom_components.onvif_proxy.model import Credentials

VIEWER = Credentials(username="viewer", password="ViewerSecret")


@dataclass
class Reply:
    """A response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class RtspClient:
    """One connection."""

    port: int
    credentials: Credentials | None = VIEWER
    local_address: str | None = None
    received: bytearray = field(default_factory=bytearray)
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    """That came before or between responses."""
    session: str | None = None
    cseq: int = 0

    async def __aenter__(self) -> Self:
        """Connect."""
        local = (self.local_address, 0) if self.local_address else None
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=local)
        self.digest = DigestClient(self.credentials) if self.credentials else None
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        self.writer.transport.abort()

    def uri(self, path: str) -> str:
        """Return a URI of the relay."""
        return f"rtsp://127.0.0.1:{self.port}{path}"

    async def read(self, count: int) -> bytes:
        """Read exactly; raises IncompleteReadError at the end of the connection."""
        data = await asyncio.wait_for(self.reader.readexactly(count), 10)
        self.received += data
        return data

    async def line(self) -> str:
        """Read a line."""
        data = await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 10)
        self.received += data
        return data.decode().removesuffix("\r\n")

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame; there must be no response before it."""
        if self.frames:
            return self.frames.pop(0)
        assert await self.read(1) == b"$"
        return await self._rest_of_frame()

    async def _rest_of_frame(self) -> tuple[int, bytes]:
        head = await self.read(3)
        return head[0], await self.read(int.from_bytes(head[1:]))

    async def reply(self) -> Reply:
        """Return the next response; frames before it are kept."""
        while (first := await self.read(1)) == b"$":
            self.frames.append(await self._rest_of_frame())
        version, status, *_ = (first.decode() + await self.line()).split(" ")
        assert version == "RTSP/1.0"
        headers = []
        while line := await self.line():
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        reply = Reply(int(status), headers, b"")
        reply.body = await self.read(int(reply.get("Content-Length") or 0))
        return reply

    def send(self, data: bytes) -> None:
        """Send anything."""
        self.writer.write(data)

    def written(self, method: str, path: str, *fields: str, body: bytes = b"") -> bytes:
        """Return a request, with the login that is known."""
        self.cseq += 1
        uri = path if path == "*" else self.uri(path)
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self.cseq}", *fields]
        if self.session is not None and not any(line.startswith("Session:") for line in fields):
            lines.append(f"Session: {self.session}")
        if self.digest is not None and (authorization := self.digest.authorization(method, uri)):
            lines.append(f"Authorization: {authorization}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    async def ask(self, method: str, path: str, *fields: str, body: bytes = b"") -> Reply:
        """Send a request once and return its reply."""
        self.send(self.written(method, path, *fields, body=body))
        reply = await self.reply()
        assert reply.get("CSeq") == str(self.cseq)
        if session := reply.get("Session"):
            self.session = session.partition(";")[0]
        return reply

    async def request(self, method: str, path: str, *fields: str, body: bytes = b"") -> Reply:
        """Send a request, log in when asked to."""
        reply = await self.ask(method, path, *fields, body=body)
        challenges = [value for name, value in reply.headers if name == "WWW-Authenticate"]
        if reply.status == 401 and self.digest is not None and self.digest.take_challenges(challenges):
            reply = await self.ask(method, path, *fields, body=body)
        return reply

    async def setup(self, path: str, channels: str = "0-1") -> Reply:
        """Set a track up."""
        return await self.request("SETUP", path, f"Transport: RTP/AVP/TCP;unicast;interleaved={channels}")

    async def play(self, name: str = "main", tracks: int = 2) -> Reply:
        """Do all that it takes to play; returns the answer to PLAY."""
        assert (await self.request("DESCRIBE", f"/{name}")).status == 200
        for track in range(1, tracks + 1):
            reply = await self.setup(f"/{name}/trackID={track}", f"{2 * track - 2}-{2 * track - 1}")
            assert reply.status == 200
        return await self.request("PLAY", f"/{name}/")

    async def ended(self) -> bool:
        """Tell whether the relay ends the connection within ten seconds; what comes before is kept."""
        try:
            while data := await asyncio.wait_for(self.reader.read(65536), 10):
                self.received += data
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True
