"""The requests of RTSP over HTTP: which they are, and how their connection is given away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
import os
import socket

import pytest

from custom_components.onvif_proxy.model import StreamRole, TunnelHalf
from custom_components.onvif_proxy.responder import OnvifServer

from .conftest import make_camera, make_description

GET = "GET /main HTTP/1.0\r\nx-sessioncookie: abc\r\nAccept: application/x-rtsp-tunnelled\r\n\r\n"
POST = (
    "POST /main HTTP/1.1\r\nHost: x\r\nx-sessioncookie: abc\r\nContent-Type: application/x-rtsp-tunnelled\r\n"
    "Content-Length: 32767\r\n\r\n"
)


@dataclass
class FakeRelay:
    """Takes connections."""

    taken: list[tuple[TunnelHalf, bytes, socket.socket]] = field(default_factory=list)
    failure: OSError | None = None

    def take(self, half: TunnelHalf, received: bytes, connection: int) -> None:
        """Take one, by a descriptor of its own."""
        if self.failure is not None:
            raise self.failure
        self.taken.append((half, received, socket.socket(fileno=os.dup(connection))))


@pytest.fixture
def relay() -> FakeRelay:
    return FakeRelay()


@pytest.fixture
async def server(relay: FakeRelay) -> AsyncIterator[OnvifServer]:
    async with OnvifServer(make_description(), make_camera(), tunnels=relay.take, max_connections=2) as running:
        yield running
    for _, _, sock in relay.taken:
        sock.close()


async def ask(server: OnvifServer, data: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data.encode())
    return reader, writer


async def taken(relay: FakeRelay, count: int = 1) -> tuple[TunnelHalf, bytes, socket.socket]:
    """Return the last of so many connections that were taken."""
    async with asyncio.timeout(5):
        while len(relay.taken) < count:
            await asyncio.sleep(0.01)
    return relay.taken[-1]


async def status(reader: asyncio.StreamReader) -> int:
    """Return the status of an answer, after which the connection ends."""
    async with asyncio.timeout(5):
        return int((await reader.read()).split(b" ")[1])


@pytest.mark.parametrize(
    ("request_", "sending", "received"),
    [(GET, False, b""), (POST, True, b""), (POST + "T1BUSU9O", True, b"T1BUSU9O")],
)
async def test_a_connection_is_given_away_with_what_came_and_lives_on(
    server: OnvifServer, relay: FakeRelay, request_: str, sending: bool, received: bytes
) -> None:
    reader, writer = await ask(server, request_)
    half, got, sock = await taken(relay)
    assert (half, got) == (TunnelHalf(cookie="abc", sending=sending, client="127.0.0.1"), received)
    await asyncio.sleep(0.05)
    sock.sendall(b"served elsewhere")
    assert await reader.readexactly(16) == b"served elsewhere"
    writer.write(b"more")
    await writer.drain()
    await asyncio.sleep(0.01)
    assert await asyncio.get_running_loop().run_in_executor(None, sock.recv, 10) == b"more"
    writer.close()


async def test_what_is_given_away_takes_no_place(server: OnvifServer, relay: FakeRelay) -> None:
    connections = []
    for number in range(1, 6):
        connections.append(await ask(server, GET))
        await taken(relay, number)
        await asyncio.sleep(0.01)
    assert all(not reader.at_eof() for reader, _ in connections)
    for _, writer in connections:
        writer.close()


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (GET.replace("abc", "a b"), 400),
        (GET.replace("abc", "a" * 129), 400),
        (POST.replace("Content-Length: 32767", "Transfer-Encoding: chunked"), 400),
        (GET.replace("x-sessioncookie", "x-other"), 404),
        (GET.replace("x-rtsp-tunnelled", "sdp"), 404),
        (POST.replace("x-rtsp-tunnelled", "sdp").replace("32767", "0").replace("1.1", "1.0"), 404),
        (GET.replace("GET", "HEAD"), 404),
    ],
)
async def test_other_requests_are_answered_here(
    server: OnvifServer, relay: FakeRelay, request_: str, expected: int
) -> None:
    reader, writer = await ask(server, request_)
    assert await status(reader) == expected
    assert relay.taken == []
    writer.close()


async def test_where_nobody_can_take_it_it_is_503(server: OnvifServer, relay: FakeRelay) -> None:
    relay.failure = BlockingIOError()
    reader, writer = await ask(server, GET)
    assert await status(reader) == 503
    writer.close()


async def test_there_are_none_while_rtsp_is_passed_on_to_the_recorder(server: OnvifServer, relay: FakeRelay) -> None:
    server.update(replace(make_description(), raw_paths={StreamRole.MAIN: "/main"}))
    reader, writer = await ask(server, GET)
    assert await status(reader) == 404
    assert not relay.taken
    writer.close()


async def test_without_a_relay_there_are_no_tunnels() -> None:
    async with OnvifServer(make_description(), make_camera()) as server:
        reader, writer = await ask(server, GET)
        assert await status(reader) == 404
        writer.close()
