"""What a responder asks of the camera behind it, and what it tells it, beyond the description."""

from dataclasses import dataclass
from typing import Protocol

from ..controls import ImagingControl, PtzControl, RelayControl
from ..logins import LoginGuard
from ..model import Snapshot
from .events import EventBroker


class SnapshotSource(Protocol):
    """Who fetches the still image from the recorder."""

    async def snapshot(self) -> Snapshot:
        """Return an image; raises `SnapshotUnavailable`."""


class CameraSettings(Protocol):
    """What clients may change of a camera, kept over a restart."""

    async def set_discoverable(self, discoverable: bool) -> None:
        """Answer WS-Discovery, or keep silent."""

    async def set_scopes(self, scopes: tuple[str, ...]) -> None:
        """Take other scopes in place of those that clients had added."""


@dataclass(slots=True, kw_only=True)
class Camera:
    """The camera behind a responder. Controls are None where its channel has nothing of the kind; a scan may change them."""

    snapshots: SnapshotSource
    settings: CameraSettings
    events: EventBroker
    logins: LoginGuard
    ptz: PtzControl | None = None
    imaging: ImagingControl | None = None
    relays: RelayControl | None = None
