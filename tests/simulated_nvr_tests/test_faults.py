"""Each fault does what its name says, and nothing after it is switched off."""

import asyncio

import aiohttp
from lxml import etree
import pytest

from tests.simulated_nvr import Fault, Faults, SimulatedRecorder

from .clients import RawRtsp, call, get, session_id

SCOPES = "<tds:GetScopes/>"


async def test_onvif_hangs_until_the_fault_ends(recorder: SimulatedRecorder) -> None:
    recorder.faults.onvif = "hang"
    waiting = asyncio.create_task(call(recorder, "device", SCOPES))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    recorder.faults.clear()
    with pytest.raises(aiohttp.ClientError):
        await waiting
    assert (await call(recorder, "device", SCOPES)).status == 200


async def test_onvif_resets(recorder: SimulatedRecorder) -> None:
    recorder.faults.onvif = "reset"
    with pytest.raises(aiohttp.ClientError):
        await call(recorder, "device", SCOPES)


@pytest.mark.parametrize(("kind", "status", "empty"), [("401", 401, False), ("500", 500, False), ("empty", 200, True)])
async def test_onvif_answers_wrongly(recorder: SimulatedRecorder, kind, status, empty) -> None:
    recorder.faults.onvif = kind
    answer = await call(recorder, "device", SCOPES)
    assert (answer.status, not answer.body) == (status, empty)
    recorder.faults.onvif = "none"
    assert (await call(recorder, "device", SCOPES)).status == 200


async def test_onvif_talks_garbage(recorder: SimulatedRecorder) -> None:
    recorder.faults.onvif = "garbage"
    answer = await call(recorder, "device", SCOPES)
    assert answer.status == 200
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(answer.body)


async def test_onvif_is_slow_but_right(recorder: SimulatedRecorder) -> None:
    recorder.faults.onvif = Fault("slow", seconds=0.3)
    begin = asyncio.get_running_loop().time()
    assert (await call(recorder, "device", SCOPES)).status == 200
    assert asyncio.get_running_loop().time() - begin >= 0.3


async def test_a_fault_can_be_limited_to_an_operation(recorder: SimulatedRecorder) -> None:
    recorder.faults.onvif = Fault("500", operation="GetProfiles")
    assert (await call(recorder, "device", SCOPES)).status == 200
    assert (await call(recorder, "media", "<trt:GetProfiles/>")).status == 500
    assert (await call(recorder, "media2", "<tr2:GetProfiles/>")).status == 500
    recorder.faults.onvif = Fault("500", operation="Media2.GetProfiles")
    assert (await call(recorder, "media", "<trt:GetProfiles/>")).status == 200
    assert (await call(recorder, "media2", "<tr2:GetProfiles/>")).status == 500


@pytest.mark.parametrize(
    ("kind", "status"), [("401", 401), ("500", 500), ("empty", 200), ("garbage", 200), ("slow", 200)]
)
async def test_snapshots_go_wrong(recorder: SimulatedRecorder, kind, status) -> None:
    recorder.faults.snapshot = Fault(kind, seconds=0.1)
    answer = await get(recorder.snapshot_uri(1), recorder.options.username, recorder.options.password)
    assert answer.status == status
    assert answer.body.startswith(b"\xff\xd8") == (kind == "slow")
    assert (await call(recorder, "device", SCOPES)).status == 200


@pytest.mark.parametrize("kind", ["hang", "reset"])
async def test_snapshots_never_come(recorder: SimulatedRecorder, kind) -> None:
    recorder.faults.snapshot = kind
    fetching = asyncio.create_task(get(recorder.snapshot_uri(1), recorder.options.username, recorder.options.password))
    done, _ = await asyncio.wait({fetching}, timeout=0.3)
    assert bool(done) == (kind == "reset")
    # What hangs is let go; aiohttp's client tries once more.
    recorder.faults.snapshot = "reset"
    with pytest.raises(aiohttp.ClientError):
        await fetching


@pytest.mark.parametrize(("kind", "status"), [("401", 401), ("500", 500), ("empty", 200), ("slow", 200)])
async def test_rtsp_answers_wrongly(recorder: SimulatedRecorder, kind, status) -> None:
    recorder.faults.rtsp = Fault(kind, operation="DESCRIBE", seconds=0.1)
    async with RawRtsp.connect(recorder) as client:
        answer = await client.request("DESCRIBE", recorder.stream_uri(1))
        assert answer.status == status
        assert bool(answer.body) == (kind == "slow")
        assert (await client.once("OPTIONS", recorder.stream_uri(1))).status == 200


async def test_rtsp_hangs(recorder: SimulatedRecorder) -> None:
    recorder.faults.rtsp = "hang"
    async with RawRtsp.connect(recorder) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.once("OPTIONS", recorder.stream_uri(1))
        recorder.faults.clear()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await client.answer()


async def test_rtsp_resets(recorder: SimulatedRecorder) -> None:
    recorder.faults.rtsp = "reset"
    async with RawRtsp.connect(recorder) as client:
        with pytest.raises(ConnectionResetError):
            await client.once("OPTIONS", recorder.stream_uri(1))


async def test_rtsp_talks_garbage(recorder: SimulatedRecorder) -> None:
    recorder.faults.rtsp = "garbage"
    async with RawRtsp.connect(recorder) as client:
        client.writer.write(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        assert not (await client.reader.read(100)).startswith(b"RTSP")


async def test_media_stalls_while_requests_are_answered(recorder: SimulatedRecorder) -> None:
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as client:
        session = session_id(await client.set_up(uri))
        await client.request("PLAY", uri, Session=session)
        await client.media(3)
        recorder.faults.rtsp = "stall"
        assert (await client.request("GET_PARAMETER", uri, Session=session)).status == 200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.media(1)
        recorder.faults.clear()
        await client.media(1)


async def test_a_cable_is_pulled(recorder: SimulatedRecorder) -> None:
    async with RawRtsp.connect(recorder) as client:
        await client.set_up(recorder.stream_uri(1))
        await recorder.drop_rtsp_connections()
        assert recorder.rtsp_sessions == 0
        with pytest.raises(ConnectionResetError):
            await client.answer()
    async with RawRtsp.connect(recorder) as client:
        assert (await client.set_up(recorder.stream_uri(1))).status == 200


@pytest.mark.parametrize(
    ("service", "kind"),
    [("onvif", "unknown"), ("telnet", "hang"), ("onvif", "stall"), ("events", "hang"), ("onvif", "no_end")],
)
def test_unknown_faults_are_refused(service, kind) -> None:
    with pytest.raises(ValueError):
        Faults().set(service, kind)
