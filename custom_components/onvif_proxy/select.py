"""Which network interface a camera in dedicated addressing has."""

from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_ADDRESSING, DOMAIN, Addressing
from .coordinator import RecorderCoordinator
from .data import OnvifProxyConfigEntry
from .entity import CameraEntity
from .fleet import Fleet
from .fleet_camera import FleetCamera

PARALLEL_UPDATES = 1

INTERFACE = SelectEntityDescription(key="interface", translation_key="interface", entity_category=EntityCategory.CONFIG)


async def async_setup_entry(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the choice to each camera that has an interface of its own."""
    data = entry.runtime_data
    if entry.data[CONF_ADDRESSING] != Addressing.DEDICATED:
        return

    def add(fleet_camera: FleetCamera) -> None:
        async_add_entities([InterfaceSelect(data.coordinator, data.fleet, fleet_camera)])

    entry.async_on_unload(data.fleet.async_on_new_camera(add))


class InterfaceSelect(CameraEntity, SelectEntity):
    """Offers the camera's own interface and those that no camera has."""

    def __init__(self, coordinator: RecorderCoordinator, fleet: Fleet, fleet_camera: FleetCamera) -> None:
        """Describe it."""
        super().__init__(coordinator, fleet, fleet_camera, INTERFACE)

    @property
    @override
    def current_option(self) -> str | None:
        interface = self._fleet.placement.interface_of(self._fleet_camera)
        return None if interface is None else interface.name

    @property
    @override
    def options(self) -> list[str]:
        free = [interface.name for interface in self._fleet.placement.free_interfaces()]
        return free if self.current_option is None else [self.current_option, *free]

    @override
    async def async_select_option(self, option: str) -> None:
        if option == self.current_option:
            return
        if not await self._fleet.async_select_interface(self._fleet_camera, option):
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="interface_not_free",
                translation_placeholders={"interface": option},
            )
