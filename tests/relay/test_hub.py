"""One session with the recorder for any number of viewers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from custom_components.onvif_proxy.relay import CameraOptions, RelayServer, StreamState
from custom_components.onvif_proxy.relay.viewer import ViewerSession
from custom_components.onvif_proxy.rtsp import RtspRequest, frame

from .conftest import AT_ONCE, QUICK, relaying, until
from .rtsp_client import RtspClient
from .scripted_recorder import (
    FIRST,
    SDP,
    Answer,
    Connection,
    ScriptedRecorder,
    described,
    in_turn,
    ok,
    packet,
    reset,
    silence,
    status,
)
from .test_rtcp import SENDER_REPORT

PARAMETERS, KEY, OTHER = b"\x67\x4d\x00", b"\x65", b"\x41"
KEPT = CameraOptions(keep_seconds=0.4)


def picture(sequence: int, time: int, payload: bytes = OTHER) -> bytes:
    """Return a frame with a video packet."""
    return frame(0, packet(sequence, time, payload))


def sound(sequence: int, time: int) -> bytes:
    """Return a frame with an audio packet."""
    return frame(2, packet(sequence, time, b"sound", kind=8))


def group(number: int, pictures: int = 5, size: int = 10) -> bytes:
    """Return a group of pictures; `number` is in every packet."""
    body = bytes((number,)) * size
    first = 10 * number
    return picture(first, first, KEY + body) + b"".join(
        picture(first + index, first + index, OTHER + body) for index in range(1, pictures)
    )


async def sent(recorder: ScriptedRecorder, server: RelayServer, data: bytes) -> None:
    """Send, and wait until the relay has taken it."""
    before = server.statistics().streams[0].bytes
    recorder.connections[-1].send(data)
    await until(lambda: server.statistics().streams[0].bytes == before + len(data))


async def test_a_hundred_looks_are_one_session() -> None:
    recorder = ScriptedRecorder()
    limits = replace(QUICK, max_viewers=20, max_viewers_per_address=20, max_connections_per_address=20)
    async with relaying(recorder, limits) as server, AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(RtspClient(server.port)) for _ in range(12)]
        await asyncio.gather(*(viewer.play() for viewer in viewers))
        recorder.connections[0].send(picture(2, 200) + sound(7, 70))
        for viewer in viewers:
            got = [await viewer.frame() for _ in range(3)]
            assert got == [(0, FIRST), (0, packet(2, 200, OTHER)), (2, packet(7, 70, b"sound", kind=8))]
        assert server.viewers == 12
        assert recorder.methods[:4] == ["DESCRIBE", "SETUP", "SETUP", "PLAY"]
    assert len(recorder.connections) == 1
    assert "PAUSE" not in recorder.methods


async def test_who_joins_late_starts_with_the_key_frame_and_is_told_its_numbers() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as early, RtspClient(server.port) as late:
        await early.play()
        await sent(recorder, server, group(1) + picture(20, 2000, PARAMETERS))
        await sent(recorder, server, picture(21, 2000, KEY) + sound(7, 70) + picture(22, 2100) + sound(8, 80))
        play = await late.play()
        video, audio = (late.uri(f"/main/trackID={number}") for number in (1, 2))
        assert play.get("RTP-Info") == f"url={video};seq=20;rtptime=2000,url={audio};seq=7;rtptime=70"
        assert play.get("Range") == "npt=now-"
        expected = [
            (0, packet(20, 2000, PARAMETERS)),
            (0, packet(21, 2000, KEY)),
            (2, packet(7, 70, b"sound", kind=8)),
            (0, packet(22, 2100, OTHER)),
            (2, packet(8, 80, b"sound", kind=8)),
            (0, packet(23, 2200, OTHER)),
        ]
        recorder.connections[0].send(picture(23, 2200))
        assert [await late.frame() for _ in range(6)] == expected


async def test_who_joins_is_told_the_time_before_the_media() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as early, RtspClient(server.port) as late:
        await early.play()
        recorder.connections[0].send(frame(1, SENDER_REPORT))
        assert [await early.frame(), await early.frame()] == [(0, FIRST), (1, SENDER_REPORT)]
        await late.play()
        assert [await late.frame(), await late.frame()] == [(1, SENDER_REPORT), (0, FIRST)]


async def test_who_waits_for_the_first_key_frame_gets_it() -> None:
    recorder = ScriptedRecorder(PLAY=lambda *_: ok())
    patient = replace(QUICK, play_timeout=0.05, key_timeout=30.0)
    async with relaying(recorder, patient) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        await sent(recorder, server, picture(1, 100) + picture(2, 200))
        await sent(recorder, server, picture(3, 300, PARAMETERS) + picture(4, 300, KEY) + picture(5, 400))
        expected = [packet(3, 300, PARAMETERS), packet(4, 300, KEY), packet(5, 400, OTHER)]
        assert [(await viewer.frame())[1] for _ in expected] == expected


async def test_who_plays_again_and_again_without_reading_makes_nothing_grow() -> None:
    recorder = ScriptedRecorder()
    patient = replace(QUICK, write_timeout=60.0, max_unread_answers=1024 * 1024)
    async with relaying(recorder, patient) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert server._camera is not None
        (session,) = server._camera.viewers
        assert isinstance(session, ViewerSession)
        for number in range(20):
            await sent(recorder, server, group(number, pictures=20, size=50_000))
            viewer.send(b"".join(viewer.written(method, "/main/") for method in ("PAUSE", "PLAY")))
            asked = session._requests
            await until(lambda asked=asked: not asked)
        assert session.connection.queued < 3 * patient.write_buffer + 20 * 50_100


async def test_a_viewer_that_pauses_goes_on_with_the_group_of_that_moment_and_others_notice_nothing() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as one, RtspClient(server.port) as other:
        await one.play()
        await other.play()
        assert (await one.request("PAUSE", "/main")).status == 200
        await sent(recorder, server, group(1, 2) + group(2, 2))
        play = await one.request("PLAY", "/main")
        assert "seq=20;rtptime=20" in (play.get("RTP-Info") or "")
        assert [(await one.frame())[1][2:4] for _ in range(3)] == [b"\0\1", b"\0\x14", b"\0\x15"]
        assert [(await other.frame())[1][2:4] for _ in range(5)] == [
            b"\0\1",
            b"\0\x0a",
            b"\0\x0b",
            b"\0\x14",
            b"\0\x15",
        ]


async def test_media_without_key_frames_is_given_as_it_comes() -> None:
    recorder = ScriptedRecorder(DESCRIBE=described(SDP.replace(b"H264/90000", b"VP8/90000")))
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.play()).get("RTP-Info") is None
        recorder.connections[0].send(picture(2, 2))
        assert await viewer.frame() == (0, packet(2, 2, OTHER))


async def test_a_key_frame_that_does_not_come_is_not_waited_for_without_end() -> None:
    recorder = ScriptedRecorder(
        PLAY=lambda request, connection: ScriptedRecorder.answer_pause(recorder, request, connection)
    )
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.play()).get("RTP-Info") is None
        recorder.connections[0].send(picture(1, 1))
        await asyncio.sleep(QUICK.key_timeout)
        recorder.connections[0].send(picture(2, 2))
        assert await viewer.frame() == (0, packet(2, 2, OTHER))


async def test_the_session_outlives_the_last_viewer_for_a_while() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder, options=KEPT) as server:
        for _ in range(2):
            async with RtspClient(server.port) as viewer:
                assert (await viewer.play()).status == 200
                assert await viewer.frame() == (0, FIRST)
            await until(lambda: server.viewers == 0)
            assert server.statistics().streams[0].state is StreamState.LIVE
        await until(lambda: recorder.open_connections == 0)
        assert server.statistics().streams[0].state is StreamState.IDLE
        assert recorder.methods.count("TEARDOWN") == 1
    assert len(recorder.connections) == 1


async def test_a_stream_may_be_always_on() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder, options=CameraOptions(always_on=True)) as server:
        await until(lambda: recorder.methods.count("PLAY") == 2)
        recorder.connections[0].writer.transport.abort()
        await until(lambda: recorder.methods.count("PLAY") == 3)
        async with RtspClient(server.port) as viewer:
            assert (await viewer.play()).status == 200
        server.update(options=AT_ONCE)
        await until(lambda: recorder.open_connections == 0)


async def test_sound_may_be_left_out() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        server.update(options=replace(AT_ONCE, audio=False))
        assert await viewer.ended()
        async with RtspClient(server.port) as silent:
            description = await silent.request("DESCRIBE", "/main")
            assert b"m=audio" not in description.body
            assert (await silent.setup("/main/trackID=2")).status == 404
        assert [request.uri.rpartition("=")[2] for request in recorder.connections[-1].requests[1:2]] == ["video"]
        assert recorder.connections[-1].requests[2].method in ("PLAY", "TEARDOWN")


@pytest.fixture
async def slow_and_quick() -> AsyncIterator[tuple[ScriptedRecorder, RelayServer, RtspClient, RtspClient]]:
    """Run a viewer that does not read, beside one that does."""
    recorder = ScriptedRecorder()
    limits = replace(QUICK, write_buffer=100_000, max_group=8_000_000, session_timeout=60.0, write_timeout=10.0)
    async with (
        relaying(recorder, limits) as server,
        RtspClient(server.port) as slow,
        RtspClient(server.port) as quick,
    ):
        await slow.play()
        await quick.play()
        assert await quick.frame() == (0, FIRST)
        yield recorder, server, slow, quick


async def test_a_slow_viewer_loses_whole_groups_and_no_one_else_does(
    slow_and_quick: tuple[ScriptedRecorder, RelayServer, RtspClient, RtspClient],
) -> None:
    recorder, server, slow, quick = slow_and_quick
    groups = 40
    for number in range(groups):
        recorder.connections[0].send(group(number, pictures=10, size=50_000))
        for _ in range(10):
            assert (await quick.frame())[1][13:] == bytes((number,)) * 50_000
    (stream,) = server.statistics().streams[:1]
    lost = {viewer.dropped_groups for viewer in server.statistics().viewers}
    assert 0 in lost
    assert max(lost) == stream.dropped_groups > 1
    assert await slow.frame() == (0, FIRST)
    seen: dict[int, list[bytes]] = {}

    async def go_on() -> None:
        """Send groups until there is room for one."""
        while True:
            recorder.connections[0].send(group(200, pictures=1))
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as tasks:
        later = tasks.create_task(go_on())
        while 200 not in seen:
            _, payload = await slow.frame()
            seen.setdefault(payload[13], []).append(payload[12:13])
        later.cancel()
    assert len(seen) < groups
    assert all(kinds[0] == KEY for kinds in seen.values())
    # Of a group that it lost the end of, it has a beginning without holes.
    assert sum(len(kinds) < 10 for kinds in seen.values()) <= max(lost)


async def test_what_waits_for_a_slow_viewer_is_bounded(
    slow_and_quick: tuple[ScriptedRecorder, RelayServer, RtspClient, RtspClient],
) -> None:
    recorder, server, _, quick = slow_and_quick
    assert server._camera is not None
    queues = [owner for owner in server._camera.common.plane._owners.values() if hasattr(owner, "queued")]
    most = 0
    # One group without end: longer than the buffer may be.
    for number in range(600):
        recorder.connections[0].send(picture(number, number, OTHER + bytes(50_000)))
        await quick.frame()
        most = max(most, *(connection.queued for connection in queues))
    assert 100_000 < most < 8_400_000
    assert all(connection.queued < 500_000 for connection in queues)


async def test_a_viewer_that_reads_nothing_is_sent_away() -> None:
    recorder = ScriptedRecorder()
    limits = replace(QUICK, write_buffer=100_000)
    async with relaying(recorder, limits) as server, RtspClient(server.port) as stuck:
        await stuck.play()
        for number in range(400):
            recorder.connections[0].send(group(number % 200, pictures=1, size=50_000))
            await asyncio.sleep(0.001)
        await until(lambda: server.viewers == 0)


async def test_other_parameters_after_a_reconnect_send_viewers_away() -> None:
    other = SDP.replace(b"Z0LADdkBYJaEAAADAAQAAAMAyDxQqSA=", b"Z00AKpY1QPAET8s3AQEBAg==")
    recorder = ScriptedRecorder(DESCRIBE=in_turn(described(SDP), described(other)))
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        recorder.connections[0].writer.transport.abort()
        assert await viewer.ended()
        async with RtspClient(server.port) as again:
            assert b"Z00AKpY1QPAET8s3AQEBAg==" in (await again.request("DESCRIBE", "/main")).body


@pytest.mark.parametrize("fault", [reset, silence, status(453), status(503), described(b"nothing")])
async def test_a_recorder_that_fails_is_tried_again_while_a_viewer_stays(fault: object) -> None:
    recorder = ScriptedRecorder()
    recorder.script["DESCRIBE"] = in_turn(recorder.answer_describe, fault, fault, recorder.answer_describe)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert await viewer.frame() == (0, FIRST)
        recorder.connections[0].writer.transport.abort()
        await until(lambda: server.statistics().streams[0].state is StreamState.RETRYING)
        assert server.statistics().streams[0].trouble
        await until(lambda: server.statistics().streams[0].state is StreamState.LIVE)
        stream = server.statistics().streams[0]
        assert (stream.reconnects, stream.trouble) == (1, None)
        assert (await viewer.frame())[1][12:] == FIRST[12:]
        assert server.viewers == 1


async def test_who_sees_a_reconnect_and_who_joins_after_it_get_the_same_pictures_by_their_own_numbers() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as one, RtspClient(server.port) as other:
        await one.play()
        await sent(recorder, server, picture(2, 200))
        recorder.connections[0].writer.transport.abort()
        await until(lambda: len(recorder.connections) == 2 and recorder.methods.count("PLAY") == 2)
        await until(lambda: server.statistics().streams[0].state is StreamState.LIVE)
        await other.play()
        recorder.connections[1].send(picture(2, 3800))
        seen = [(await one.frame())[1] for _ in range(4)]
        assert [int.from_bytes(item[2:4]) for item in seen] == [1, 2, 3, 4]
        times = [int.from_bytes(item[4:8]) for item in seen]
        assert times[3] - times[2] == 3700
        assert times[2] > times[1]
        assert [await other.frame(), await other.frame()] == [(0, FIRST), (0, packet(2, 3800, OTHER))]


async def test_statistics_tell_what_is_going_on() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server:
        idle = server.statistics()
        assert [(stream.name, stream.state) for stream in idle.streams] == [
            ("main", StreamState.IDLE),
            ("sub", StreamState.IDLE),
        ]
        async with RtspClient(server.port) as viewer:
            await viewer.play()
            await sent(recorder, server, group(1))
            now = server.statistics()
            assert now.streams[0].state is StreamState.LIVE
            assert now.streams[0].bytes == len(frame(0, FIRST) + group(1))
            assert now.streams[0].bit_rate > 0
            assert now.streams[0].frame_rate > 0
            (watching,) = now.viewers
            assert (watching.address, watching.stream, watching.transport) == ("127.0.0.1", "main", "TCP")
            assert watching.bytes > now.streams[0].bytes
    assert server.statistics().streams == ()


async def test_a_key_frame_can_be_had_without_a_viewer_of_its_own() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert await server.key_frame("main") is None
        assert await server.key_frame("unknown") is None
        await viewer.play()
        await sent(recorder, server, frame(0, packet(5, 5, b"\x67new", marker=False)))
        await sent(recorder, server, frame(0, packet(6, 5, b"\x7c\x85begin", marker=False)))
        before = await server.key_frame("main")
        assert before is not None
        assert before.data.endswith(b"\0\0\0\1" + FIRST[12:])
        await sent(recorder, server, frame(0, packet(7, 5, b"\x7c\x45end")) + picture(8, 6))
        found = await server.key_frame("main")
        assert found is not None
        assert found.codec == "H264"
        assert found.data.startswith(b"\0\0\0\1\x67\x42\xc0\x0d")
        assert found.data.endswith(b"\0\0\0\1\x67new\0\0\0\1\x65beginend")


async def test_a_session_that_is_being_given_back_is_waited_for() -> None:
    def slowly(request: RtspRequest, connection: Connection) -> Answer:
        asyncio.get_running_loop().call_later(0.1, connection.send, b"RTSP/1.0 200 OK\r\n\r\n")
        return None

    recorder = ScriptedRecorder(TEARDOWN=slowly)
    async with relaying(recorder) as server:
        for _ in range(3):
            async with RtspClient(server.port) as viewer:
                assert (await viewer.play()).status == 200
                most = recorder.open_connections
                assert most == 1
    assert len(recorder.connections) == 3


async def test_who_asks_again_at_once_is_told_what_went_wrong_and_the_recorder_has_its_rest() -> None:
    recorder = ScriptedRecorder(DESCRIBE=status(453))
    async with relaying(recorder, replace(QUICK, retry_first=30.0, retry_longest=30.0, retry_asked=30.0)) as server:
        for _ in range(5):
            async with RtspClient(server.port) as viewer:
                assert (await viewer.request("DESCRIBE", "/main")).status == 453
                assert (await viewer.request("DESCRIBE", "/main")).status == 453
    assert len(recorder.connections) <= 5


async def test_five_hundred_sockets_leave_viewers_alone() -> None:
    recorder = ScriptedRecorder()
    patient = replace(QUICK, session_timeout=60.0)  # the sockets may take their time
    async with relaying(recorder, patient) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert await viewer.frame() == (0, FIRST)
        async with AsyncExitStack() as stack:
            for _ in range(500):
                await stack.enter_async_context(RtspClient(server.port))
            assert server._camera is not None
            assert server._camera.common.plane.sockets <= QUICK.max_connections_per_address + 1
            recorder.connections[0].send(picture(2, 2))
            assert await viewer.frame() == (0, packet(2, 2, OTHER))
        await until(lambda: server._camera is not None and server._camera.common.plane.sockets == 2)
