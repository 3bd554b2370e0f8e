"""Talking back through the camera to the recorder's loudspeaker."""

import asyncio

import pytest

from custom_components.onvif_proxy.relay import CameraOptions
from custom_components.onvif_proxy.rtsp import RtspRequest, RtspResponse, frame

from .conftest import AT_ONCE, relaying, until
from .rtsp_client import Reply, RtspClient
from .scripted_recorder import FIRST, SDP, Answer, Connection, ScriptedRecorder, described, packet, status
from .test_udp import ports, server_ports

REQUIRE = "Require: www.onvif.org/ver20/backchannel"
SOUND = packet(9, 900, b"hello", kind=0)


async def describe(viewer: RtspClient) -> Reply:
    """Ask with the wish to talk."""
    return await viewer.request("DESCRIBE", "/main", REQUIRE)


async def set_up(viewer: RtspClient, track: int, channels: str, *fields: str) -> Reply:
    """Set a track up."""
    transport = f"Transport: RTP/AVP/TCP;unicast;interleaved={channels}"
    return await viewer.request("SETUP", f"/main/trackID={track}", transport, *fields)


async def begin_to_talk(viewer: RtspClient) -> None:
    """Watch and talk."""
    assert (await describe(viewer)).status == 200
    assert (await set_up(viewer, 1, "0-1")).status == 200
    assert (await set_up(viewer, 3, "4-5", REQUIRE)).status == 200
    assert (await viewer.request("PLAY", "/main/", REQUIRE)).status == 200


def heard(recorder: ScriptedRecorder) -> list[bytes]:
    """Return the RTP that the recorder was sent."""
    frames = [item for connection in recorder.connections for item in connection.frames]
    return [payload for channel, payload in frames if channel % 2 == 0]


def refusing(request: RtspRequest, connection: Connection) -> Answer:
    """Describe to who requires nothing."""
    if "Require" in request.headers:
        return RtspResponse(551)
    return described(SDP, ("Content-Base", request.uri + "/"))(request, connection)


async def test_who_asks_is_told_of_the_loudspeaker_and_nobody_else() -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        assert b"sendonly" not in (await viewer.request("DESCRIBE", "/main")).body
        reply = await describe(viewer)
        assert reply.status == 200
        *_, last = reply.body.split(b"m=")
        assert last.splitlines() == [b"audio 0 RTP/AVP 0", b"a=sendonly", b"a=control:trackID=3"]


async def test_what_a_viewer_says_reaches_the_recorder_and_it_still_sees() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await begin_to_talk(viewer)
        assert await viewer.frame() == (0, FIRST)
        viewer.send(frame(4, SOUND))
        await until(lambda: heard(recorder) == [SOUND])
        talking = [request for request in recorder.requests if request.headers.get("Require")]
        assert [request.method for request in talking] == ["DESCRIBE", "DESCRIBE", "SETUP", "PLAY"]
        assert talking[2].uri.endswith("/trackID=back")


async def test_what_is_no_sound_in_that_format_is_lost() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await begin_to_talk(viewer)
        for wrong in (packet(1, 1, b"x", kind=8), b"", b"\0" * 40, SOUND[:12]):
            viewer.send(frame(4, wrong))
        viewer.send(frame(0, SOUND) + frame(4, SOUND))
        await until(lambda: heard(recorder) == [SOUND])


async def test_nothing_is_passed_on_before_play() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await describe(viewer)
        await set_up(viewer, 3, "4-5", REQUIRE)
        viewer.send(frame(4, packet(1, 1, b"too early", kind=0)))
        assert (await viewer.request("PLAY", "/main/", REQUIRE)).status == 200
        viewer.send(frame(4, SOUND))
        await until(lambda: heard(recorder) == [SOUND])


async def test_one_talks_at_a_time_and_others_only_watch() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as second:
        async with RtspClient(server.port) as first:
            await begin_to_talk(first)
            assert (await describe(second)).status == 200
            assert (await set_up(second, 1, "0-1")).status == 200
            assert (await set_up(second, 3, "4-5", REQUIRE)).status == 453
            assert (await second.request("PLAY", "/main/", REQUIRE)).status == 200
            assert await second.frame() == (0, FIRST)
            assert (await first.request("TEARDOWN", "/main")).status == 200
        await until(lambda: "TEARDOWN" in recorder.methods)
        async with RtspClient(server.port) as third:
            await begin_to_talk(third)


async def test_the_session_with_the_recorder_ends_with_the_talk() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as watching:
        await watching.play()
        async with RtspClient(server.port) as viewer:
            await begin_to_talk(viewer)
            assert recorder.open_connections == 2
        await until(lambda: recorder.open_connections == 1)
        assert server.viewers == 1


@pytest.mark.parametrize(
    "recorder",
    [
        ScriptedRecorder(DESCRIBE=refusing),
        ScriptedRecorder(DESCRIBE=described(SDP.replace(b"a=sendonly\r\n", b""))),
    ],
    ids=["refuses", "has none"],
)
async def test_without_a_loudspeaker_it_is_551_and_the_picture_comes_without(recorder: ScriptedRecorder) -> None:
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        reply = await describe(viewer)
        assert (reply.status, reply.get("Unsupported")) == (551, "www.onvif.org/ver20/backchannel")
        asked = len(recorder.connections)
        assert (await describe(viewer)).status == 551
        assert len(recorder.connections) == asked
        assert (await viewer.play()).status == 200


async def test_a_camera_without_sound_has_no_loudspeaker() -> None:
    options = CameraOptions(keep_seconds=AT_ONCE.keep_seconds, audio=False)
    async with relaying(ScriptedRecorder(), options=options) as server, RtspClient(server.port) as viewer:
        assert (await describe(viewer)).status == 551


async def test_a_recorder_that_refuses_the_talk_leaves_the_picture() -> None:
    def answer(request: RtspRequest, connection: Connection) -> Answer:
        if "Require" in request.headers:
            return status(453)(request, connection)
        return recorder.answer_setup(request, connection)

    recorder = ScriptedRecorder(SETUP=answer)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await describe(viewer)
        assert (await set_up(viewer, 1, "0-1")).status == 200
        assert (await set_up(viewer, 3, "4-5", REQUIRE)).status == 453
        assert (await viewer.request("PLAY", "/main/")).status == 200
        assert await viewer.frame() == (0, FIRST)


async def test_a_talk_over_udp() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            await describe(viewer)
            transport = f"Transport: RTP/AVP;unicast;{mine.wanted}"
            reply = await viewer.request("SETUP", "/main/trackID=3", transport, REQUIRE)
            assert reply.status == 200
            assert (await viewer.request("PLAY", "/main/", REQUIRE)).status == 200
            mine.media.sendto(SOUND, ("127.0.0.1", server_ports(reply)[0]))
            await until(lambda: heard(recorder) == [SOUND])


async def test_a_recorder_that_ends_the_talk_lets_the_next_one_talk() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as first, RtspClient(server.port) as second:
        await begin_to_talk(first)
        talking = next(one for one in recorder.connections if any("back" in uri for uri in one.channels))
        talking.writer.transport.abort()
        await until(lambda: recorder.open_connections == 1)
        first.send(frame(4, SOUND))
        await asyncio.sleep(0.05)
        await begin_to_talk(second)
        second.send(frame(4, SOUND))
        await until(lambda: heard(recorder) == [SOUND])
