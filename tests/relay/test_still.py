"""A key frame for who does not watch: taken from the session that is there, else from one that is opened for a moment."""

import asyncio

import pytest

from custom_components.onvif_proxy.relay import CameraOptions, still
from custom_components.onvif_proxy.relay.errors import UpstreamEnded, UpstreamUnauthorized
from custom_components.onvif_proxy.relay.fanout import Fanout
from custom_components.onvif_proxy.relay.key_frame import KeyFrame
from custom_components.onvif_proxy.relay.statistics import StreamState
from custom_components.onvif_proxy.rtsp import RtspResponse, frame

from .conftest import relaying, until
from .rtsp_client import RtspClient
from .scripted_recorder import SDP, ScriptedRecorder, described, ok, packet, silence


async def test_it_is_taken_from_the_session_of_the_viewers() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        found = await server.key_frame("main", timeout=1.0)
        assert found is not None
        assert (found.codec, found.data[-10:]) == ("H264", b"\0\0\0\1\x65first")
        assert recorder.methods.count("PLAY") == 1


async def test_parameter_sets_that_are_no_base64_are_left_out() -> None:
    sets = b"Z0LADdkBYJaEAAADAAQAAAMAyDxQqSA=,aO4xsg=="
    recorder = ScriptedRecorder(DESCRIBE=described(SDP.replace(sets, "Zü==,!,aO4xsg==".encode())))
    async with relaying(recorder) as server:
        found = await server.key_frame("main", timeout=1.0)
        assert found is not None
        assert found.data == b"\0\0\0\1\x68\xee\x31\xb2" + b"\0\0\0\1\x65first"


async def test_a_session_is_opened_for_it_and_ends_after_it() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server:
        assert await server.key_frame("main", timeout=1.0) is not None
        await until(lambda: recorder.open_connections == 0)
        assert recorder.methods.count("PLAY") == 1


async def test_a_session_that_is_kept_for_a_while_serves_the_next() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder, options=CameraOptions(keep_seconds=5.0)) as server:
        for _ in range(3):
            assert await server.key_frame("main", timeout=1.0) is not None
        assert recorder.methods.count("PLAY") == 1


async def test_without_a_timeout_no_session_is_opened() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server:
        assert await server.key_frame("main") is None
        assert recorder.methods == []


async def test_a_recorder_that_sends_nothing_costs_the_timeout_and_is_left() -> None:
    recorder = ScriptedRecorder(PLAY=silence)
    async with relaying(recorder) as server:
        assert await server.key_frame("main", timeout=0.2) is None
        await until(lambda: recorder.open_connections == 0)


async def test_it_is_looked_for_again_only_when_there_is_another_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[KeyFrame | None] = []
    look = Fanout.key_frame

    def key_frame(fanout: Fanout) -> KeyFrame | None:
        looks.append(look(fanout))
        return looks[-1]

    monkeypatch.setattr(Fanout, "key_frame", key_frame)
    monkeypatch.setattr(still, "LOOK_SECONDS", 0.001)
    recorder = ScriptedRecorder(PLAY=lambda *_: ok())
    async with relaying(recorder) as server:
        asking = asyncio.create_task(server.key_frame("main", timeout=5.0))
        await until(lambda: server.statistics().streams[0].state is StreamState.LIVE)
        recorder.connections[0].send(frame(0, packet(1, 100, b"\x65one", marker=False)))
        await asyncio.sleep(0.1)
        assert looks == [None]
        recorder.connections[0].send(frame(0, packet(2, 100, b"\x65two")))
        found = await asking
        assert found is not None
        assert looks == [None, found]


async def test_why_the_recorder_refuses_is_raised() -> None:
    recorder = ScriptedRecorder(DESCRIBE=lambda *_: RtspResponse(401))
    async with relaying(recorder) as server:
        with pytest.raises(UpstreamUnauthorized):
            await server.key_frame("main", timeout=1.0)


async def test_who_waits_for_the_session_is_told_that_the_server_stops() -> None:
    recorder = ScriptedRecorder(PLAY=silence)
    async with relaying(recorder) as server:
        asking = asyncio.create_task(server.key_frame("main", timeout=5.0))
        await until(lambda: "PLAY" in recorder.methods)
        await server.stop()
        with pytest.raises(UpstreamEnded):
            await asking


async def test_who_waits_for_the_picture_has_none_when_the_server_stops() -> None:
    recorder = ScriptedRecorder(PLAY=lambda *_: ok())
    async with relaying(recorder) as server:
        asking = asyncio.create_task(server.key_frame("main", timeout=5.0))
        await until(lambda: server.statistics().streams[0].state is StreamState.LIVE)
        await server.stop()
        assert await asking is None


async def test_a_source_that_is_not_there_has_none() -> None:
    async with relaying(ScriptedRecorder()) as server:
        assert await server.key_frame("nothing", timeout=1.0) is None
