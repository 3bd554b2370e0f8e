"""What happens at a camera and does not last: somebody rings, a line is crossed, a login is refused."""

from typing import override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.components.event.const import DoorbellEventType, EventDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import RecorderCoordinator
from .data import OnvifProxyConfigEntry
from .entity import CameraEntity, EventKindEntity, async_add_by_kind
from .fleet import Fleet
from .fleet_camera import FleetCamera
from .logins import LoginFailure, LoginProblem
from .model import EventKind

PARALLEL_UPDATES = 0

HAPPENED = {
    EventKind.DOORBELL: EventEntityDescription(
        key=EventKind.DOORBELL, device_class=EventDeviceClass.DOORBELL, event_types=[DoorbellEventType.RING]
    ),
    EventKind.LINE_CROSSING: EventEntityDescription(
        key=EventKind.LINE_CROSSING, translation_key="line_crossing", event_types=["crossed"]
    ),
}
"""What only happens, each with its one type of event; what lasts is in binary_sensor.py."""
LOGIN_REFUSED = EventEntityDescription(
    key="login_refused",
    translation_key="login_refused",
    entity_category=EntityCategory.DIAGNOSTIC,
    event_types=[problem.value for problem in LoginProblem],
)


async def async_setup_entry(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add what can happen at each camera."""
    data = entry.runtime_data

    def happen(fleet_camera: FleetCamera, kind: EventKind) -> HappenedEvent:
        return HappenedEvent(data.coordinator, data.fleet, fleet_camera, HAPPENED[kind], kind)

    def add(fleet_camera: FleetCamera) -> None:
        async_add_entities([LoginRefusedEvent(data.coordinator, data.fleet, fleet_camera)])

    async_add_by_kind(entry, HAPPENED, happen, async_add_entities)
    entry.async_on_unload(data.fleet.async_on_new_camera(add))


class HappenedEvent(EventKindEntity, EventEntity):
    """Told by the recorder, or by an entity that was assigned to the camera."""

    @override
    @callback
    def _async_happened(self, active: bool) -> None:
        if active:
            self._trigger_event(self.event_types[0])
            self.async_write_ha_state()


class LoginRefusedEvent(CameraEntity, EventEntity):
    """Why a client's login failed, which most clients don't say; never with a user or a password."""

    def __init__(self, coordinator: RecorderCoordinator, fleet: Fleet, fleet_camera: FleetCamera) -> None:
        """Describe it."""
        super().__init__(coordinator, fleet, fleet_camera, LOGIN_REFUSED)

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self._fleet_camera.login_listeners.add(self._async_refused))

    @callback
    def _async_refused(self, failure: LoginFailure) -> None:
        attributes = {"client": failure.source, "way": failure.way.value, "seconds_off": failure.seconds_off}
        self._trigger_event(failure.problem.value, attributes)
        self.async_write_ha_state()
