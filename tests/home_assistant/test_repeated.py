"""What is done again when asked."""

import asyncio
from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.onvif_proxy.const import DOMAIN
from custom_components.onvif_proxy.repeated import Repeated


class Work:
    """Takes until it is let go, and counts."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Not done yet."""
        self.hass = hass
        self.begun = self.ended = 0
        self.go = asyncio.Event()
        self.fails = False
        entry = MockConfigEntry(domain=DOMAIN)
        entry.add_to_hass(hass)
        self.repeated = Repeated(hass, entry, self._run)

    async def _run(self) -> None:
        self.begun += 1
        assert self.begun == self.ended + 1, "twice at once"
        await self.go.wait()
        self.ended += 1
        if self.fails:
            raise RuntimeError("a defect")

    async def pass_time(self, seconds: float) -> None:
        """Let timers see that it is later."""
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.fixture
async def work(hass: HomeAssistant) -> Work:
    """Return some."""
    return Work(hass)


async def test_however_often_it_is_asked_for_meanwhile_it_is_done_once_more(hass: HomeAssistant, work: Work) -> None:
    for _ in range(100):
        work.repeated.async_soon()
    assert (work.begun, work.ended) == (1, 0)
    work.go.set()
    await hass.async_block_till_done()
    assert work.ended == 2
    work.repeated.async_soon()
    await hass.async_block_till_done()
    assert work.ended == 3


async def test_later_is_counted_from_the_end_of_what_is_done(hass: HomeAssistant, work: Work) -> None:
    work.repeated.async_soon()
    work.repeated.async_later(30)
    await work.pass_time(60)
    work.go.set()
    await hass.async_block_till_done()
    assert work.ended == 1
    await work.pass_time(29)
    assert work.begun == 1
    await work.pass_time(31)
    await hass.async_block_till_done()
    assert work.ended == 2


async def test_sooner_is_taken_for_later(hass: HomeAssistant, work: Work) -> None:
    work.go.set()
    work.repeated.async_later(30)
    work.repeated.async_soon()
    await hass.async_block_till_done()
    await work.pass_time(31)
    await hass.async_block_till_done()
    assert work.ended == 1


async def test_a_time_that_is_set_stays(hass: HomeAssistant, work: Work) -> None:
    work.go.set()
    work.repeated.async_later(30)
    work.repeated.async_later(60)
    await work.pass_time(31)
    await hass.async_block_till_done()
    assert work.ended == 1
    await work.pass_time(61)
    await hass.async_block_till_done()
    assert work.ended == 1


async def test_a_failure_is_no_end(hass: HomeAssistant, work: Work) -> None:
    work.go.set()
    work.fails = True
    work.repeated._running = True
    work.repeated.async_later(30)
    with pytest.raises(RuntimeError, match="a defect"):
        await work.repeated._async_do()
    work.fails = False
    await work.pass_time(31)
    await hass.async_block_till_done()
    assert work.ended == 2


async def test_once_stopped_nothing_is_begun(hass: HomeAssistant, work: Work) -> None:
    work.repeated.async_later(30)
    work.repeated.async_stop()
    work.repeated.async_soon()
    await work.pass_time(31)
    assert work.begun == 0


async def test_what_is_done_when_it_is_stopped_goes_on_to_its_end(hass: HomeAssistant, work: Work) -> None:
    work.repeated.async_soon()
    work.repeated.async_soon()
    work.repeated.async_stop()
    work.go.set()
    await hass.async_block_till_done()
    assert (work.begun, work.ended) == (1, 1)
