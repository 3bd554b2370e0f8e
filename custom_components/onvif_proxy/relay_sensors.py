"""Sensors of what the relay does for a camera: who watches, and how its streams fare."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
import math
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import EntityCategory, Platform, UnitOfDataRate
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .data import OnvifProxyConfigEntry, OnvifProxyData
from .entity import CameraEntity
from .fleet_camera import FleetCamera, async_remove_entities
from .model import StreamRole
from .relay.statistics import CameraStatistics, StreamState, StreamStatistics

_BIT_RATE_DIGITS = 2
"""That count of a bit rate: it never stands still, and each other state is a row of the recorder's database."""


@dataclass(frozen=True, kw_only=True)
class RelaySensorDescription(SensorEntityDescription):
    """How a sensor is read; None where there is nothing of the kind."""

    value: Callable[[CameraStatistics], str | float | None]
    attributes: Callable[[CameraStatistics], dict[str, Any]] | None = None


def _viewers(camera: CameraStatistics) -> dict[str, Any]:
    return {
        "watching": [
            {
                "client": viewer.address,
                "since": viewer.since.isoformat(timespec="seconds"),
                "stream": viewer.stream,
                "transport": viewer.transport,
            }
            for viewer in sorted(camera.viewers, key=lambda viewer: viewer.since)
        ]
    }


def _kilobits(bit_rate: float) -> float:
    """Return kbit/s, rounded to the digits that count."""
    kilobits = bit_rate / 1000
    digits = 0 if kilobits < 1 else _BIT_RATE_DIGITS - 1 - math.floor(math.log10(kilobits))
    return round(kilobits, min(digits, 0))


CAMERA_SENSORS = (
    RelaySensorDescription(
        key="viewers",
        translation_key="viewers",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda camera: len(camera.viewers),
        attributes=_viewers,
    ),
    RelaySensorDescription(
        key="reconnects",
        translation_key="reconnects",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda camera: sum(stream.reconnects for stream in camera.streams),
    ),
    RelaySensorDescription(
        key="dropped_groups",
        translation_key="dropped_groups",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value=lambda camera: sum(stream.dropped_groups for stream in camera.streams),
    ),
)


def _stream_sensors(role: StreamRole) -> tuple[RelaySensorDescription, ...]:
    def of_stream[T](read: Callable[[StreamStatistics], T]) -> Callable[[CameraStatistics], T | None]:
        return lambda camera: next((read(stream) for stream in camera.streams if stream.name == role), None)

    reason = of_stream(lambda stream: None if stream.trouble is None else stream.trouble.reason.value)
    return (
        RelaySensorDescription(
            key=f"{role}_stream",
            translation_key=f"{role}_stream",
            device_class=SensorDeviceClass.ENUM,
            options=[state.value for state in StreamState],
            entity_category=EntityCategory.DIAGNOSTIC,
            value=of_stream(lambda stream: stream.state.value),
            attributes=lambda camera: {"reason": reason(camera)},
        ),
        RelaySensorDescription(
            key=f"{role}_bit_rate",
            translation_key=f"{role}_bit_rate",
            device_class=SensorDeviceClass.DATA_RATE,
            native_unit_of_measurement=UnitOfDataRate.KILOBITS_PER_SECOND,
            state_class=SensorStateClass.MEASUREMENT,
            suggested_display_precision=0,
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
            value=of_stream(lambda stream: _kilobits(stream.bit_rate)),
        ),
        RelaySensorDescription(
            key=f"{role}_frame_rate",
            translation_key=f"{role}_frame_rate",
            native_unit_of_measurement="fps",
            state_class=SensorStateClass.MEASUREMENT,
            entity_category=EntityCategory.DIAGNOSTIC,
            entity_registry_enabled_default=False,
            # Halves: there are cameras with 12.5, and none that needs more to be told.
            value=of_stream(lambda stream: round(2 * stream.frame_rate) / 2),
        ),
    )


STREAM_SENSORS = {role: _stream_sensors(role) for role in StreamRole}


@callback
def async_add_relay_sensors(
    hass: HomeAssistant,
    entry: OnvifProxyConfigEntry,
    fleet_camera: FleetCamera,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of a camera, and those of each stream whenever it has that; they go with the stream."""
    data = entry.runtime_data
    shown: set[StreamRole] = set()

    @callback
    def add(descriptions: Iterable[RelaySensorDescription]) -> None:
        async_add_entities([RelaySensor(data, fleet_camera, description) for description in descriptions])

    @callback
    def follow() -> None:
        if data.fleet.cameras.get(fleet_camera.token) is not fleet_camera:
            return  # its device was deleted, and its entities must not bring it back
        roles = {stream.role for stream in fleet_camera.camera.channel.streams}
        for role in sorted(roles - shown):
            add(STREAM_SENSORS[role])
        for role in shown - roles:
            _async_remove(hass, data, fleet_camera, role)
        shown.clear()
        shown.update(roles)

    add(CAMERA_SENSORS)
    for role in StreamRole:
        if fleet_camera.camera.channel.stream(role) is None:
            _async_remove(hass, data, fleet_camera, role)  # it was lost while nobody looked
    follow()
    entry.async_on_unload(fleet_camera.listeners.add(follow))


@callback
def _async_remove(hass: HomeAssistant, data: OnvifProxyData, fleet_camera: FleetCamera, role: StreamRole) -> None:
    keys = [description.key for description in STREAM_SENSORS[role]]
    async_remove_entities(hass, data.fleet.serial_number, fleet_camera.token, Platform.SENSOR, keys)


class RelaySensor(CameraEntity, SensorEntity):
    """A sensor that reads what the relay does; unavailable while the camera is not served."""

    _unrecorded_attributes = frozenset({"watching"})
    """Who watches is for now, not for the database."""
    entity_description: RelaySensorDescription

    def __init__(self, data: OnvifProxyData, fleet_camera: FleetCamera, description: RelaySensorDescription) -> None:
        """Attach it to the camera's device."""
        super().__init__(data.coordinator, data.fleet, fleet_camera, description)
        self._relay = data.relay
        self._written: CameraStatistics | None = None

    @property
    def _statistics(self) -> CameraStatistics | None:
        return self._relay.data.get(self._fleet_camera.token)

    @property
    @override
    def available(self) -> bool:
        return self._statistics is not None

    @property
    @override
    def native_value(self) -> str | float | None:
        return None if self._statistics is None else self.entity_description.value(self._statistics)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        read = self.entity_description.attributes
        return None if read is None or self._statistics is None else read(self._statistics)

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self._relay.async_add_listener(self._async_looked))

    @callback
    def _async_looked(self) -> None:
        """Show what was asked anew; all sensors of 64 cameras at once would hold up the loop for tens of milliseconds."""
        if self._statistics is not self._written:
            self._written = self._statistics
            self.async_write_ha_state()
