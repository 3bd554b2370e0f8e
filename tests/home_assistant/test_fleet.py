"""The cameras of an entry follow the scan, the interfaces, the switches and the device registry."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
import re
import socket
from typing import Any
from unittest.mock import patch

import aiohttp
from homeassistant.components.camera import async_get_image
from homeassistant.const import SERVICE_TURN_OFF, SERVICE_TURN_ON, STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.onvif_proxy import async_remove_config_entry_device, fleet as fleet_module, placement
from custom_components.onvif_proxy.const import CONF_ADDRESSING, CONF_EXCLUDED_CHANNELS, DOMAIN, Addressing
from custom_components.onvif_proxy.host_search import async_get_host_search
from custom_components.onvif_proxy.interfaces import Interface, InterfaceAddress, KernelRefused
from custom_components.onvif_proxy.responder import HostDiscovery
from tests.end_to_end.client import fetch_snapshot, find_cameras, read_camera
from tests.responder.envelopes import envelope, operation, security
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import CAMERA_PASSWORD, CAMERA_USERNAME, LOOPBACK, answers, entity_ids, entry_for, state_of, switch

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]


async def read(hass: HomeAssistant, entry: MockConfigEntry, number: int) -> Any:
    address = state_of(hass, entity_ids(hass, entry, "_address")[number])
    return await read_camera(f"http://{address}/onvif/device_service", CAMERA_USERNAME, CAMERA_PASSWORD)


async def rescan(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    button = entity_ids(hass, entry, "_rescan")[0]
    await hass.services.async_call("button", "press", {"entity_id": button}, blocking=True)
    await hass.async_block_till_done()


async def test_clients_can_tell_the_cameras_apart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    first, second = await read(hass, entry, 0), await read(hass, entry, 1)
    assert first.mac != second.mac
    assert first.serial_number != second.serial_number
    assert [profile.token for profile in first.profiles] == ["main", "sub"]


async def test_a_login_seen_at_one_camera_does_not_open_another(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    request = envelope(
        operation("tds:GetDeviceInformation"), security(username=CAMERA_USERNAME, password=CAMERA_PASSWORD)
    )
    answered = []
    for address in [state_of(hass, one) for one in entity_ids(hass, entry, "_address")]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{address}/onvif/device_service", data=request) as response,
        ):
            answered.append(response.status)
    assert answered == [200, 400]


async def test_renaming_the_device_renames_the_onvif_camera(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    device_id = next(iter(entry.runtime_data.fleet.cameras.values())).device_id
    dr.async_get(hass).async_update_device(device_id, name_by_user="Front door")
    await hass.async_block_till_done()
    assert (await read(hass, entry, 0)).name == "Front%20door"

    dr.async_get(hass).async_update_device(device_id, name_by_user=None)
    await hass.async_block_till_done()
    assert (await read(hass, entry, 0)).name != "Front%20door"


async def test_a_renamed_camera_keeps_its_name_after_a_restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    device_id = next(iter(entry.runtime_data.fleet.cameras.values())).device_id
    dr.async_get(hass).async_update_device(device_id, name_by_user="Front door")
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (await read(hass, entry, 0)).name == "Front%20door"


async def test_the_area_of_the_device_is_the_location_that_clients_are_told(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    areas, devices = ar.async_get(hass), dr.async_get(hass)
    device_id = next(iter(entry.runtime_data.fleet.cameras.values())).device_id

    async def told(number: int = 0) -> list[str]:
        address = state_of(hass, entity_ids(hass, entry, "_address")[number])
        request = envelope(operation("tds:GetScopes"), security(username=CAMERA_USERNAME, password=CAMERA_PASSWORD))
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{address}/onvif/device_service", data=request) as response,
        ):
            return re.findall(r"onvif://www.onvif.org/location/([^<]*)", await response.text())

    assert await told() == []
    area = areas.async_create("Front yard")
    devices.async_update_device(device_id, area_id=area.id)
    await hass.async_block_till_done()
    assert await told() == ["Front%20yard"]
    assert await told(1) == []

    areas.async_update(area.id, name="Gate")
    await hass.async_block_till_done()
    assert await told() == ["Gate"]

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert await told() == ["Gate"]

    areas.async_delete(area.id)
    await hass.async_block_till_done()
    assert await told() == []


async def test_running_switch_stops_and_starts_one_camera_and_is_remembered(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    switches, statuses = entity_ids(hass, entry, "_running"), entity_ids(hass, entry, "_status")
    addresses = [state_of(hass, one) for one in entity_ids(hass, entry, "_address")]
    await switch(hass, switches[0], SERVICE_TURN_OFF)
    assert [state_of(hass, one) for one in statuses] == ["stopped", "running"]
    assert [await answers(one) for one in addresses] == [False, True]

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert [state_of(hass, one) for one in switches] == [STATE_OFF, STATE_ON]
    assert [state_of(hass, one) for one in statuses] == ["stopped", "running"]

    await switch(hass, switches[0], SERVICE_TURN_ON)
    assert [await answers(one) for one in addresses] == [True, True]


async def test_discovery_switch_hides_one_camera_and_is_remembered(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    switches = entity_ids(hass, entry, "_discovery")
    xaddrs = [f"http://{state_of(hass, one)}/onvif/device_service" for one in entity_ids(hass, entry, "_address")]
    assert len(await find_cameras(LOOPBACK, wanted=xaddrs)) == 2
    await switch(hass, switches[0], SERVICE_TURN_OFF)
    assert list(await find_cameras(LOOPBACK, wanted=xaddrs, seconds=1.5)) == xaddrs[1:]

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert [state_of(hass, one) for one in switches] == [STATE_OFF, STATE_ON]
    await switch(hass, switches[0], SERVICE_TURN_ON)
    assert len(await find_cameras(LOOPBACK, wanted=xaddrs)) == 2


async def test_what_a_client_sets_is_seen_here_and_remembered(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    switches = entity_ids(hass, entry, "_discovery")
    scopes = ("onvif://www.onvif.org/location/gate",)
    camera = next(iter(entry.runtime_data.fleet.cameras.values())).camera
    await camera.set_discoverable(False)
    await camera.set_scopes(scopes)
    await hass.async_block_till_done()
    assert [state_of(hass, one) for one in switches] == [STATE_OFF, STATE_ON]

    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    again = next(iter(entry.runtime_data.fleet.cameras.values())).camera
    assert (again.settings.discoverable, again.settings.scopes) == (False, scopes)
    assert [state_of(hass, one) for one in switches] == [STATE_OFF, STATE_ON]


async def test_media2_follows_the_streams_until_it_is_switched(hass: HomeAssistant, set_up: SetUp) -> None:
    async with SimulatedRecorder(RecorderOptions(channels=2, codecs={2: "H265"})) as recorder:
        entry = entry_for(recorder)
        assert await set_up(entry)
        switches = entity_ids(hass, entry, "_media2")
        assert [state_of(hass, one) for one in switches] == [STATE_OFF, STATE_ON]
        await switch(hass, switches[0], SERVICE_TURN_ON)
        await switch(hass, switches[1], SERVICE_TURN_OFF)
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert [state_of(hass, one) for one in switches] == [STATE_ON, STATE_OFF]
        await switch(hass, switches[1], SERVICE_TURN_ON)
        records = [one.record for one in entry.runtime_data.fleet.cameras.values()]
        assert [record.media2 for record in records] == [True, None]  # as the streams ask for: no choice to be kept
        await hass.config_entries.async_unload(entry.entry_id)


async def test_a_refused_login_is_an_event_of_the_camera(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    events = entity_ids(hass, entry, "_login_refused")
    address = state_of(hass, entity_ids(hass, entry, "_address")[0])
    with pytest.raises(Exception, match=r"(?i)authori"):
        await read_camera(f"http://{address}/onvif/device_service", CAMERA_USERNAME, "Wrong1")
    await hass.async_block_till_done()
    first, second = (hass.states.get(one) for one in events)
    assert first is not None
    assert second is not None
    assert second.state == STATE_UNKNOWN
    told = {key: first.attributes[key] for key in ("event_type", "client", "way", "seconds_off")}
    assert told == {"event_type": "wrong_password", "client": LOOPBACK, "way": "soap", "seconds_off": None}
    assert CAMERA_USERNAME not in str(first.attributes)
    assert "Wrong1" not in str(first.attributes)


async def test_a_rescan_adds_new_channels_and_moves_no_other(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    before = {one: state_of(hass, one) for one in entity_ids(hass, entry, "_address")}
    recorder.add_channel()
    await rescan(hass, entry)
    after = {one: state_of(hass, one) for one in entity_ids(hass, entry, "_address")}
    assert len(after) == 3
    assert before.items() <= after.items()
    assert {state_of(hass, one) for one in entity_ids(hass, entry, "_status")} == {"running"}


async def test_a_vanished_channel_is_unavailable_until_it_is_back(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    cameras, status = entity_ids(hass, entry, "_camera"), entity_ids(hass, entry, "_status")[1]
    address = state_of(hass, entity_ids(hass, entry, "_address")[1])
    await recorder.remove_channel(2)
    await rescan(hass, entry)
    for _ in ("before a restart", "after it"):
        assert [state_of(hass, one) == STATE_UNAVAILABLE for one in cameras] == [False, True]
        assert hass.states.get(status).attributes["reason"] == "channel_gone"
        assert await answers(address)  # one odd scan must not take an adopted camera away
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
    recorder.add_channel(2)
    await rescan(hass, entry)
    assert [state_of(hass, one) == STATE_UNAVAILABLE for one in cameras] == [False, False]


async def test_a_deleted_camera_ends_and_comes_back_with_its_channel(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    address = state_of(hass, entity_ids(hass, entry, "_address")[1])
    await recorder.remove_channel(2)
    await rescan(hass, entry)
    device_id = list(entry.runtime_data.fleet.cameras.values())[1].device_id
    dr.async_get(hass).async_remove_device(device_id)
    await hass.async_block_till_done()
    assert not await answers(address)
    await rescan(hass, entry)
    assert len(entity_ids(hass, entry, "_status")) == 1

    recorder.add_channel(2)
    await rescan(hass, entry)
    assert [state_of(hass, one) for one in entity_ids(hass, entry, "_status")] == ["running", "running"]
    assert state_of(hass, entity_ids(hass, entry, "_address")[1]) == address


async def test_no_two_cameras_get_the_same_name(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await recorder.remove_channel(1)
    recorder.add_channel(3)
    await rescan(hass, entry)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert {"Channel 1", "Channel 2", "Channel 3"} <= {device.name for device in devices}


async def test_an_excluded_channel_gets_no_camera(
    hass: HomeAssistant, recorder: SimulatedRecorder, entry: MockConfigEntry
) -> None:
    token = next(iter(entry.runtime_data.fleet.cameras))
    hass.config_entries.async_update_entry(entry, options=entry.options | {CONF_EXCLUDED_CHANNELS: [token]})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert token not in entry.runtime_data.fleet.cameras
    assert len(entry.runtime_data.fleet.cameras) == 1
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, f"{recorder.serial_number}_{token}"), entry.entry_id
    )
    assert device is not None
    assert await async_remove_config_entry_device(hass, entry, device)


async def test_a_failed_rescan_says_so(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    await recorder.stop()
    with pytest.raises(Exception, match="could not be scanned"):
        await rescan(hass, entry)
    assert state_of(hass, entity_ids(hass, entry, "_connectivity")[0]) == STATE_OFF


async def test_still_image_comes_from_the_recorder(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    image = await async_get_image(hass, entity_ids(hass, entry, "_camera")[0])
    assert image.content.startswith(b"\xff\xd8")
    profile = (await read(hass, entry, 0)).profiles[0]
    assert (await fetch_snapshot(profile.snapshot_uri, CAMERA_USERNAME, CAMERA_PASSWORD)).startswith(b"\xff\xd8")


async def test_stream_source_is_the_cameras_own(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    entity = hass.data["camera"].get_entity(entity_ids(hass, entry, "_camera")[0])
    source = await entity.stream_source()
    assert source == (
        f"rtsp://{CAMERA_USERNAME}:{CAMERA_PASSWORD}@{LOOPBACK}:"
        f"{next(iter(entry.runtime_data.fleet.cameras.values())).camera.endpoint.rtsp_port}/main"
    )
    await switch(hass, entity_ids(hass, entry, "_running")[0], SERVICE_TURN_OFF)
    assert await entity.stream_source() is None
    assert state_of(hass, entity.entity_id) == STATE_UNAVAILABLE


class FakeWatch:
    """The kernel's interfaces, as a test wants them: loopback addresses on macvlans that are not there."""

    def __init__(self, on_change: Callable[[Mapping[str, Interface]], None]) -> None:
        self.interfaces: dict[str, Interface] = {}
        self._on_change = on_change
        FakeWatch.current = self

    current: FakeWatch

    async def start(self) -> None:
        self._on_change(self.interfaces)

    async def stop(self) -> None:
        pass

    def show(
        self,
        name: str,
        mac: str,
        *addresses: str,
        kind: str | None = "macvlan",
        expires: datetime | None = None,
    ) -> None:
        self.interfaces[name] = Interface(
            name=name,
            mac=mac,
            kind=kind,
            parent="eth0",
            up=True,
            alias=None,
            addresses=tuple(InterfaceAddress(address=one, prefix_length=8, expires=expires) for one in addresses),
        )
        self._on_change(self.interfaces)


@pytest.fixture
async def dedicated(hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp) -> MockConfigEntry:
    entry = entry_for(recorder, **{CONF_ADDRESSING: Addressing.DEDICATED.value})
    with patch.object(fleet_module, "InterfaceWatch", FakeWatch):
        assert await set_up(entry)
    return entry


async def test_in_a_storm_of_changes_cameras_are_placed_once_more_at_its_end(
    hass: HomeAssistant, dedicated: MockConfigEntry
) -> None:
    placement = dedicated.runtime_data.fleet.placement
    FakeWatch.current.show("cam1", "02:00:00:00:00:61")
    await hass.async_block_till_done()
    with patch.object(placement, "endpoint", wraps=placement.endpoint) as placed:
        for _ in range(100):
            FakeWatch.current.show("cam1", "02:00:00:00:00:61")
        FakeWatch.current.show("cam1", "02:00:00:00:00:61", "127.0.0.5")
        await hass.async_block_till_done()
    assert placed.call_count <= 2 * len(dedicated.runtime_data.fleet.cameras)
    assert state_of(hass, entity_ids(hass, dedicated, "_status")[0]) == "running"


async def test_dedicated_cameras_wait_for_interfaces_and_addresses(
    hass: HomeAssistant, dedicated: MockConfigEntry
) -> None:
    watch = FakeWatch.current
    statuses = entity_ids(hass, dedicated, "_status")
    assert [state_of(hass, one) for one in statuses] == ["waiting_for_address"] * 2

    watch.show("cam1", "02:00:00:00:00:01")
    watch.show("cam2", "02:00:00:00:00:02", "127.0.0.2")
    await hass.async_block_till_done()
    assert [state_of(hass, one) for one in statuses] == ["waiting_for_address", "running"]

    watch.show("cam1", "02:00:00:00:00:01", "127.0.0.3")
    await hass.async_block_till_done()
    assert [state_of(hass, one) for one in statuses] == ["running", "running"]
    seen = [await read(hass, dedicated, number) for number in (0, 1)]
    assert [camera.mac.lower() for camera in seen] == ["02:00:00:00:00:01", "02:00:00:00:00:02"]
    addresses = [state_of(hass, one).split(":")[0] for one in entity_ids(hass, dedicated, "_address")]
    assert addresses == ["127.0.0.3", "127.0.0.2"]


async def test_a_dedicated_camera_stops_when_its_address_goes_and_returns_with_it(
    hass: HomeAssistant, dedicated: MockConfigEntry
) -> None:
    watch = FakeWatch.current
    watch.show("cam1", "02:00:00:00:00:01", "127.0.0.3")
    await hass.async_block_till_done()
    status, address = entity_ids(hass, dedicated, "_status")[0], entity_ids(hass, dedicated, "_address")[0]
    listened = state_of(hass, address)
    assert await answers(listened)

    watch.show("cam1", "02:00:00:00:00:01")
    await hass.async_block_till_done()
    assert state_of(hass, status) == "waiting_for_address"
    assert not await answers(listened)

    watch.show("cam1", "02:00:00:00:00:01", "127.0.0.3")
    await hass.async_block_till_done()
    assert state_of(hass, status) == "running"
    assert state_of(hass, address) == listened


async def test_programs_on_this_host_find_a_dedicated_camera_while_it_may_be_found(
    hass: HomeAssistant, dedicated: MockConfigEntry
) -> None:
    watch = FakeWatch.current
    watch.show("lo", "00:00:00:00:00:00", LOOPBACK, kind=None)
    watch.show("cam1", "02:00:00:00:00:01", "127.0.0.2")
    await hass.async_block_till_done()
    address = state_of(hass, entity_ids(hass, dedicated, "_address")[0]).removesuffix(":80")
    xaddr = f"http://{address}/onvif/device_service"
    # It can't answer itself: there is no interface of that name.
    assert xaddr in await find_cameras(LOOPBACK, wanted=[xaddr])
    device_id = next(iter(dedicated.runtime_data.fleet.cameras.values())).device_id
    dr.async_get(hass).async_update_device(device_id, name_by_user="Front door")
    await switch(hass, entity_ids(hass, dedicated, "_discovery")[0], SERVICE_TURN_OFF)
    assert await find_cameras(LOOPBACK, wanted=[xaddr], seconds=1.0) == {}

    search = async_get_host_search(hass)
    with patch.object(search.discovery, "stop", wraps=search.discovery.stop) as stop:
        assert await hass.config_entries.async_unload(dedicated.entry_id)
        assert stop.call_count == 1


async def test_cameras_run_where_this_host_can_not_be_answered(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp, caplog: pytest.LogCaptureFixture
) -> None:
    entry = entry_for(recorder, **{CONF_ADDRESSING: Addressing.DEDICATED.value})
    with (
        patch.object(fleet_module, "InterfaceWatch", FakeWatch),
        patch.object(HostDiscovery, "start", side_effect=OSError("no")),
    ):
        assert await set_up(entry)
        FakeWatch.current.show("cam1", "02:00:00:00:00:01", "127.0.0.2")
        await hass.async_block_till_done()
    assert state_of(hass, entity_ids(hass, entry, "_status")[0]) == "running"
    assert "Programs on this host can't discover" in caplog.text


async def test_what_is_stopped_while_it_starts_watches_nothing(hass: HomeAssistant, dedicated: MockConfigEntry) -> None:
    """A reload may come before the start has come to its end."""
    fleet = dedicated.runtime_data.fleet

    async def stop(_: str) -> None:
        await fleet.async_stop()

    with (
        patch.object(async_get_host_search(hass), "async_use", stop),
        patch.object(fleet._watch, "start", side_effect=AssertionError("watches on")),
    ):
        await fleet._async_run(hass)


async def test_another_recorder_gets_the_interfaces_of_one_that_was_removed(
    hass: HomeAssistant, recorder: SimulatedRecorder, dedicated: MockConfigEntry, set_up: SetUp
) -> None:
    FakeWatch.current.show("cam1", "02:00:00:00:00:01", "127.0.0.3")
    await hass.async_block_till_done()
    await hass.config_entries.async_remove(dedicated.entry_id)
    async with SimulatedRecorder(RecorderOptions(channels=1, serial_number="ANOTHER")) as another:
        entry = entry_for(another, **{CONF_ADDRESSING: Addressing.DEDICATED.value})
        with patch.object(fleet_module, "InterfaceWatch", FakeWatch):
            assert await set_up(entry)
        FakeWatch.current.show("cam1", "02:00:00:00:00:01", "127.0.0.3")
        await hass.async_block_till_done()
        assert state_of(hass, entity_ids(hass, entry, "_status")[0]) == "running"

        with patch.object(fleet_module, "InterfaceWatch", FakeWatch):  # the first is back: its interface is taken
            former = entry_for(recorder, **dedicated.data)
            assert await set_up(former)
        FakeWatch.current.show("cam1", "02:00:00:00:00:01", "127.0.0.3")
        FakeWatch.current.show("cam2", "02:00:00:00:00:02", "127.0.0.2")
        await hass.async_block_till_done()
        assert (await read(hass, former, 0)).mac.lower() == "02:00:00:00:00:02"


@pytest.mark.parametrize("order", [("shared", "dedicated"), ("dedicated", "shared")])
async def test_a_recorder_can_be_added_again_with_the_other_addressing(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp, order: tuple[str, str]
) -> None:
    for addressing in order:
        with patch.object(fleet_module, "InterfaceWatch", FakeWatch):
            entry = entry_for(recorder, **{CONF_ADDRESSING: addressing})
            assert await set_up(entry)
        for number in (1, 2):
            FakeWatch.current.show(f"cam{number}", f"02:00:00:00:00:0{number}", f"127.0.0.{number + 1}")
        FakeWatch.current.show("lo", "00:00:00:00:00:00", LOOPBACK, kind=None)
        await hass.async_block_till_done()
        assert [state_of(hass, one) for one in entity_ids(hass, entry, "_status")] == ["running", "running"]
        await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done()


async def test_cameras_start_when_the_interfaces_can_be_read_at_last(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "RETRY_SECONDS", 0.01)
    refused = patch("custom_components.onvif_proxy.interfaces.watch.read_interfaces", side_effect=KernelRefused("no"))
    with refused as reading:
        entry = entry_for(recorder)
        assert await set_up(entry)
        assert {state_of(hass, one) for one in entity_ids(hass, entry, "_status")} == {"waiting_for_address"}
        assert reading.call_count > 0
    await reaches(hass, entity_ids(hass, entry, "_status")[0], "running")


async def test_a_camera_without_a_free_port_gets_one_when_it_can(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "RETRY_SECONDS", 0.01)
    with patch.object(placement, "first_free_port", return_value=None):
        entry = entry_for(recorder)
        assert await set_up(entry)
        status = entity_ids(hass, entry, "_status")[0]
        assert (state_of(hass, status), hass.states.get(status).attributes["reason"]) == ("error", "no_free_port")
    await reaches(hass, status, "running")


async def test_a_port_that_was_taken_is_an_issue_until_it_is_free(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = entity_ids(hass, entry, "_status")[0]
    running = entity_ids(hass, entry, "_running")[0]
    address, port = state_of(hass, entity_ids(hass, entry, "_address")[0]).split(":")
    camera = next(iter(entry.runtime_data.fleet.cameras.values())).camera
    monkeypatch.setattr(camera, "_retry_seconds", (0.01,))
    await switch(hass, running, SERVICE_TURN_OFF)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address, int(port)))
        other.listen()
        await switch(hass, running, SERVICE_TURN_ON)
        assert (state_of(hass, status), hass.states.get(status).attributes["reason"]) == ("error", "port_in_use")
        (issue,) = ir.async_get(hass).issues.values()
        assert (issue.translation_key, issue.translation_placeholders) == (
            "camera_port",
            {"camera": "Channel 1", "address": address},
        )
    await reaches(hass, status, "running")
    assert not ir.async_get(hass).issues


async def reaches(hass: HomeAssistant, entity_id: str, wanted: str) -> None:
    async with asyncio.timeout(5):
        while state_of(hass, entity_id) != wanted:
            await asyncio.sleep(0.02)
            await hass.async_block_till_done()


async def test_entities_have_translations_and_unique_ids(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert len(entities) == 2 + 2 * 23
    assert all(one.translation_key or one.original_device_class or one.domain == "camera" for one in entities)
    assert {one.platform for one in entities} == {DOMAIN}
