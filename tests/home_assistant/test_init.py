"""The life of an entry: set up, retried, unloaded, reloaded, removed."""

from collections.abc import Awaitable, Callable
import gc

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import CONF_PASSWORD, EVENT_HOMEASSISTANT_STOP, STATE_OFF, STATE_ON
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.onvif_proxy import async_remove_config_entry_device
from custom_components.onvif_proxy.const import DOMAIN
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import answers, entity_ids, entry_for, state_of

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]


def addresses(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    return [state_of(hass, entity_id) for entity_id in entity_ids(hass, entry, "_address")]


async def test_cameras_run_after_setup(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert entry.state is ConfigEntryState.LOADED
    assert [state_of(hass, one) for one in entity_ids(hass, entry, "_status")] == ["running", "running"]
    assert all([await answers(address) for address in addresses(hass, entry)])


async def test_cameras_wait_for_home_assistant_to_start(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    hass.set_state(CoreState.starting)
    entry = entry_for(recorder)
    assert await set_up(entry)
    statuses = entity_ids(hass, entry, "_status")
    assert {state_of(hass, one) for one in statuses} == {"stopped"}

    hass.set_state(CoreState.running)
    hass.bus.async_fire("homeassistant_started")
    await hass.async_block_till_done()
    assert {state_of(hass, one) for one in statuses} == {"running"}


async def test_each_camera_is_a_device_behind_the_recorder(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    registry = dr.async_get(hass)
    nvr = registry.async_get_device_by_identifier((DOMAIN, recorder.serial_number), entry.entry_id)
    assert nvr is not None
    cameras = [one for one in dr.async_entries_for_config_entry(registry, entry.entry_id) if one.id != nvr.id]
    assert len(cameras) == 2
    assert {one.via_device_id for one in cameras} == {nvr.id}
    assert len({one.serial_number for one in cameras}) == 2
    assert len({frozenset(one.connections) for one in cameras}) == 2


async def test_unload_frees_the_ports_and_reload_binds_the_same(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    before = addresses(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert not any([await answers(address) for address in before])

    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert addresses(hass, entry) == before

    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert addresses(hass, entry) == before
    assert all([await answers(address) for address in before])


async def test_stopping_home_assistant_stops_the_cameras(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    before = addresses(hass, entry)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert not any([await answers(address) for address in before])


async def test_removal_leaves_no_socket_and_adding_again_gives_the_same_cameras(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    def identities() -> list[tuple[str | None, frozenset[tuple[str, str]]]]:
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        return sorted((one.serial_number or "", one.connections) for one in devices)

    before, seen = addresses(hass, entry), identities()
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    gc.collect()
    assert not any([await answers(address) for address in before])

    entry = entry_for(recorder)
    assert await set_up(entry)
    assert addresses(hass, entry) == before
    assert identities() == seen


async def test_a_recorder_that_was_never_scanned_is_retried(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    entry = entry_for(recorder)
    await recorder.stop()
    assert not await set_up(entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await hass.config_entries.async_remove(entry.entry_id)


async def test_a_restart_with_a_recorder_that_answers_logs_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    ours = "custom_components.onvif_proxy"
    assert [one for one in caplog.records if one.name.startswith(ours) and one.levelname != "DEBUG"] == []
    assert state_of(hass, entity_ids(hass, entry, "_connectivity")[0]) == STATE_ON


async def test_known_cameras_run_while_the_recorder_is_off(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    await recorder.stop()
    caplog.clear()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)

    assert entry.state is ConfigEntryState.LOADED
    assert [state_of(hass, one) for one in entity_ids(hass, entry, "_status")] == ["running", "running"]
    assert state_of(hass, entity_ids(hass, entry, "_connectivity")[0]) == STATE_OFF
    assert [state_of(hass, one) for one in entity_ids(hass, entry, "_camera")] == ["unavailable", "unavailable"]
    assert [state_of(hass, one) for one in entity_ids(hass, entry, "_running")] == [STATE_ON, STATE_ON]
    assert [one.levelname for one in caplog.records if "fetching Recorder data:" in one.message] == [
        "ERROR"
    ]  # once, not at every try


async def test_a_refused_login_asks_for_a_new_one(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    entry = entry_for(recorder, **{CONF_PASSWORD: "wrong"})
    assert not await set_up(entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]


async def test_another_recorder_at_the_address_moves_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    port = recorder.port
    await recorder.stop()
    async with SimulatedRecorder(RecorderOptions(channels=1, port=port, serial_number="ANOTHER")):
        await entry.runtime_data.coordinator.async_refresh()
        await hass.async_block_till_done()
    assert not entry.runtime_data.coordinator.last_update_success
    assert len(entity_ids(hass, entry, "_status")) == 2


async def test_only_a_vanished_channel_can_be_deleted(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    registry = dr.async_get(hass)
    tokens = list(entry.runtime_data.fleet.cameras)
    devices = [
        registry.async_get_device_by_identifier((DOMAIN, identifier), entry.entry_id)
        for identifier in (recorder.serial_number, *(f"{recorder.serial_number}_{token}" for token in tokens))
    ]
    await recorder.remove_channel(2)
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    assert [
        await async_remove_config_entry_device(hass, entry, device) for device in devices if device is not None
    ] == [False, False, True]
