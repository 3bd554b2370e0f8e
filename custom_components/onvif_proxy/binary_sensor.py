"""Whether the recorder answers, whether the interfaces of cameras have a link, and what the cameras see."""

from typing import override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_ADDRESSING, Addressing
from .data import OnvifProxyConfigEntry
from .entity import CameraEntity, EventKindEntity, RecorderEntity, async_add_by_kind
from .fleet_camera import FleetCamera
from .model import EventKind

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


def _seen(kind: EventKind, device_class: BinarySensorDeviceClass | None) -> BinarySensorEntityDescription:
    named_by_class = kind.value == device_class
    return BinarySensorEntityDescription(
        key=kind, translation_key=None if named_by_class else kind.value, device_class=device_class
    )


SEEN = {
    kind: _seen(kind, device_class)
    for kind, device_class in {
        EventKind.MOTION: BinarySensorDeviceClass.MOTION,
        # "Detected" and "clear", as of motion: the recorder sees that somebody moves, not that the room is occupied.
        EventKind.PERSON: BinarySensorDeviceClass.MOTION,
        EventKind.VEHICLE: BinarySensorDeviceClass.MOTION,
        EventKind.ANIMAL: BinarySensorDeviceClass.MOTION,
        EventKind.FACE: BinarySensorDeviceClass.MOTION,
        EventKind.PACKAGE: BinarySensorDeviceClass.OCCUPANCY,
        EventKind.TAMPER: BinarySensorDeviceClass.TAMPER,
        EventKind.DIGITAL_INPUT: None,
    }.items()
}
"""What lasts; what only happens is in event.py."""


async def async_setup_entry(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the recorder's connectivity, what each camera can see, and its link where it has an interface of its own."""
    data = entry.runtime_data
    async_add_entities([RecorderConnectivity(data.coordinator, CONNECTIVITY)])

    def see(fleet_camera: FleetCamera, kind: EventKind) -> SeenSensor:
        return SeenSensor(data.coordinator, data.fleet, fleet_camera, SEEN[kind], kind)

    async_add_by_kind(entry, SEEN, see, async_add_entities)
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


class SeenSensor(EventKindEntity, BinarySensorEntity):
    """On while the recorder, or an entity that was assigned to the camera, sees something of a kind."""

    @property
    @override
    def is_on(self) -> bool:
        return self._camera.sees(self._kind)

    @override
    @callback
    def _async_happened(self, active: bool) -> None:
        self.async_write_ha_state()
