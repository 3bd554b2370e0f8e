"""RTSP messages and framing: bytes in, values out."""

import random
import re

import pytest

from custom_components.onvif_proxy import rtsp
from custom_components.onvif_proxy.rtsp import (
    Headers,
    InterleavedRun,
    RtspError,
    RtspFramer,
    RtspRequest,
    RtspResponse,
    frame,
)

REQUEST = (
    b"DESCRIBE rtsp://192.0.2.1:554/main RTSP/1.0\r\n"
    b"CSeq: 2\r\n"
    b"Accept: application/sdp\r\n"
    b'Authorization: Digest username="viewer", realm="camera"\r\n'
    b"\r\n"
)
RESPONSE = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"


def whole(data: bytes) -> list[RtspRequest | RtspResponse | InterleavedRun]:
    """Frame everything at once; nothing may be left."""
    framer = RtspFramer()
    items = framer.feed(data)
    assert len(framer._rest) == 0
    return items


def test_a_request_is_read() -> None:
    (request,) = whole(REQUEST)
    assert isinstance(request, RtspRequest)
    assert (request.method, request.uri, request.version) == ("DESCRIBE", "rtsp://192.0.2.1:554/main", "RTSP/1.0")
    assert request.cseq == 2
    assert request.headers.get("ACCEPT") == "application/sdp"
    assert request.body == b""


def test_a_response_with_body_is_read() -> None:
    (response,) = whole(RESPONSE)
    assert isinstance(response, RtspResponse)
    assert (response.status, response.reason, response.cseq, response.body) == (200, "OK", 2, b"v=0\r\n")


def test_what_is_written_is_read_back() -> None:
    headers = Headers([("CSeq", "7"), ("Session", "12;timeout=60"), ("X-Name", "Einfahrt Süd")])
    for message in (
        RtspRequest("SET_PARAMETER", "rtsp://192.0.2.1/main", headers, b"a: b\r\n"),
        RtspResponse(453, headers=headers),
    ):
        (back,) = whole(message.to_bytes())
        assert type(back) is type(message)
        assert back.body == message.body
        assert back.headers.get("X-Name") == "Einfahrt Süd"


def test_the_reason_is_that_of_the_rfc() -> None:
    assert RtspResponse(461).to_bytes() == b"RTSP/1.0 461 Unsupported transport\r\n\r\n"


def test_content_length_is_always_that_of_the_body() -> None:
    message = RtspResponse(200, headers=Headers([("content-length", "99")]), body=b"abc").to_bytes()
    assert message.count(b"ontent-") == 1
    assert b"Content-Length: 3\r\n" in message


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_pieces_of_any_size_make_the_same(size: int) -> None:
    frames = frame(0, b"x" * 300) + frame(1, b"") + frame(0, b"$RTSP/1.0 200 OK\r\n\r\n")
    stream = RESPONSE + frames + REQUEST + frames
    framer = RtspFramer()
    items = [item for start in range(0, len(stream), size) for item in framer.feed(stream[start : start + size])]
    assert len(framer._rest) == 0
    assert [type(item) for item in items if not isinstance(item, InterleavedRun)] == [RtspResponse, RtspRequest]
    assert b"".join(bytes(item.data) for item in items if isinstance(item, InterleavedRun)) == frames * 2


def test_random_pieces_of_a_long_stream_lose_nothing() -> None:
    chance = random.Random(1)
    frames = [frame(chance.choice((0, 1, 2)), chance.randbytes(chance.randrange(3000))) for _ in range(200)]
    stream = b"".join(frames)
    framer, got, position = RtspFramer(), b"", 0
    while position < len(stream):
        size = chance.randrange(1, 9000)
        runs = framer.feed(stream[position : position + size])
        got += b"".join(bytes(run.data) for run in runs if isinstance(run, InterleavedRun))
        position += size
    assert got == stream


def test_neighbouring_frames_come_as_one_run() -> None:
    (run,) = whole(frame(0, b"one") + frame(1, b"two") + frame(2, b"x" * 65535))
    assert isinstance(run, InterleavedRun)
    assert [(channel, bytes(payload)) for channel, payload in run.frames()] == [
        (0, b"one"),
        (1, b"two"),
        (2, b"x" * 65535),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n" + REQUEST,
        REQUEST.replace(b"\r\n", b"\n"),
        REQUEST.replace(b"CSeq: 2", b"cseq :2"),
        REQUEST.replace(b", realm", b",\r\n realm"),
        REQUEST.replace(b": Digest", b": \r\n\tDigest"),
        frame(1, b"rtcp") + b"\r\n" + REQUEST,
    ],
    ids=["empty lines before", "LF only", "spaces and case", "folded", "folded at once", "empty line after a frame"],
)
def test_what_devices_send_is_tolerated(data: bytes) -> None:
    request = whole(data)[-1]
    assert isinstance(request, RtspRequest)
    assert request.cseq == 2
    assert request.headers.get("authorization") == 'Digest username="viewer", realm="camera"'


@pytest.mark.parametrize("line", [b"RTSP/1.0 200", b"RTSP/1.0 200 ", b"RTSP/1.0  200  All is well"])
def test_a_response_needs_no_proper_reason(line: bytes) -> None:
    (response,) = whole(line + b"\r\nCSeq: 1\r\n\r\n")
    assert isinstance(response, RtspResponse)
    assert response.status == 200


def test_a_text_that_is_not_utf_8_is_read() -> None:
    (response,) = whole(b"RTSP/1.0 200 OK\r\nServer: \xc4\xe3\r\n\r\n")
    assert isinstance(response, RtspResponse)
    assert response.headers.get("Server") == "Äã"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\rX: 2\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nCSeq: \x00\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 1e3\r\n\r\n",
        b"OPTIONS RTSP/1.0\r\n\r\n",
        b"RTSP/1.0 OK\r\n\r\n",
        b"RTSP/1.0 000 OK\r\n\r\n",
    ],
)
def test_nonsense_is_an_error(data: bytes) -> None:
    with pytest.raises(RtspError):
        RtspFramer().feed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS * RTSP/1.0\r\nX: " + b"a" * 20000,
        b"a" * 20000,
        b"OPTIONS * RTSP/1.0\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 10000000\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ],
    ids=["long header", "long line", "many headers", "long body", "body beyond numbers"],
)
def test_too_much_is_an_error(data: bytes) -> None:
    with pytest.raises(RtspError):
        RtspFramer().feed(data)


def test_a_flood_in_small_pieces_keeps_no_more_than_the_limit() -> None:
    framer = RtspFramer(max_message=1000)
    for _ in range(99):
        assert framer.feed(b"a" * 10) == []
    assert len(framer._rest) == 990
    with pytest.raises(RtspError):
        framer.feed(b"a" * 10)


@pytest.mark.parametrize(
    "item",
    [frame(0, b""), b"\n" + frame(0, b""), b"OPTIONS * RTSP/1.0\r\n\r\n", frame(0, b"") + b"\r\nRTSP/1.0 200\r\n\r\n"],
    ids=["frames", "frames and empty lines", "requests", "frames and responses"],
)
def test_too_many_at_once_are_an_error(item: bytes) -> None:
    framer = RtspFramer(max_items=10)
    for _ in range(3):
        framer.feed(item * 5)
    with pytest.raises(RtspError):
        framer.feed(item * 11)


def test_a_flood_of_tiny_frames_is_an_error_and_the_smallest_packets_are_not() -> None:
    read = 256 * 1024
    with pytest.raises(RtspError):
        RtspFramer().feed(frame(0, b"") * (read // 4))
    packets = frame(0, b"RTP's header") * (read // 16)
    (run,) = whole(packets)
    assert isinstance(run, InterleavedRun)
    assert run.data == packets


def test_empty_lines_are_skipped_without_a_step_for_each() -> None:
    steps = 0

    class Counted(bytes):
        """Counts the single bytes that are looked at."""

        def __getitem__(self, key: object) -> object:
            nonlocal steps
            steps += 1
            return super().__getitem__(key)  # type: ignore[index]  # whatever was asked for

    (request,) = RtspFramer().feed(Counted(b"\r\n" * 100_000 + b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"))
    assert isinstance(request, RtspRequest)
    assert steps < 10


def test_headers_that_come_byte_by_byte_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = 0

    class Counted:
        """Counts the bytes that are searched."""

        def search(self, data: bytes, start: int, end: int) -> re.Match[bytes] | None:
            nonlocal searched
            searched += min(end, len(data)) - start
            return real.search(data, start, end)

    real = rtsp._HEAD_END
    monkeypatch.setattr(rtsp, "_HEAD_END", Counted())
    data = REQUEST[:-2] + b"X: 1\r\n" * 90 + b"\r\n"
    framer = RtspFramer()
    items = [item for byte in data + REQUEST for item in framer.feed(bytes((byte,)))]
    assert [type(item) for item in items] == [RtspRequest, RtspRequest]
    assert searched < 10 * len(data)


@pytest.mark.parametrize("cseq", ["", "-1", "one", "²", "1" * 30])
def test_a_sequence_number_that_is_none(cseq: str) -> None:
    assert RtspRequest("OPTIONS", "*", Headers([("CSeq", cseq)])).cseq is None


@pytest.mark.parametrize(
    "message",
    [
        RtspResponse(200, headers=Headers([("X", "a\r\nSet: b")])),
        RtspResponse(200, reason="OK\n"),
        RtspRequest("PLAY", "rtsp://192.0.2.1/a\r\nX: b"),
        RtspRequest("PLAY", "rtsp://192.0.2.1/a b"),
    ],
)
def test_nothing_can_be_smuggled_into_a_message(message: RtspRequest | RtspResponse) -> None:
    with pytest.raises(RtspError):
        message.to_bytes()


def test_headers_keep_order_and_repetition() -> None:
    headers = Headers([("WWW-Authenticate", "Digest a"), ("CSeq", "1"), ("www-authenticate", "Digest b")])
    assert headers.get_all("Www-Authenticate") == ["Digest a", "Digest b"]
    headers.set("cseq", "2")
    headers.add("X", "3")
    assert headers.items()[-2:] == [("cseq", "2"), ("X", "3")]
    assert "CSEQ" in headers
    assert headers.get("Session") is None


def test_credentials_show_in_no_repr() -> None:
    request = RtspRequest("PLAY", "rtsp://a:secret@192.0.2.1/", Headers([("Authorization", "Basic secret")]), b"secret")
    assert "secret" not in repr(request)
