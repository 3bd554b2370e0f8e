"""RTSP 1.0 messages and their framing on a TCP connection (RFC 2326 sections 4, 6, 7 and 10.12). No I/O.

`RtspFramer` takes what a socket received and gives whole messages and runs of interleaved data; `RtspRequest` and
`RtspResponse` are built and read by both sides.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
import re

DEFAULT_MAX_MESSAGE = 16 * 1024
"""Bytes of a message's start line and headers."""
DEFAULT_MAX_BODY = 64 * 1024
"""Bytes of a message's body."""
DEFAULT_MAX_HEADERS = 100
DEFAULT_MAX_ITEMS = 16 * 1024
"""Messages and interleaved frames in one read. Frames of RTP have 16 bytes at least, so that no read of 256 KiB has more."""

REASONS: dict[int, str] = {
    200: "OK",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Time-out",
    411: "Length Required",
    413: "Request Entity Too Large",
    414: "Request-URI Too Large",
    415: "Unsupported Media Type",
    451: "Parameter Not Understood",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    457: "Invalid Range",
    459: "Aggregate operation not allowed",
    460: "Only aggregate operation allowed",
    461: "Unsupported transport",
    462: "Destination unreachable",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
    505: "RTSP Version not supported",
    551: "Option not supported",
}
"""The reason phrases of RFC 2326 section 7.1.1."""

_DOLLAR = 0x24
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEAD_END_LENGTH = 4
_LINE_END = re.compile(r"\r?\n")
_EMPTY_LINES = re.compile(rb"[\r\n]+")
_REQUEST_LINE = re.compile(r"([A-Z_]{1,32}) +(\S+) +(RTSP/[0-9]\.[0-9])")
_STATUS_LINE = re.compile(r"RTSP/[0-9]\.[0-9] +([1-9][0-9]{2})(?: +(.*))?")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class RtspError(ValueError):
    """A message that is malformed or over a limit; the text is safe to log."""


class Headers:
    """Header fields: names without regard to case, in order, a name may occur more than once."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        """Take over (name, value) pairs."""
        self._fields = list(fields)

    def get(self, name: str) -> str | None:
        """Return the first value of a name."""
        name = name.lower()
        return next((value for key, value in self._fields if key.lower() == name), None)

    def get_all(self, name: str) -> list[str]:
        """Return every value of a name."""
        name = name.lower()
        return [value for key, value in self._fields if key.lower() == name]

    def set(self, name: str, value: str) -> None:
        """Replace every value of a name by one."""
        self._fields = [(key, old) for key, old in self._fields if key.lower() != name.lower()]
        self._fields.append((name, value))

    def add(self, name: str, value: str) -> None:
        """Add one more value of a name."""
        self._fields.append((name, value))

    def items(self) -> list[tuple[str, str]]:
        """Return all (name, value) pairs in order."""
        return list(self._fields)

    def __contains__(self, name: object) -> bool:
        """Tell whether a name occurs."""
        return isinstance(name, str) and self.get(name) is not None

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        """Compare fields and their order."""
        if not isinstance(other, Headers):
            return NotImplemented
        return self._fields == other._fields

    def __repr__(self) -> str:
        """Show names only: values may be credentials."""
        return f"Headers({', '.join(name for name, _ in self._fields)})"


def _message(start_line: str, headers: Headers, body: bytes) -> bytes:
    fields = [(name, value) for name, value in headers.items() if name.lower() != "content-length"]
    if body:
        fields.append(("Content-Length", str(len(body))))
    lines = [start_line, *(f"{name}: {value}" for name, value in fields)]
    if any(_CONTROL_CHARACTER.search(line) for line in lines):
        raise RtspError("control character in a message")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _cseq(headers: Headers) -> int | None:
    value = headers.get("CSeq") or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 10 else None


@dataclass(slots=True)
class RtspRequest:
    """A request (RFC 2326 section 6)."""

    method: str
    uri: str = field(repr=False)
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)
    version: str = "RTSP/1.0"

    @property
    def cseq(self) -> int | None:
        """The sequence number, None where it is missing or not a number."""
        return _cseq(self.headers)

    def to_bytes(self) -> bytes:
        """Return the request as sent; Content-Length is that of the body. Raises RtspError where it could not be read."""
        if any(character.isspace() for character in self.uri):
            raise RtspError("white space in a URI")
        return _message(f"{self.method} {self.uri} {self.version}", self.headers, self.body)


@dataclass(slots=True)
class RtspResponse:
    """A response (RFC 2326 section 7)."""

    status: int
    reason: str = ""
    """Empty: the phrase of the RFC."""
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)

    @property
    def cseq(self) -> int | None:
        """The sequence number of the request it answers, None where it is missing or not a number."""
        return _cseq(self.headers)

    def to_bytes(self) -> bytes:
        """Return the response as sent; Content-Length is that of the body. Raises RtspError where it could not be read."""
        reason = self.reason or REASONS.get(self.status, "Unknown")
        return _message(f"RTSP/1.0 {self.status} {reason}", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class InterleavedRun:
    """One or more whole interleaved frames, contiguous and exactly as received (RFC 2326 section 10.12)."""

    data: bytes | memoryview = field(repr=False)

    def frames(self) -> Iterator[tuple[int, memoryview]]:
        """Yield (channel, payload) of each frame."""
        view = memoryview(self.data)
        position = 0
        while position < len(view):
            end = position + 4 + (view[position + 2] << 8 | view[position + 3])
            yield view[position + 1], view[position + 4 : end]
            position = end


def frame(channel: int, payload: bytes | memoryview) -> bytes:
    """Return one interleaved frame; channel 0 to 255, payload up to 65535 bytes."""
    return b"".join((bytes((_DOLLAR, channel)), len(payload).to_bytes(2), payload))


class RtspFramer:
    """Cuts the bytes of one direction of a connection into messages and interleaved data.

    Tolerates what devices send: empty lines before a message, lines that end with LF alone, folded headers, a status line
    without reason. After an RtspError the connection is of no more use: its framing is lost.
    """

    def __init__(
        self,
        max_message: int = DEFAULT_MAX_MESSAGE,
        max_body: int = DEFAULT_MAX_BODY,
        max_headers: int = DEFAULT_MAX_HEADERS,
        max_items: int = DEFAULT_MAX_ITEMS,
    ) -> None:
        """Limits: bytes of start line and headers, bytes of a body, number of headers, messages and frames in one `feed`."""
        self._max_message = max_message
        self._max_body = max_body
        self._max_headers = max_headers
        self._max_items = max_items
        self._rest = bytearray()
        self._needed = 0
        self._searched = 0
        """Bytes of the rest in which no headers end."""

    @property
    def max_size(self) -> int:
        """Bytes of the longest message; of no message more needs to be seen."""
        return self._max_message + self._max_body

    def feed(self, data: bytes) -> list[RtspRequest | RtspResponse | InterleavedRun]:
        """Take received bytes, return what became whole, in order. Raises RtspError."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        found: list[RtspRequest | RtspResponse | InterleavedRun] = []
        position, size, left = 0, len(data), self._max_items
        self._needed, searched = 0, self._searched
        self._searched = 0
        while position < size and not self._needed:
            first = data[position]
            if first == _DOLLAR:
                end, left = self._end_of_run(data, position, left)
                if end > position:
                    found.append(InterleavedRun(memoryview(data)[position:end]))
                position = end
            elif empty := _EMPTY_LINES.match(data, position):
                position = empty.end()
            else:
                message, position = self._message(data, position, searched)
                if message is not None:
                    found.append(message)
                    left -= 1
            if left < 0:
                raise RtspError("too many messages or frames at once")
            searched = 0
        if position < size:
            self._rest += memoryview(data)[position:]
        return found

    def message_at(self, data: bytes) -> tuple[RtspRequest | RtspResponse | None, int]:
        """Parse the message that data begins with, after empty lines: (message, its end), (None, 0) while it isn't whole.

        Keeps nothing; for who finds interleaved data by itself. Raises RtspError.
        """
        if empty := _EMPTY_LINES.match(data):
            return None, empty.end()
        return self._message(data, 0)

    def _end_of_run(self, data: bytes, position: int, left: int) -> tuple[int, int]:
        """Walk whole frames from a `$` on; note how many bytes the first that isn't whole takes.

        `left` frames may come; below zero, one more did.
        """
        size = len(data)
        while left >= 0 and position < size and data[position] == _DOLLAR:
            if position + 4 > size:
                self._needed = 4
                break
            end = position + 4 + (data[position + 2] << 8 | data[position + 3])
            if end > size:
                self._needed = end - position
                break
            position = end
            left -= 1
        return position, left

    def _message(self, data: bytes, position: int, searched: int = 0) -> tuple[RtspRequest | RtspResponse | None, int]:
        """Parse the message at `position`: (message, its end), (None, position) while it isn't whole.

        The first bytes of it that were searched before aren't again, but for what may be the beginning of the end: headers
        that come byte by byte would be, as often as they have bytes.
        """
        start = position + max(0, searched - _HEAD_END_LENGTH + 1)
        match = _HEAD_END.search(data, start, position + self._max_message)
        if match is None:
            if len(data) - position >= self._max_message:
                raise RtspError("headers too long")
            self._searched = len(data) - position
            self._needed = self._searched + 1
            return None, position
        start_line, headers = self._parse_head(data[position : match.start()])
        length = self._body_length(headers)
        end = match.end() + length
        if end > len(data):
            self._needed = end - position
            return None, position
        body = bytes(data[match.end() : end])
        if request := _REQUEST_LINE.fullmatch(start_line):
            return RtspRequest(request[1], request[2], headers, body, request[3]), end
        if response := _STATUS_LINE.fullmatch(start_line):
            return RtspResponse(int(response[1]), response[2] or "", headers, body), end
        raise RtspError("neither an RTSP request nor a response")

    def _parse_head(self, head: bytes) -> tuple[str, Headers]:
        try:
            text = head.decode()
        except UnicodeDecodeError:
            text = head.decode("latin-1")
        start_line, *lines = _LINE_END.split(text)
        fields: list[tuple[str, str]] = []
        for line in lines:
            if line[:1] in (" ", "\t") and fields:
                fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip()}".strip())
                continue
            name, colon, value = line.partition(":")
            if not colon or not _TOKEN.fullmatch(name.rstrip()):
                raise RtspError("malformed header line")
            fields.append((name.rstrip(), value.strip()))
            if len(fields) > self._max_headers:
                raise RtspError("too many headers")
        if _CONTROL_CHARACTER.search(start_line) or any(_CONTROL_CHARACTER.search(value) for _, value in fields):
            raise RtspError("control character in a message")
        return start_line.strip(), Headers(fields)

    def _body_length(self, headers: Headers) -> int:
        values = set(headers.get_all("Content-Length"))
        if not values:
            return 0
        value = values.pop()
        if values or not (value.isascii() and value.isdigit() and len(value) <= 10):
            raise RtspError("malformed Content-Length")
        if int(value) > self._max_body:
            raise RtspError("body too long")
        return int(value)
