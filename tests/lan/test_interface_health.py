"""Repair issues about interfaces that the host's script made, of a real kernel and a real issue registry."""

from collections.abc import Mapping
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import async_test_home_assistant

from custom_components.onvif_proxy import interface_health
from custom_components.onvif_proxy.interface_health import InterfaceHealth
from custom_components.onvif_proxy.interfaces import Inventory, InventoryFile, read_snapshot
from custom_components.onvif_proxy.interfaces.plan import existing_specs

from .bed import GATEWAY, Lan
from .cameras import ADDRESSES, THREE_CAMERAS, macs, run_script


async def checked(hass: HomeAssistant, health: InterfaceHealth) -> Mapping[str, Mapping[str, str] | None]:
    """Have it look, and return what the issues say."""
    await health.async_check()
    found = ir.async_get(hass).issues.values()
    return {one.translation_key or "": one.translation_placeholders for one in found}


def test_each_fault_of_a_cameras_interface_is_an_issue_until_it_is_cured(
    lan: Lan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan.ip("client", "addr", "add", f"{GATEWAY}/24", "dev", "eth0")
    run_script(lan, *THREE_CAMERAS)
    by_address = macs(lan)
    front, back = by_address[ADDRESSES[0]], by_address[ADDRESSES[1]]
    monkeypatch.setattr(interface_health, "HOST_INVENTORY", tmp_path / "interfaces.json")

    async def scenario() -> None:
        async with async_test_home_assistant() as hass:
            health = InterfaceHealth(hass, lambda: None)
            leave = health.async_watch(lambda: {front: "Front", back: "Back"})
            assert await checked(hass, health) == {}

            lan.ip("ha", "rule", "del", "from", ADDRESSES[0], "priority", "7602")
            lan.ip("ha", "rule", "del", "from", ADDRESSES[2], "priority", "7602")  # of no camera
            rule_missing = {"interface": "onvifcam1", "address": ADDRESSES[0]}
            assert await checked(hass, health) == {"interface_rule_missing_host": rule_missing}
            run_script(lan, "apply")
            assert await checked(hass, health) == {}

            lan.ip("ha", "link", "set", "eth0", "down")
            assert set(await checked(hass, health)) == {"interface_parent_down"}
            lan.ip("ha", "link", "set", "eth0", "up")
            # Restoring it brings back no route of the host's own, which is not the doctor's matter.
            run_script(lan, "apply")
            assert await checked(hass, health) == {}

            # As the service's file says it, which knows more than the kernel when something is gone.
            specs = tuple(existing_specs(await read_snapshot()))
            lan.ip("ha", "link", "del", "onvifcam1")
            missing = {"interface": "-", "cameras": f"Front ({front})"}
            assert (await checked(hass, health))["interface_interface_missing_host"] == missing
            InventoryFile(tmp_path / "interfaces.json").save(Inventory(specs=specs))
            assert (await checked(hass, health))["interface_interface_missing_host"] == missing
            lan.ip("switch", "link", "del", "ha")
            issues = await checked(hass, health)
            assert issues == {"interface_parent_gone_host": {"interface": "eth0", "cameras": "onvifcam1, onvifcam2"}}

            leave()
            assert not ir.async_get(hass).issues
            await hass.async_stop(force=True)

    lan.run_async("ha", scenario)
