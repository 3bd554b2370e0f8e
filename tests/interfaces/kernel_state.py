"""States of a kernel to plan on: a host with eth0, and one interface for a camera on it as it must be."""

from ipaddress import IPv4Address, IPv4Network

from custom_components.onvif_proxy.interfaces.marks import CAMERA_SETTINGS
from custom_components.onvif_proxy.interfaces.state import DEFAULT_ROUTE, InterfaceAddress, Link, Route, Rule, Snapshot

NETWORK = IPv4Network("192.168.1.0/24")
GATEWAY = IPv4Address("192.168.1.1")

LOOPBACK = Link(
    name="lo",
    mac="00:00:00:00:00:00",
    kind=None,
    parent=None,
    up=True,
    alias=None,
    addresses=(InterfaceAddress(address="127.0.0.1", prefix_length=8),),
    index=1,
    ethernet=False,
    loopback=True,
    wireless=False,
    enabled=True,
    master=None,
    settings=dict.fromkeys(CAMERA_SETTINGS, 0),
    ipv6_generation=0,
)
ETH0 = Link(
    name="eth0",
    mac="00:1b:21:00:00:05",
    kind=None,
    parent=None,
    up=True,
    alias=None,
    addresses=(InterfaceAddress(address="192.168.1.5", prefix_length=24),),
    index=2,
    ethernet=True,
    loopback=False,
    wireless=False,
    enabled=True,
    master=None,
    settings=dict.fromkeys(CAMERA_SETTINGS, 0),
    ipv6_generation=0,
)
DEFAULT = Route(
    table=254, destination=DEFAULT_ROUTE, interface="eth0", gateway=GATEWAY, source=None, protocol=3, metric=100
)


def camera_link() -> Link:
    """Return interface number 1 as it must be."""
    return Link(
        name="onvifcam1",
        mac="02:00:00:00:00:01",
        kind="macvlan",
        parent="eth0",
        up=True,
        alias="onvif_proxy:1 parent arp_ignore=0 arp_announce=0",
        addresses=(InterfaceAddress(address="192.168.1.201", prefix_length=24),),
        index=3,
        ethernet=True,
        loopback=False,
        wireless=False,
        enabled=True,
        master=None,
        settings=dict(CAMERA_SETTINGS),
        ipv6_generation=1,
    )


def camera_routes() -> tuple[Route, Route]:
    """Return the routes of interface number 1: its subnet, and the router."""
    source = IPv4Address("192.168.1.201")
    return (
        Route(table=7701, destination=NETWORK, interface="onvifcam1", gateway=None, source=source, protocol=77),
        Route(
            table=7701, destination=DEFAULT_ROUTE, interface="onvifcam1", gateway=GATEWAY, source=source, protocol=77
        ),
    )


def camera_rules(address: str = "192.168.1.201") -> tuple[Rule, Rule, Rule]:
    """Return the rules for an address of interface number 1."""
    source = IPv4Address(address)
    return (
        Rule(priority=7600, source=source, table=7701, ignore_default=True),
        Rule(priority=7601, source=source, table=254, ignore_default=True),
        Rule(priority=7602, source=source, table=7701, ignore_default=False),
    )


def snapshot(*links: Link, routes: tuple[Route, ...] = (DEFAULT,), rules: tuple[Rule, ...] = ()) -> Snapshot:
    """Return the state of a host that has these links beside loopback."""
    return Snapshot(links=(LOOPBACK, *links), routes=routes, rules=rules)
