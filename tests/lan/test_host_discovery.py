"""Who finds cameras on macvlans by WS-Discovery: programs of their own host, the LAN, and containers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
import socket
import time
from uuid import uuid4

from lxml import etree
import pytest
from wsdiscovery import QName, Scope, WSDiscovery

from custom_components.onvif_proxy.model import CameraDescription
from custom_components.onvif_proxy.responder import DiscoveryResponder, HostDiscovery
from custom_components.onvif_proxy.responder.discovery_common import GROUP, PORT
from tests.responder.conftest import make_description
from tests.responder.test_wsdiscovery import DN, NS, request

from .bed import HOSTS, PREFIX_LENGTH, Lan
from .cameras import ADDRESSES, NAMES, THREE_CAMERAS, run_script

HOST = HOSTS["ha"]
BRIDGE = "172.30.0.1"
CONTAINER = "172.30.0.2"
OWN_ADDRESSES = [("eth0", HOST), ("docker0", BRIDGE)]
PATIENCE = 1.3
"""Seconds for an answer: half a second of delay by chance, a repeat, and some for a busy machine."""


def describe(number: int, address: str, interface: str) -> CameraDescription:
    description = make_description(uuid=f"00000000-0000-4000-8000-{number:012}")
    endpoint = replace(description.endpoint, address=address, prefix_length=PREFIX_LENGTH, interface=interface)
    return replace(description, endpoint=replace(endpoint, onvif_port=80))


CAMERAS = [describe(number, *where) for number, where in enumerate(zip(ADDRESSES, NAMES, strict=True), 1)]
SHARED = describe(9, HOST, "eth0")


def reference(camera: CameraDescription) -> str:
    return f"urn:uuid:{camera.identity.uuid}"


def xaddr(camera: CameraDescription) -> str:
    return f"http://{camera.endpoint.address}/onvif/device_service"


@pytest.fixture
def host(lan: Lan) -> Lan:
    """Three macvlans on the Home Assistant host, and a bridge with a container: the recorder's host, by a second wire."""
    run_script(lan, *THREE_CAMERAS)
    lan.ip("ha", "link", "add", "docker0", "type", "bridge", "forward_delay", "0")
    lan.ip("ha", "link", "add", "veth0", "type", "veth", "peer", "name", "eth1", "netns", lan.namespace("recorder"))
    lan.ip("ha", "link", "set", "veth0", "master", "docker0", "up")
    lan.ip("ha", "link", "set", "docker0", "up")
    lan.ip("ha", "addr", "add", f"{BRIDGE}/24", "dev", "docker0")
    lan.ip("recorder", "link", "set", "eth1", "up")
    lan.ip("recorder", "addr", "add", f"{CONTAINER}/24", "dev", "eth1")
    return lan


@asynccontextmanager
async def running(*cameras: CameraDescription, own: Sequence[tuple[str, str]] = OWN_ADDRESSES) -> AsyncIterator[None]:
    """Run cameras on the Home Assistant host, and what answers its own programs, those of the addresses given."""
    async with AsyncExitStack() as stack:
        for camera in cameras:
            await stack.enter_async_context(DiscoveryResponder(camera))
        discovery = await stack.enter_async_context(HostDiscovery())
        await discovery.set_addresses(own)
        for camera in cameras:
            discovery.add(camera, camera.endpoint.onvif_port)
        yield


def probe(address: str) -> tuple[Counter[str], set[str]]:
    """Probe once through the interface of an address; return the answers by endpoint, and where they came from.

    Repeats of an answer are the same message.
    """
    messages: dict[str, str] = {}
    sources = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as prober:
        prober.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        types = f'<d:Types xmlns:dn="{DN}">dn:NetworkVideoTransmitter</d:Types>'
        prober.sendto(request(f"<d:Probe>{types}</d:Probe>", message_id=uuid4().urn), (GROUP, PORT))
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            prober.settimeout(left)
            try:
                data, (source, _) = prober.recvfrom(65535)
            except TimeoutError:
                break
            answer = etree.fromstring(data)
            endpoint = answer.findtext(".//a:EndpointReference/a:Address", "", NS)
            messages[answer.findtext("s:Header/a:MessageID", "", NS)] = endpoint
            sources.add(source)
    return Counter(messages.values()), sources


def search() -> list[tuple[str, list[str]]]:
    """Search as Home Assistant's onvif integration does, on all of a host's addresses."""
    discovery = WSDiscovery(ttl=4, relates_to=True)
    discovery.start()
    try:
        services = discovery.searchServices(
            types=[QName(DN, "NetworkVideoTransmitter", "dp0")],
            scopes=[Scope("onvif://www.onvif.org/Profile/Streaming")],
            timeout=2,
        )
        return [(service.getEPR(), service.getXAddrs()) for service in services]
    finally:
        discovery.stop()


def ask[T](
    lan: Lan,
    asking: str,
    question: Callable[[], T],
    *cameras: CameraDescription,
    own: Sequence[tuple[str, str]] = OWN_ADDRESSES,
) -> T:
    """Ask something on a host, while cameras run on the Home Assistant host."""

    async def run() -> T:
        async with running(*cameras, own=own):
            return await asyncio.to_thread(lan.call, asking, question)

    return lan.run_async("ha", run)


def test_home_assistants_own_search_finds_each_camera_once(host: Lan) -> None:
    found = ask(host, "ha", search, *CAMERAS)
    assert sorted(found) == [(reference(camera), [xaddr(camera)]) for camera in CAMERAS]


def test_home_assistants_own_search_reads_what_the_host_is_told(host: Lan) -> None:
    """Without the cameras themselves, which hear the search as far as it also goes through their interfaces."""

    async def run() -> list[tuple[str, list[str]]]:
        async with HostDiscovery() as discovery:
            await discovery.set_addresses(OWN_ADDRESSES)
            for camera in CAMERAS:
                discovery.add(camera, 80)
            return await asyncio.to_thread(search)

    found = host.run_async("ha", run)
    assert sorted(found) == [(reference(camera), [xaddr(camera)]) for camera in CAMERAS]


def test_a_program_of_the_host_gets_one_answer_a_camera(host: Lan) -> None:
    answers, sources = ask(host, "ha", lambda: probe(HOST), *CAMERAS)
    assert answers == {reference(camera): 1 for camera in CAMERAS}
    assert sources == {HOST}


def test_without_it_a_program_of_the_host_gets_none(host: Lan) -> None:
    answers, _ = ask(host, "ha", lambda: probe(HOST), *CAMERAS, own=[])
    assert answers == {}


def test_a_camera_on_the_hosts_own_address_answers_once(host: Lan) -> None:
    answers, _ = ask(host, "ha", lambda: probe(HOST), SHARED, *CAMERAS)
    assert answers == {reference(camera): 1 for camera in (SHARED, *CAMERAS)}


def test_the_lan_gets_one_answer_a_camera_from_the_camera_itself(host: Lan) -> None:
    answers, sources = ask(host, "client", lambda: probe(HOSTS["client"]), *CAMERAS)
    assert answers == {reference(camera): 1 for camera in CAMERAS}
    assert sources == set(ADDRESSES)


@pytest.mark.parametrize(
    ("own", "answered"),
    [
        pytest.param(OWN_ADDRESSES, [], id="a container"),
        pytest.param([*OWN_ADDRESSES, ("docker0", CONTAINER)], CAMERAS, id="if it were the host"),
    ],
)
def test_containers_are_heard_but_get_nothing(
    host: Lan, own: Sequence[tuple[str, str]], answered: list[CameraDescription]
) -> None:
    answers, _ = ask(host, "recorder", lambda: probe(CONTAINER), *CAMERAS, own=own)
    assert answers == {reference(camera): 1 for camera in answered}


def test_an_interface_that_was_made_anew_is_listened_to(host: Lan) -> None:
    """Of the same name and address, as when Docker restarts."""

    def make_anew() -> None:
        host.ip("ha", "link", "del", "docker0")
        host.ip("ha", "link", "add", "docker0", "type", "bridge", "forward_delay", "0")
        host.ip("ha", "link", "set", "docker0", "up")
        host.ip("ha", "addr", "add", f"{BRIDGE}/24", "dev", "docker0")

    async def run() -> list[Counter[str]]:
        heard = []
        async with HostDiscovery() as discovery:
            await discovery.set_addresses(OWN_ADDRESSES)
            discovery.add(CAMERAS[0], 80)
            for change in (lambda: None, make_anew):
                await asyncio.to_thread(change)
                await discovery.set_addresses(OWN_ADDRESSES)
                heard.append((await asyncio.to_thread(probe, BRIDGE))[0])
        return heard

    assert host.run_async("ha", run) == [{reference(CAMERAS[0]): 1}] * 2
