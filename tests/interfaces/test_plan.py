"""From wanted and present interfaces to steps, on states that are written down here."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces.errors import RequestRefused
from custom_components.onvif_proxy.interfaces.marks import CAMERA_SETTINGS, PROTOCOL, Mark
from custom_components.onvif_proxy.interfaces.plan import (
    InterfaceSpec,
    existing_specs,
    marked_links,
    plan_apply,
    plan_cleanup,
    plan_interface,
    plan_leftover_rules,
    plan_removal,
    rules_for,
)
from custom_components.onvif_proxy.interfaces.state import Route, Rule, Snapshot
from custom_components.onvif_proxy.interfaces.steps import (
    AddAddress,
    AddLink,
    AddRoute,
    AddRule,
    RemoveAddress,
    RemoveLink,
    RemoveRoute,
    RemoveRule,
    SetExpiry,
    SetIPv6Generation,
    SetLink,
    SetSettings,
    Step,
    inverse,
)

from .kernel_state import DEFAULT, ETH0, GATEWAY, NETWORK, camera_link, camera_routes, camera_rules, snapshot

SPEC = InterfaceSpec(
    id=1,
    name="onvifcam1",
    mac="02:00:00:00:00:01",
    parent="eth0",
    address=IPv4Interface("192.168.1.201/24"),
    gateway=GATEWAY,
)
READY = snapshot(
    replace(ETH0, settings={**ETH0.settings, "arp_ignore": 1, "arp_announce": 2}),
    camera_link(),
    routes=camera_routes(),
    rules=camera_rules(),
)


def changed(state: Snapshot, name: str, **changes: Any) -> Snapshot:
    """Return a state in which one link is another."""
    return replace(state, links=tuple(replace(link, **changes) if link.name == name else link for link in state.links))


def test_a_new_interface_is_made_in_the_order_that_the_kernel_needs() -> None:
    assert plan_apply([SPEC], snapshot(ETH0)) == [
        AddLink(
            name="onvifcam1",
            mac="02:00:00:00:00:01",
            parent="eth0",
            alias="onvif_proxy:1 parent arp_ignore=0 arp_announce=0",
        ),
        SetIPv6Generation(name="onvifcam1", mode=1, before=0),
        SetSettings(name="onvifcam1", values=CAMERA_SETTINGS, before=dict.fromkeys(CAMERA_SETTINGS, 0)),
        SetSettings(
            name="eth0", values={"arp_ignore": 1, "arp_announce": 2}, before={"arp_ignore": 0, "arp_announce": 0}
        ),
        AddAddress(name="onvifcam1", address=IPv4Interface("192.168.1.201/24")),
        SetLink(name="onvifcam1", up=True),
        *(AddRoute(route=route) for route in camera_routes()),
        *(AddRule(rule=rule) for rule in camera_rules()),
    ]


def test_nothing_is_done_when_all_is_there() -> None:
    assert plan_apply([SPEC], READY) == []
    assert plan_apply([], READY) == []


def test_the_parent_is_raised_once_for_all_and_never_lowered() -> None:
    two = [SPEC, replace(SPEC, id=2, name="onvifcam2", mac="02:00:00:00:00:02", address=None)]
    strict = replace(ETH0, settings={**ETH0.settings, "arp_ignore": 2, "arp_announce": 2})
    for_parent = [
        step for step in plan_apply(two, snapshot(ETH0)) if isinstance(step, SetSettings) and step.name == "eth0"
    ]
    assert len(for_parent) == 1
    assert not [
        step for step in plan_apply(two, snapshot(strict)) if isinstance(step, SetSettings) and step.name == "eth0"
    ]


def test_later_interfaces_remember_the_parents_settings_from_before_the_first() -> None:
    second = replace(SPEC, id=2, name="onvifcam2", mac="02:00:00:00:00:02", address=None)
    made = [step for step in plan_apply([second], READY) if isinstance(step, AddLink)]
    assert [step.alias for step in made] == ["onvif_proxy:2 parent arp_ignore=0 arp_announce=0"]


def test_an_interface_without_a_wanted_address_serves_the_one_it_has() -> None:
    bare = replace(READY, routes=(DEFAULT,), rules=())
    assert plan_apply([replace(SPEC, address=None)], bare) == [
        *(AddRoute(route=route) for route in camera_routes()),
        *(AddRule(rule=rule) for rule in camera_rules()),
    ]


def test_without_a_gateway_there_is_no_default_route() -> None:
    steps = plan_apply([replace(SPEC, gateway=None)], snapshot(ETH0))
    assert [step.route.destination for step in steps if isinstance(step, AddRoute)] == [NETWORK]


def test_a_gateway_of_another_network_is_not_used() -> None:
    steps = plan_apply([replace(SPEC, gateway=IPv4Address("10.0.0.1"))], snapshot(ETH0))
    assert [step.route.destination for step in steps if isinstance(step, AddRoute)] == [NETWORK]


@pytest.mark.parametrize("routes", [camera_routes(), camera_routes()[::-1]])
def test_another_address_takes_the_former_one_off_with_its_routes_and_rules(routes: tuple[Route, ...]) -> None:
    wanted = IPv4Interface("192.168.1.210/24")
    steps = plan_apply([replace(SPEC, address=wanted)], replace(READY, routes=routes))
    subnet, default = camera_routes()
    # The kernel would drop the routes with the address; undone in the reverse order, they come back as they must.
    assert steps[:4] == [
        RemoveRoute(route=default),
        RemoveRoute(route=subnet),
        RemoveAddress(name="onvifcam1", address=IPv4Interface("192.168.1.201/24")),
        AddAddress(name="onvifcam1", address=wanted),
    ]
    assert {step.route.source for step in steps if isinstance(step, AddRoute)} == {wanted.ip}
    assert [step.rule for step in steps if isinstance(step, AddRule)] == list(camera_rules(str(wanted.ip)))
    assert [step.rule for step in steps if isinstance(step, RemoveRule)] == list(camera_rules())


ADDRESS = IPv4Interface("192.168.1.201/24")
LEASE_END = datetime(2026, 12, 24, 18, 0, tzinfo=UTC)
LEASED = changed(READY, "onvifcam1", addresses=(replace(camera_link().addresses[0], expires=LEASE_END),))
WITH_LEASE = replace(SPEC, address=None, dhcp=True)


def test_the_kernel_is_told_when_a_lease_ends() -> None:
    made = plan_interface(WITH_LEASE, snapshot(ETH0), (ADDRESS,), expires=LEASE_END)
    assert AddAddress(name="onvifcam1", address=ADDRESS, expires=LEASE_END) in made
    told = SetExpiry(name="onvifcam1", address=ADDRESS, expires=LEASE_END, before=None)
    assert plan_interface(WITH_LEASE, READY, (ADDRESS,), expires=LEASE_END) == [told]


@pytest.mark.parametrize("seconds", [-2, 0, 2])
def test_it_is_told_once_although_it_answers_in_whole_seconds(seconds: int) -> None:
    assert plan_interface(WITH_LEASE, LEASED, (ADDRESS,), expires=LEASE_END + timedelta(seconds=seconds)) == []


@pytest.mark.parametrize("renewed", [LEASE_END + timedelta(minutes=5), LEASE_END - timedelta(minutes=5), None])
def test_it_is_told_when_the_lease_is_another(renewed: datetime | None) -> None:
    told = SetExpiry(name="onvifcam1", address=ADDRESS, expires=renewed, before=LEASE_END)
    assert plan_interface(WITH_LEASE, LEASED, (ADDRESS,), expires=renewed) == [told]
    assert inverse(told) == SetExpiry(name="onvifcam1", address=ADDRESS, expires=LEASE_END, before=renewed)


def test_who_gets_no_leases_leaves_the_end_of_one_alone() -> None:
    assert plan_apply([WITH_LEASE], LEASED) == []
    assert plan_interface(WITH_LEASE, LEASED, None) == []


def test_a_fixed_address_does_not_end() -> None:
    assert plan_apply([SPEC], LEASED) == [SetExpiry(name="onvifcam1", address=ADDRESS, expires=None, before=LEASE_END)]


def test_an_address_whose_removal_is_undone_has_its_end_again() -> None:
    removed = plan_interface(WITH_LEASE, LEASED, ())[-1]
    assert removed == RemoveAddress(name="onvifcam1", address=ADDRESS, expires=LEASE_END)
    assert inverse(removed) == AddAddress(name="onvifcam1", address=ADDRESS, expires=LEASE_END)


@pytest.mark.parametrize(
    ("state", "steps"),
    [
        (changed(READY, "onvifcam1", enabled=False, up=False), [SetLink(name="onvifcam1", up=True)]),
        (
            changed(READY, "onvifcam1", settings={**CAMERA_SETTINGS, "rp_filter": 1}),
            [SetSettings(name="onvifcam1", values={"rp_filter": 2}, before={"rp_filter": 1})],
        ),
        (changed(READY, "onvifcam1", ipv6_generation=0), [SetIPv6Generation(name="onvifcam1", mode=1, before=0)]),
        (
            changed(READY, "eth0", settings={**CAMERA_SETTINGS, "arp_ignore": 0}),
            [SetSettings(name="eth0", values={"arp_ignore": 1}, before={"arp_ignore": 0})],
        ),
        (replace(READY, rules=camera_rules()[1:]), [AddRule(rule=camera_rules()[0])]),
        (replace(READY, routes=(DEFAULT, camera_routes()[0])), [AddRoute(route=camera_routes()[1])]),
    ],
)
def test_what_drifted_is_repaired_and_no_more(state: Snapshot, steps: list[Step]) -> None:
    assert plan_apply([], state) == steps


def test_a_camera_keeps_no_route_in_the_main_table() -> None:
    of_a_dhcp_client = Route(
        table=254,
        destination=NETWORK,
        interface="onvifcam1",
        gateway=None,
        source=IPv4Address("192.168.1.201"),
        protocol=2,
    )
    state = replace(READY, routes=(*READY.routes, of_a_dhcp_client))
    assert plan_apply([], state) == [RemoveRoute(route=of_a_dhcp_client)]


def test_routes_of_others_in_the_cameras_table_stay() -> None:
    of_others = replace(camera_routes()[0], destination=IPv4Network("10.8.0.0/16"), protocol=4)
    assert plan_apply([], replace(READY, routes=(*READY.routes, of_others))) == []


def test_a_gateway_that_was_given_once_is_kept_by_a_repair() -> None:
    given = IPv4Address("192.168.1.254")
    routes = (camera_routes()[0], replace(camera_routes()[1], gateway=given))
    state = replace(READY, routes=(DEFAULT, *routes))
    assert [spec.gateway for spec in existing_specs(state)] == [given]
    assert plan_apply([], state) == []


def test_a_second_address_of_the_same_network_gets_rules_and_shares_the_routes() -> None:
    second = replace(camera_link().addresses[0], address="192.168.1.202")
    state = changed(READY, "onvifcam1", addresses=(*camera_link().addresses, second))
    assert plan_apply([], state) == [AddRule(rule=rule) for rule in camera_rules("192.168.1.202")]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (snapshot(), "There is no interface eth0"),
        (snapshot(ETH0, replace(camera_link(), alias=None)), "onvifcam1 has the MAC 02:00:00:00:00:01 already"),
        (
            snapshot(ETH0, replace(camera_link(), alias=None, mac="02:00:00:00:00:09")),
            "There is an interface onvifcam1",
        ),
        (snapshot(ETH0, routes=camera_routes()[:1]), "The routing table 7701"),
        (changed(READY, "onvifcam1", parent="eth1"), "is onvifcam1 on eth1 already"),
    ],
)
def test_what_belongs_to_others_is_refused(state: Snapshot, reason: str) -> None:
    with pytest.raises(RequestRefused, match=reason):
        plan_apply([SPEC], state)


def test_cleanup_removes_what_is_ours_and_restores_the_parent() -> None:
    assert plan_cleanup(READY) == [
        RemoveLink(name="onvifcam1"),
        *(RemoveRule(rule=rule) for rule in camera_rules()),
        SetSettings(
            name="eth0", values={"arp_ignore": 0, "arp_announce": 0}, before={"arp_ignore": 1, "arp_announce": 2}
        ),
    ]
    assert plan_cleanup(snapshot(ETH0)) == []


def test_cleanup_leaves_a_parents_setting_that_somebody_changed_since() -> None:
    state = changed(READY, "eth0", settings={**CAMERA_SETTINGS, "arp_ignore": 8})
    assert plan_cleanup(state)[-1] == SetSettings(name="eth0", values={"arp_announce": 0}, before={"arp_announce": 2})


def test_cleanup_works_after_the_parent_went_to_another_namespace() -> None:
    state = snapshot(replace(camera_link(), parent=None))
    assert plan_cleanup(state) == [RemoveLink(name="onvifcam1")]


def test_rules_left_by_interfaces_that_vanished_are_removed() -> None:
    state = snapshot(ETH0, rules=camera_rules())
    assert plan_apply([], state) == [RemoveRule(rule=rule) for rule in camera_rules()]


@pytest.mark.parametrize(
    "alias",
    [
        None,
        "",
        "my camera",
        "onvif_proxy:",
        "onvif_proxy:0 parent arp_ignore=0 arp_announce=0",
        "onvif_proxy:1",
        "xonvif_proxy:1",
    ],
)
def test_only_the_whole_mark_makes_an_interface_ours(alias: str | None) -> None:
    assert marked_links(snapshot(replace(camera_link(), alias=alias))) == {}


def test_only_a_macvlan_interface_can_be_ours() -> None:
    assert marked_links(snapshot(replace(camera_link(), kind="bridge"))) == {}


def test_a_mark_is_read_as_it_was_written() -> None:
    mark = Mark(id=12, parent_settings={"arp_ignore": 2, "arp_announce": 1})
    assert Mark.of(replace(camera_link(), alias=mark.alias)) == mark


def test_every_step_but_a_removed_interface_has_what_undoes_it() -> None:
    rule = Rule(priority=7600, source=IPv4Address("192.168.1.201"), table=7701, ignore_default=True)
    steps: list[Step] = [
        SetLink(name="a", up=True),
        SetIPv6Generation(name="a", mode=1, before=0),
        SetSettings(name="a", values={"arp_ignore": 1}, before={"arp_ignore": 0}),
        AddAddress(name="a", address=IPv4Interface("192.168.1.201/24")),
        AddRoute(route=camera_routes()[0]),
        AddRule(rule=rule),
    ]
    for step in steps:
        back = inverse(step)
        assert back is not None
        assert back != step
        assert inverse(back) == step
    assert inverse(AddLink(name="a", mac="02:00:00:00:00:01", parent="p", alias="")) == RemoveLink(name="a")
    assert inverse(RemoveLink(name="a")) is None


def test_protocol_of_our_routes_is_not_one_of_the_kernels() -> None:
    # Below RTPROT_STATIC are those of the kernel itself; a repair must not take its routes for ours.
    assert PROTOCOL > 4


STATIC = (IPv4Interface("192.168.1.201/24"),)


def test_one_interface_alone_is_planned_as_among_others() -> None:
    assert plan_interface(SPEC, snapshot(ETH0), STATIC) == plan_apply([SPEC], snapshot(ETH0))
    assert plan_interface(SPEC, READY, STATIC) == []


def test_an_interface_that_may_use_no_address_yet_has_none() -> None:
    steps = plan_interface(SPEC, READY, ())
    assert steps == [
        *(RemoveRoute(route=route) for route in reversed(camera_routes())),
        RemoveAddress(name="onvifcam1", address=STATIC[0]),
    ]
    made = plan_interface(SPEC, snapshot(ETH0), ())
    assert SetLink(name="onvifcam1", up=True) in made
    assert not [step for step in made if isinstance(step, (AddAddress, AddRoute, AddRule))]


def test_a_parent_that_was_raised_for_another_is_not_raised_again() -> None:
    steps = plan_interface(SPEC, snapshot(ETH0), STATIC, raised_parents={"eth0"})
    assert not [step for step in steps if isinstance(step, SetSettings) and step.name == "eth0"]
    made = [step for step in steps if isinstance(step, AddLink)]
    assert made[0].alias == "onvif_proxy:1 parent arp_ignore=0 arp_announce=0"


@pytest.mark.parametrize(
    "changes",
    [{"name": "other"}, {"mac": "02:00:00:00:00:09"}, {"alias": "onvif_proxy:2 parent arp_ignore=0 arp_announce=0"},
     {"parent": "eth1"}],
    ids=["name", "mac", "number", "parent"],
)  # fmt: skip
def test_one_of_ours_that_is_another_gives_way(changes: dict[str, Any]) -> None:
    parent, camera = READY.links[1], replace(READY.links[2], **changes)
    routes = tuple(replace(route, interface=camera.name) for route in camera_routes())
    steps = plan_interface(SPEC, snapshot(parent, camera, routes=routes, rules=camera_rules()), STATIC)
    assert steps[0] == RemoveLink(name=camera.name)
    assert isinstance(steps[1], AddLink)


def test_one_of_others_does_not_give_way() -> None:
    with pytest.raises(RequestRefused, match="was not made by this program"):
        plan_interface(SPEC, changed(READY, "onvifcam1", alias=None), STATIC)


def test_rules_for_no_interface_are_left_over() -> None:
    of_another = camera_rules("192.168.1.202")
    state = replace(READY, rules=(*camera_rules(), *of_another))
    assert plan_leftover_rules(rules_for(1, STATIC), state) == [RemoveRule(rule=rule) for rule in of_another]


def test_removing_the_last_interface_gives_the_parent_its_settings_back() -> None:
    assert plan_removal({1}, READY) == plan_cleanup(READY)
    assert plan_removal({2}, READY) == []


def test_removing_one_of_two_leaves_the_other_all_it_needs() -> None:
    second = replace(
        camera_link(),
        name="onvifcam2",
        mac="02:00:00:00:00:02",
        alias="onvif_proxy:2 parent arp_ignore=0 arp_announce=0",
        addresses=(),
    )
    state = replace(READY, links=(*READY.links, second))
    assert plan_removal({2}, state) == [RemoveLink(name="onvifcam2")]
    assert plan_removal({1}, state) == [
        RemoveLink(name="onvifcam1"),
        *(RemoveRule(rule=rule) for rule in camera_rules()),
    ]
    assert plan_removal({1, 2}, state)[-1] == plan_cleanup(READY)[-1]


def test_removing_one_in_whose_place_another_was_made_leaves_that_all_it_needs() -> None:
    other = replace(SPEC, id=2, name="onvifcam2", mac="02:00:00:00:00:02", address=IPv4Interface("192.168.1.202/24"))
    rules = [RemoveRule(rule=rule) for rule in camera_rules()]
    assert plan_removal({1}, READY, [other]) == [RemoveLink(name="onvifcam1"), *rules]
    to_other_networks = rules[1]
    assert plan_removal({1}, READY, [replace(other, address=SPEC.address)]) == [
        RemoveLink(name="onvifcam1"),
        *(step for step in rules if step != to_other_networks),
    ]


def test_a_number_that_is_not_the_interfaces_own_is_refused() -> None:
    with pytest.raises(RequestRefused, match="with the number 1, not 2"):
        plan_apply([replace(SPEC, id=2)], READY)
