"""The examples of automations in the docs: each one runs, with a camera that has the name they use."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
import re

from homeassistant.components import automation, persistent_notification
from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.onvif_proxy.logins import LoginProblem, LoginWay
from custom_components.onvif_proxy.relay.statistics import StreamReason
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import state_of, switch
from .test_files import ENGLISH
from .test_relay_sensors import until

TEXT = (Path(__file__).parents[2] / "docs" / "automations.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
NOBODY_AT_HOME, NO_PICTURE, WRONG_PASSWORD, STILL_IMAGE = EXAMPLES
CLIENT = "192.0.2.77"


@pytest.fixture
async def recorder() -> AsyncIterator[SimulatedRecorder]:
    """Run a recorder with the camera of the examples."""
    async with SimulatedRecorder(RecorderOptions(channels=1, names={1: "Front door"})) as running:
        yield running


@pytest.fixture
def automate(hass: HomeAssistant) -> Callable[[str], Awaitable[None]]:
    """Set an example up as an automation; it must be valid."""

    async def run(example: str) -> None:
        assert await async_setup_component(hass, persistent_notification.DOMAIN, {})
        assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: parse_yaml(example)})
        await hass.async_block_till_done()
        (made,) = hass.states.async_entity_ids(automation.DOMAIN)
        assert state_of(hass, made) == STATE_ON

    return run


def messages(hass: HomeAssistant) -> list[tuple[str | None, str]]:
    """Return title and text of what Home Assistant tells its users."""
    told = persistent_notification._async_get_or_create_notifications(hass).values()
    return [(one["title"], one["message"]) for one in told]


def test_entities_of_the_examples_are_there(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    used = set(re.findall(r"\b(?:binary_sensor|camera|event|sensor|switch)\.front_door\w*", TEXT))
    assert len(used) == 5
    assert used <= {one.entity_id for one in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)}


async def test_a_camera_runs_only_while_nobody_is_at_home(
    hass: HomeAssistant, entry: MockConfigEntry, automate: Callable[[str], Awaitable[None]]
) -> None:
    hass.states.async_set("zone.home", "0")
    await automate(NOBODY_AT_HOME)
    for people, state in (("2", STATE_OFF), ("1", STATE_OFF), ("0", STATE_ON)):
        hass.states.async_set("zone.home", people)
        await hass.async_block_till_done()
        assert state_of(hass, "switch.front_door_running") == state


async def test_a_lost_picture_is_told_with_its_reason(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    recorder: SimulatedRecorder,
    automate: Callable[[str], Awaitable[None]],
) -> None:
    await automate(NO_PICTURE)
    await recorder.stop()
    await switch(hass, "switch.front_door_keep_streams_open", "turn_on")
    await until(lambda: state_of(hass, "sensor.front_door_main_stream") == "retrying")
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=4))
    await hass.async_block_till_done()
    assert not messages(hass)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=6))
    await until(lambda: bool(messages(hass)))
    ((title, message),) = messages(hass)
    assert title == "Front door has no picture"
    reasons = ENGLISH["entity"]["sensor"]["main_stream"]["state_attributes"]["reason"]["state"]
    assert message == reasons[StreamReason.UNREACHABLE]


async def test_a_wrong_password_is_told_with_who_had_it(
    hass: HomeAssistant, entry: MockConfigEntry, automate: Callable[[str], Awaitable[None]]
) -> None:
    await automate(WRONG_PASSWORD)
    (camera,) = (one.camera for one in entry.runtime_data.fleet.cameras.values())
    camera.logins.failed(CLIENT, LoginWay.SOAP, LoginProblem.CLOCK_OFF, seconds_off=4000)
    await hass.async_block_till_done()
    assert not messages(hass)
    camera.logins.failed(CLIENT, LoginWay.SOAP, LoginProblem.WRONG_PASSWORD)
    await hass.async_block_till_done()
    assert messages(hass) == [("Somebody could not log in at the front door's camera", CLIENT)]


async def test_who_comes_is_kept_as_an_image(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    recorder: SimulatedRecorder,
    automate: Callable[[str], Awaitable[None]],
    tmp_path: Path,
) -> None:
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    await automate(STILL_IMAGE.replace("/media/", f"{tmp_path}/"))
    await until(lambda: state_of(hass, "binary_sensor.front_door_motion") == STATE_OFF)
    recorder.set_motion(1, True)
    await until(lambda: any(path.stat().st_size for path in tmp_path.glob("*.jpg")))
    (image,) = await asyncio.to_thread(lambda: [path.read_bytes() for path in tmp_path.iterdir()])
    assert image.startswith(b"\xff\xd8")
