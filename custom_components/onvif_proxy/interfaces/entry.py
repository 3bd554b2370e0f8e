"""One interface of a keeper: what is remembered of it, and how it comes by its address."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Interface
import logging

from .claim import AddressClaim
from .dhcp import LeaseClient
from .kept import KeptInterface, KeptState
from .leases import Lease, LeaseFile
from .marks import routing_table
from .patience import Patience
from .plan import InterfaceSpec, link_of
from .state import Link, Snapshot

_LOGGER = logging.getLogger(__name__)

_LATELY = 30.0
_LONGEST_LIFETIME = 20 * 24 * 3600.0
"""Seconds that every kernel can tell: it counts ticks, and 32 bits hold no more of the shortest."""
_NO_DHCP = "An address by DHCP takes root, or the capability CAP_NET_RAW."


class Entry:
    """An interface that is kept. `settle` says what addresses it should have, the keeper sees to it, then `serve`."""

    def __init__(self, spec: InterfaceSpec, leases: LeaseFile, wake: Callable[[], None], *, raw: bool) -> None:
        """Prepare it.

        Args:
            spec: What it should be; it may be replaced by one with another address.
            leases: Where its lease is remembered.
            wake: Called when `settle` would have another answer than before.
            raw: Whether this process may send and receive frames: without, no address is asked for or checked.
        """
        self.spec = spec
        self.patience = Patience()
        self.reason: str | None = None
        """Why it is not what it should be, a sentence."""
        self._leases = leases
        self._wake = wake
        self._raw = raw
        self._client: LeaseClient | None = None
        self._claim: AddressClaim | None = None
        self._holder: str | None = None
        self._is_taken = False
        self._index: int | None = None
        self._lately: tuple[IPv4Interface, float] | None = None
        self._was_up = False
        self._address: IPv4Interface | None = None

    @property
    def planned(self) -> InterfaceSpec:
        """What to plan for: with the gateway that the lease says."""
        lease = self._lease
        return self.spec if lease is None else replace(self.spec, gateway=self.spec.gateway or lease.gateway)

    @property
    def addresses(self) -> tuple[IPv4Interface, ...] | None:
        """The addresses that it should have, as last settled; None for those that it has."""
        if self._is_without_dhcp:
            return None
        return () if self._address is None else (self._address,)

    @property
    def expires(self) -> datetime | None:
        """When the kernel is to be told that the lease of its address ends, None for never."""
        left = None if self._client is None else self._client.seconds_left
        return None if left is None or left > _LONGEST_LIFETIME else datetime.now(UTC) + timedelta(seconds=left)

    def fail(self, reason: str) -> None:
        """Remember why it is not what it should be; the same reason is logged once."""
        if reason != self.reason:
            _LOGGER.warning("%s: %s", self.spec.name, reason)
        self.reason = reason

    async def settle(self, snapshot: Snapshot) -> None:
        """Find out what address it should have: nobody else's, and with DHCP a leased one."""
        link = link_of(self.spec, snapshot)
        came_up = link is not None and link.up and not self._was_up
        self._was_up = link is not None and link.up
        index = None if link is None else link.index
        if index != self._index:
            self._index = index
            if self._claim is not None and self._claim.is_free:
                self._lately = (self._claim.address, asyncio.get_running_loop().time())
            await self._drop_claim()
        elif came_up and self._claim is not None:
            self._claim.repeat()
        if came_up and self._client is not None:
            self._client.restart()
        if self.spec.dhcp and self._raw and link is not None and self._client is None:
            self._make_client(link)
        wanted = self._lease.address if self._lease is not None else self.spec.address
        self._address = wanted if wanted is not None and await self._may_use(wanted, link, snapshot) else None
        if wanted is None:
            self._is_taken = False
            await self._drop_claim()
        if self._is_taken and self._client is not None:
            await self._drop_claim()
            await self._client.decline()

    async def serve(self, snapshot: Snapshot) -> None:
        """Ask for a lease while it is there and switched on."""
        if self._client is None:
            return
        link = link_of(self.spec, snapshot)
        if link is None or not link.enabled:
            await self._client.stop()
        elif link.up:
            self._client.start()

    def address_was_set(self) -> None:
        """Tell the LAN."""
        if self._claim is not None:
            self._claim.repeat()

    def kept(self, snapshot: Snapshot) -> KeptInterface:
        """Return what to tell of it."""
        spec = self.spec
        link = link_of(spec, snapshot)
        present = () if link is None else link.ip_interfaces
        wanted = present[:1] if self.addresses is None else self.addresses
        address = next((one for one in present if one in wanted), None)
        gateway = None if address is None else snapshot.default_gateway(spec.name, routing_table(spec.id))
        lease = self._lease
        state = self._state(snapshot, link, address)
        return KeptInterface(
            spec=spec,
            state=state,
            address=None if address is None else str(address.ip),
            prefix_length=None if address is None else address.network.prefixlen,
            gateway=None if gateway is None else str(gateway),
            lease_expires=None if lease is None else lease.expires,
            link_up=link is not None and link.up,
            conflicting_mac=self._holder if state is KeptState.CONFLICT else None,
            reason=self._failure if state is KeptState.FAILED else None,
        )

    async def close(self) -> None:
        """Look after it no longer; the interface and its address stay."""
        await self._drop_claim()
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def release(self) -> None:
        """Give its lease back: it is about to be removed."""
        if self._client is not None:
            await self._client.release()
        self._leases.forget(self.spec.mac)

    @property
    def _lease(self) -> Lease | None:
        return None if self._client is None else self._client.lease

    @property
    def _is_without_dhcp(self) -> bool:
        return self.spec.dhcp and not self._raw

    @property
    def _failure(self) -> str | None:
        return self.reason or (_NO_DHCP if self._is_without_dhcp else None)

    def _make_client(self, link: Link) -> None:
        remembered = self._leases.get(self.spec.mac)
        self._client = LeaseClient(self.spec.name, self.spec.mac, self._leased, remembered=remembered)
        if remembered is not None and remembered.address in link.ip_interfaces:
            self._client.adopt()

    def _leased(self, lease: Lease | None) -> None:
        if lease is not None:
            self._leases.remember(self.spec.mac, lease)
        self._wake()

    async def _may_use(self, address: IPv4Interface, link: Link | None, snapshot: Snapshot) -> bool:
        """Return whether nobody else has an address, as far as is known by now."""
        self._is_taken = False
        # No frame tells of an address of this host itself.
        own = next((one.mac for one in snapshot.links_with(address.ip) if one is not link), None)
        if own is not None:
            await self._drop_claim()
            if own != self._holder:
                _LOGGER.warning("%s: this host has the address %s already", self.spec.name, address.ip)
            self._holder = own
            self._is_taken = True
            return False
        if not self._raw:
            self._holder = None
            return True
        in_use = self._was_lately_used(address) or (link is not None and address in link.ip_interfaces)
        if link is None:
            return in_use
        if self._claim is not None and self._claim.address != address:
            await self._drop_claim()
        if self._claim is None:
            if not link.up:
                return in_use
            self._claim = AddressClaim(link.name, link.mac, address, self._wake, in_use=in_use)
        self._holder = self._claim.holder
        self._is_taken = self._holder is not None
        return self._claim.is_free

    def _was_lately_used(self, address: IPv4Interface) -> bool:
        """Return whether the interface had an address when it went away, so shortly ago that it need not be asked for."""
        if self._lately is None or self._lately[0] != address:
            return False
        return asyncio.get_running_loop().time() - self._lately[1] < _LATELY

    async def _drop_claim(self) -> None:
        if self._claim is not None:
            await self._claim.stop()
            self._claim = None

    def _state(self, snapshot: Snapshot, link: Link | None, address: IPv4Interface | None) -> KeptState:
        parent = snapshot.link(self.spec.parent)
        if parent is None:
            return KeptState.PARENT_GONE
        if self._failure is not None:
            return KeptState.FAILED
        if not parent.enabled or (link is not None and not link.up):
            return KeptState.NO_CARRIER
        if address is not None:
            return KeptState.UP
        if self._holder is not None:
            return KeptState.CONFLICT
        return KeptState.WAITING_FOR_LEASE if self.spec.dhcp and self._lease is None else KeptState.STARTING
