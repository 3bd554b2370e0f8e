"""From what the interfaces should be and what the kernel has to the steps in between: pure, nothing is read or changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface
from operator import itemgetter
from types import MappingProxyType

from .errors import Fault, RequestRefused
from .marks import (
    CAMERA_SETTINGS,
    GATEWAY_PRIORITY,
    OTHER_NETWORKS_PRIORITY,
    OWN_SUBNET_PRIORITY,
    PARENT_SETTINGS,
    PROTOCOL,
    Mark,
    routing_table,
)
from .state import DEFAULT_ROUTE, MAIN_TABLE, Link, Route, Rule, Snapshot, same_expiry
from .steps import (
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
)

NO_IPV6_ADDRESSES = 1
"""IN6_ADDR_GEN_MODE_NONE: a camera is an IPv4 device, and every IPv6 address would be the host's by another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceSpec:
    """What one interface should be."""

    id: int
    """Its number on this host: mark and routing table follow from it."""
    name: str
    mac: str
    parent: str
    address: IPv4Interface | None = None
    """None leaves the addresses to somebody else: whatever the interface has is served."""
    gateway: IPv4Address | None = None
    """None where clients behind the router are not to be reached; with `dhcp`, where the lease says it."""
    dhcp: bool = False
    """Whether a keeper gets its address by a lease; `address` is None then."""
    camera: str = ""
    """What its owner knows the camera by."""


@lru_cache(maxsize=2)
def marked_links(snapshot: Snapshot) -> Mapping[int, Link]:
    """Return our interfaces by their number."""
    marked = ((mark.id, link) for link in snapshot.links if (mark := Mark.of(link)) is not None)
    return MappingProxyType(dict(sorted(marked, key=itemgetter(0))))


def existing_specs(snapshot: Snapshot) -> list[InterfaceSpec]:
    """Return our interfaces as they are: planning for these only repairs."""
    specs = []
    for number, link in marked_links(snapshot).items():
        parent = link.parent or ""
        table = routing_table(number)
        gateway = snapshot.default_gateway(link.name, table) or snapshot.default_gateway(parent)
        specs.append(InterfaceSpec(id=number, name=link.name, mac=link.mac, parent=parent, gateway=gateway))
    return specs


def plan_apply(specs: Sequence[InterfaceSpec], snapshot: Snapshot) -> list[Step]:
    """Return the steps that bring the kernel to what `specs` ask for, none when it is there already.

    Interfaces of ours that `specs` do not name stay and are repaired, too.

    Raises:
        RequestRefused: A name, a MAC or a routing table belongs to something else.
    """
    asked = {spec.mac for spec in specs}
    wanted = [*specs, *(spec for spec in existing_specs(snapshot) if spec.mac not in asked)]
    ours = {link.mac: link for link in marked_links(snapshot).values()}

    steps: list[Step] = []
    for spec in wanted:
        link = ours.get(spec.mac)
        if link is None:
            steps += _create(spec, snapshot)
        elif (mark := Mark.of(link)) is not None and mark.id != spec.id:
            raise RequestRefused(f"{spec.mac} is {link.name} with the number {mark.id}, not {spec.id}; clean up first.")
        elif (link.parent or "") != spec.parent:
            raise RequestRefused(f"{spec.mac} is {link.name} on {link.parent} already; clean up before moving it.")
    for name in dict.fromkeys(spec.parent for spec in wanted):
        steps += _raise_parent(snapshot.link(name))
    rules: list[Rule] = []
    for spec in wanted:
        asked_addresses = None if spec.address is None else (spec.address,)
        addresses, interface_steps = _complete(spec, ours.get(spec.mac), snapshot, asked_addresses)
        steps += interface_steps
        rules += rules_for(spec.id, addresses)
    steps += [AddRule(rule=rule) for rule in rules if rule not in snapshot.rule_set]
    return steps + plan_leftover_rules(rules, snapshot)


def plan_interface(
    spec: InterfaceSpec,
    snapshot: Snapshot,
    addresses: tuple[IPv4Interface, ...] | None,
    *,
    expires: datetime | None = None,
    raised_parents: Collection[str] = (),
) -> list[Step]:
    """Return the steps that bring one interface to what it should be, whatever the others are.

    One of ours that has its number, name or MAC but is another one gives way.

    Args:
        spec: What it should be, but for its address.
        snapshot: The kernel's state.
        addresses: All that it should have; None leaves those that it has.
        expires: When the lease of these ends, None for never.
        raised_parents: Those whose settings were raised since the snapshot, for another interface.

    Raises:
        RequestRefused: The parent is missing, or a name, a MAC or a routing table belongs to something else.
    """
    link = link_of(spec, snapshot)
    steps: list[Step] = []
    if link is None:
        stale = {
            other.name: RemoveLink(name=other.name)
            for number, other in marked_links(snapshot).items()
            if number == spec.id or other.name == spec.name or other.mac == spec.mac
        }
        rest = replace(
            snapshot,
            links=tuple(other for other in snapshot.links if other.name not in stale),
            routes=tuple(route for route in snapshot.routes if route.interface not in stale),
        )
        steps += [*stale.values(), *_create(spec, rest)]
    if spec.parent not in raised_parents:
        steps += _raise_parent(snapshot.link(spec.parent))
    present, interface_steps = _complete(spec, link, snapshot, addresses, expires)
    steps += interface_steps
    rules = rules_for(spec.id, present)
    return [*steps, *(AddRule(rule=rule) for rule in rules if rule not in snapshot.rule_set)]


def link_of(spec: InterfaceSpec, snapshot: Snapshot) -> Link | None:
    """Return the interface of ours that a specification means, None when there is none."""
    link = marked_links(snapshot).get(spec.id)
    if link is None or (link.name, link.mac, link.parent) != (spec.name, spec.mac, spec.parent):
        return None
    return link


def plan_leftover_rules(wanted: Collection[Rule], snapshot: Snapshot) -> list[Step]:
    """Return the steps that remove the rules of ours that are for no interface any more."""
    return [RemoveRule(rule=rule) for rule in snapshot.rules if rule not in wanted]


def plan_removal(numbers: Collection[int], snapshot: Snapshot, made: Sequence[InterfaceSpec] = ()) -> list[Step]:
    """Return the steps that remove some interfaces, and give parents that carry none of ours then their settings back.

    Args:
        numbers: Those that go.
        snapshot: The kernel's state.
        made: Interfaces that were made or completed since the snapshot: what they need stays.
    """
    ours = marked_links(snapshot)
    tables = {routing_table(number) for number in numbers}
    sources = {rule.source for rule in snapshot.rules if rule.table in tables}
    parents = {link.parent for number, link in ours.items() if number in numbers}
    parents -= {link.parent for number, link in ours.items() if number not in numbers}
    parents -= {spec.parent for spec in made}
    # One of the rules of an address is the same for whatever interface has it.
    needed = {rule for spec in made if spec.address is not None for rule in rules_for(spec.id, (spec.address,))}
    return [
        *(RemoveLink(name=link.name) for number, link in ours.items() if number in numbers),
        *(RemoveRule(rule=rule) for rule in snapshot.rules if rule.source in sources and rule not in needed),
        *_restore_parents(parents, snapshot),
    ]


def plan_cleanup(snapshot: Snapshot) -> list[Step]:
    """Return the steps that remove all that is ours and give the parents their former settings back."""
    ours = marked_links(snapshot).values()
    return [
        *(RemoveLink(name=link.name) for link in ours),
        *(RemoveRule(rule=rule) for rule in snapshot.rules),
        *_restore_parents({link.parent for link in ours}, snapshot),
    ]


def _restore_parents(names: Collection[str | None], snapshot: Snapshot) -> list[Step]:
    steps: list[Step] = []
    for name, former in _remembered_settings(snapshot).items():
        parent = snapshot.link(name)
        if parent is None or name not in names:
            continue
        # A value that is no longer the one set here is somebody else's wish.
        restored = {
            key: value
            for key, value in former.items()
            if parent.settings[key] != value and parent.settings[key] == PARENT_SETTINGS[key]
        }
        if restored:
            steps.append(SetSettings(name=name, values=restored, before=_values(parent.settings, restored)))
    return steps


def _remembered_settings(snapshot: Snapshot) -> dict[str, Mapping[str, int]]:
    """Return what the settings of each parent were before ours, as the interfaces on it remember."""
    return {
        link.parent: mark.parent_settings
        for link in snapshot.links
        if (mark := Mark.of(link)) is not None and link.parent is not None
    }


def _check_free(spec: InterfaceSpec, snapshot: Snapshot) -> None:
    for link in snapshot.links:
        if link.mac == spec.mac:
            raise RequestRefused(Fault.MAC_TAKEN, other=link.name, mac=spec.mac)
        if link.name == spec.name:
            raise RequestRefused(Fault.NAME_TAKEN, other=link.name)
    table = routing_table(spec.id)
    if any(route.table == table for route in snapshot.routes):
        raise RequestRefused(Fault.TABLE_TAKEN, table=table, interface=spec.name)


def _create(spec: InterfaceSpec, snapshot: Snapshot) -> list[Step]:
    _check_free(spec, snapshot)
    parent = snapshot.link(spec.parent)
    if parent is None:
        raise RequestRefused(Fault.PARENT_MISSING, parent=spec.parent)
    former = _remembered_settings(snapshot).get(spec.parent) or _values(parent.settings, PARENT_SETTINGS)
    mark = Mark(id=spec.id, parent_settings=former)
    steps: list[Step] = [AddLink(name=spec.name, mac=spec.mac, parent=spec.parent, alias=mark.alias)]
    if any(link.ipv6_generation is not None for link in snapshot.links):
        steps.append(SetIPv6Generation(name=spec.name, mode=NO_IPV6_ADDRESSES, before=0))
    steps.append(SetSettings(name=spec.name, values=CAMERA_SETTINGS, before=dict.fromkeys(CAMERA_SETTINGS, 0)))
    return steps


def _raise_parent(parent: Link | None) -> list[Step]:
    if parent is None:
        return []
    # What the kernel obeys is the higher of this and conf.all; a parent that is stricter already stays so.
    raised = {key: value for key, value in PARENT_SETTINGS.items() if parent.settings[key] < value}
    return [SetSettings(name=parent.name, values=raised, before=_values(parent.settings, raised))] if raised else []


def _complete(
    spec: InterfaceSpec,
    link: Link | None,
    snapshot: Snapshot,
    wanted: tuple[IPv4Interface, ...] | None,
    expires: datetime | None = None,
) -> tuple[tuple[IPv4Interface, ...], list[Step]]:
    """Return the addresses that an interface ends with, and the steps from its creation to being in use."""
    steps: list[Step] = []
    name = spec.name if link is None else link.name
    present = () if link is None else link.ip_interfaces
    addresses = present if wanted is None else wanted

    if link is not None:
        if link.ipv6_generation not in {None, NO_IPV6_ADDRESSES}:
            steps.append(SetIPv6Generation(name=name, mode=NO_IPV6_ADDRESSES, before=link.ipv6_generation or 0))
        drifted = {key: value for key, value in CAMERA_SETTINGS.items() if link.settings[key] != value}
        if drifted:
            steps.append(SetSettings(name=name, values=drifted, before=_values(link.settings, drifted)))

    # Replacing addresses takes all of them off, the last first: the kernel drops a subnet's others with its first.
    replaced = present if present != addresses else ()
    routes = snapshot.routes_by(name)
    table = routing_table(spec.id)
    if replaced:
        # The kernel drops these with the addresses, but what it does by itself would not be undone.
        steps += _removals(route for route in routes if _is_own(route, table))
        routes = ()
    ends = {} if link is None else dict(zip(present, (one.expires for one in link.addresses), strict=True))
    steps += [RemoveAddress(name=name, address=address, expires=ends[address]) for address in reversed(replaced)]
    steps += [
        AddAddress(name=name, address=address, expires=expires)
        for address in addresses
        if replaced or address not in present
    ]
    if wanted is not None and not replaced:
        steps += [
            SetExpiry(name=name, address=address, expires=expires, before=end)
            for address, end in ends.items()
            if not same_expiry(end, expires)
        ]
    # Switched on after it has its address, so that the gratuitous ARP of arp_notify tells it.
    if link is None or not link.enabled:
        steps.append(SetLink(name=name, up=True))

    desired = _routes(name, table, addresses, spec.gateway)
    # A camera's route in the main table would let the host itself talk as a camera.
    steps += _removals(route for route in routes if _is_foreign(route, table, desired))
    steps += [AddRoute(route=route) for route in desired if route not in routes]
    return addresses, steps


def _is_foreign(route: Route, table: int, desired: Sequence[Route]) -> bool:
    if route.table == MAIN_TABLE:
        return True
    return _is_own(route, table) and route not in desired


def _is_own(route: Route, table: int) -> bool:
    return route.table == table and route.protocol == PROTOCOL


def _removals(routes: Iterable[Route]) -> list[Step]:
    # The way to the router goes first: when this is undone, it needs its subnet's to be there.
    return [RemoveRoute(route=route) for route in sorted(routes, key=lambda route: route.destination.prefixlen)]


def _routes(name: str, table: int, addresses: Sequence[IPv4Interface], gateway: IPv4Address | None) -> list[Route]:
    routes: dict[object, Route] = {}
    for address in addresses:
        subnet = Route(
            table=table, destination=address.network, interface=name, gateway=None, source=address.ip, protocol=PROTOCOL
        )
        routes.setdefault(address.network, subnet)
    for address in addresses:
        if gateway is not None and gateway in address.network:
            default = Route(
                table=table,
                destination=DEFAULT_ROUTE,
                interface=name,
                gateway=gateway,
                source=address.ip,
                protocol=PROTOCOL,
            )
            routes.setdefault(DEFAULT_ROUTE, default)
    return list(routes.values())


def rules_for(number: int, addresses: Iterable[IPv4Interface]) -> list[Rule]:
    """Return the rules that send what a camera says out by its own interface.

    Only what goes to another of the host's networks, a container bridge say, leaves as the host's own packets do.
    """
    table = routing_table(number)
    return [
        Rule(priority=priority, source=address.ip, table=target, ignore_default=ignore_default)
        for address in addresses
        for priority, target, ignore_default in (
            (OWN_SUBNET_PRIORITY, table, True),
            (OTHER_NETWORKS_PRIORITY, MAIN_TABLE, True),
            (GATEWAY_PRIORITY, table, False),
        )
    ]


def _values(settings: Mapping[str, int], keys: Iterable[str]) -> dict[str, int]:
    return {key: settings[key] for key in keys}
