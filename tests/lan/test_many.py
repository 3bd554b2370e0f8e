"""Thirty-two cameras that the real keeper keeps, and everybody who speaks with them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
import socket
import time
from uuid import uuid4

from lxml import etree
import pytest

from custom_components.onvif_proxy.interfaces import InventoryFile
from custom_components.onvif_proxy.model import CameraDescription, Endpoint
from custom_components.onvif_proxy.responder import DiscoveryResponder
from custom_components.onvif_proxy.responder.discovery_common import DEFAULT_LIMITS, GROUP, PORT

from ..responder.conftest import make_description
from ..responder.test_wsdiscovery import NS, request as discovery_request
from .bed import GATEWAY, NETWORK, PREFIX_LENGTH, Frame, Lan
from .cameras import ADDRESSES, THREE_CAMERAS, ask_by_tcp, ask_by_udp, run_script
from .dnsmasq import NO_DNSMASQ, PROGRAM as DNSMASQ, Dnsmasq
from .test_dhcp import dhcp
from .test_keeper import inventory, spec
from .test_keeper_program import Running

# Without dnsmasq all but its own test hold for fixed addresses, too.
SPECS = [dhcp(number) if DNSMASQ else spec(number) for number in range(1, 33)]
CAMERAS = {f"{NETWORK}.{100 + one.id}": one.mac for one in SPECS}
"""MACs by address: fixed ones, and those that the DHCP server has reserved for them."""

HOSTS = {
    "recorder": f"{NETWORK}.10",
    "ha": f"{NETWORK}.5",
    "client": f"{NETWORK}.20",
    "bystander": f"{NETWORK}.30",
    "gateway": f"{NETWORK}.2",
    "container": f"{NETWORK}.40",
    "far": f"{NETWORK}.50",
}
CONTAINER = "172.30.32.9"
FAR = "192.0.2.7"
AGEING_SECONDS = 1


def unplug(lan: Lan, host: str) -> None:
    """Take a host off the switch."""
    lan.ip("switch", "link", "del", host)


def set_up_gateway(lan: Lan) -> None:
    """Let the gateway route for a client that is not on the switch."""
    unplug(lan, "far")
    lan.ip("gateway", "addr", "add", f"{GATEWAY}/24", "dev", "eth0")
    lan.ip("gateway", "route", "del", "default")
    lan.ip("gateway", "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", lan.namespace("far"))
    lan.ip("gateway", "addr", "add", "192.0.2.1/24", "dev", "eth1")
    lan.ip("gateway", "link", "set", "eth1", "up")
    lan.run("gateway", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
    lan.ip("far", "addr", "add", f"{FAR}/24", "dev", "eth0")
    lan.ip("far", "link", "set", "eth0", "up")
    lan.ip("far", "route", "add", "default", "via", "192.0.2.1")


def set_up_container(lan: Lan) -> None:
    """Put a container on a bridge of the Home Assistant host."""
    unplug(lan, "container")
    lan.ip("ha", "link", "add", "docker0", "type", "bridge", "forward_delay", "0")
    lan.ip("ha", "addr", "add", "172.30.32.1/23", "dev", "docker0")
    lan.ip("ha", "link", "set", "docker0", "up")
    lan.ip("ha", "link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", lan.namespace("container"))
    lan.ip("ha", "link", "set", "veth0", "master", "docker0", "up")
    lan.ip("container", "addr", "add", f"{CONTAINER}/23", "dev", "eth0")
    lan.ip("container", "link", "set", "eth0", "up")
    lan.ip("container", "route", "add", "default", "via", "172.30.32.1")


def until_up(running: Running) -> None:
    """Wait until each camera is up with its own address."""
    waiting = {(mac, address) for address, mac in CAMERAS.items()}
    while waiting:
        told = running.next_object()
        if told["state"] == "up":
            waiting.discard((told["mac"], told["address"]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the files of keeper and DHCP server."""
    return tmp_path_factory.mktemp("many")


@pytest.fixture(scope="module")
def dhcp_server(folder: Path, bare_lan: Lan) -> Iterator[Dnsmasq | None]:
    """Serve reserved addresses from the gateway; None without dnsmasq."""
    if DNSMASQ is None:
        yield None
        return
    with Dnsmasq(bare_lan, "gateway", folder, {mac: address for address, mac in CAMERAS.items()}) as server:
        yield server


@pytest.fixture(scope="module")
def bare_lan(lan_possible: None) -> Iterator[Lan]:
    """Everybody but the cameras."""
    with Lan(HOSTS) as lan:
        set_up_gateway(lan)
        set_up_container(lan)
        yield lan


@pytest.fixture(scope="module")
def standing_lan(bare_lan: Lan, folder: Path, dhcp_server: Dnsmasq | None) -> Iterator[Lan]:
    """All of it, with the keeper as a process of its own; for tests that leave it as it is."""
    file = InventoryFile(folder / "inventory.json")
    file.save(inventory(*SPECS))
    running = Running(bare_lan, file.path, "--json", "--leases", str(folder / "leases.json"))
    until_up(running)
    yield bare_lan
    assert running.end() == (0, "")


def set_filter(lan: Lan, value: int) -> None:
    """Set rp_filter as a distribution does."""
    for interface in ("all", "eth0", "docker0"):
        lan.run("ha", ["sh", "-c", f"echo {value} > /proc/sys/net/ipv4/conf/{interface}/rp_filter"])


@pytest.fixture(params=[0, 1, 2])
def filtering_lan(standing_lan: Lan, request: pytest.FixtureRequest) -> Iterator[Lan]:
    """The LAN with each rp_filter that a host may have."""
    set_filter(standing_lan, request.param)
    yield standing_lan
    set_filter(standing_lan, 0)


def senders(frames: Sequence[Frame], protocol: str) -> list[tuple[str, str]]:
    """Return the address and the MAC of each frame that cameras sent."""
    return sorted((one.source, one.source_mac) for one in frames if one.protocol == protocol and one.source in CAMERAS)


@pytest.mark.skipif(DNSMASQ is None, reason=NO_DNSMASQ)
def test_the_addresses_are_leases_of_dnsmasq(standing_lan: Lan, dhcp_server: Dnsmasq) -> None:
    assert dhcp_server.leases == {one.mac: (f"{NETWORK}.{100 + one.id}", one.name) for one in SPECS}
    assert standing_lan.route_get("ha", "192.0.2.1")["dev"] == "eth0"


def test_a_client_learns_each_mac_from_one_reply_and_gets_one_answer_from_it(filtering_lan: Lan) -> None:
    lan = filtering_lan
    lan.forget_neighbours("client")
    with lan.sniffer("client") as sniffer:
        for address in CAMERAS:
            ask_by_udp(lan, "client", address)
        frames = [frame for frame in sniffer.frames() if frame.destination == lan.hosts["client"]]

    assert senders(frames, "arp") == sorted(CAMERAS.items())
    assert senders(frames, "udp") == sorted(CAMERAS.items())
    known = lan.neighbours("client")
    assert {address: known[address] for address in CAMERAS} == CAMERAS


@pytest.mark.parametrize(
    ("asker", "seen_at"),
    [("client", "client"), ("far", "gateway")],
    ids=["of the subnet", "behind the gateway"],
)
def test_tcp_replies_carry_the_mac_of_the_camera_to_a_client(filtering_lan: Lan, asker: str, seen_at: str) -> None:
    lan = filtering_lan
    with lan.sniffer(seen_at) as sniffer:
        for address in CAMERAS:
            ask_by_tcp(lan, asker, address)
        assert sniffer.source_macs("tcp") == {address: {mac} for address, mac in CAMERAS.items()}


@pytest.mark.parametrize("asker", ["ha", "container"])
def test_the_host_and_a_container_on_it_reach_each_camera_and_not_over_the_lan(filtering_lan: Lan, asker: str) -> None:
    lan = filtering_lan
    with lan.sniffer("gateway") as at_gateway, lan.sniffer("client") as at_client:
        for address in CAMERAS:
            ask_by_tcp(lan, asker, address)
            ask_by_udp(lan, asker, address)
        assert [
            frame for frame in (*at_gateway.frames(), *at_client.frames()) if frame.protocol in {"tcp", "udp"}
        ] == []


def described(address: str, mac: str) -> CameraDescription:
    """Return a camera with an address of the LAN."""
    number = next(one.id for one in SPECS if one.mac == mac)
    description = make_description(uuid=f"00000000-0000-4000-8000-{number:012}")
    endpoint = Endpoint(
        address=address,
        prefix_length=PREFIX_LENGTH,
        mac=mac,
        onvif_port=80,
        rtsp_port=554,
        interface=f"onvifcam{number}",
    )
    return replace(description, endpoint=endpoint)


def probe(lan: Lan, host: str) -> dict[str, set[bytes]]:
    """Multicast one Probe from a host; return what comes back until all must have answered, by sender."""
    answers: dict[str, set[bytes]] = {}
    end = time.monotonic() + DEFAULT_LIMITS.max_delay + DEFAULT_LIMITS.first_repeat_delay + 0.3
    with lan.open_socket(host, socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        asking.sendto(discovery_request("<d:Probe/>", message_id=uuid4().urn), (GROUP, PORT))
        while (left := end - time.monotonic()) > 0:
            asking.settimeout(left)
            try:
                data, (sender, _) = asking.recvfrom(65536)
            except TimeoutError:
                break
            answers.setdefault(sender, set()).add(data)
    return answers


def test_each_camera_answers_a_probe_of_the_lan_with_one_match_by_its_own_mac(filtering_lan: Lan) -> None:
    lan = filtering_lan
    cameras = [described(address, mac) for address, mac in CAMERAS.items()]

    async def scenario() -> list[dict[str, set[bytes]]]:
        # In one process, as in Home Assistant.
        async with AsyncExitStack() as stack:
            for one in cameras:
                await stack.enter_async_context(DiscoveryResponder(one))
            await asyncio.sleep(DEFAULT_LIMITS.max_delay + 0.2)  # until all have said Hello
            hosts = ("client", "ha", "container", "far")
            return await asyncio.gather(*(asyncio.to_thread(probe, lan, host) for host in hosts))

    with lan.sniffer("client") as sniffer:
        of_client, *of_others = lan.run_async("ha", scenario)
        frames = [frame for frame in sniffer.frames() if frame.protocol == "udp" and frame.source in CAMERAS]

    # A repeated datagram is the same message, which clients count once.
    assert {address: len(messages) for address, messages in of_client.items()} == dict.fromkeys(CAMERAS, 1)
    for one in cameras:
        match = etree.fromstring(*of_client[one.endpoint.address])
        assert [each.text for each in match.iterfind(".//a:EndpointReference/a:Address", NS)] == [
            f"urn:uuid:{one.identity.uuid}"
        ]
        assert match.findtext(".//d:XAddrs", None, NS) == f"http://{one.endpoint.address}/onvif/device_service"
    for destination in (GROUP, lan.hosts["client"]):
        senders_there = {(frame.source, frame.source_mac) for frame in frames if frame.destination == destination}
        assert senders_there == set(CAMERAS.items())
    # As documented: discovery crosses no router, and the host and its bridges use the cameras by address.
    assert of_others == [{}, {}, {}]


def assert_upstream_leaves_by_the_parent(lan: Lan) -> None:
    """Connect from the host to the recorder as the relay does, bound to nothing, and look at who does."""
    own = {lan.hosts["ha"]: {lan.mac("ha")}}
    with lan.sniffer("recorder") as sniffer, lan.open_socket("recorder", socket.AF_INET, socket.SOCK_STREAM) as server:
        server.bind((lan.hosts["recorder"], 0))
        server.listen()
        with lan.open_socket("ha", socket.AF_INET, socket.SOCK_STREAM) as upstream:
            upstream.settimeout(5)
            upstream.connect(server.getsockname())
            assert upstream.getsockname()[0] == lan.hosts["ha"]
        assert sniffer.source_macs("tcp") == own


def test_what_the_host_itself_asks_for_leaves_by_the_parent(filtering_lan: Lan) -> None:
    assert_upstream_leaves_by_the_parent(filtering_lan)


def test_it_does_after_the_parents_link_bounced_and_behind_a_metric(standing_lan: Lan) -> None:
    # Both put the parent's route to the subnet behind others for it, were there any.
    standing_lan.ip("ha", "link", "set", "eth0", "down")
    standing_lan.ip("ha", "link", "set", "eth0", "up")
    standing_lan.ip("ha", "route", "add", "default", "via", GATEWAY)
    assert_upstream_leaves_by_the_parent(standing_lan)
    subnet = (f"{NETWORK}.0/24", "dev", "eth0", "proto", "kernel", "scope", "link", "src", standing_lan.hosts["ha"])
    standing_lan.ip("ha", "route", "add", *subnet, "metric", "100")
    standing_lan.ip("ha", "route", "del", *subnet, "metric", "0")
    connected = standing_lan.ip_json("ha", "route", "show", "exact", f"{NETWORK}.0/24")
    assert [(route["dev"], route["metric"]) for route in connected] == [("eth0", 100)]
    assert_upstream_leaves_by_the_parent(standing_lan)


@contextmanager
def streams(lan: Lan, addresses: Sequence[str]) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Connect the client to each camera: pairs of the camera's and the client's socket."""
    with ExitStack() as stack:
        pairs = []
        for address in addresses:
            listener = stack.enter_context(lan.open_socket("ha", socket.AF_INET, socket.SOCK_STREAM))
            listener.bind((address, 0))
            listener.listen()
            viewer = stack.enter_context(lan.open_socket("client", socket.AF_INET, socket.SOCK_STREAM))
            viewer.settimeout(5)
            viewer.connect(listener.getsockname())
            pairs.append((stack.enter_context(listener.accept()[0]), viewer))
        yield pairs


def frames_of_streams_elsewhere(lan: Lan, addresses: Sequence[str]) -> int:
    """Return how many frames of streams that outlast the switch's memory arrive where nobody asked for them."""
    lan.ip("switch", "link", "set", "br0", "type", "bridge", "ageing_time", str(AGEING_SECONDS * 100))
    received = 0
    with streams(lan, addresses) as pairs, lan.sniffer("bystander") as sniffer:
        end = time.monotonic() + 4 * AGEING_SECONDS
        while time.monotonic() < end:
            for camera, viewer in pairs:
                camera.sendall(bytes(1400))
                received += len(viewer.recv(65536))
            time.sleep(0.1)
        assert received > 10 * 1400 * len(addresses)
        return sum(frame.protocol == "tcp" for frame in sniffer.frames())


def test_no_frame_of_a_stream_is_flooded_to_a_third_port(standing_lan: Lan) -> None:
    assert frames_of_streams_elsewhere(standing_lan, list(CAMERAS)) == 0


def test_streams_are_flooded_when_replies_leave_by_the_parent(lan_possible: None) -> None:
    # Shows that the test above sees what it looks for: without the rules, the switch forgets where the cameras are.
    with Lan(HOSTS) as lan:
        run_script(lan, *THREE_CAMERAS)
        lan.ip("ha", "rule", "flush")
        lan.ip("ha", "rule", "add", "lookup", "main", "priority", "32766")
        assert frames_of_streams_elsewhere(lan, ADDRESSES) > 0
