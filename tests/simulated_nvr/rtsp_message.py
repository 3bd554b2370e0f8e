"""RTSP 1.0 messages (RFC 2326): reads requests from a stream, builds answers."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_HEAD = 1 << 16
MAX_BODY = 1 << 16

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid In This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
}


class BadMessageError(Exception):
    """The client sent what is no RTSP."""


@dataclass(frozen=True, slots=True)
class RtspRequest:
    """A request; header names are in lower case."""

    method: str
    uri: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query of the URI."""
        parts = urlsplit(self.uri)
        return parts.path + (f"?{parts.query}" if parts.query else "")


@dataclass(slots=True)
class RtspResponse:
    """An answer; CSeq is added when it is sent."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def to_bytes(self, cseq: str | None, common: Iterable[tuple[str, str]] = ()) -> bytes:
        """Return the message."""
        lines = [f"RTSP/1.0 {self.status} {REASONS[self.status]}"]
        if cseq is not None:
            lines.append(f"CSeq: {cseq}")
        lines += [f"{name}: {value}" for name, value in (*common, *self.headers)]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


async def read_request(reader: asyncio.StreamReader) -> RtspRequest | bytes:
    """Return the next request, or the payload of an interleaved frame (RFC 2326 section 10.12).

    Raises BadMessageError, asyncio.IncompleteReadError at the end.
    """
    first = await reader.readexactly(1)
    while first in {b"\r", b"\n"}:
        first = await reader.readexactly(1)
    if first == b"$":
        header = await reader.readexactly(3)
        return await reader.readexactly(int.from_bytes(header[1:], "big"))
    try:
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.LimitOverrunError, UnicodeDecodeError) as error:
        raise BadMessageError("no end of the header in sight, or not text") from error
    start, *lines = head.rstrip("\r\n").split("\r\n")
    words = start.split(" ")
    if len(words) != 3 or words[2] != "RTSP/1.0":
        raise BadMessageError("no RTSP request line")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadMessageError("a header line without a colon")
        headers[name.strip().lower()] = value.strip()
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY:
        raise BadMessageError("unreasonable Content-Length")
    return RtspRequest(words[0], words[1], headers, await reader.readexactly(int(length)))
