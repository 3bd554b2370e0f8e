"""Questions to the kernel that any user may ask: which way would a packet go, and does a router answer by ARP?"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
import logging
import socket

from .kernel import NETLINK_ERRORS, netlink
from .neighbours import read_neighbours

_LOGGER = logging.getLogger(__name__)

_DISCARD_PORT = 9
"""RFC 863: what is sent there is of no consequence."""
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A router as seen from an address of this host."""

    index: int
    """Of the interface that has the address."""
    source: IPv4Address
    gateway: IPv4Address


@dataclass(frozen=True, slots=True)
class Way:
    """Where a packet comes from and where it goes."""

    source: IPv4Address
    destination: IPv4Address


async def leaving_interfaces(ways: Collection[Way]) -> dict[Way, int | None]:
    """Return the indexes of the interfaces by which packets would leave, None where there is no way; sends nothing.

    Raises:
        KernelRefused: The kernel does not answer.
    """
    answers: dict[Way, int | None] = {}
    async with netlink() as ipr:
        for way in ways:
            try:
                routes = await ipr.route(
                    "get", family=socket.AF_INET, dst=str(way.destination), src=str(way.source), src_len=32, dst_len=32
                )
            except NETLINK_ERRORS as error:
                _LOGGER.debug("No route from %s to %s: %s", way.source, way.destination, error)
                answers[way] = None
            else:
                answers[way] = routes[0].get("RTA_OIF")
    return answers


async def answering(hops: Sequence[Hop], *, timeout: float) -> dict[Hop, bool]:
    """Return which routers answer ARP requests; one that the kernel did not ask, because of a firewall say, is not in it.

    The kernel asks when there is something to send: an empty datagram to the discard port. It gives up after three seconds,
    which `timeout` should leave it.

    Raises:
        KernelRefused: The kernel does not answer.
    """
    asked = [hop for hop in hops if _send(hop)]
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        entries = {(entry.index, entry.address): entry for entry in await read_neighbours()}
        found = {hop: entry for hop in asked if (entry := entries.get((hop.index, hop.gateway))) is not None}
        if not any(entry.asked for entry in found.values()) or asyncio.get_running_loop().time() >= deadline:
            return {hop: bool(entry.mac) and not entry.silent for hop, entry in found.items()}
        await asyncio.sleep(_POLL_SECONDS)


def _send(hop: Hop) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.bind((str(hop.source), 0))
            sender.sendto(b"", (str(hop.gateway), _DISCARD_PORT))
        except OSError as error:
            _LOGGER.debug("Nothing can be sent from %s to %s: %s", hop.source, hop.gateway, error)
            return False
    return True
