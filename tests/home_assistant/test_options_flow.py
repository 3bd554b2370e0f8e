"""Changing the choice of channels, the cameras' login and streams, what tells them of events, and what clients may switch."""

from typing import Any

import aiohttp
from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.onvif_proxy.const import (
    CONF_CAMERA_PASSWORD,
    CONF_CAMERA_USERNAME,
    CONF_CHANNELS,
    CONF_CLIENTS_SWITCH_RELAYS,
    CONF_EVENT_SOURCES,
    CONF_EXCLUDED_CHANNELS,
    CONF_KEEP_SECONDS,
    CONF_NO_AUTHENTICATION,
)
from custom_components.onvif_proxy.options_flow import CONF_CAMERA, CONF_EVERYBODY
from custom_components.onvif_proxy.store import async_get_store
from tests.end_to_end.client import read_camera
from tests.responder.envelopes import envelope, operation
from tests.simulated_nvr import SimulatedRecorder

from . import CAMERA_PASSWORD, CAMERA_USERNAME, entity_ids, state_of

LOGIN = {CONF_CAMERA_USERNAME: CAMERA_USERNAME, CONF_CAMERA_PASSWORD: CAMERA_PASSWORD, CONF_NO_AUTHENTICATION: False}
PIR = "binary_sensor.pir"


async def begin(hass: HomeAssistant, entry: MockConfigEntry, subject: str) -> ConfigFlowResult:
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    assert menu["type"] is FlowResultType.MENU
    return await submit(hass, menu, {"next_step_id": subject})


async def submit(hass: HomeAssistant, step: ConfigFlowResult, answer: dict[str, Any]) -> ConfigFlowResult:
    return await hass.config_entries.options.async_configure(step["flow_id"], answer)


async def done(hass: HomeAssistant, step: ConfigFlowResult) -> None:
    assert step["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)


def cameras(entry: MockConfigEntry) -> list[Any]:
    return [one.camera for one in entry.runtime_data.fleet.cameras.values()]


def suggested(step: ConfigFlowResult) -> dict[str, Any]:
    assert step["data_schema"] is not None
    fields = [key for key in step["data_schema"].schema if key.description]
    return {str(key): key.description["suggested_value"] for key in fields}


def xaddr(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    return f"http://{state_of(hass, entity_ids(hass, entry, '_address')[0])}/onvif/device_service"


async def status_without_login(xaddr: str) -> int:
    request = envelope(operation("tds:GetDeviceInformation"))
    async with aiohttp.ClientSession() as session, session.post(xaddr, data=request) as response:
        return response.status


async def stream_source(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    source = await hass.data["camera"].get_entity(entity_ids(hass, entry, "_camera")[0]).stream_source()
    assert isinstance(source, str)
    return source


async def test_fewer_channels(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    keep, drop = entry.runtime_data.fleet.cameras
    step = await begin(hass, entry, "channels")
    step = await submit(hass, step, {CONF_CHANNELS: []})
    assert step["errors"] == {"base": "no_channel_chosen"}
    await done(hass, await submit(hass, step, {CONF_CHANNELS: [keep]}))
    assert entry.options[CONF_EXCLUDED_CHANNELS] == [drop]
    assert list(entry.runtime_data.fleet.cameras) == [keep]


async def test_a_channel_found_while_the_form_is_open_is_no_choice(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    step = await begin(hass, entry, "channels")
    listed = list(entry.runtime_data.fleet.cameras)
    recorder.add_channel()
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    await done(hass, await submit(hass, step, {CONF_CHANNELS: listed}))
    assert len(entry.runtime_data.fleet.cameras) == 3


async def test_an_excluded_channel_that_is_away_stays_excluded(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, options=entry.options | {CONF_EXCLUDED_CHANNELS: ["away"]})
    step = await begin(hass, entry, "channels")
    await done(hass, await submit(hass, step, {CONF_CHANNELS: list(entry.runtime_data.fleet.cameras)}))
    assert entry.options[CONF_EXCLUDED_CHANNELS] == ["away"]


async def test_a_new_login_applies_at_once_and_restarts_nothing(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    servers = [(one._servers._server, one._servers._relay) for one in cameras(entry)]
    step = await begin(hass, entry, "login")
    assert suggested(step) == LOGIN
    step = await submit(hass, step, LOGIN | {CONF_CAMERA_PASSWORD: "a b"})
    assert step["errors"] == {CONF_CAMERA_PASSWORD: "bad_credential"}
    await done(
        hass, await submit(hass, step, LOGIN | {CONF_CAMERA_USERNAME: "viewer", CONF_CAMERA_PASSWORD: "Another1"})
    )

    assert [(one._servers._server, one._servers._relay) for one in cameras(entry)] == servers
    assert (await read_camera(xaddr(hass, entry), "viewer", "Another1")).profiles
    with pytest.raises(Exception, match=r"(?i)authori"):
        await read_camera(xaddr(hass, entry), CAMERA_USERNAME, CAMERA_PASSWORD)
    stored = (await async_get_store(hass)).recorder(entry.unique_id or "").credentials
    assert stored is not None
    assert stored.username == "viewer"


async def test_no_login_is_asked_for_only_after_a_warning(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await status_without_login(xaddr(hass, entry)) == 401
    for confirmed, status in ((False, 401), (True, 200)):
        step = await begin(hass, entry, "login")
        step = await submit(hass, step, LOGIN | {CONF_NO_AUTHENTICATION: True})
        assert step["step_id"] == "no_authentication"
        await done(hass, await submit(hass, step, {CONF_EVERYBODY: confirmed}))
        assert await status_without_login(xaddr(hass, entry)) == status
    assert "@" not in await stream_source(hass, entry)

    step = await begin(hass, entry, "login")
    assert suggested(step) == LOGIN | {CONF_NO_AUTHENTICATION: True}
    step = await submit(hass, step, suggested(step))  # it was confirmed before
    await done(hass, step)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert await status_without_login(xaddr(hass, entry)) == 200

    await done(hass, await submit(hass, await begin(hass, entry, "login"), LOGIN))
    assert await status_without_login(xaddr(hass, entry)) == 401
    assert CAMERA_PASSWORD in await stream_source(hass, entry)


async def test_how_long_streams_are_kept_applies_at_once_and_restarts_nothing(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    relays = [one._servers._relay for one in cameras(entry)]
    assert [relay.config.options.keep_seconds for relay in relays] == [10.0, 10.0]
    step = await begin(hass, entry, "streams")
    assert suggested(step) == {CONF_KEEP_SECONDS: 10.0}
    with pytest.raises(InvalidData):
        await submit(hass, step, {CONF_KEEP_SECONDS: -1})
    await done(hass, await submit(hass, step, {CONF_KEEP_SECONDS: 90}))
    assert [one._servers._relay for one in cameras(entry)] == relays
    assert [relay.config.options.keep_seconds for relay in relays] == [90, 90]
    assert suggested(await begin(hass, entry, "streams")) == {CONF_KEEP_SECONDS: 90}


async def test_entities_are_assigned_to_one_camera(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    known = er.async_get(hass).async_get_or_create("binary_sensor", "test", "pir", suggested_object_id="pir")
    device = next(iter(entry.runtime_data.fleet.cameras.values())).device_id
    dr.async_get(hass).async_update_device(device, name_by_user="Porch")
    first, second = entry.runtime_data.fleet.cameras

    async def sources(token: str) -> ConfigFlowResult:
        step = await begin(hass, entry, "choose_camera")
        assert step["data_schema"] is not None
        choices = step["data_schema"].schema[CONF_CAMERA].config["options"]
        assert [choice["label"] for choice in choices] == ["Porch", "Channel 2"]
        return await submit(hass, step, {CONF_CAMERA: token})

    step = await sources(first)
    assert step["description_placeholders"] == {"camera": "Porch"}
    with pytest.raises(InvalidData):  # a camera that is told by itself would never come to an end
        await submit(hass, step, {"motion": entity_ids(hass, entry, "_motion")[:1]})
    await done(hass, await submit(hass, step, {"person": [PIR], "doorbell": ["event.bell"], "animal": []}))
    await done(hass, await submit(hass, await sources(second), {"face": [PIR]}))
    assert entry.options[CONF_EVENT_SOURCES] == {
        first: {"person": [known.id], "doorbell": ["event.bell"]},
        second: {"face": [known.id]},
    }
    assert len(entity_ids(hass, entry, "_person")) == len(entity_ids(hass, entry, "_doorbell")) == 1

    er.async_get(hass).async_update_entity(PIR, new_entity_id="binary_sensor.gate")
    assert suggested(await sources(first)) == {"person": ["binary_sensor.gate"], "doorbell": ["event.bell"]}
    er.async_get(hass).async_remove("binary_sensor.gate")
    step = await sources(first)
    assert suggested(step) == {"person": [], "doorbell": ["event.bell"]}
    await done(hass, await submit(hass, step, {}))
    assert entry.options[CONF_EVENT_SOURCES] == {second: {"face": [known.id]}}


async def test_a_camera_whose_device_was_deleted_is_not_offered(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    gone, kept = entry.runtime_data.fleet.cameras.values()
    await recorder.remove_channel(1)
    await entry.runtime_data.coordinator.async_refresh()
    dr.async_get(hass).async_remove_device(gone.device_id)
    await hass.async_block_till_done()
    step = await begin(hass, entry, "choose_camera")
    assert step["data_schema"] is not None
    choices = step["data_schema"].schema[CONF_CAMERA].config["options"]
    assert [choice["value"] for choice in choices] == [kept.token]


async def test_clients_switch_relay_outputs_only_where_that_is_allowed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    for allowed in (True, False):
        step = await begin(hass, entry, "relay_outputs")
        assert step["description_placeholders"] == {"count": "2"}
        assert ["relays" in camera.can_steer for camera in cameras(entry)] == [not allowed] * 2
        await done(hass, await submit(hass, step, {CONF_CLIENTS_SWITCH_RELAYS: allowed}))
        assert ["relays" in camera.can_steer for camera in cameras(entry)] == [allowed] * 2
