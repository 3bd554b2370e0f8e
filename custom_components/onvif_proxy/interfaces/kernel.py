"""The kernel's state of interfaces, routes and rules, read by netlink: no privilege, and no file of /proc/sys, is needed."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
import socket
from typing import Any

from pyroute2 import AsyncIPRoute  # type: ignore[import-untyped]  # pyroute2 ships no types
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError  # type: ignore[import-untyped]  # as above

from .errors import Fault, KernelRefused
from .marks import CAMERA_SETTINGS, PRIORITIES, PROTOCOL
from .state import DEFAULT_ROUTE, Interface, InterfaceAddress, Link, Route, Rule, Snapshot

NETLINK_ERRORS = (NetlinkError, OSError)
"""What pyroute2 raises when the kernel refuses, and when the socket does."""

_ARPHRD_ETHER = 1
_IFF_UP = 0x1
_IFF_LOOPBACK = 0x8
_IFF_RUNNING = 0x40
_RTN_UNICAST = 1
FOR_EVER = 0xFFFFFFFF
"""The lifetime of an address that does not end (INFINITY_LIFE_TIME)."""

_DUMP_ATTEMPTS = 5


async def read_interfaces() -> list[Interface]:
    """Read the interfaces and their IPv4 addresses; needs no privilege.

    Raises:
        KernelRefused: The kernel does not answer.
    """
    async with netlink() as ipr:
        links, addresses = await _read_links(ipr)
    names = {link["index"]: link.get("ifname") for link in links}
    return [Interface(**_facts(link, names, addresses)) for link in links]


async def read_snapshot() -> Snapshot:
    """Read all that a plan is made from; needs no privilege.

    Raises:
        KernelRefused: The kernel does not answer.
    """
    wireless = await asyncio.to_thread(_wireless_names)
    async with netlink() as ipr:
        links, addresses = await _read_links(ipr)
        routes = await dump(lambda: ipr.get_routes(family=socket.AF_INET))
        rules = await dump(lambda: ipr.get_rules(family=socket.AF_INET))
    names = {link["index"]: link.get("ifname") for link in links}
    return Snapshot(
        links=tuple(_link(link, names, addresses, wireless) for link in links),
        routes=tuple(_route(route, names) for route in routes if _is_plain_route(route)),
        rules=tuple(_rule(rule) for rule in rules if _is_our_rule(rule)),
    )


@asynccontextmanager
async def netlink() -> AsyncIterator[AsyncIPRoute]:
    """Open a netlink socket; a refusal of the socket or of a dump is raised as KernelRefused."""
    try:
        async with AsyncIPRoute() as ipr:
            yield ipr
    except NETLINK_ERRORS as error:
        raise KernelRefused(Fault.NETLINK_FAILED, reason=error) from error


async def _read_links(ipr: AsyncIPRoute) -> tuple[list[Any], dict[int, tuple[InterfaceAddress, ...]]]:
    """Return the messages of all links, and the addresses by the link's index, the first of a subnet first."""
    links = await dump(ipr.get_links)
    addresses: dict[int, tuple[InterfaceAddress, ...]] = {}
    now = datetime.now(UTC)
    for message in await dump(lambda: ipr.get_addr(family=socket.AF_INET)):
        # On a point-to-point link IFA_ADDRESS is the other end.
        address = message.get("IFA_LOCAL") or message.get("IFA_ADDRESS")
        one = InterfaceAddress(
            address=address, prefix_length=message["prefixlen"], expires=_expiry(message.get("IFA_CACHEINFO"), now)
        )
        addresses[message["index"]] = (*addresses.get(message["index"], ()), one)
    return links, addresses


def _expiry(lifetimes: Mapping[str, int] | None, now: datetime) -> datetime | None:
    if lifetimes is None or lifetimes["ifa_preferred"] == FOR_EVER:
        return None
    return now + timedelta(seconds=lifetimes["ifa_preferred"])


async def dump(request: Callable[[], Awaitable[AsyncIterable[Any]]]) -> list[Any]:
    """Read a whole table, again when it changed meanwhile."""
    for attempt in range(1, _DUMP_ATTEMPTS + 1):
        try:
            return [message async for message in await request()]
        except NetlinkDumpInterrupted:
            if attempt == _DUMP_ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _wireless_names() -> frozenset[str]:
    return frozenset(path.parent.name for path in Path("/sys/class/net").glob("*/phy80211"))


def _facts(
    link: Any, names: Mapping[int, str], addresses: Mapping[int, tuple[InterfaceAddress, ...]]
) -> dict[str, Any]:
    """Return the fields of an Interface."""
    # A parent's index counts in its own namespace, which may be another one.
    local = link.get("IFLA_LINK_NETNSID") is None
    return {
        "name": link.get("IFLA_IFNAME"),
        "mac": link.get("IFLA_ADDRESS") or "",
        "kind": link.get(("IFLA_LINKINFO", "IFLA_INFO_KIND")),
        "parent": names.get(link.get("IFLA_LINK")) if local else None,
        "up": bool(link["flags"] & _IFF_UP and link["flags"] & _IFF_RUNNING),
        "alias": link.get("IFLA_IFALIAS"),
        "addresses": addresses.get(link["index"], ()),
    }


def _link(
    link: Any,
    names: Mapping[int, str],
    addresses: Mapping[int, tuple[InterfaceAddress, ...]],
    wireless: Collection[str],
) -> Link:
    settings = link.get(("IFLA_AF_SPEC", "AF_INET")) or {}
    return Link(
        **_facts(link, names, addresses),
        index=link["index"],
        ethernet=link["ifi_type"] == _ARPHRD_ETHER,
        loopback=bool(link["flags"] & _IFF_LOOPBACK),
        wireless=link.get("IFLA_IFNAME") in wireless,
        enabled=bool(link["flags"] & _IFF_UP),
        master=names.get(link.get("IFLA_MASTER")),
        settings={key: settings.get(key, 0) for key in CAMERA_SETTINGS},
        ipv6_generation=link.get(("IFLA_AF_SPEC", "AF_INET6", "IFLA_INET6_ADDR_GEN_MODE")),
    )


def _is_plain_route(route: Any) -> bool:
    return route["type"] == _RTN_UNICAST and route.get("RTA_OIF") is not None


def _route(route: Any, names: Mapping[int, str]) -> Route:
    destination, gateway, source = (route.get(key) for key in ("RTA_DST", "RTA_GATEWAY", "RTA_PREFSRC"))
    return Route(
        table=route.get("RTA_TABLE"),
        destination=DEFAULT_ROUTE if destination is None else IPv4Network((destination, route["dst_len"])),
        interface=names.get(route.get("RTA_OIF"), ""),
        gateway=None if gateway is None else IPv4Address(gateway),
        source=None if source is None else IPv4Address(source),
        protocol=route["proto"],
        metric=route.get("RTA_PRIORITY"),
    )


def _is_our_rule(rule: Any) -> bool:
    return (
        rule.get("FRA_PROTOCOL") == PROTOCOL
        and rule.get("FRA_PRIORITY") in PRIORITIES
        and rule.get("FRA_SRC") is not None
    )


def _rule(rule: Any) -> Rule:
    return Rule(
        priority=rule.get("FRA_PRIORITY"),
        source=IPv4Address(rule.get("FRA_SRC")),
        table=rule.get("FRA_TABLE"),
        ignore_default=rule.get("FRA_SUPPRESS_PREFIXLEN") == 0,
    )
