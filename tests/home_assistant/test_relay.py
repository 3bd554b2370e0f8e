"""The relay process behind the entries: one for all, there while a camera runs."""

import asyncio
from collections.abc import Awaitable, Callable
import os
from pathlib import Path
import signal

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.onvif_proxy.relay_process import RelayProcess
from tests.end_to_end.client import play
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import CAMERA_PASSWORD, CAMERA_USERNAME, entity_ids, entry_for, state_of

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]


def relays_of(entry: MockConfigEntry) -> RelayProcess:
    relays = entry.runtime_data.fleet.relays
    assert isinstance(relays, RelayProcess)
    return relays


def pid_of(entry: MockConfigEntry) -> int:
    pid = relays_of(entry).state.pid
    assert pid is not None
    return pid


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def reached(hass: HomeAssistant, entry: MockConfigEntry, *states: str) -> None:
    """Wait until the cameras are in these states."""
    async with asyncio.timeout(10):
        while [state_of(hass, one) for one in entity_ids(hass, entry, "_status")] != list(states):
            await asyncio.sleep(0.01)


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp) -> MockConfigEntry:
    """An entry whose cameras run, also where another program on this host was quicker at a port and left it."""
    made = entry_for(recorder)
    assert await set_up(made)
    await reached(hass, made, "running", "running")
    return made


async def test_all_entries_have_one_process_and_it_ends_with_the_last(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    async with SimulatedRecorder(RecorderOptions(channels=1, mac="02:00:5e:10:00:02")) as recorder:
        other = entry_for(recorder)
        assert await set_up(other)
        await reached(hass, other, "running")
        pid = pid_of(entry)
        assert pid_of(other) == pid
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert pid_of(other) == pid
        await reached(hass, other, "running")
        assert await hass.config_entries.async_unload(other.entry_id)
        assert not is_alive(pid)


async def test_it_is_there_again_after_a_reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    former = pid_of(entry)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await reached(hass, entry, "running", "running")
    assert not is_alive(former)
    assert is_alive(pid_of(entry))


async def test_stopping_home_assistant_leaves_no_process(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    pid = pid_of(entry)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert not is_alive(pid)


async def test_a_killed_one_is_replaced_and_the_cameras_play_at_the_same_ports(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    addresses = [state_of(hass, one) for one in entity_ids(hass, entry, "_rtsp")]
    pid = pid_of(entry)
    states: list[str] = []
    hass.bus.async_listen("state_changed", lambda event: states.append(event.data["new_state"].state))
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while relays_of(entry).state.pid in (None, pid):
            await asyncio.sleep(0.01)
    await hass.async_block_till_done()
    assert "error" not in states
    assert [state_of(hass, one) for one in entity_ids(hass, entry, "_rtsp")] == addresses
    assert (await play(addresses[0], CAMERA_USERNAME, CAMERA_PASSWORD)).frames


async def test_one_that_does_not_come_back_is_shown_and_so_is_that_it_did(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    relays = relays_of(entry)
    relays._grace_seconds = 0.05
    relays._restart_seconds = (0.5,)
    os.kill(pid_of(entry), signal.SIGKILL)
    await reached(hass, entry, "error", "error")
    status = hass.states.get(entity_ids(hass, entry, "_status")[0])
    assert status is not None
    assert status.attributes["reason"] == "relay_down"
    await reached(hass, entry, "running", "running")
