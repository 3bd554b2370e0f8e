"""Clients that reach a camera over a router: to them all cameras have one MAC, the router's. No I/O."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network

from .interfaces import Interface

FOREIGN_CLIENT_MEMORY = 24 * 3600.0
"""Seconds for which a client of another network is remembered after it was last seen."""
MAX_FOREIGN_CLIENTS = 32
"""Of one camera; further ones are not remembered."""


def networks_of_host(interfaces: Iterable[Interface]) -> tuple[IPv4Network, ...]:
    """Return from where no router is between a camera and its client: loopback, this host's addresses, its bridges.

    On a bridge are the containers of this host, Home Assistant's apps among them.
    """
    return tuple(
        network if network.is_loopback or interface.kind == "bridge" else IPv4Network(one.address)
        for interface in interfaces
        for one in interface.addresses
        for network in (IPv4Network((one.address, one.prefix_length), strict=False),)
    )


class ForeignClients:
    """The clients of other networks, each remembered for a while after it was last seen. Times are seconds."""

    def __init__(self, memory: float, *, limit: int = MAX_FOREIGN_CLIENTS) -> None:
        """Know none."""
        self._memory = memory
        self._limit = limit
        self._last_seen: dict[IPv4Address, float] = {}
        """The one that was not seen for the longest time comes first."""

    @property
    def addresses(self) -> frozenset[IPv4Address]:
        """Those that are remembered."""
        return frozenset(self._last_seen)

    @property
    def next_end(self) -> float | None:
        """When the next one is to be forgotten unless it is seen again; None if there is none."""
        return next((seen + self._memory for seen in self._last_seen.values()), None)

    def see(self, client: IPv4Address, now: float) -> bool:
        """Remember a client from now on; returns whether it is a new one."""
        known = self._last_seen.pop(client, None) is not None
        if not known and len(self._last_seen) >= self._limit:
            return False
        self._last_seen[client] = now
        return not known

    def forget(self, gone: Callable[[IPv4Address, float], bool]) -> bool:
        """Forget those of whom `gone` says so, by address and end of memory; returns whether there were any."""
        kept = {client: seen for client, seen in self._last_seen.items() if not gone(client, seen + self._memory)}
        changed = len(kept) < len(self._last_seen)
        self._last_seen = kept
        return changed
