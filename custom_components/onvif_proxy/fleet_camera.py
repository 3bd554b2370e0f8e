"""A virtual camera as Home Assistant's side holds it: with its device, its record and its listeners."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er

from .const import DOMAIN
from .event_sources import EventSources
from .listeners import Listeners
from .logins import LoginFailure
from .model import Channel, EventKind, Identity, Recorder
from .store import CameraRecord
from .virtual_camera import VirtualCamera


@dataclass(slots=True, kw_only=True)
class FleetCamera:
    """A virtual camera with its record and those who want to know of its changes."""

    token: str
    device_id: str
    record: CameraRecord
    camera: VirtualCamera
    event_sources: EventSources
    """The entities of Home Assistant that tell it of events."""
    listeners: Listeners[[]]
    """Told of every change of its state, its settings, its channel and of the kinds of its events."""
    activity_listeners: Listeners[[]]
    """Told when it has other viewers, or its streams do something else."""
    event_listeners: Listeners[[EventKind, bool]]
    """Told when what it sees begins or ends."""
    login_listeners: Listeners[[LoginFailure]]
    """Told of logins that failed."""

    @property
    def identity(self) -> Identity:
        """What clients remember of the camera, in the addressing of its entry."""
        return self.camera.identity


def camera_identifier(serial_number: str, token: str) -> tuple[str, str]:
    """Return the identifier of a camera's device."""
    return DOMAIN, f"{serial_number}_{token}"


@callback
def async_register_device(
    hass: HomeAssistant,
    entry: ConfigEntry,
    recorder: Recorder,
    channel: Channel,
    record: CameraRecord,
    identity: Identity,
) -> dr.DeviceEntry:
    """Make the device of a camera, connected via that of its recorder, or bring it up to date."""
    # A recorder without a name for the channel gets a translated one with its number.
    named: dict[str, Any] = (
        {"name": channel.name}
        if channel.name
        else {"translation_key": "channel", "translation_placeholders": {"number": str(record.number)}}
    )
    serial_number = entry.unique_id or ""
    return dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={camera_identifier(serial_number, channel.token)},
        connections=set() if identity.mac is None else {(dr.CONNECTION_NETWORK_MAC, identity.mac)},
        manufacturer=recorder.info.manufacturer,
        model=recorder.info.model,
        serial_number=identity.serial_number,
        sw_version=recorder.info.firmware,
        via_device_id=dr.async_get_device_id_by_identifier(
            hass, (DOMAIN, serial_number), config_entry_id=entry.entry_id
        ),
        **named,
    )


@callback
def async_area_of(hass: HomeAssistant, device_id: str) -> str | None:
    """Return the name of the area that a device is in."""
    device = dr.async_get(hass).async_get(device_id)
    area = None if device is None or device.area_id is None else ar.async_get(hass).async_get_area(device.area_id)
    return None if area is None else area.name


@callback
def async_remove_kinds(hass: HomeAssistant, serial_number: str, token: str, kinds: Collection[EventKind]) -> None:
    """Remove the entities of what a camera no longer tells because the user wants it so."""
    for platform in (Platform.BINARY_SENSOR, Platform.EVENT):
        async_remove_entities(hass, serial_number, token, platform, kinds)


@callback
def async_remove_entities(
    hass: HomeAssistant, serial_number: str, token: str, platform: Platform, keys: Iterable[str]
) -> None:
    """Remove entities of a camera by the keys of their descriptions; those that come back are what they were."""
    registry = er.async_get(hass)
    for key in keys:
        unique_id = f"{camera_identifier(serial_number, token)[1]}_{key}"
        if (entity_id := registry.async_get_entity_id(platform, DOMAIN, unique_id)) is not None:
            registry.async_remove(entity_id)
