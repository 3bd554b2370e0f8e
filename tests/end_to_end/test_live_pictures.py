"""A camera entity's live picture in a real Home Assistant, by HLS and by WebRTC: what it shows, and what it costs the recorder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
import os
from pathlib import Path
import shutil

import aiohttp
import av
import pytest

from tests.simulated_nvr import StreamOptions

from .browser import find_browser, logged_in_page
from .client import play
from .demo import LOOPBACK, Demo, start_demo
from .home_assistant import reserve_port

pytestmark = pytest.mark.timeout(180)
PICTURES = 30
START_SECONDS = 20.0
MAIN = StreamOptions(width=640, height=360)

GO2RTC = """
api: {{listen: "127.0.0.1:{api}"}}
rtsp: {{listen: ""}}
webrtc: {{listen: "127.0.0.1:{webrtc}/tcp", candidates: ["127.0.0.1:{webrtc}"], ice_servers: []}}
"""
"""Everything on loopback, and nobody else is asked for anything."""

WATCH = """
async ([entity, token, pictures]) => {
    const socket = new WebSocket(location.origin.replace('http', 'ws') + '/api/websocket');
    const peer = new RTCPeerConnection();
    const video = document.createElement('video');
    const heard = [];
    let session = null, waiting = [];
    video.muted = true;
    document.body.append(video);
    const say = (kind, more) => socket.send(JSON.stringify({id: ++say.id, type: kind, entity_id: entity, ...more}));
    say.id = 0;
    const offer_candidate = candidate => session === null ? waiting.push(candidate)
        : say('camera/webrtc/candidate', {session_id: session, candidate: candidate.toJSON()});
    peer.addTransceiver('video', {direction: 'recvonly'});
    peer.addTransceiver('audio', {direction: 'recvonly'});
    peer.onicecandidate = event => event.candidate && offer_candidate(event.candidate);
    peer.ontrack = event => {
        heard.push(event.track.kind);
        video.srcObject ??= new MediaStream();
        video.srcObject.addTrack(event.track);
        video.play();
    };
    return await new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error('no pictures: ' + peer.connectionState)), 30000);
        socket.onmessage = async message => {
            const said = JSON.parse(message.data);
            if (said.type === 'auth_required') socket.send(JSON.stringify({type: 'auth', access_token: token}));
            if (said.type === 'auth_ok') {
                await peer.setLocalDescription(await peer.createOffer());
                say('camera/webrtc/offer', {offer: peer.localDescription.sdp});
            }
            if (said.type === 'result' && !said.success) reject(new Error(said.error.message));
            if (said.type !== 'event') return;
            const event = said.event;
            if (event.type === 'session') { session = event.session_id; waiting.forEach(offer_candidate); }
            if (event.type === 'answer') await peer.setRemoteDescription({type: 'answer', sdp: event.answer});
            if (event.type === 'candidate') await peer.addIceCandidate(event.candidate);
            if (event.type === 'error') reject(new Error(event.message));
        };
        let shown = 0;
        const count = () => {
            if (++shown < pictures) { video.requestVideoFrameCallback(count); return; }
            resolve({shown, width: video.videoWidth, height: video.videoHeight, heard});
            peer.close();
            socket.close();
        };
        video.requestVideoFrameCallback(count);
    });
}
"""
"""Asks Home Assistant for the pictures of a camera as its frontend does, and resolves when so many were shown."""


async def viewers(demo: Demo, wanted: int) -> None:
    """Wait until the camera has so many viewers, and see that the recorder has one session for them."""
    await demo.home_assistant.wait_for_state(demo.cameras[0].entities["viewers"], str(wanted))
    assert demo.recorder.rtsp_sessions == 1
    assert demo.recorder.rtsp_sessions_peak == 1


def read_hls(url: str) -> tuple[int, tuple[int, int], set[str]]:
    """Fetch playlists and segments and decode them; returns number and size of the pictures, and the kinds of tracks."""
    pictures = 0
    with av.open(url, timeout=(START_SECONDS, START_SECONDS)) as container:
        video = container.streams.video[0]
        for _frame in container.decode(video):
            pictures += 1
            if pictures == PICTURES:
                break
        kinds = {stream.type for stream in container.streams}
        return pictures, (video.codec_context.width, video.codec_context.height), kinds


async def test_hls_and_a_client_share_the_recorders_session() -> None:
    async with AsyncExitStack() as stack:
        demo = await start_demo(stack, channels=1, port=None, vendor="hikvision", main=MAIN, audio="AAC")
        uri = (await demo.home_assistant.state(demo.cameras[0].entities["rtsp"]))["state"]
        client = asyncio.create_task(play(uri, demo.username, demo.password, seconds=15.0))
        await viewers(demo, 1)
        stream = await demo.home_assistant.command("camera/stream", entity_id=demo.cameras[0].entities["camera"])
        read = await asyncio.to_thread(read_hls, demo.home_assistant.url + stream["url"])
        assert read == (PICTURES, (640, 360), {"video", "audio"})
        await viewers(demo, 2)
        assert (await client).frames > PICTURES
        assert demo.home_assistant.complaints() == []


@asynccontextmanager
async def go2rtc(folder: Path) -> AsyncIterator[str]:
    """Run the go2rtc of this machine; yields the URL of its API."""
    if (program := shutil.which("go2rtc")) is None:
        pytest.skip("no go2rtc is on the PATH; it comes with Home Assistant's images, and from its own releases")
    with reserve_port() as api, reserve_port() as webrtc:
        ports = {"api": api.getsockname()[1], "webrtc": webrtc.getsockname()[1]}
        (folder / "go2rtc.yaml").write_text(GO2RTC.format(**ports))
        with (folder / "go2rtc.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(program, "-config", folder / "go2rtc.yaml"), cwd=folder, stdout=log, stderr=log, env=os.environ
            )
        try:
            url = f"http://{LOOPBACK}:{ports['api']}"
            await _answers(url)
            yield url
        finally:
            process.terminate()
            await process.wait()


async def _answers(url: str) -> None:
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/api") as response:
                    response.raise_for_status()
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


async def test_webrtc_in_a_browser_and_a_client_share_the_recorders_session(tmp_path: Path) -> None:
    if (browser := find_browser()) is None:
        pytest.skip("no Chromium is installed (on Debian: apt-get install chromium)")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(go2rtc(tmp_path))
        configuration = f"go2rtc:\n  url: {url}\n"
        demo = await start_demo(
            stack, channels=1, port=None, vendor="hikvision", main=MAIN, configuration=configuration
        )
        home_assistant, entity = demo.home_assistant, demo.cameras[0].entities["camera"]
        uri = (await home_assistant.state(demo.cameras[0].entities["rtsp"]))["state"]
        client = asyncio.create_task(play(uri, demo.username, demo.password, seconds=15.0))
        await viewers(demo, 1)
        assert (
            "web_rtc"
            in (await home_assistant.command("camera/capabilities", entity_id=entity))["frontend_stream_types"]
        )
        page = await stack.enter_async_context(logged_in_page(home_assistant, browser))
        await page.goto(home_assistant.url)
        watching = asyncio.create_task(
            page.evaluate(WATCH, [entity, home_assistant.tokens["access_token"], 4 * PICTURES])
        )
        await viewers(demo, 2)
        watched = await watching
        assert (watched["shown"], watched["width"], watched["height"]) == (4 * PICTURES, 640, 360)
        assert sorted(watched["heard"]) == ["audio", "video"]
        await viewers(demo, 1)
        assert (await client).frames > PICTURES
        assert home_assistant.complaints() == []
