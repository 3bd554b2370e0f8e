"""What all entities of a virtual camera, and all of a recorder, have in common."""

from typing import override

from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import RecorderCoordinator
from .fleet import Fleet
from .fleet_camera import FleetCamera, camera_identifier
from .virtual_camera import VirtualCamera


class RecorderEntity(CoordinatorEntity[RecorderCoordinator]):
    """An entity of the recorder's device."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: RecorderCoordinator, description: EntityDescription) -> None:
        """Attach it to the device that the entry's setup made."""
        super().__init__(coordinator)
        self.entity_description = description
        self._attr_unique_id = f"{coordinator.serial_number}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, coordinator.serial_number)})


class CameraEntity(CoordinatorEntity[RecorderCoordinator]):
    """An entity of a virtual camera's device; follows the camera, and the recorder where it says so."""

    _attr_has_entity_name = True

    def __init__(
        self, coordinator: RecorderCoordinator, fleet: Fleet, fleet_camera: FleetCamera, description: EntityDescription
    ) -> None:
        """Attach it to the device that the fleet made."""
        super().__init__(coordinator)
        self.entity_description = description
        self._fleet = fleet
        self._fleet_camera = fleet_camera
        identifier = camera_identifier(coordinator.serial_number, fleet_camera.token)
        self._attr_unique_id = f"{identifier[1]}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={identifier})

    @property
    def _camera(self) -> VirtualCamera:
        return self._fleet_camera.camera

    @property
    def _channel_is_there(self) -> bool:
        """Whether the recorder answers and still has the channel."""
        return super().available and self.coordinator.data.channel(self._fleet_camera.token) is not None

    @property
    @override
    def available(self) -> bool:
        """What controls or tells of our own server needs no recorder."""
        return True

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self._fleet_camera.listeners.add(self.async_write_ha_state))
        self.async_on_remove(self._fleet.interface_listeners.add(self.async_write_ha_state))
