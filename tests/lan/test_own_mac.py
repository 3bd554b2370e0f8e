"""What other hosts of a LAN see of interfaces that `setup_interfaces.sh` made, and what the host itself still does."""

from collections.abc import Iterator
import socket
import sys

import pytest

from .bed import GATEWAY, Lan
from .cameras import ADDRESSES, NAMES, THREE_CAMERAS, ask_by_tcp, ask_by_udp, macs, run_script


@pytest.fixture(scope="module")
def standing_lan(lan_possible: None) -> Iterator[Lan]:
    """A LAN with three cameras' interfaces, for tests that leave it as it is."""
    with Lan() as lan:
        run_script(lan, *THREE_CAMERAS)
        yield lan


@pytest.fixture
def cameras(standing_lan: Lan) -> dict[str, str]:
    """The MACs of the three cameras, by address."""
    made = macs(standing_lan)
    assert sorted(made) == ADDRESSES
    standing_lan.forget_neighbours("client")
    return made


def test_arp_is_answered_once_for_each_camera_with_its_own_mac(standing_lan: Lan, cameras: dict[str, str]) -> None:
    with standing_lan.sniffer("client") as sniffer:
        for address in ADDRESSES:
            ask_by_udp(standing_lan, "client", address)
        replies = [frame for frame in sniffer.frames() if frame.protocol == "arp" and frame.source in cameras]

    assert {frame.source: frame.source_mac for frame in replies} == cameras
    # A gratuitous reply would go to the sender itself.
    asked = [frame for frame in replies if frame.destination == standing_lan.hosts["client"]]
    assert len(asked) == len(ADDRESSES)
    known = standing_lan.neighbours("client")
    assert {address: known[address] for address in ADDRESSES} == cameras


def test_tcp_and_udp_replies_carry_the_cameras_own_mac(standing_lan: Lan, cameras: dict[str, str]) -> None:
    with standing_lan.sniffer("client") as sniffer:
        for address in ADDRESSES:
            ask_by_tcp(standing_lan, "client", address)
        assert sniffer.source_macs("tcp") == {address: {mac} for address, mac in cameras.items()}
        for address in ADDRESSES:
            ask_by_udp(standing_lan, "client", address)
        assert sniffer.source_macs("udp") == {address: {mac} for address, mac in cameras.items()}


@pytest.mark.parametrize("host_filter", [0, 1, 2])
def test_replies_are_the_cameras_own_under_every_rp_filter_of_the_host(lan: Lan, host_filter: int) -> None:
    for interface in ("all", "default", "eth0"):
        lan.run("ha", ["sh", "-c", f"echo {host_filter} > /proc/sys/net/ipv4/conf/{interface}/rp_filter"])
    run_script(lan, *THREE_CAMERAS)
    with lan.sniffer("client") as sniffer:
        for address in ADDRESSES:
            ask_by_tcp(lan, "client", address)
        assert sniffer.source_macs("tcp") == {address: {mac} for address, mac in macs(lan).items()}


def test_multicast_reaches_each_camera_under_a_strict_rp_filter(lan: Lan) -> None:
    lan.run("ha", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter"])
    run_script(lan, *THREE_CAMERAS)
    group = socket.inet_aton("239.255.255.250")
    for name in NAMES:
        with lan.open_socket("ha", socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode())
            receiver.bind(("239.255.255.250", 3702))
            index = int(lan.ip_json("ha", "link", "show", "dev", name)[0]["ifindex"]).to_bytes(4, "little")
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + bytes(4) + index)
            receiver.settimeout(5)
            with lan.open_socket("client", socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"probe", ("239.255.255.250", 3702))
                assert receiver.recv(16) == b"probe"


def test_the_host_itself_still_speaks_as_itself(standing_lan: Lan, cameras: dict[str, str]) -> None:
    # Also after a bounce of the link, which puts the parent's routes behind others of the same network.
    standing_lan.ip("ha", "link", "set", "eth0", "down")
    standing_lan.ip("ha", "link", "set", "eth0", "up")
    route = standing_lan.route_get("ha", standing_lan.hosts["recorder"])
    assert (route["dev"], route["prefsrc"]) == ("eth0", standing_lan.hosts["ha"])
    with standing_lan.sniffer("recorder") as sniffer:
        standing_lan.run("ha", [sys.executable, "-c", _SEND_DATAGRAM, standing_lan.hosts["recorder"]])
        assert sniffer.source_macs("udp") == {standing_lan.hosts["ha"]: {standing_lan.mac("ha")}}


_SEND_DATAGRAM = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", (sys.argv[1], 9))
"""


def test_a_client_behind_the_router_is_answered_through_it_by_the_camera(
    standing_lan: Lan, cameras: dict[str, str]
) -> None:
    for address in ADDRESSES:
        route = standing_lan.route_get("ha", "192.0.2.7", address)
        assert route["gateway"] == GATEWAY
        assert route["dev"] in NAMES


def test_a_client_on_a_bridge_of_the_host_is_answered_over_the_bridge(
    standing_lan: Lan, cameras: dict[str, str]
) -> None:
    standing_lan.ip("ha", "link", "add", "docker0", "type", "bridge")
    standing_lan.ip("ha", "link", "set", "docker0", "up")
    standing_lan.ip("ha", "addr", "add", "172.30.32.1/23", "dev", "docker0")
    assert standing_lan.route_get("ha", "172.30.32.9", ADDRESSES[0])["dev"] == "docker0"


def test_cameras_have_no_ipv6_address(standing_lan: Lan, cameras: dict[str, str]) -> None:
    families = {
        address["family"]
        for link in standing_lan.ip_json("ha", "addr")
        if link["ifname"] in NAMES
        for address in link["addr_info"]
    }
    assert families == {"inet"}
