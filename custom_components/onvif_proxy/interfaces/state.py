"""What the kernel knows about interfaces, as frozen values; reading them is `kernel`'s part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

MAIN_TABLE = 254
"""The routing table that every program uses unless told otherwise (RT_TABLE_MAIN)."""
DEFAULT_ROUTE = IPv4Network("0.0.0.0/0")
SAME_EXPIRY = timedelta(seconds=5)
"""Two readings of one lifetime, which the kernel tells in whole seconds, are no further apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceAddress:
    """An IPv4 address of an interface."""

    address: str
    prefix_length: int
    expires: datetime | None = field(default=None, compare=False)
    """When the kernel ends its use (its preferred lifetime), which is when its lease ends; None for never. UTC, and off by a
    second from reading to reading: `same_expiry` tells whether two are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A network interface as programs without privilege see it."""

    name: str
    mac: str
    """Lower case, colons."""
    kind: str | None
    """macvlan, bridge, veth...; None for hardware."""
    parent: str | None
    """What a macvlan or a VLAN sits on; None where there is none or it lives in another namespace."""
    up: bool
    """Switched on, and with a carrier: an unplugged cable says False."""
    alias: str | None
    addresses: tuple[InterfaceAddress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Interface):
    """An interface with everything that a plan is made from."""

    index: int
    ethernet: bool
    loopback: bool
    wireless: bool
    enabled: bool
    """Switched on, with or without a carrier."""
    master: str | None
    """The bridge or bond that it is a port of."""
    settings: Mapping[str, int] = field(hash=False)
    """Those of net.ipv4.conf.<name> that are named in `marks`."""
    ipv6_generation: int | None
    """How IPv6 addresses are made (IN6_ADDR_GEN_MODE); None where the kernel has no IPv6."""

    @property
    def ip_interfaces(self) -> tuple[IPv4Interface, ...]:
        """The addresses, ready to reckon with."""
        return tuple(IPv4Interface((one.address, one.prefix_length)) for one in self.addresses)


def same_expiry(one: datetime | None, other: datetime | None) -> bool:
    """Tell whether two ends of a lifetime are one, read twice."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= SAME_EXPIRY


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A unicast IPv4 route."""

    table: int
    destination: IPv4Network
    interface: str
    gateway: IPv4Address | None
    source: IPv4Address | None
    protocol: int
    """Who made it (rtm_protocol)."""
    metric: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An IPv4 routing rule that picks a table by the sender's address."""

    priority: int
    source: IPv4Address
    table: int
    ignore_default: bool
    """Whether a default route found in the table does not count (suppress_prefixlength 0)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """The kernel's state at one moment, with what looks things up in it, so that many interfaces cost no more each."""

    links: tuple[Link, ...]
    routes: tuple[Route, ...]
    """Of all tables."""
    rules: tuple[Rule, ...]
    """Only those that carry our mark."""

    def link(self, name: str) -> Link | None:
        """Return the link of a name."""
        return self._links_by_name.get(name)

    def links_with(self, address: IPv4Address) -> tuple[Link, ...]:
        """Return the links that have an address."""
        return self._links_by_address.get(str(address), ())

    def routes_by(self, interface: str) -> tuple[Route, ...]:
        """Return the routes of all tables that leave by an interface."""
        return self._routes_by_interface.get(interface, ())

    @cached_property
    def rule_set(self) -> frozenset[Rule]:
        """The rules, to look them up."""
        return frozenset(self.rules)

    @cached_property
    def _links_by_name(self) -> dict[str, Link]:
        return {link.name: link for link in self.links}

    @cached_property
    def _links_by_address(self) -> dict[str, tuple[Link, ...]]:
        found: dict[str, tuple[Link, ...]] = {}
        for link in self.links:
            for one in link.addresses:
                found[one.address] = (*found.get(one.address, ()), link)
        return found

    @cached_property
    def _routes_by_interface(self) -> dict[str, tuple[Route, ...]]:
        found: dict[str, list[Route]] = {}
        for route in self.routes:
            found.setdefault(route.interface, []).append(route)
        return {interface: tuple(routes) for interface, routes in found.items()}

    def default_gateway(self, interface: str, table: int = MAIN_TABLE) -> IPv4Address | None:
        """Return the gateway of an interface's default route in a table: of the lowest metric where it has several."""
        routes = [
            route
            for route in self.routes_by(interface)
            if route.table == table and route.destination == DEFAULT_ROUTE and route.gateway is not None
        ]
        return min(routes, key=lambda route: route.metric or 0).gateway if routes else None
