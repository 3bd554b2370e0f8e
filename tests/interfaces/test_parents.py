"""Which interfaces cameras can sit on, told from a state of the kernel and a tree like /sys."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import parents
from custom_components.onvif_proxy.interfaces.neighbours import Neighbour
from custom_components.onvif_proxy.interfaces.parents import (
    Hypervisor,
    Parent,
    ParentWarning,
    Refusal,
    list_parents,
    propose_addresses,
)
from custom_components.onvif_proxy.interfaces.sentences import HYPERVISOR_SETTINGS, REFUSALS, WARNINGS
from custom_components.onvif_proxy.interfaces.state import InterfaceAddress, Link, Route, Snapshot

from .kernel_state import DEFAULT, ETH0, camera_link, snapshot

ETH1 = replace(ETH0, name="eth1", index=7, addresses=(InterfaceAddress(address="10.0.0.5", prefix_length=24),))


class Host:
    """A host that the tests invent."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Begin with a machine that has a file system and no interface."""
        self.sysfs = folder / "sys"
        self.container_file = folder / "dockerenv"
        self.neighbours: list[Neighbour] = []
        self.state = snapshot()
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(parents, "read_snapshot", self._read_snapshot)
        monkeypatch.setattr(parents, "read_neighbours", self._read_neighbours)

    async def _read_snapshot(self) -> Snapshot:
        return self.state

    async def _read_neighbours(self) -> list[Neighbour]:
        return self.neighbours

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of /sys."""
        for name, text in files.items():
            file = self.sysfs / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n", encoding="utf-8")

    async def parents(self, *links: Link, routes: tuple[Route, ...] = (DEFAULT,)) -> dict[str, Parent]:
        """List the parents of this host with these links, loopback left out."""
        self.state = snapshot(*links, routes=routes)
        listed = await list_parents(sysfs=self.sysfs, container_files=[self.container_file])
        return {one.name: one for one in listed if one.name != "lo"}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that the test invents."""
    return Host(tmp_path, monkeypatch)


async def test_a_wired_interface_carries_cameras(host: Host) -> None:
    host.write({"class/net/eth0/speed": "1000"})
    assert await host.parents(ETH0) == {
        "eth0": Parent(name="eth0", mac=ETH0.mac, addresses=ETH0.addresses, speed_mbit=1000, refusal=None)
    }


async def test_the_one_to_the_router_comes_first_and_refused_ones_last(host: Host) -> None:
    unplugged = replace(ETH0, name="eno1", index=9, up=False)
    listed = await host.parents(unplugged, ETH1, ETH0, replace(ETH1, name="eno2", index=8))
    assert list(listed) == ["eth0", "eno2", "eth1", "eno1"]
    over_eth1 = replace(DEFAULT, interface="eth1")
    assert list(await host.parents(unplugged, ETH0, ETH1, routes=(over_eth1,))) == ["eth1", "eth0", "eno1"]


async def test_the_interfaces_of_our_cameras_are_not_offered(host: Host) -> None:
    assert list(await host.parents(ETH0, camera_link())) == ["eth0"]


async def test_a_host_without_sysfs_has_parents_all_the_same(host: Host) -> None:
    listed = await host.parents(ETH0)
    assert (listed["eth0"].speed_mbit, listed["eth0"].refusal, listed["eth0"].hypervisor) == (None, None, None)


@pytest.mark.parametrize("speed", ["-1", "4294967295", "0", ""])
async def test_a_speed_that_is_none_is_unknown(host: Host, speed: str) -> None:
    host.write({"class/net/eth0/speed": speed})
    assert (await host.parents(ETH0))["eth0"].speed_mbit is None


async def test_a_speed_that_the_driver_refuses_to_tell_is_unknown(host: Host) -> None:
    # Reading it fails with EINVAL on the real thing, and with EISDIR here.
    (host.sysfs / "class/net/eth0/speed").mkdir(parents=True)
    assert (await host.parents(ETH0))["eth0"].speed_mbit is None


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"loopback": True}, Refusal.LOOPBACK),
        ({"wireless": True}, Refusal.WIRELESS),
        ({"kind": "macvlan", "parent": "eth1"}, Refusal.MACVLAN),
        ({"kind": "ipvlan"}, Refusal.MACVLAN),
        ({"ethernet": False, "kind": "tun"}, Refusal.NOT_ETHERNET),
        ({"kind": "dummy"}, Refusal.NOT_ETHERNET),
        ({"master": "br0"}, Refusal.BRIDGE_PORT),
        ({"enabled": False, "up": False}, Refusal.DOWN),
        ({"up": False}, Refusal.NO_CARRIER),
        ({"addresses": ()}, Refusal.NO_ADDRESS),
    ],
)
async def test_what_cannot_carry_cameras_is_refused_with_the_reason(
    host: Host, changes: dict[str, Any], refusal: Refusal
) -> None:
    parent = (await host.parents(replace(ETH0, **changes)))["eth0"]
    assert parent.refusal is refusal
    assert parent.sentences[0].startswith("eth0 ")


@pytest.mark.parametrize("sign", ["wireless", "phy80211"])
async def test_wifi_is_told_by_either_of_its_folders(host: Host, sign: str) -> None:
    (host.sysfs / "class/net/eth0" / sign).mkdir(parents=True)
    assert (await host.parents(ETH0))["eth0"].refusal is Refusal.WIRELESS


@pytest.mark.parametrize(
    "name", ["docker0", "docker_gwbridge", "hassio", "br-0123456789ab", "veth1a2b3c", "podman1", "virbr0", "lxcbr0"]
)
async def test_networks_of_containers_are_refused_by_their_names(host: Host, name: str) -> None:
    assert (await host.parents(replace(ETH0, name=name)))[name].refusal is Refusal.CONTAINER_NETWORK


@pytest.mark.parametrize("name", ["br0", "br-lan", "vmbr0", "bond0", "eth0.20"])
async def test_bridges_bonds_and_vlans_of_the_lan_are_not(host: Host, name: str) -> None:
    assert (await host.parents(replace(ETH0, name=name)))[name].refusal is None


async def test_a_bridge_between_containers_alone_is_refused_whatever_its_name(host: Host) -> None:
    bridge = replace(ETH1, name="cams", kind="bridge")
    container = replace(ETH1, name="tap7", index=8, kind="tun", master="cams")
    assert (await host.parents(bridge, container))["cams"].refusal is Refusal.CONTAINER_NETWORK
    wired = replace(ETH1, name="eno1", index=9, master="cams")
    assert (await host.parents(bridge, container, wired))["cams"].refusal is None
    to_the_router = replace(DEFAULT, interface="cams")
    assert (await host.parents(bridge, container, routes=(to_the_router,)))["cams"].refusal is None


async def test_what_to_use_instead_is_told_where_it_is_known(host: Host) -> None:
    port = (await host.parents(replace(ETH0, master="br0")))["eth0"]
    assert port.instead == "br0"
    assert port.sentences == ["eth0 is a port of a bridge or bond, which takes all its frames. Use that one: br0."]
    macvlan = (await host.parents(replace(ETH0, kind="macvlan", parent="eth1")))["eth0"]
    assert macvlan.instead == "eth1"
    assert (await host.parents(ETH0))["eth0"].instead is None


@pytest.mark.parametrize(
    ("files", "hypervisor"),
    [
        ({"sys_vendor": "QEMU", "bios_vendor": "Proxmox distribution of EDK II"}, Hypervisor.PROXMOX),
        ({"sys_vendor": "QEMU", "product_name": "Standard PC (Q35 + ICH9, 2009)"}, Hypervisor.KVM),
        ({"sys_vendor": "Red Hat", "product_name": "KVM"}, Hypervisor.KVM),
        ({"sys_vendor": "VMware, Inc.", "product_name": "VMware20,1"}, Hypervisor.VMWARE),
        ({"sys_vendor": "innotek GmbH", "product_name": "VirtualBox"}, Hypervisor.VIRTUALBOX),
        ({"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"}, Hypervisor.HYPER_V),
        ({"sys_vendor": "Xen", "product_name": "HVM domU"}, Hypervisor.XEN),
    ],
)
async def test_a_virtual_machine_is_told_by_its_hypervisor_and_what_to_switch_on_there(
    host: Host, files: dict[str, str], hypervisor: Hypervisor
) -> None:
    host.write({f"class/dmi/id/{name}": text for name, text in files.items()})
    parent = (await host.parents(ETH0))["eth0"]
    assert (parent.refusal, parent.warnings, parent.hypervisor) == (None, (ParentWarning.VIRTUAL_MACHINE,), hypervisor)
    assert str(hypervisor) in parent.sentences[0]
    assert parent.sentences[0].endswith(HYPERVISOR_SETTINGS[hypervisor])


@pytest.mark.parametrize(
    "files",
    [
        {"sys_vendor": "Microsoft Corporation", "product_name": "Surface Pro"},
        {"sys_vendor": "ASUSTeK COMPUTER INC.", "product_name": "NUC14RVK"},
    ],
)
async def test_a_machine_of_its_own_is_not_taken_for_a_virtual_one(host: Host, files: dict[str, str]) -> None:
    host.write({f"class/dmi/id/{name}": text for name, text in files.items()})
    assert (await host.parents(ETH0))["eth0"].warnings == ()


@pytest.mark.parametrize(
    ("changes", "warned"), [({"up": False}, True), ({"addresses": ()}, True), ({"master": "br0"}, False)]
)
async def test_a_virtual_machine_is_told_of_all_that_could_carry_cameras(
    host: Host, changes: dict[str, Any], warned: bool
) -> None:
    host.write({"class/dmi/id/sys_vendor": "QEMU"})
    parent = (await host.parents(replace(ETH0, **changes)))["eth0"]
    assert parent.refusal is not None
    assert parent.sentences[0].startswith("eth0 ")
    assert bool(parent.warning_sentences) is warned


async def test_xen_is_told_without_dmi_but_not_on_its_own_host(host: Host) -> None:
    host.write({"hypervisor/type": "xen"})
    assert (await host.parents(ETH0))["eth0"].hypervisor == "Xen"
    host.write({"class/dmi/id/sys_vendor": "Supermicro"})
    assert (await host.parents(ETH0))["eth0"].hypervisor is None


async def test_a_container_with_a_network_of_its_own_is_warned_of(host: Host) -> None:
    virtual = replace(ETH0, kind="veth")
    assert (await host.parents(virtual))["eth0"].warnings == ()
    host.container_file.touch()
    parent = (await host.parents(virtual))["eth0"]
    assert parent.warnings == (ParentWarning.CONTAINER_BRIDGE,)
    assert "Give the container the host's network" in parent.sentences[0]
    # With the host's network it has the real thing.
    assert (await host.parents(ETH0))["eth0"].warnings == ()


def test_every_key_has_its_sentence() -> None:
    assert set(REFUSALS) == set(Refusal)
    assert set(WARNINGS) == set(ParentWarning)
    assert set(HYPERVISOR_SETTINGS) == set(Hypervisor)


def parent_with(address: str, prefix_length: int) -> Parent:
    """Return a parent with an address."""
    addresses = (InterfaceAddress(address=address, prefix_length=prefix_length),)
    return Parent(name="eth0", mac=ETH0.mac, addresses=addresses, speed_mbit=None, refusal=None)


class Lan:
    """Devices that answer ARP."""

    def __init__(self, *addresses: str) -> None:
        """Name those that are in use."""
        self.addresses = addresses
        self.asked: list[tuple[str, str]] = []

    async def probe(self, interface: str, mac: str, address: IPv4Address) -> str | None:
        """Ask."""
        assert mac == ETH0.mac
        self.asked.append((interface, str(address)))
        return "00:11:22:33:44:55" if str(address) in self.addresses else None


async def test_addresses_are_proposed_from_near_the_top_of_the_subnet_in_order(host: Host) -> None:
    host.state = snapshot(ETH0)
    proposed = await propose_addresses(parent_with("192.168.1.5", 24), 3, (), probe=Lan().probe)
    assert proposed == ["192.168.1.247", "192.168.1.248", "192.168.1.249"]


async def test_addresses_in_use_are_not_proposed(host: Host) -> None:
    addresses = (*ETH0.addresses, InterfaceAddress(address="192.168.1.249", prefix_length=24))
    router = replace(DEFAULT, gateway=IPv4Address("192.168.1.248"))
    host.state = snapshot(replace(ETH0, addresses=addresses), routes=(router,))
    facts = {"index": 2, "asked": False, "silent": False, "fresh": False}
    host.neighbours = [
        Neighbour(address=IPv4Address("192.168.1.246"), mac="00:11:22:33:44:55", **facts),
        # Nobody answered there.
        Neighbour(address=IPv4Address("192.168.1.245"), mac="", **(facts | {"silent": True})),
    ]
    lan = Lan("192.168.1.244")
    proposed = await propose_addresses(parent_with("192.168.1.5", 24), 2, ["192.168.1.247"], probe=lan.probe)
    assert proposed == ["192.168.1.243", "192.168.1.245"]
    assert ("eth0", "192.168.1.244") in lan.asked


async def test_a_small_subnet_gives_all_it_has_but_its_own_addresses(host: Host) -> None:
    host.state = snapshot(ETH0)
    proposed = await propose_addresses(parent_with("10.0.0.1", 29), 32, ["10.0.0.1"], probe=Lan().probe)
    assert proposed == [f"10.0.0.{number}" for number in range(2, 7)]


async def test_the_last_addresses_of_a_big_subnet_are_given_when_no_others_are_left(host: Host) -> None:
    host.state = snapshot(ETH0)
    every = await propose_addresses(parent_with("192.168.1.5", 24), 253, (), probe=Lan("192.168.1.9").probe)
    # Without this host, the router and who answered.
    assert len(every) == 251
    assert {"192.168.1.250", "192.168.1.254"} < set(every)


async def test_addresses_that_are_claimed_are_made_up_for_by_asking_on(host: Host) -> None:
    host.state = snapshot(ETH0)
    lan = Lan(*(f"192.168.1.{number}" for number in range(100, 255)))
    proposed = await propose_addresses(parent_with("192.168.1.5", 24), 2, (), probe=lan.probe)
    assert proposed == ["192.168.1.98", "192.168.1.99"]


async def test_who_has_not_claimed_an_address_in_time_does_not_have_it(host: Host) -> None:
    host.state = snapshot(ETH0)
    asked = []

    async def never(interface: str, mac: str, address: IPv4Address) -> str | None:
        asked.append(str(address))
        await asyncio.Event().wait()
        return None

    proposed = await propose_addresses(parent_with("192.168.1.5", 24), 32, (), probe=never, timeout=0.05)
    assert len(proposed) == 32
    assert set(proposed) < set(asked)


async def test_a_subnet_where_everything_is_claimed_proposes_nothing(host: Host) -> None:
    host.state = snapshot(ETH0)

    async def proxy(interface: str, mac: str, address: IPv4Address) -> str | None:
        return "00:11:22:33:44:55"

    assert await propose_addresses(parent_with("192.168.1.5", 24), 4, (), probe=proxy) == []


async def test_a_parent_without_an_address_has_none_to_propose() -> None:
    parent = Parent(name="eth0", mac=ETH0.mac, addresses=(), speed_mbit=None, refusal=Refusal.NO_ADDRESS)
    assert await propose_addresses(parent, 4, ()) == []


async def test_without_a_probe_what_the_kernel_knows_must_do(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none_available() -> None:
        return None

    monkeypatch.setattr(parents, "available_probe", none_available)
    host.state = snapshot(ETH0)
    assert await propose_addresses(parent_with("192.168.1.5", 24), 1, ["192.168.1.249"]) == ["192.168.1.248"]
