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
from .model import StreamRole
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
        self.async_on_remove(self._fleet_camera.listeners.add(self._async_offer_stream))
        self._async_offer_stream()

    @callback
    def _async_offer_stream(self) -> None:
        """Have what makes WebRTC of streams look at this one: Home Assistant does so once, and the camera may not run yet."""
        has_stream = self._camera.endpoint is not None
        if has_stream != self._has_stream:
            self._has_stream = has_stream
            self.hass.async_create_task(self.async_refresh_providers())

    @override
    async def stream_source(self) -> str | None:
        if (endpoint := self._camera.endpoint) is None:
            return None
        user = self._camera.credentials
        login = "" if user is None else f"{user.username}:{user.password}@"
        return f"rtsp://{login}{endpoint.address}:{endpoint.rtsp_port}/{StreamRole.MAIN.value}"

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        try:
            snapshot = await self._camera.snapshot()
        except SnapshotUnavailable as error:
            LOGGER.debug("No still image of %s: %s", self._camera.name, error)
            return None
        return snapshot.image
