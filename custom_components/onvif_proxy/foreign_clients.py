"""Clients that reach a camera over a router: to them all cameras have one MAC, the router's."""

import asyncio
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
    """The clients of other networks that logged in lately at one camera; `on_change` is called when they change."""

    def __init__(
        self,
        own_networks: Callable[[], Iterable[IPv4Network]] | None,
        on_change: Callable[[], None],
        *,
        memory: float = FOREIGN_CLIENT_MEMORY,
        limit: int = MAX_FOREIGN_CLIENTS,
    ) -> None:
        """Know none. `own_networks` returns `networks_of_host`, None makes no client a foreign one."""
        self._own_networks = own_networks
        self._on_change = on_change
        self._memory = memory
        self._limit = limit
        self._network: IPv4Network | None = None
        self._last_seen: dict[IPv4Address, float] = {}
        """By the event loop's clock; the one that was not seen for the longest time comes first."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def addresses(self) -> frozenset[IPv4Address]:
        """Those that are remembered."""
        return frozenset(self._last_seen)

    def set_network(self, network: IPv4Network) -> None:
        """Take the camera's own network; who is in it is foreign no more."""
        self._network = network
        self._forget(lambda client, _: client in network)

    def forget_all(self) -> None:
        """Begin anew."""
        self._forget(lambda *_: True)

    def see(self, address: str) -> None:
        """Take note of a client that logged in."""
        if self._own_networks is None or self._network is None:
            return
        client = IPv4Address(address)
        if client in self._network or any(client in network for network in self._own_networks()):
            return
        known = self._last_seen.pop(client, None) is not None
        if not known and len(self._last_seen) >= self._limit:
            return
        self._last_seen[client] = asyncio.get_running_loop().time()
        if not known:
            self._forget_later()
            self._on_change()

    def _forget(self, gone: Callable[[IPv4Address, float], bool]) -> None:
        """Forget those of whom `gone` says so, by address and end of memory."""
        kept = {client: seen for client, seen in self._last_seen.items() if not gone(client, seen + self._memory)}
        changed = len(kept) < len(self._last_seen)
        self._last_seen = kept
        self._forget_later()
        if changed:
            self._on_change()

    def _forget_later(self) -> None:
        """Wake up when the next client is to be forgotten; if it was seen again by then, there is a later one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (oldest := next(iter(self._last_seen.values()), None)) is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(oldest + self._memory, lambda: self._forget(lambda _, end: end <= loop.time()))
