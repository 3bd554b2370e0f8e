"""What must outlive a restart, and even the removal of an entry: identities, switches and the last scan of a recorder."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, replace
import hashlib
from typing import Any
import uuid

from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, LOGGER, Addressing
from .model import (
    AudioDecoding,
    AudioEncoding,
    Channel,
    Credentials,
    EventKind,
    Identity,
    Loudspeaker,
    PtzAbilities,
    PtzSpace,
    PtzSpaceKind,
    Recorder,
    RecorderInfo,
    RelayOutput,
    Stream,
    StreamRole,
    VideoEncoding,
)

STORAGE_VERSION = 1
SAVE_DELAY_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class CameraRecord:
    """What is kept of one virtual camera."""

    number: int
    """In the order in which the recorder's channels were first seen, from 1: for a name where the recorder has none."""
    identities: dict[Addressing, Identity] = field(default_factory=dict)
    """One for each addressing it ever had: MAC and ports differ, UUID and serial number don't."""
    channel: Channel | None = None
    """As last seen; None after a user deleted the camera."""
    running: bool = True
    discoverable: bool = True
    scopes: tuple[str, ...] = ()
    """Those that clients have added."""
    always_on: bool = False
    """Whether the recorder's streams are kept open while nobody watches."""
    audio: bool = True
    """Whether viewers get sound."""
    raw: bool = False
    """Whether connections are passed on to the recorder as they are."""
    media2: bool | None = None
    """Whether the ver20 media service is offered; None leaves it to the streams."""
    event_kinds: tuple[EventKind, ...] = ()
    """What the recorder told of the channel without having said that it can."""


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
        """Read the file; what can't be understood of a recorder's last scan, or of a camera, is left out."""
        if (data := await self._store.async_load()) is not None:
            self._records = {serial: _record_from(record) for serial, record in data["recorders"].items()}

    def async_save(self) -> None:
        """Write the file soon, and at the latest when Home Assistant stops."""
        self._store.async_delay_save(self._data, SAVE_DELAY_SECONDS)

    def recorder(self, serial_number: str) -> RecorderRecord:
        """Return the record of a recorder, made empty when it is new."""
        return self._records.setdefault(serial_number, RecorderRecord())

    def camera(self, serial_number: str, token: str, addressing: Addressing) -> CameraRecord:
        """Return the record of a camera, with a new identity when it is new, or new to this addressing."""
        cameras = self.recorder(serial_number).cameras
        if token not in cameras:
            cameras[token] = CameraRecord(number=1 + max((one.number for one in cameras.values()), default=0))
        if addressing not in cameras[token].identities:
            cameras[token].identities[addressing] = self._new_identity(serial_number, token, addressing)
            self.async_save()
        return cameras[token]

    def change_identity(self, serial_number: str, token: str, addressing: Addressing, **changes: Any) -> Identity:
        """Fill in what was not known when the identity was made, or give it another interface."""
        identities = self.recorder(serial_number).cameras[token].identities
        identities[addressing] = replace(identities[addressing], **changes)
        self.async_save()
        return identities[addressing]

    def identities(self, addressing: Addressing, serial_numbers: Collection[str] | None = None) -> list[Identity]:
        """Return the identities of cameras in an addressing: of some recorders, or of all that ever were."""
        return [
            identity
            for serial_number, record in self._records.items()
            if serial_numbers is None or serial_number in serial_numbers
            for camera in record.cameras.values()
            if (identity := camera.identities.get(addressing)) is not None
        ]

    def _new_identity(self, serial_number: str, token: str, addressing: Addressing) -> Identity:
        camera = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._instance}/{serial_number}/{token}")
        own_mac = self._own_mac(serial_number, token) if addressing is Addressing.SHARED else None
        return Identity(uuid=str(camera), serial_number=camera.hex[:12].upper(), mac=own_mac)

    def _own_mac(self, serial_number: str, token: str) -> str:
        """Make a locally administered unicast MAC, apart from Docker's 02:42 and from those in use."""
        taken = {identity.mac for identity in self.identities(Addressing.SHARED)}
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
    cameras = {token: _read(_camera_from, camera) for token, camera in data.get("cameras", {}).items()}
    return RecorderRecord(
        recorder=_read(_recorder_from, data.get("recorder")),
        credentials=_read(_credentials_from, data.get("credentials")),
        cameras={token: camera for token, camera in cameras.items() if camera is not None},
    )


def _read[T](build: Callable[[dict[str, Any]], T], data: dict[str, Any] | None) -> T | None:
    """Build a value from its stored form; None where there is none, or one that was edited by hand and makes no sense."""
    if data is None:
        return None
    try:
        return build(data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        LOGGER.warning("A part of the stored identities can't be read and is made anew: %s", type(error).__name__)
        return None


def _credentials_from(data: dict[str, Any]) -> Credentials:
    return Credentials(**data)


def _camera_from(data: dict[str, Any]) -> CameraRecord:
    return CameraRecord(
        number=data["number"],
        identities={Addressing(key): Identity(**identity) for key, identity in data["identities"].items()},
        # A scan finds the channel again; nothing would bring back the identity.
        channel=_read(_channel_from, data["channel"]),
        running=data["running"],
        discoverable=data["discoverable"],
        # The rest is not there in a file of an older version.
        scopes=tuple(data.get("scopes", ())),
        always_on=data.get("always_on", False),
        audio=data.get("audio", True),
        raw=data.get("raw", False),
        media2=data.get("media2"),
        event_kinds=_event_kinds_from(data),
    )


def _recorder_from(data: dict[str, Any]) -> Recorder:
    return Recorder(
        info=RecorderInfo(**data["info"]),
        channels=tuple(_channel_from(channel) for channel in data["channels"]),
        relay_outputs=tuple(RelayOutput(**relay) for relay in data.get("relay_outputs", ())),
    )


def _channel_from(data: dict[str, Any]) -> Channel:
    streams = {key: None if data[key] is None else _stream_from(data[key]) for key in ("main", "sub")}
    ptz = data.get("ptz")  # not there in a scan of an older version
    return Channel(
        **data
        | streams
        | {
            "event_kinds": _event_kinds_from(data),
            "ptz": None if ptz is None else _ptz_from(ptz),
        }
    )


def _event_kinds_from(data: dict[str, Any]) -> tuple[EventKind, ...]:
    """Read those that are known here: a newer version may have stored more."""
    return tuple(EventKind(kind) for kind in data.get("event_kinds", ()) if kind in EventKind)


def _ptz_from(data: dict[str, Any]) -> PtzAbilities:
    spaces = tuple(
        PtzSpace(
            kind=PtzSpaceKind(space["kind"]),
            uri=space["uri"],
            x=tuple(space["x"]),
            y=None if space["y"] is None else tuple(space["y"]),
        )
        for space in data["spaces"]
    )
    lists = {key: tuple(data[key]) for key in ("auxiliary_commands", "timeout")}
    return PtzAbilities(**data | lists | {"spaces": spaces})


def _stream_from(data: dict[str, Any]) -> Stream:
    return Stream(
        role=StreamRole(data["role"]),
        profile_token=data["profile_token"],
        uri=data["uri"],
        video=VideoEncoding(**data["video"]),
        audio=None if data["audio"] is None else AudioEncoding(**data["audio"]),
        loudspeaker=_loudspeaker_from(data.get("loudspeaker")),  # not there in a scan of an older version
    )


def _loudspeaker_from(data: dict[str, Any] | None) -> Loudspeaker | None:
    if data is None:
        return None
    takes = tuple(
        AudioDecoding(codec=one["codec"], bit_rates=tuple(one["bit_rates"]), sample_rates=tuple(one["sample_rates"]))
        for one in data["takes"]
    )
    return Loudspeaker(takes=takes, level=data["level"])
