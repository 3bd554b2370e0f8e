"""The interfaces that Home Assistant makes for its cameras itself, where it has the privilege; one for all entries."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface
from itertools import count
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, LOGGER
from .interface_health import InterfaceHealth
from .interfaces import (
    Fault,
    InterfaceError,
    InterfaceKeeper,
    InterfaceSpec,
    Inventory,
    InventoryFile,
    KeptElsewhere,
    derive_mac,
    is_kept,
    read_interfaces,
    read_neighbours,
    read_privilege,
    read_snapshot,
)

NAME_PREFIX = "onvifcam"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an entry asks of the interfaces of its cameras."""

    parent: str
    addresses: tuple[IPv4Interface, ...] = ()
    """Static ones, a camera each, in the order of the cameras; none means DHCP."""


class InterfaceManager:
    """Makes the interfaces that entries wish for, and has them kept while an entry uses them."""

    def __init__(self, hass: HomeAssistant, instance: str) -> None:
        """Know the files; nothing is read yet."""
        storage = Path(hass.config.path(STORAGE_DIR))
        self._hass = hass
        self._instance = instance
        self._file = InventoryFile(storage / f"{DOMAIN}.interfaces")
        self._lease_file = storage / f"{DOMAIN}.leases"
        self._inventory = Inventory()
        self._loaded = False
        self._keeper: InterfaceKeeper | None = None
        self._trouble: InterfaceError | None = None
        """Why nobody keeps them, although it is for this Home Assistant to do so."""
        self.health = InterfaceHealth(
            hass, lambda: None if self._keeper is None and self._trouble is None else self._inventory
        )
        self._users: set[str] = set()
        self._lock = asyncio.Lock()

    @property
    def inventory(self) -> Inventory:
        """The interfaces that are to be there."""
        return self._inventory

    @property
    def keeps(self) -> bool:
        """Whether the interfaces are kept by this Home Assistant now."""
        return self._keeper is not None

    async def async_load(self) -> None:
        """Read the inventory; one that can't be read is left as it is, and read again before anything is made."""
        try:
            await self._async_load()
        except InterfaceError as error:
            LOGGER.debug("The inventory of the interfaces can't be used: %s", error)

    async def _async_load(self) -> None:
        if not self._loaded:
            self._inventory = await self._hass.async_add_executor_job(self._file.load)
            self._loaded = True

    async def async_use(self, entry_id: str) -> None:
        """Have the interfaces kept as long as this entry, or another, uses them; what is in the way `async_provide` tells."""
        async with self._lock:
            self._users.add(entry_id)
            try:
                await self._async_start()
            except InterfaceError as error:
                LOGGER.debug("The interfaces of the cameras are not kept: %s", error)

    async def async_leave(self, entry_id: str) -> None:
        """End what `async_use` began; the interfaces stay."""
        async with self._lock:
            self._users.discard(entry_id)
            if not self._users:
                await self._async_stop()

    async def _async_start(self) -> None:
        """Have the interfaces kept from now on, if they are not yet; raises InterfaceError."""
        if self._keeper is not None:
            return
        self._trouble = None
        if await self._hass.async_add_executor_job(is_kept):
            raise KeptElsewhere(Fault.KEPT_ELSEWHERE)
        try:
            await self._async_load()
            keeper = InterfaceKeeper(self._inventory, lease_file=self._lease_file)
            await keeper.start()
        except KeptElsewhere:
            raise
        except InterfaceError as error:
            self._trouble = error
            raise
        self._keeper = keeper

    async def _async_stop(self) -> None:
        self._trouble = None
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            await keeper.stop()

    async def async_provide(self, cameras: Sequence[str], wish: Wish) -> dict[str, str] | None:
        """Return the MAC of the interface of each camera, making those that are missing; raises InterfaceError.

        A camera for which no static address is left gets none. None where the service on the host keeps the interfaces now.
        """
        async with self._lock:
            if not self._users:
                return {}  # the last entry was unloaded meanwhile
            try:
                await self._async_start()
            except KeptElsewhere as error:
                LOGGER.debug("No interfaces are made: %s", error)
                return None
            present = await read_interfaces()
            inventory = _with_interfaces_for(
                cameras,
                wish,
                self._inventory,
                instance=self._instance,
                gateway=(await read_snapshot()).default_gateway(wish.parent) if wish.addresses else None,
                taken={one.mac for one in present} | {one.mac for one in await read_neighbours()},
                numbers={_number_of(interface.name) for interface in present},
            )
            if inventory != self._inventory:
                await self._async_replace(inventory)
            return {spec.camera: spec.mac for spec in inventory.specs if spec.camera in cameras}

    async def async_repair(self) -> None:
        """Bring the interfaces to what they should be, now, and look whether they are; raises InterfaceError."""
        async with self._lock:
            if self._users:
                await self._async_start()
            if self._keeper is not None:
                await self._keeper.repair()
            await self.health.async_check()

    async def async_remove(self, prefix: str) -> None:
        """Remove the interfaces of the cameras whose key begins so; raises InterfaceError."""
        async with self._lock:
            await self._async_load()
            ids = [spec.id for spec in self._inventory.specs if spec.camera.startswith(prefix)]
            if not ids:
                return
            try:
                await self._async_start()
                await self._async_replace(self._inventory.without(*ids))
            finally:
                if not self._users:
                    await self._async_stop()

    async def _async_replace(self, inventory: Inventory) -> None:
        """Write the inventory down, then make it so; what can't be made is not left written."""
        former = self._inventory
        await self._hass.async_add_executor_job(self._file.save, inventory)
        try:
            if self._keeper is not None:
                await self._keeper.replace(inventory)
        except InterfaceError:
            await self._hass.async_add_executor_job(self._file.save, former)
            raise
        self._inventory = inventory


def _with_interfaces_for(
    cameras: Sequence[str],
    wish: Wish,
    inventory: Inventory,
    *,
    instance: str,
    gateway: IPv4Address | None,
    taken: set[str],
    numbers: set[int],
) -> Inventory:
    """Return an inventory in which each camera has an interface as wished; one that it had before keeps MAC and name."""
    specs = {spec.camera: spec for spec in inventory.specs}
    held = {spec.address for spec in inventory.specs}
    free = [address for address in wish.addresses if address not in held]
    taken = taken | {spec.mac for spec in inventory.specs}
    numbers = numbers | {spec.id for spec in inventory.specs}
    for camera in cameras:
        spec = specs.get(camera)
        address = None
        if wish.addresses:
            if spec is not None and spec.address in wish.addresses:
                address = spec.address
            elif free:
                address = free.pop(0)
            else:
                continue
        if spec is None:
            number = next(number for number in count(1) if number not in numbers)
            numbers.add(number)
            mac = derive_mac(instance, camera, taken)
            taken.add(mac)
            spec = InterfaceSpec(id=number, name=f"{NAME_PREFIX}{number}", mac=mac, parent=wish.parent, camera=camera)
        specs[camera] = replace(
            spec,
            parent=wish.parent,
            address=address,
            gateway=gateway or _known_gateway(spec, wish.parent, address),
            dhcp=not wish.addresses,
        )
    return replace(inventory, specs=tuple(specs.values()))


def _known_gateway(spec: InterfaceSpec, parent: str, address: IPv4Interface | None) -> IPv4Address | None:
    """Return the gateway of before if it still fits: after a power cut the parent may have no default route yet."""
    if spec.gateway is None or address is None or spec.parent != parent:
        return None
    return spec.gateway if spec.gateway in address.network else None


def _number_of(name: str) -> int:
    """Return the number in the name of an interface of ours, 0 for others: the setup program on the host counts too."""
    number = name.removeprefix(NAME_PREFIX)
    return int(number) if name.startswith(NAME_PREFIX) and number.isdecimal() else 0


_MANAGER: HassKey[InterfaceManager] = HassKey(f"{DOMAIN}.interfaces")


@singleton(_MANAGER, async_=True)
async def async_get_manager(hass: HomeAssistant) -> InterfaceManager:
    """Return the one manager of this Home Assistant, its inventory loaded."""
    manager = InterfaceManager(hass, await instance_id.async_get(hass))
    await manager.async_load()
    return manager


async def async_may_make_interfaces(hass: HomeAssistant) -> bool:
    """Whether this process has what making interfaces and asking for leases needs, and nobody else does it here."""
    privilege = await hass.async_add_executor_job(read_privilege)
    manager = await async_get_manager(hass)
    return (
        privilege.net_admin and privilege.net_raw and (manager.keeps or not await hass.async_add_executor_job(is_kept))
    )


def camera_key(serial_number: str, token: str) -> str:
    """Return the key of a camera in the inventory."""
    return f"{serial_number}/{token}"
