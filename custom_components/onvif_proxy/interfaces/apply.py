"""Doing the steps of a plan by netlink, which works where /proc/sys is read-only; takes CAP_NET_ADMIN."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
import errno
import logging
import os
import socket
import struct
from typing import Any

from pyroute2 import AsyncIPRoute  # type: ignore[import-untyped]  # pyroute2 ships no types

from .errors import Fault, KernelRefused
from .kernel import FOR_EVER, NETLINK_ERRORS, netlink
from .marks import PROTOCOL
from .state import Route, Rule
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
    inverse,
    lifetimes,
)

_LOGGER = logging.getLogger(__name__)

_IFA_F_NOPREFIXROUTE = 0x200
_RT_SCOPE_LINK = 253
_IFLA_INET_CONF = 1
_DEVCONF_NUMBERS = {"rp_filter": 8, "arp_announce": 18, "arp_ignore": 19, "arp_notify": 22}  # IPV4_DEVCONF_*

_FAULTS: Mapping[tuple[type, int], Fault] = {
    (AddLink, errno.EBUSY): Fault.PARENT_IN_USE,
    (AddLink, errno.EINVAL): Fault.PARENT_UNFIT,
    (AddLink, errno.EOPNOTSUPP): Fault.NO_MACVLAN,
    (SetLink, errno.ENETDOWN): Fault.PARENT_OFF,
    (SetLink, errno.EADDRINUSE): Fault.MAC_IN_USE,
}


async def do_steps(steps: Sequence[Step]) -> None:
    """Do steps in order; when one fails, or this is cancelled, undo those that were done.

    Raises:
        KernelRefused: The kernel refused a step; what could not be undone is in the message.
    """
    done: list[Step] = []
    async with netlink() as ipr:
        try:
            for step in steps:
                await _do_whole(ipr, step, done)
        except BaseException as error:
            left = await _undo(ipr, done)
            if isinstance(error, KernelRefused):
                error.left = left
            raise


async def _do_whole(ipr: AsyncIPRoute, step: Step, done: list[Step]) -> None:
    """Do a step to its end also when cancelled in the middle: half of one could not be undone."""
    doing = asyncio.ensure_future(_do(ipr, step))
    try:
        await asyncio.shield(doing)
    finally:
        await asyncio.wait([doing])
        if doing.exception() is None:
            done.append(step)


async def _undo(ipr: AsyncIPRoute, done: Sequence[Step]) -> tuple[str, ...]:
    """Undo steps, the last first; return the commands that failed."""
    left = []
    for step in reversed(done):
        if (back := inverse(step)) is None:
            continue
        try:
            await _do(ipr, back)
        except KernelRefused as error:
            _LOGGER.warning("Undo: %s", error)
            left.append(back.command)
    return tuple(left)


async def _do(ipr: AsyncIPRoute, step: Step) -> None:
    try:
        await _DOERS[type(step)](ipr, step)
    except NETLINK_ERRORS as error:
        code = getattr(error, "code", None) or getattr(error, "errno", None) or 0
        permitted = code not in {errno.EPERM, errno.EACCES}
        fault = _FAULTS.get((type(step), code), Fault.STEP_FAILED) if permitted else Fault.STEP_NOT_PERMITTED
        reason = os.strerror(code) if code else error
        raise KernelRefused(fault, command=step.command, reason=reason) from error


async def _add_link(ipr: AsyncIPRoute, step: AddLink) -> None:
    parent = socket.if_nametoindex(step.parent)
    await ipr.link("add", ifname=step.name, kind="macvlan", link=parent, macvlan_mode="bridge", address=step.mac)
    # The kernel takes no alias at creation; without it the interface would be nobody's.
    try:
        await ipr.link("set", index=socket.if_nametoindex(step.name), ifalias=step.alias)
    except BaseException:
        await ipr.link("del", index=socket.if_nametoindex(step.name))
        raise


async def _remove_link(ipr: AsyncIPRoute, step: RemoveLink) -> None:
    await ipr.link("del", index=socket.if_nametoindex(step.name))


async def _set_link(ipr: AsyncIPRoute, step: SetLink) -> None:
    await ipr.link("set", index=socket.if_nametoindex(step.name), state="up" if step.up else "down")


async def _set_ipv6_generation(ipr: AsyncIPRoute, step: SetIPv6Generation) -> None:
    inet6 = {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", step.mode)]}
    index = socket.if_nametoindex(step.name)
    await ipr.link("set", index=index, IFLA_AF_SPEC={"attrs": [("AF_INET6", inet6)]})


async def _set_settings(ipr: AsyncIPRoute, step: SetSettings) -> None:
    settings = b"".join(
        _attribute(_DEVCONF_NUMBERS[key], struct.pack("I", value)) for key, value in step.values.items()
    )
    spec = _attribute(socket.AF_INET, _attribute(_IFLA_INET_CONF, settings))
    # pyroute2 can only read this attribute of AF_INET. Under a family that it has no class for it sends the bytes as they
    # are, and the kernel looks at the family inside.
    await ipr.link("set", index=socket.if_nametoindex(step.name), family=socket.AF_PACKET, IFLA_AF_SPEC=spec)


def _attribute(number: int, value: bytes) -> bytes:
    return struct.pack("HH", len(value) + 4, number) + value + bytes(-len(value) % 4)


async def _add_address(ipr: AsyncIPRoute, step: AddAddress) -> None:
    await ipr.addr("add", flags=_IFA_F_NOPREFIXROUTE, **_address_arguments(step), **_lifetime_arguments(step))


async def _set_expiry(ipr: AsyncIPRoute, step: SetExpiry) -> None:
    await ipr.addr("replace", flags=_IFA_F_NOPREFIXROUTE, **_address_arguments(step), **_lifetime_arguments(step))


async def _remove_address(ipr: AsyncIPRoute, step: RemoveAddress) -> None:
    await ipr.addr("del", **_address_arguments(step))


def _lifetime_arguments(step: AddAddress | SetExpiry) -> dict[str, int]:
    preferred, valid = lifetimes(step.expires) or (FOR_EVER, FOR_EVER)
    return {"preferred_lft": preferred, "valid_lft": valid}


def _address_arguments(step: AddAddress | SetExpiry | RemoveAddress) -> dict[str, Any]:
    return {
        "index": socket.if_nametoindex(step.name),
        "address": str(step.address.ip),
        "prefixlen": step.address.network.prefixlen,
        "broadcast": str(step.address.network.broadcast_address),
    }


async def _add_route(ipr: AsyncIPRoute, step: AddRoute) -> None:
    await ipr.route("add", **_route_arguments(step.route))


async def _remove_route(ipr: AsyncIPRoute, step: RemoveRoute) -> None:
    await ipr.route("del", **_route_arguments(step.route))


def _route_arguments(route: Route) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "family": socket.AF_INET,
        "dst": str(route.destination),
        "oif": socket.if_nametoindex(route.interface),
        "table": route.table,
        "proto": route.protocol,
    }
    if route.gateway is None:
        arguments["scope"] = _RT_SCOPE_LINK
    else:
        arguments["gateway"] = str(route.gateway)
    if route.source is not None:
        arguments["prefsrc"] = str(route.source)
    if route.metric is not None:
        arguments["priority"] = route.metric
    return arguments


async def _add_rule(ipr: AsyncIPRoute, step: AddRule) -> None:
    await ipr.rule("add", **_rule_arguments(step.rule))


async def _remove_rule(ipr: AsyncIPRoute, step: RemoveRule) -> None:
    await ipr.rule("del", **_rule_arguments(step.rule))


def _rule_arguments(rule: Rule) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "family": socket.AF_INET,
        "src": str(rule.source),
        "src_len": 32,
        "table": rule.table,
        "priority": rule.priority,
        "FRA_PROTOCOL": PROTOCOL,
    }
    if rule.ignore_default:
        arguments["FRA_SUPPRESS_PREFIXLEN"] = 0
    return arguments


_DOERS: Mapping[type, Callable[[AsyncIPRoute, Any], Awaitable[None]]] = {
    AddLink: _add_link,
    RemoveLink: _remove_link,
    SetLink: _set_link,
    SetIPv6Generation: _set_ipv6_generation,
    SetSettings: _set_settings,
    AddAddress: _add_address,
    SetExpiry: _set_expiry,
    RemoveAddress: _remove_address,
    AddRoute: _add_route,
    RemoveRoute: _remove_route,
    AddRule: _add_rule,
    RemoveRule: _remove_rule,
}
