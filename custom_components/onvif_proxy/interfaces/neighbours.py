"""Who the kernel knows on the LAN by ARP: read by netlink, without privilege."""

from dataclasses import dataclass
from ipaddress import IPv4Address
import socket

from .kernel import dump, netlink

_INCOMPLETE = 0x01
_FAILED = 0x20
_NOARP = 0x40
_REACHABLE = 0x02


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """An entry of the kernel's ARP table."""

    index: int
    """Of the interface that it is behind."""
    address: IPv4Address
    mac: str
    """Empty while nobody has answered."""
    asked: bool
    """Being asked for the first time, so that it may still answer."""
    silent: bool
    """Asked for, and did not answer."""
    fresh: bool
    """Answered within the last half minute or so; older entries are kept for as long as there is room."""


async def read_neighbours() -> list[Neighbour]:
    """Read the ARP table.

    Raises:
        KernelRefused: The kernel does not answer.
    """
    async with netlink() as ipr:
        entries = await dump(lambda: ipr.get_neighbours(family=socket.AF_INET))
    return [
        Neighbour(
            index=entry["ifindex"],
            address=IPv4Address(entry.get("NDA_DST")),
            mac=entry.get("NDA_LLADDR") or "",
            asked=bool(entry["state"] & _INCOMPLETE),
            silent=bool(entry["state"] & _FAILED),
            fresh=bool(entry["state"] & _REACHABLE),
        )
        for entry in entries
        # Multicast groups and loopback stand there as well, as what needs no ARP.
        if not entry["state"] & _NOARP
    ]
