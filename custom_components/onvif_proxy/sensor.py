"""Sensors of a virtual camera: what it is doing, where clients find it, what its interface has, and what its relay does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .camera_status import CameraState
from .const import CONF_ADDRESSING, Addressing
from .data import OnvifProxyConfigEntry
from .entity import CameraEntity
from .fleet import Fleet
from .fleet_camera import FleetCamera
from .model import StreamRole
from .relay_sensors import async_add_relay_sensors

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class CameraSensorDescription(SensorEntityDescription):
    """How a sensor is read."""

    value: Callable[[Fleet, FleetCamera], str | datetime | None]
    attributes: Callable[[FleetCamera], dict[str, Any]] | None = None


def _reason(one: FleetCamera) -> dict[str, Any]:
    trouble = one.camera.status.trouble
    return {"reason": None if trouble is None else trouble.value}


def _onvif_address(_fleet: Fleet, one: FleetCamera) -> str | None:
    """Return what a person types into a client."""
    endpoint = one.camera.endpoint
    return None if endpoint is None else f"{endpoint.address}:{endpoint.onvif_port}"


def _lease_expires(fleet: Fleet, one: FleetCamera) -> datetime | None:
    return fleet.placement.lease_expires(one)


def _rtsp_address(_fleet: Fleet, one: FleetCamera) -> str | None:
    """Return the main stream's, without the login that it asks for."""
    return one.camera.stream_uri(StreamRole.MAIN)


SENSORS = (
    CameraSensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=[state.value for state in CameraState],
        value=lambda _fleet, one: one.camera.status.state.value,
        attributes=_reason,
    ),
    CameraSensorDescription(
        key="address", translation_key="address", entity_category=EntityCategory.DIAGNOSTIC, value=_onvif_address
    ),
    CameraSensorDescription(
        key="rtsp", translation_key="rtsp", entity_category=EntityCategory.DIAGNOSTIC, value=_rtsp_address
    ),
)
INTERFACE_SENSORS = (
    CameraSensorDescription(
        key="mac",
        translation_key="mac",
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda _fleet, one: one.identity.mac,
    ),
    CameraSensorDescription(
        key="lease_expires",
        translation_key="lease_expires",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_lease_expires,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of each camera."""
    data = entry.runtime_data
    dedicated = entry.data[CONF_ADDRESSING] == Addressing.DEDICATED
    descriptions = SENSORS + INTERFACE_SENSORS if dedicated else SENSORS

    def add(fleet_camera: FleetCamera) -> None:
        async_add_entities(
            CameraSensor(data.coordinator, data.fleet, fleet_camera, description) for description in descriptions
        )
        async_add_relay_sensors(hass, entry, fleet_camera, async_add_entities)

    entry.async_on_unload(data.fleet.async_on_new_camera(add))


class CameraSensor(CameraEntity, SensorEntity):
    """A sensor that reads the virtual camera."""

    entity_description: CameraSensorDescription

    @property
    @override
    def native_value(self) -> str | datetime | None:
        return self.entity_description.value(self._fleet, self._fleet_camera)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        read = self.entity_description.attributes
        return None if read is None else read(self._fleet_camera)
