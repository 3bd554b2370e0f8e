"""The relay outputs of recorders."""

import pytest

from custom_components.onvif_proxy.controls import ControlError, ControlProblem
from custom_components.onvif_proxy.model import RelayOutput
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from .conftest import DriverFactory
from .soap_recorder import CAPTURES, SoapRecorder, envelope


async def test_relays_are_found_and_switched(make_driver: DriverFactory) -> None:
    """As the recorder has set them up."""
    async with SimulatedRecorder(RecorderOptions(channels=1, relay_outputs=2)) as simulated:
        second = simulated.relays["AlarmOut_2"]
        second.monostable, second.delay, second.idle_closed = True, 5.0, True
        driver = make_driver(simulated)
        recorder = await driver.scan()
        assert driver.relays is not None
        await driver.relays.set_relay("AlarmOut_2", active=True)

        assert recorder.relay_outputs == (
            RelayOutput(token="AlarmOut_1", monostable=False, delay=1.0, idle_closed=False),
            RelayOutput(token="AlarmOut_2", monostable=True, delay=5.0, idle_closed=True),
        )
        assert [relay.active for relay in simulated.relays.values()] == [False, True]
        await driver.relays.set_relay("AlarmOut_2", active=False)
        assert not simulated.relays["AlarmOut_2"].active
        with pytest.raises(ControlError) as caught:
            await driver.relays.set_relay("nope", active=True)
        assert caught.value.problem is ControlProblem.NO_SUCH_TOKEN


async def test_a_recorder_without_relays_has_none(make_driver: DriverFactory) -> None:
    """Nothing is offered."""
    async with SimulatedRecorder(RecorderOptions(channels=1, relay_outputs=0)) as simulated:
        driver = make_driver(simulated)

        assert (await driver.scan()).relay_outputs == ()
        assert driver.relays is None


async def test_an_older_recorder_has_them_in_its_device_service(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """Where no device IO service is listed."""
    soap_recorder.answers["GetRelayOutputs"] = envelope(
        '<tds:GetRelayOutputsResponse><tds:RelayOutputs token="r"><tt:Properties><tt:Mode>Bistable</tt:Mode>'
        "<tt:DelayTime>PT0S</tt:DelayTime><tt:IdleState>open</tt:IdleState></tt:Properties></tds:RelayOutputs>"
        "</tds:GetRelayOutputsResponse>"
    )
    soap_recorder.answers["SetRelayOutputState"] = envelope("<tds:SetRelayOutputStateResponse/>")
    driver = make_driver(soap_recorder)
    recorder = await driver.scan()
    assert driver.relays is not None
    await driver.relays.set_relay("r", active=True)

    assert [relay.token for relay in recorder.relay_outputs] == ["r"]
    path, body = next((path, body) for name, path, body in soap_recorder.requests if name == "SetRelayOutputState")
    assert path == "/onvif/device_service"
    assert b">active<" in body


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="device captures are not beside this checkout")
async def test_a_captured_device_without_relays(soap_recorder: SoapRecorder, make_driver: DriverFactory) -> None:
    """Axis answers with an empty list."""
    soap_recorder.answer_from("axis-p3818-pve", GetRelayOutputs="GetRelayOutputs.xml")

    assert (await make_driver(soap_recorder).scan()).relay_outputs == ()
