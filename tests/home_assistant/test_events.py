"""What cameras see, told by the recorder and by entities that were assigned, is seen by Home Assistant and by clients."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
import re
import statistics
import time
from typing import Any
from unittest.mock import patch

import aiohttp
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.onvif_proxy.const import CONF_EVENT_SOURCES
from custom_components.onvif_proxy.event_sources import async_references
from custom_components.onvif_proxy.model import EventKind, RecorderEvent
from custom_components.onvif_proxy.nvr import EventsNotSupported, OnvifDriver
from custom_components.onvif_proxy.responder.names import EVENTS_PATH
from tests.responder.envelopes import envelope, operation, security
from tests.simulated_nvr import SimulatedRecorder

from . import CAMERA_PASSWORD, CAMERA_USERNAME, entity_ids, entry_for, state_of
from .test_fleet import reaches, rescan

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]
type Report = Callable[[RecorderEvent], None]
PIR = "binary_sensor.pir"
BELL = "event.bell"
AT_ONCE_SECONDS = 0.2
"""From the recorder to the client, Home Assistant between them."""


class FakeListen:
    """The recorder's side of `listen`, to tell what no simulated recorder tells."""

    def __init__(self) -> None:
        self.report: Report = lambda _: None
        self.state: Callable[[bool], None] = lambda _: None
        self.refusal: Exception | None = None
        self.calls = 0
        self.cancelled = False

    async def __call__(self, on_event: Report, on_state: Callable[[bool], None]) -> None:
        self.calls += 1
        self.report, self.state = on_event, on_state
        if self.refusal is not None:
            raise self.refusal
        on_state(True)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


@pytest.fixture
async def listen() -> AsyncIterator[FakeListen]:
    """Stand in for what listens to the recorder."""
    fake = FakeListen()
    with patch.object(OnvifDriver, "listen", lambda _, on_event, on_state: fake(on_event, on_state)):
        yield fake


def token_of(entry: MockConfigEntry, number: int = 0) -> str:
    return list(entry.runtime_data.fleet.cameras)[number]


def event(entry: MockConfigEntry, kind: EventKind, active: bool = True, **changes: Any) -> RecorderEvent:
    return RecorderEvent(
        **{"channel": token_of(entry), "kind": kind, "active": active, "at": datetime.now(UTC)} | changes
    )


async def assign(
    hass: HomeAssistant, entry: MockConfigEntry, sources: dict[EventKind, list[str]], number: int = 0
) -> None:
    """Assign entities to a camera, as the options flow does."""
    references = {kind.value: async_references(hass, entities) for kind, entities in sources.items()}
    hass.config_entries.async_update_entry(
        entry, options=entry.options | {CONF_EVENT_SOURCES: {token_of(entry, number): references}}
    )
    await hass.async_block_till_done()


def seen(hass: HomeAssistant, entry: MockConfigEntry, kind: EventKind) -> list[str]:
    return [state_of(hass, one) for one in entity_ids(hass, entry, f"_{kind}") if not one.startswith("camera.")]


class PullPoint:
    """A client that waits for what the first camera tells."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address

    async def begin(self) -> None:
        made = await self._ask(f"http://{self._address}{EVENTS_PATH}", "tev:CreatePullPointSubscription", "")
        found = re.search(r"Address>\s*([^<\s]+)", made)
        assert found is not None
        self._at = found.group(1)

    async def pull(self) -> str:
        content = "<tev:Timeout>PT5S</tev:Timeout><tev:MessageLimit>100</tev:MessageLimit>"
        return await self._ask(self._at, "tev:PullMessages", content)

    async def _ask(self, url: str, name: str, content: str) -> str:
        login = security(username=CAMERA_USERNAME, password=CAMERA_PASSWORD)
        request = envelope(operation(name, content), login)
        async with self._session.post(url, data=request) as response:
            assert response.status == 200
            return await response.text()


async def test_motion_at_the_recorder_is_seen_at_that_camera_and_ends(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    sensors = entity_ids(hass, entry, "_motion")
    for one in sensors:
        await reaches(hass, one, STATE_OFF)
    recorder.set_motion(2, True)
    await reaches(hass, sensors[1], STATE_ON)
    assert state_of(hass, sensors[0]) == STATE_OFF
    recorder.set_motion(2, False)
    await reaches(hass, sensors[1], STATE_OFF)


async def test_a_recorder_that_goes_takes_what_it_saw_with_it(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    listen.report(event(entry, EventKind.MOTION))
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.MOTION) == [STATE_ON, STATE_OFF]
    listen.state(False)
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.MOTION) == [STATE_UNAVAILABLE] * 2
    assert not next(iter(entry.runtime_data.fleet.cameras.values())).camera.sees(EventKind.MOTION)
    listen.state(True)
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.MOTION) == [STATE_OFF] * 2


async def test_a_kind_that_the_recorder_had_not_announced_becomes_an_entity_and_stays(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    assert seen(hass, entry, EventKind.PERSON) == []
    listen.report(event(entry, EventKind.PERSON))
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.PERSON) == [STATE_ON]

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert seen(hass, entry, EventKind.PERSON) == [STATE_OFF]


async def test_a_ring_is_an_event(hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry) -> None:
    listen.report(event(entry, EventKind.DOORBELL, momentary=True))
    await hass.async_block_till_done()
    (bell,) = entity_ids(hass, entry, "_doorbell")
    state = hass.states.get(bell)
    assert (state.attributes["event_type"], state.attributes["device_class"]) == ("ring", "doorbell")
    assert datetime.now(UTC) - datetime.fromisoformat(state.state) < timedelta(seconds=5)


async def test_events_of_channels_that_are_no_cameras_are_counted_or_left_out(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    listen.report(event(entry, EventKind.MOTION, channel="elsewhere"))
    assert entry.runtime_data.coordinator.unknown_channel_events == 1
    token = token_of(entry)
    dr.async_get(hass).async_remove_device(entry.runtime_data.fleet.cameras[token].device_id)
    await hass.async_block_till_done()
    listen.report(event(entry, EventKind.MOTION, channel=token))
    assert entry.runtime_data.coordinator.unknown_channel_events == 1


async def test_listening_that_ended_begins_again_with_the_next_scan(
    hass: HomeAssistant, listen: FakeListen, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    listen.refusal = EventsNotSupported("no pull points")
    entry = entry_for(recorder)
    assert await set_up(entry)
    coordinator = entry.runtime_data.coordinator
    assert (listen.calls, coordinator.hears_events) == (1, False)
    assert coordinator.event_trouble is listen.refusal
    assert seen(hass, entry, EventKind.MOTION) == [STATE_UNAVAILABLE] * 2

    listen.refusal = None
    await rescan(hass, entry)
    assert (listen.calls, coordinator.hears_events, coordinator.event_trouble) == (2, True, None)
    assert seen(hass, entry, EventKind.MOTION) == [STATE_OFF] * 2
    await rescan(hass, entry)
    assert listen.calls == 2

    assert await hass.config_entries.async_unload(entry.entry_id)
    assert listen.cancelled
    assert not coordinator.hears_events


async def test_a_mistake_in_a_driver_costs_the_events_only(
    hass: HomeAssistant,
    listen: FakeListen,
    recorder: SimulatedRecorder,
    set_up: SetUp,
    caplog: pytest.LogCaptureFixture,
) -> None:
    listen.refusal = ZeroDivisionError()
    entry = entry_for(recorder)
    assert await set_up(entry)
    assert "Listening to Recorder has ended" in caplog.text
    assert [state_of(hass, one) for one in entity_ids(hass, entry, "_status")] == ["running", "running"]


async def test_an_assigned_sensor_is_seen_as_if_by_the_camera(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    hass.states.async_set(PIR, STATE_ON)
    await assign(hass, entry, {EventKind.PERSON: [PIR], EventKind.MOTION: [PIR]})
    assert seen(hass, entry, EventKind.PERSON) == [STATE_ON]
    assert state_of(hass, entity_ids(hass, entry, "_motion")[0]) == STATE_ON
    hass.states.async_set(PIR, STATE_OFF)
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.PERSON) == [STATE_OFF]
    for gone in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        hass.states.async_set(PIR, STATE_ON)
        await hass.async_block_till_done()
        assert seen(hass, entry, EventKind.PERSON) == [STATE_ON]
        hass.states.async_set(PIR, gone)
        await hass.async_block_till_done()
        assert seen(hass, entry, EventKind.PERSON) == [STATE_OFF]


async def test_two_sources_of_one_kind_are_one_until_both_end(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    hass.states.async_set(PIR, STATE_ON)
    await assign(hass, entry, {EventKind.MOTION: [PIR]})
    listen.report(event(entry, EventKind.MOTION))
    hass.states.async_set(PIR, STATE_OFF)
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.MOTION)[0] == STATE_ON
    listen.report(event(entry, EventKind.MOTION, active=False))
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.MOTION)[0] == STATE_OFF


async def test_assigned_entities_need_no_recorder(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await recorder.stop()
    hass.states.async_set(PIR, STATE_ON)
    await assign(hass, entry, {EventKind.ANIMAL: [PIR]})
    assert seen(hass, entry, EventKind.ANIMAL) == [STATE_ON]


async def test_a_renamed_entity_is_followed_and_a_deleted_one_is_left(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    registry = er.async_get(hass)
    known = registry.async_get_or_create("binary_sensor", "test", "pir", suggested_object_id="pir")
    hass.states.async_set(known.entity_id, STATE_OFF)
    await assign(hass, entry, {EventKind.VEHICLE: [known.entity_id]})
    hass.states.async_remove(known.entity_id)
    registry.async_update_entity(known.entity_id, new_entity_id="binary_sensor.gate", original_name="Gate")
    hass.states.async_set("binary_sensor.gate", STATE_ON)
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.VEHICLE) == [STATE_ON]

    registry.async_remove("binary_sensor.gate")
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.VEHICLE) == [STATE_OFF]

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert seen(hass, entry, EventKind.VEHICLE) == [STATE_OFF]

    hass.states.async_remove("binary_sensor.gate")
    again = registry.async_get_or_create("binary_sensor", "test", "pir", suggested_object_id="garden")
    assert again.id == known.id  # its integration was added again
    hass.states.async_set(again.entity_id, STATE_ON)
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.VEHICLE) == [STATE_ON]


async def test_an_event_entity_tells_what_happens_now_and_not_what_once_did(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    hass.states.async_set(BELL, "2026-01-01T00:00:00+00:00")
    await assign(hass, entry, {EventKind.DOORBELL: [BELL], EventKind.PERSON: [BELL]})
    (bell,) = entity_ids(hass, entry, "_doorbell")
    assert seen(hass, entry, EventKind.PERSON) == [STATE_OFF]
    for restored in (STATE_UNAVAILABLE, "2026-01-01T00:00:00+00:00", STATE_UNKNOWN):
        hass.states.async_set(BELL, restored)
        await hass.async_block_till_done()
        assert (state_of(hass, bell), seen(hass, entry, EventKind.PERSON)) == (STATE_UNKNOWN, [STATE_OFF])

    rung = datetime.now(UTC).isoformat()
    hass.states.async_set(BELL, rung)
    await hass.async_block_till_done()
    assert state_of(hass, bell) != STATE_UNKNOWN
    assert seen(hass, entry, EventKind.PERSON) == [STATE_ON]
    camera = next(iter(entry.runtime_data.fleet.cameras.values())).camera
    camera.forget_events(BELL)
    hass.states.async_set(BELL, rung, {"battery": 80})
    await hass.async_block_till_done()
    assert seen(hass, entry, EventKind.PERSON) == [STATE_OFF]


async def test_what_is_taken_away_ends_and_its_entity_goes(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    hass.states.async_set(PIR, STATE_ON)
    await assign(hass, entry, {EventKind.PERSON: [PIR], EventKind.MOTION: [PIR], EventKind.DOORBELL: [BELL]})
    await assign(hass, entry, {EventKind.PERSON: [], EventKind.MOTION: []})
    assert entity_ids(hass, entry, "_person") == entity_ids(hass, entry, "_doorbell") == []
    assert seen(hass, entry, EventKind.MOTION) == [STATE_OFF] * 2  # the recorder still tells motion

    await assign(hass, entry, {EventKind.PERSON: [PIR]})
    assert seen(hass, entry, EventKind.PERSON) == [STATE_ON]


async def test_what_stays_assigned_is_not_interrupted(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    known = er.async_get(hass).async_get_or_create("binary_sensor", "test", "pir", suggested_object_id="pir")
    hass.states.async_set(PIR, STATE_ON)
    await assign(hass, entry, {EventKind.PERSON: [PIR]})
    told: list[tuple[EventKind, bool]] = []
    fleet_camera = next(iter(entry.runtime_data.fleet.cameras.values()))
    fleet_camera.event_listeners.add(lambda kind, active: told.append((kind, active)))
    await assign(hass, entry, {EventKind.PERSON: [PIR], EventKind.ANIMAL: ["binary_sensor.other"]})
    er.async_get(hass).async_update_entity(known.entity_id, name="Another name")
    await hass.async_block_till_done()
    assert told == []
    assert seen(hass, entry, EventKind.PERSON) == [STATE_ON]


async def test_motion_at_the_recorder_reaches_a_waiting_client_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await reaches(hass, entity_ids(hass, entry, "_motion")[0], STATE_OFF)  # it is listened to
    took = []
    async with aiohttp.ClientSession() as session:
        client = PullPoint(session, state_of(hass, entity_ids(hass, entry, "_address")[0]))
        await client.begin()
        await client.pull()
        for active in (True, False) * 3:
            waiting = asyncio.create_task(client.pull())
            await asyncio.sleep(0.05)  # it has arrived
            began = time.monotonic()
            recorder.set_motion(1, active)
            told = await waiting
            took.append(time.monotonic() - began)
            assert f'Name="State" Value="{str(active).lower()}"' in told
    assert statistics.median(took) < AT_ONCE_SECONDS


async def test_a_crossed_line_at_the_recorder_reaches_a_waiting_client(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await reaches(hass, entity_ids(hass, entry, "_motion")[0], STATE_OFF)  # it is listened to
    async with aiohttp.ClientSession() as session:
        client = PullPoint(session, state_of(hass, entity_ids(hass, entry, "_address")[0]))
        await client.begin()
        assert "MotionAlarm" in await client.pull()
        waiting = asyncio.create_task(client.pull())
        recorder.set_event(1, "line_crossing", True)
        assert "LineCrossDetector" in await waiting
    await hass.async_block_till_done()
    (crossed, other) = entity_ids(hass, entry, "_line_crossing")
    assert hass.states.get(crossed).attributes["event_type"] == "crossed"
    assert state_of(hass, other) == STATE_UNKNOWN


async def test_other_sources_do_not_restart_cameras(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    cameras = [one.camera for one in entry.runtime_data.fleet.cameras.values()]
    servers = [(one._servers._server, one._servers._relay) for one in cameras]
    await assign(hass, entry, {EventKind.PERSON: [PIR]})
    assert [one.camera for one in entry.runtime_data.fleet.cameras.values()] == cameras
    assert [(one._servers._server, one._servers._relay) for one in cameras] == servers


async def test_an_unloaded_entry_watches_nothing(
    hass: HomeAssistant, listen: FakeListen, entry: MockConfigEntry
) -> None:
    await assign(hass, entry, {EventKind.PERSON: [PIR]})
    camera = next(iter(entry.runtime_data.fleet.cameras.values())).camera
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.states.async_set(PIR, STATE_ON)
    await hass.async_block_till_done()
    assert not camera.sees(EventKind.PERSON)
