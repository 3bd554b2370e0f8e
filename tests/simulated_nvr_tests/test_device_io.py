"""Contacts: what is switched through either service is the same, and falls back when it should."""

import asyncio
from datetime import timedelta

import pytest

from tests.simulated_nvr import SimulatedRecorder
from tests.simulated_nvr.relay import Relay

from .clients import call, onvif_camera, subcodes, unknown_elements
from .conftest import Recorders

FIRST = "<tds:RelayOutputToken>AlarmOut_1</tds:RelayOutputToken>"


async def test_zeep_reads_what_there_is(recorder: SimulatedRecorder) -> None:
    async with onvif_camera(recorder) as camera:
        device_io = await camera.create_deviceio_service()
        capabilities = await device_io.GetServiceCapabilities()
        outputs = await device_io.GetRelayOutputs()
        inputs = await device_io.GetDigitalInputs()
        device = await camera.create_devicemgmt_service()
        assert [output.token for output in await device.GetRelayOutputs()] == ["AlarmOut_1", "AlarmOut_2"]
        io = (await device.GetCapabilities({"Category": "All"})).Device.IO
    assert not unknown_elements([capabilities, outputs, inputs])
    assert (capabilities.VideoSources, capabilities.RelayOutputs, capabilities.DigitalInputs) == (2, 2, 2)
    assert (io.InputConnectors, io.RelayOutputs) == (2, 2)
    assert [output.token for output in outputs] == ["AlarmOut_1", "AlarmOut_2"]
    assert outputs[0].Properties.Mode == "Bistable"
    assert outputs[0].Properties.DelayTime == timedelta(seconds=1)
    assert outputs[0].Properties.IdleState == "open"
    assert [one.token for one in inputs] == ["AlarmIn_1", "AlarmIn_2"]


@pytest.mark.parametrize("service", ["create_devicemgmt_service", "create_deviceio_service"])
async def test_an_output_is_switched_through_either_service(recorder: SimulatedRecorder, service) -> None:
    async with onvif_camera(recorder) as camera:
        contacts = await getattr(camera, service)()
        for state in ("active", "inactive", "active"):
            await contacts.SetRelayOutputState({"RelayOutputToken": "AlarmOut_2", "LogicalState": state})
            assert recorder.relays["AlarmOut_2"].active == (state == "active")
    assert not recorder.relays["AlarmOut_1"].active


async def test_settings_have_a_form_in_each_service(recorder: SimulatedRecorder) -> None:
    properties = {"Mode": "Monostable", "DelayTime": timedelta(seconds=0.1), "IdleState": "closed"}
    async with onvif_camera(recorder) as camera:
        device = await camera.create_devicemgmt_service()
        device_io = await camera.create_deviceio_service()
        await device.SetRelayOutputSettings({"RelayOutputToken": "AlarmOut_1", "Properties": properties})
        output = {"token": "AlarmOut_2", "Properties": properties | {"DelayTime": timedelta(seconds=5)}}
        await device_io.SetRelayOutputSettings({"RelayOutput": output})
        outputs = await device.GetRelayOutputs()
        delays = [output.Properties.DelayTime.total_seconds() for output in outputs]
        assert delays == [0.1, 5.0]
        assert {(output.Properties.Mode, output.Properties.IdleState) for output in outputs} == {
            ("Monostable", "closed")
        }
        await device.SetRelayOutputState({"RelayOutputToken": "AlarmOut_1", "LogicalState": "active"})
    assert recorder.relays["AlarmOut_1"].active
    await asyncio.sleep(0.12)
    assert not recorder.relays["AlarmOut_1"].active


def test_a_monostable_output_falls_back_after_its_delay() -> None:
    now = 0.0
    relay = Relay(lambda: now)
    relay.monostable = True
    relay.switch(True)
    now = 0.9
    assert relay.active
    now = 1.0
    assert not relay.active


def _settings(mode: str, delay: str, idle: str) -> str:
    properties = f"<tt:Mode>{mode}</tt:Mode><tt:DelayTime>{delay}</tt:DelayTime><tt:IdleState>{idle}</tt:IdleState>"
    return (
        f"<tds:SetRelayOutputSettings>{FIRST}<tds:Properties>{properties}</tds:Properties></tds:SetRelayOutputSettings>"
    )


@pytest.mark.parametrize(
    ("operation", "subcode"),
    [
        ("<tds:SetRelayOutputState/>", "RelayToken"),
        (f"<tds:SetRelayOutputState>{FIRST}</tds:SetRelayOutputState>", "RelayState"),
        ("<tds:SetRelayOutputSettings/>", "RelayToken"),
        (_settings("Monostable", "PT0S", "open"), "ModeError"),
        (_settings("Monostable", "PT1H", "open"), "ModeError"),
        (_settings("Astable", "PT1S", "open"), "ModeError"),
    ],
)
async def test_unknown_outputs_and_values_are_the_senders_fault(
    recorder: SimulatedRecorder, operation, subcode
) -> None:
    answer = await call(recorder, "device", operation)
    assert (answer.status, subcodes(answer)) == (400, ["Sender", "InvalidArgVal", subcode])


async def test_a_recorder_may_have_no_contacts(start_recorder: Recorders) -> None:
    recorder = await start_recorder(vendor="reolink", relay_outputs=0)
    assert "<tds:GetRelayOutputsResponse/>" in (await call(recorder, "device", "<tds:GetRelayOutputs/>")).text.replace(
        "></tds:GetRelayOutputsResponse>", "/>"
    )
    assert "DigitalInputs token" not in (await call(recorder, "device_io", "<tmd:GetDigitalInputs/>")).text
    assert not recorder.relays


async def test_sources_are_named_by_their_tokens(recorder: SimulatedRecorder) -> None:
    answer = await call(recorder, "device_io", "<tmd:GetVideoSources/>")
    assert "<tmd:Token>VideoSourceToken001</tmd:Token><tmd:Token>VideoSourceToken002</tmd:Token>" in answer.text
