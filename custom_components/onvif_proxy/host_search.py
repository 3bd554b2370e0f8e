"""Lets programs on Home Assistant's own host find the cameras that have interfaces of their own; one for all entries."""

import asyncio
from collections.abc import Iterable

from homeassistant.core import HomeAssistant
from homeassistant.helpers.singleton import singleton
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, LOGGER
from .interfaces import Interface
from .responder import HostDiscovery


class HostSearch:
    """Runs while an entry uses it."""

    def __init__(self) -> None:
        """Answer nobody yet."""
        self.discovery = HostDiscovery()
        self._users: set[str] = set()
        self._lock = asyncio.Lock()

    async def async_use(self, entry_id: str) -> None:
        """Answer as long as this entry, or another, uses it; cameras run without it where that fails."""
        async with self._lock:
            self._users.add(entry_id)
            try:
                await self.discovery.start()
            except OSError as error:
                LOGGER.warning("Programs on this host can't discover cameras with interfaces of their own: %s", error)

    async def async_leave(self, entry_id: str) -> None:
        """End what `async_use` began."""
        async with self._lock:
            self._users.discard(entry_id)
            if not self._users:
                await self.discovery.stop()

    async def async_set_interfaces(self, interfaces: Iterable[Interface]) -> None:
        """Follow the interfaces of this host, without those of cameras."""
        await self.discovery.set_addresses(
            (interface.name, address.address)
            for interface in interfaces
            if interface.kind != "macvlan"
            for address in interface.addresses
        )


_SEARCH: HassKey[HostSearch] = HassKey(f"{DOMAIN}.host_search")


@singleton(_SEARCH)
def async_get_host_search(hass: HomeAssistant) -> HostSearch:
    """Return the one of this Home Assistant."""
    return HostSearch()
