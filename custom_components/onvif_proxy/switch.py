"""Switches of a virtual camera: whether it runs, can be discovered, and how its streams are offered."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .data import OnvifProxyConfigEntry
from .entity import CameraEntity
from .fleet import Fleet
from .fleet_camera import FleetCamera

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class CameraSwitchDescription(SwitchEntityDescription):
    """How a switch is read and turned."""

    is_on: Callable[[FleetCamera], bool]
    turn: Callable[[Fleet, FleetCamera, bool], Coroutine[Any, Any, None]]


SWITCHES = (
    CameraSwitchDescription(
        key="running", translation_key="running", is_on=lambda one: one.record.running, turn=Fleet.async_set_running
    ),
    CameraSwitchDescription(
        key="discovery",
        translation_key="discovery",
        is_on=lambda one: one.record.discoverable,
        turn=Fleet.async_set_discoverable,
    ),
    CameraSwitchDescription(
        key="media2",
        translation_key="media2",
        entity_category=EntityCategory.CONFIG,
        is_on=lambda one: one.camera.media2,
        turn=Fleet.async_set_media2,
    ),
    CameraSwitchDescription(
        key="always_on",
        translation_key="always_on",
        entity_category=EntityCategory.CONFIG,
        is_on=lambda one: one.record.always_on,
        turn=Fleet.async_set_always_on,
    ),
    CameraSwitchDescription(
        key="audio",
        translation_key="audio",
        entity_category=EntityCategory.CONFIG,
        is_on=lambda one: one.record.audio,
        turn=Fleet.async_set_audio,
    ),
    CameraSwitchDescription(
        key="raw",
        translation_key="raw",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        is_on=lambda one: one.record.raw,
        turn=Fleet.async_set_raw,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the switches of each camera."""
    data = entry.runtime_data

    def add(fleet_camera: FleetCamera) -> None:
        async_add_entities(
            CameraSwitch(data.coordinator, data.fleet, fleet_camera, description) for description in SWITCHES
        )

    entry.async_on_unload(data.fleet.async_on_new_camera(add))


class CameraSwitch(CameraEntity, SwitchEntity):
    """A switch whose state is kept in the camera's record."""

    entity_description: CameraSwitchDescription

    @property
    @override
    def is_on(self) -> bool:
        return self.entity_description.is_on(self._fleet_camera)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        await self.entity_description.turn(self._fleet, self._fleet_camera, True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        await self.entity_description.turn(self._fleet, self._fleet_camera, False)
