"""Who watches, and how the streams fare, as a user sees it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay.statistics import StreamReason
from custom_components.onvif_proxy.relay_coordinator import INTERVAL
from custom_components.onvif_proxy.relay_sensors import RelaySensor, _kilobits
from custom_components.onvif_proxy.virtual_camera import VirtualCamera
from tests.relay.rtsp_client import RtspClient
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import CAMERA_PASSWORD, CAMERA_USERNAME, LOOPBACK, entity_ids, entry_for, state_of, switch
from .test_fleet import rescan

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]

CREDENTIALS = Credentials(username=CAMERA_USERNAME, password=CAMERA_PASSWORD)


def viewer_of(entry: MockConfigEntry, number: int = 0) -> RtspClient:
    camera = list(entry.runtime_data.fleet.cameras.values())[number].camera
    return RtspClient(camera.endpoint.rtsp_port, CREDENTIALS)


def states(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> list[str]:
    return [state_of(hass, one) for one in entity_ids(hass, entry, key)]


def attributes(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> Mapping[str, Any]:
    state = hass.states.get(entity_ids(hass, entry, key)[0])
    assert state is not None
    return state.attributes


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.02)


async def look(hass: HomeAssistant) -> None:
    """Let the time of the next look come."""
    async_fire_time_changed(hass, dt_util.utcnow() + INTERVAL + timedelta(seconds=1))
    await hass.async_block_till_done()


async def test_who_watches_which_stream_is_seen_while_they_do(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await until(lambda: states(hass, entry, "_viewers") == ["0", "0"])
    assert states(hass, entry, "_main_stream") == ["idle", "idle"]
    async with viewer_of(entry) as viewer:
        await viewer.play()
        await until(lambda: states(hass, entry, "_viewers") == ["1", "0"])
        assert states(hass, entry, "_main_stream") == ["live", "idle"]
        assert states(hass, entry, "_sub_stream") == ["idle", "idle"]
        (watching,) = attributes(hass, entry, "_viewers")["watching"]
        assert (watching["client"], watching["stream"], watching["transport"]) == (LOOPBACK, "main", "TCP")
        assert dt_util.utcnow() - datetime.fromisoformat(watching["since"]) < timedelta(seconds=30)
    await until(lambda: states(hass, entry, "_viewers") == ["0", "0"])
    assert attributes(hass, entry, "_viewers")["watching"] == []


def test_who_watches_is_kept_out_of_the_database() -> None:
    assert RelaySensor._unrecorded_attributes == {"watching"}


@pytest.fixture
def rare_ones_enabled() -> Iterator[None]:
    """Let entities that are disabled at first be there."""
    with patch.object(Entity, "entity_registry_enabled_default", True):
        yield


@pytest.mark.usefixtures("rare_ones_enabled")
async def test_rates_and_counts_are_those_of_the_stream(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    async with viewer_of(entry) as viewer:
        await viewer.play()
        await until(lambda: states(hass, entry, "_viewers") == ["1", "0"])
        await asyncio.sleep(1.0)
        await look(hass)
        await until(lambda: float(states(hass, entry, "_main_bit_rate")[0]) > 0)
        # The recorder sends 15 a second, in bursts on a busy machine.
        assert 5 <= float(states(hass, entry, "_main_frame_rate")[0]) <= 45
    assert states(hass, entry, "_sub_bit_rate") == ["0.0", "0.0"]
    assert states(hass, entry, "_reconnects") == states(hass, entry, "_dropped_groups") == ["0", "0"]


async def test_what_is_rarely_wanted_is_disabled(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    shown = [one for key in ("_viewers", "_main_stream", "_sub_stream") for one in entity_ids(hass, entry, key)]
    assert all(hass.states.get(one) for one in shown)
    rare = ("_main_bit_rate", "_sub_bit_rate", "_main_frame_rate", "_sub_frame_rate", "_reconnects", "_dropped_groups")
    assert [len(entity_ids(hass, entry, key)) for key in rare] == [2] * len(rare)
    assert not any(hass.states.get(one) for key in rare for one in entity_ids(hass, entry, key))


async def test_a_channel_without_a_sub_stream_has_no_sensors_of_one(hass: HomeAssistant, set_up: SetUp) -> None:
    async with SimulatedRecorder(RecorderOptions(channels=1, sub=None)) as recorder:
        entry = entry_for(recorder)
        assert await set_up(entry)
        assert len(entity_ids(hass, entry, "_main_stream")) == 1
        assert entity_ids(hass, entry, "_sub_stream") == []
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("rare_ones_enabled")
async def test_the_sensors_of_a_sub_stream_come_and_go_with_it(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    keys = ("_sub_stream", "_sub_bit_rate", "_sub_frame_rate")
    ids = {key: entity_ids(hass, entry, key) for key in keys}
    others = entity_ids(hass, entry, "_main_stream")
    assert [len(found) for found in ids.values()] == [2, 2, 2]
    er.async_get(hass).async_update_entity(ids["_sub_stream"][0], name="Little picture")

    recorder.set_sub_stream(1, False)
    await rescan(hass, entry)
    assert {key: entity_ids(hass, entry, key) for key in keys} == {key: found[1:] for key, found in ids.items()}
    assert not any(hass.states.get(found[0]) for found in ids.values())
    assert entity_ids(hass, entry, "_main_stream") == others

    recorder.set_sub_stream(1, True)
    await rescan(hass, entry)
    assert {key: entity_ids(hass, entry, key) for key in keys} == ids
    await until(lambda: states(hass, entry, "_sub_stream") == ["idle", "idle"])
    shown = hass.states.get(ids["_sub_stream"][0])
    assert shown is not None
    assert shown.name.endswith("Little picture")


async def test_a_sub_stream_that_is_switched_on_later_is_shown_at_once(hass: HomeAssistant, set_up: SetUp) -> None:
    async with SimulatedRecorder(RecorderOptions(channels=1)) as recorder:
        recorder.set_sub_stream(1, False)
        entry = entry_for(recorder)
        assert await set_up(entry)
        assert entity_ids(hass, entry, "_sub_stream") == []
        recorder.set_sub_stream(1, True)
        await rescan(hass, entry)
        await until(lambda: states(hass, entry, "_sub_stream") == ["idle"])
        await hass.config_entries.async_unload(entry.entry_id)


async def test_sensors_of_a_sub_stream_that_went_while_nobody_looked_are_gone(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    recorder.set_sub_stream(2, False)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(entity_ids(hass, entry, "_sub_stream")) == 1
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(entity_ids(hass, entry, "_sub_stream")) == 1
    assert len(entity_ids(hass, entry, "_main_stream")) == 2


async def test_why_a_stream_is_not_there_is_said(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await recorder.stop()
    await switch(hass, entity_ids(hass, entry, "_always_on")[0], "turn_on")
    await until(lambda: states(hass, entry, "_main_stream") == ["retrying", "idle"])
    await until(lambda: attributes(hass, entry, "_main_stream")["reason"] == StreamReason.UNREACHABLE)


async def test_a_camera_that_does_not_run_has_none(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await switch(hass, entity_ids(hass, entry, "_running")[0], "turn_off")
    await until(lambda: states(hass, entry, "_viewers") == [STATE_UNAVAILABLE, "0"])
    await switch(hass, entity_ids(hass, entry, "_running")[0], "turn_on")
    await until(lambda: states(hass, entry, "_viewers") == ["0", "0"])


async def test_cameras_that_nobody_watches_are_not_asked_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await until(lambda: states(hass, entry, "_viewers") == ["0", "0"])
    with patch.object(VirtualCamera, "relay_statistics", autospec=True) as ask:
        await look(hass)
        assert ask.call_count == 0
    async with viewer_of(entry, 1) as viewer:
        await viewer.play()
        await until(lambda: states(hass, entry, "_viewers") == ["0", "1"])
        camera = list(entry.runtime_data.fleet.cameras.values())[1].camera
        with patch.object(
            VirtualCamera, "relay_statistics", autospec=True, side_effect=VirtualCamera.relay_statistics
        ) as ask:
            with patch.object(RelaySensor, "async_write_ha_state", autospec=True) as write:
                await look(hass)
                await until(lambda: write.called)
            assert {call.args[0] for call in ask.call_args_list} == {camera}
            assert {call.args[0]._camera for call in write.call_args_list} == {camera}


@pytest.mark.parametrize(
    ("bit_rate", "kilobits"), [(0, 0), (499, 0), (1_600, 2), (64_400, 64), (4_187_000, 4200), (12_560_000, 13000)]
)
def test_a_bit_rate_has_two_digits_that_count(bit_rate: float, kilobits: float) -> None:
    assert _kilobits(bit_rate) == kilobits
