"""The control channel from the parent's end, with every byte as the test wants it."""

import asyncio
from collections.abc import AsyncIterator
import json
import logging
import os
from pathlib import Path
import signal
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay.config import CameraConfig
from custom_components.onvif_proxy.relay.control import Control
from custom_components.onvif_proxy.relay.errors import UpstreamUnreachable
from custom_components.onvif_proxy.relay.messages import (
    MAX_LINE,
    MAX_PAYLOAD,
    Activity,
    AddCamera,
    Command,
    Done,
    Envelope,
    Failed,
    GetKeyFrame,
    GetStatistics,
    Health,
    KeyFrameFound,
    Listening,
    LockOut,
    LogLine,
    Message,
    Ping,
    Ready,
    RemoveCamera,
    UpdateCamera,
    decode,
    encode,
)
from custom_components.onvif_proxy.relay.source import Source
from custom_components.onvif_proxy.relay.statistics import CameraStatistics, StreamState
from custom_components.onvif_proxy.relay.wire import WireError

from .conftest import until
from .rtsp_client import VIEWER, RtspClient
from .scripted_recorder import ScriptedRecorder
from .test_program import RELAY, start


def config(**changes: Any) -> CameraConfig:
    source = Source(uri="rtsp://127.0.0.1:1/a", credentials=Credentials(username="admin", password="RecorderSecret"))
    return CameraConfig(
        **{"address": "127.0.0.1", "port": 0, "credentials": VIEWER, "sources": {"main": source}} | changes
    )


class Relay:
    """A relay that a test speaks to."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.input, self.output = process, process.stdin, process.stdout
        self.number = 0

    def send(self, line: bytes) -> None:
        self.input.write(line)

    async def hear(self) -> Envelope:
        return decode(await asyncio.wait_for(self.output.readline(), 20))

    async def hear_of[M: Message](self, kind: type[M]) -> M:
        """Wait for an event."""
        while True:
            if isinstance(message := (await self.hear()).message, kind):
                return message

    async def ask(self, command: Command) -> Message:
        """Return the answer; what comes before it is left."""
        self.number += 1
        self.send(encode(command, self.number))
        while (heard := await self.hear()).number != self.number:
            pass
        return heard.message

    async def ended(self) -> tuple[int, bytes]:
        """Wait for its end: status and standard error."""
        _, errors = await asyncio.wait_for(self.process.communicate(), 20)
        assert self.process.returncode is not None
        return self.process.returncode, errors


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    made = Relay(await start("--control"))
    assert await made.hear() == Envelope(message=Ready())
    yield made
    if made.process.returncode is None:
        assert await made.ended() == (0, b"")


async def test_a_camera_is_added_changed_and_removed(relay: Relay) -> None:
    listening = await relay.ask(AddCamera(id=7, camera=config()))
    assert isinstance(listening, Listening)
    async with RtspClient(listening.port) as viewer:
        assert (await viewer.request("DESCRIBE", "/nothing")).status == 404
        other = Credentials(username="viewer", password="OtherSecret")
        assert await relay.ask(UpdateCamera(id=7, camera=config(credentials=other))) == Done()
        assert await viewer.ended()
    assert await relay.ask(RemoveCamera(id=7)) == Done()
    with pytest.raises(ConnectionRefusedError):
        async with RtspClient(listening.port):
            pass


async def test_commands_that_come_at_once_are_done_in_their_order(relay: Relay) -> None:
    other = Credentials(username="viewer", password="OtherSecret")
    relay.send(
        encode(AddCamera(id=1, camera=config()), 101)
        + encode(UpdateCamera(id=1, camera=config(credentials=other)), 102)
        + encode(AddCamera(id=2, camera=config()), 103)
        + encode(RemoveCamera(id=2), 104)
        + encode(Ping(log_level=logging.WARNING), 105)
    )
    answers: dict[int, Message] = {}
    cameras = 0
    while len(answers) < 5:
        heard = await relay.hear()
        if heard.number is not None:
            answers[heard.number] = heard.message
        elif isinstance(heard.message, Health):
            cameras = heard.message.cameras
    first, second = answers[101], answers[103]
    assert isinstance(first, Listening)
    assert isinstance(second, Listening)
    assert answers[102] == answers[104] == Done()
    assert cameras == 1
    async with RtspClient(first.port, other) as viewer:
        assert (await viewer.request("DESCRIBE", "/nothing")).status == 404
    with pytest.raises(ConnectionRefusedError):
        async with RtspClient(second.port):
            pass


@pytest.mark.parametrize(
    "command",
    [
        UpdateCamera(id=1, camera=config()),
        RemoveCamera(id=1),
        LockOut(id=1, source="192.0.2.1", seconds=1.0),
        GetStatistics(id=1),
        GetKeyFrame(id=1, stream="main"),
    ],
    ids=lambda command: type(command).__name__,
)
async def test_a_camera_that_is_not_there_is_said(relay: Relay, command: Command) -> None:
    assert await relay.ask(command) == Failed(errno=None, text="no such camera")


async def test_what_one_command_breaks_is_that_commands_alone(relay: Relay) -> None:
    assert await relay.ask(AddCamera(id=1, camera=config(address="no address"))) != Done()
    assert isinstance(await relay.ask(AddCamera(id=1, camera=config())), Listening)


async def test_what_is_no_command_is_logged_and_left(relay: Relay) -> None:
    relay.send(b"{}\n")
    line = await relay.hear_of(LogLine)
    assert (line.level, line.logger) == (logging.ERROR, "relay.control")
    assert "no command" in line.text
    relay.send(encode(Done(), 1))  # a message, but none for it
    relay.send(encode(Ping(log_level=logging.DEBUG)))
    assert (await relay.hear_of(Health)).cameras == 0


async def test_a_line_without_end_ends_it(relay: Relay) -> None:
    relay.send(b"x" * (MAX_LINE + 1))
    assert "too long" in (await relay.hear_of(LogLine)).text
    assert await relay.ended() == (0, b"")


async def test_what_is_logged_follows_the_level_of_the_last_ping(relay: Relay) -> None:
    listening = await relay.ask(AddCamera(id=1, camera=config()))
    assert isinstance(listening, Listening)
    relay.send(encode(Ping(log_level=logging.DEBUG)))
    await relay.hear_of(Health)
    async with RtspClient(listening.port, Credentials(username="viewer", password="wrong")) as viewer:
        await viewer.request("DESCRIBE", "/main")
    line = await relay.hear_of(LogLine)
    assert line.level == logging.DEBUG


@pytest.mark.parametrize("number", [None, signal.SIGTERM], ids=["closed", "SIGTERM"])
async def test_it_ends_with_its_input_and_gives_sessions_back(relay: Relay, number: signal.Signals | None) -> None:
    async with ScriptedRecorder() as recorder:
        listening = await relay.ask(AddCamera(id=1, camera=config(sources={"main": recorder.source})))
        assert isinstance(listening, Listening)
        async with RtspClient(listening.port) as viewer:
            assert (await viewer.play("main")).status == 200
            relay.process.send_signal(signal.SIGINT)  # of a terminal: not for it
            assert isinstance(await relay.ask(AddCamera(id=2, camera=config())), Listening)
            if number is None:
                relay.input.close()
            else:
                relay.process.send_signal(number)
            assert await relay.ended() == (0, b"")
        await until(lambda: recorder.open_connections == 0)
        assert "TEARDOWN" in recorder.methods


async def test_it_ends_when_nobody_hears_it_any_more(relay: Relay) -> None:
    """As when its parent was killed while another child of it holds the other end of its input."""
    transport: Any = relay.process._transport  # type: ignore[attr-defined] # the end that is read can't be closed otherwise
    transport.get_pipe_transport(1).close()
    assert (await relay.ended())[0] == 0


async def test_it_ends_with_its_parent_though_somebody_holds_its_input_open() -> None:
    code = f"""
import os, subprocess, sys, time
reading, writing = os.pipe()
os.set_inheritable(writing, True)
holder = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], close_fds=False)
relay = subprocess.Popen([sys.executable, "-S", "-E", {str(RELAY)!r}, "--control"], stdin=reading)
print(holder.pid, relay.pid, flush=True)
time.sleep(60)
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    holder, relay = map(int, (await asyncio.wait_for(parent.stdout.readline(), 20)).split())
    try:
        assert decode(await asyncio.wait_for(parent.stdout.readline(), 20)) == Envelope(message=Ready())
        parent.kill()
        await until(lambda: not Path(f"/proc/{relay}").exists())
        assert Path(f"/proc/{holder}").exists()
    finally:
        os.kill(holder, signal.SIGKILL)
        await parent.wait()


class TestActivity:
    async def test_what_viewers_and_streams_do_is_told_when_it_changes_and_not_otherwise(self, relay: Relay) -> None:
        async with ScriptedRecorder() as recorder:
            listening = await relay.ask(AddCamera(id=7, camera=config(sources={"main": recorder.source})))
            assert isinstance(listening, Listening)
            assert await relay.hear_of(Activity) == Activity(id=7, viewers=0, streams={"main": StreamState.IDLE})
            async with RtspClient(listening.port) as viewer:
                assert (await viewer.play()).status == 200
                watched = Activity(id=7, viewers=1, streams={"main": StreamState.LIVE})
                while (told := await relay.hear_of(Activity)) != watched:
                    assert told.id == 7
            # Two things at once, the end of the viewer and other streams, and one message.
            relay.send(encode(UpdateCamera(id=7, camera=config(sources={}))))
            while (told := await relay.hear_of(Activity)).streams:
                assert told != watched
            assert told == Activity(id=7, viewers=0, streams={})
        relay.send(encode(Ping(log_level=logging.WARNING)))
        assert isinstance((await relay.hear()).message, Health)

    async def test_a_camera_that_cannot_tell_leaves_the_others_alone(self, caplog: pytest.LogCaptureFixture) -> None:
        told: list[bytes] = []
        control = Control(told.append)
        statistics = CameraStatistics(streams=(), viewers=())
        for number, tell in enumerate((None, lambda: statistics)):
            served: Any = SimpleNamespace(server=SimpleNamespace(statistics=tell), told=None)
            control._cameras[number] = served
            control._changed.add(number)
        control._tell_activity()
        control._changed.add(1)
        control._tell_activity()
        assert [decode(line).message for line in told] == [Activity(id=1, viewers=0, streams={})]
        assert "can't be told" in caplog.text


class TestKeyFrames:
    """What a server gives, without a recorder that sends pictures."""

    class Server:
        """Has a frame of a size."""

        def __init__(self, frame: Any) -> None:
            self.frame = frame

        async def key_frame(self, name: str, *, timeout: float) -> Any:
            if name == "refused":
                raise UpstreamUnreachable("recorder refuses the connection")
            if name == "slow":
                await asyncio.sleep(timeout)
            return self.frame if name == "main" else None

        async def stop(self) -> None:
            pass

    async def answer(self, size: int, stream: str = "main") -> tuple[Envelope, bytes]:
        written: list[bytes] = []
        control = Control(written.append)
        frame = SimpleNamespace(codec="H264", data=b"x" * size)
        control._cameras[1] = SimpleNamespace(server=self.Server(frame))  # type: ignore[assignment] # as much as is asked
        control.take(encode(GetKeyFrame(id=1, stream=stream), 5))
        await until(lambda: bool(written))
        line, _, payload = b"".join(written).partition(b"\n")
        return decode(line), payload

    async def test_the_bytes_follow_the_answer(self) -> None:
        expected = Envelope(message=KeyFrameFound(codec="H264"), number=5, payload_size=9)
        assert await self.answer(9) == (expected, b"x" * 9)

    async def test_none_and_one_that_is_too_large_are_none(self) -> None:
        assert await self.answer(9, "sub") == (Envelope(message=Done(), number=5), b"")
        assert await self.answer(MAX_PAYLOAD + 1) == (Envelope(message=Done(), number=5), b"")

    async def test_what_the_recorder_refuses_is_said(self) -> None:
        failed = Failed(errno=None, text="recorder refuses the connection")
        assert await self.answer(9, "refused") == (Envelope(message=failed, number=5), b"")

    async def test_the_end_waits_for_nobody_who_asks(self) -> None:
        control = Control(lambda _: None)
        control._cameras[1] = SimpleNamespace(server=self.Server(None))  # type: ignore[assignment] # as much as is asked
        control.take(encode(GetKeyFrame(id=1, stream="slow", seconds=3600.0), 5))
        await asyncio.sleep(0)
        async with asyncio.timeout(1):
            await control.stop()


class TestMessages:
    @pytest.mark.parametrize(
        "message",
        [
            AddCamera(id=1, camera=config()),
            Failed(errno=98, text="taken"),
            Ready(),
            LockOut(id=1, source="a", seconds=0.5),
        ],
        ids=lambda message: type(message).__name__,
    )
    def test_a_message_is_read_as_it_was_written(self, message: Message) -> None:
        assert decode(encode(message, 3)) == Envelope(message=message, number=3)

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "RelayServer"},
            {"kind": []},
            {"number": True},
            {"number": "1"},
            {"payload": -1},
            {"payload": MAX_PAYLOAD + 1},
            {"payload": None},
            {"message": {"id": "1"}},
            {"message": []},
        ],
    )
    def test_what_is_none_is_refused(self, change: dict[str, Any]) -> None:
        good = json.loads(encode(RemoveCamera(id=1), 1))
        with pytest.raises(WireError):
            decode(json.dumps(good | change).encode())

    @pytest.mark.parametrize("line", [b"", b"[]", b"1", b"\xff", b"[" * 100_000])
    def test_so_is_what_is_no_object(self, line: bytes) -> None:
        with pytest.raises(WireError):
            decode(line)
