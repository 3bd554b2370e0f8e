"""The camera entity of a virtual camera: its main stream, as any client gets it."""

from typing import override

from homeassistant.components.camera import Camera, CameraEntityDescription
from homeassistant.components.camera.const import CameraEntityFeature
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .camera_status import CameraState
from .const import LOGGER
from .coordinator import RecorderCoordinator
from .data import OnvifProxyConfigEntry
from .entity import CameraEntity
from .fleet import Fleet
from .fleet_camera import FleetCamera
from .responder import SnapshotUnavailable

PARALLEL_UPDATES = 0

CAMERA = CameraEntityDescription(key="camera")


async def async_setup_entry(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the picture of each camera."""
    data = entry.runtime_data

    def add(fleet_camera: FleetCamera) -> None:
        async_add_entities([VirtualCameraEntity(data.coordinator, data.fleet, fleet_camera)])

    entry.async_on_unload(data.fleet.async_on_new_camera(add))


class VirtualCameraEntity(CameraEntity, Camera):
    """Live stream and still image through the virtual camera, so that what it shows is what clients get."""

    _attr_name = None
    _attr_supported_features = CameraEntityFeature.STREAM

    def __init__(self, coordinator: RecorderCoordinator, fleet: Fleet, fleet_camera: FleetCamera) -> None:
        """Camera needs its own initialisation beside the entity's."""
        CameraEntity.__init__(self, coordinator, fleet, fleet_camera, CAMERA)
        Camera.__init__(self)
        self._has_stream = False

    @property
    @override
    def available(self) -> bool:
        return self._channel_is_there and self._camera.status.state is CameraState.RUNNING

    @override
    async def async_added_to_hass(self) -> None:
        await super().async_added_to_hass()
        self.async_on_remove(self._fleet_camera.listeners.add(self._async_follow_camera))
        self._async_follow_camera()

    @callback
    def _async_follow_camera(self) -> None:
        """Let what plays the camera in Home Assistant look anew, when it is to be watched elsewhere, or with another login."""
        has_stream = self._camera.endpoint is not None
        if has_stream != self._has_stream:
            self._has_stream = has_stream
            # What makes WebRTC of streams is looked for once, and the camera may not have run then.
            self.hass.async_create_task(self.async_refresh_providers())
        if self.stream is not None and (source := self._camera.stream_source) is not None:
            # For its next attempt, which follows as the relay sends it away. `Stream.update_source` would hurry, but a
            # stream that has just been sent away, and waits, it ends, and the next one can't be stopped.
            self.stream.source = source

    @override
    async def stream_source(self) -> str | None:
        return self._camera.stream_source

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        try:
            snapshot = await self._camera.snapshot()
        except SnapshotUnavailable as error:
            LOGGER.debug("No still image of %s: %s", self._camera.name, error)
            return None
        return snapshot.image
