"""Clients that come over a router are an issue of their recorder until they do so no more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from unittest.mock import patch

from homeassistant.const import EVENT_HOMEASSISTANT_STOP, SERVICE_TURN_OFF, SERVICE_TURN_ON
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.onvif_proxy import fleet as fleet_module
from custom_components.onvif_proxy.const import CONF_ADDRESS, CONF_ADDRESSING, DOMAIN, Addressing
from custom_components.onvif_proxy.interfaces import Interface, InterfaceAddress
from tests.simulated_nvr import SimulatedRecorder

from . import LOOPBACK, answers, entity_ids, entry_for, state_of
from .test_fleet import FakeWatch, read, switch

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]

ADDRESSES = ["127.0.0.2", "127.0.0.3"]


async def give_interfaces(hass: HomeAssistant, prefix_length: int) -> None:
    """Let the kernel have two macvlans; of a prefix of 32 bits their clients are all in other networks."""
    interfaces = [
        Interface(
            name=f"cam{number}",
            mac=f"02:00:00:00:00:0{number}",
            kind="macvlan",
            parent="eth0",
            up=True,
            alias=None,
            addresses=(InterfaceAddress(address=address, prefix_length=prefix_length),),
        )
        for number, address in enumerate(ADDRESSES, 1)
    ]
    FakeWatch.current.interfaces |= {one.name: one for one in interfaces}
    await FakeWatch.current.start()
    await hass.async_block_till_done()


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    """Pretend the kernel, again after a reload."""
    with patch.object(fleet_module, "InterfaceWatch", FakeWatch):
        yield


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp) -> MockConfigEntry:
    """An entry with two dedicated cameras, to which this test is a client of another network."""
    made = entry_for(recorder, **{CONF_ADDRESSING: Addressing.DEDICATED.value})
    assert await set_up(made)
    await give_interfaces(hass, 32)
    return made


def issues(hass: HomeAssistant) -> list[ir.IssueEntry]:
    """Return the issues that are there now, ignored or not."""
    return [one for (domain, _), one in ir.async_get(hass).issues.items() if domain == DOMAIN]


def placeholders(hass: HomeAssistant) -> dict[str, Any]:
    (issue,) = issues(hass)
    return dict(issue.translation_placeholders or {})


async def test_one_issue_names_the_clients_and_all_their_cameras(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await read(hass, entry, 0)
    assert placeholders(hass) == {"recorder": "Recorder", "clients": LOOPBACK, "cameras": "Channel 1"}
    await read(hass, entry, 1)
    assert placeholders(hass)["cameras"] == "Channel 1, Channel 2"
    (issue,) = issues(hass)
    assert (issue.translation_key, issue.severity) == ("foreign_clients", ir.IssueSeverity.WARNING)
    assert (issue.is_fixable, issue.is_persistent) == (False, False)


async def test_who_has_no_login_is_no_issue(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    for address in entity_ids(hass, entry, "_address"):
        assert await answers(state_of(hass, address))
    assert issues(hass) == []


async def test_clients_of_the_same_network_are_no_issue(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await give_interfaces(hass, 8)
    await read(hass, entry, 0)
    assert issues(hass) == []


async def test_with_shared_addressing_there_is_none(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    shared = entry_for(recorder, **{CONF_ADDRESS: ADDRESSES[0]})
    assert await set_up(shared)
    await give_interfaces(hass, 32)
    await read(hass, shared, 0)
    assert issues(hass) == []


async def test_it_goes_when_the_cameras_move_to_the_clients(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await read(hass, entry, 0)
    assert issues(hass)
    await give_interfaces(hass, 8)
    assert issues(hass) == []


async def test_it_goes_when_no_such_client_was_seen_for_long(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = next(iter(entry.runtime_data.fleet.cameras.values())).camera
    monkeypatch.setattr(camera._clients, "_memory", 0.0)
    actions = async_capture_events(hass, ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED)
    await read(hass, entry, 0)
    async with asyncio.timeout(5):
        while issues(hass):
            await asyncio.sleep(0.01)
    assert [event.data["action"] for event in actions][:2] == ["create", "remove"]


async def test_it_follows_names_switches_and_deleted_cameras(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await read(hass, entry, 0)
    await read(hass, entry, 1)
    first, second = entry.runtime_data.fleet.cameras.values()
    dr.async_get(hass).async_update_device(second.device_id, name_by_user="Gate")
    await hass.async_block_till_done()
    assert placeholders(hass)["cameras"] == "Channel 1, Gate"

    running = entity_ids(hass, entry, "_running")[0]
    await switch(hass, running, SERVICE_TURN_OFF)
    assert placeholders(hass)["cameras"] == "Gate"
    await switch(hass, running, SERVICE_TURN_ON)
    assert placeholders(hass)["cameras"] == "Gate"

    await recorder.remove_channel(2)
    await entry.runtime_data.coordinator.async_refresh()
    dr.async_get(hass).async_remove_device(second.device_id)
    await hass.async_block_till_done()
    assert issues(hass) == []
    assert first.camera.foreign_clients == frozenset()


@pytest.mark.parametrize("end", ["unload", "remove", "stop"])
async def test_it_goes_with_the_entry(hass: HomeAssistant, entry: MockConfigEntry, end: str) -> None:
    await read(hass, entry, 0)
    assert issues(hass)
    if end == "unload":
        await hass.config_entries.async_unload(entry.entry_id)
    elif end == "remove":
        await hass.config_entries.async_remove(entry.entry_id)
    else:
        hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert issues(hass) == []


async def test_what_the_user_ignores_stays_ignored_until_the_entry_is_removed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await read(hass, entry, 0)
    (issue,) = issues(hass)
    ir.async_ignore_issue(hass, DOMAIN, issue.issue_id, ignore=True)
    await give_interfaces(hass, 8)
    await give_interfaces(hass, 32)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await give_interfaces(hass, 32)
    await read(hass, entry, 1)
    assert placeholders(hass)["cameras"] == "Channel 2"
    assert issues(hass)[0].dismissed_version is not None

    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert issues(hass) == []


async def test_diagnostics_tell_no_whole_address(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    await read(hass, entry, 0)
    diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert [one["foreign_clients"] for one in diagnosis["cameras"]] == [["**REDACTED**.1"], []]
