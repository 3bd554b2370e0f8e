"""WS-Discovery on loopback."""

import asyncio
from collections.abc import Iterator
import re
import socket

import pytest

from tests.simulated_nvr import SimulatedRecorder

from .conftest import Recorders

PROBE = (
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:x="http://www.onvif.org/ver10/network/wsdl">'
    "<e:Header><w:MessageID>uuid:1234</w:MessageID></e:Header><e:Body>{}</e:Body></e:Envelope>"
)


@pytest.fixture
def prober() -> Iterator[socket.socket]:
    """A socket that sends to the group through loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        one.bind(("127.0.0.1", 0))
        one.setblocking(False)
        yield one


async def _answers(prober: socket.socket, recorder: SimulatedRecorder, body: str) -> list[str]:
    """Return what this recorder answers; others on the machine may answer too."""
    prober.sendto(PROBE.format(body).encode(), ("239.255.255.250", 3702))
    found = []
    try:
        async with asyncio.timeout(0.4):
            while True:
                data = await asyncio.get_running_loop().sock_recv(prober, 65536)
                if recorder.uuid.encode() in data:
                    found.append(data.decode())
    except TimeoutError:
        return found


async def test_a_probe_finds_the_recorder(start_recorder: Recorders, prober) -> None:
    recorder = await start_recorder(discovery=True)
    [answer] = await _answers(prober, recorder, "<d:Probe><d:Types>x:NetworkVideoTransmitter</d:Types></d:Probe>")
    assert f"<d:XAddrs>{recorder.url}</d:XAddrs>" in answer
    assert "<a:RelatesTo>uuid:1234</a:RelatesTo>" in answer
    assert "onvif://www.onvif.org/MAC/02:00:5e:10:00:01" in answer
    assert re.search(r"<d:Types>[^<]*NetworkVideoTransmitter", answer)


@pytest.mark.parametrize(
    ("body", "answered"),
    [
        ("<d:Probe/>", True),
        ("<d:Probe><d:Types>d:NetworkVideoTransmitter</d:Types></d:Probe>", False),
        ("<d:Probe><d:Scopes>onvif://www.onvif.org/Profile/Streaming</d:Scopes></d:Probe>", True),
        ("<d:Probe><d:Scopes>onvif://www.onvif.org/Profile</d:Scopes></d:Probe>", True),
        ("<d:Probe><d:Scopes>onvif://www.onvif.org/Profile/Stream</d:Scopes></d:Probe>", False),
        (
            "<d:Probe><d:Scopes>onvif://www.onvif.org/Profile/Streaming onvif://www.onvif.org/name/x</d:Scopes></d:Probe>",
            False,
        ),
        (
            "<d:Resolve><w:EndpointReference><w:Address>urn:uuid:other</w:Address></w:EndpointReference></d:Resolve>",
            False,
        ),
        ("</broken>", False),
    ],
)
async def test_it_answers_what_means_it(start_recorder: Recorders, prober, body, answered) -> None:
    recorder = await start_recorder(discovery=True)
    assert bool(await _answers(prober, recorder, body)) == answered


async def test_resolve_gives_the_address(start_recorder: Recorders, prober) -> None:
    recorder = await start_recorder(discovery=True, wrong_xaddr="192.0.2.1:80")
    reference = f"<w:EndpointReference><w:Address>urn:uuid:{recorder.uuid}</w:Address></w:EndpointReference>"
    [answer] = await _answers(prober, recorder, f"<d:Resolve>{reference}</d:Resolve>")
    assert "ResolveMatches" in answer
    assert "http://192.0.2.1:80/onvif/device_service" in answer


async def test_by_default_it_is_silent(recorder: SimulatedRecorder, prober) -> None:
    assert await _answers(prober, recorder, "<d:Probe/>") == []


async def test_hello_and_bye_are_said(start_recorder: Recorders) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("239.255.255.250", 3702))
        member = socket.inet_aton("239.255.255.250") + socket.inet_aton("127.0.0.1")
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        listener.setblocking(False)
        recorder = await start_recorder(discovery=True)
        await recorder.stop()
        heard = []
        async with asyncio.timeout(5):
            while len(heard) < 2:
                data = (await asyncio.get_running_loop().sock_recv(listener, 65536)).decode()
                if recorder.uuid in data:
                    heard += re.findall(r"<d:(Hello|Bye)>", data)
    assert heard == ["Hello", "Bye"]
