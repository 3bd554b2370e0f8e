"""The steps that a plan is made of: each says what it does as ip(8) or sysctl(8) would be told, and what undoes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Interface

from .marks import PROTOCOL
from .state import MAIN_TABLE, Route, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLink:
    """Create a macvlan interface with our mark, switched off."""

    name: str
    mac: str
    parent: str
    alias: str

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return (
            f"ip link add link {self.parent} name {self.name} address {self.mac} type macvlan mode bridge"
            f" && ip link set {self.name} alias '{self.alias}'"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveLink:
    """Remove an interface, and with it its addresses and routes."""

    name: str

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return f"ip link del {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLink:
    """Switch an interface on or off."""

    name: str
    up: bool

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return f"ip link set {self.name} {'up' if self.up else 'down'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetIPv6Generation:
    """Choose how IPv6 addresses are made on an interface (IN6_ADDR_GEN_MODE); 1 makes none."""

    name: str
    mode: int
    before: int

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        names = {0: "eui64", 1: "none", 2: "stable_secret", 3: "random"}
        return f"ip link set {self.name} addrgenmode {names[self.mode]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSettings:
    """Set values of net.ipv4.conf.<name>."""

    name: str
    values: Mapping[str, int] = field(hash=False)
    before: Mapping[str, int] = field(hash=False)

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return "sysctl " + " ".join(f"net.ipv4.conf.{self.name}.{key}={value}" for key, value in self.values.items())


KEEPER_SECONDS = 60
"""For how long an address outlives its lease: who keeps it takes it off before, the kernel where nobody does."""


def lifetimes(expires: datetime | None) -> tuple[int, int] | None:
    """Return for how many seconds from now an address is preferred and valid, None for ever."""
    if expires is None:
        return None
    preferred = max(0, round((expires - datetime.now(UTC)).total_seconds()))
    return preferred, preferred + KEEPER_SECONDS


def _lifetime_words(expires: datetime | None) -> str:
    preferred, valid = lifetimes(expires) or ("forever", "forever")
    return f"valid_lft {valid} preferred_lft {preferred}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddAddress:
    """Give an interface an address, without a route in the main table."""

    name: str
    address: IPv4Interface
    expires: datetime | None = None
    """When its lease ends, None for never."""

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        lifetime = "" if self.expires is None else f" {_lifetime_words(self.expires)}"
        return f"ip addr add {self.address} dev {self.name} noprefixroute{lifetime}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetExpiry:
    """Tell the kernel, and with it everybody on this host, when the lease of an address ends; None for never."""

    name: str
    address: IPv4Interface
    expires: datetime | None
    before: datetime | None

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return f"ip addr change {self.address} dev {self.name} noprefixroute {_lifetime_words(self.expires)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAddress:
    """Take an address from an interface."""

    name: str
    address: IPv4Interface
    expires: datetime | None = None
    """When its lease ends, None for never."""

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return f"ip addr del {self.address} dev {self.name}"


def _route_words(route: Route) -> str:
    destination = "default" if route.destination.prefixlen == 0 else str(route.destination)
    via = "" if route.gateway is None else f" via {route.gateway}"
    source = "" if route.source is None else f" src {route.source}"
    table = "" if route.table == MAIN_TABLE else f" table {route.table}"
    metric = "" if route.metric is None else f" metric {route.metric}"
    return f"{destination}{via} dev {route.interface}{source}{table}{metric} proto {route.protocol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRoute:
    """Add a route."""

    route: Route

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return f"ip route add {_route_words(self.route)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRoute:
    """Remove a route."""

    route: Route

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return f"ip route del {_route_words(self.route)}"


def _rule_words(rule: Rule) -> str:
    table = "main" if rule.table == MAIN_TABLE else str(rule.table)
    suppress = " suppress_prefixlength 0" if rule.ignore_default else ""
    return f"from {rule.source} lookup {table}{suppress} priority {rule.priority} protocol {PROTOCOL}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRule:
    """Add a routing rule."""

    rule: Rule

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return f"ip rule add {_rule_words(self.rule)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRule:
    """Remove a routing rule."""

    rule: Rule

    @property
    def command(self) -> str:
        """The equivalent for a shell."""
        return f"ip rule del {_rule_words(self.rule)}"


Step = (
    AddLink
    | RemoveLink
    | SetLink
    | SetIPv6Generation
    | SetSettings
    | AddAddress
    | SetExpiry
    | RemoveAddress
    | AddRoute
    | RemoveRoute
    | AddRule
    | RemoveRule
)


def inverse(step: Step) -> Step | None:
    """Return what undoes a step; None for the removal of an interface, which nothing brings back as it was."""
    match step:
        case AddLink():
            return RemoveLink(name=step.name)
        case RemoveLink():
            return None
        case SetLink():
            return SetLink(name=step.name, up=not step.up)
        case SetIPv6Generation():
            return SetIPv6Generation(name=step.name, mode=step.before, before=step.mode)
        case SetSettings():
            return SetSettings(name=step.name, values=step.before, before=step.values)
        case AddAddress():
            return RemoveAddress(name=step.name, address=step.address, expires=step.expires)
        case SetExpiry():
            return SetExpiry(name=step.name, address=step.address, expires=step.before, before=step.expires)
        case RemoveAddress():
            return AddAddress(name=step.name, address=step.address, expires=step.expires)
        case AddRoute():
            return RemoveRoute(route=step.route)
        case RemoveRoute():
            return AddRoute(route=step.route)
        case AddRule():
            return RemoveRule(rule=step.rule)
        case RemoveRule():
            return AddRule(rule=step.rule)
