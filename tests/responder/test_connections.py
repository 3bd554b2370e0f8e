"""How many connections a virtual camera takes, and how long one may take up its place."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Self

import pytest

from custom_components.onvif_proxy.digest import DigestClient
from custom_components.onvif_proxy.model import Credentials, Snapshot
from custom_components.onvif_proxy.responder import OnvifServer

from .conftest import FakeSnapshots, make_camera, make_description
from .envelopes import PASSWORD, USERNAME, envelope, operation

HEAD = "POST /onvif/device_service HTTP/1.1\r\nHost: x\r\n"


class Connection:
    """A connection of a client that says exactly what a test wants."""

    def __init__(self, port: int, address: str) -> None:
        self.port = port
        self.address = address

    async def __aenter__(self) -> Self:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.address, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        self.writer.transport.abort()

    def send(self, text: str) -> None:
        """Send anything."""
        self.writer.write(text.encode())

    async def answer(self) -> tuple[int, dict[str, str]]:
        """Return the status and the headers of the next answer, whose body is read too."""
        async with asyncio.timeout(5):
            status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(status.split(" ")[1]), headers

    async def ask(self) -> int:
        """Ask something open, return the status."""
        body = envelope(operation("tds:GetServices"))
        self.send(f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}")
        return (await self.answer())[0]

    async def ask_for_a_snapshot(self) -> None:
        """Ask for a still image with the right login."""
        self.send("GET /snapshot HTTP/1.1\r\nHost: x\r\n\r\n")
        status, headers = await self.answer()
        assert status == 401
        digest = DigestClient(Credentials(username=USERNAME, password=PASSWORD))
        digest.take_challenges([headers["www-authenticate"]])
        authorization = digest.authorization("GET", "/snapshot")
        self.send(f"GET /snapshot HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n")

    async def ended(self) -> bool:
        """Tell whether the server ends the connection within five seconds, whatever it sends before."""
        try:
            async with asyncio.timeout(5):
                while await self.reader.read(65536):
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True


type Connect = Callable[..., Awaitable[Connection]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Return what makes connections, which end with the test."""
    async with AsyncExitStack() as stack:

        async def make(server: OnvifServer, address: str = "127.0.0.1") -> Connection:
            return await stack.enter_async_context(Connection(server.port, address))

        yield make


class Hanging:
    """A recorder that gives its still image when the test lets it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.released = asyncio.Event()

    async def snapshot(self) -> Snapshot:
        """Wait, then return an image."""
        self.asked.set()
        await self.released.wait()
        return Snapshot(image=b"late")


class TestTimeouts:
    """No connection takes up a place for nothing."""

    @pytest.mark.parametrize("start", ["", HEAD], ids=["silence", "half a head"])
    async def test_without_a_first_request(self, snapshots: FakeSnapshots, connect: Connect, start: str) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots), head_timeout=0.1) as server:
            connection = await connect(server)
            connection.send(start)
            assert await connection.ended()

    async def test_dripping_does_not_help(self, snapshots: FakeSnapshots, connect: Connect) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots), head_timeout=0.3) as server:
            connection = await connect(server)
            connection.send(HEAD)
            ended = asyncio.create_task(connection.ended())
            while not ended.done():
                connection.send("X: y\r\n")
                await asyncio.sleep(0.05)
            assert ended.result()

    async def test_after_a_request_the_next_may_be_later(self, snapshots: FakeSnapshots, connect: Connect) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots), head_timeout=0.2) as server:
            connection = await connect(server)
            assert await connection.ask() == 200
            await asyncio.sleep(0.5)
            assert await connection.ask() == 200

    async def test_a_slow_body_has_its_own_limit(self, snapshots: FakeSnapshots, connect: Connect) -> None:
        body = envelope(operation("tds:GetServices"))
        async with OnvifServer(make_description(), make_camera(snapshots), head_timeout=0.2) as server:
            connection = await connect(server)
            connection.send(f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body[:100]}")
            await asyncio.sleep(0.5)
            connection.send(body[100:])
            assert (await connection.answer())[0] == 200

    @pytest.mark.parametrize("start", ["", HEAD], ids=["silence", "half a head"])
    async def test_without_a_next_request(self, snapshots: FakeSnapshots, connect: Connect, start: str) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots), keep_alive_timeout=0.2) as server:
            connection = await connect(server)
            assert await connection.ask() == 200
            connection.send(start)
            assert await connection.ended()

    async def test_an_answer_that_is_not_taken(self, connect: Connect) -> None:
        snapshots = FakeSnapshots(Snapshot(image=b"x" * 50_000_000))
        async with OnvifServer(
            make_description(), make_camera(snapshots), max_connections=1, answer_timeout=0.3
        ) as server:
            deaf = await connect(server)
            await deaf.ask_for_a_snapshot()
            await asyncio.sleep(0.1)
            refused = await connect(server)
            assert await refused.ended()
            await asyncio.sleep(0.5)
            assert await (await connect(server)).ask() == 200


class TestNumber:
    """Silent clients shut nobody out."""

    async def test_the_connection_that_is_idle_for_the_longest_time_makes_room(
        self, snapshots: FakeSnapshots, connect: Connect
    ) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots), max_connections=3) as server:
            first, silent, third = [await connect(server) for _ in range(3)]
            assert await first.ask() == 200
            new = await connect(server, "127.0.0.2")
            assert await silent.ended()
            for connection in (first, third, new):
                assert await connection.ask() == 200

    async def test_silent_clients_do_not_keep_others_out(self, snapshots: FakeSnapshots, connect: Connect) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots)) as server:
            for number in range(64):
                await connect(server, f"127.0.0.{3 + number // 24}")
            async with asyncio.timeout(1):
                assert await (await connect(server)).ask() == 200

    async def test_a_client_makes_room_for_itself_not_at_the_cost_of_others(
        self, snapshots: FakeSnapshots, connect: Connect
    ) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots), max_connections_per_client=2) as server:
            other = await connect(server, "127.0.0.2")
            assert await other.ask() == 200
            first, second, third = [await connect(server) for _ in range(3)]
            assert await first.ended()
            for connection in (second, third, other):
                assert await connection.ask() == 200

    @pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_client"])
    async def test_no_request_in_progress_is_given_up(self, connect: Connect, limit: str) -> None:
        snapshots = Hanging()
        async with OnvifServer(make_description(), make_camera(snapshots), **{limit: 1}) as server:  # type: ignore[arg-type]  # numbers
            busy = await connect(server)
            await busy.ask_for_a_snapshot()
            await snapshots.asked.wait()
            assert await (await connect(server)).ended()
            snapshots.released.set()
            assert (await busy.answer())[0] == 200
            assert await (await connect(server)).ask() == 200

    async def test_a_connection_that_has_ended_leaves_its_place(
        self, snapshots: FakeSnapshots, connect: Connect
    ) -> None:
        async with OnvifServer(make_description(), make_camera(snapshots), max_connections=2) as server:
            stays, leaves = await connect(server), await connect(server)
            leaves.writer.close()
            await leaves.writer.wait_closed()
            await asyncio.sleep(0.05)
            new = await connect(server)
            assert [await stays.ask(), await new.ask()] == [200, 200]


async def test_stop_does_not_wait_for_clients_that_take_no_answer(connect: Connect) -> None:
    server = OnvifServer(make_description(), make_camera(FakeSnapshots(Snapshot(image=b"x" * 50_000_000))))
    await server.start()
    deaf = await connect(server)
    await deaf.ask_for_a_snapshot()
    await asyncio.sleep(0.1)
    async with asyncio.timeout(2):
        await server.stop()
    assert await deaf.ended()
