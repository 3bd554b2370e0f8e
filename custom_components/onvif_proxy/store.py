"""What must outlive a restart, and even the removal of an entry: identities, switches and the last scan of a recorder."""

from dataclasses import asdict, dataclass, field, replace
import hashlib
from typing import Any
import uuid

from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .model import (
    AudioEncoding,
    Channel,
    Credentials,
    Identity,
    Recorder,
    RecorderInfo,
    Stream,
    StreamRole,
    VideoEncoding,
)

STORAGE_VERSION = 1
SAVE_DELAY_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class CameraRecord:
    """What is kept of one virtual camera."""

    identity: Identity
    number: int
    """Position of the channel when it was first seen, from 1: only for a name where the recorder has none."""
    running: bool = True
    discoverable: bool = True


@dataclass(slots=True, kw_only=True)
class RecorderRecord:
    """What is kept of one recorder."""

    recorder: Recorder | None = None
    """The last scan: cameras start from it while the recorder is off."""
    credentials: Credentials | None = None
    """The cameras' last user and password: offered again when the recorder is added again."""
    cameras: dict[str, CameraRecord] = field(default_factory=dict)
    """By channel token."""


class IdentityStore:
    """The records of all recorders, by serial number, in one private file."""

    def __init__(self, hass: HomeAssistant, instance: str) -> None:
        """Make an empty store; `instance` tells this Home Assistant from others, and goes into new identities."""
        self._instance = instance
        self._store = Store[dict[str, Any]](
            hass, STORAGE_VERSION, f"{DOMAIN}.identities", private=True, atomic_writes=True
        )
        self._records: dict[str, RecorderRecord] = {}

    async def async_load(self) -> None:
        """Read the file."""
        if (data := await self._store.async_load()) is not None:
            self._records = {serial: _record_from(record) for serial, record in data["recorders"].items()}

    def async_save(self) -> None:
        """Write the file soon, and at the latest when Home Assistant stops."""
        self._store.async_delay_save(self._data, SAVE_DELAY_SECONDS)

    def recorder(self, serial_number: str) -> RecorderRecord:
        """Return the record of a recorder, made empty when it is new."""
        return self._records.setdefault(serial_number, RecorderRecord())

    def camera(self, serial_number: str, token: str, number: int, *, own_mac: bool) -> CameraRecord:
        """Return the record of a camera, with a new identity when it is new; `own_mac` unless an interface gives it."""
        cameras = self.recorder(serial_number).cameras
        if token not in cameras:
            cameras[token] = CameraRecord(identity=self._new_identity(serial_number, token), number=number)
            self.async_save()
        if own_mac and cameras[token].identity.mac is None:
            self.change_identity(serial_number, token, mac=self._own_mac(serial_number, token))
        return cameras[token]

    def change_identity(self, serial_number: str, token: str, **changes: Any) -> Identity:
        """Fill in what was not known when the identity was made."""
        record = self.recorder(serial_number).cameras[token]
        record.identity = replace(record.identity, **changes)
        self.async_save()
        return record.identity

    def identities(self) -> list[Identity]:
        """Return the identities of all cameras of all recorders, those that are not set up now too."""
        return [camera.identity for record in self._records.values() for camera in record.cameras.values()]

    def _new_identity(self, serial_number: str, token: str) -> Identity:
        camera = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._instance}/{serial_number}/{token}")
        return Identity(uuid=str(camera), serial_number=camera.hex[:12].upper(), mac=None)

    def _own_mac(self, serial_number: str, token: str) -> str:
        """Make a locally administered unicast MAC, apart from Docker's 02:42 and from those in use."""
        taken = {identity.mac for identity in self.identities()}
        attempt = 0
        while True:
            seed = f"{self._instance}/{serial_number}/{token}/{attempt}"
            tail = hashlib.sha256(seed.encode()).digest()[:4]
            if (mac := "02:c8:" + tail.hex(":")) not in taken:
                return mac
            attempt += 1

    def _data(self) -> dict[str, Any]:
        return {"recorders": {serial: asdict(record) for serial, record in self._records.items()}}


_STORE: HassKey[IdentityStore] = HassKey(f"{DOMAIN}.identities")


@singleton(_STORE, async_=True)
async def async_get_store(hass: HomeAssistant) -> IdentityStore:
    """Return the one store of this Home Assistant, loaded."""
    store = IdentityStore(hass, await instance_id.async_get(hass))
    await store.async_load()
    return store


def _record_from(data: dict[str, Any]) -> RecorderRecord:
    return RecorderRecord(
        recorder=None if data["recorder"] is None else _recorder_from(data["recorder"]),
        credentials=None if data["credentials"] is None else Credentials(**data["credentials"]),
        cameras={
            token: CameraRecord(**camera | {"identity": Identity(**camera["identity"])})
            for token, camera in data["cameras"].items()
        },
    )


def _recorder_from(data: dict[str, Any]) -> Recorder:
    return Recorder(
        info=RecorderInfo(**data["info"]), channels=tuple(_channel_from(channel) for channel in data["channels"])
    )


def _channel_from(data: dict[str, Any]) -> Channel:
    streams = {key: None if data[key] is None else _stream_from(data[key]) for key in ("main", "sub")}
    return Channel(**data | streams)


def _stream_from(data: dict[str, Any]) -> Stream:
    return Stream(
        role=StreamRole(data["role"]),
        profile_token=data["profile_token"],
        uri=data["uri"],
        video=VideoEncoding(**data["video"]),
        audio=None if data["audio"] is None else AudioEncoding(**data["audio"]),
    )
