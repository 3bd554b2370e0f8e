"""What is kept of recorders and cameras survives a file that somebody edited."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.onvif_proxy.const import Addressing
from custom_components.onvif_proxy.store import CameraRecord, IdentityStore

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


async def load(hass: HomeAssistant, hass_storage: dict[str, Any], recorders: dict[str, Any]) -> IdentityStore:
    hass_storage[KEY] = {"version": 1, "minor_version": 1, "key": KEY, "data": {"recorders": recorders}}
    store = IdentityStore(hass, "instance")
    await store.async_load()
    return store


@pytest.mark.parametrize("broken", [{}, {"number": 1}, GOOD | {"identities": {"elsewhere": {}}}, GOOD | {"channel": 5}])
async def test_one_broken_camera_costs_only_itself(
    hass: HomeAssistant, hass_storage: dict[str, Any], broken: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    one = {"recorder": None, "credentials": None, "cameras": {"broken": broken, "good": GOOD}}
    store = await load(hass, hass_storage, {"R1": one})
    assert list(store.recorder("R1").cameras) == ["good"]
    assert not store.recorder("R1").cameras["good"].running
    assert "can't be read" in caplog.text


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
