"""`setup_interfaces.sh` on a host of a LAN: what it makes, what it leaves alone, and what other hosts see of it."""

import json
import os
from pathlib import Path
import socket
import subprocess
import sys
from typing import Any

import pytest

from .bed import GATEWAY, NETWORK, Lan

SCRIPT = Path(__file__).parents[2] / "setup_interfaces" / "setup_interfaces.sh"
ADDRESSES = [f"{NETWORK}.101", f"{NETWORK}.102", f"{NETWORK}.103"]
THREE_CAMERAS = ("--parent", "eth0", "--count", "3", "--static", f"{ADDRESSES[0]}/24")
NAMES = ["onvifcam1", "onvifcam2", "onvifcam3"]


def run_script(lan: Lan, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the script on the Home Assistant host."""
    return lan.run("ha", [SCRIPT, *arguments, "--python", sys.executable], check=check)


def report(lan: Lan, *arguments: str, check: bool = True) -> dict[str, Any]:
    """Run the script and return its JSON object."""
    return dict(json.loads(run_script(lan, *arguments, "--json", check=check).stdout.splitlines()[-1]))


def macs(lan: Lan) -> dict[str, str]:
    """Return the cameras' MACs by address."""
    return {
        address["local"]: link["address"]
        for link in lan.ip_json("ha", "addr")
        if link["ifname"] in NAMES
        for address in link["addr_info"]
    }


@pytest.fixture
def cameras(lan: Lan) -> dict[str, str]:
    """Three interfaces made by the script: their MACs by address."""
    run_script(lan, *THREE_CAMERAS)
    made = macs(lan)
    assert sorted(made) == ADDRESSES
    return made


def ask_by_tcp(lan: Lan, host: str, address: str) -> None:
    """Connect from a host to a camera's address, which answers with a SYN-ACK."""
    with lan.open_socket("ha", socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((address, 0))
        listener.listen()
        with lan.open_socket(host, socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(listener.getsockname())


def ask_by_udp(lan: Lan, host: str, address: str) -> None:
    """Send a datagram from a host to a camera's address and have it answered."""
    with lan.open_socket("ha", socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 0))
        server.settimeout(5)
        with lan.open_socket(host, socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"ping", server.getsockname())
            server.sendto(b"pong", server.recvfrom(16)[1])
            assert client.recv(16) == b"pong"


# What another host sees.


def test_arp_is_answered_once_for_each_camera_with_its_own_mac(lan: Lan, cameras: dict[str, str]) -> None:
    with lan.sniffer("client") as sniffer:
        for address in ADDRESSES:
            ask_by_udp(lan, "client", address)
        replies = [frame for frame in sniffer.frames() if frame.protocol == "arp" and frame.source in cameras]

    assert {frame.source: frame.source_mac for frame in replies} == cameras
    # A gratuitous reply would go to the sender itself.
    asked = [frame for frame in replies if frame.destination == lan.hosts["client"]]
    assert len(asked) == len(ADDRESSES)
    known = lan.neighbours("client")
    assert {address: known[address] for address in ADDRESSES} == cameras


def test_tcp_and_udp_replies_carry_the_cameras_own_mac(lan: Lan, cameras: dict[str, str]) -> None:
    with lan.sniffer("client") as sniffer:
        for address in ADDRESSES:
            ask_by_tcp(lan, "client", address)
        assert sniffer.source_macs("tcp") == {address: {mac} for address, mac in cameras.items()}
        for address in ADDRESSES:
            ask_by_udp(lan, "client", address)
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


def test_the_host_itself_still_speaks_as_itself(lan: Lan, cameras: dict[str, str]) -> None:
    # Also after a bounce of the link, which puts the parent's routes behind others of the same network.
    lan.ip("ha", "link", "set", "eth0", "down")
    lan.ip("ha", "link", "set", "eth0", "up")
    route = lan.route_get("ha", lan.hosts["recorder"])
    assert (route["dev"], route["prefsrc"]) == ("eth0", lan.hosts["ha"])
    with lan.sniffer("recorder") as sniffer:
        lan.run("ha", [sys.executable, "-c", _SEND_DATAGRAM, lan.hosts["recorder"]])
        assert sniffer.source_macs("udp") == {lan.hosts["ha"]: {lan.mac("ha")}}


_SEND_DATAGRAM = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", (sys.argv[1], 9))
"""


def test_a_client_behind_the_router_is_answered_through_it_by_the_camera(lan: Lan, cameras: dict[str, str]) -> None:
    for address in ADDRESSES:
        route = lan.route_get("ha", "192.0.2.7", address)
        assert route["gateway"] == GATEWAY
        assert route["dev"] in NAMES


def test_a_client_on_a_bridge_of_the_host_is_answered_over_the_bridge(lan: Lan, cameras: dict[str, str]) -> None:
    lan.ip("ha", "link", "add", "docker0", "type", "bridge")
    lan.ip("ha", "link", "set", "docker0", "up")
    lan.ip("ha", "addr", "add", "172.30.32.1/23", "dev", "docker0")
    assert lan.route_get("ha", "172.30.32.9", ADDRESSES[0])["dev"] == "docker0"


def test_cameras_have_no_ipv6_address(lan: Lan, cameras: dict[str, str]) -> None:
    families = {
        address["family"]
        for link in lan.ip_json("ha", "addr")
        if link["ifname"] in NAMES
        for address in link["addr_info"]
    }
    assert families == {"inet"}


# Again, dry, and away.


def test_a_second_run_does_nothing(lan: Lan, cameras: dict[str, str]) -> None:
    before = lan.state("ha")
    assert report(lan, *THREE_CAMERAS)["steps"] == []
    assert lan.state("ha") == before


def test_a_dry_run_prints_the_steps_and_changes_nothing(lan: Lan) -> None:
    before = lan.state("ha")
    planned = report(lan, *THREE_CAMERAS, "--dry-run")
    assert lan.state("ha") == before
    assert planned["dry_run"] is True
    assert planned["steps"] == report(lan, *THREE_CAMERAS)["steps"]


def test_the_printed_steps_are_commands_that_do_the_same(lan: Lan) -> None:
    planned = report(lan, *THREE_CAMERAS, "--dry-run")["steps"]
    for command in planned:
        command = command.removeprefix("sysctl ") if command.startswith("sysctl ") else command
        if command.startswith("net."):
            # sysctl(8) may be missing; its names are paths with dots.
            for setting in command.split():
                name, value = setting.split("=")
                lan.run("ha", ["sh", "-c", f"echo {value} > /proc/sys/{name.replace('.', '/')}"])
        else:
            lan.run("ha", ["sh", "-c", command])
    assert report(lan, *THREE_CAMERAS)["steps"] == []


def test_cleanup_leaves_what_was_before(lan: Lan) -> None:
    before = lan.state("ha")
    run_script(lan, *THREE_CAMERAS)
    assert lan.state("ha") != before
    run_script(lan, "--cleanup")
    assert lan.state("ha") == before
    assert report(lan, "--cleanup")["steps"] == []


def test_cleanup_gives_the_parent_its_former_settings_back(lan: Lan) -> None:
    lan.run("ha", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_announce"])
    before = lan.settings("ha")
    run_script(lan, *THREE_CAMERAS)
    run_script(lan, "--parent", "eth0", "--count", "4", "--static", f"{ADDRESSES[0]}/24")
    assert lan.settings("ha")["eth0"]["arp_announce"] == 2
    run_script(lan, "--cleanup")
    assert lan.settings("ha") == before


def test_cleanup_leaves_the_interfaces_rules_and_routes_of_others(lan: Lan, cameras: dict[str, str]) -> None:
    lan.ip("ha", "link", "add", "link", "eth0", "name", "other", "type", "macvlan", "mode", "bridge")
    lan.ip("ha", "rule", "add", "from", "10.9.9.9", "lookup", "99", "priority", "7600")
    lan.ip("ha", "route", "add", "10.9.0.0/16", "dev", "eth0", "table", "99", "proto", "77")
    run_script(lan, "--cleanup")
    assert {link["ifname"] for link in lan.ip_json("ha", "link")} == {"lo", "eth0", "other"}
    assert "from 10.9.9.9 lookup 99" in lan.ip("ha", "rule")
    assert "10.9.0.0/16" in lan.ip("ha", "route", "show", "table", "99")


def test_macs_are_the_same_after_a_cleanup(lan: Lan, cameras: dict[str, str]) -> None:
    run_script(lan, "--cleanup")
    run_script(lan, *THREE_CAMERAS)
    assert macs(lan) == cameras


def test_macs_count_up_from_a_given_start(lan: Lan) -> None:
    run_script(lan, *THREE_CAMERAS, "--mac-start", "02:C0:FF:EE:00:FF")
    assert [macs(lan)[address] for address in ADDRESSES] == [
        "02:c0:ff:ee:00:ff",
        "02:c0:ff:ee:01:00",
        "02:c0:ff:ee:01:01",
    ]


def test_more_cameras_are_added_to_those_that_are_there(lan: Lan) -> None:
    run_script(lan, "--parent", "eth0", "--count", "1", "--static", f"{ADDRESSES[0]}/24")
    first = lan.ip_json("ha", "link", "show", "dev", "onvifcam1")
    run_script(lan, *THREE_CAMERAS)
    assert lan.ip_json("ha", "link", "show", "dev", "onvifcam1")[0]["ifindex"] == first[0]["ifindex"]
    assert sorted(macs(lan)) == ADDRESSES


def test_other_addresses_replace_the_former_ones(lan: Lan, cameras: dict[str, str]) -> None:
    # One on: each camera gets the address that its neighbour had.
    run_script(lan, "--parent", "eth0", "--count", "3", "--static", f"{ADDRESSES[1]}/24")
    moved = macs(lan)
    assert sorted(moved) == [*ADDRESSES[1:], f"{NETWORK}.104"]
    with lan.sniffer("client") as sniffer:
        for address in moved:
            ask_by_tcp(lan, "client", address)
        assert sniffer.source_macs("tcp") == {address: {mac} for address, mac in moved.items()}
    assert ADDRESSES[0] not in lan.ip("ha", "rule")


# Failing.


def test_a_failure_in_the_third_interface_undoes_the_first_two(lan: Lan) -> None:
    # A container on the same parent has the third MAC. It is out of sight, so that the kernel finds it at the last moment.
    lan.ip("ha", "link", "add", "link", "eth0", "name", "hidden", "address", "02:00:00:00:0a:03", "type", "macvlan")
    lan.ip("ha", "link", "set", "hidden", "netns", lan.namespace("client"))
    lan.ip("client", "link", "set", "hidden", "up")
    before = lan.state("ha")

    failed = report(lan, *THREE_CAMERAS, "--mac-start", "02:00:00:00:0a:01", check=False)

    assert failed["ok"] is False
    assert "another interface on the same parent has its MAC" in failed["short"][0]
    assert lan.state("ha") == before


@pytest.mark.parametrize(
    ("prepare", "parent", "reason"),
    [
        ([], "lo", "lo is the loopback interface"),
        ([], "eth9", "There is no interface eth9 on this host. Possible parents: eth0."),
        (["link add link eth0 name mv type macvlan"], "mv", "use what it sits on, eth0"),
        (["link add br9 type bridge", "link add p type veth peer name q", "link set p master br9"], "p", "use br9"),
    ],
)
def test_a_parent_that_cannot_work_is_refused_with_the_reason(
    lan: Lan, prepare: list[str], parent: str, reason: str
) -> None:
    for command in prepare:
        lan.ip("ha", *command.split())
    before = lan.state("ha")
    refused = run_script(lan, "--parent", parent, "--count", "1", "--dhcp", check=False)
    assert refused.returncode == 1
    assert reason in refused.stderr
    assert lan.state("ha") == before


def test_a_parent_without_carrier_is_warned_of(lan: Lan) -> None:
    lan.ip("switch", "link", "set", "ha", "down")
    made = run_script(lan, *THREE_CAMERAS)
    assert "eth0 has no carrier" in made.stderr
    status = report(lan, "status", check=False)
    assert status["ok"] is False
    assert "onvifcam1: no carrier on eth0." in status["short"]


def test_an_address_that_the_host_has_is_refused(lan: Lan) -> None:
    refused = run_script(lan, "--parent", "eth0", "--count", "3", "--static", f"{NETWORK}.4/24", check=False)
    assert refused.returncode == 1
    assert f"{lan.hosts['ha']} is used on this host already, by eth0." in refused.stderr


# Asking.


def test_what_is_not_given_is_asked_for(lan: Lan) -> None:
    terminal, line = os.openpty()
    with os.fdopen(terminal, "wb", buffering=0) as keyboard, os.fdopen(line, "rb") as stdin:
        asking = lan.popen(
            "ha",
            [SCRIPT, "--python", sys.executable],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        # The parent's question offers the interface of the default route.
        keyboard.write(f"\n3\n{ADDRESSES[0]}/24\n".encode())
        _, questions = asking.communicate(timeout=30)
    assert asking.returncode == 0
    assert b"wired to your LAN [eth0]" in questions
    assert sorted(macs(lan)) == ADDRESSES


def test_without_a_terminal_the_missing_flag_is_named(lan: Lan) -> None:
    refused = lan.run("ha", [SCRIPT, "--parent", "eth0", "--count", "2"], check=False, stdin=subprocess.DEVNULL)
    assert refused.returncode == 2
    assert "--static or --dhcp is missing" in refused.stderr


# Without privilege.

_NOBODY = 65534


def test_without_root_it_says_the_exact_command(lan: Lan) -> None:
    nobody = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    if lan.run("ha", [*nobody, "test", "-x", SCRIPT], check=False).returncode:
        pytest.skip("setpriv(1) is missing, or the checkout is out of reach for other users")
    refused = lan.run("ha", [*nobody, SCRIPT, *THREE_CAMERAS], check=False)
    assert refused.returncode == 1
    assert f"sudo {SCRIPT} {' '.join(THREE_CAMERAS)}" in refused.stderr


_WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def test_status_takes_no_capability_and_changing_names_the_one_it_takes(lan: Lan, cameras: dict[str, str]) -> None:
    script = [*_WITHOUT_CAPABILITIES, SCRIPT, "--python", sys.executable]
    assert "ready" in lan.run("ha", [*script, "status"]).stdout
    before = lan.state("ha")
    refused = lan.run("ha", [*script, "--cleanup"], check=False)
    assert refused.returncode == 1
    assert "takes root, or the capability CAP_NET_ADMIN" in refused.stderr
    assert lan.state("ha") == before


# State, repair and addresses from elsewhere.


def test_status_shows_the_cameras(lan: Lan, cameras: dict[str, str]) -> None:
    status = report(lan, "status")
    assert status["ok"] is True
    assert {one["addresses"][0]["address"]: one["mac"] for one in status["interfaces"]} == cameras
    assert status["interfaces"][0] == {
        "name": "onvifcam1",
        "mac": cameras[ADDRESSES[0]],
        "parent": "eth0",
        "up": True,
        "addresses": [{"address": ADDRESSES[0], "prefix_length": 24}],
    }


def test_status_of_a_host_without_cameras_says_so(lan: Lan) -> None:
    assert "There are no camera interfaces on this host." in run_script(lan, "status").stdout


def test_apply_repairs_what_others_broke(lan: Lan, cameras: dict[str, str]) -> None:
    before = lan.state("ha")
    # A link that goes down loses the routes of its table.
    lan.ip("ha", "link", "set", "onvifcam1", "down")
    lan.ip("ha", "rule", "del", "priority", "7601")
    lan.run("ha", ["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore"])
    lan.run("ha", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/onvifcam2/rp_filter"])

    broken = report(lan, "status", check=False)
    assert broken["ok"] is False
    assert "onvifcam1: switched off." in broken["short"]

    run_script(lan, "apply")
    assert report(lan, "status")["ok"] is True
    after = lan.state("ha")
    assert (after["rules"], after["routes"], after["settings"]) == (
        before["rules"],
        before["routes"],
        before["settings"],
    )


def test_without_leases_dhcp_makes_interfaces_that_wait_for_an_address(lan: Lan) -> None:
    made = run_script(lan, "--parent", "eth0", "--count", "2", "--dhcp")
    assert "DHCP leases come with a later version" in made.stderr
    waiting = report(lan, "status", check=False)
    assert waiting["short"] == ["onvifcam1: waiting for an address.", "onvifcam2: waiting for an address."]


def test_apply_completes_an_address_that_came_from_elsewhere(lan: Lan) -> None:
    run_script(lan, "--parent", "eth0", "--count", "1", "--dhcp")
    # As a DHCP client does it: with a route in the main table that makes the host speak as the camera.
    lan.ip("ha", "addr", "add", f"{ADDRESSES[0]}/24", "broadcast", "+", "dev", "onvifcam1")
    lan.ip("ha", "route", "add", "default", "via", GATEWAY, "dev", "onvifcam1", "metric", "5")
    assert "onvifcam1" in lan.ip("ha", "route")

    run_script(lan, "apply")

    assert "onvifcam1" not in lan.ip("ha", "route")
    assert report(lan, "apply")["steps"] == []
    with lan.sniffer("client") as sniffer:
        ask_by_tcp(lan, "client", ADDRESSES[0])
        assert sniffer.source_macs("tcp") == {address: {mac} for address, mac in macs(lan).items()}
