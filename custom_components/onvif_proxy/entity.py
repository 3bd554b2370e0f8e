"""What all entities of a virtual camera, and all of a recorder, have in common."""

from abc import abstractmethod
from collections.abc import Callable, Container
from functools import partial
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import RecorderCoordinator
from .data import OnvifProxyConfigEntry
from .fleet import Fleet
from .fleet_camera import FleetCamera, camera_identifier
from .model import EventKind
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


class EventKindEntity(CameraEntity):
    """What a camera sees of one kind; its name in the registry is that of the kind."""

    def __init__(
        self,
        coordinator: RecorderCoordinator,
        fleet: Fleet,
        fleet_camera: FleetCamera,
        description: EntityDescription,
        kind: EventKind,
    ) -> None:
        """Attach it to the camera's device."""
        super().__init__(coordinator, fleet, fleet_camera, description)
        self._kind = kind

    @property
    @override
    def available(self) -> bool:
        """Whether anybody could tell: the recorder while it is listened to, or an entity that was assigned."""
        if self._kind in self._camera.assigned_kinds:
            return True
        return self._kind in self._camera.event_kinds and self._channel_is_there and self.coordinator.hears_events

    @abstractmethod
    @callback
    def _async_happened(self, active: bool) -> None:
        """Something of this kind begins or ends."""

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self._fleet_camera.event_listeners.add(self._async_heard))

    @callback
    def _async_heard(self, kind: EventKind, active: bool) -> None:
        if kind is self._kind:
            self._async_happened(active)


@callback
def async_add_by_kind(
    entry: OnvifProxyConfigEntry,
    kinds: Container[EventKind],
    make: Callable[[FleetCamera, EventKind], Entity],
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity for each of these kinds that a camera can tell, now and when it learns it."""
    fleet = entry.runtime_data.fleet

    def add_for(fleet_camera: FleetCamera) -> None:
        added: set[EventKind] = set()

        @callback
        def add_new() -> None:
            if fleet.cameras.get(fleet_camera.token) is not fleet_camera:
                return  # its device was deleted, and its entities must not bring it back
            for kind in fleet_camera.camera.event_kinds:
                if kind in kinds and kind not in added:
                    added.add(kind)
                    entity = make(fleet_camera, kind)
                    entity.async_on_remove(partial(added.discard, kind))  # what was removed may come again
                    async_add_entities([entity])

        add_new()
        entry.async_on_unload(fleet_camera.listeners.add(add_new))

    entry.async_on_unload(fleet.async_on_new_camera(add_for))
