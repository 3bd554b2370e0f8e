"""`setup_interfaces.sh` on a host of a LAN: what it makes, what it leaves alone, and what it says."""

import os
import subprocess
import sys

import pytest

from .bed import GATEWAY, NETWORK, Lan
from .cameras import ADDRESSES, SCRIPT, THREE_CAMERAS, ask_by_tcp, macs, report, run_script


@pytest.fixture
def cameras(lan: Lan) -> dict[str, str]:
    """Three interfaces made by the script: their MACs by address."""
    run_script(lan, *THREE_CAMERAS)
    made = macs(lan)
    assert sorted(made) == ADDRESSES
    return made


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


def test_a_read_only_proc_is_no_hindrance(lan: Lan) -> None:
    # As in a container that was given CAP_NET_ADMIN but is not privileged.
    mounted = "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys"
    lan.run(
        "ha",
        [
            "sh",
            "-c",
            f'{mounted} && ! echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_ignore && exec "$@"',
            "sh",
            SCRIPT,
            *THREE_CAMERAS,
            "--no-service",
            "--python",
            sys.executable,
        ],
    )
    assert report(lan, "status")["ok"] is True
    assert lan.settings("ha")["eth0"]["arp_ignore"] == 1


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
        (["link add link eth0 name mv type macvlan"], "mv", "Use what it sits on: eth0"),
        (["link add docker0 type bridge"], "docker0", "docker0 joins containers"),
        (
            ["link add br9 type bridge", "link add p type veth peer name q", "link set p master br9"],
            "p",
            "Use that one: br9",
        ),
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


def test_a_parent_without_carrier_is_refused_unless_that_is_meant_or_it_carries_cameras_already(lan: Lan) -> None:
    lan.ip("switch", "link", "set", "ha", "down")
    before = lan.state("ha")
    refused = run_script(lan, *THREE_CAMERAS, check=False)
    assert refused.returncode == 1
    assert "eth0 has no carrier" in refused.stderr
    assert "add --allow-no-carrier" in refused.stderr
    assert lan.state("ha") == before
    made = run_script(lan, *THREE_CAMERAS, "--allow-no-carrier")
    assert "Note: eth0 has no carrier" in made.stderr
    again = run_script(lan, *THREE_CAMERAS)
    assert "0 steps done" in again.stdout
    assert "Note: eth0 has no carrier" in again.stderr
    assert "Note: eth0 has no carrier" in run_script(lan, "apply").stderr


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
            [SCRIPT, "--no-service", "--python", sys.executable],
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
    script = [*_WITHOUT_CAPABILITIES, SCRIPT, "--no-service", "--python", sys.executable]
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
        "addresses": [{"address": ADDRESSES[0], "prefix_length": 24, "expires": None}],
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
