"""What is kept of recorders and cameras survives a file that somebody edited."""

from dataclasses import replace
import json
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.onvif_proxy.const import Addressing
from custom_components.onvif_proxy.model import (
    AudioDecoding,
    Channel,
    EventKind,
    Loudspeaker,
    PtzAbilities,
    PtzSpace,
    PtzSpaceKind,
    Recorder,
    RecorderInfo,
    RelayOutput,
)
from custom_components.onvif_proxy.store import CameraRecord, IdentityStore, _stream_from

KEY = "onvif_proxy.identities"
GOOD = {
    "number": 1,
    "identities": {
        "shared": {"uuid": "u", "serial_number": "s", "mac": "02:c8:0:0:0:1", "onvif_port": 1, "rtsp_port": 2}
    },
    "channel": None,
    "running": False,
    "discoverable": True,
}


STREAM = {
    "role": "main",
    "profile_token": "P1",
    "uri": "rtsp://192.0.2.1/1",
    "video": {
        "codec": "H264",
        "width": 1280,
        "height": 720,
        "frame_rate": 15.0,
        "bit_rate": None,
        "gov_length": None,
        "codec_profile": None,
        "quality": None,
    },
    "audio": {"codec": "G711", "bit_rate": 64, "sample_rate": 8},
}


@pytest.fixture
def hass_storage_of_the_first_version() -> dict[str, Any]:
    """What was stored before there were events, controls and settings of clients."""
    channel = {"token": "V1", "name": "Door", "main": STREAM, "sub": None, "snapshot_uri": None}
    info = {"serial_number": "R1", "manufacturer": "M", "model": "N", "firmware": "1", "name": "Attic", "mac": None}
    return {
        "R1": {
            "recorder": {"info": info, "channels": [channel]},
            "credentials": {"username": "onvif", "password": "Adoption1"},
            "cameras": {"V1": GOOD | {"channel": channel}},
        }
    }


async def load(hass: HomeAssistant, hass_storage: dict[str, Any], recorders: dict[str, Any]) -> IdentityStore:
    hass_storage[KEY] = {"version": 1, "minor_version": 1, "key": KEY, "data": {"recorders": recorders}}
    store = IdentityStore(hass, "instance")
    await store.async_load()
    return store


async def test_a_file_of_the_first_version_is_read_and_what_is_new_is_kept(
    hass: HomeAssistant, hass_storage: dict[str, Any], hass_storage_of_the_first_version: dict[str, Any]
) -> None:
    store = await load(hass, hass_storage, hass_storage_of_the_first_version)
    camera = store.recorder("R1").cameras["V1"]
    assert (camera.running, camera.discoverable, camera.number) == (False, True, 1)
    assert (camera.scopes, camera.media2, camera.event_kinds, camera.raw) == ((), None, (), False)
    assert camera.channel is not None
    assert (camera.channel.name, camera.channel.event_kinds, camera.channel.ptz) == ("Door", (), None)
    recorder = store.recorder("R1").recorder
    assert recorder is not None
    assert (recorder.channels, recorder.relay_outputs) == ((camera.channel,), ())

    camera.scopes, camera.media2 = ("onvif://www.onvif.org/location/gate",), True
    camera.event_kinds, camera.raw = (EventKind.DOORBELL,), True
    written = json.loads(json.dumps(store._data()))["recorders"]
    again = (await load(hass, hass_storage, written)).recorder("R1").cameras["V1"]
    assert again == camera


async def test_a_scan_of_everything_survives(hass: HomeAssistant, hass_storage: dict[str, Any]) -> None:
    zoom = PtzSpace(kind=PtzSpaceKind.ZOOM_SPEED, uri="urn:zoom", x=(0.0, 1.0))
    pan_tilt = PtzSpace(kind=PtzSpaceKind.CONTINUOUS_PAN_TILT, uri="urn:pan", x=(-1.0, 1.0), y=(-1.0, 1.0))
    loudspeaker = Loudspeaker(takes=(AudioDecoding(codec="AAC", bit_rates=(32, 64), sample_rates=(16,)),), level=7)
    channel = Channel(
        token="V1",
        name="Door",
        main=replace(_stream_from(STREAM), loudspeaker=loudspeaker),
        event_kinds=(EventKind.MOTION, EventKind.PERSON),
        ptz=PtzAbilities(profile_token="P1", spaces=(zoom, pan_tilt), auxiliary_commands=("tt:Wiper|On",)),
        has_imaging=True,
    )
    recorder = Recorder(
        info=RecorderInfo(serial_number="R1", manufacturer="M", model="N", firmware="1", name="Attic"),
        channels=(channel,),
        relay_outputs=(RelayOutput(token="A1", monostable=True, delay=2.0, idle_closed=False),),
    )
    store = await load(hass, hass_storage, {})
    store.recorder("R1").recorder = recorder
    written = json.loads(json.dumps(store._data()))["recorders"]
    assert (await load(hass, hass_storage, written)).recorder("R1").recorder == recorder


@pytest.mark.parametrize("broken", [{}, {"number": 1}, GOOD | {"identities": {"elsewhere": {}}}])
async def test_one_broken_camera_costs_only_itself(
    hass: HomeAssistant, hass_storage: dict[str, Any], broken: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    one = {"recorder": None, "credentials": None, "cameras": {"broken": broken, "good": GOOD}}
    store = await load(hass, hass_storage, {"R1": one})
    assert list(store.recorder("R1").cameras) == ["good"]
    assert not store.recorder("R1").cameras["good"].running
    assert "can't be read" in caplog.text


@pytest.mark.parametrize(
    "broken", [{"channel": 5}, {"channel": {}}, {"channel": {"ptz": {}}}, {"event_kinds": ["levitation"]}]
)
async def test_what_a_scan_finds_again_costs_no_identity(
    hass: HomeAssistant, hass_storage: dict[str, Any], broken: dict[str, Any]
) -> None:
    """Clients have adopted the camera by it; a newer version may have written what is not understood here."""
    one = {"recorder": None, "credentials": None, "cameras": {"V1": GOOD | broken}}
    camera = (await load(hass, hass_storage, {"R1": one})).recorder("R1").cameras["V1"]
    assert camera.identities[Addressing.SHARED].uuid == "u"
    assert (camera.channel, camera.event_kinds, camera.running) == (None, (), False)


@pytest.mark.parametrize("scan", [{}, {"info": {}, "channels": []}, "nonsense"])
async def test_a_broken_scan_costs_only_the_scan(hass: HomeAssistant, hass_storage: dict[str, Any], scan: Any) -> None:
    store = await load(
        hass, hass_storage, {"R1": {"recorder": scan, "credentials": {"user": 1}, "cameras": {"t": GOOD}}}
    )
    record = store.recorder("R1")
    assert (record.recorder, record.credentials, list(record.cameras)) == (None, None, ["t"])


async def test_identities_are_the_same_wherever_they_are_made(
    hass: HomeAssistant, hass_storage: dict[str, Any]
) -> None:
    def identity(store: IdentityStore) -> CameraRecord:
        return store.camera("R1", "V1", Addressing.SHARED)

    first, second = identity(await load(hass, hass_storage, {})), identity(await load(hass, hass_storage, {}))
    assert first.identities == second.identities
    other = IdentityStore(hass, "another instance").camera("R1", "V1", Addressing.SHARED)
    assert other.identities != first.identities


async def test_own_macs_are_local_and_apart(hass: HomeAssistant) -> None:
    store = IdentityStore(hass, "instance")
    macs = {
        store.camera("R1", str(number), Addressing.SHARED).identities[Addressing.SHARED].mac for number in range(64)
    }
    assert len(macs) == 64
    assert all(mac is not None and mac.startswith("02:c8:") for mac in macs)
