"""RTSP over HTTP: what a relay does with connections that were accepted elsewhere."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
import random
import socket

import pytest

from custom_components.onvif_proxy.digest import DigestClient
from custom_components.onvif_proxy.model import TunnelHalf
from custom_components.onvif_proxy.relay import RelayServer
from custom_components.onvif_proxy.relay.tunnel import Base64Reader
from custom_components.onvif_proxy.rtsp import RtspError, frame

from .conftest import QUICK, relaying, until
from .rtsp_client import RtspClient
from .scripted_recorder import FIRST, ScriptedRecorder, packet

OK = b"HTTP/1.0 200 OK\r\n"


@pytest.mark.parametrize("size", range(1, 10))
def test_texts_that_follow_each_other_are_read_in_any_pieces(size: int) -> None:
    texts = [bytes(range(length)) for length in range(1, 20)]
    data = b"".join(base64.b64encode(text) for text in texts)
    reader = Base64Reader()
    read = b"".join(reader.feed(data[start : start + size]) for start in range(0, len(data), size))
    assert read == b"".join(texts)


def test_lines_are_joined() -> None:
    assert Base64Reader().feed(b"T1BU\r\nSU9O Uw==\r\n") == b"OPTIONS"


def test_anything_is_read_or_refused() -> None:
    chance = random.Random(1)
    for _ in range(5000):
        data = bytes(chance.choices(b"AZaz09+/== \r\n-\xff", k=chance.randrange(4, 20)))
        try:
            read = Base64Reader().feed(data)
        except RtspError:
            continue
        assert len(read) <= len(data)


@pytest.mark.parametrize("data", [b"OPTIONS rtsp://", b"====", b"A===", b"AAA=B===", b"\xff\xff\xff\xff", b"-_-_"])
def test_what_is_no_base64_is_refused(data: bytes) -> None:
    with pytest.raises(RtspError):
        Base64Reader().feed(data)


async def connection() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a TCP connection: the accepted one, and the client's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = socket.socket()
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, listener.getsockname())
        accepted, _ = listener.accept()
        return accepted, client


async def hand_over(
    server: RelayServer, *, sending: bool, cookie: str = "abc", received: bytes = b"", client: str = "127.0.0.1"
) -> socket.socket:
    """Open a connection and hand it over; return the client's end."""
    accepted, mine = await connection()
    server.take_tunnel(TunnelHalf(cookie=cookie, sending=sending, client=client), received, accepted)
    return mine


async def everything(sock: socket.socket) -> bytes:
    """Return what comes until the end of a connection."""
    loop, got = asyncio.get_running_loop(), b""
    async with asyncio.timeout(5):
        while data := await loop.sock_recv(sock, 65536):
            got += data
    return got


@dataclass
class TunnelClient(RtspClient):
    """Says what it says in Base64, through another connection than it hears."""

    ears: socket.socket | None = None
    mouth: socket.socket | None = None

    def send(self, data: bytes) -> None:
        """Encode it."""
        assert self.mouth is not None
        self.mouth.send(base64.b64encode(data))


@asynccontextmanager
async def tunnel(server: RelayServer, *, received: bytes = b"", cookie: str = "abc") -> AsyncIterator[TunnelClient]:
    """Open both halves."""
    ears = await hand_over(server, sending=False, cookie=cookie)
    client = TunnelClient(server.port)
    client.reader, client.writer = await asyncio.open_connection(sock=ears)
    client.digest = None
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(OK)
    assert b"\r\nContent-Type: application/x-rtsp-tunnelled\r\n" in head
    with await hand_over(server, sending=True, cookie=cookie, received=received) as client.mouth:
        try:
            yield client
        finally:
            client.writer.transport.abort()


def logged_in(client: TunnelClient) -> TunnelClient:
    """Give a client the login."""
    assert client.credentials is not None
    client.digest = DigestClient(client.credentials)
    return client


async def test_a_stream_is_played_through_a_tunnel() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server:
        async with tunnel(server) as client:
            assert (await logged_in(client).play()).status == 200
            assert await client.frame() == (0, FIRST)
            recorder.connections[0].send(frame(0, packet(2, 2, b"later")))
            assert await client.frame() == (0, packet(2, 2, b"later"))
            (viewer,) = server.statistics().viewers
            assert (viewer.transport, viewer.address) == ("HTTP", "127.0.0.1")
            assert (await client.request("TEARDOWN", "/main")).status == 200
        await until(lambda: server.viewers == 0)


async def test_the_login_is_that_of_rtsp() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, tunnel(server) as client:
        assert (await client.ask("DESCRIBE", "/main")).status == 401
        assert recorder.connections == []
        assert (await logged_in(client).request("DESCRIBE", "/main")).status == 200


async def test_what_came_with_the_post_is_heard_and_padding_is_allowed_within() -> None:
    first = base64.b64encode(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    assert first.endswith(b"=")
    async with relaying(ScriptedRecorder()) as server, tunnel(server, received=first[:9]) as client:
        assert client.mouth is not None
        client.mouth.send(first[9:] + base64.b64encode(b"OPTIONS * RTSP/1.0\r\nCSeq: 22\r\n\r\n"))
        assert [(await client.reply()).get("CSeq") for _ in range(2)] == ["1", "22"]


async def test_a_session_goes_on_with_another_post() -> None:
    async with relaying(ScriptedRecorder()) as server, tunnel(server) as client:
        await logged_in(client).play()
        assert client.mouth is not None
        client.mouth.close()
        with await hand_over(server, sending=True) as client.mouth:
            assert (await client.request("GET_PARAMETER", "/main")).status == 200


@pytest.mark.parametrize("other", [{"cookie": "guessed"}, {"client": "192.0.2.1"}])
async def test_a_post_without_its_get_is_404_and_disturbs_no_one(other: dict[str, str]) -> None:
    async with relaying(ScriptedRecorder()) as server, tunnel(server) as client:
        with await hand_over(server, sending=True, **other) as stranger:  # type: ignore[arg-type]  # all are texts
            assert (await everything(stranger)).startswith(b"HTTP/1.0 404 ")
        assert (await logged_in(client).request("DESCRIBE", "/main")).status == 200


async def test_who_comes_again_by_the_same_name_begins_anew() -> None:
    async with relaying(ScriptedRecorder()) as server, tunnel(server) as former:
        await logged_in(former).play()
        async with tunnel(server) as client:
            assert (await logged_in(client).play()).status == 200
            assert await former.ended()
            assert (await client.request("GET_PARAMETER", "/main")).status == 200
            await until(lambda: server.viewers == 1)


async def test_one_more_than_are_allowed_is_refused() -> None:
    async with relaying(ScriptedRecorder(), replace(QUICK, max_connections=1)) as server, tunnel(server):
        with await hand_over(server, sending=False, cookie="other") as second:
            assert (await everything(second)).startswith(b"HTTP/1.0 503 ")


async def test_a_get_whose_post_never_comes_is_sent_away_and_its_name_is_free() -> None:
    async with relaying(ScriptedRecorder(), replace(QUICK, handshake_timeout=0.2)) as server:
        with await hand_over(server, sending=False) as lonely:
            got = await everything(lonely)
        assert got.startswith(OK)
        assert got.endswith(b"\r\n\r\n")
        async with tunnel(server) as client:
            assert (await logged_in(client).request("DESCRIBE", "/main")).status == 200


@pytest.mark.parametrize("nonsense", [b"OPTIONS * RTSP/1.0\r\n", base64.b64encode(b"\0" * 30 + b"\r\n\r\n")])
async def test_nonsense_is_answered_and_ends_the_tunnel(nonsense: bytes) -> None:
    async with relaying(ScriptedRecorder()) as server, tunnel(server) as client:
        assert client.mouth is not None
        client.mouth.send(nonsense)
        assert (await client.reply()).status == 400
        assert await client.ended()


@pytest.mark.parametrize("how", ["client", "server"])
async def test_both_connections_end_together(how: str) -> None:
    async with relaying(ScriptedRecorder()) as server, tunnel(server) as client:
        await logged_in(client).play()
        assert client.mouth is not None
        if how == "client":
            client.writer.transport.abort()
        else:
            await server.stop()
        assert await everything(client.mouth) == b""


async def test_who_reads_no_answers_is_sent_away() -> None:
    limits = replace(QUICK, max_unread_answers=2000)
    async with relaying(ScriptedRecorder(), limits) as server, tunnel(server) as client:
        await logged_in(client).request("DESCRIBE", "/main")
        assert client.mouth is not None
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # one that can read
        requests = base64.b64encode(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 16) * 100_000
        with pytest.raises(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(client.mouth, requests)
        client.writer.transport.abort()


async def test_a_camera_that_does_not_listen_takes_no_tunnel() -> None:
    async with relaying(ScriptedRecorder()) as server:
        await server.stop()
        with await hand_over(server, sending=False) as mine:
            assert await everything(mine) == b""
