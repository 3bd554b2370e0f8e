"""The doctor on a host with cameras: silent while all is well, and one finding for each thing that is broken."""

import asyncio
import ctypes
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
import struct
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces.apply import do_steps
from custom_components.onvif_proxy.interfaces.doctor import diagnose
from custom_components.onvif_proxy.interfaces.errors import KernelRefused
from custom_components.onvif_proxy.interfaces.findings import Check, Finding
from custom_components.onvif_proxy.interfaces.inventory import Inventory
from custom_components.onvif_proxy.interfaces.kernel import read_snapshot
from custom_components.onvif_proxy.interfaces.parents import (
    Refusal,
    is_in_container_network,
    list_parents,
    propose_addresses,
)
from custom_components.onvif_proxy.interfaces.plan import InterfaceSpec, plan_apply
from custom_components.onvif_proxy.interfaces.steps import SetLink

from .bed import GATEWAY, HOSTS, NETWORK, Lan

INVENTORY = Inventory(
    specs=tuple(
        InterfaceSpec(
            id=number,
            name=f"onvifcam{number}",
            mac=f"02:00:00:00:0d:{number:02x}",
            parent="eth0",
            address=IPv4Interface(f"{NETWORK}.{100 + number}/24"),
            gateway=IPv4Address(GATEWAY),
        )
        for number in (1, 2)
    )
)
CAMERA = f"{NETWORK}.101"


async def nobody_else(interface: str, mac: str, address: IPv4Address) -> str | None:
    """Ask who has an address: nobody."""
    return None


async def apply() -> None:
    """Make the interfaces."""
    await do_steps(plan_apply(INVENTORY.specs, await read_snapshot()))


@pytest.fixture
def host(lan: Lan) -> Lan:
    """A LAN with a router, and with the cameras' interfaces on the Home Assistant host."""
    lan.ip("client", "addr", "add", f"{GATEWAY}/24", "dev", "eth0")
    lan.run_async("ha", apply)
    return lan


def diagnosis(lan: Lan, probe: Any = nobody_else, inventory: Inventory = INVENTORY) -> list[Finding]:
    """Ask the doctor."""
    return lan.run_async("ha", lambda: diagnose(inventory, probe=probe))


def found(lan: Lan) -> list[tuple[str, str | None, bool]]:
    """Return what the doctor finds, in short."""
    findings = diagnosis(lan)
    for finding in findings:
        assert finding.sentence
        assert finding.remedy
    return [(str(one.check), one.interface, one.fixable) for one in findings]


def test_a_healthy_host_has_no_finding(host: Lan) -> None:
    assert diagnosis(host) == []
    # Nor when all the others are asked by ARP.
    assert diagnosis(host, probe=None) == []
    # Nor has one whose rp_filter is the strict one.
    host.run("ha", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter"])
    assert diagnosis(host) == []
    # Nor when nobody wrote down what it should be.
    assert diagnosis(host, inventory=Inventory()) == []


def test_a_host_without_cameras_has_no_finding(lan: Lan) -> None:
    assert diagnosis(lan, inventory=Inventory()) == []


def give_up_capabilities() -> None:
    """Take all capabilities from this thread, and from those that it starts."""
    header = struct.pack("Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    if ctypes.CDLL(None, use_errno=True).capset(header, bytes(24)):
        raise OSError(ctypes.get_errno(), "capset")


def test_it_needs_no_privilege(host: Lan) -> None:
    async def scenario() -> list[Finding]:
        give_up_capabilities()
        with pytest.raises(KernelRefused):
            await do_steps([SetLink(name="onvifcam1", up=False)])
        return await diagnose(INVENTORY, probe=nobody_else)

    assert host.run_async("ha", scenario) == []
    host.ip("ha", "rule", "del", "priority", "7600", "from", CAMERA)
    assert [finding.check for finding in host.run_async("ha", scenario)] == [Check.RULE_MISSING]


FAULTS: dict[str, tuple[list[list[str]], list[tuple[str, str, bool]]]] = {
    "a rule": ([["rule", "del", "priority", "7600", "from", CAMERA]], [("rule_missing", "onvifcam1", True)]),
    "switched off": ([["link", "set", "onvifcam1", "down"]], [("link_down", "onvifcam1", True)]),
    "the address": ([["addr", "del", f"{CAMERA}/24", "dev", "onvifcam1"]], [("no_address", "onvifcam1", True)]),
    "another address": (
        [["addr", "add", f"{NETWORK}.150/24", "dev", "onvifcam1", "noprefixroute"]],
        [("wrong_address", "onvifcam1", True)],
    ),
    "the interface": ([["link", "del", "onvifcam1"]], [("interface_missing", "onvifcam1", True)]),
    "the parent": ([["link", "del", "eth0"]], [("parent_gone", "eth0", False)]),
    "the parent switched off": ([["link", "set", "eth0", "down"]], [("parent_down", "eth0", False)]),
    "a route": (
        [["route", "del", f"{NETWORK}.0/24", "dev", "onvifcam1", "table", "7701"]],
        [("reply_route", "onvifcam1", True)],
    ),
    "the default route": ([["route", "del", "default", "table", "7701"]], [("reply_route", "onvifcam1", True)]),
    "a main route": (
        [["route", "add", f"{NETWORK}.0/24", "dev", "onvifcam1", "metric", "50"]],
        [("main_route", "onvifcam1", True)],
    ),
    "a VPN": (
        [
            ["route", "add", f"{NETWORK}.0/24", "dev", "eth0", "table", "52"],
            ["rule", "add", "lookup", "52", "priority", "5270"],
        ],
        [("reply_route", "onvifcam1", False), ("reply_route", "onvifcam2", False)],
    ),
    "IPv6": ([["link", "set", "onvifcam1", "addrgenmode", "eui64"]], [("ipv6_addresses", "onvifcam1", True)]),
    "a MAC": (
        [["link", "add", "twin", "address", INVENTORY.specs[0].mac, "type", "bridge"]],
        [("duplicate_mac", "onvifcam1", False)],
    ),
    "an address elsewhere": (
        [["link", "add", "twin", "type", "bridge"], ["addr", "add", f"{CAMERA}/32", "dev", "twin"]],
        [("duplicate_address", "onvifcam1", False)],
    ),
    "a leftover": (
        [["rule", "add", "from", "10.9.9.9", "priority", "7600", "protocol", "77"]],
        [("leftover", None, True)],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_thing_that_is_broken_is_one_finding(host: Lan, fault: str) -> None:
    commands, expected = FAULTS[fault]
    for command in commands:
        host.ip("ha", *command)
    assert found(host) == expected


@pytest.mark.parametrize("fault", [fault for fault, (_, found) in FAULTS.items() if all(one[2] for one in found)])
def test_what_is_called_fixable_is_repaired_by_applying(host: Lan, fault: str) -> None:
    for command in FAULTS[fault][0]:
        host.ip("ha", *command)
    host.run_async("ha", apply)
    assert diagnosis(host) == []


@pytest.mark.parametrize(
    ("interface", "name", "value", "check"),
    [
        ("eth0", "arp_ignore", "0", "arp_settings"),
        ("onvifcam1", "arp_announce", "0", "arp_settings"),
        ("onvifcam1", "rp_filter", "1", "rp_filter"),
    ],
)
def test_a_setting_that_something_changed_is_a_finding(
    host: Lan, interface: str, name: str, value: str, check: str
) -> None:
    host.run("ha", ["sh", "-c", f"echo {value} > /proc/sys/net/ipv4/conf/{interface}/{name}"])
    assert found(host) == [(check, interface, True)]
    host.run_async("ha", apply)
    assert found(host) == []


def test_an_unplugged_cable_is_a_finding_until_it_is_back(host: Lan) -> None:
    host.ip("switch", "link", "set", "ha", "down")
    assert found(host) == [("no_carrier", "eth0", False)]
    host.ip("switch", "link", "set", "ha", "up")

    async def carrier() -> None:
        async with asyncio.timeout(5):
            while any(not link.up for link in (await read_snapshot()).links):
                await asyncio.sleep(0.02)

    host.run_async("ha", carrier)
    assert found(host) == []


def test_a_route_says_where_replies_go_instead(host: Lan) -> None:
    host.ip("ha", "route", "del", f"{NETWORK}.0/24", "dev", "onvifcam1", "table", "7701")
    (finding,) = diagnosis(host)
    assert finding.facts == {"address": CAMERA, "destination": f"{NETWORK}.0/24", "device": "eth0"}


def test_a_router_that_does_not_answer_is_one_finding_for_all_cameras(host: Lan) -> None:
    host.ip("client", "addr", "del", f"{GATEWAY}/24", "dev", "eth0")
    (finding,) = diagnosis(host)
    assert (finding.check, finding.interface) == (Check.GATEWAY_UNREACHABLE, "eth0")
    assert finding.facts == {"gateway": GATEWAY, "cameras": "onvifcam1, onvifcam2"}


def test_a_switch_that_drops_a_cameras_frames_is_told_from_a_router_that_is_off(host: Lan) -> None:
    mac = INVENTORY.specs[0].mac
    # As a hypervisor or a switch does that knows the host's own MAC only.
    host.ip("switch", "link", "set", "ha", "type", "bridge_slave", "learning", "off", "flood", "off")
    host.run("switch", ["bridge", "fdb", "replace", host.mac("ha"), "dev", "ha", "master", "static"])
    host.run("switch", ["bridge", "fdb", "replace", INVENTORY.specs[1].mac, "dev", "ha", "master", "static"])
    host.run("switch", ["bridge", "fdb", "del", mac, "dev", "ha", "master"], check=False)
    (finding,) = diagnosis(host)
    assert (finding.check, finding.interface) == (Check.FRAMES_LOST, "onvifcam1")
    assert finding.facts == {"gateway": GATEWAY, "mac": mac}


@pytest.mark.parametrize("given_up", [False, True])
def test_another_device_with_a_cameras_address_is_told(host: Lan, given_up: bool) -> None:
    host.ip("recorder", "addr", "add", f"{CAMERA}/24", "dev", "eth0")
    if given_up:
        host.ip("ha", "addr", "del", f"{CAMERA}/24", "dev", "onvifcam1")
    (finding,) = diagnosis(host, probe=None)
    assert (finding.check, finding.interface, finding.fixable) == (Check.DUPLICATE_ADDRESS, "onvifcam1", False)
    assert finding.facts == {"address": CAMERA, "other": host.mac("recorder")}


def test_another_device_with_a_cameras_mac_is_told_when_the_host_has_talked_to_it(host: Lan) -> None:
    neighbour = (f"{NETWORK}.99", "lladdr", INVENTORY.specs[0].mac, "dev", "eth0", "nud", "reachable")
    host.ip("ha", "neigh", "add", *neighbour)
    (finding,) = diagnosis(host)
    assert (finding.check, finding.interface) == (Check.DUPLICATE_MAC, "onvifcam1")
    assert finding.facts["other"] == f"{NETWORK}.99"


def test_addresses_that_devices_on_the_lan_have_are_found_by_asking_them(host: Lan) -> None:
    host.ip("recorder", "addr", "add", f"{NETWORK}.248/24", "dev", "eth0")

    async def scenario() -> list[str]:
        (parent,) = [one for one in await list_parents() if one.name == "eth0"]
        async with asyncio.timeout(3):
            return await propose_addresses(parent, 32, ())

    proposed = host.run_async("ha", scenario)
    assert len(proposed) == 32
    assert f"{NETWORK}.248" not in proposed
    assert {f"{NETWORK}.247", f"{NETWORK}.249"} < set(proposed)


def test_the_parents_of_a_host_are_listed(host: Lan) -> None:
    host.ip("ha", "link", "add", "name", "br0", "type", "bridge")
    listed = {one.name: one for one in host.run_async("ha", list_parents)}
    assert list(listed)[0] == "eth0"
    assert (listed["eth0"].refusal, listed["eth0"].mac) == (None, host.mac("ha"))
    assert listed["lo"].refusal is Refusal.LOOPBACK
    assert listed["br0"].refusal is Refusal.DOWN
    assert "onvifcam1" not in listed


def test_proposed_addresses_are_none_that_the_host_has_or_knows(host: Lan) -> None:
    host.ip("ha", "neigh", "add", f"{NETWORK}.249", "lladdr", "00:11:22:33:44:55", "dev", "eth0", "nud", "stale")

    async def scenario() -> list[str]:
        (parent,) = [one for one in await list_parents() if one.name == "eth0"]
        return await propose_addresses(parent, 200, (), probe=nobody_else)

    proposed = host.run_async("ha", scenario)
    assert len(proposed) == 200
    assert proposed == sorted(proposed, key=IPv4Address)
    in_use = {HOSTS["ha"], CAMERA, f"{NETWORK}.102", GATEWAY, f"{NETWORK}.249", f"{NETWORK}.0", f"{NETWORK}.255"}
    assert in_use.isdisjoint(proposed)


def test_a_containers_own_network_is_told_from_that_of_a_host(lan: Lan, tmp_path: Path) -> None:
    container_file = tmp_path / ".dockerenv"

    def contained() -> bool:
        return lan.run_async("ha", lambda: is_in_container_network(container_files=[container_file]))

    assert not contained()  # one end of a virtual cable, but no container
    container_file.touch()
    assert contained()
    lan.ip("ha", "link", "add", "br0", "type", "bridge")
    assert contained()  # off: kernels put such things into every namespace
    lan.ip("ha", "link", "set", "br0", "up")
    assert not contained()


def test_only_the_interfaces_that_are_asked_for_count(host: Lan) -> None:
    host.ip("ha", "rule", "del", "from", CAMERA, "priority", "7602")

    def found(*macs: str) -> list[Check]:
        return [one.check for one in host.run_async("ha", lambda: diagnose(INVENTORY, macs=macs, probe=nobody_else))]

    first, second = (spec.mac for spec in INVENTORY.specs)
    assert found(first, second) == [Check.RULE_MISSING]
    assert found(first) == [Check.RULE_MISSING]
    assert found(second) == []
    host.ip("ha", "link", "del", "onvifcam1")  # which leaves rules behind
    assert found(first) == [Check.INTERFACE_MISSING]
    assert found(second) == []
