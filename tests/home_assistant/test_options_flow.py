"""Changing the cameras' login and the choice of channels."""

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.onvif_proxy.const import (
    CONF_CAMERA_PASSWORD,
    CONF_CAMERA_USERNAME,
    CONF_CHANNELS,
    CONF_EXCLUDED_CHANNELS,
)
from tests.end_to_end.client import read_camera
from tests.simulated_nvr import SimulatedRecorder

from . import CAMERA_PASSWORD, CAMERA_USERNAME, entity_ids, state_of


async def test_new_login_and_fewer_channels(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    keep, drop = entry.runtime_data.fleet.cameras
    flow = hass.config_entries.options
    step = await flow.async_init(entry.entry_id)
    step = await flow.async_configure(
        step["flow_id"],
        {CONF_CHANNELS: [], CONF_CAMERA_USERNAME: CAMERA_USERNAME, CONF_CAMERA_PASSWORD: CAMERA_PASSWORD},
    )
    assert step["errors"] == {"base": "no_channel_chosen"}
    step = await flow.async_configure(
        step["flow_id"], {CONF_CHANNELS: [keep], CONF_CAMERA_USERNAME: CAMERA_USERNAME, CONF_CAMERA_PASSWORD: "a b"}
    )
    assert step["errors"] == {CONF_CAMERA_PASSWORD: "bad_credential"}
    step = await flow.async_configure(
        step["flow_id"], {CONF_CHANNELS: [keep], CONF_CAMERA_USERNAME: "viewer", CONF_CAMERA_PASSWORD: "Another1"}
    )
    assert step["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)

    assert entry.options[CONF_EXCLUDED_CHANNELS] == [drop]
    assert list(entry.runtime_data.fleet.cameras) == [keep]
    address = state_of(hass, entity_ids(hass, entry, "_address")[0])
    xaddr = f"http://{address}/onvif/device_service"
    assert (await read_camera(xaddr, "viewer", "Another1")).profiles
    with pytest.raises(Exception, match=r"(?i)authori"):
        await read_camera(xaddr, CAMERA_USERNAME, CAMERA_PASSWORD)


async def test_a_channel_found_while_the_form_is_open_is_no_choice(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    flow = hass.config_entries.options
    step = await flow.async_init(entry.entry_id)
    listed = list(entry.runtime_data.fleet.cameras)
    recorder.add_channel()
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    login = {CONF_CAMERA_USERNAME: CAMERA_USERNAME, CONF_CAMERA_PASSWORD: CAMERA_PASSWORD}
    await flow.async_configure(step["flow_id"], login | {CONF_CHANNELS: listed})
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(entry.runtime_data.fleet.cameras) == 3


async def test_an_excluded_channel_that_is_away_stays_excluded(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, options=entry.options | {CONF_EXCLUDED_CHANNELS: ["away"]})
    flow = hass.config_entries.options
    step = await flow.async_init(entry.entry_id)
    step = await flow.async_configure(
        step["flow_id"],
        {
            CONF_CHANNELS: list(entry.runtime_data.fleet.cameras),
            CONF_CAMERA_USERNAME: CAMERA_USERNAME,
            CONF_CAMERA_PASSWORD: CAMERA_PASSWORD,
        },
    )
    assert step["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options[CONF_EXCLUDED_CHANNELS] == ["away"]
    await hass.async_block_till_done(wait_background_tasks=True)
