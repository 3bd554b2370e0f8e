"""Imaging: settings within their ranges, and a focus that moves where it has a motor."""

import asyncio

import pytest

from tests.simulated_nvr import SimulatedRecorder
from tests.simulated_nvr.vendors import VENDORS

from .clients import call, onvif_camera, subcodes, unknown_elements
from .conftest import Recorders

SOURCE = {"VideoSourceToken": "VideoSourceToken001"}
TOKEN = "<timg:VideoSourceToken>VideoSourceToken001</timg:VideoSourceToken>"
OTHER = "<timg:VideoSourceToken>VideoSourceToken002</timg:VideoSourceToken>"


@pytest.mark.parametrize("vendor", VENDORS)
async def test_zeep_reads_settings_and_what_they_may_be(start_recorder: Recorders, vendor) -> None:
    recorder = await start_recorder(vendor=vendor, channels=2)
    async with onvif_camera(recorder) as camera:
        imaging = await camera.create_imaging_service()
        for channel in recorder.channels:
            source = {"VideoSourceToken": channel.source_token}
            answers = {
                "GetServiceCapabilities": await imaging.GetServiceCapabilities(),
                "GetImagingSettings": await imaging.GetImagingSettings(source),
                "GetOptions": await imaging.GetOptions(source),
                "GetMoveOptions": await imaging.GetMoveOptions(source),
                "GetStatus": await imaging.GetStatus(source),
            }
            for operation, answer in answers.items():
                assert not unknown_elements(answer), operation
            top = answers["GetOptions"].Brightness.Max
            assert answers["GetImagingSettings"].Brightness == top / 2 == (127.5 if vendor == "reolink" else 50.0)
            assert answers["GetImagingSettings"].IrCutFilter in answers["GetOptions"].IrCutFilterModes
            # The head's camera has a motor for its focus.
            assert (answers["GetMoveOptions"] is not None) == (channel.number == 1)
            assert (answers["GetStatus"] is not None) == (channel.number == 1)


async def test_settings_are_changed(recorder: SimulatedRecorder) -> None:
    async with onvif_camera(recorder) as camera:
        imaging = await camera.create_imaging_service()
        settings = {"Brightness": 70.5, "IrCutFilter": "ON", "WideDynamicRange": {"Mode": "ON", "Level": 20}}
        await imaging.SetImagingSettings(SOURCE | {"ImagingSettings": settings, "ForcePersistence": True})
        now = await imaging.GetImagingSettings(SOURCE)
    assert (now.Brightness, now.IrCutFilter, now.WideDynamicRange.Level) == (70.5, "ON", 20.0)
    assert recorder.picture(1)["WideDynamicRange/Mode"] == "ON"
    assert recorder.picture(1)["Contrast"] == 50.0
    assert recorder.picture(2)["Brightness"] == 50.0


@pytest.mark.parametrize(
    "wrong",
    [
        "<tt:Contrast>100.1</tt:Contrast>",
        "<tt:Contrast>NaN</tt:Contrast>",
        "<tt:Contrast>much</tt:Contrast>",
        "<tt:IrCutFilter>MAYBE</tt:IrCutFilter>",
        "<tt:Exposure><tt:Iris>1</tt:Iris></tt:Exposure>",
        "<tt:Nonsense>1</tt:Nonsense>",
    ],
)
async def test_wrong_settings_change_nothing(recorder: SimulatedRecorder, wrong) -> None:
    before = dict(recorder.picture(1))
    settings = f"<timg:ImagingSettings><tt:Brightness>1</tt:Brightness>{wrong}</timg:ImagingSettings>"
    body = f"<timg:SetImagingSettings>{TOKEN}{settings}</timg:SetImagingSettings>"
    answer = await call(recorder, "imaging", body)
    assert (answer.status, subcodes(answer)) == (400, ["Sender", "InvalidArgVal", "SettingsInvalid"])
    assert recorder.picture(1) == before


@pytest.mark.parametrize(
    "operation",
    ["GetImagingSettings", "SetImagingSettings", "GetOptions", "GetMoveOptions", "Move", "Stop", "GetStatus"],
)
async def test_a_source_must_exist(recorder: SimulatedRecorder, operation) -> None:
    token = "<timg:VideoSourceToken>none</timg:VideoSourceToken>"
    answer = await call(recorder, "imaging", f"<timg:{operation}>{token}</timg:{operation}>")
    assert (answer.status, subcodes(answer)) == (400, ["Sender", "InvalidArgVal", "NoSource"])


async def test_a_focus_moves(recorder: SimulatedRecorder) -> None:
    async with onvif_camera(recorder) as camera:
        imaging = await camera.create_imaging_service()

        async def focus() -> tuple[float, str]:
            status = (await imaging.GetStatus(SOURCE)).FocusStatus20
            return status.Position, status.MoveStatus

        assert await focus() == (0.5, "IDLE")
        await imaging.Move(SOURCE | {"Focus": {"Absolute": {"Position": 0.6}}})
        assert (await focus())[1] == "MOVING"
        await asyncio.sleep(0.15)
        assert await focus() == (pytest.approx(0.6), "IDLE")
        await imaging.Move(SOURCE | {"Focus": {"Relative": {"Distance": -0.1, "Speed": 1.0}}})
        await asyncio.sleep(0.15)
        assert (await focus())[0] == pytest.approx(0.5)
        await imaging.Move(SOURCE | {"Focus": {"Continuous": {"Speed": 0.1}}})
        await imaging.Stop(SOURCE)
        assert (await focus())[1] == "IDLE"
        assert (await imaging.GetImagingSettings(SOURCE)).Focus.AutoFocusMode == "MANUAL"


@pytest.mark.parametrize(
    "focus",
    [
        "",
        "<tt:Absolute><tt:Position>1.1</tt:Position></tt:Absolute>",
        "<tt:Absolute><tt:Position>far</tt:Position></tt:Absolute>",
        "<tt:Relative/>",
        "<tt:Continuous/>",
    ],
)
async def test_a_wrong_focus_movement_is_refused(recorder: SimulatedRecorder, focus) -> None:
    answer = await call(recorder, "imaging", f"<timg:Move>{TOKEN}<timg:Focus>{focus}</timg:Focus></timg:Move>")
    assert (answer.status, subcodes(answer)) == (400, ["Sender", "InvalidArgVal", "SettingsInvalid"])


async def test_a_focus_without_a_motor_does_not_move(recorder: SimulatedRecorder) -> None:
    focus = "<timg:Focus><tt:Continuous><tt:Speed>1</tt:Speed></tt:Continuous></timg:Focus>"
    answer = await call(recorder, "imaging", f"<timg:Move>{OTHER}{focus}</timg:Move>")
    assert subcodes(answer) == ["Receiver", "ActionNotSupported", "NoImagingForSource"]
    assert (await call(recorder, "imaging", f"<timg:Stop>{OTHER}</timg:Stop>")).status == 200
