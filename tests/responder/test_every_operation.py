"""Every operation of every service's WSDL over real HTTP: who may ask, and whether what comes back follows the schema.

A service that is added is covered by being in `SERVICES`.
"""

from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from lxml import etree
import pytest

from custom_components.onvif_proxy.logins import LoginGuard
from custom_components.onvif_proxy.model import (
    CameraDescription,
    EventKind,
    PtzAbilities,
    PtzSpace,
    PtzSpaceKind,
    RelayOutput,
)
from custom_components.onvif_proxy.responder import Camera, EventBroker
from custom_components.onvif_proxy.responder.services import OPERATIONS

from .access_classes import ACCESS_CLASSES, OPEN, PREFIXES
from .conftest import Client, Reply, make_camera, make_channel, make_description
from .envelopes import NS, envelope, security
from .every_operation import all_requests, is_refused, path_of, running, shortcomings_of, walk
from .fakes import GENERIC, FakeImaging, FakePtz, FakeRelays
from .media_requests import H265
from .test_loudspeaker import talking

PTZ = PtzAbilities(
    profile_token="RecorderProfile003_main",
    spaces=(
        PtzSpace(
            kind=PtzSpaceKind.ABSOLUTE_PAN_TILT,
            uri=f"{GENERIC}/PanTiltSpaces/PositionGenericSpace",
            x=(-1, 1),
            y=(-1, 1),
        ),
        PtzSpace(kind=PtzSpaceKind.ABSOLUTE_ZOOM, uri=f"{GENERIC}/ZoomSpaces/PositionGenericSpace", x=(0, 1)),
        PtzSpace(
            kind=PtzSpaceKind.RELATIVE_PAN_TILT,
            uri=f"{GENERIC}/PanTiltSpaces/TranslationGenericSpace",
            x=(-1, 1),
            y=(-1, 1),
        ),
        PtzSpace(
            kind=PtzSpaceKind.CONTINUOUS_PAN_TILT,
            uri=f"{GENERIC}/PanTiltSpaces/VelocityGenericSpace",
            x=(-1, 1),
            y=(-1, 1),
        ),
        PtzSpace(kind=PtzSpaceKind.CONTINUOUS_ZOOM, uri=f"{GENERIC}/ZoomSpaces/VelocityGenericSpace", x=(-1, 1)),
        PtzSpace(kind=PtzSpaceKind.PAN_TILT_SPEED, uri=f"{GENERIC}/PanTiltSpaces/GenericSpeedSpace", x=(0, 1)),
    ),
    max_presets=8,
    has_home=True,
    auxiliary_commands=("tt:Wiper|On", "tt:Wiper|Off"),
)

CAMERAS = {
    "H.264 with sound": make_description(),
    "H.265 in Media2": replace(make_description(channel=make_channel(main=H265)), media2=True),
    "only main, silent, no picture": make_description(
        channel=make_channel(sub=None, main_audio=None, snapshot_uri=None)
    ),
    "all that can be": replace(
        make_description(
            channel=replace(talking(make_channel(main=H265)), ptz=PTZ, has_imaging=True, event_kinds=tuple(EventKind))
        ),
        media2=True,
        event_kinds=tuple(EventKind),
        relay_outputs=(RelayOutput(token="Relay1", monostable=False, delay=0.0, idle_closed=False),),
    ),
}
ALL = "all that can be"
H265_IN_MEDIA1 = make_description(channel=make_channel(main=H265))


def all_there_is(description: CameraDescription) -> Camera:
    """Return what is behind a camera, as far as its description says that it is there."""
    events = EventBroker()
    events.set_kinds(description.event_kinds)
    more: dict[str, Any] = {"events": events, "logins": LoginGuard(max_failures=100_000)}
    if description.channel.ptz is not None:
        more["ptz"] = FakePtz()
    if description.channel.has_imaging:
        more["imaging"] = FakeImaging()
    if description.relay_outputs:
        more["relays"] = FakeRelays()
    return make_camera(**more)


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("whole", [False, True], ids=["short", "whole"])
async def test_every_answer_follows_the_schema(
    camera: str, whole: bool, session: aiohttp.ClientSession, onvif_schema: etree.XMLSchema
) -> None:
    async with running(CAMERAS[camera], all_there_is(CAMERAS[camera]), session) as client:
        assert await shortcomings_of(client, onvif_schema, whole=whole) == []


async def test_h265_in_media1_is_all_that_does_not(
    session: aiohttp.ClientSession, onvif_schema: etree.XMLSchema
) -> None:
    """As cameras in the field, where the user wants no Media2."""
    async with running(H265_IN_MEDIA1, all_there_is(H265_IN_MEDIA1), session) as client:
        shortcomings = await shortcomings_of(client, onvif_schema, whole=False)
    assert [problem for problem in shortcomings if "The value 'H265' is not an element of the set" not in problem] == []
    assert len(shortcomings) == 4


@pytest.mark.parametrize("camera", ["H.264 with sound", ALL])
@pytest.mark.parametrize("login", ["none", "wrong", "right"])
async def test_who_may_ask(camera: str, login: str, session: aiohttp.ClientSession) -> None:
    outcomes, expected = {}, {}
    async with running(CAMERAS[camera], all_there_is(CAMERAS[camera]), session) as client:
        for path, operation in walk():
            request = all_requests()[operation.request, False]
            target = await path_of(client, path, operation)
            header = {"none": "", "wrong": security(password="Sesame4712"), "right": security()}[login]
            reply = await client.post(envelope(request, header), path=target)
            outcomes[operation.request] = (reply.status if is_refused(reply) else None, challenges(reply))
            refusal = {"none": (401, True), "wrong": (400, False), "right": (None, False)}[login]
            expected[operation.request] = (None, False) if operation.request in OPEN else refusal
    assert outcomes == expected


def challenges(reply: Reply) -> bool:
    return any(challenge.startswith("Digest ") for challenge in reply.headers.getall("WWW-Authenticate", []))


def test_requests_follow_the_schema(onvif_schema: etree.XMLSchema) -> None:
    broken = {}
    for _, operation in walk():
        for whole in (False, True):
            request = etree.fromstring(all_requests()[operation.request, whole])
            if not onvif_schema.validate(request):
                broken[operation.request] = str(onvif_schema.error_log.last_error)
    assert broken == {}


def test_every_operation_of_ours_is_in_a_wsdl_and_has_the_access_class_of_its_specification() -> None:
    known = {operation.request for _, operation in walk()}
    assert set(OPERATIONS) - known == set()
    assert {name: str(operation.access) for name, operation in OPERATIONS.items() if name in ACCESS_CLASSES} == {
        name: ACCESS_CLASSES[name] for name in OPERATIONS if name in ACCESS_CLASSES
    }
    assert {name for name, operation in OPERATIONS.items() if operation.access == "PRE_AUTH"} <= OPEN


@dataclass(frozen=True, slots=True)
class Said:
    """What a camera says of a service in GetServices."""

    address: str
    capabilities: etree._Element


async def services_of(client: Client) -> dict[str, Said]:
    """Ask for the services with their capabilities."""
    include = "<tds:IncludeCapability>true</tds:IncludeCapability>"
    response = (await client.ask("tds:GetServices", include)).response
    found = {}
    for service in response.iterfind("tds:Service", NS):
        (capabilities,) = service.iterfind("tds:Capabilities/*", NS)
        namespace, address = (service.findtext(f"tds:{name}", "", NS) for name in ("Namespace", "XAddr"))
        found[namespace] = Said(address, capabilities)
    return found


@pytest.mark.parametrize("camera", CAMERAS)
async def test_capabilities_are_the_same_whoever_is_asked(camera: str, session: aiohttp.ClientSession) -> None:
    async with running(CAMERAS[camera], all_there_is(CAMERAS[camera]), session) as client:
        said = await services_of(client)
        for namespace, service in said.items():
            request = f'<GetServiceCapabilities xmlns="{namespace}"/>'
            reply = await client.post(envelope(request), path=service.address.removeprefix(client.url("")))
            assert canonical(reply.response[0]) == canonical(service.capabilities)


def canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)


LEGACY = {
    "Device": "tds",
    "Events": "tev",
    "Imaging": "timg",
    "Media": "trt",
    "PTZ": "tptz",
    "DeviceIO": "tmd",
}
# The same fact by another name.
RENAMED = {"InputConnectors": "DigitalInputs"}


@pytest.mark.parametrize("camera", CAMERAS)
async def test_old_capabilities_agree_with_the_services(camera: str, session: aiohttp.ClientSession) -> None:
    async with running(CAMERAS[camera], all_there_is(CAMERAS[camera]), session) as client:
        services = await services_of(client)
        response = (await client.ask("tds:GetCapabilities", "<tds:Category>All</tds:Category>")).response
        (capabilities,) = response
        told = {
            etree.QName(element).localname: element
            for element in (*capabilities.iterfind("*"), *capabilities.iterfind("tt:Extension/*", NS))
            if etree.QName(element).localname != "Extension"
        }
        listed = {word for word, prefix in LEGACY.items() if PREFIXES[prefix] in services}
        assert set(told) == listed
        for word, element in told.items():
            service = services[PREFIXES[LEGACY[word]]]
            assert element.findtext("tt:XAddr", namespaces=NS) == service.address
            facts = {str(name): str(value) for node in service.capabilities.iter() for name, value in node.items()}
            if (io := services.get(PREFIXES["tmd"])) is not None:
                facts |= {str(name): str(value) for name, value in io.capabilities.items()}
            for leaf in element.iter():
                name = etree.QName(leaf).localname
                name = RENAMED.get(name, name)
                if not len(leaf) and name in facts:
                    assert (word, name, leaf.text) == (word, name, facts[name])
