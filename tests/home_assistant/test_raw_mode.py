"""Raw mode as a user switches it: viewers talk to the recorder itself, and Home Assistant goes on showing the picture."""

import asyncio
from collections.abc import Awaitable, Callable
import logging
from unittest.mock import patch

from homeassistant.components.camera import async_get_image, async_request_stream
from homeassistant.components.stream import Stream
from homeassistant.const import SERVICE_TURN_OFF, SERVICE_TURN_ON, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_registry import RegistryEntryDisabler
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.onvif_proxy.model import Credentials, StreamRole
from custom_components.onvif_proxy.nvr.media import MediaService
from custom_components.onvif_proxy.nvr.profiles import Profile
from custom_components.onvif_proxy.virtual_camera import VirtualCamera
from tests.end_to_end.client import play, read_camera
from tests.relay.rtsp_client import RtspClient
from tests.simulated_nvr import Fault, SimulatedRecorder

from . import CAMERA_PASSWORD, CAMERA_USERNAME, entity_ids, entry_for, state_of, switch

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp) -> MockConfigEntry:
    """An entry whose switches for raw mode somebody has enabled; also where another program had a port and left it."""
    made = entry_for(recorder)
    with patch.object(Entity, "entity_registry_enabled_default", True):
        assert await set_up(made)
    await run(hass, made)
    return made


async def run(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until the cameras run."""
    await until(lambda: {state_of(hass, one) for one in entity_ids(hass, entry, "_status")} == {"running"})


def camera_of(entry: MockConfigEntry) -> VirtualCamera:
    camera = next(iter(entry.runtime_data.fleet.cameras.values())).camera
    assert isinstance(camera, VirtualCamera)
    return camera


def rtsp_address(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    return state_of(hass, entity_ids(hass, entry, "_rtsp")[0])


def raw_switch(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    return entity_ids(hass, entry, "_raw")[0]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)


async def watched_streams(entry: MockConfigEntry) -> list[str]:
    """Return which stream each viewer of the first camera watches."""
    statistics = await camera_of(entry).relay_statistics()
    return [] if statistics is None else [viewer.stream for viewer in statistics.viewers]


async def end(stream: Stream) -> None:
    """Stop Home Assistant's stream."""
    for output in tuple(stream.outputs().values()):
        await stream.remove_provider(output)
    await stream.stop()


async def rescan(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()


async def test_clients_play_with_an_account_of_the_recorder_also_after_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    former = rtsp_address(hass, entry)
    await switch(hass, raw_switch(hass, entry), SERVICE_TURN_ON)
    path = recorder.stream_uri(1).partition(f":{recorder.rtsp_port}")[2]
    assert rtsp_address(hass, entry) == former.removesuffix("/main") + path
    for _ in range(2):
        onvif = state_of(hass, entity_ids(hass, entry, "_address")[0])
        read = await read_camera(f"http://{onvif}/onvif/device_service", CAMERA_USERNAME, CAMERA_PASSWORD)
        assert [one.stream_uri for one in read.profiles] == [
            rtsp_address(hass, entry),
            camera_of(entry).stream_uri(StreamRole.SUB),
        ]
        played = [
            await play(one.stream_uri, recorder.options.username, recorder.options.password, seconds=0.2)
            for one in read.profiles
        ]
        assert [(one.width, one.height) for one in played] == [(1280, 720), (640, 360)]
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        await run(hass, entry)
        assert [state_of(hass, one) for one in entity_ids(hass, entry, "_raw")] == [STATE_ON, STATE_OFF]
    await switch(hass, raw_switch(hass, entry), SERVICE_TURN_OFF)
    assert rtsp_address(hass, entry) == former
    assert (await play(former, CAMERA_USERNAME, CAMERA_PASSWORD, seconds=0.2)).frames


async def test_who_watches_is_sent_away_when_it_is_switched(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    endpoint = camera_of(entry).endpoint
    assert endpoint is not None
    async with RtspClient(endpoint.rtsp_port, Credentials(username=CAMERA_USERNAME, password=CAMERA_PASSWORD)) as one:
        await one.play()
        await switch(hass, raw_switch(hass, entry), SERVICE_TURN_ON)
        assert await one.ended()
    async with RtspClient(endpoint.rtsp_port, credentials=None) as other:
        assert (await other.ask("OPTIONS", "/")).status == 200
        await until(lambda: camera_of(entry).viewers == 1)
        await switch(hass, raw_switch(hass, entry), SERVICE_TURN_OFF)
        assert await other.ended()


async def test_home_assistant_shows_the_picture_without_showing_its_account(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    recorder: SimulatedRecorder,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("homeassistant.components.stream.STREAM_RESTART_INCREMENT", 0.2)
    caplog.set_level(logging.DEBUG)
    assert await async_setup_component(hass, "diagnostics", {})
    camera_id = entity_ids(hass, entry, "_camera")[0]
    playlist = await async_request_stream(hass, camera_id, "hls")
    stream = hass.data["camera"].get_entity(camera_id).stream
    assert (
        stream.source
        == f"rtsp://{CAMERA_USERNAME}:{CAMERA_PASSWORD}@{rtsp_address(hass, entry).removeprefix('rtsp://')}"
    )
    await until(lambda: camera_of(entry).viewers == 1)
    await switch(hass, raw_switch(hass, entry), SERVICE_TURN_ON)
    account = f"{recorder.options.username}:{recorder.options.password}@"
    assert stream.source == f"rtsp://{account}{rtsp_address(hass, entry).removeprefix('rtsp://')}"
    async with asyncio.timeout(30):
        while await watched_streams(entry) != ["raw"]:
            await asyncio.sleep(0.1)
    client = await hass_client()
    async with asyncio.timeout(30):
        while (answer := await client.get(playlist)).status != 200:
            await asyncio.sleep(0.2)
        assert "avc1" in await answer.text()
    assert (await async_get_image(hass, camera_id)).content.startswith(b"\xff\xd8")
    diagnosis = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    await end(stream)
    assert diagnosis["cameras"][0]["switches"]["raw"] is True
    assert [one["stream"] for one in diagnosis["cameras"][0]["video"]["viewers"]] == ["raw"]
    shown = [str(one.as_dict()) for one in hass.states.async_all()]
    for text in (str(diagnosis), caplog.text, *shown):
        assert recorder.options.password not in text


async def test_home_assistant_shows_a_picture_that_could_not_be_read_before(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeassistant.components.stream.STREAM_RESTART_INCREMENT", 0.5)
    camera_id = entity_ids(hass, entry, "_camera")[0]
    recorder.faults.rtsp = Fault("500", operation="DESCRIBE")
    await async_request_stream(hass, camera_id, "hls")
    stream = hass.data["camera"].get_entity(camera_id).stream
    await until(lambda: not stream.available)
    await switch(hass, raw_switch(hass, entry), SERVICE_TURN_ON)
    recorder.faults.rtsp = Fault()
    await until(lambda: recorder.rtsp_sessions == 1)
    await end(stream)


async def test_a_still_image_is_the_recorders_or_none(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await switch(hass, raw_switch(hass, entry), SERVICE_TURN_ON)
    recorder.faults.snapshot = "500"
    with pytest.raises(Exception, match="image"):
        await async_get_image(hass, entity_ids(hass, entry, "_camera")[0])
    assert recorder.rtsp_sessions_peak == 0


async def test_viewers_are_shown_and_of_streams_nothing_is_known(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await switch(hass, raw_switch(hass, entry), SERVICE_TURN_ON)
    endpoint = camera_of(entry).endpoint
    assert endpoint is not None
    async with RtspClient(endpoint.rtsp_port, credentials=None) as viewer:
        assert (await viewer.ask("OPTIONS", "/")).status == 200
        viewers = entity_ids(hass, entry, "_viewers")[0]
        await until(lambda: state_of(hass, viewers) == "1")
        state = hass.states.get(viewers)
        assert state is not None
        (watching,) = state.attributes["watching"]
        assert (watching["client"], watching["stream"], watching["transport"]) == ("127.0.0.1", "raw", "TCP")
        assert state_of(hass, entity_ids(hass, entry, "_main_stream")[0]) == "unknown"


class TestLoginInTheAddress:
    """Some recorders write user and password into the addresses of their streams."""

    @pytest.fixture
    def tell(self, recorder: SimulatedRecorder, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
        """Return what makes the recorder tell its login, or not, from the next scan on."""
        login = f"user={recorder.options.username}&password={recorder.options.password}"
        honest = MediaService.stream_uri

        async def with_login(media: MediaService, profile: Profile) -> str:
            return f"{await honest(media, profile)}&{login}"

        return lambda telling: monkeypatch.setattr(MediaService, "stream_uri", with_login if telling else honest)

    async def test_it_can_not_be_switched_on(
        self, hass: HomeAssistant, entry: MockConfigEntry, tell: Callable[[bool], None]
    ) -> None:
        tell(True)
        await rescan(hass, entry)
        with pytest.raises(ServiceValidationError) as raised:
            await switch(hass, raw_switch(hass, entry), SERVICE_TURN_ON)
        assert raised.value.translation_key == "raw_refused"
        assert state_of(hass, raw_switch(hass, entry)) == STATE_OFF
        assert rtsp_address(hass, entry).endswith("/main")

    async def test_it_ends_where_it_was_on_and_comes_back(
        self, hass: HomeAssistant, entry: MockConfigEntry, tell: Callable[[bool], None]
    ) -> None:
        await switch(hass, raw_switch(hass, entry), SERVICE_TURN_ON)
        honest = rtsp_address(hass, entry)
        tell(True)
        await rescan(hass, entry)
        status = hass.states.get(entity_ids(hass, entry, "_status")[0])
        assert status is not None
        assert (status.state, status.attributes["reason"]) == ("running", "raw_refused")
        assert rtsp_address(hass, entry).endswith("/main")
        assert (await play(rtsp_address(hass, entry), CAMERA_USERNAME, CAMERA_PASSWORD, seconds=0.2)).frames
        tell(False)
        await rescan(hass, entry)
        assert rtsp_address(hass, entry) == honest
        assert state_of(hass, raw_switch(hass, entry)) == STATE_ON


async def test_the_switch_is_there_for_who_enables_it(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    made = entry_for(recorder)
    assert await set_up(made)
    entities = [er.async_get(hass).async_get(one) for one in entity_ids(hass, made, "_raw")]
    assert [entity is not None and entity.disabled_by for entity in entities] == [RegistryEntryDisabler.INTEGRATION] * 2
