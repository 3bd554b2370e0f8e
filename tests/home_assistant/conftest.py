"""A recorder, and an entry for it."""

from collections.abc import AsyncIterator, Awaitable, Callable

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import entry_for


@pytest.fixture(autouse=True)
def our_integration(enable_custom_integrations: None) -> None:
    """Let Home Assistant find the integration."""


@pytest.fixture
async def recorder() -> AsyncIterator[SimulatedRecorder]:
    """Run a recorder with two channels."""
    async with SimulatedRecorder(RecorderOptions(channels=2)) as running:
        yield running


@pytest.fixture
def set_up(hass: HomeAssistant) -> Callable[[MockConfigEntry], Awaitable[bool]]:
    """Set up an entry, and wait for its cameras and the first scan."""

    async def run(entry: MockConfigEntry) -> bool:
        entry.add_to_hass(hass)
        loaded = await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        return loaded

    return run


@pytest.fixture
async def entry(recorder: SimulatedRecorder, set_up: Callable[[MockConfigEntry], Awaitable[bool]]) -> MockConfigEntry:
    """An entry for the recorder, loaded."""
    made = entry_for(recorder)
    assert await set_up(made)
    return made
