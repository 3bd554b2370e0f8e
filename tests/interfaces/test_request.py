"""From a person's request to specifications: MACs, addresses, names, and what is refused."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
import re
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces.errors import RequestRefused
from custom_components.onvif_proxy.interfaces.parents import Hypervisor, Parent, ParentWarning, Refusal
from custom_components.onvif_proxy.interfaces.request import Request, derived_mac, specify, warnings
from custom_components.onvif_proxy.interfaces.state import Link

from .kernel_state import ETH0, GATEWAY, camera_link, snapshot

HOST = snapshot(ETH0)


def request(**changes: Any) -> Request:
    """Ask for three cameras on eth0, with changes."""
    asked = Request(parent="eth0", count=3, first_address=IPv4Interface("192.168.1.201/24"))
    return replace(asked, **changes)


def test_addresses_and_numbers_count_up_and_the_gateway_is_the_parents() -> None:
    specs = specify(request(), HOST, "host")
    assert [str(spec.address) for spec in specs] == ["192.168.1.201/24", "192.168.1.202/24", "192.168.1.203/24"]
    assert [(spec.id, spec.name) for spec in specs] == [(1, "onvifcam1"), (2, "onvifcam2"), (3, "onvifcam3")]
    assert {spec.gateway for spec in specs} == {GATEWAY}


def test_derived_macs_are_the_same_each_time_and_differ_by_host_parent_and_number() -> None:
    first = [spec.mac for spec in specify(request(), HOST, "host")]
    assert [spec.mac for spec in specify(request(), HOST, "host")] == first
    others = {
        derived_mac("other", "eth0", 1),
        derived_mac("host", "eth1", 1),
        *(derived_mac("host", "eth0", number) for number in range(1, 4)),
    }
    assert len(others) == 5
    assert others > set(first)


def test_derived_macs_are_locally_administered_unicast_and_not_dockers() -> None:
    for number in range(1, 2000):
        mac = derived_mac("host", "eth0", number)
        assert re.fullmatch(r"[0-9a-f][26ae](:[0-9a-f]{2}){5}", mac)
        assert not mac.startswith("02:42:")


def test_an_interface_that_is_there_keeps_its_name_and_number() -> None:
    mac = derived_mac("host", "eth0", 2)
    present = replace(
        camera_link(), name="front", mac=mac, alias="onvif_proxy:1 parent arp_ignore=0 arp_announce=0", addresses=()
    )
    specs = specify(request(), snapshot(ETH0, present), "host")
    assert [(spec.id, spec.name) for spec in specs] == [(2, "onvifcam2"), (1, "front"), (3, "onvifcam3")]


def test_without_addresses_the_gateway_waits_for_one() -> None:
    specs = specify(request(first_address=None), HOST, "host")
    assert {(spec.address, spec.gateway) for spec in specs} == {(None, GATEWAY)}


def test_the_parents_gateway_is_not_that_of_another_network() -> None:
    specs = specify(request(first_address=IPv4Interface("10.1.1.10/24")), HOST, "host")
    assert {spec.gateway for spec in specs} == {None}


def test_a_given_gateway_counts() -> None:
    given = IPv4Address("192.168.1.254")
    assert {spec.gateway for spec in specify(request(gateway=given), HOST, "host")} == {given}


@pytest.mark.parametrize("start", ["02:c0:ff:ee:00:ff", "02-C0-FF-EE-00-FF"])
def test_given_macs_count_up_over_the_bytes(start: str) -> None:
    macs = [spec.mac for spec in specify(request(mac_start=start), HOST, "")]
    assert macs == ["02:c0:ff:ee:00:ff", "02:c0:ff:ee:01:00", "02:c0:ff:ee:01:01"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"count": 0}, "must be from 1 to"),
        ({"count": 1000}, "must be from 1 to"),
        ({"mac_start": "02:00:00"}, "is not a MAC address"),
        ({"mac_start": "00:11:22:33:44:55"}, "not a locally administered"),
        ({"mac_start": "03:00:00:00:00:01"}, "not a locally administered"),
        ({"mac_start": "02:42:ac:11:00:02"}, "Docker's range"),
        ({"mac_start": "02:41:ff:ff:ff:ff"}, "Docker's range"),
        ({"mac_start": "02:ff:ff:ff:ff:ff"}, "not a locally administered"),
        ({"mac_start": "fe:ff:ff:ff:ff:ff"}, "not a locally administered"),
        ({"first_address": IPv4Interface("192.168.1.0/24")}, "address of the network"),
        ({"first_address": IPv4Interface("192.168.1.253/24")}, "do not fit into 192.168.1.0/24"),
        ({"first_address": IPv4Interface("192.168.1.201")}, "give the LAN's own prefix"),
        ({"first_address": IPv4Interface("192.168.1.3/24")}, "192.168.1.5 is used on this host already, by eth0"),
        ({"first_address": IPv4Interface("192.168.1.1/24")}, "the gateway's address"),
        ({"gateway": IPv4Address("192.168.1.202")}, "the gateway's address"),
        ({"gateway": IPv4Address("10.0.0.1")}, "is not in 192.168.1.0/24"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestRefused, match=reason):
        specify(request(**changes), HOST, "host")


def test_the_last_address_of_a_network_is_usable() -> None:
    specs = specify(request(count=2, first_address=IPv4Interface("192.168.1.253/24")), HOST, "host")
    assert str(specs[-1].address) == "192.168.1.254/24"


@pytest.mark.parametrize(
    ("parent", "reason"),
    [
        (replace(ETH0, loopback=True), "loopback"),
        (replace(ETH0, wireless=True), "Wi-Fi"),
        (replace(ETH0, kind="macvlan", parent="eth1"), "Use what it sits on: eth1"),
        (replace(ETH0, kind="ipvlan"), "Use what it sits on"),
        (replace(ETH0, master="br0"), "Use that one: br0"),
        (replace(ETH0, ethernet=False), "not wired Ethernet"),
        (replace(ETH0, kind="dummy"), "not wired Ethernet"),
        (replace(ETH0, kind="tun"), "not wired Ethernet"),
        (replace(ETH0, name="eth1"), "There is no interface eth0 on this host. Possible parents: eth1"),
    ],
)
def test_a_parent_that_cannot_work_is_refused_with_the_reason(parent: Link, reason: str) -> None:
    with pytest.raises(RequestRefused, match=reason):
        specify(request(), snapshot(parent), "host")


def test_what_joins_containers_is_refused_and_not_named_as_possible() -> None:
    docker = replace(ETH0, name="docker0", index=3, kind="bridge")
    with pytest.raises(RequestRefused, match="docker0 joins containers"):
        specify(request(parent="docker0"), snapshot(ETH0, docker), "host")
    with pytest.raises(RequestRefused, match=r"Possible parents: eth0\.$"):
        specify(request(parent="eth9"), snapshot(ETH0, docker), "host")


def test_one_that_was_good_enough_before_is_not_refused_by_its_name() -> None:
    asked = request(parent="br-0123456789ab", first_address=None)
    bridge = replace(ETH0, name=asked.parent, kind="bridge")
    assert len(specify(asked, snapshot(bridge), "host", {asked.parent})) == 3
    carrying = snapshot(bridge, replace(camera_link(), parent=asked.parent))
    assert len(specify(asked, carrying, "host")) == 3
    with pytest.raises(RequestRefused, match="Wi-Fi"):
        specify(asked, snapshot(replace(bridge, wireless=True)), "host", {asked.parent})


@pytest.mark.parametrize("kind", [None, "bridge", "bond", "vlan", "veth"])
def test_other_ethernet_interfaces_can_be_parents(kind: str | None) -> None:
    assert len(specify(request(), snapshot(replace(ETH0, kind=kind)), "host")) == 3


UNPLUGGED = replace(ETH0, up=False)
OFF = replace(ETH0, up=False, enabled=False)


def test_a_parent_without_carrier_is_refused_when_it_is_chosen_unless_that_is_meant() -> None:
    with pytest.raises(RequestRefused, match=r"no carrier.*Check its cable.*add --allow-no-carrier") as refused:
        specify(request(), snapshot(UNPLUGGED), "host")
    allowed = request(allow_no_carrier=True)
    assert len(specify(allowed, snapshot(UNPLUGGED), "host")) == 3
    (warning,) = warnings(allowed, snapshot(UNPLUGGED), ())
    assert str(refused.value).startswith(warning)


@pytest.mark.parametrize("allow_no_carrier", [False, True])
def test_one_that_is_switched_off_is_refused_in_any_case(allow_no_carrier: bool) -> None:
    with pytest.raises(RequestRefused, match="ip link set eth0 up") as refused:
        specify(request(allow_no_carrier=allow_no_carrier), snapshot(OFF), "host")
    assert "--allow-no-carrier" not in str(refused.value)


@pytest.mark.parametrize("parent", [UNPLUGGED, OFF])
def test_one_that_is_in_use_is_only_warned_of(parent: Link) -> None:
    assert len(specify(request(), snapshot(parent), "host", {"eth0"})) == 3
    assert len(specify(request(), snapshot(parent, replace(camera_link(), addresses=())), "host")) == 3
    assert len(warnings(request(), snapshot(parent), ())) == 1


def test_another_network_than_the_parents_is_warned_of() -> None:
    assert warnings(request(), HOST, ()) == []
    other_network = request(first_address=IPv4Interface("192.168.2.10/24"))
    assert "is not the network of eth0 (192.168.1.0/24)" in warnings(other_network, HOST, ())[0]


def test_what_is_known_of_the_parent_is_warned_of() -> None:
    in_a_machine = Parent(
        name="eth0",
        mac=ETH0.mac,
        addresses=(),
        speed_mbit=None,
        refusal=Refusal.NO_ADDRESS,
        warnings=(ParentWarning.VIRTUAL_MACHINE,),
        hypervisor=Hypervisor.VMWARE,
    )
    other = replace(in_a_machine, name="eth1", hypervisor=Hypervisor.HYPER_V)
    (warning,) = warnings(request(), HOST, [in_a_machine, other])
    assert warning.startswith("This is a virtual machine (VMware)")
