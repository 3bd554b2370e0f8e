"""WS-Discovery on loopback, with real sockets."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Network, ip_address
import socket
import struct
from urllib.parse import quote
from uuid import uuid4

from lxml import etree
import pytest
from wsdiscovery import QName, Scope, WSDiscovery
import wsdiscovery.threaded

from custom_components.onvif_proxy.responder import DiscoveryResponder, is_own_scope
from custom_components.onvif_proxy.responder.discovery_common import GROUP, PORT, DiscoveryLimits

from .conftest import make_description
from .test_wsdiscovery import DN, NS, request

type Received = list[tuple[bytes, tuple[str, int]]]


class Peer:
    """A program on loopback that probes, and hears all that is multicast."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.port = port
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sender.bind((address, 0))
        self.sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((GROUP, port))
        membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton("127.0.0.1"))
        self.listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        for each in (self.sender, self.listener):
            each.setblocking(False)

    def close(self) -> None:
        self.sender.close()
        self.listener.close()

    def send(self, data: bytes, to: str = GROUP) -> None:
        self.sender.sendto(data, (to, self.port))

    def probe(self, *, message_id: str | None = None, to: str = GROUP) -> str:
        message_id = message_id or uuid4().urn
        types = f'<d:Types xmlns:dn="{DN}">dn:NetworkVideoTransmitter</d:Types>'
        self.send(request(f"<d:Probe>{types}</d:Probe>", message_id=message_id), to)
        return message_id

    async def answers(self, seconds: float = 0.3) -> Received:
        """Return all that is sent to us within a time."""
        return await _receive(self.sender, seconds)

    async def announcements(self, kind: str, seconds: float = 0.3) -> list[etree._Element]:
        """Return the Hello or Bye elements heard within a time."""
        heard = [etree.fromstring(data) for data, _ in await _receive(self.listener, seconds)]
        return [element for message in heard for element in message.iterfind(f"s:Body/d:{kind}", NS)]


async def _receive(opened: socket.socket, seconds: float) -> Received:
    received: Received = []
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            while True:
                received.append(await loop.sock_recvfrom(opened, 65535))
    except TimeoutError:
        return received


def references(received: Received) -> list[str]:
    """Return the endpoint references of answers."""
    found = (etree.fromstring(data).findtext(".//a:EndpointReference/a:Address", "", NS) for data, _ in received)
    return sorted(found)


@pytest.fixture
def port() -> int:
    """Return a free UDP port, so as not to hear other programs."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def peer(port: int) -> Iterator[Peer]:
    """Return a program that looks for cameras."""
    with ExitStack() as stack:
        opened = Peer(port)
        stack.callback(opened.close)
        yield opened


def quick(**limits: float) -> DiscoveryLimits:
    """Return limits by which everything is sent at once and once, unless told otherwise."""
    limits = {"max_delay": 0.0, "unicast_sends": 1, "multicast_sends": 1, "bye_sends": 1} | limits
    return DiscoveryLimits(**limits)  # type: ignore[arg-type]  # counts are whole floats


def responder(port: int, number: int = 1, **limits: float) -> DiscoveryResponder:
    description = make_description(uuid=f"00000000-0000-4000-8000-{number:012}", onvif_port=8000 + number)
    return DiscoveryResponder(description, port=port, limits=quick(**limits))


class TestProbe:
    """Being found."""

    async def test_answers_come_from_the_address_and_port_of_the_camera(self, peer: Peer, port: int) -> None:
        async with responder(port):
            message_id = peer.probe()
            ((data, source),) = await peer.answers()
        assert source == ("127.0.0.1", port)
        answer = etree.fromstring(data)
        assert answer.findtext("s:Header/a:RelatesTo", namespaces=NS) == message_id
        assert answer.findtext(".//d:XAddrs", namespaces=NS) == "http://127.0.0.1:8001/onvif/device_service"
        assert is_own_scope(answer.findtext(".//d:Scopes", "", NS).split())

    @pytest.mark.parametrize(
        ("name", "model", "most"),
        [
            ("ü" * 12_000, "ü" * 12_000, 1750),
            ("Driveway, left", "M" * 12_000, 1472),  # what a packet holds
        ],
        ids=["name", "model"],
    )
    async def test_endless_names_fit_into_a_datagram(
        self, peer: Peer, port: int, name: str, model: str, most: int
    ) -> None:
        async with DiscoveryResponder(make_description(name=name, model=model), port=port, limits=quick()):
            peer.probe()
            (data, _), *_ = await peer.answers()
        scopes = etree.fromstring(data).findtext(".//d:Scopes", "", NS).split()
        assert f"onvif://www.onvif.org/name/{quote(name[:32])}" in scopes
        assert f"onvif://www.onvif.org/hardware/{quote(model.encode()[:32])}" in scopes
        assert len(data) <= most

    async def test_every_camera_on_a_shared_address_answers(self, peer: Peer, port: int) -> None:
        async with responder(port, 1), responder(port, 2), responder(port, 3), responder(port, 4):
            peer.probe()
            received = await peer.answers()
        assert references(received) == [f"urn:uuid:00000000-0000-4000-8000-{number:012}" for number in (1, 2, 3, 4)]

    async def test_given_http_port_is_announced(self, peer: Peer, port: int) -> None:
        camera = DiscoveryResponder(make_description(), onvif_port=80, port=port, limits=quick())
        async with camera:
            peer.probe()
            data = (await peer.answers())[0][0]
        text = etree.fromstring(data).findtext(".//d:XAddrs", namespaces=NS)
        assert text == "http://127.0.0.1/onvif/device_service"

    async def test_a_repeated_probe_is_answered_once(self, peer: Peer, port: int) -> None:
        async with responder(port):
            for _ in range(4):
                peer.probe(message_id="urn:uuid:same")
            assert len(await peer.answers()) == 1

    async def test_a_client_with_one_message_id_for_ever_is_answered_again(self, peer: Peer, port: int) -> None:
        async with responder(port, duplicate_window=0.2):
            for _ in range(2):
                peer.probe(message_id="urn:uuid:same")
                peer.probe(message_id="urn:uuid:same")
                assert len(await peer.answers()) == 1

    async def test_an_answer_is_repeated_as_it_may_get_lost(self, peer: Peer, port: int) -> None:
        async with responder(port, unicast_sends=3, min_repeat_delay=0.02, first_repeat_delay=0.02):
            peer.probe()
            received = await peer.answers()
        assert len(received) == 3
        assert len({data for data, _ in received}) == 1

    async def test_answers_to_many_are_spread(self, peer: Peer, port: int) -> None:
        async with responder(port, max_delay=10.0):
            peer.probe()
            assert await peer.answers() == []

    async def test_rate_of_one_source(self, peer: Peer, port: int) -> None:
        async with responder(port, max_answers_per_source=3):
            for _ in range(10):
                peer.probe()
            assert len(await peer.answers()) == 3
            other = Peer(port, "127.0.0.2")
            other.probe()
            assert len(await other.answers()) == 1
            other.close()

    async def test_rate_of_all(self, peer: Peer, port: int) -> None:
        async with responder(port, max_answers=2, rate_window=0.3):
            for _ in range(5):
                peer.probe()
            assert len(await peer.answers()) == 2
            peer.probe()
            assert len(await peer.answers()) == 1

    async def test_a_probe_to_the_camera_alone(self, peer: Peer, port: int) -> None:
        async with responder(port, max_delay=10.0):
            peer.probe(to="127.0.0.1")
            assert len(await peer.answers()) == 1

    async def test_a_probe_to_the_camera_alone_from_afar(
        self, peer: Peer, port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        camera = responder(port, unicast_sends=3, min_repeat_delay=0.02, first_repeat_delay=0.02)
        monkeypatch.setattr(camera, "_network", IPv4Network("192.0.2.0/24"))
        async with camera:
            peer.probe(to="127.0.0.1")
            assert await peer.answers() == []
            peer.probe()  # of the group; not worth repeats
            assert len(await peer.answers()) == 1

    async def test_probes_that_do_not_match_are_not_read_for_ever(self, peer: Peer, port: int) -> None:
        async with responder(port, max_requests_per_source=3):
            for _ in range(3):
                peer.send(request("<d:Probe><d:Types>Printer</d:Types></d:Probe>", message_id=uuid4().urn))
            peer.probe()
            assert await peer.answers() == []
            other = Peer(port, "127.0.0.2")
            other.probe()
            assert len(await other.answers()) == 1
            other.close()

    async def test_resolve(self, peer: Peer, port: int) -> None:
        reference = "urn:uuid:00000000-0000-4000-8000-000000000002"
        address = f"<a:EndpointReference><a:Address>{reference}</a:Address></a:EndpointReference>"
        async with responder(port, 1), responder(port, 2):
            peer.send(request(f"<d:Resolve>{address}</d:Resolve>", action="Resolve"))
            received = await peer.answers()
        assert references(received) == [reference]
        assert etree.fromstring(received[0][0]).find("s:Body/d:ResolveMatches/d:ResolveMatch", NS) is not None

    @pytest.mark.parametrize(
        "junk", [b"", b"\xff" * 2000, b"<a/>", b"<" * 60000, request("<d:Hello/>", action="Hello")]
    )
    async def test_junk_is_ignored(self, peer: Peer, port: int, junk: bytes, caplog: pytest.LogCaptureFixture) -> None:
        async with responder(port):
            peer.send(junk)
            peer.send(junk, "127.0.0.1")
            assert await peer.answers(0.1) == []
            peer.probe()
            assert len(await peer.answers()) == 1
        assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


class TestLife:
    """Coming, changing, going."""

    async def test_hello_and_bye(self, peer: Peer, port: int) -> None:
        camera = responder(port)
        await camera.start()
        await camera.start()
        (hello,) = await peer.announcements("Hello")
        assert hello.findtext("d:XAddrs", namespaces=NS) == "http://127.0.0.1:8001/onvif/device_service"
        await camera.stop()
        await camera.stop()
        (bye,) = await peer.announcements("Bye")
        assert bye.findtext(".//a:Address", namespaces=NS) == hello.findtext(".//a:Address", namespaces=NS)
        peer.probe()
        assert await peer.answers() == []

    async def test_again(self, peer: Peer, port: int) -> None:
        camera = responder(port)
        for _ in range(2):
            await camera.start()
            peer.probe()
            assert len(await peer.answers()) == 1
            await camera.stop()

    async def test_nothing_is_left_when_stopped_before_hello(self, port: int) -> None:
        before = asyncio.all_tasks()
        camera = responder(port, max_delay=10.0)
        await camera.start()
        await camera.stop()
        assert asyncio.all_tasks() == before

    async def test_hello_is_repeated(self, peer: Peer, port: int) -> None:
        async with responder(port, multicast_sends=4, min_repeat_delay=0.01, first_repeat_delay=0.01):
            messages = [data for data, _ in await _receive(peer.listener, 0.3)]
        assert len(messages) == 4
        assert len(set(messages)) == 1

    async def test_new_name(self, peer: Peer, port: int) -> None:
        camera = DiscoveryResponder(make_description(name="Old"), port=port, limits=quick())
        async with camera:
            (old,) = await peer.announcements("Hello")
            camera.update(make_description(name="Old"))
            assert await _receive(peer.listener, 0.1) == []
            camera.update(make_description(name="New"))
            bye, hello = [etree.fromstring(data) for data, _ in await _receive(peer.listener, 0.3)]
            peer.probe()
            ((answer, _),) = await peer.answers()
        assert bye.find("s:Body/d:Bye", NS) is not None
        (new,) = hello.iterfind("s:Body/d:Hello", NS)
        assert "onvif://www.onvif.org/name/New" in new.findtext("d:Scopes", "", NS).split()
        versions = [int(each.findtext("d:MetadataVersion", "", NS)) for each in (old, new)]
        assert versions[0] < versions[1]
        assert etree.fromstring(answer).findtext(".//d:MetadataVersion", "", NS) == str(versions[1])

    async def test_no_repeat_of_bye_comes_after_hello(self, peer: Peer, port: int) -> None:
        limits = quick(bye_sends=2, multicast_sends=2, min_repeat_delay=0.05, first_repeat_delay=0.05)
        camera = DiscoveryResponder(make_description(name="Old"), port=port, limits=limits)
        async with camera:
            await _receive(peer.listener, 0.2)
            camera.update(make_description(name="New"))
            messages = [etree.fromstring(data) for data, _ in await _receive(peer.listener, 0.4)]
        kinds = [etree.QName(message.find("s:Body", NS)[0]).localname for message in messages]  # type: ignore[index]
        assert kinds == ["Bye", "Bye", "Hello", "Hello"]

    async def test_changes_at_once_are_announced_together(self, peer: Peer, port: int) -> None:
        camera = DiscoveryResponder(make_description(name="Old"), port=port, limits=quick())
        async with camera:
            await peer.announcements("Hello")
            for number in range(20):
                camera.update(make_description(name=f"New {number}"))
            messages = [etree.fromstring(data) for data, _ in await _receive(peer.listener, 0.3)]
        assert [message.find("s:Body/d:Bye", NS) is not None for message in messages] == [True, False]
        assert "name/New%2019" in messages[1].findtext(".//d:Scopes", "", NS)

    async def test_a_change_before_hello_needs_no_bye(self, peer: Peer, port: int) -> None:
        camera = DiscoveryResponder(make_description(name="Old"), port=port, limits=quick())
        async with camera:
            camera.update(make_description(name="New"))
            (message,) = await _receive(peer.listener, 0.3)
        assert b"name/New" in message[0]

    async def test_port_shared_with_another_program(self, peer: Peer, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("", port))  # as Home Assistant's own discovery does
            async with responder(port):
                peer.probe()
                assert len(await peer.answers()) == 1

    async def test_port_kept_by_another_program(self, peer: Peer, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", port))
            async with responder(port):
                peer.probe()
                ((_, source),) = await peer.answers()
        assert source[1] != port

    async def test_address_not_ours(self, port: int) -> None:
        camera = DiscoveryResponder(make_description(address="198.51.100.1"), port=port)
        with pytest.raises(OSError):
            await camera.start()
        await camera.stop()


class TestWSDiscovery:
    """A client that is not ours: the package that Home Assistant's onvif integration searches with."""

    @pytest.fixture
    def search(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[WSDiscovery]:
        """Return a running search that is bound to loopback."""

        def only_loopback(family: int) -> list[object]:
            return [ip_address("127.0.0.1")] if family == socket.AF_INET else []

        monkeypatch.setattr(wsdiscovery.threaded, "_getNetworkAddrs", only_loopback)
        discovery = WSDiscovery(ttl=0, relates_to=True)
        discovery.start()
        yield discovery
        discovery.stop()

    async def test_four_cameras_are_found(self, search: WSDiscovery) -> None:
        uuids = {f"urn:uuid:{uuid4()}" for _ in range(4)}
        cameras = [
            DiscoveryResponder(
                make_description(uuid=uuid.removeprefix("urn:uuid:"), onvif_port=8001 + number),
                port=PORT,
                limits=DiscoveryLimits(max_delay=0.1),
            )
            for number, uuid in enumerate(sorted(uuids))
        ]
        for camera in cameras:
            await camera.start()
        services = await asyncio.to_thread(
            search.searchServices,
            types=[QName(DN, "NetworkVideoTransmitter", "dp0")],
            scopes=[Scope("onvif://www.onvif.org/Profile/Streaming")],
            timeout=2,
        )
        for camera in cameras:
            await camera.stop()
        found = {service.getEPR(): service.getXAddrs() for service in services}
        assert uuids <= set(found)
        assert sorted(xaddr for uuid in uuids for xaddr in found[uuid]) == [
            f"http://127.0.0.1:{port}/onvif/device_service" for port in (8001, 8002, 8003, 8004)
        ]
