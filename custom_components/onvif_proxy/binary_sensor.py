"""Whether the recorder answers, and whether the interfaces of cameras have a link."""

from typing import override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_ADDRESSING, Addressing
from .data import OnvifProxyConfigEntry
from .entity import CameraEntity, RecorderEntity
from .fleet_camera import FleetCamera

PARALLEL_UPDATES = 0

CONNECTIVITY = BinarySensorEntityDescription(
    key="connectivity",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


LINK = BinarySensorEntityDescription(
    key="link",
    translation_key="link",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the recorder's connectivity, and the link of each camera that has an interface of its own."""
    data = entry.runtime_data
    async_add_entities([RecorderConnectivity(data.coordinator, CONNECTIVITY)])
    if entry.data[CONF_ADDRESSING] != Addressing.DEDICATED:
        return

    def add(fleet_camera: FleetCamera) -> None:
        async_add_entities([InterfaceLink(data.coordinator, data.fleet, fleet_camera, LINK)])

    entry.async_on_unload(data.fleet.async_on_new_camera(add))


class RecorderConnectivity(RecorderEntity, BinarySensorEntity):
    """On while the last scan worked; unknown before the first."""

    @property
    @override
    def available(self) -> bool:
        return True

    @property
    @override
    def is_on(self) -> bool | None:
        return self.coordinator.last_update_success if self.coordinator.has_tried else None


class InterfaceLink(CameraEntity, BinarySensorEntity):
    """On while the camera's interface is there and its parent has a carrier."""

    @property
    @override
    def is_on(self) -> bool:
        interface = self._fleet.placement.interface_of(self._fleet_camera)
        return interface is not None and interface.up
