"""Findings as repair issues where the host's service keeps the interfaces: those of cameras, with what to do on the host."""

from collections.abc import Awaitable, Callable, Iterator
import json
from pathlib import Path
from unittest.mock import AsyncMock, patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.onvif_proxy import fleet, interface_health
from custom_components.onvif_proxy.const import CONF_ADDRESSING, DOMAIN, Addressing
from custom_components.onvif_proxy.interface_health import CHECK_INTERVAL
from custom_components.onvif_proxy.interfaces import Check, Fault, Finding, InterfaceSpec, Inventory, InventoryFile
from tests.simulated_nvr import SimulatedRecorder

from . import entity_ids, entry_for
from .test_fleet import FakeWatch

GERMAN = json.loads((Path(interface_health.__file__).parent / "translations/de.json").read_text())["common"]

type SetUp = Callable[[MockConfigEntry], Awaitable[bool]]

MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")


class Doctor:
    """Answers for the kernel, and remembers what it was asked."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.inventory = Inventory()
        self.macs: set[str] = set()

    async def diagnose(self, inventory: Inventory, *, macs: set[str]) -> list[Finding]:
        self.inventory, self.macs = inventory, set(macs)
        return self.findings


@pytest.fixture
def doctor(tmp_path: Path) -> Iterator[Doctor]:
    """Pretend the kernel: what is wrong with it, and the interfaces of the watch."""
    pretended = Doctor()

    async def present() -> list[object]:
        return list(FakeWatch.current.interfaces.values())

    with (
        patch.object(fleet, "InterfaceWatch", FakeWatch),
        patch.object(interface_health, "diagnose", pretended.diagnose),
        patch.object(interface_health, "read_interfaces", present),
        patch.object(interface_health, "is_in_container_network", AsyncMock(return_value=False)),
        patch.object(interface_health, "HOST_INVENTORY", tmp_path / "interfaces.json"),
    ):
        yield pretended


@pytest.fixture
async def entry(hass: HomeAssistant, doctor: Doctor, recorder: SimulatedRecorder, set_up: SetUp) -> MockConfigEntry:
    """An entry whose two cameras have interfaces that the host's service made; a third is nobody's."""
    made = entry_for(recorder, **{CONF_ADDRESSING: Addressing.DEDICATED.value})
    assert await set_up(made)
    for number, mac in enumerate((*MACS, "02:00:00:00:00:03"), 1):
        FakeWatch.current.show(f"onvifcam{number}", mac, f"127.0.0.{number + 1}")
    await hass.async_block_till_done()
    return made


async def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Let a minute pass, and return the issues about interfaces by their text."""
    async_fire_time_changed(hass, dt_util.utcnow() + CHECK_INTERVAL)
    await hass.async_block_till_done(wait_background_tasks=True)
    found = (one for (domain, key), one in ir.async_get(hass).issues.items() if domain == DOMAIN)
    return {one.translation_key or "": one for one in found if one.issue_id.startswith("interface_")}


def finding(check: Check, interface: str = "onvifcam1", *, fixable: bool, **facts: str) -> Finding:
    return Finding(check=check, interface=interface, facts=facts, fixable=fixable)


async def test_what_cameras_use_is_looked_at_and_nothing_else(
    hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor
) -> None:
    assert await issues(hass) == {}
    assert doctor.macs == set(MACS)
    switch = entity_ids(hass, entry, "_running")[0]
    await hass.services.async_call("switch", "turn_off", {"entity_id": switch}, blocking=True)
    assert await issues(hass) == {}
    assert doctor.macs == {MACS[1]}


async def test_findings_say_what_to_do_on_the_host_and_go_with_their_cause(
    hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor
) -> None:
    doctor.findings = [
        finding(Check.RULE_MISSING, fixable=True, address="192.0.2.1"),
        finding(Check.PARENT_GONE, "eth0", fixable=False, cameras="onvifcam1"),
        finding(Check.DUPLICATE_MAC, fixable=False, mac=MACS[0], other="eth1"),
    ]
    found = await issues(hass)
    assert set(found) == {
        "interface_rule_missing_host",
        "interface_parent_gone_host",
        "interface_duplicate_mac",  # whoever keeps the interfaces, this is to be done elsewhere
    }
    assert not any(one.is_fixable for one in found.values())
    assert found["interface_rule_missing_host"].translation_placeholders == {
        "interface": "onvifcam1",
        "address": "192.0.2.1",
    }
    doctor.findings = []
    assert await issues(hass) == {}


async def test_why_a_parent_is_refused_is_said_in_the_language_of_this_home(
    hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor
) -> None:
    hass.config.language = "de"
    facts = {"cameras": "onvifcam1", "refusal": "wireless", "reason": "wlan0 is wireless."}
    doctor.findings = [finding(Check.PARENT_REFUSED, "wlan0", fixable=False, **facts)]
    placeholders = (await issues(hass))["interface_parent_refused_host"].translation_placeholders
    assert placeholders is not None
    assert placeholders["reason"] == GERMAN["refusal_wireless"]


async def test_why_an_interface_can_not_be_as_it_should_is_said_in_the_language_of_this_home(
    hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor
) -> None:
    hass.config.language = "de"
    facts = {"fault": Fault.NAME_TAKEN, "other": "onvifcam2", "reason": "There is an interface onvifcam2 already."}
    doctor.findings = [finding(Check.INTERFACE_REFUSED, "onvifcam1", fixable=False, **facts)]
    placeholders = (await issues(hass))["interface_interface_refused"].translation_placeholders
    assert placeholders is not None
    assert placeholders["reason"] == GERMAN["fault_name_taken"].format(other="onvifcam2")


async def test_what_stops_no_camera_is_a_warning(hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor) -> None:
    doctor.findings = [
        finding(Check.IPV6_ADDRESSES, fixable=True),
        finding(Check.RULE_MISSING, fixable=True, address="192.0.2.1"),
    ]
    found = await issues(hass)
    assert {name: one.severity for name, one in found.items()} == {
        "interface_ipv6_addresses_host": ir.IssueSeverity.WARNING,
        "interface_rule_missing_host": ir.IssueSeverity.ERROR,
    }


async def test_interfaces_that_are_missing_are_one_issue_that_names_the_cameras(
    hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor
) -> None:
    gone = {name: FakeWatch.current.interfaces.pop(name) for name in ("onvifcam1", "onvifcam2", "onvifcam3")}
    # The one is told by the inventory, the other by the camera that had it.
    doctor.findings = [finding(Check.INTERFACE_MISSING, fixable=True, mac=MACS[0], parent="eth0")]
    (found,) = (await issues(hass)).values()
    assert found.translation_key == "interface_interface_missing_host"
    names = [one.camera.name for one in entry.runtime_data.fleet.cameras.values()]
    assert found.translation_placeholders == {
        "interface": "-",
        "cameras": ", ".join(f"{name} ({mac})" for name, mac in zip(names, MACS, strict=True)),
    }
    FakeWatch.current.interfaces |= gone
    doctor.findings = []
    assert await issues(hass) == {}


async def test_who_sees_a_containers_network_only_raises_no_alarm(
    hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor
) -> None:
    FakeWatch.current.interfaces.clear()
    with patch.object(interface_health, "is_in_container_network", AsyncMock(return_value=True)):
        assert await issues(hass) == {}


async def test_what_the_inventory_of_the_host_explains_is_not_told_twice(
    hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor, tmp_path: Path
) -> None:
    specs = tuple(
        InterfaceSpec(id=number, name=f"onvifcam{number}", mac=mac, parent="eth9", dhcp=True)
        for number, mac in enumerate(MACS, 1)
    )
    await hass.async_add_executor_job(InventoryFile(tmp_path / "interfaces.json").save, Inventory(specs=specs))
    FakeWatch.current.interfaces.clear()
    doctor.findings = [finding(Check.PARENT_GONE, "eth9", fixable=False, cameras="onvifcam1, onvifcam2")]
    assert set(await issues(hass)) == {"interface_parent_gone_host"}
    assert doctor.inventory.specs == specs


async def test_an_inventory_that_cannot_be_read_is_done_without(
    hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor, tmp_path: Path
) -> None:
    (tmp_path / "interfaces.json").write_text("nonsense")
    doctor.findings = [finding(Check.NO_ADDRESS, fixable=False)]
    assert set(await issues(hass)) == {"interface_no_address_host"}
    assert doctor.inventory == Inventory()


async def test_issues_end_with_the_last_entry(hass: HomeAssistant, entry: MockConfigEntry, doctor: Doctor) -> None:
    doctor.findings = [finding(Check.RULE_MISSING, fixable=True, address="192.0.2.1")]
    assert await issues(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await issues(hass) == {}


async def test_shared_cameras_need_no_interfaces(
    hass: HomeAssistant, doctor: Doctor, recorder: SimulatedRecorder, set_up: SetUp
) -> None:
    assert await set_up(entry_for(recorder))
    doctor.findings = [finding(Check.RULE_MISSING, fixable=True, address="192.0.2.1")]
    assert await issues(hass) == {}
