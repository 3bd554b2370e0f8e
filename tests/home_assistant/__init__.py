"""The integration in Home Assistant's own test rig, with a recorder that is simulated and sockets that are real."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.onvif_proxy.const import (
    CONF_ADDRESS,
    CONF_ADDRESSING,
    CONF_CAMERA_PASSWORD,
    CONF_CAMERA_USERNAME,
    CONF_EXCLUDED_CHANNELS,
    DOMAIN,
    Addressing,
)
from tests.simulated_nvr import SimulatedRecorder

CAMERA_USERNAME = "onvif"
CAMERA_PASSWORD = "Adoption1"
LOOPBACK = "127.0.0.1"

type SetUp = Callable[..., Awaitable[MockConfigEntry]]


def entry_for(recorder: SimulatedRecorder, **changes: Any) -> MockConfigEntry:
    """Make the entry that the config flow would make for a recorder, in shared addressing."""
    options = recorder.options
    data = {
        CONF_HOST: recorder.host,
        CONF_PORT: recorder.port,
        CONF_USERNAME: options.username,
        CONF_PASSWORD: options.password,
        CONF_ADDRESSING: Addressing.SHARED.value,
        CONF_ADDRESS: LOOPBACK,
    }
    return MockConfigEntry(
        domain=DOMAIN,
        title="Recorder",
        unique_id=recorder.serial_number,
        data=data | changes,
        options={
            CONF_CAMERA_USERNAME: CAMERA_USERNAME,
            CONF_CAMERA_PASSWORD: CAMERA_PASSWORD,
            CONF_EXCLUDED_CHANNELS: [],
        },
    )


def entity_ids(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> list[str]:
    """Return the entity ids of a kind, in the order of the channels."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return [one.entity_id for one in sorted(entities, key=lambda one: one.unique_id) if one.unique_id.endswith(key)]


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    """Return the state of an entity that must be there."""
    state = hass.states.get(entity_id)
    assert state is not None, f"{entity_id} has no state"
    return state.state


async def switch(hass: HomeAssistant, entity_id: str, action: str) -> None:
    """Turn a switch, `turn_on` or `turn_off`, and wait for what follows, in the relay too."""
    await hass.services.async_call("switch", action, {"entity_id": entity_id}, blocking=True)
    await hass.async_block_till_done()
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        for one in entry.runtime_data.fleet.cameras.values():
            # It answers when it has done what it was told before.
            await one.camera.relay_statistics()


async def answers(address: str) -> bool:
    """Whether an ONVIF server answers at host:port, by the one operation that needs no login."""
    envelope = (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>'
        '<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/></e:Body></e:Envelope>'
    )
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"http://{address}/onvif/device_service", data=envelope) as response,
        ):
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False
