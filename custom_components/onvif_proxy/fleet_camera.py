"""A virtual camera as Home Assistant's side holds it: with its device, its record and its listeners."""

from dataclasses import dataclass

from .const import DOMAIN
from .listeners import Listeners
from .model import Identity
from .store import CameraRecord
from .virtual_camera import VirtualCamera


@dataclass(slots=True, kw_only=True)
class FleetCamera:
    """A virtual camera with its record and those who want to know of its changes."""

    token: str
    device_id: str
    record: CameraRecord
    camera: VirtualCamera
    listeners: Listeners[[]]

    @property
    def identity(self) -> Identity:
        """What clients remember of the camera, in the addressing of its entry."""
        return self.camera.identity


def camera_identifier(serial_number: str, token: str) -> tuple[str, str]:
    """Return the identifier of a camera's device."""
    return DOMAIN, f"{serial_number}_{token}"
