"""Streams of the recorder as a user uses and chooses them: one session for all, still images, sound, kept open."""

import asyncio
from collections.abc import Awaitable, Callable
import io
from typing import override

import aiohttp
from homeassistant.components.camera import (
    Camera,
    CameraWebRTCProvider,
    StreamType,
    WebRTCSendMessage,
    async_get_image,
    async_register_webrtc_provider,
    async_request_stream,
)
from homeassistant.const import SERVICE_TURN_OFF, SERVICE_TURN_ON, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant, callback
from homeassistant.setup import async_setup_component
from PIL import Image
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from webrtc_models import RTCIceCandidateInit

from custom_components.onvif_proxy.const import CONF_KEEP_SECONDS
from custom_components.onvif_proxy.model import Credentials
from tests.end_to_end.client import fetch_snapshot, read_camera
from tests.relay.rtsp_client import RtspClient
from tests.responder.envelopes import envelope, operation, security
from tests.simulated_nvr import Fault, RecorderOptions, SimulatedRecorder

from . import CAMERA_PASSWORD, CAMERA_USERNAME, entity_ids, entry_for, state_of, switch

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]

CREDENTIALS = Credentials(username=CAMERA_USERNAME, password=CAMERA_PASSWORD)
MAIN_SIZE = (1280, 720)


def viewer_of(entry: MockConfigEntry, number: int = 0) -> RtspClient:
    camera = list(entry.runtime_data.fleet.cameras.values())[number].camera
    return RtspClient(camera.endpoint.rtsp_port, CREDENTIALS)


def size_of(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        return image.size


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)


async def reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_a_viewer_and_home_assistant_are_one_session_at_the_recorder(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    async with viewer_of(entry) as viewer:
        await viewer.play()
        camera_id = entity_ids(hass, entry, "_camera")[0]
        playlist = await async_request_stream(hass, camera_id, "hls")
        client = await hass_client()
        async with asyncio.timeout(30):
            while (answer := await client.get(playlist)).status != 200:
                await asyncio.sleep(0.2)
            master = await answer.text()
            assert "avc1" in master
            media = playlist.replace("master_playlist", "playlist")
            while "segment/" not in await (await client.get(media)).text():
                await asyncio.sleep(0.2)
        camera = next(iter(entry.runtime_data.fleet.cameras.values())).camera
        assert camera.viewers == 2
        assert recorder.rtsp_sessions_peak == 1
        stream = hass.data["camera"].get_entity(camera_id).stream
        for output in tuple(stream.outputs().values()):
            await stream.remove_provider(output)
        await stream.stop()


class WebRtc(CameraWebRTCProvider):
    """Makes WebRTC of every RTSP stream."""

    @property
    @override
    def domain(self) -> str:
        return "webrtc_of_rtsp"

    @callback
    @override
    def async_is_supported(self, stream_source: str) -> bool:
        return stream_source.startswith("rtsp://")

    @override
    async def async_handle_async_webrtc_offer(
        self, camera: Camera, offer_sdp: str, session_id: str, send_message: WebRTCSendMessage
    ) -> None:
        raise NotImplementedError

    @override
    async def async_on_webrtc_candidate(self, session_id: str, candidate: RTCIceCandidateInit) -> None:
        raise NotImplementedError


async def test_webrtc_is_offered_whenever_the_camera_runs(hass: HomeAssistant, set_up: SetUp, recorder) -> None:
    assert await async_setup_component(hass, "camera", {})
    async_register_webrtc_provider(hass, WebRtc())
    entry = entry_for(recorder)
    assert await set_up(entry)
    camera = hass.data["camera"].get_entity(entity_ids(hass, entry, "_camera")[0])
    assert StreamType.WEB_RTC in camera.camera_capabilities.frontend_stream_types
    running = entity_ids(hass, entry, "_running")[0]
    await switch(hass, running, SERVICE_TURN_OFF)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert StreamType.WEB_RTC not in camera.camera_capabilities.frontend_stream_types
    await switch(hass, running, SERVICE_TURN_ON)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert StreamType.WEB_RTC in camera.camera_capabilities.frontend_stream_types


class TestStillImages:
    async def test_without_one_of_the_recorders_it_is_a_picture_of_the_main_stream(
        self, hass: HomeAssistant, set_up: SetUp
    ) -> None:
        async with SimulatedRecorder(RecorderOptions(channels=1)) as recorder:
            recorder.faults.onvif = Fault("500", operation="GetSnapshotUri")
            entry = entry_for(recorder)
            assert await set_up(entry)
            (fleet_camera,) = entry.runtime_data.fleet.cameras.values()
            assert fleet_camera.camera.channel.snapshot_uri is None
            address = state_of(hass, entity_ids(hass, entry, "_address")[0])
            onvif = await read_camera(f"http://{address}/onvif/device_service", CAMERA_USERNAME, CAMERA_PASSWORD)
            picture = await fetch_snapshot(onvif.profiles[0].snapshot_uri, CAMERA_USERNAME, CAMERA_PASSWORD)
            assert size_of(picture) == MAIN_SIZE
            shown = await async_get_image(hass, entity_ids(hass, entry, "_camera")[0])
            assert size_of(shown.content) == MAIN_SIZE
            assert recorder.rtsp_sessions_peak == 1
            await hass.config_entries.async_unload(entry.entry_id)

    async def test_one_that_the_recorder_fails_to_give_comes_from_the_stream_that_is_watched(
        self, hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
    ) -> None:
        recorder.faults.snapshot = "500"
        async with viewer_of(entry) as viewer:
            await viewer.play()
            image = await async_get_image(hass, entity_ids(hass, entry, "_camera")[0])
            assert size_of(image.content) == MAIN_SIZE
            assert recorder.rtsp_sessions_peak == 1


async def test_streams_are_kept_open_where_that_is_switched_on(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    switches = entity_ids(hass, entry, "_always_on")
    assert [state_of(hass, one) for one in switches] == [STATE_OFF, STATE_OFF]
    await switch(hass, switches[0], SERVICE_TURN_ON)
    await until(lambda: recorder.rtsp_sessions == 2)  # main and sub of one camera
    await reload(hass, entry)
    assert [state_of(hass, one) for one in switches] == [STATE_ON, STATE_OFF]
    await until(lambda: recorder.rtsp_sessions == 2)
    hass.config_entries.async_update_entry(entry, options=entry.options | {CONF_KEEP_SECONDS: 0})
    await switch(hass, switches[0], SERVICE_TURN_OFF)
    await until(lambda: recorder.rtsp_sessions == 0)


async def asked(hass: HomeAssistant, entry: MockConfigEntry, name: str) -> str:
    """Return what the media service of the first camera answers."""
    address = state_of(hass, entity_ids(hass, entry, "_address")[0])
    request = envelope(operation(f"trt:{name}"), security(username=CAMERA_USERNAME, password=CAMERA_PASSWORD))
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{address}/onvif/media_service", data=request) as response,
    ):
        assert response.status == 200
        return await response.text()


async def test_sound_is_left_out_where_it_is_switched_off(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    switches = entity_ids(hass, entry, "_audio")

    async def has_sound() -> tuple[bool, bool]:
        """Tell whether the camera says so, and whether its stream has some."""
        described = "AudioSources " in await asked(hass, entry, "GetAudioSources")
        async with viewer_of(entry) as viewer:
            return described, b"m=audio" in (await viewer.request("DESCRIBE", "/main")).body

    assert await has_sound() == (True, True)
    async with viewer_of(entry) as viewer:
        await viewer.play()
        await switch(hass, switches[0], SERVICE_TURN_OFF)
        assert await viewer.ended()
    assert await has_sound() == (False, False)
    await reload(hass, entry)
    assert [state_of(hass, one) for one in switches] == [STATE_OFF, STATE_ON]
    assert await has_sound() == (False, False)
    await switch(hass, switches[0], SERVICE_TURN_ON)
    assert await has_sound() == (True, True)


async def test_a_camera_with_a_loudspeaker_says_so_and_can_be_talked_to(hass: HomeAssistant, set_up: SetUp) -> None:
    sound = bytes((0x80, 0)) + bytes(10) + b"hello"
    required = "Require: www.onvif.org/ver20/backchannel"

    async def says_so(entry: MockConfigEntry) -> tuple[bool, bool]:
        outputs = "AudioOutputs " in await asked(hass, entry, "GetAudioOutputs")
        return outputs, "AudioDecoderConfiguration " in await asked(hass, entry, "GetProfiles")

    async with SimulatedRecorder(RecorderOptions(channels=1, loudspeakers=(1,))) as recorder:
        entry = entry_for(recorder)
        assert await set_up(entry)
        assert await says_so(entry) == (True, True)
        async with viewer_of(entry) as viewer:
            described = await viewer.request("DESCRIBE", "/main", required)
            assert b"a=sendonly" in described.body
            transport = "Transport: RTP/AVP/TCP;unicast;interleaved=4-5"
            assert (await viewer.request("SETUP", "/main/trackID=3", transport, required)).status == 200
            assert (await viewer.request("PLAY", "/main/", required)).status == 200
            viewer.send(b"$\x04" + len(sound).to_bytes(2) + sound)
            await until(lambda: recorder.heard(1) == [sound])
        await switch(hass, entity_ids(hass, entry, "_audio")[0], SERVICE_TURN_OFF)
        assert await says_so(entry) == (False, False)
        async with viewer_of(entry) as viewer:
            assert (await viewer.request("DESCRIBE", "/main", required)).status == 551
        await hass.config_entries.async_unload(entry.entry_id)
