"""Discovery by programs on the same host, on loopback; with real interfaces it is in tests/lan."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
import logging
import socket

from lxml import etree
import pytest

from custom_components.onvif_proxy.model import CameraDescription
from custom_components.onvif_proxy.responder import HostDiscovery

from .conftest import make_description
from .test_discovery import Peer, quick, references
from .test_wsdiscovery import NS, request

OWN = [("lo", "127.0.0.1")]


def camera(number: int, *, name: str = "Front Door", address: str = "192.0.2.1") -> CameraDescription:
    return make_description(uuid=f"00000000-0000-4000-8000-{number:012}", name=name, address=address)


def reference(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012}"


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


def discovery(port: int, **limits: float) -> HostDiscovery:
    return HostDiscovery(port=port, limits=quick(**limits))


async def test_each_camera_is_told_in_a_datagram_of_its_own(peer: Peer, port: int) -> None:
    async with discovery(port) as host:
        await host.set_addresses(OWN)
        host.add(camera(1, address="192.0.2.1"), 80)
        host.add(camera(2, address="192.0.2.2"), 8000)
        message_id = peer.probe()
        received = await peer.answers()
    assert references(received) == [reference(1), reference(2)]
    assert {source[0] for _, source in received} == {"127.0.0.1"}
    answers = [etree.fromstring(data) for data, _ in received]
    assert {answer.findtext("s:Header/a:RelatesTo", namespaces=NS) for answer in answers} == {message_id}
    assert sorted(answer.findtext(".//d:XAddrs", "", NS) for answer in answers) == [
        "http://192.0.2.1/onvif/device_service",
        "http://192.0.2.2:8000/onvif/device_service",
    ]


async def test_resolve(peer: Peer, port: int) -> None:
    async with discovery(port) as host:
        await host.set_addresses(OWN)
        host.add(camera(1), 80)
        host.add(camera(2), 80)
        address = f"<a:EndpointReference><a:Address>{reference(2)}</a:Address></a:EndpointReference>"
        peer.send(request(f"<d:Resolve>{address}</d:Resolve>", action="Resolve"))
        assert references(await peer.answers()) == [reference(2)]


async def test_an_answer_is_repeated_as_it_may_get_lost(peer: Peer, port: int) -> None:
    async with discovery(port, unicast_sends=2, min_repeat_delay=0.02, first_repeat_delay=0.02) as host:
        await host.set_addresses(OWN)
        host.add(camera(1), 80)
        peer.probe()
        (first, _), (second, _) = await peer.answers()
    assert first == second


async def test_a_probe_that_is_sent_from_several_addresses_is_answered_once(peer: Peer, port: int) -> None:
    async with discovery(port) as host:
        await host.set_addresses([*OWN, ("lo", "127.0.0.2")])
        host.add(camera(1), 80)
        other = Peer(port, "127.0.0.2")
        for each in (peer, other):
            each.probe(message_id="urn:uuid:same")
        assert len(await peer.answers()) + len(await other.answers()) == 1
        other.close()


async def test_others_than_the_host_are_not_answered(peer: Peer, port: int) -> None:
    async with discovery(port) as host:
        await host.set_addresses(OWN)
        host.add(camera(1), 80)
        container = Peer(port, "127.0.0.2")  # an address that is not said to be the host's
        container.probe()
        assert await container.answers() == []
        container.close()
        peer.probe()
        assert len(await peer.answers()) == 1


async def test_a_camera_on_the_hosts_address_answers_itself(peer: Peer, port: int) -> None:
    async with discovery(port) as host:
        await host.set_addresses(OWN)
        host.add(camera(1, address="127.0.0.1"), 80)
        peer.probe()
        assert await peer.answers() == []


async def test_rate(peer: Peer, port: int) -> None:
    async with discovery(port, max_answers_per_source=3) as host:
        await host.set_addresses(OWN)
        host.add(camera(1), 80)
        for _ in range(10):
            peer.probe()
        assert len(await peer.answers()) == 3


@pytest.mark.parametrize("junk", [b"", b"\xff" * 2000, request("<d:Hello/>", action="Hello")])
async def test_junk_is_ignored(peer: Peer, port: int, junk: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with discovery(port) as host:
        await host.set_addresses(OWN)
        host.add(camera(1), 80)
        peer.send(junk)
        assert await peer.answers(0.1) == []
        peer.probe()
        assert len(await peer.answers()) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


class TestCameras:
    """Coming, changing, going."""

    async def test_removed(self, peer: Peer, port: int) -> None:
        async with discovery(port) as host:
            await host.set_addresses(OWN)
            remove = host.add(camera(1), 80)
            host.add(camera(2), 80)
            remove()
            remove()
            peer.probe()
            assert references(await peer.answers()) == [reference(2)]

    async def test_who_was_replaced_does_not_remove_its_successor(self, peer: Peer, port: int) -> None:
        async with discovery(port) as host:
            await host.set_addresses(OWN)
            remove = host.add(camera(1), 80)
            host.add(camera(1), 80)
            remove()
            peer.probe()
            assert references(await peer.answers()) == [reference(1)]

    async def test_changed(self, peer: Peer, port: int) -> None:
        async with discovery(port) as host:
            await host.set_addresses(OWN)
            host.add(camera(1, name="Old"), 80)
            versions = []
            for name in ("Old", "New"):
                host.update(camera(1, name=name), 80)
                peer.probe()
                ((data, _),) = await peer.answers()
                answer = etree.fromstring(data)
                assert f"onvif://www.onvif.org/name/{name}" in answer.findtext(".//d:Scopes", "", NS).split()
                versions.append(int(answer.findtext(".//d:MetadataVersion", "", NS)))
        assert versions[0] < versions[1]

    async def test_changed_without_having_been_added(self, port: int) -> None:
        with pytest.raises(KeyError):
            discovery(port).update(camera(1), 80)


class TestLife:
    """Starting, stopping, and following interfaces."""

    async def test_again(self, peer: Peer, port: int) -> None:
        host = discovery(port)
        host.add(camera(1), 80)
        await host.set_addresses(OWN)
        peer.probe()
        assert await peer.answers(0.1) == []
        for _ in range(2):
            await host.start()
            await host.start()
            peer.probe()
            assert len(await peer.answers()) == 1
            await host.stop()
            await host.stop()
            peer.probe()
            assert await peer.answers(0.1) == []

    async def test_nothing_is_left_when_stopped_before_answering(self, peer: Peer, port: int) -> None:
        before = asyncio.all_tasks()
        async with discovery(port, max_delay=60.0) as host:
            await host.set_addresses(OWN)
            host.add(camera(1), 80)
            peer.probe()
            await asyncio.sleep(0.1)
            assert asyncio.all_tasks() != before
        assert asyncio.all_tasks() == before

    async def test_addresses_come_and_go(self, peer: Peer, port: int) -> None:
        async with discovery(port) as host:
            host.add(camera(1), 80)
            for addresses, answers in (([], 0), (OWN, 1), (OWN, 1), ([], 0), (OWN, 1)):
                await host.set_addresses(addresses)
                peer.probe()
                assert len(await peer.answers(0.1)) == answers

    async def test_an_interface_that_is_gone_is_said_once_and_spoils_nothing(
        self, peer: Peer, port: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with discovery(port) as host:
            host.add(camera(1), 80)
            for _ in range(3):
                await host.set_addresses([*OWN, ("gone0", "192.0.2.9")])
            peer.probe()
            assert len(await peer.answers()) == 1
        warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 1
        assert "gone0" in warnings[0]

    async def test_port_shared_with_another_program(self, peer: Peer, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("", port))  # as Home Assistant's own discovery does
            other.setblocking(False)
            async with discovery(port) as host:
                await host.set_addresses(OWN)
                host.add(camera(1), 80)
                peer.probe()
                assert len(await peer.answers()) == 1
                peer.sender.sendto(b"to the other program alone", ("127.0.0.1", port))
                async with asyncio.timeout(1):
                    while b"alone" not in await asyncio.get_running_loop().sock_recv(other, 65535):
                        pass
