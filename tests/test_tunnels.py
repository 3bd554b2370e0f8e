"""RTSP over HTTP from the port of the web services to the relay process, as clients see it."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
import socket

import aiohttp
import av
import pytest

from custom_components.onvif_proxy.logins import LoginGuard
from custom_components.onvif_proxy.model import Credentials, TunnelHalf
from custom_components.onvif_proxy.relay.config import CameraConfig
from custom_components.onvif_proxy.relay.source import Source
from custom_components.onvif_proxy.relay_process import RelayProcess, ServedCamera
from custom_components.onvif_proxy.responder import OnvifServer
from tests.relay.conftest import until
from tests.relay.rtsp_client import VIEWER
from tests.responder.conftest import make_camera, make_description
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder, StreamOptions

SMALL = StreamOptions(width=320, height=180, frame_rate=15)
TINY = StreamOptions(width=160, height=90, frame_rate=10)
TUNNELLED = "application/x-rtsp-tunnelled"


@pytest.fixture
async def recorder() -> AsyncIterator[SimulatedRecorder]:
    async with SimulatedRecorder(RecorderOptions(channels=1, main=SMALL, sub=TINY)) as running:
        await running.prepare()
        yield running


@pytest.fixture
async def served(recorder: SimulatedRecorder) -> AsyncIterator[ServedCamera]:
    credentials = Credentials(username=recorder.options.username, password=recorder.options.password)
    config = CameraConfig(
        address="127.0.0.1",
        port=0,
        credentials=VIEWER,
        sources={"main": Source(uri=recorder.stream_uri(1, 0), credentials=credentials)},
    )
    camera = await RelayProcess().serve(config, logins=LoginGuard(), on_change=lambda: None)
    yield camera
    await camera.stop()


@pytest.fixture
async def server(served: ServedCamera) -> AsyncIterator[OnvifServer]:
    async with OnvifServer(make_description(), make_camera(), tunnels=served.take_tunnel) as running:
        yield running


def decode(url: str, options: dict[str, str]) -> Counter[str]:
    """Decode thirty pictures with FFmpeg; return the numbers of frames by kind."""
    numbers: Counter[str] = Counter()
    with av.open(url, options={"analyzeduration": "500000", **options}, timeout=10) as container:
        for packet in container.demux():
            numbers.update({packet.stream.type: len(packet.decode())})
            if numbers["video"] >= 30 and numbers["audio"]:
                break
    return numbers


async def test_ffmpeg_plays_over_http_and_gives_all_back(
    recorder: SimulatedRecorder, served: ServedCamera, server: OnvifServer
) -> None:
    url = f"rtsp://{VIEWER.username}:{VIEWER.password}@127.0.0.1:{server.port}/main"
    playing = asyncio.create_task(asyncio.to_thread(decode, url, {"rtsp_transport": "http"}))
    await until(lambda: served.viewers == 1, 10)
    (viewer,) = (await served.statistics()).viewers
    assert (viewer.transport, viewer.address) == ("HTTP", "127.0.0.1")
    numbers = await playing
    assert numbers["video"] >= 30
    assert numbers["audio"] > 0
    await until(lambda: served.viewers == 0)


async def test_web_services_go_on_beside_tunnels(served: ServedCamera, server: OnvifServer) -> None:
    url = f"http://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession() as session:
        headers = {"x-sessioncookie": "abc", "Accept": TUNNELLED}
        async with session.get(f"{url}/main", headers=headers) as ears:
            assert ears.status == 200
            assert ears.content_type == TUNNELLED
            said = base64.b64encode(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            _, mouth = await asyncio.open_connection("127.0.0.1", server.port)
            head = f"POST /main HTTP/1.0\r\nx-sessioncookie: abc\r\nContent-Type: {TUNNELLED}\r\n"
            mouth.write(head.encode() + b"Content-Length: 32767\r\n\r\n" + said)
            assert await ears.content.readline() == b"RTSP/1.0 200 OK\r\n"
            async with session.get(f"{url}/snapshot") as snapshot:
                assert snapshot.status == 401
            mouth.transport.abort()


async def test_without_a_relay_it_is_503(served: ServedCamera, server: OnvifServer) -> None:
    await served.stop()
    headers = {"x-sessioncookie": "abc", "Accept": TUNNELLED}
    url = f"http://127.0.0.1:{server.port}/main"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert response.status == 503
        assert response.headers["Server"] == "onvif_proxy"


async def test_a_camera_that_is_no_more_gets_no_tunnel(served: ServedCamera) -> None:
    other = await served.relays.serve(replace(served.config, port=0), logins=LoginGuard(), on_change=lambda: None)
    await served.stop()
    mine, theirs = socket.socketpair()
    with mine:
        with theirs:
            served.take_tunnel(TunnelHalf(cookie="abc", sending=False, client="127.0.0.1"), b"", theirs.fileno())
        assert await asyncio.to_thread(mine.recv, 10) == b""
    await other.stop()
