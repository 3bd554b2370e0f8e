"""A virtual camera as Home Assistant's side holds it: with its device, its record and its listeners."""

from dataclasses import dataclass

from .const import DOMAIN
from .event_sources import EventSources
from .listeners import Listeners
from .logins import LoginFailure
from .model import EventKind, Identity
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
    """Told of every change of its state, its settings and of the kinds of its events."""
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
