"""The event loop that serves media sockets."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
import socket
import time

import pytest

from custom_components.onvif_proxy.relay.plane import BULK, Plane, PlaneLoop, running_plane

from .conftest import until


class Reader:
    """A socket of the plane that counts its reads."""

    def __init__(self, plane: Plane, sock: socket.socket, *, tick: float | None = None) -> None:
        """Read from now on."""
        self.plane = plane
        self.sock = sock
        self.reads: list[bytes] = []
        self.sendable = 0
        self.broken = False
        self.raises = False
        plane.add(sock.fileno(), self, tick=tick)

    def readable(self) -> None:
        """Read once."""
        if self.raises:
            raise RuntimeError("a defect")
        size = self.sock.recv_into(self.plane.view)
        self.reads.append(bytes(self.plane.view[:size]))

    def writable(self) -> None:
        """Take note."""
        self.sendable += 1

    def failed(self) -> None:
        """Be served no more."""
        self.broken = True
        self.plane.remove(self.sock.fileno())


@pytest.fixture
def pair() -> Iterator[Callable[[], tuple[socket.socket, socket.socket]]]:
    """Return what makes two connected sockets."""
    made: list[socket.socket] = []

    def connect() -> tuple[socket.socket, socket.socket]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        made.extend((ours, theirs))
        return ours, theirs

    yield connect
    for sock in made:
        sock.close()


async def test_sockets_are_served_beside_everything_else(pair: Callable[..., tuple[socket.socket, ...]]) -> None:
    plane = running_plane()
    ours, theirs = pair()
    reader = Reader(plane, ours)
    assert plane.sockets == 1
    theirs.send(b"one")
    await until(lambda: reader.reads == [b"one"])
    plane.watch(ours.fileno(), reading=False, writing=True)
    theirs.send(b"two")
    await until(lambda: reader.sendable > 0)
    assert reader.reads == [b"one"]
    plane.watch(ours.fileno(), reading=True, writing=False)
    await until(lambda: reader.reads == [b"one", b"two"])
    plane.remove(ours.fileno())
    theirs.send(b"three")
    await asyncio.sleep(0.01)
    assert len(reader.reads) == 2
    assert plane.sockets == 0


async def test_callbacks_and_timers_of_whoever_is_served_come_at_once(
    pair: Callable[..., tuple[socket.socket, ...]],
) -> None:
    plane = running_plane()
    ours, theirs = pair()
    loop = asyncio.get_running_loop()
    answered = loop.create_future()
    later = loop.create_future()

    class Asked(Reader):
        def readable(self) -> None:
            super().readable()
            answered.set_result(None)
            loop.call_later(0.02, later.set_result, None)

    Asked(plane, ours)
    theirs.send(b"a question")
    async with asyncio.timeout(1):
        await answered
        await later
    plane.remove(ours.fileno())


async def test_packets_that_come_in_quick_succession_are_gathered_and_rare_ones_are_not(
    pair: Callable[..., tuple[socket.socket, ...]],
) -> None:
    ours, theirs = pair()

    def send(count: int, pause: float) -> None:
        """Write packets one by one; the loop has no part in it."""
        for _ in range(count):
            theirs.send(b"x")
            time.sleep(pause)

    plane = running_plane()
    reader = Reader(plane, ours, tick=0.02)
    await asyncio.to_thread(send, 300, 0.0005)
    await until(lambda: sum(map(len, reader.reads)) == 300)
    assert max(map(len, reader.reads)) > 10
    assert len(reader.reads) < 250
    await until(lambda: not plane.ticking)
    reader.reads.clear()
    await asyncio.to_thread(send, 20, 0.05)
    await until(lambda: sum(map(len, reader.reads)) == 20)
    assert not plane.ticking
    assert len(reader.reads) > 10
    plane.remove(ours.fileno())


async def test_ticks_end_with_the_last_socket_that_wants_them(
    pair: Callable[..., tuple[socket.socket, ...]],
) -> None:
    plane = running_plane()
    (ours, theirs), (others, _) = pair(), pair()
    reader, other = Reader(plane, ours, tick=0.01), Reader(plane, others)
    while not plane.ticking:
        theirs.send(b"x")
        await asyncio.sleep(0)
    plane.remove(reader.sock.fileno())
    await asyncio.sleep(0.03)
    assert not plane.ticking
    plane.remove(other.sock.fileno())


async def test_ticks_end_with_the_first_socket_that_wants_none(
    pair: Callable[..., tuple[socket.socket, ...]],
) -> None:
    plane = running_plane()
    (ours, theirs), (others, _) = pair(), pair()
    reader = Reader(plane, ours, tick=0.01)
    while not plane.ticking:
        theirs.send(b"x")
        await asyncio.sleep(0)
    other = Reader(plane, others, tick=0.0)
    await asyncio.sleep(0.03)
    assert not plane.ticking
    for one in (reader, other):
        plane.remove(one.sock.fileno())


async def test_what_comes_in_bulk_is_not_waited_for(pair: Callable[..., tuple[socket.socket, ...]]) -> None:
    class Counting(Reader):
        def readable(self) -> None:
            super().readable()
            plane.received += BULK + 1

    plane = running_plane()
    ours, theirs = pair()
    reader = Counting(plane, ours, tick=5.0)
    for _ in range(100):
        theirs.send(b"x")
        await asyncio.sleep(0)
    await until(lambda: sum(map(len, reader.reads)) == 100)
    assert not plane.ticking
    plane.remove(ours.fileno())


async def test_without_a_tick_nothing_is_gathered(pair: Callable[..., tuple[socket.socket, ...]]) -> None:
    plane = running_plane()
    ours, theirs = pair()
    reader = Reader(plane, ours, tick=0.0)
    for number in range(1, 100):
        theirs.send(b"x")
        await until(lambda number=number: sum(map(len, reader.reads)) == number)
        assert not plane.ticking
    plane.remove(ours.fileno())


async def test_a_defect_costs_one_socket(
    pair: Callable[..., tuple[socket.socket, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    plane = running_plane()
    readers = []
    for raises in (True, False):
        ours, theirs = pair()
        reader = Reader(plane, ours)
        reader.raises = raises
        readers.append(reader)
        theirs.send(b"x")
    await until(lambda: readers[0].broken and readers[1].reads == [b"x"])
    assert [record.getMessage() for record in caplog.records] == ["Could not serve a connection"]
    plane.remove(readers[1].sock.fileno())


def test_a_loop_of_another_kind_is_refused() -> None:
    async def ask() -> None:
        running_plane()

    with pytest.raises(TypeError, match="PlaneLoop"):
        asyncio.run(ask(), loop_factory=asyncio.SelectorEventLoop)


def test_a_loop_leaves_no_descriptor() -> None:
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    asyncio.run(asyncio.sleep(0.001), loop_factory=PlaneLoop)
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before
