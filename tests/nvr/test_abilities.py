"""What a scan learns beyond channels: it never fails because of it, and says the same each time."""

import asyncio
from typing import Any

from aiohttp import web
import pytest

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.nvr.soap import IMAGING
from tests.simulated_nvr import Fault, RecorderOptions, SimulatedRecorder

from .conftest import DriverFactory
from .event_messages import event_properties
from .soap_recorder import SoapRecorder, envelope, fault, profile, profiles

OPTIONAL = ("GetEventProperties", "GetNodes", "GetConfigurationOptions", "GetImagingSettings", "GetRelayOutputs")
_NAMESPACES = {
    "http://www.onvif.org/ver10/media/wsdl": "media",
    "http://www.onvif.org/ver10/events/wsdl": "events",
    "http://www.onvif.org/ver20/ptz/wsdl": "ptz",
    "http://www.onvif.org/ver20/imaging/wsdl": "imaging",
}


def offer_all(recorder: SoapRecorder) -> None:
    """Let a canned recorder list all services, and answer what they are asked."""
    listed = "".join(
        f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>http://10.0.0.1:80/onvif/{path}</tds:XAddr>"
        "<tds:Version><tt:Major>2</tt:Major><tt:Minor>0</tt:Minor></tds:Version></tds:Service>"
        for namespace, path in _NAMESPACES.items()
    )
    recorder.answers["GetServices"] = envelope(f"<tds:GetServicesResponse>{listed}</tds:GetServicesResponse>")
    recorder.answers["GetEventProperties"] = event_properties("<tns1:VideoSource><MotionAlarm/></tns1:VideoSource>")
    recorder.answers["GetImagingSettings"] = envelope(
        '<t:GetImagingSettingsResponse xmlns:t="http://www.onvif.org/ver20/imaging/wsdl"><t:ImagingSettings>'
        "<tt:Brightness>1</tt:Brightness></t:ImagingSettings></t:GetImagingSettingsResponse>"
    )
    recorder.answers["GetProfiles"] = profiles(
        *(profile(f"p{n}", f"s{n}", video=("H264", 1280, 720)) for n in range(1, 5))
    )


async def _never(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "reolink", "uniview"])
async def test_every_vendor_says_what_it_can_tell(vendor: str, make_driver: DriverFactory) -> None:
    """Each of its channels gets the kinds of its topics; its contacts are no channel's, a field is motion."""
    async with SimulatedRecorder(RecorderOptions(channels=2, vendor=vendor)) as simulated:
        channels = (await make_driver(simulated).scan()).channels
        told = {"motion" if kind == "intrusion" else kind for kind in simulated.event_kinds if kind != "digital_input"}

    for channel in channels:
        # Hikvision's and Dahua's topic of a field tells of people and vehicles by the names of its rules.
        assert set(channel.event_kinds) <= told
        assert told - set(channel.event_kinds) <= {"person", "vehicle"}
        assert EventKind.MOTION in channel.event_kinds


async def test_scans_are_equal_and_the_later_ones_ask_less(make_driver: DriverFactory) -> None:
    """What can't change is asked once."""
    async with SimulatedRecorder(RecorderOptions(channels=4, ptz=(1, 3))) as simulated:
        driver = make_driver(simulated)
        first = await driver.scan()
        asked = simulated.requests.copy()
        second = await driver.scan()
        asked_again = simulated.requests - asked

    assert first == second
    assert [channel.ptz is not None for channel in first.channels] == [True, False, True, False]
    assert all(channel.has_imaging for channel in first.channels)
    assert asked["Imaging.GetImagingSettings"] == 4
    assert asked_again["Imaging.GetImagingSettings"] == asked_again["PTZ.GetConfigurationOptions"] == 0
    assert asked_again["GetEventProperties"] == asked_again["PTZ.GetNodes"] == 1


@pytest.mark.parametrize("kind", ["500", "garbage", "401"])
async def test_a_scan_does_not_fail_because_of_extras(kind: str, make_driver: DriverFactory) -> None:
    """Whatever becomes of them."""
    for operation in OPTIONAL:
        async with SimulatedRecorder(RecorderOptions(channels=2)) as simulated:
            simulated.faults.onvif = Fault(kind, operation=operation)
            recorder = await make_driver(simulated).scan()

            assert len(recorder.channels) == 2


@pytest.mark.parametrize("operation", OPTIONAL)
async def test_what_was_known_stays_when_a_later_answer_is_missing(operation: str, make_driver: DriverFactory) -> None:
    """A camera does not lose its motion sensor because of one lost answer."""
    async with SimulatedRecorder(RecorderOptions(channels=2)) as simulated:
        driver = make_driver(simulated)
        before = await driver.scan()
        simulated.faults.onvif = Fault("reset", operation=operation)

        assert await driver.scan() == before


async def test_a_recorder_that_hangs_in_extras_costs_a_bounded_time(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """And what answers is learnt."""
    offer_all(soap_recorder)
    soap_recorder.answers["GetImagingSettings"] = _never
    soap_recorder.answers["GetRelayOutputs"] = _never
    driver = make_driver(soap_recorder)
    driver._abilities.timeout = 0.3
    async with asyncio.timeout(3.0):
        recorder = await driver.scan()

    assert len(recorder.channels) == 4
    assert all(channel.event_kinds == (EventKind.MOTION,) for channel in recorder.channels)
    assert not any(channel.has_imaging for channel in recorder.channels)
    # Not one after the other: who does not answer for the first channel is not asked for the others.
    assert soap_recorder.calls["GetImagingSettings"] == 1


async def test_what_this_user_may_not_ask_is_asked_once(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """Many refused requests look like an attack."""
    offer_all(soap_recorder)
    for operation in ("GetImagingSettings", "GetEventProperties", "GetRelayOutputs"):
        soap_recorder.answers[operation] = fault("ter:NotAuthorized")
    driver = make_driver(soap_recorder)
    await driver.scan()
    await driver.scan()

    for operation in ("GetImagingSettings", "GetEventProperties", "GetRelayOutputs"):
        assert soap_recorder.calls[operation] == 1


async def test_pictures_are_asked_for_by_channel(soap_recorder: SoapRecorder, make_driver: DriverFactory) -> None:
    """One camera has settings, another none."""
    offer_all(soap_recorder)
    settings: Any = soap_recorder.answers["GetImagingSettings"]

    async def of_channel(request: web.Request) -> web.StreamResponse:
        if ">s2<" in await request.text():
            return web.Response(text=settings, content_type="application/soap+xml")
        return fault("ter:NoImagingForSource")

    soap_recorder.answers["GetImagingSettings"] = of_channel
    channels = (await make_driver(soap_recorder).scan()).channels

    assert [channel.token for channel in channels if channel.has_imaging] == ["s2"]


async def test_services_that_are_gone_take_their_abilities_along(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """After an update of the recorder, say; this is not a lost answer."""
    listed = soap_recorder.answers["GetServices"]
    offer_all(soap_recorder)
    driver = make_driver(soap_recorder)
    before = (await driver.scan()).channels
    soap_recorder.answers["GetServices"] = listed
    after = (await driver.scan()).channels

    assert all(channel.event_kinds and channel.has_imaging for channel in before)
    assert not any(channel.event_kinds or channel.has_imaging for channel in after)
    assert IMAGING not in driver._soap.addresses
