"""From a client that is not ours to the recorder and back: onvif-zeep-async, responder, guard, driver, simulated recorder."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from onvif import ONVIFCamera
import pytest
from zeep.exceptions import Fault

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.nvr import OnvifDriver
from custom_components.onvif_proxy.ptz_guard import PtzGuard
from custom_components.onvif_proxy.responder import OnvifServer
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from .conftest import make_camera, make_description
from .envelopes import PASSWORD, USERNAME

CHANNEL = 1
SOURCE = {"VideoSourceToken": "VideoSource_1"}
PROFILE = {"ProfileToken": "main"}


@dataclass(slots=True)
class Way:
    """Both ends of the way that a call goes."""

    recorder: SimulatedRecorder
    device: ONVIFCamera
    ptz: Any
    imaging: Any

    @property
    def commands(self) -> list[str]:
        """What the head was told."""
        return [command.name for command in self.recorder.ptz(CHANNEL).commands]

    async def until_still(self) -> None:
        """Wait for the head to stand still."""
        async with asyncio.timeout(5):
            while self.recorder.ptz(CHANNEL).moving:
                await asyncio.sleep(0.02)


@pytest.fixture(params=["hikvision", "reolink"])
async def way(request: pytest.FixtureRequest, session: aiohttp.ClientSession) -> AsyncIterator[Way]:
    """Return the way to a channel with a head; these vendors differ in what they tell of it."""
    async with SimulatedRecorder(RecorderOptions(vendor=request.param, channels=2, ptz=(CHANNEL,))) as recorder:
        credentials = Credentials(username=recorder.options.username, password=recorder.options.password)
        async with OnvifDriver(recorder.host, recorder.port, credentials, session) as driver:
            channel, _ = (await driver.scan()).channels
            control = driver.ptz(channel)
            assert control is not None
            guard = PtzGuard(control)
            camera = make_camera(ptz=guard, imaging=driver.imaging(channel))
            async with OnvifServer(make_description(channel=channel), camera) as server:
                device = ONVIFCamera("127.0.0.1", server.port, USERNAME, PASSWORD)
                await device.update_xaddrs()
                yield Way(recorder, device, await device.create_ptz_service(), await device.create_imaging_service())
                await device.close()
            await guard.halt()


async def test_a_move_moves_the_head_until_its_timeout(way: Way) -> None:
    velocity = {"PanTilt": {"x": 0.5, "y": 0.0}, "Zoom": {"x": 0.0}}
    head = way.recorder.ptz(CHANNEL)
    shortest = (await options_of(way)).PTZTimeout.Min
    await way.ptz.ContinuousMove(PROFILE | {"Velocity": velocity, "Timeout": max(shortest, timedelta(seconds=0.3))})
    assert head.moving
    await way.until_still()
    assert head.position["pan"] > 0
    assert head.position["tilt"] == 0


async def test_a_stop_stops_the_head(way: Way) -> None:
    velocity = {"PanTilt": {"x": 0.1, "y": 0.1}}
    await way.ptz.ContinuousMove(PROFILE | {"Velocity": velocity})
    assert way.recorder.ptz(CHANNEL).moving
    await way.ptz.Stop(PROFILE)
    assert not way.recorder.ptz(CHANNEL).moving
    assert way.commands == ["ContinuousMove", "Stop"]


async def test_presets_go_there_and_back(way: Way) -> None:
    before = {listed.token: listed.Name for listed in await way.ptz.GetPresets(PROFILE)}
    token = await way.ptz.SetPreset(PROFILE | {"PresetName": "Yard"})
    after = {listed.token: listed.Name for listed in await way.ptz.GetPresets(PROFILE)}
    assert after == before | {token: "Yard"}
    assert way.recorder.ptz(CHANNEL).presets[token].name == "Yard"

    first = next(iter(before))
    await way.ptz.GotoPreset(PROFILE | {"PresetToken": first, "Speed": {"PanTilt": {"x": 1, "y": 1}}})
    await way.until_still()
    head = way.recorder.ptz(CHANNEL)
    assert head.position == pytest.approx(head.presets[first].place)

    await way.ptz.RemovePreset(PROFILE | {"PresetToken": token})
    assert token not in head.presets
    with pytest.raises(Fault) as raised:
        await way.ptz.GotoPreset(PROFILE | {"PresetToken": token})
    assert [subcode.localname for subcode in raised.value.subcodes] == ["InvalidArgVal", "NoToken"]


async def test_a_status_tells_what_its_capabilities_say(way: Way) -> None:
    told = (await way.ptz.GetServiceCapabilities())._attr_1
    status = await way.ptz.GetStatus(PROFILE)
    assert (status.Position is not None) == (told["StatusPosition"] == "true")
    assert (status.MoveStatus.PanTilt == "IDLE") == (told["MoveStatus"] == "true")


async def test_a_setting_of_the_picture_arrives(way: Way) -> None:
    bounds = (await way.imaging.GetOptions(SOURCE)).Brightness
    await way.imaging.SetImagingSettings(SOURCE | {"ImagingSettings": {"Brightness": bounds.Max}})
    assert way.recorder.picture(CHANNEL)["Brightness"] == bounds.Max
    assert (await way.imaging.GetImagingSettings(SOURCE)).Brightness == bounds.Max
    with pytest.raises(Fault) as raised:
        await way.imaging.SetImagingSettings(SOURCE | {"ImagingSettings": {"Brightness": bounds.Max + 1}})
    assert [subcode.localname for subcode in raised.value.subcodes] == ["InvalidArgVal", "SettingsInvalid"]
    assert way.recorder.picture(CHANNEL)["Brightness"] == bounds.Max


async def options_of(way: Way) -> Any:
    return await way.ptz.GetConfigurationOptions({"ConfigurationToken": "PTZConfiguration_1"})
