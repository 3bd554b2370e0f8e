"""The picture's settings of recorders' channels."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from custom_components.onvif_proxy.controls import ControlError, ControlProblem, FocusMove, ImagingControl, MoveState
from custom_components.onvif_proxy.nvr.control_calls import ControlCalls
from custom_components.onvif_proxy.nvr.imaging import OnvifImaging, write_settings
from custom_components.onvif_proxy.nvr.soap import IMAGING, SoapClient
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from .conftest import CREDENTIALS, DriverFactory
from .soap_recorder import CAPTURES, SoapRecorder

needs_captures = pytest.mark.skipif(not CAPTURES.is_dir(), reason="device captures are not beside this checkout")


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedRecorder]:
    """Channel 1 has a motor focus, channel 2 none."""
    async with SimulatedRecorder(RecorderOptions(channels=2, ptz=(1,))) as recorder:
        yield recorder


@pytest.fixture
async def controls(simulated: SimulatedRecorder, make_driver: DriverFactory) -> list[ImagingControl]:
    """What changes the pictures of both channels."""
    driver = make_driver(simulated)
    channels = (await driver.scan()).channels
    found = [control for channel in channels if (control := driver.imaging(channel)) is not None]
    assert len(found) == 2
    return found


async def test_settings_and_what_they_may_be(simulated: SimulatedRecorder, controls: list[ImagingControl]) -> None:
    """The recorder's, by their paths."""
    settings, options = await controls[0].settings(), await controls[0].options()

    assert settings == simulated.picture(1)
    assert set(options) == set(settings)
    for name, value in settings.items():
        if isinstance(value, str):
            assert value in options[name]
        else:
            low, high = options[name]
            assert low <= value <= high


async def test_some_settings_are_changed_and_the_others_stay(
    simulated: SimulatedRecorder, controls: list[ImagingControl]
) -> None:
    """Also those whose group needs a mode that was not given."""
    before = dict(simulated.picture(2))
    number = next(name for name, value in before.items() if "/" in name and not isinstance(value, str))
    group = number.partition("/")[0]
    await controls[1].set_settings({"Brightness": 7.0, number: 1.0}, force_persistence=True)
    after = dict(simulated.picture(2))

    assert after == before | {"Brightness": 7.0, number: 1.0}
    assert any(name.startswith(f"{group}/") and isinstance(value, str) for name, value in after.items())
    assert simulated.requests["Imaging.GetImagingSettings"] == 3  # two at the scan


async def test_a_value_that_may_not_be_is_out_of_range(controls: list[ImagingControl]) -> None:
    """The recorder decides."""
    with pytest.raises(ControlError) as caught:
        await controls[0].set_settings({"Brightness": 1e6}, force_persistence=False)
    assert caught.value.problem is ControlProblem.OUT_OF_RANGE


async def test_a_focus_is_moved_stopped_and_asked(controls: list[ImagingControl]) -> None:
    """Where there is a motor."""
    options = await controls[0].focus_options()
    assert set(options) == set(FocusMove)
    assert set(options[FocusMove.RELATIVE]) == {"Distance", "Speed"}
    await controls[0].move_focus(FocusMove.CONTINUOUS, {"Speed": 0.01})
    status = await controls[0].focus_status()
    assert status is not None
    assert (status.state, status.error) == (MoveState.MOVING, None)
    await controls[0].stop_focus()
    status = await controls[0].focus_status()
    assert status is not None
    assert status.state is MoveState.IDLE
    assert 0.5 <= status.position < 0.6
    await controls[0].move_focus(FocusMove.ABSOLUTE, {"Position": 0.6, "Speed": 1.0})


async def test_a_fixed_focus_has_no_options_and_no_status(controls: list[ImagingControl]) -> None:
    """And does not move."""
    assert await controls[1].focus_options() == {}
    assert await controls[1].focus_status() is None
    with pytest.raises(ControlError) as caught:
        await controls[1].move_focus(FocusMove.RELATIVE, {"Distance": 0.1})
    assert caught.value.problem is ControlProblem.NOT_SUPPORTED


async def test_a_recorder_without_imaging_has_none(make_driver: DriverFactory) -> None:
    """No channel pretends."""
    async with SimulatedRecorder(RecorderOptions(channels=1, imaging=False)) as simulated:
        driver = make_driver(simulated)
        [channel] = (await driver.scan()).channels

        assert not channel.has_imaging
        assert driver.imaging(channel) is None


@needs_captures
async def test_captured_pictures(soap_recorder: SoapRecorder, session: Any) -> None:
    """Reolink's few and Axis's many."""
    client = SoapClient(host=soap_recorder.host, port=soap_recorder.port, credentials=CREDENTIALS, session=session)
    client.addresses[IMAGING] = f"http://{soap_recorder.host}:{soap_recorder.port}/onvif/imaging"
    imaging = OnvifImaging(calls=ControlCalls(soap=client), source_token="000")
    found = []
    for folder in ("reolink-e1-zoom", "axis-p3818-pve"):
        soap_recorder.answer_from(
            folder,
            GetImagingSettings="GetImagingSettings.xml",
            GetOptions="GetOptions.xml",
            GetMoveOptions="GetMoveOptions.xml",
        )
        found.append((await imaging.settings(), await imaging.options(), await imaging.focus_options()))
    await client.close()
    reolink, axis = found

    assert reolink[0] == {
        "Brightness": 128.0,
        "ColorSaturation": 128.0,
        "Contrast": 128.0,
        "IrCutFilter": "AUTO",
        "Sharpness": 128.0,
    }
    assert reolink[1]["IrCutFilter"] == ("AUTO", "OFF")
    assert reolink[1]["Brightness"] == (0.0, 255.0)
    assert reolink[2] == {}
    assert axis[1]["Exposure/Mode"] == ("AUTO", "MANUAL")
    assert axis[1]["Exposure/MinExposureTime"] == (-60.0, 2_000_000.0)
    assert set(axis[0]) <= set(axis[1]) | {"Exposure/MinGain", "Exposure/MaxGain"}


def test_settings_are_nested_as_the_schema_has_them() -> None:
    """Groups hold their values."""
    assert write_settings({"Brightness": 1.0, "Exposure/Mode": "AUTO", "Exposure/Gain": 2.0}) == {
        "Brightness": 1.0,
        "Exposure": {"Mode": "AUTO", "Gain": 2.0},
    }
