"""What a downloaded diagnosis tells a developer, and that it tells nobody anything else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
import os
import signal
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.onvif_proxy.const import (
    CONF_CAMERA_PASSWORD,
    CONF_CAMERA_USERNAME,
    CONF_EVENT_SOURCES,
    CONF_EXCLUDED_CHANNELS,
    DOMAIN,
)
from custom_components.onvif_proxy.diagnostics import uri_shape
from custom_components.onvif_proxy.logins import LoginProblem, LoginWay
from custom_components.onvif_proxy.model import PtzAbilities
from custom_components.onvif_proxy.nvr import EventsNotSupported, OnvifDriver, RecorderRefused
from tests.end_to_end.client import play
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import LOOPBACK, entity_ids, entry_for

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]

HOST = "127.0.0.2"
USERNAME, PASSWORD = "watchman", "p/ss wörd&1"
CAMERA_USERNAME, CAMERA_PASSWORD = "adopter", "Adoption2026"
SERIAL_NUMBER = "DS7616-Abc-0815"
MAC = "02:00:5e:10:00:aa"
IDLE = {
    "state": "idle",
    "trouble": None,
    "bit_rate": 0.0,
    "frame_rate": 0.0,
    "reconnects": 0,
    "dropped_groups": 0,
    "bytes": 0,
}
"""A stream that nobody has watched yet."""


@pytest.fixture
async def recorder() -> AsyncIterator[SimulatedRecorder]:
    """Run a recorder that repeats what it should keep to itself, in its name tags and in the names of its channels."""
    options = RecorderOptions(
        channels=2,
        host=HOST,
        username=USERNAME,
        password=PASSWORD,
        serial_number=SERIAL_NUMBER,
        mac=MAC,
        manufacturer=f"NVR of {USERNAME}",
        model=f"Model {SERIAL_NUMBER.lower()}",
        firmware=f"V1 {MAC.replace(':', '').upper()}",
        names={1: f"Door {HOST}", 2: f"Gate {PASSWORD}"},
    )
    async with SimulatedRecorder(options) as running:
        yield running


@pytest.fixture
async def entry(recorder: SimulatedRecorder, set_up: SetUp) -> MockConfigEntry:
    """An entry for the recorder, loaded; with a camera login that can be told from everything else."""
    usual = entry_for(recorder)
    login = {CONF_CAMERA_USERNAME: CAMERA_USERNAME, CONF_CAMERA_PASSWORD: CAMERA_PASSWORD}
    made = MockConfigEntry(
        domain=DOMAIN,
        title=usual.title,
        unique_id=usual.unique_id,
        data=dict(usual.data),
        options=dict(usual.options) | login,
    )
    assert await set_up(made)
    return made


def texts(tree: Any) -> Iterator[str]:
    """Yield every text of a JSON tree, keys too."""
    match tree:
        case dict():
            for key, value in tree.items():
                yield key
                yield from texts(value)
        case list():
            for item in tree:
                yield from texts(item)
        case _:
            yield str(tree)


def secrets(entry: MockConfigEntry) -> set[str]:
    """Return what must never leave, in all spellings, in lower case."""
    cameras = [one.camera for one in entry.runtime_data.fleet.cameras.values()]
    identities = [camera.identity for camera in cameras]
    macs = {MAC, *(identity.mac for identity in identities)}
    return {
        one.lower()
        for one in (
            HOST,
            LOOPBACK,
            USERNAME,
            PASSWORD,
            "p%2Fss",
            CAMERA_USERNAME,
            CAMERA_PASSWORD,
            SERIAL_NUMBER,
            *macs,
            *(mac.replace(":", "") for mac in macs),
            *(identity.serial_number for identity in identities),
            *(identity.uuid for identity in identities),
        )
    }


def assert_keeps_secrets(diagnosis: Any, entry: MockConfigEntry) -> None:
    """Look for every secret in every text."""
    wanted = secrets(entry)
    leaks = {(secret, text) for text in texts(diagnosis) for secret in wanted if secret in text.lower()}
    assert not leaks


def device_of(hass: HomeAssistant, entry: MockConfigEntry, identifier: str) -> dr.DeviceEntry:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, identifier), entry.entry_id)
    assert device is not None
    return device


async def test_an_entry_shows_recorder_channels_and_cameras(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnosis["entry"] == {
        "version": "1.1",
        "data": {
            "host": "**REDACTED**",
            "port": recorder.port,
            "username": "**REDACTED**",
            "password": "**REDACTED**",
            "addressing": "shared",
            "address": "**REDACTED**",
        },
        "options": {
            "camera_username": "**REDACTED**",
            "camera_password": "**REDACTED**",
            "excluded_channels": [],
        },
    }
    messages = diagnosis["coordinator"]["events"].pop("messages")
    assert messages.pop("reported") > 0  # at first, what goes on already
    assert messages.pop("of_device") > 0  # the recorder's own contacts
    assert messages == {"unknown_source": 0, "other": 0}
    assert diagnosis["coordinator"] == {
        "last_update_success": True,
        "last_exception": None,
        "events": {"heard": True, "trouble": None, "of_unknown_channels": 0},
    }
    assert diagnosis["recorder"]["mac"] == diagnosis["recorder"]["serial_number"] == "**REDACTED**"

    channel = diagnosis["recorder"]["channels"][0]
    main, sub = channel["streams"]
    assert channel["token"] == recorder.channels.channel(1).source_token
    assert (main["role"], sub["role"]) == ("main", "sub")
    assert main["profile_token"] == recorder.channels.channel(1).streams[0].profile_token
    assert main["uri"] == recorder.stream_uri(1).replace(HOST, "**REDACTED**")
    assert channel["snapshot_uri"].startswith(f"http://**REDACTED**:{recorder.port}/onvif-http/snapshot")
    video = main["video"]
    assert (video["codec"], video["width"], video["height"]) == ("H264", 1280, 720)
    assert (video["frame_rate"], video["bit_rate"]) == (15, 2048)
    assert main["audio"]["codec"] == "G711"

    endpoint = next(iter(entry.runtime_data.fleet.cameras.values())).camera.endpoint
    ports = {"onvif_port": endpoint.onvif_port, "rtsp_port": endpoint.rtsp_port}
    assert [one["token"] for one in diagnosis["cameras"]] == list(entry.runtime_data.fleet.cameras)
    relay = diagnosis["relay"]
    assert (relay["pid"], relay["restarts"]) == (entry.runtime_data.fleet.relays.state.pid, 0)
    assert relay["since"].endswith("+00:00")
    for one in diagnosis["cameras"][0]["video"]["streams"]:
        assert one.pop("since").endswith("+00:00")
    assert diagnosis["cameras"][0] == {
        "token": channel["token"],
        "channel_is_there": True,
        "state": "running",
        "trouble": None,
        "switches": {
            "running": True,
            "discovery": True,
            "media2": None,
            "always_on": False,
            "audio": True,
            "raw": False,
        },
        "identity": {"mac": "**REDACTED**", **ports},
        "endpoint": {
            "address": "**REDACTED**.1",
            "prefix_length": 8,
            "mac": "**REDACTED**",
            "interface": "lo",
            **ports,
        },
        "viewers": 0,
        "video": {
            "streams": [{**IDLE, "name": "main"}, {**IDLE, "name": "sub"}],
            "viewers": [],
        },
        "media2": False,
        "steered_by_clients": ["imaging", "ptz"],
        "events": {
            "seen": {"motion": False, "line_crossing": False, "tamper": False},
            "assigned": [],
            "subscriptions": 0,
        },
        "asks_for_login": True,
        "failed_logins": [],
        "foreign_clients": [],
    }
    assert_keeps_secrets(diagnosis, entry)


async def test_what_the_recorder_calls_its_functions_is_searched_as_well(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    """In lists of any kind, and where a token is a key."""
    coordinator = entry.runtime_data.coordinator
    ptz = PtzAbilities(profile_token=SERIAL_NUMBER, spaces=(), auxiliary_commands=(f"tt:Wiper|{HOST}",))
    channel = replace(coordinator.data.channels[0], ptz=ptz)
    coordinator.data = replace(coordinator.data, channels=(channel,))
    sources = {f"Source {SERIAL_NUMBER}": {"motion": ["binary_sensor.hall"]}}
    hass.config_entries.async_update_entry(entry, options=entry.options | {CONF_EVENT_SOURCES: sources})
    diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnosis["recorder"]["channels"][0]["ptz"]["auxiliary_commands"] == ["tt:Wiper|**REDACTED**"]
    assert_keeps_secrets(diagnosis, entry)


async def test_the_recorders_device_shows_its_channels(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    device = device_of(hass, entry, SERIAL_NUMBER)
    diagnosis: Any = await get_diagnostics_for_device(hass, hass_client, entry, device)
    assert set(diagnosis) == {"entry", "coordinator", "recorder"}
    assert len(diagnosis["recorder"]["channels"]) == 2
    assert_keeps_secrets(diagnosis, entry)


async def test_a_cameras_device_shows_that_camera_and_its_channel(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    token = list(entry.runtime_data.fleet.cameras)[1]
    device = device_of(hass, entry, f"{SERIAL_NUMBER}_{token}")
    diagnosis: Any = await get_diagnostics_for_device(hass, hass_client, entry, device)
    assert "channels" not in diagnosis["recorder"]
    assert diagnosis["channel"]["token"] == diagnosis["camera"]["token"] == token
    assert_keeps_secrets(diagnosis, entry)


async def test_switches_and_states_are_shown(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    for key in ("_running", "_discovery"):
        entity_id = entity_ids(hass, entry, key)[0]
        await hass.services.async_call("switch", "turn_off", {"entity_id": entity_id}, blocking=True)
    diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    stopped, running = diagnosis["cameras"]
    assert stopped["switches"] == {
        "running": False,
        "discovery": False,
        "media2": None,
        "always_on": False,
        "audio": True,
        "raw": False,
    }
    assert (stopped["state"], stopped["endpoint"]) == ("stopped", None)
    assert (running["state"], running["endpoint"]["interface"]) == ("running", "lo")


async def test_failed_logins_are_shown_with_no_more_than_the_end_of_their_address(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    camera = next(iter(entry.runtime_data.fleet.cameras.values())).camera
    camera.logins.failed("192.0.2.77", LoginWay.SOAP, LoginProblem.CLOCK_OFF, seconds_off=4000)
    diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    first, second = diagnosis["cameras"]
    (failure,) = first["failed_logins"]
    assert failure.pop("at")
    assert failure == {
        "source": "**REDACTED**.77",
        "way": "soap",
        "problem": "clock_off",
        "seconds_off": 4000,
        "count": 1,
    }
    assert second["failed_logins"] == []


async def test_a_recorder_that_tells_no_events_is_shown(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    async def refuse(*_: object) -> None:
        raise EventsNotSupported("no pull points")

    entry = entry_for(recorder)
    with patch.object(OnvifDriver, "listen", refuse):
        assert await set_up(entry)
        diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    events = diagnosis["coordinator"]["events"]
    assert (events["heard"], events["trouble"]["type"]) == (False, "EventsNotSupported")


async def test_the_relay_shows_what_it_uses_and_that_it_is_gone(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    relays = entry.runtime_data.fleet.relays
    async with asyncio.timeout(5):
        while relays.state.health is None:
            await asyncio.sleep(0.01)
    diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnosis["relay"]["health"]["memory"] > 4_000_000
    relays._restart_seconds = (60.0,)
    os.kill(relays.state.pid, signal.SIGKILL)
    async with asyncio.timeout(5):
        while relays.state.pid is not None:
            await asyncio.sleep(0.01)
    diagnosis = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnosis["relay"] == {"pid": None, "since": None, "restarts": 1, "health": None}
    assert [one["video"] for one in diagnosis["cameras"]] == [None, None]


async def test_viewers_are_counted(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    watched = next(iter(entry.runtime_data.fleet.cameras.values())).camera
    uri = f"rtsp://{watched.endpoint.address}:{watched.endpoint.rtsp_port}/main"
    viewer = asyncio.create_task(play(uri, CAMERA_USERNAME, CAMERA_PASSWORD))
    while not watched.viewers and not viewer.done():
        await asyncio.sleep(0.05)
    diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert (await viewer).frames
    assert [one["viewers"] for one in diagnosis["cameras"]] == [1, 0]
    (seen,) = diagnosis["cameras"][0]["video"]["viewers"]
    assert (seen["address"], seen["stream"]) == ("**REDACTED**.1", "main")


async def test_a_channel_that_is_gone_is_told_from_one_that_was_left_out(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    recorder: SimulatedRecorder,
) -> None:
    first, second = entry.runtime_data.fleet.cameras
    await recorder.remove_channel(2)
    await entry.runtime_data.coordinator.async_refresh()
    device = device_of(hass, entry, f"{SERIAL_NUMBER}_{second}")
    diagnosis: Any = await get_diagnostics_for_device(hass, hass_client, entry, device)
    assert diagnosis["channel"] is None
    assert diagnosis["camera"]["channel_is_there"] is False

    hass.config_entries.async_update_entry(entry, options=entry.options | {CONF_EXCLUDED_CHANNELS: [first]})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    device = device_of(hass, entry, f"{SERIAL_NUMBER}_{first}")
    diagnosis = await get_diagnostics_for_device(hass, hass_client, entry, device)
    assert diagnosis["channel"]["token"] == first
    assert diagnosis["camera"] is None
    assert diagnosis["entry"]["options"]["excluded_channels"] == [first]


async def test_while_the_recorder_is_off_its_last_scan_and_the_reason_are_shown(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await recorder.stop()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert diagnosis["coordinator"]["last_update_success"] is False
    failure = diagnosis["coordinator"]["last_exception"]
    assert (failure["type"], failure["text"]) == ("UpdateFailed", "The recorder does not answer")
    assert failure["cause"]["type"] == "Unreachable"
    assert len(diagnosis["recorder"]["channels"]) == 2
    assert [one["state"] for one in diagnosis["cameras"]] == ["running", "running"]
    assert_keeps_secrets(diagnosis, entry)


async def test_the_text_of_a_failure_keeps_no_address(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    cause = RecorderRefused(f"no answer from 10.11.12.13, {HOST}: rtsp://{USERNAME}:{PASSWORD}@nvr.example/live is odd")
    entry.runtime_data.coordinator.async_set_update_error(cause)
    diagnosis: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    failure = diagnosis["coordinator"]["last_exception"]
    assert failure["type"] == "RecorderRefused"
    assert failure["text"].startswith("no answer from **REDACTED**, **REDACTED**: **REDACTED**")
    assert_keeps_secrets(diagnosis, entry)


@pytest.mark.parametrize(
    ("uri", "shape"),
    [
        (
            "rtsp://192.168.1.2:554/Streaming/Channels/101?transportmode=unicast&profile=Profile_1",
            "rtsp://**REDACTED**:554/Streaming/Channels/101?transportmode=unicast&profile=Profile_1",
        ),
        (
            "rtsp://nvr:554/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif",
            "rtsp://**REDACTED**:554/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif",
        ),
        (
            "rtsp://nvr:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
            "rtsp://**REDACTED**:554/user=**REDACTED**_password=**REDACTED**_channel=1_stream=0.sdp?real_stream",
        ),
        (
            "http://nvr/snap.cgi?usr=admin&pwd=&token=f00",
            "http://**REDACTED**/snap.cgi?usr=**REDACTED**&pwd=&token=**REDACTED**",
        ),
        ("rtsp://admin:secret@[fe80::1]:8554/10.0.0.7/ch1", "rtsp://**REDACTED**:8554/**REDACTED**/ch1"),
    ],
)
def test_a_uri_keeps_its_shape_only(uri: str, shape: str) -> None:
    assert uri_shape(uri) == shape
