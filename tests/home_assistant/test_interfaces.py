"""Interfaces that the integration makes: from the wish of an entry to the inventory, the cameras, entities and repairs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
import json
from logging import WARNING
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.onvif_proxy import fleet, interface_health, interface_manager
from custom_components.onvif_proxy.const import (
    CONF_ADDRESSES,
    CONF_ADDRESSING,
    CONF_PARENT,
    CONF_REMOVE_INTERFACES,
    DOMAIN,
    LOGGER,
)
from custom_components.onvif_proxy.interface_manager import async_get_manager
from custom_components.onvif_proxy.interfaces import (
    Check,
    Fault,
    Finding,
    InterfaceError,
    Inventory,
    InventoryFile,
    KeptElsewhere,
    KernelRefused,
    NotPermitted,
    RequestRefused,
)
from custom_components.onvif_proxy.interfaces.state import DEFAULT_ROUTE, MAIN_TABLE, Route, Snapshot
from tests.simulated_nvr import SimulatedRecorder

from . import entity_ids, entry_for, state_of
from .test_fleet import FakeWatch, reaches

GERMAN = json.loads((Path(interface_health.__file__).parent / "translations/de.json").read_text())["common"]

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]
ROUTE = Route(
    interface="eth0",
    table=MAIN_TABLE,
    destination=DEFAULT_ROUTE,
    gateway=IPv4Address("192.0.2.1"),
    source=None,
    protocol=4,
)
LEASE_END = datetime(2026, 12, 24, 18, 0, tzinfo=UTC)


class FakeKeeper:
    """Makes interfaces in the pretended kernel of FakeWatch instead of the real one."""

    current: FakeKeeper
    refuses_start: InterfaceError | None = None
    refuses: InterfaceError | None = None

    def __init__(self, inventory: Inventory, *, lease_file: Path) -> None:
        self.inventory = inventory
        self.running = False
        self.repaired = 0
        FakeKeeper.current = self

    async def start(self) -> None:
        if FakeKeeper.refuses_start is not None:
            raise FakeKeeper.refuses_start
        self.running = True
        self._make()

    async def stop(self) -> None:
        self.running = False

    async def replace(self, inventory: Inventory) -> None:
        if FakeKeeper.refuses is not None:
            raise FakeKeeper.refuses
        self.inventory = inventory
        self._make()

    async def repair(self) -> None:
        if FakeKeeper.refuses is not None:
            raise FakeKeeper.refuses
        self.repaired += 1

    def _make(self) -> None:
        for spec in self.inventory.specs:
            FakeWatch.current.show(spec.name, spec.mac, f"127.0.0.{spec.id + 1}", expires=LEASE_END)


@pytest.fixture(autouse=True)
def host(hass: HomeAssistant, tmp_path: Path) -> Iterator[None]:
    """Pretend the kernel; the files are real."""
    FakeKeeper.refuses = FakeKeeper.refuses_start = None
    (tmp_path / ".storage").mkdir()
    hass.config.config_dir = str(tmp_path)
    with (
        patch.object(fleet, "InterfaceWatch", FakeWatch),
        patch.object(interface_manager, "InterfaceKeeper", FakeKeeper),
        patch.object(interface_manager, "is_kept", lambda: False),
        patch.object(interface_manager, "read_interfaces", AsyncMock(return_value=[])),
        patch.object(interface_manager, "read_neighbours", AsyncMock(return_value=[])),
        patch.object(
            interface_manager, "read_snapshot", AsyncMock(return_value=Snapshot(links=(), routes=(ROUTE,), rules=()))
        ),
        patch.object(interface_health, "diagnose", AsyncMock(return_value=[])),
    ):
        yield


def dedicated(
    recorder: SimulatedRecorder, *addresses: str, parent: str = "eth0", remove: bool = True
) -> MockConfigEntry:
    return entry_for(
        recorder,
        **{
            CONF_ADDRESSING: "dedicated",
            CONF_PARENT: parent,
            CONF_ADDRESSES: list(addresses),
            CONF_REMOVE_INTERFACES: remove,
        },
    )


@pytest.fixture
async def entry(hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp) -> MockConfigEntry:
    """An entry whose cameras get interfaces with leases."""
    made = dedicated(recorder)
    assert await set_up(made)
    return made


async def stored(hass: HomeAssistant) -> Inventory:
    """Read the inventory as another program would."""
    return await hass.async_add_executor_job(
        InventoryFile(Path(hass.config.path(".storage/onvif_proxy.interfaces"))).load
    )


def statuses(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    return [state_of(hass, one) for one in entity_ids(hass, entry, "_status")]


async def test_each_camera_gets_an_interface_of_its_own(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    assert statuses(hass, entry) == ["running", "running"]
    inventory = await stored(hass)
    assert [(spec.name, spec.parent, spec.dhcp) for spec in inventory.specs] == [
        ("onvifcam1", "eth0", True),
        ("onvifcam2", "eth0", True),
    ]
    assert {spec.camera.split("/")[0] for spec in inventory.specs} == {recorder.serial_number}
    shown = [state_of(hass, one) for one in entity_ids(hass, entry, "_mac")]
    assert shown == [spec.mac for spec in inventory.specs]
    assert {state_of(hass, one) for one in entity_ids(hass, entry, "_link")} == {STATE_ON}
    assert {state_of(hass, one) for one in entity_ids(hass, entry, "_expires")} == {LEASE_END.isoformat()}


async def test_a_restart_makes_the_same_interfaces_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    before = await stored(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not FakeKeeper.current.running
    hass.data.pop(interface_manager._MANAGER)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert FakeKeeper.current.running
    assert FakeKeeper.current.inventory == before == await stored(hass)
    FakeKeeper.current._make()  # the pretended kernel was new, too
    await hass.async_block_till_done()
    assert statuses(hass, entry) == ["running", "running"]


async def test_fixed_addresses_are_given_in_order_and_then_run_out(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    recorder.add_channel()
    entry = dedicated(recorder, "192.0.2.201/24", "192.0.2.202/24")
    assert await set_up(entry)
    specs = (await stored(hass)).specs
    assert [(str(spec.address), str(spec.gateway), spec.dhcp) for spec in specs] == [
        ("192.0.2.201/24", "192.0.2.1", False),
        ("192.0.2.202/24", "192.0.2.1", False),
    ]
    assert statuses(hass, entry) == ["running", "running", "waiting_for_address"]


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload the entry, forget the manager, and set both up again."""
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.data.pop(interface_manager._MANAGER)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


def routes(*found: Route) -> Any:
    """Let the host have these routes."""
    snapshot = Snapshot(links=(), routes=found, rules=())
    return patch.object(interface_manager, "read_snapshot", AsyncMock(return_value=snapshot))


async def test_a_start_before_the_host_has_its_router_takes_it_from_no_camera(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    entry = dedicated(recorder, "192.0.2.201/24", "192.0.2.202/24")
    assert await set_up(entry)
    before = await stored(hass)
    with routes():
        await restart(hass, entry)
        assert await stored(hass) == before
    with routes(replace(ROUTE, gateway=IPv4Address("192.0.2.254"))):
        await restart(hass, entry)
    assert [str(spec.gateway) for spec in (await stored(hass)).specs] == ["192.0.2.254"] * 2


@pytest.mark.parametrize(
    ("parent", "network"), [("eth1", "192.0.2"), ("eth0", "198.51.100")], ids=["another parent", "another network"]
)
async def test_cameras_that_move_leave_their_router_behind(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp, parent: str, network: str
) -> None:
    entry = dedicated(recorder, "192.0.2.201/24", "192.0.2.202/24", remove=False)
    assert await set_up(entry)
    await hass.config_entries.async_remove(entry.entry_id)
    with routes():
        assert await set_up(dedicated(recorder, f"{network}.201/24", f"{network}.202/24", parent=parent))
    assert [(spec.parent, spec.gateway) for spec in (await stored(hass)).specs] == [(parent, None)] * 2


async def test_a_new_channel_gets_a_new_interface(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder
) -> None:
    before = await stored(hass)
    recorder.add_channel()
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    assert (await stored(hass)).specs[:2] == before.specs
    assert statuses(hass, entry) == ["running"] * 3


async def test_a_new_channel_gets_its_interface_later_also_while_another_camera_has_no_port(
    hass: HomeAssistant, entry: MockConfigEntry, recorder: SimulatedRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "RETRY_SECONDS", 0.05)
    running = entry.runtime_data.fleet
    running._retry_later()  # as for a camera that found no free port
    FakeKeeper.refuses = RequestRefused("eth0 is not there")
    recorder.add_channel()
    await entry.runtime_data.coordinator.async_refresh()
    await hass.async_block_till_done()
    assert len(ir.async_get(hass).issues) == 1
    FakeKeeper.refuses = None
    await reaches(hass, entity_ids(hass, entry, "_status")[2], "running")
    assert not ir.async_get(hass).issues


async def test_numbers_of_interfaces_that_others_made_are_left_out(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    other = replace(FakeWatchInterface.named("onvifcam1"), mac="02:00:00:00:00:99")
    with patch.object(interface_manager, "read_interfaces", AsyncMock(return_value=[other])):
        assert await set_up(dedicated(recorder))
    assert [spec.name for spec in (await stored(hass)).specs] == ["onvifcam2", "onvifcam3"]


async def test_macs_that_others_on_the_lan_have_are_left_out(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    neighbour = SimpleNamespace(mac="02:00:00:00:00:99")
    with (
        patch.object(interface_manager, "read_neighbours", AsyncMock(return_value=[neighbour])),
        patch.object(
            interface_manager,
            "derive_mac",
            lambda *of: next(
                mac for mac in (neighbour.mac, "02:00:00:00:01:01", "02:00:00:00:01:02") if mac not in of[2]
            ),
        ),
    ):
        assert await set_up(dedicated(recorder))
    assert [spec.mac for spec in (await stored(hass)).specs] == ["02:00:00:00:01:01", "02:00:00:00:01:02"]


class FakeWatchInterface:
    """Interfaces as the kernel tells them."""

    @staticmethod
    def named(name: str) -> Any:
        watch = FakeWatch(lambda _interfaces: None)
        watch.show(name, "02:00:00:00:00:01")
        return watch.interfaces[name]


async def test_what_can_not_be_made_is_told_not_written_down_and_tried_again(
    hass: HomeAssistant,
    recorder: SimulatedRecorder,
    set_up: SetUp,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fleet, "RETRY_SECONDS", 0.01)
    FakeKeeper.refuses = RequestRefused("eth0 is not there")
    entry = dedicated(recorder)
    assert await set_up(entry)
    assert statuses(hass, entry) == ["waiting_for_address"] * 2
    assert (await stored(hass)).specs == ()
    await asyncio.sleep(0.1)
    await hass.async_block_till_done()
    (issue,) = ir.async_get(hass).issues.values()
    assert issue.translation_placeholders == {"recorder": "Recorder", "reason": "eth0 is not there"}
    assert len([one for one in caplog.records if "could not be made" in one.message]) == 1

    FakeKeeper.refuses = None
    await reaches(hass, entity_ids(hass, entry, "_status")[0], "running")
    assert not ir.async_get(hass).issues


async def test_while_the_service_on_the_host_keeps_them_the_cameras_take_those_that_are_free(
    hass: HomeAssistant,
    recorder: SimulatedRecorder,
    set_up: SetUp,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fleet, "RETRY_SECONDS", 0.01)
    FakeKeeper.refuses_start = KeptElsewhere("the host keeps them")
    entry = dedicated(recorder)
    assert await set_up(entry)
    assert statuses(hass, entry) == ["waiting_for_address"] * 2
    FakeWatch.current.show("cam1", "02:00:00:00:00:61", "127.0.0.5")  # made by the service on the host
    await hass.async_block_till_done()
    assert statuses(hass, entry) == ["running", "waiting_for_address"]
    assert not ir.async_get(hass).issues
    assert "could not be made" not in caplog.text

    FakeKeeper.refuses_start = None  # the service was removed, or had them for a moment only
    await reaches(hass, entity_ids(hass, entry, "_status")[1], "running")
    assert state_of(hass, entity_ids(hass, entry, "_mac")[0]) == "02:00:00:00:00:61"


@pytest.mark.parametrize("refusal", [NotPermitted("no capability"), KernelRefused("no memory")])
async def test_why_it_can_not_keep_them_is_told_and_tried_again(
    hass: HomeAssistant,
    recorder: SimulatedRecorder,
    set_up: SetUp,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    refusal: InterfaceError,
) -> None:
    monkeypatch.setattr(fleet, "RETRY_SECONDS", 0.01)
    FakeKeeper.refuses_start = refusal
    entry = dedicated(recorder)
    assert await set_up(entry)
    FakeWatch.current.show("cam1", "02:00:00:00:00:61", "127.0.0.5")  # of somebody else
    await asyncio.sleep(0.1)
    await hass.async_block_till_done()
    assert statuses(hass, entry) == ["waiting_for_address"] * 2
    (issue,) = ir.async_get(hass).issues.values()
    assert issue.translation_placeholders == {"recorder": "Recorder", "reason": str(refusal)}
    assert len([one for one in caplog.records if one.levelno >= WARNING and one.name == LOGGER.name]) == 1

    FakeKeeper.refuses_start = None
    await reaches(hass, entity_ids(hass, entry, "_status")[0], "running")
    assert not ir.async_get(hass).issues


async def test_a_service_that_keeps_them_is_taken_for_the_reason_also_without_the_privilege(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    FakeKeeper.refuses_start = NotPermitted("no capability")
    with patch.object(interface_manager, "is_kept", lambda: True):
        entry = dedicated(recorder)
        assert await set_up(entry)
        FakeWatch.current.show("cam1", "02:00:00:00:00:61", "127.0.0.5")
        await hass.async_block_till_done()
        assert statuses(hass, entry) == ["running", "waiting_for_address"]
        assert not ir.async_get(hass).issues


async def test_who_can_not_keep_its_own_interfaces_sends_nobody_to_the_host(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    FakeKeeper.refuses_start = KernelRefused(Fault.NETLINK_FAILED, reason="no memory")
    hass.config.language = "de"
    await restart(hass, entry)
    manager = await async_get_manager(hass)
    gone = finding(Check.INTERFACE_MISSING, fixable=True)
    with patch.object(interface_health, "diagnose", AsyncMock(return_value=[gone])) as diagnosed:
        await manager.health.async_check()
    assert diagnosed.await_args is not None
    assert diagnosed.await_args.args == (await stored(hass),)
    issues = {one.translation_key: one.translation_placeholders for one in ir.async_get(hass).issues.values()}
    assert set(issues) == {"interfaces_not_made", "interface_interface_missing_fixable"}
    reason = GERMAN["fault_netlink_failed"].format(reason="no memory")
    assert issues["interfaces_not_made"] == {"recorder": entry.title, "reason": reason}


@pytest.mark.parametrize("content", ["nonsense", '{"version": 99, "interfaces": []}'])
async def test_an_inventory_that_can_not_be_read_is_told_left_as_it_is_and_read_again(
    hass: HomeAssistant,
    recorder: SimulatedRecorder,
    set_up: SetUp,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
) -> None:
    monkeypatch.setattr(fleet, "RETRY_SECONDS", 0.01)
    file = Path(hass.config.path(".storage/onvif_proxy.interfaces"))
    file.write_text(content)
    entry = dedicated(recorder)
    assert await set_up(entry)
    assert statuses(hass, entry) == ["waiting_for_address"] * 2
    assert file.read_text() == content
    (issue,) = ir.async_get(hass).issues.values()
    assert issue.translation_key == "interfaces_not_made"
    assert str(file) in (issue.translation_placeholders or {})["reason"]

    file.unlink()
    await reaches(hass, entity_ids(hass, entry, "_status")[0], "running")
    assert not ir.async_get(hass).issues


async def test_adding_again_with_another_wish_changes_the_interfaces_but_not_their_macs(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    entry = dedicated(recorder, remove=False)
    assert await set_up(entry)
    before = (await stored(hass)).specs
    await hass.config_entries.async_remove(entry.entry_id)
    again = dedicated(recorder, "192.0.2.201/24", "192.0.2.202/24")
    assert await set_up(again)
    after = (await stored(hass)).specs
    assert [(spec.id, spec.mac) for spec in after] == [(spec.id, spec.mac) for spec in before]
    assert [str(spec.address) for spec in after] == ["192.0.2.201/24", "192.0.2.202/24"]


@pytest.mark.parametrize("remove", [True, False])
async def test_removing_the_entry_removes_its_interfaces_if_the_user_said_so(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp, remove: bool
) -> None:
    entry = dedicated(recorder, remove=remove)
    assert await set_up(entry)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert len((await stored(hass)).specs) == (0 if remove else 2)
    assert not FakeKeeper.current.running


async def test_interfaces_that_can_not_be_removed_are_told(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    FakeKeeper.refuses = KernelRefused("no")
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert "could not be removed" in caplog.text
    assert len((await stored(hass)).specs) == 2


async def test_interfaces_that_the_service_keeps_are_not_forgotten_as_if_they_were_removed(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    FakeKeeper.refuses_start = KeptElsewhere("the host keeps them")
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert "could not be removed: the host keeps them" in caplog.text
    assert len((await stored(hass)).specs) == 2


async def test_an_inventory_that_can_not_be_read_is_told_when_its_interfaces_are_to_be_removed(
    hass: HomeAssistant, recorder: SimulatedRecorder, set_up: SetUp, caplog: pytest.LogCaptureFixture
) -> None:
    Path(hass.config.path(".storage/onvif_proxy.interfaces")).write_text("nonsense")
    entry = dedicated(recorder)
    assert await set_up(entry)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert "could not be removed" in caplog.text


async def choose(hass: HomeAssistant, entity_id: str, option: str) -> None:
    await hass.services.async_call("select", "select_option", {"entity_id": entity_id, "option": option}, blocking=True)
    await hass.async_block_till_done()


async def test_a_camera_can_be_moved_to_a_free_interface(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    first, second = entity_ids(hass, entry, "_interface")
    assert hass.states.get(first).attributes["options"] == ["onvifcam1"]
    FakeWatch.current.show("spare1", "02:00:00:00:00:51", "127.0.0.4")
    await hass.async_block_till_done()
    assert hass.states.get(first).attributes["options"] == ["onvifcam1", "spare1"]

    await choose(hass, first, "spare1")
    assert state_of(hass, first) == "spare1"
    assert state_of(hass, entity_ids(hass, entry, "_mac")[0]) == "02:00:00:00:00:51"
    assert state_of(hass, entity_ids(hass, entry, "_address")[0]).startswith("127.0.0.4:")
    assert hass.states.get(second).attributes["options"] == ["onvifcam2", "onvifcam1"]
    await choose(hass, first, "spare1")
    assert state_of(hass, first) == "spare1"


async def test_two_cameras_never_get_the_same_interface(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    first, second = entity_ids(hass, entry, "_interface")
    FakeWatch.current.show("spare1", "02:00:00:00:00:51", "127.0.0.4")
    await hass.async_block_till_done()
    cameras = list(entry.runtime_data.fleet.cameras.values())
    assert await entry.runtime_data.fleet.async_select_interface(cameras[0], "spare1")
    assert not await entry.runtime_data.fleet.async_select_interface(cameras[1], "spare1")
    with pytest.raises(ServiceValidationError):
        await choose(hass, second, "spare1")
    assert [state_of(hass, one) for one in (first, second)] == ["spare1", "onvifcam2"]


async def test_the_link_of_an_interface_is_shown(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    link = entity_ids(hass, entry, "_link")[0]
    FakeWatch.current.interfaces["onvifcam1"] = replace(FakeWatch.current.interfaces["onvifcam1"], up=False)
    FakeWatch.current.show("another", "02:00:00:00:00:77")
    await hass.async_block_till_done()
    assert state_of(hass, link) == STATE_OFF


def finding(check: Check, *, fixable: bool) -> Finding:
    return Finding(check=check, interface="onvifcam1", id=1, facts={"address": "192.0.2.1"}, fixable=fixable)


async def test_findings_become_issues_and_go_with_their_cause(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    manager = await async_get_manager(hass)
    lost, broken = finding(Check.LEASE_LOST, fixable=False), finding(Check.RULE_MISSING, fixable=True)
    with patch.object(interface_health, "diagnose", AsyncMock(return_value=[lost, broken])):
        await manager.health.async_check()
    issues = {one.translation_key: one for (domain, _), one in ir.async_get(hass).issues.items() if domain == DOMAIN}
    assert set(issues) == {"interface_lease_lost", "interface_rule_missing_fixable"}
    assert not issues["interface_lease_lost"].is_fixable
    assert issues["interface_rule_missing_fixable"].translation_placeholders == {
        "interface": "onvifcam1",
        "address": "192.0.2.1",
    }

    with patch.object(interface_health, "diagnose", AsyncMock(side_effect=KernelRefused("no"))):
        await manager.health.async_check()
    assert len(ir.async_get(hass).issues) == 2  # nothing is known, so nothing is said to be cured
    await manager.health.async_check()
    assert not ir.async_get(hass).issues


async def test_a_fixable_issue_is_fixed_by_a_click(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, REPAIRS, {})
    manager = await async_get_manager(hass)
    client = await hass_client()

    async def click() -> dict[str, Any]:
        answer = await client.post(
            "/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": "interface_rule_missing_onvifcam1"}
        )
        step = await answer.json()
        assert step["step_id"] == "confirm"
        return dict(await (await client.post(f"/api/repairs/issues/fix/{step['flow_id']}", json={})).json())

    with patch.object(
        interface_health, "diagnose", AsyncMock(return_value=[finding(Check.RULE_MISSING, fixable=True)])
    ):
        await manager.health.async_check()
        hass.config.language = "de"
        parent_off = GERMAN["fault_parent_off"].format(command="ip link")
        half_done = KernelRefused(Fault.PARENT_OFF, command="ip link")
        half_done.left = ("ip rule", "ip addr")
        left = GERMAN["left_behind"].format(commands="ip rule; ip addr")
        for error, said in (
            (KernelRefused("busy"), "busy"),
            (KernelRefused(Fault.PARENT_OFF, command="ip link"), parent_off),
            (half_done, f"{parent_off} {left}"),
        ):
            FakeKeeper.refuses = error
            refused = await click()
            assert (refused["type"], refused["reason"]) == ("abort", "repair_failed")
            assert refused["description_placeholders"] == {"reason": said}
        FakeKeeper.refuses = None
        undone = await click()
        assert (undone["type"], undone["reason"]) == ("abort", "still_wrong")
        assert len(ir.async_get(hass).issues) == 1
    assert (await click())["type"] == "create_entry"
    assert FakeKeeper.current.repaired == 2
    assert not ir.async_get(hass).issues


async def test_a_click_begins_to_keep_them_where_that_failed_before(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    FakeKeeper.refuses_start = KernelRefused("no memory")
    await restart(hass, entry)
    manager = await async_get_manager(hass)
    with pytest.raises(KernelRefused):
        await manager.async_repair()
    FakeKeeper.refuses_start = None
    await manager.async_repair()
    assert FakeKeeper.current.running
