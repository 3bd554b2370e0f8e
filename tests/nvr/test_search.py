"""Finding recorders by WS-Discovery, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
import re
import threading
from typing import Any

import pytest

from custom_components.onvif_proxy.nvr import FoundRecorder, find_recorders
from custom_components.onvif_proxy.nvr.search import read_answer
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

ASKED = {"urn:uuid:probe"}
SCOPES = "onvif://www.onvif.org/name/Shop%20NVR onvif://www.onvif.org/hardware/DS-7616 onvif://www.onvif.org/type/ptz"
XADDRS = "http://192.168.1.20:8000/onvif/device_service"


def match(
    *,
    relates_to: str = "urn:uuid:probe",
    uuid: str = "urn:uuid:1419D68A-1DD2",
    types: str = "dn:NetworkVideoTransmitter tds:Device",
    scopes: str = SCOPES,
    xaddrs: str = XADDRS,
) -> bytes:
    """Write a ProbeMatches."""
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
        ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
        f"<s:Header><a:MessageID>urn:uuid:x</a:MessageID><a:RelatesTo>{relates_to}</a:RelatesTo>"
        "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header>"
        "<s:Body><d:ProbeMatches><d:ProbeMatch>"
        f"<a:EndpointReference><a:Address>{uuid}</a:Address></a:EndpointReference><d:Types>{types}</d:Types>"
        f"<d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion>"
        "</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
    ).encode()


def test_an_answer_tells_where_what_and_who() -> None:
    """Names percent-decoded, the uuid without what stands before it."""
    assert read_answer(match(), "192.168.1.20", ASKED) == [
        FoundRecorder(
            uuid="1419d68a-1dd2",
            host="192.168.1.20",
            port=8000,
            name="Shop NVR",
            hardware="DS-7616",
            scopes=(
                "onvif://www.onvif.org/name/Shop NVR",
                "onvif://www.onvif.org/hardware/DS-7616",
                "onvif://www.onvif.org/type/ptz",
            ),
        )
    ]


@pytest.mark.parametrize(
    ("xaddrs", "expected"),
    [
        # The address that answered, wherever it stands.
        (f"http://[fe80::1]/x http://10.0.0.9/x {XADDRS}", ("192.168.1.20", 8000)),
        ("http://192.168.1.20/onvif/device_service", ("192.168.1.20", 80)),
        # Else IPv4 first.
        ("http://[fe80::1]:81/x http://10.0.0.9:82/x", ("10.0.0.9", 82)),
        # Else who answered, at the port that is told.
        ("http://[fe80::1]:81/x", ("192.168.1.20", 81)),
        ("http://0.0.0.0:8899/x", ("192.168.1.20", 8899)),
        ("http://nvr.local:83/x", ("192.168.1.20", 83)),
    ],
)
def test_the_address_that_works_is_chosen(xaddrs: str, expected: tuple[str, int]) -> None:
    """Devices list several, in any order."""
    [found] = read_answer(match(xaddrs=xaddrs), "192.168.1.20", ASKED)

    assert (found.host, found.port) == expected


def test_types_or_scopes_make_an_onvif_device() -> None:
    """Printers answer probes too."""
    assert read_answer(match(types="tds:Device"), "192.168.1.20", ASKED)
    assert read_answer(match(scopes=""), "192.168.1.20", ASKED)
    assert not read_answer(match(types="wsdp:Device", scopes="ldap:///ou=printers"), "192.168.1.20", ASKED)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 2000,
        b"not xml",
        b"<a/>",
        match(relates_to="urn:uuid:somebody-elses"),
        match(xaddrs=""),
        match(xaddrs="gopher://192.168.1.20/"),
        match(uuid=""),
        match(uuid=" "),
        match().replace(b"<d:MetadataVersion>1</d:MetadataVersion>", b""),
        match().replace(b"urn:uuid:probe", b""),
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]>' + match(scopes="&x;")[21:],
        match().decode().encode("utf-16"),
        match()[:-40],
        match().replace(b"<d:Types>", b"<a>" * 20_000 + b"<d:Types>"),
    ],
)
def test_nonsense_finds_nothing(data: bytes) -> None:
    """And harms nothing."""
    assert read_answer(data, "192.168.1.20", ASKED) == []


class Responder(asyncio.DatagramProtocol):
    """Answers each probe with the datagrams that a function makes of its MessageID."""

    def __init__(self, answers: Callable[[str], Sequence[bytes]]) -> None:
        self.answers = answers
        self.probes: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.probes.append(data)
        message_id = re.search(rb"MessageID>\s*([^<\s]+)", data)
        assert message_id
        for answer in self.answers(message_id[1].decode()):
            self.transport.sendto(answer, addr)


@pytest.fixture
async def responder() -> AsyncIterator[Responder]:
    """A device on loopback."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Responder(lambda asked: [match(relates_to=asked)]), local_addr=("127.0.0.1", 0)
    )
    yield protocol
    transport.close()


async def search(responder: Responder, **arguments: Any) -> list[FoundRecorder]:
    """Search on loopback."""
    group = responder.transport.get_extra_info("sockname")
    return await find_recorders(timeout=0.1, interface_addresses=["127.0.0.1"], group=group, **arguments)


async def test_a_device_that_answers_is_found_once(responder: Responder) -> None:
    """Though it is asked as NetworkVideoTransmitter and as Device, twice each."""
    found = await search(responder)

    assert [(recorder.host, recorder.name) for recorder in found] == [("192.168.1.20", "Shop NVR")]
    assert len(responder.probes) == 4
    assert sum(b"NetworkVideoTransmitter" in probe for probe in responder.probes) == 2


async def test_ours_are_left_out(responder: Responder) -> None:
    """By their scopes, as the caller knows them."""
    assert await search(responder, ignore=lambda scopes: "onvif://www.onvif.org/hardware/DS-7616" in scopes) == []


async def test_the_number_of_answers_and_devices_is_limited(responder: Responder) -> None:
    """A flood costs nothing."""
    responder.answers = lambda asked: [match(relates_to=asked, uuid=f"urn:uuid:{number}") for number in range(50)]

    assert len(await search(responder, max_found=3)) == 3
    assert len(await search(responder, max_answers=2)) <= 2


async def test_nonsense_does_not_hide_the_others(responder: Responder) -> None:
    """One hostile neighbour."""
    responder.answers = lambda asked: [b"\0nonsense", match(relates_to=asked)[:-50], match(relates_to=asked)]

    assert len(await search(responder)) == 1


async def test_nobody_answers() -> None:
    """An empty list, and none of the library's threads."""
    assert await find_recorders(timeout=0.05, interface_addresses=["127.0.0.1"], group=("127.0.0.1", 9)) == []
    assert not [thread for thread in threading.enumerate() if type(thread).__module__.startswith("wsdiscovery")]


async def test_a_recorder_is_found_by_multicast() -> None:
    """The true group and port, on the loopback interface."""
    options = RecorderOptions(channels=1, vendor="dahua", discovery=True, discovery_interface="127.0.0.1")
    async with SimulatedRecorder(options) as simulated:
        found = await find_recorders(timeout=1.5, interface_addresses=["127.0.0.1"])

        assert (simulated.uuid, simulated.host, simulated.port) in {
            (recorder.uuid, recorder.host, recorder.port) for recorder in found
        }


async def test_an_interface_that_went_away_does_not_stop_the_search(responder: Responder) -> None:
    """The others are asked."""
    group = responder.transport.get_extra_info("sockname")
    found = await find_recorders(timeout=0.1, interface_addresses=["192.0.2.77", "127.0.0.1"], group=group)

    assert len(found) == 1
