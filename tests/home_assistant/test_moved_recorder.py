"""A recorder with a new address is found again, by its MAC and serial number, and by nothing less."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from homeassistant.config_entries import SOURCE_DHCP, SOURCE_REAUTH
from homeassistant.const import CONF_HOST, STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.loader import async_get_dhcp
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.onvif_proxy.const import DOMAIN
from custom_components.onvif_proxy.coordinator import MOST_LOOKS
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import LOOPBACK, answers, entity_ids, entry_for, state_of

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]
NEW_ADDRESS = "127.0.0.2"


@pytest.fixture
async def recorder() -> AsyncIterator[SimulatedRecorder]:
    """Run a recorder whose ports stay the same."""
    async with SimulatedRecorder(RecorderOptions(channels=1)) as running:
        yield running


def at_new_address(recorder: SimulatedRecorder, **changes: str) -> SimulatedRecorder:
    """Return the recorder as it is after a move."""
    return SimulatedRecorder(replace(recorder.options, host=NEW_ADDRESS, port=recorder.port, **changes))


async def see(hass: HomeAssistant, mac: str, address: str = NEW_ADDRESS) -> None:
    """Have Home Assistant see an address in DHCP."""
    info = DhcpServiceInfo(ip=address, hostname="", macaddress=mac.replace(":", ""))
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_DHCP}, data=info)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    await hass.async_block_till_done(wait_background_tasks=True)


async def scan(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Have the recorder scanned, as every five minutes."""
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)


def connected(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    return state_of(hass, entity_ids(hass, entry, "_connectivity")[0])


async def test_home_assistant_tells_where_macs_of_our_devices_are(hass: HomeAssistant) -> None:
    assert {"domain": DOMAIN, "registered_devices": True} in await async_get_dhcp(hass)


async def test_a_recorder_that_moved_is_followed(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    address = state_of(hass, entity_ids(hass, entry, "_address")[0])
    await recorder.stop()
    async with at_new_address(recorder):
        await see(hass, recorder.options.mac)
        assert entry.data[CONF_HOST] == NEW_ADDRESS
        assert connected(hass, entry) == STATE_ON
        assert state_of(hass, entity_ids(hass, entry, "_address")[0]) == address
        assert await answers(address)


async def test_a_recorder_that_is_slow_to_start_is_found_by_a_later_scan(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await recorder.stop()
    await see(hass, recorder.options.mac)
    assert (entry.data[CONF_HOST], connected(hass, entry)) == (LOOPBACK, STATE_OFF)
    async with at_new_address(recorder):
        await scan(hass, entry)
        assert (entry.data[CONF_HOST], connected(hass, entry)) == (NEW_ADDRESS, STATE_ON)


async def test_nobody_is_asked_for_a_login_while_there_is_another_place_to_look(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await recorder.stop()
    async with SimulatedRecorder(replace(recorder.options, port=recorder.port, password="another")):
        await see(hass, recorder.options.mac)
        assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        for _ in range(MOST_LOOKS - 1):
            await scan(hass, entry)
        (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        assert flow["context"]["source"] == SOURCE_REAUTH
        async with at_new_address(recorder):
            await scan(hass, entry)
    assert entry.data[CONF_HOST] == LOOPBACK


async def test_one_that_answers_where_it_was_is_not_moved(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    async with at_new_address(recorder):
        await see(hass, recorder.options.mac)
    assert (entry.data[CONF_HOST], connected(hass, entry)) == (LOOPBACK, STATE_ON)


@pytest.mark.parametrize("changes", [{"serial_number": "ANOTHER"}, {"password": "another"}])
async def test_another_one_is_not_followed_and_not_asked_again(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder, changes: dict[str, str]
) -> None:
    await recorder.stop()
    async with at_new_address(recorder, **changes):
        await see(hass, recorder.options.mac)
    assert (entry.data[CONF_HOST], connected(hass, entry)) == (LOOPBACK, STATE_OFF)
    async with at_new_address(recorder):
        await scan(hass, entry)
        assert entry.data[CONF_HOST] == LOOPBACK
        await see(hass, recorder.options.mac)
        await scan(hass, entry)
        assert entry.data[CONF_HOST] == NEW_ADDRESS


@pytest.mark.parametrize("changes", [{"serial_number": "ANOTHER"}, {"password": "another"}])
async def test_it_is_followed_where_another_device_has_its_former_address(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder, changes: dict[str, str]
) -> None:
    await recorder.stop()
    former = replace(recorder.options, port=recorder.port, **changes)
    async with SimulatedRecorder(former), at_new_address(recorder):
        await see(hass, recorder.options.mac)
        assert (entry.data[CONF_HOST], connected(hass, entry)) == (NEW_ADDRESS, STATE_ON)
        assert not hass.config_entries.flow.async_progress_by_handler(DOMAIN)


async def test_a_name_is_kept(hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp) -> None:
    entry = entry_for(recorder, **{CONF_HOST: "localhost"})
    assert await set_up(entry)
    await recorder.stop()
    async with at_new_address(recorder):
        await see(hass, recorder.options.mac)
        await scan(hass, entry)
    assert (entry.data[CONF_HOST], connected(hass, entry)) == ("localhost", STATE_OFF)


async def test_what_was_seen_is_forgotten_when_it_is_back(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await recorder.stop()
    await see(hass, recorder.options.mac)
    await see(hass, recorder.options.mac, LOOPBACK)
    async with at_new_address(recorder):
        await scan(hass, entry)
    assert entry.data[CONF_HOST] == LOOPBACK


async def test_other_macs_mean_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await recorder.stop()
    async with at_new_address(recorder):
        await see(hass, "02:00:5e:10:00:99")
        await scan(hass, entry)
    assert entry.data[CONF_HOST] == LOOPBACK
