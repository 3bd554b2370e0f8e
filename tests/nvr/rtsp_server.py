"""An RTSP server that only answers DESCRIBE, for what a well-behaved one would not say."""

import asyncio
from collections.abc import Mapping
import re
from typing import Self

from custom_components.onvif_proxy.digest import DigestServer
from custom_components.onvif_proxy.model import Credentials

_REQUEST = re.compile(r"DESCRIBE (\S+) RTSP/1.0\r\n")


def sdp(
    *, codec: str = "H264", size: tuple[int, int] | None = (704, 576), audio: str = "PCMU/8000", fps: float = 12.5
) -> str:
    """Write a session description; the size stands in `x-dimensions`."""
    video = f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 {codec}/90000\r\na=framerate:{fps}\r\n" if codec else ""
    dimensions = f"a=x-dimensions:{size[0]},{size[1]}\r\n" if codec and size else ""
    sound = f"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 {audio}\r\n" if audio else ""
    return "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=control:*\r\n" + video + dimensions + sound


def answer(status: int = 200, body: str = "", *headers: str) -> bytes:
    """Write a response."""
    lines = [f"RTSP/1.0 {status} Said", "CSeq: 1", *headers, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class RtspServer:
    """Answers DESCRIBE of a path (with its query) with raw bytes; anything else with 404."""

    def __init__(self, answers: Mapping[str, bytes], credentials: Credentials | None = None) -> None:
        """With credentials it wants a digest."""
        self.answers = answers
        self.credentials = credentials
        self.digest = DigestServer("recorder", algorithms=("MD5",))
        self.described: list[str] = []
        self.refused = 0
        self.most_at_once = 0
        self._now = 0

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything."""
        self._server.close()
        self._server.close_clients()
        await self._server.wait_closed()

    def uri(self, path: str) -> str:
        """Return the URI of a path."""
        return f"rtsp://127.0.0.1:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            while request := (await reader.readuntil(b"\r\n\r\n")).decode():
                writer.write(self._answer(request))
                await writer.drain()
        except asyncio.IncompleteReadError, ConnectionError:
            return
        finally:
            self._now -= 1
            writer.close()

    def _answer(self, request: str) -> bytes:
        found = _REQUEST.match(request)
        assert found, request
        uri = found[1]
        if self.credentials is not None:
            given = re.search(r"Authorization: (.*)\r\n", request)
            if given is None or not self.digest.check(given[1], "DESCRIBE", [uri], self.credentials).ok:
                self.refused += 1
                return answer(401, "", *(f"WWW-Authenticate: {value}" for value in self.digest.challenges()))
        path = re.sub(r"^rtsp://[^/]+", "", uri)
        self.described.append(path)
        return self.answers.get(path, answer(404))
