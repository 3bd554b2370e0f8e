"""The faults that a state of the kernel shows, one at a time; what only a running kernel tells is in tests/lan."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from string import Formatter
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces.examination import examine
from custom_components.onvif_proxy.interfaces.findings import Check, Finding
from custom_components.onvif_proxy.interfaces.marks import CAMERA_SETTINGS, PARENT_SETTINGS
from custom_components.onvif_proxy.interfaces.plan import InterfaceSpec
from custom_components.onvif_proxy.interfaces.sentences import FINDINGS, REMEDIES
from custom_components.onvif_proxy.interfaces.state import DEFAULT_ROUTE, InterfaceAddress, Link, Route, Snapshot

from .kernel_state import DEFAULT, ETH0, GATEWAY, LOOPBACK, NETWORK, camera_link, camera_routes, camera_rules

SPEC = InterfaceSpec(
    id=1,
    name="onvifcam1",
    mac="02:00:00:00:00:01",
    parent="eth0",
    address=IPv4Interface("192.168.1.201/24"),
    gateway=GATEWAY,
)
LEASED = replace(SPEC, address=None, dhcp=True)
PARENT = replace(ETH0, settings={**ETH0.settings, **PARENT_SETTINGS})
HEALTHY = Snapshot(links=(LOOPBACK, PARENT, camera_link()), routes=(DEFAULT, *camera_routes()), rules=camera_rules())


def with_camera(**changes: Any) -> Snapshot:
    """Return the healthy host with something else about the camera's interface."""
    return replace(HEALTHY, links=(LOOPBACK, PARENT, replace(camera_link(), **changes)))


def with_parent(**changes: Any) -> Snapshot:
    """Return the healthy host with something else about the parent."""
    return replace(HEALTHY, links=(LOOPBACK, replace(PARENT, **changes), camera_link()))


def with_link(**changes: Any) -> Snapshot:
    """Return the healthy host with a further interface."""
    other = replace(ETH0, name="eth1", index=9, mac="00:1b:21:00:00:06", addresses=())
    return replace(HEALTHY, links=(*HEALTHY.links, replace(other, **changes)))


WITHOUT_CAMERA = replace(HEALTHY, links=(LOOPBACK, PARENT), routes=(DEFAULT,))
WITHOUT_PARENT = replace(HEALTHY, links=(LOOPBACK,), routes=())


def found(state: Snapshot, *specs: InterfaceSpec) -> list[tuple[str, str | None, Mapping[str, str], bool]]:
    """Return what is found, in short."""
    findings = examine(specs or (SPEC,), state).findings
    return [(str(one.check), one.interface, one.facts, one.fixable) for one in findings]


def test_nothing_is_wrong_with_a_host_as_it_must_be() -> None:
    for specs in ([SPEC], [LEASED], []):
        examination = examine(specs, HEALTHY)
        assert (examination.findings, examination.leftovers) == ((), ())
        assert [camera.spec.name for camera in examination.sound] == ["onvifcam1"]


def test_a_host_without_cameras_is_sound() -> None:
    examination = examine([], Snapshot(links=(LOOPBACK, ETH0), routes=(DEFAULT,), rules=()))
    assert (examination.findings, examination.sound, examination.leftovers) == ((), (), ())


@pytest.mark.parametrize(
    ("state", "check", "facts"),
    [
        (WITHOUT_CAMERA, "interface_missing", {"mac": SPEC.mac, "parent": "eth0"}),
        (with_camera(enabled=False, up=False), "link_down", {}),
        (with_camera(addresses=()), "no_address", {}),
        (
            with_camera(addresses=(InterfaceAddress(address="192.168.1.77", prefix_length=24),)),
            "wrong_address",
            {"address": "192.168.1.77/24", "wanted": "192.168.1.201/24"},
        ),
        (
            with_camera(settings={**CAMERA_SETTINGS, "arp_ignore": 0, "arp_announce": 0}),
            "arp_settings",
            {"settings": "arp_ignore=0, arp_announce=0"},
        ),
        (with_camera(settings={**CAMERA_SETTINGS, "rp_filter": 1}), "rp_filter", {"value": "1", "wanted": "2"}),
        (with_camera(ipv6_generation=0), "ipv6_addresses", {}),
        (replace(HEALTHY, rules=camera_rules()[1:]), "rule_missing", {"address": "192.168.1.201"}),
        (
            replace(
                HEALTHY,
                routes=(
                    *HEALTHY.routes,
                    Route(
                        table=254,
                        destination=NETWORK,
                        interface="onvifcam1",
                        gateway=None,
                        source=IPv4Address("192.168.1.201"),
                        protocol=2,
                    ),
                ),
            ),
            "main_route",
            {"destination": "192.168.1.0/24"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_that_applying_repairs(state: Snapshot, check: str, facts: dict[str, str]) -> None:
    assert found(state) == [(check, "onvifcam1", facts, True)]
    assert examine([SPEC], state).sound == ()


@pytest.mark.parametrize(
    ("state", "check", "facts"),
    [
        (WITHOUT_PARENT, "parent_gone", {}),
        (with_parent(enabled=False, up=False), "parent_down", {}),
        (with_parent(up=False), "no_carrier", {}),
        (
            with_parent(master="br0"),
            "parent_refused",
            {
                "refusal": "bridge_port",
                "reason": "eth0 is a port of a bridge or bond, which takes all its frames. Use that one: br0.",
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_of_the_parent_is_told_once_for_all_its_cameras(
    state: Snapshot, check: str, facts: dict[str, str]
) -> None:
    second = replace(SPEC, id=2, name="onvifcam2", mac="02:00:00:00:00:02", address=IPv4Interface("192.168.1.202/24"))
    findings = [one for one in found(state, SPEC, second) if one[0] != "interface_missing"]
    assert findings == [(check, "eth0", {"cameras": "onvifcam1, onvifcam2", **facts}, False)]
    assert examine([SPEC], state).sound == ()


def test_the_parents_arp_settings_are_its_own_fault() -> None:
    state = with_parent(settings=dict.fromkeys(CAMERA_SETTINGS, 0))
    assert found(state) == [("arp_settings", "eth0", {"settings": "arp_ignore=0, arp_announce=0"}, True)]
    # The camera itself is as it must be, and is looked at further.
    assert [camera.spec.name for camera in examine([SPEC], state).sound] == ["onvifcam1"]


def test_a_parent_that_carries_nothing_yet_needs_no_settings() -> None:
    state = Snapshot(links=(LOOPBACK, ETH0), routes=(DEFAULT,), rules=())
    assert [finding[0] for finding in found(state)] == ["interface_missing"]


def test_a_lease_that_is_awaited_is_told_while_its_parent_works() -> None:
    state = replace(with_camera(addresses=()), rules=(), routes=(DEFAULT,))
    assert found(state, LEASED) == [("lease_lost", "onvifcam1", {"mac": SPEC.mac}, False)]
    unplugged = replace(state, links=(LOOPBACK, replace(PARENT, up=False), *state.links[2:]))
    assert [finding[0] for finding in found(unplugged, LEASED)] == ["no_carrier"]


def test_an_address_that_somebody_else_is_to_give_cannot_be_repaired() -> None:
    state = replace(with_camera(addresses=()), rules=(), routes=(DEFAULT,))
    assert found(state, replace(SPEC, address=None)) == [("no_address", "onvifcam1", {}, False)]


@pytest.mark.parametrize("state", [HEALTHY, WITHOUT_CAMERA], ids=["with", "without"])
def test_another_interface_with_the_mac_is_told(state: Snapshot) -> None:
    other = replace(ETH0, name="eth1", index=9, mac=SPEC.mac, addresses=())
    findings = found(replace(state, links=(*state.links, other)))
    assert findings == [("duplicate_mac", "onvifcam1", {"mac": SPEC.mac, "other": "eth1"}, False)]


def test_a_vlan_on_a_camera_has_its_mac_by_right() -> None:
    assert found(with_link(name="onvifcam1.7", kind="vlan", parent="onvifcam1", mac=SPEC.mac)) == []


def test_another_interface_with_the_address_is_told() -> None:
    addresses = (InterfaceAddress(address="192.168.1.201", prefix_length=24),)
    expected = [("duplicate_address", "onvifcam1", {"address": "192.168.1.201", "other": "eth1"}, False)]
    assert found(with_link(addresses=addresses)) == expected
    assert found(with_link(addresses=addresses), LEASED) == expected


def test_what_stands_in_the_way_of_an_interface_is_told() -> None:
    state = replace(with_link(name="onvifcam1"), rules=(), routes=(DEFAULT,))
    state = replace(state, links=tuple(link for link in state.links if link.kind != "macvlan"))
    ((check, interface, facts, fixable),) = found(state)
    assert (check, interface, fixable) == ("interface_refused", "onvifcam1", False)
    assert "There is an interface onvifcam1 already" in facts["reason"]
    assert (facts["fault"], facts["other"]) == ("name_taken", "onvifcam1")


def test_an_interface_that_no_inventory_names_is_looked_at_as_well() -> None:
    state = replace(HEALTHY, rules=())
    assert examine([], state).findings[0].check is Check.RULE_MISSING


def test_one_that_has_to_give_way_to_the_inventorys_is_the_missing_one_of_that() -> None:
    moved = replace(SPEC, mac="02:00:00:00:00:99")
    assert [finding[:2] for finding in found(HEALTHY, moved)] == [("interface_missing", "onvifcam1")]


def test_a_route_that_is_missing_is_left_to_the_kernel_to_tell() -> None:
    examination = examine([SPEC], replace(HEALTHY, routes=(DEFAULT, camera_routes()[0])))
    assert examination.findings == ()
    assert [route.destination for route in examination.sound[0].missing_routes] == [DEFAULT_ROUTE]
    assert examination.leftovers == ()


def test_rules_of_an_interface_that_is_gone_are_left_over() -> None:
    state = replace(HEALTHY, rules=(*camera_rules(), *camera_rules("192.168.1.250")))
    examination = examine([SPEC], state)
    assert examination.findings == ()
    assert [step.command.split()[:5] for step in examination.leftovers] == [
        ["ip", "rule", "del", "from", "192.168.1.250"]
    ] * 3


def test_several_faults_of_an_interface_are_told_each() -> None:
    settings = {**CAMERA_SETTINGS, "rp_filter": 0, "arp_notify": 0}
    state = replace(with_camera(settings=settings), rules=())
    assert [finding[0] for finding in found(state)] == ["rp_filter", "arp_settings", "rule_missing"]


def fields(text: str) -> set[str]:
    """Return the placeholders of a sentence."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_check_has_its_sentence_and_what_is_never_fixable_its_remedy() -> None:
    assert set(FINDINGS) == set(Check)
    assert set(REMEDIES) < set(Check)
    for check, remedy in REMEDIES.items():
        assert fields(remedy) <= fields(FINDINGS[check]), check


def test_a_finding_says_what_is_wrong_and_what_to_do() -> None:
    facts = {"mac": "02:00:00:00:00:01"}
    lost = Finding(check=Check.LEASE_LOST, interface="onvifcam1", id=1, facts=facts, fixable=False)
    assert lost.sentence == "onvifcam1 (02:00:00:00:00:01) has no address from the DHCP server."
    assert lost.remedy.startswith("Check that the DHCP server runs")
    down = Finding(check=Check.LINK_DOWN, interface="onvifcam1", id=1, fixable=True)
    assert "`apply`" in down.remedy


def test_a_bridge_that_joins_containers_is_no_reason_for_alarm() -> None:
    bridge: Link = replace(PARENT, kind="bridge")
    port = replace(ETH0, name="tap7", index=8, kind="tun", master="eth0", addresses=(), mac="00:1b:21:00:00:07")
    state = replace(HEALTHY, links=(LOOPBACK, bridge, port, camera_link()), routes=camera_routes())
    assert found(state) == []
