"""Media over UDP, seen from the viewer's sockets."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
import re
import socket

import pytest

from custom_components.onvif_proxy.rtsp import frame

from .conftest import QUICK, relaying, until
from .rtsp_client import Reply, RtspClient
from .scripted_recorder import FIRST, ScriptedRecorder, packet

REPORT = bytes.fromhex("80c9000112345678")
"""An empty receiver report."""
SENDER_REPORT = bytes.fromhex("80c80006" + "1234abcd" + "00" * 20)


@dataclass
class Ports:
    """Where a viewer receives."""

    media: socket.socket
    reports: socket.socket

    @property
    def wanted(self) -> str:
        """The parameter of a Transport header."""
        return f"client_port={self.media.getsockname()[1]}-{self.reports.getsockname()[1]}"


@contextmanager
def ports(address: str = "127.0.0.1") -> Iterator[Ports]:
    """Bind two ports."""
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as media,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as reports,
    ):
        for sock in (media, reports):
            sock.bind((address, 0))
            sock.setblocking(False)
        yield Ports(media, reports)


async def receive(sock: socket.socket) -> tuple[bytes, tuple[str, int]]:
    """Return a datagram and who sent it."""
    async with asyncio.timeout(5):
        return await asyncio.get_running_loop().sock_recvfrom(sock, 65536)


async def set_up(viewer: RtspClient, ports: Ports, track: int = 1, protocol: str = "RTP/AVP") -> Reply:
    """Set a track up."""
    await viewer.request("DESCRIBE", "/main")
    return await viewer.request("SETUP", f"/main/trackID={track}", f"Transport: {protocol};unicast;{ports.wanted}")


async def play(viewer: RtspClient, ports: Ports) -> None:
    """Play the video."""
    assert (await set_up(viewer, ports)).status == 200
    assert (await viewer.request("PLAY", "/main/")).status == 200


def server_ports(reply: Reply) -> tuple[int, int]:
    """Return the relay's ports."""
    match = re.search(r"server_port=([0-9]+)-([0-9]+)", reply.get("Transport") or "")
    assert match is not None
    return int(match[1]), int(match[2])


@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVP/UDP"])
async def test_packets_come_whole_from_the_ports_that_were_named(protocol: str) -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            reply = await set_up(viewer, mine, protocol=protocol)
            assert (reply.get("Transport") or "").startswith(f"{protocol};unicast;{mine.wanted};server_port=")
            first, second = server_ports(reply)
            assert QUICK.udp_first_port <= first < second <= QUICK.udp_last_port
            assert (first % 2, second) == (0, first + 1)
            assert (await viewer.request("PLAY", "/main/")).get("RTP-Info") == (
                f"url=rtsp://127.0.0.1:{server.port}/main/trackID=1;seq=1;rtptime=100"
            )
            assert await receive(mine.media) == (FIRST, ("127.0.0.1", first))
            later = [packet(number, 100 + number, bytes(number)) for number in range(2, 6)]
            recorder.connections[0].send(b"".join(frame(0, data) for data in later) + frame(1, SENDER_REPORT))
            assert [(await receive(mine.media))[0] for _ in later] == later
            assert await receive(mine.reports) == (SENDER_REPORT, ("127.0.0.1", second))
            (statistics,) = server.statistics().viewers
            assert statistics.transport == "UDP"
            assert statistics.bytes > sum(map(len, later))


async def test_each_track_has_its_ports_and_one_that_was_not_set_up_does_not_come() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        with ports() as sound:
            await set_up(viewer, sound, track=2)
            await viewer.request("PLAY", "/main/")
            recorder.connections[0].send(frame(0, packet(2, 2, b"picture")) + frame(2, packet(7, 7, b"sound", kind=8)))
            assert (await receive(sound.media))[0] == packet(7, 7, b"sound", kind=8)


async def test_who_joins_is_told_the_ssrc() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as first, RtspClient(server.port) as second:
        await first.play()
        await first.frame()
        with ports() as mine:
            assert ((await set_up(second, mine)).get("Transport") or "").endswith(";ssrc=1234ABCD")


async def test_a_viewer_in_tcp_and_one_over_udp_get_the_same() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as first, RtspClient(server.port) as second:
        with ports() as mine:
            await first.play()
            await play(second, mine)
            assert await first.frame() == (0, FIRST)
            assert (await receive(mine.media))[0] == FIRST
            assert len(recorder.connections) == 1


@pytest.mark.parametrize(
    "transport",
    [
        "RTP/AVP;multicast;client_port=5000-5001",
        "RTP/AVP;unicast;destination=192.0.2.1;client_port=5000-5001",
        "RTP/AVP;unicast;client_port=53-54",
        "RTP/AVP;unicast",
        "RTP/SAVP;unicast;client_port=5000-5001",
    ],
)
async def test_other_receivers_are_refused_before_the_recorder_is_asked(transport: str) -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("SETUP", "/main/trackID=1", f"Transport: {transport}")).status == 461
        assert recorder.connections == []
        both = f"Transport: {transport},RTP/AVP/TCP;unicast;interleaved=4-5"
        reply = await viewer.request("SETUP", "/main/trackID=1", both)
        assert reply.get("Transport") == "RTP/AVP/TCP;unicast;interleaved=4-5"


async def test_all_tracks_of_a_session_go_the_same_way() -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            await set_up(viewer, mine)
            assert (await viewer.setup("/main/trackID=2")).status == 461
        async with RtspClient(server.port) as other:
            await other.request("DESCRIBE", "/main")
            await other.setup("/main/trackID=1")
            with ports() as theirs:
                assert (await set_up(other, theirs, track=2)).status == 461


async def test_media_goes_to_the_address_that_the_connection_came_from() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port, local_address="127.0.0.2") as viewer:
        with ports("127.0.0.2") as mine:
            await play(viewer, mine)
            assert (await receive(mine.media))[0] == FIRST


async def test_without_a_free_pair_of_ports_it_is_453_and_tcp_still_works() -> None:
    with ports() as taken, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as blocker:
        blocker.bind(("127.0.0.1", 0))
        port = blocker.getsockname()[1] & ~1
        limits = replace(QUICK, udp_first_port=port, udp_last_port=port + 1)
        async with relaying(ScriptedRecorder(), limits) as server, RtspClient(server.port) as viewer:
            assert (await set_up(viewer, taken)).status == 453
            assert (await viewer.setup("/main/trackID=1")).status == 200


@pytest.mark.parametrize(("datagram", "stays"), [(REPORT, True), (b"\0" * 8, False)])
async def test_a_report_keeps_a_session_and_nonsense_does_not(datagram: bytes, stays: bool) -> None:
    limits = replace(QUICK, handshake_timeout=0.3, session_timeout=0.4)
    async with relaying(ScriptedRecorder(), limits) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            reply = await set_up(viewer, mine)
            mine.reports.connect(("127.0.0.1", server_ports(reply)[1]))
            for _ in range(8):
                await asyncio.sleep(0.1)
                if server.viewers:
                    mine.reports.send(datagram)
            assert bool(server.viewers) is stays


async def test_reports_of_strangers_are_not_heard() -> None:
    limits = replace(QUICK, handshake_timeout=0.3, session_timeout=0.4)
    async with relaying(ScriptedRecorder(), limits) as server, RtspClient(server.port) as viewer:
        with ports() as mine, ports() as stranger:
            _, port = server_ports(await set_up(viewer, mine))
            for _ in range(8):
                await asyncio.sleep(0.1)
                stranger.reports.sendto(REPORT, ("127.0.0.1", port))
            assert server.viewers == 0


async def test_a_closed_port_of_the_viewer_does_not_end_its_session() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            await play(viewer, mine)
        for number in range(2, 6):
            recorder.connections[0].send(frame(0, packet(number, number, b"picture")) + frame(1, SENDER_REPORT))
            await asyncio.sleep(0.01)
        assert (await viewer.request("GET_PARAMETER", "/main")).status == 200
        assert server.viewers == 1


@pytest.mark.parametrize("how", ["TEARDOWN", "disconnect"])
async def test_the_ports_are_given_back(how: str) -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            port, _ = server_ports(await set_up(viewer, mine))
            if how == "disconnect":
                viewer.writer.transport.abort()
            else:
                await viewer.request("TEARDOWN", "/main")
        await until(lambda: server.viewers == 0)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            sock.bind(("127.0.0.1", port))


async def test_a_session_after_another_may_take_tcp() -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            await play(viewer, mine)
            await viewer.request("TEARDOWN", "/main")
            viewer.session = None
            await viewer.play()
            assert await viewer.frame() == (0, FIRST)


async def test_a_pause_stops_what_waits_and_play_goes_on() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            await play(viewer, mine)
            await receive(mine.media)
            assert (await viewer.request("PAUSE", "/main/")).status == 200
            recorder.connections[0].send(frame(0, packet(2, 2, b"unseen")))
            await until(lambda: server.statistics().streams[0].bytes > len(FIRST) + 4)
            with pytest.raises(BlockingIOError):
                mine.media.recv(100)
            assert (await viewer.request("PLAY", "/main/")).status == 200
            assert (await receive(mine.media))[0] == FIRST


async def receive_all(sock: socket.socket, count: int) -> list[bytes]:
    """Return so many datagrams, taken as quickly as a viewer takes them that does nothing else."""
    got: list[bytes] = []
    async with asyncio.timeout(5):
        while len(got) < count:
            got.append((await receive(sock))[0])
            with suppress(BlockingIOError):
                while True:
                    got.append(sock.recv(65536))
    return got


async def test_a_large_group_is_sent_in_turns_and_arrives_whole() -> None:
    recorder = ScriptedRecorder()
    # All of it fits into a socket's usual buffer: what is lost is lost by the sender.
    pictures = [packet(number, 100, b"\x41" + bytes(1000), marker=False) for number in range(2, 72)]
    limits = replace(QUICK, udp_rate=1_000_000, udp_burst=8000)
    async with (
        relaying(recorder, limits) as server,
        RtspClient(server.port) as first,
        RtspClient(server.port) as second,
    ):
        await first.play()
        recorder.connections[0].send(b"".join(frame(0, data) for data in pictures))
        await until(lambda: server.statistics().streams[0].bytes > 70 * 1000)
        with ports() as mine:
            await play(second, mine)
            assert await receive_all(mine.media, 71) == [FIRST, *pictures]
            assert server.statistics().streams[0].dropped_groups == 0


async def test_what_is_too_much_for_the_pace_loses_groups_and_the_next_one_begins_whole() -> None:
    recorder = ScriptedRecorder()
    limits = replace(QUICK, udp_rate=20_000, udp_burst=2000, write_buffer=4000, max_group=8000, key_timeout=30.0)
    async with relaying(recorder, limits) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            await play(viewer, mine)
            number = 1
            while not server.statistics().viewers[0].dropped_groups:
                number += 1
                recorder.connections[0].send(frame(0, packet(number, number, b"\x41" + bytes(1000))))
                await asyncio.sleep(0.002)
            assert number < 100
            key = packet(number + 1, 9000, b"\x65key")
            recorder.connections[0].send(frame(0, key))
            while (got := (await receive(mine.media))[0]) != key:
                assert got == FIRST or len(got) == 1013
            assert server.statistics().viewers[0].dropped_groups == 1
