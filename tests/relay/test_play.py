"""A whole recorder behind the relay, and FFmpeg in front of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import av
import pytest

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay import Limits, RelayServer, Source
from tests.simulated_nvr import Fault, RecorderOptions, SimulatedRecorder, StreamOptions

from .conftest import AT_ONCE, QUICK, until
from .rtsp_client import VIEWER, RtspClient

SMALL = StreamOptions(width=320, height=180, frame_rate=15)
TINY = StreamOptions(width=160, height=90, frame_rate=10)


@asynccontextmanager
async def recorder_behind_relay(
    options: RecorderOptions, limits: Limits = QUICK
) -> AsyncIterator[tuple[SimulatedRecorder, RelayServer]]:
    """Run a recorder with one channel and its relay."""
    async with SimulatedRecorder(options) as recorder:
        credentials = Credentials(username=options.username, password=options.password)
        sources = {
            name: Source(uri=recorder.stream_uri(1, index), credentials=credentials)
            for index, name in enumerate(("main", "sub"))
        }
        await recorder.prepare()
        async with RelayServer(
            "127.0.0.1", 0, credentials=VIEWER, sources=sources, options=AT_ONCE, limits=limits
        ) as server:
            yield recorder, server


@contextmanager
def opened(
    port: int, name: str, password: str = VIEWER.password, *, transport: str = "tcp"
) -> Iterator[av.container.InputContainer]:
    """Open a stream with FFmpeg."""
    url = f"rtsp://{VIEWER.username}:{password}@127.0.0.1:{port}/{name}"
    with av.open(url, options={"rtsp_transport": transport, "analyzeduration": "500000"}, timeout=10) as container:
        yield container


def decode(
    port: int, name: str, frames: int = 10, *, transport: str = "tcp"
) -> tuple[Counter[str], tuple[int, int], list[str]]:
    """Play until so many pictures are decoded; return numbers of frames by kind, picture size, codecs."""
    numbers: Counter[str] = Counter()
    with opened(port, name, transport=transport) as container:
        video = container.streams.video[0]
        for packet in container.demux():
            numbers.update({packet.stream.type: len(packet.decode())})
            if numbers["video"] >= frames and numbers["audio"]:
                break
        codecs = [stream.codec_context.name for stream in container.streams]
        return numbers, (video.codec_context.width, video.codec_context.height), codecs


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "reolink", "uniview"])
async def test_main_and_sub_are_decoded_and_free_the_recorder(vendor: str) -> None:
    options = RecorderOptions(channels=1, vendor=vendor, main=SMALL, sub=TINY)
    async with recorder_behind_relay(options) as (recorder, server):
        for name, size in (("main", (320, 180)), ("sub", (160, 90))):
            numbers, decoded_size, codecs = await asyncio.to_thread(decode, server.port, name)
            assert numbers["video"] >= 10
            assert numbers["audio"] > 0
            assert decoded_size == size
            assert codecs[0] == "h264"
            await until(lambda: recorder.rtsp_sessions == 0 and server.viewers == 0)


async def test_main_is_decoded_over_udp_and_frees_the_recorder() -> None:
    async with recorder_behind_relay(RecorderOptions(channels=1, main=SMALL, sub=TINY)) as (recorder, server):
        playing = asyncio.create_task(asyncio.to_thread(decode, server.port, "main", 30, transport="udp"))
        await until(lambda: {viewer.transport for viewer in server.statistics().viewers} == {"UDP"})
        numbers, size, _ = await playing
        assert numbers["video"] >= 30
        assert numbers["audio"] > 0
        assert size == (320, 180)
        await until(lambda: recorder.rtsp_sessions == 0 and server.viewers == 0)


async def test_h265_with_aac_is_decoded() -> None:
    main = StreamOptions(codec="H265", width=320, height=180, frame_rate=15)
    options = RecorderOptions(channels=1, main=main, sub=TINY, audio="AAC")
    async with recorder_behind_relay(options) as (_, server):
        numbers, size, codecs = await asyncio.to_thread(decode, server.port, "main")
        assert numbers["video"] >= 10
        assert numbers["audio"] > 0
        assert (size, codecs) == ((320, 180), ["hevc", "aac"])


async def test_a_wrong_password_is_refused_without_asking_the_recorder() -> None:
    async with recorder_behind_relay(RecorderOptions(channels=1, main=SMALL, sub=TINY)) as (recorder, server):

        def try_to_open() -> None:
            with opened(server.port, "main", "wrong"):
                pytest.fail("opened with a wrong password")

        with pytest.raises(av.error.HTTPUnauthorizedError):
            await asyncio.to_thread(try_to_open)
        assert recorder.requests == Counter()


async def test_several_viewers_play_at_once_and_stopping_frees_the_recorder() -> None:
    async with recorder_behind_relay(RecorderOptions(channels=1, main=SMALL, sub=TINY)) as (recorder, server):
        playing = [asyncio.create_task(asyncio.to_thread(decode, server.port, "main", 10_000)) for _ in range(3)]
        await until(lambda: recorder.rtsp_sessions == 1 and server.viewers == 3)
        numbers, _, _ = await asyncio.to_thread(decode, server.port, "main")
        assert numbers["video"] >= 10
        assert recorder.rtsp_sessions == 1
        await server.stop()
        await asyncio.wait(playing, timeout=15)
        assert all(task.done() for task in playing)
        for task in playing:
            # FFmpeg takes the end of the connection for an error or for the end of the stream.
            assert task.exception() is None or isinstance(task.exception(), av.error.FFmpegError)
        await until(lambda: recorder.rtsp_sessions == 0)


async def test_one_more_session_than_the_recorder_has_is_453() -> None:
    options = RecorderOptions(channels=1, main=SMALL, sub=TINY, max_rtsp_sessions=1)
    async with recorder_behind_relay(options) as (recorder, server):
        async with RtspClient(server.port) as first, RtspClient(server.port) as second:
            assert (await first.play()).status == 200
            assert (await second.request("DESCRIBE", "/sub")).status == 453
            assert (await second.play("main")).status == 200
        await until(lambda: recorder.rtsp_sessions == 0)


@pytest.mark.parametrize("codec", ["H264", "H265"])
async def test_who_joins_late_decodes_a_key_frame_first_and_has_it_at_once(codec: str) -> None:
    main = StreamOptions(codec=codec, width=320, height=180, frame_rate=15)

    def first_frame(port: int) -> tuple[bool, int]:
        with opened(port, "main") as container:
            for frame in container.decode(video=0):
                return frame.key_frame, container.streams.video[0].codec_context.width
        return False, 0

    async with (
        recorder_behind_relay(RecorderOptions(channels=1, main=main, sub=TINY)) as (recorder, server),
        RtspClient(server.port) as viewer,
    ):
        await viewer.play()
        reading = asyncio.create_task(viewer.ended())
        for _ in range(4):
            # In the middle of a group: key frames come once a second.
            await asyncio.sleep(0.3)
            assert await asyncio.to_thread(first_frame, server.port) == (True, 320)
        assert recorder.rtsp_sessions_peak == 1
        reading.cancel()
        await asyncio.wait([reading])


@pytest.mark.parametrize(
    ("fault", "expected"), [("hang", 504), ("reset", 503), ("401", 503), ("500", 502), ("empty", 502), ("garbage", 502)]
)
async def test_a_faulty_recorder_is_an_error_and_then_forgiven(fault: str, expected: int) -> None:
    async with recorder_behind_relay(RecorderOptions(channels=1, main=SMALL, sub=TINY)) as (recorder, server):
        recorder.faults.rtsp = Fault(fault)
        async with RtspClient(server.port) as viewer:
            assert (await viewer.request("DESCRIBE", "/main")).status == expected
            recorder.faults.clear()
            if fault == "401":
                await asyncio.sleep(QUICK.login_retry_first)
            assert (await viewer.play()).status == 200
            assert len((await viewer.frame())[1]) > 12


async def test_a_recorder_that_comes_back_is_played_again() -> None:
    async with recorder_behind_relay(RecorderOptions(channels=1, main=SMALL, sub=TINY)) as (recorder, server):
        async with RtspClient(server.port) as viewer:
            await viewer.play()
            while (await viewer.frame())[0] != 0:
                pass
            await recorder.drop_rtsp_connections()
            await until(lambda: recorder.rtsp_sessions == 1)
            packets = [packet for channel, packet in [await viewer.frame() for _ in range(60)] if channel == 0]
            numbers = [int.from_bytes(packet[2:4]) for packet in packets]
            assert numbers == [(numbers[0] + index) % 65536 for index in range(len(numbers))]
            assert len({packet[8:12] for packet in packets}) == 1
        await recorder.stop()
        async with RtspClient(server.port) as viewer:
            assert (await viewer.request("DESCRIBE", "/main")).status == 503
        await recorder.start()
        numbers, _, _ = await asyncio.to_thread(decode, server.port, "main")
        assert numbers["video"] >= 10


async def test_a_session_outlives_the_recorders_timeout() -> None:
    options = RecorderOptions(channels=1, main=SMALL, sub=TINY, rtsp_session_timeout=2.0)
    async with recorder_behind_relay(options, Limits()) as (recorder, server), RtspClient(server.port) as viewer:
        await viewer.play()
        reading = asyncio.create_task(viewer.ended())
        await asyncio.sleep(4)
        assert recorder.rtsp_sessions == 1
        assert not reading.done()
        reading.cancel()
        await asyncio.wait([reading])


async def test_nothing_of_the_recorder_is_in_what_a_viewer_receives() -> None:
    options = RecorderOptions(channels=1, main=SMALL, sub=TINY, host="127.0.0.3")
    async with recorder_behind_relay(options) as (recorder, server), RtspClient(server.port) as viewer:
        assert (await viewer.play()).status == 200
        await until(lambda: recorder.requests["OPTIONS"] > 0)
        for _ in range(60):
            await viewer.frame()
        await viewer.request("PAUSE", "/main")
        await viewer.request("TEARDOWN", "/main")
        path = recorder.stream_uri(1).partition("//")[2].partition("/")[2].partition("?")[0]
        assert path
        for secret in ("127.0.0.3", f":{recorder.rtsp_port}", path, options.password, options.username):
            assert secret.encode() not in viewer.received
