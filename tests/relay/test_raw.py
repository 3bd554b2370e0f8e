"""Raw mode: each viewer has a connection of its own to the recorder, and what they say is theirs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
import errno
import gc
import hashlib
import os
from pathlib import Path
import resource
import socket
import struct
from typing import Self
from unittest.mock import patch

import av
import pytest

from custom_components.onvif_proxy.logins import LoginGuard, LoginProblem, LoginWay
from custom_components.onvif_proxy.model import Credentials, TunnelHalf
from custom_components.onvif_proxy.relay import CameraOptions, Limits, RelayServer, Source, StreamState
from custom_components.onvif_proxy.relay.plane import Plane, running_plane
from tests.end_to_end.client import play
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from .conftest import QUICK, until
from .rtsp_client import VIEWER, RtspClient
from .scripted_recorder import ScriptedRecorder

RAW = CameraOptions(keep_seconds=0.0, raw=True)
ACCOUNT = Credentials(username="admin", password="RecorderSecret")
HELLO = b"OPTIONS rtsp://camera/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"


class FarEnd:
    """A recorder that says and hears bytes."""

    def __init__(self) -> None:
        self.connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        for _, writer in self.connections:
            writer.transport.abort()
        await self._server.wait_closed()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append((reader, writer))

    @property
    def source(self) -> Source:
        """What a relay is given."""
        return Source(uri=f"rtsp://127.0.0.1:{self.port}/Streaming/Channels/101", credentials=ACCOUNT)

    async def connection(self, number: int = 1) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection when it is there, counted from 1."""
        await until(lambda: len(self.connections) >= number)
        return self.connections[number - 1]


@asynccontextmanager
async def passing_on(
    source: Source, *, limits: Limits = QUICK, options: CameraOptions = RAW, logins: LoginGuard | None = None
) -> AsyncIterator[RelayServer]:
    """Run a relay; at the end no socket, pipe or task of it may be left."""
    server = RelayServer(
        "127.0.0.1", 0, credentials=VIEWER, sources={"main": source}, options=options, limits=limits, logins=logins
    )
    async with server:
        yield server
    assert running_plane().sockets == 0


@asynccontextmanager
async def viewing(server: RelayServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect as a viewer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def joined(
    server: RelayServer, far: FarEnd
) -> AsyncIterator[
    tuple[tuple[asyncio.StreamReader, asyncio.StreamWriter], tuple[asyncio.StreamReader, asyncio.StreamWriter]]
]:
    """Connect as a viewer that has said hello; also give the recorder's end."""
    number = len(far.connections) + 1
    async with viewing(server) as (reader, writer):
        writer.write(HELLO)
        there = await far.connection(number)
        assert await heard(there[0], len(HELLO)) == HELLO
        yield (reader, writer), there


async def heard(reader: asyncio.StreamReader, size: int) -> bytes:
    """Return what was said; fails where it does not come."""
    return await asyncio.wait_for(reader.readexactly(size), 10)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Tell whether the connection ends within ten seconds."""
    try:
        while await asyncio.wait_for(reader.read(1 << 20), 10):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as an unplugged recorder that comes back does."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def descriptors() -> set[str]:
    """Return what is open."""
    gc.collect()
    return {one.name for one in Path("/proc/self/fd").iterdir()}


def state(server: RelayServer) -> tuple[StreamState, str | None]:
    """Return what is told of the recorder."""
    (stream,) = server.statistics().streams
    assert stream.name == "raw"
    return stream.state, None if stream.trouble is None else stream.trouble.text


class TestPassing:
    async def test_a_player_plays_with_an_account_of_the_recorder(self) -> None:
        async with SimulatedRecorder(RecorderOptions(channels=1)) as recorder:
            account = Credentials(username=recorder.options.username, password=recorder.options.password)
            async with passing_on(Source(uri=recorder.stream_uri(1), credentials=account), limits=Limits()) as server:
                path = recorder.stream_uri(1).partition(f":{recorder.rtsp_port}")[2]
                uri = f"rtsp://127.0.0.1:{server.port}{path}"
                played = await asyncio.gather(
                    *(play(uri, account.username, account.password, seconds=0.5) for _ in range(2))
                )
                assert [(one.width, one.height) for one in played] == [(1280, 720)] * 2
                assert recorder.rtsp_sessions_peak == 2
                with pytest.raises(av.FFmpegError):
                    await play(uri, VIEWER.username, VIEWER.password)
                await until(lambda: server.viewers == 0)

    async def test_every_byte_arrives_as_it_was_both_ways(self) -> None:
        size, piece = 24 << 20, 1 << 20

        async def say(writer: asyncio.StreamWriter) -> str:
            digest = hashlib.sha256()
            for _ in range(size // piece):
                data = os.urandom(piece)
                digest.update(data)
                writer.write(data)
                await writer.drain()
            return digest.hexdigest()

        async def hear(reader: asyncio.StreamReader) -> str:
            digest = hashlib.sha256()
            left = size
            while left:
                data = await reader.read(min(left, piece))
                assert data
                left -= len(data)
                digest.update(data)
            return digest.hexdigest()

        async with FarEnd() as far, passing_on(far.source) as server, joined(server, far) as (viewer, recorder):
            async with asyncio.timeout(30):
                up, down, up_heard, down_heard = await asyncio.gather(
                    say(viewer[1]), say(recorder[1]), hear(recorder[0]), hear(viewer[0])
                )
            assert (up_heard, down_heard) == (up, down)
            (seen,) = server.statistics().viewers
            assert (seen.address, seen.stream, seen.transport, seen.bytes) == ("127.0.0.1", "raw", "TCP", size)
            (stream,) = server.statistics().streams
            assert stream.bytes == size

    async def test_each_viewer_hears_its_own_recorder(self) -> None:
        async with FarEnd() as far, passing_on(far.source) as server:
            async with joined(server, far) as (one, recorder_of_one), joined(server, far) as (two, recorder_of_two):
                recorder_of_two[1].write(b"for two")
                recorder_of_one[1].write(b"for one")
                assert (await heard(one[0], 7), await heard(two[0], 7)) == (b"for one", b"for two")
                assert server.viewers == 2
            await until(lambda: server.viewers == 0)

    async def test_who_says_all_that_it_has_to_say_still_hears(self) -> None:
        async with FarEnd() as far, passing_on(far.source) as server, joined(server, far) as (viewer, recorder):
            viewer[1].write(b"the last word")
            viewer[1].write_eof()
            assert await asyncio.wait_for(recorder[0].read(), 10) == b"the last word"
            recorder[1].write(b"an answer")
            assert await heard(viewer[0], 9) == b"an answer"
            recorder[1].close()
            assert await ended(viewer[0])
            await until(lambda: server.viewers == 0)

    async def test_a_recorder_that_has_no_more_to_say_still_hears(self) -> None:
        async with FarEnd() as far, passing_on(far.source) as server, joined(server, far) as (viewer, recorder):
            recorder[1].write(b"goodbye")
            recorder[1].write_eof()
            assert await asyncio.wait_for(viewer[0].read(), 10) == b"goodbye"
            viewer[1].write(b"goodbye to you")
            assert await heard(recorder[0], 14) == b"goodbye to you"
            viewer[1].close()
            assert await ended(recorder[0])
            await until(lambda: server.viewers == 0)

    @pytest.mark.parametrize("first", ["viewer", "recorder"])
    async def test_who_does_not_end_when_its_peer_has_is_not_waited_for_as_long_as_others(self, first: str) -> None:
        limits = replace(QUICK, session_timeout=60.0, upstream_timeout=0.2)
        async with (
            FarEnd() as far,
            passing_on(far.source, limits=limits) as server,
            joined(server, far) as (viewer, recorder),
        ):
            one, other = (viewer, recorder) if first == "viewer" else (recorder, viewer)
            one[1].write_eof()
            for _ in range(3):
                await asyncio.sleep(0.1)
                other[1].write(b"$")
                assert await heard(one[0], 1) == b"$"
            assert await ended(one[0])


class TestRecorder:
    async def test_is_left_alone_by_who_says_nothing(self) -> None:
        limits = replace(QUICK, handshake_timeout=0.2)
        async with FarEnd() as far, passing_on(far.source, limits=limits) as server:
            async with viewing(server):
                pass  # comes and goes, as one that looks for open ports
            async with viewing(server) as (reader, _):
                assert await ended(reader)
            assert not far.connections
            assert state(server) == (StreamState.IDLE, None)

    async def test_that_is_off_is_told_and_found_again(self) -> None:
        async with FarEnd() as far:
            source = far.source
        async with passing_on(source) as server, viewing(server) as (reader, writer):
            writer.write(HELLO)
            assert await ended(reader)
            await until(lambda: state(server)[0] is StreamState.IDLE)
            assert "recorder can't be reached" in (state(server)[1] or "")
            assert server.viewers == 0
            async with FarEnd() as back:
                server.update(sources={"main": back.source})
                async with joined(server, back):
                    assert state(server) == (StreamState.LIVE, None)

    async def test_that_does_not_answer_is_given_up(self) -> None:
        limits = replace(QUICK, upstream_timeout=0.2)
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for waiting in (first, second):
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            source = Source(uri=f"rtsp://127.0.0.1:{full.getsockname()[1]}/", credentials=ACCOUNT)
            async with passing_on(source, limits=limits) as server, viewing(server) as (reader, writer):
                writer.write(HELLO)
                await until(lambda: state(server)[0] is StreamState.CONNECTING)
                assert server.viewers == 0
                assert await ended(reader)
                await until(lambda: state(server) == (StreamState.IDLE, "recorder doesn't answer"))

    async def test_without_an_rtsp_uri_can_not_be_had(self) -> None:
        source = Source(uri="http://127.0.0.1/picture", credentials=ACCOUNT)
        async with passing_on(source) as server, viewing(server) as (reader, writer):
            writer.write(HELLO)
            assert await ended(reader)
            assert state(server) == (StreamState.IDLE, "the source has no RTSP URI")

    async def test_that_resets_ends_its_viewer_alone(self) -> None:
        async with (
            FarEnd() as far,
            passing_on(far.source) as server,
            joined(server, far) as (viewer, recorder),
            joined(server, far) as (other, recorder_of_other),
        ):
            reset(recorder[1])
            assert await ended(viewer[0])
            recorder_of_other[1].write(b"still here")
            assert await heard(other[0], 10) == b"still here"
            await until(lambda: server.viewers == 1)

    async def test_hears_that_a_viewer_was_reset(self) -> None:
        async with FarEnd() as far, passing_on(far.source) as server, joined(server, far) as (viewer, recorder):
            reset(viewer[1])
            assert await ended(recorder[0])
            await until(lambda: server.viewers == 0)

    async def test_another_is_for_the_next_viewer(self) -> None:
        async with (
            FarEnd() as far,
            FarEnd() as moved,
            passing_on(far.source) as server,
            joined(server, far) as (viewer, recorder),
        ):
            server.update(sources={"main": moved.source})
            async with joined(server, moved):
                recorder[1].write(b"as before")
                assert await heard(viewer[0], 9) == b"as before"


class TestSlowViewers:
    async def test_hold_up_nobody_and_cost_no_memory(self) -> None:
        async with (
            FarEnd() as far,
            passing_on(far.source, limits=Limits()) as server,
            joined(server, far) as (slow, recorder_of_slow),
            joined(server, far) as (other, recorder),
        ):
            slow[0]._transport.pause_reading()  # else its own buffer fills first
            sock = socket.socket(fileno=os.dup(recorder_of_slow[1].get_extra_info("socket").fileno()))
            before = resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[1])
            sent, refused, block = 0, 0, bytes(1 << 18)
            with sock:
                while refused < 20:
                    try:
                        sent += sock.send(block)
                        refused = 0
                    except BlockingIOError:
                        refused += 1
                        await asyncio.sleep(0.01)
                    assert sent < 64 << 20, "nothing holds the recorder up"
            after = resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[1])
            assert after - before < 5 << 20
            recorder[1].write(b"in time")
            assert await heard(other[0], 7) == b"in time"
            slow[0]._transport.resume_reading()  # see above
            got = 0
            while got < sent:
                got += len(await asyncio.wait_for(slow[0].read(1 << 20), 10))
            assert got == sent

    async def test_are_sent_away_when_they_take_nothing_at_all(self) -> None:
        limits = replace(QUICK, write_timeout=0.3)
        async with (
            FarEnd() as far,
            passing_on(far.source, limits=limits) as server,
            joined(server, far) as (viewer, recorder),
        ):
            viewer[0]._transport.pause_reading()  # a viewer that does not read
            recorder[1].write(bytes(32 << 20))
            await until(lambda: server.viewers == 0)
            assert await ended(recorder[0])

    async def test_that_stand_still_cost_nothing_though_the_recorder_is_gone(self) -> None:
        limits = replace(QUICK, write_timeout=5.0)
        served = 0
        serve = Plane._serve

        def count(plane: Plane, events: list[tuple[int, int]]) -> object:
            nonlocal served
            served += 1
            return serve(plane, events)

        async with (
            FarEnd() as far,
            passing_on(far.source, limits=limits) as server,
            joined(server, far) as (viewer, recorder),
        ):
            viewer[0]._transport.pause_reading()  # a viewer that does not read
            recorder[1].write(bytes(32 << 20))
            await until(lambda: bool(server.statistics().viewers[0].bytes))
            await asyncio.sleep(0.1)
            reset(recorder[1])
            with patch.object(Plane, "_serve", count):
                await asyncio.sleep(0.2)
            assert server.viewers == 1
            assert served < 20
            viewer[0]._transport.resume_reading()  # now it sees what there was
            assert await ended(viewer[0])
            await until(lambda: server.viewers == 0)


class TestLimits:
    @pytest.mark.parametrize("limits", [{"max_viewers": 1}, {"max_viewers_per_address": 1}, {"max_connections": 1}])
    async def test_one_viewer_too_many_is_closed_and_the_recorder_left_alone(self, limits: dict[str, int]) -> None:
        async with FarEnd() as far, passing_on(far.source, limits=replace(QUICK, **limits)) as server:
            async with joined(server, far), viewing(server) as (reader, writer):
                writer.write(HELLO)
                assert await ended(reader)
                assert (len(far.connections), server.viewers) == (1, 1)
            await until(lambda: server.viewers == 0)
            async with joined(server, far):
                assert server.viewers == 1

    async def test_who_is_locked_out_of_the_camera_is_so_here(self) -> None:
        guard = LoginGuard(max_failures=1)
        guard.failed("127.0.0.1", LoginWay.SOAP, LoginProblem.WRONG_PASSWORD)
        assert guard.is_locked_out("127.0.0.1")
        async with FarEnd() as far, passing_on(far.source, logins=guard) as server, viewing(server) as (reader, writer):
            writer.write(HELLO)
            assert await ended(reader)
            assert not far.connections

    async def test_silence_on_both_sides_ends_it(self) -> None:
        limits = replace(QUICK, session_timeout=0.3)
        async with (
            FarEnd() as far,
            passing_on(far.source, limits=limits) as server,
            joined(server, far) as (viewer, recorder),
        ):
            for _ in range(4):
                await asyncio.sleep(0.1)
                recorder[1].write(b"$")
                assert await heard(viewer[0], 1) == b"$"
            assert server.viewers == 1
            assert await ended(viewer[0])
            assert await ended(recorder[0])

    async def test_without_descriptors_the_viewer_goes_and_nothing_stays(self) -> None:
        real = os.pipe2
        pipes: list[tuple[int, int]] = []

        def one_only(flags: int) -> tuple[int, int]:
            if pipes:
                raise OSError(errno.EMFILE, "Too many open files")
            pipes.append(real(flags))
            return pipes[0]

        async with FarEnd() as far, passing_on(far.source) as server:
            with patch.object(os, "pipe2", one_only):
                async with viewing(server) as (reader, writer):
                    writer.write(HELLO)
                    assert await ended(reader)
            assert len(pipes) == 1
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(pipes[0][0])
            async with joined(server, far):
                assert server.viewers == 1


class TestSwitching:
    async def test_to_raw_mode_ends_viewers_and_the_stream_of_former(self) -> None:
        recorder = ScriptedRecorder()
        options = replace(RAW, raw=False, always_on=True)
        async with recorder, passing_on(recorder.source, options=options) as server:
            async with RtspClient(server.port) as viewer, RtspClient(server.port) as idle:
                await viewer.play()
                server.update(options=replace(options, raw=True))
                assert await viewer.ended()
                assert await idle.ended()
            await until(lambda: recorder.open_connections == 0)
            assert "TEARDOWN" in recorder.methods
            assert await server.key_frame("main", timeout=1.0) is None
            async with RtspClient(server.port, credentials=None) as passed_on:
                reply = await passed_on.ask("DESCRIBE", "/Streaming/Channels/101")
                assert b"Media Presentation of" in reply.body
                assert recorder.requests[-1].uri == passed_on.uri("/Streaming/Channels/101")

    async def test_back_ends_viewers_and_those_that_have_not_spoken(self) -> None:
        async with FarEnd() as far, passing_on(far.source) as server:
            async with joined(server, far) as (viewer, recorder), viewing(server) as (silent, _):
                server.update(options=replace(RAW, raw=False))
                assert await ended(viewer[0])
                assert await ended(recorder[0])
                assert await ended(silent)
            async with RtspClient(server.port) as ours:
                assert (await ours.request("OPTIONS", "*")).status == 200
            assert [stream.name for stream in server.statistics().streams] == ["main"]

    async def test_sound_and_a_new_login_of_the_camera_are_no_matter_of_its_viewers(self) -> None:
        async with FarEnd() as far, passing_on(far.source) as server, joined(server, far) as (viewer, recorder):
            server.update(options=replace(RAW, audio=False))
            server.update(credentials=Credentials(username="viewer", password="Changed"))
            recorder[1].write(b"still here")
            assert await heard(viewer[0], 10) == b"still here"


class TestEnd:
    async def test_nothing_is_left_after_a_stop_with_viewers(self) -> None:
        async with FarEnd() as far:
            before = descriptors()
            async with (
                passing_on(far.source) as server,
                joined(server, far) as (viewer, recorder),
                viewing(server) as (silent, _),
            ):
                viewer[0]._transport.pause_reading()  # so that there is a rest
                recorder[1].write(bytes(32 << 20))
                await until(lambda: bool(server.statistics().viewers[0].bytes))
                async with asyncio.timeout(2):
                    await server.stop()
                viewer[0]._transport.resume_reading()  # to see the end
                assert await ended(viewer[0])
                assert await ended(silent)
                assert await ended(recorder[0])
                recorder[1].transport.abort()
            await until(lambda: descriptors() <= before)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_a_stop_does_not_wait_for_a_recorder_that_does_not_answer(self) -> None:
        async def never(_: object) -> socket.socket:
            await asyncio.Event().wait()
            raise AssertionError

        async with FarEnd() as far, passing_on(far.source, limits=Limits()) as server, viewing(server) as (_, writer):
            with patch("custom_components.onvif_proxy.relay.raw_viewer.dial", never):
                writer.write(HELLO)
                await until(lambda: state(server)[0] is StreamState.CONNECTING)
                async with asyncio.timeout(2):
                    await server.stop()

    async def test_a_viewer_that_comes_by_http_is_not_served(self) -> None:
        async with FarEnd() as far, passing_on(far.source) as server:
            ours, theirs = socket.socketpair()
            server.take_tunnel(TunnelHalf(cookie="c", sending=False, client="127.0.0.1"), b"", theirs)
            with ours:
                assert ours.recv(1) == b""
            assert not far.connections

    async def test_a_defect_costs_its_viewer_alone(self, caplog: pytest.LogCaptureFixture) -> None:
        def break_down(*_: object, **__: object) -> None:
            raise RuntimeError("a defect")

        async with (
            FarEnd() as far,
            passing_on(far.source) as server,
            joined(server, far) as (viewer, recorder),
            joined(server, far) as (other, recorder_of_other),
        ):
            with patch("custom_components.onvif_proxy.relay.raw.RawPassage.move", break_down):
                recorder[1].write(b"x")
                assert await ended(viewer[0])
            recorder_of_other[1].write(b"still here")
            assert await heard(other[0], 10) == b"still here"
        assert "a defect" in caplog.text
