"""Sensors of a virtual camera: what it is doing, and where clients find it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .data import OnvifProxyConfigEntry
from .entity import CameraEntity
from .fleet import FleetCamera
from .model import StreamRole
from .virtual_camera import CameraState, VirtualCamera

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class CameraSensorDescription(SensorEntityDescription):
    """How a sensor is read."""

    value: Callable[[VirtualCamera], str | None]
    attributes: Callable[[VirtualCamera], dict[str, Any]] | None = None


def _onvif_address(camera: VirtualCamera) -> str | None:
    """Return what a person types into a client."""
    return None if (endpoint := camera.endpoint) is None else f"{endpoint.address}:{endpoint.onvif_port}"


def _rtsp_address(camera: VirtualCamera) -> str | None:
    """Return the main stream's, without the login that it asks for."""
    if (endpoint := camera.endpoint) is None:
        return None
    return f"rtsp://{endpoint.address}:{endpoint.rtsp_port}/{StreamRole.MAIN}"


SENSORS = (
    CameraSensorDescription(
        key="status",
        translation_key="status",
        device_class=SensorDeviceClass.ENUM,
        options=[state.value for state in CameraState],
        value=lambda camera: camera.status.state.value,
        attributes=lambda camera: {"reason": camera.status.trouble.value if camera.status.trouble else None},
    ),
    CameraSensorDescription(
        key="address", translation_key="address", entity_category=EntityCategory.DIAGNOSTIC, value=_onvif_address
    ),
    CameraSensorDescription(
        key="rtsp", translation_key="rtsp", entity_category=EntityCategory.DIAGNOSTIC, value=_rtsp_address
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of each camera."""
    data = entry.runtime_data

    def add(fleet_camera: FleetCamera) -> None:
        async_add_entities(
            CameraSensor(data.coordinator, data.fleet, fleet_camera, description) for description in SENSORS
        )

    entry.async_on_unload(data.fleet.async_on_new_camera(add))


class CameraSensor(CameraEntity, SensorEntity):
    """A sensor that reads the virtual camera."""

    entity_description: CameraSensorDescription

    @property
    @override
    def native_value(self) -> str | None:
        return self.entity_description.value(self._camera)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        read = self.entity_description.attributes
        return None if read is None else read(self._camera)
