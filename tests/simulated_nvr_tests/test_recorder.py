"""The recorder as a whole: channels that come and go, start, stop, command line."""

import asyncio
import json
from pathlib import Path
import signal
import sys
import threading

import pytest

from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from .clients import RawRtsp, call, onvif_camera, play, session_id
from .conftest import SMALL, SMALLER, Recorders

ROOT = Path(__file__).parents[2]


async def test_a_camera_is_connected_while_it_runs(recorder: SimulatedRecorder) -> None:
    async with onvif_camera(recorder) as camera:
        media = await camera.create_media_service()
        before = [profile.token for profile in await media.GetProfiles()]
        recorder.add_channel()
        after = [profile.token for profile in await media.GetProfiles()]
    # Nothing that was there has changed its name, though the new one came between.
    assert [token for token in after if token in before] == before
    assert set(after) - set(before) == {"ProfileToken003", "ProfileToken011"}
    assert (await play(recorder, 3)).frames >= 10


async def test_a_camera_is_disconnected_while_it_plays(recorder: SimulatedRecorder) -> None:
    uri = recorder.stream_uri(2)
    async with RawRtsp.connect(recorder) as client:
        session = session_id(await client.set_up(uri))
        await client.request("PLAY", uri, Session=session)
        await recorder.remove_channel(2)
        assert recorder.rtsp_sessions == 0
        assert (await client.request("GET_PARAMETER", uri, Session=session)).status == 454
        assert (await client.request("DESCRIBE", uri)).status == 404
    answer = await call(recorder, "media", "<trt:GetVideoSources/>")
    assert "VideoSourceToken001" in answer.text
    assert "VideoSourceToken002" not in answer.text


async def test_a_gap_can_be_filled(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=2, gaps=(2,))
    assert recorder.add_channel(2).source_token == "VideoSourceToken002"
    assert [channel.number for channel in recorder.channels] == [1, 2, 3]
    with pytest.raises(ValueError, match="already"):
        recorder.add_channel(2)
    with pytest.raises(ValueError, match="room"):
        recorder.add_channel(9)


async def test_a_recorder_may_have_no_camera(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=0)
    assert (
        "<trt:GetProfilesResponse></trt:GetProfilesResponse>"
        in (await call(recorder, "media", "<trt:GetProfiles/>")).text
    )


async def test_a_camera_that_comes_where_a_head_was_named_has_one(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=1, ptz=(2,))
    with pytest.raises(KeyError):
        recorder.ptz(2)
    recorder.add_channel(2)
    recorder.ptz(2).run({"pan": 1.0}, 1.0)
    assert recorder.ptz(2).moving


async def test_it_restarts_on_its_ports_at_once(start_recorder: Recorders) -> None:
    recorder = await start_recorder()
    ports = recorder.port, recorder.rtsp_port
    async with RawRtsp.connect(recorder) as client:
        await client.set_up(recorder.stream_uri(1))
        await recorder.stop()
        await recorder.stop()
        await recorder.start()
        await recorder.start()
    assert (recorder.port, recorder.rtsp_port) == ports
    assert recorder.rtsp_sessions == 0
    assert (await play(recorder, 1)).frames >= 10


async def test_a_taken_port_is_an_error_and_leaves_nothing_open(recorder: SimulatedRecorder) -> None:
    second = SimulatedRecorder(RecorderOptions(rtsp_port=recorder.rtsp_port))
    with pytest.raises(OSError, match="in use"):
        await second.start()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", second._onvif.port)


async def test_stopping_leaves_no_task_and_no_thread(tmp_path) -> None:
    """Whatever hangs, plays, waits or encodes."""
    options = RecorderOptions(main=SMALL, sub=SMALLER, cache_directory=tmp_path)
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with SimulatedRecorder(options) as recorder:
        uri = recorder.stream_uri(1)
        async with RawRtsp.connect(recorder) as player:
            await player.request("PLAY", uri, Session=session_id(await player.set_up(uri)))
            await player.media(3)
            recorder.faults.onvif = "hang"
            hanging = asyncio.create_task(call(recorder, "device", "<tds:GetScopes/>"))
            preparing = asyncio.create_task(recorder.prepare())
            await asyncio.sleep(0.1)
            async with asyncio.timeout(2):
                await recorder.stop()
            results = await asyncio.gather(hanging, preparing, return_exceptions=True)
    assert isinstance(results[0], Exception)
    assert asyncio.all_tasks() == tasks
    assert set(threading.enumerate()) == threads


async def test_pictures_are_only_made_while_it_runs() -> None:
    with pytest.raises(RuntimeError):
        await SimulatedRecorder().prepare()


@pytest.mark.parametrize("wrong", [{"vendor": "acme"}, {"audio": "MP3"}, {"channels": -1}, {"relay_outputs": -1}])
def test_unknown_options_are_refused(wrong) -> None:
    with pytest.raises(ValueError):
        SimulatedRecorder(RecorderOptions(**wrong))


def test_the_password_stays_out_of_reprs() -> None:
    assert "secret" not in repr(RecorderOptions(password="secret"))


async def test_it_shares_no_code_with_what_it_tests() -> None:
    foreign = "[name for name in sys.modules if name.startswith(('custom_components', 'homeassistant'))]"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"import sys, tests.simulated_nvr.__main__; sys.exit(len({foreign}))", cwd=ROOT
    )
    assert await process.wait() == 0


async def _run(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.simulated_nvr",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_says_where_it_listens_and_ends_on_a_signal(end) -> None:
    small = [
        "--main",
        "160x90@5",
        "--no-sub",
        "--codec",
        "2=H265",
        "--motion-every",
        "0.1",
        "--kind",
        "person",
        "--ptz",
        "2",
        "--no-imaging",
        "--relay-outputs",
        "0",
        "--fault",
        "onvif=500:GetUsers",
        "--fault",
        "events=no_end",
    ]
    process = await _run("--channels", "2", "--port", "0", "--rtsp-port", "0", "--vendor", "dahua", "--json", *small)
    async with asyncio.timeout(30):
        facts = json.loads(await process.stdout.readline())
        assert facts["url"] == f"http://127.0.0.1:{facts['port']}/onvif/device_service"
        assert [channel["token"] for channel in facts["channels"]] == ["00000", "00100"]
        assert [channel["ptz"] for channel in facts["channels"]] == [False, True]
        reader, writer = await asyncio.open_connection("127.0.0.1", facts["rtsp_port"])
        writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        assert (await reader.readline()).startswith(b"RTSP/1.0 200")
        process.send_signal(end)
        output, errors = await process.communicate()
    writer.close()
    assert (process.returncode, output, errors) == (0, b"", b"")


async def test_the_command_says_what_is_wrong(recorder: SimulatedRecorder) -> None:
    process = await _run("--port", str(recorder.port), "--rtsp-port", "0")
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"in use" in errors
    assert b"Traceback" not in errors
