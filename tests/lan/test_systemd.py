"""The service under the real systemd as PID 1: its sandbox, its restarts, and what stays when it ends."""

import asyncio
from collections.abc import Callable, Iterator
import json
from pathlib import Path
import shutil
import sys
import time
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import InventoryError, KeptElsewhere
from custom_components.onvif_proxy.interfaces.keeper_program import EXIT_STATUSES

from .bed import Lan
from .cameras import ADDRESSES, NAMES, SCRIPT, THREE_CAMERAS, macs
from .dhcp_server import DhcpServer
from .machine import PYTHON, SERVICE, Machine

INVENTORY = "/etc/onvif_proxy/interfaces.json"
STATE = "/var/lib/private/onvif_proxy"
TWO_CAPABILITIES = (1 << 12) | (1 << 13)
"""CAP_NET_ADMIN and CAP_NET_RAW."""
SECONDS_TO_RESTART = 5


@pytest.fixture(scope="module")
def machine(systemd_possible: None) -> Iterator[Machine]:
    """Return a host that systemd has started."""
    with Lan() as lan, Machine(lan) as machine:
        yield machine


@pytest.fixture
def installed(machine: Machine) -> Machine:
    """Return it with three interfaces and their service; the script makes whole what the last test left."""
    machine.setup(*THREE_CAMERAS)
    assert sorted(macs(machine.lan)) == ADDRESSES
    return machine


@pytest.fixture
def empty(machine: Machine) -> Machine:
    """Return it without the service."""
    machine.setup("--cleanup")
    return machine


def numbers(machine: Machine) -> dict[str, int]:
    """Return the kernel's numbers of the interfaces, which only interfaces that stay keep."""
    return {link["ifname"]: link["ifindex"] for link in machine.lan.ip_json("ha", "link") if link["ifname"] in NAMES}


def until(condition: Callable[[], Any], seconds: float = 15) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not come to be."
        time.sleep(0.1)


def test_the_service_is_active_and_enabled_in_its_sandbox(installed: Machine) -> None:
    assert installed.run("systemctl", "is-active", SERVICE).stdout == "active\n"
    assert installed.run("systemctl", "is-enabled", SERVICE).stdout == "enabled\n"
    (pid,) = installed.show("MainPID")
    status = installed.run("cat", f"/proc/{pid}/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    # systemd gives dynamic users numbers of this range: https://systemd.io/UIDS-GIDS/
    assert {61184 <= int(uid) <= 65519 for uid in fields["Uid"].split()} == {True}
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == TWO_CAPABILITIES
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    # As the service sees it: only its leases can be written.
    mounts = installed.run("cat", f"/proc/{pid}/mountinfo").stdout.splitlines()
    options = {line.split()[4]: line.split()[5].split(",") for line in mounts}
    assert "ro" in options["/"]
    assert "ro" in options["/proc/sys"]
    assert "rw" in options[STATE]


def test_a_kill_is_made_up_for_and_the_cameras_notice_nothing(installed: Machine) -> None:
    before, links = installed.lan.state("ha"), numbers(installed)
    pid, restarts = installed.show("MainPID", "NRestarts")
    installed.run("kill", "-KILL", pid)
    until(lambda: installed.show("ActiveState") == ["activating"])
    assert installed.lan.state("ha") == before
    until(lambda: installed.show("NRestarts", "ActiveState") == [str(int(restarts) + 1), "active"])
    # The next one keeps them again.
    installed.lan.ip("ha", "rule", "del", "priority", "7601")
    until(lambda: installed.lan.state("ha")["rules"] == before["rules"])
    assert (installed.lan.state("ha"), numbers(installed)) == (before, links)


def test_the_interfaces_stay_when_it_stops(installed: Machine) -> None:
    before = installed.lan.state("ha")
    installed.run("systemctl", "stop", SERVICE)
    assert installed.show("ActiveState", "Result") == ["inactive", "success"]
    assert installed.lan.state("ha") == before
    assert installed.report("status", check=False)["short"] == [
        f"{SERVICE} does not run. To start it: sudo systemctl start {SERVICE}"
    ]


def test_a_machine_that_starts_makes_the_interfaces(installed: Machine) -> None:
    before = macs(installed.lan)
    installed.power_off()
    assert macs(installed.lan) == {}
    installed.boot()
    until(lambda: sorted(macs(installed.lan)) == ADDRESSES)
    assert macs(installed.lan) == before
    until(lambda: installed.report("status", check=False)["ok"])


def test_apply_reloads_it(installed: Machine) -> None:
    pid = installed.show("MainPID")
    installed.lan.run("ha", ["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore"])
    installed.setup("apply")
    assert installed.lan.settings("ha")["eth0"]["arp_ignore"] == 1
    assert installed.show("MainPID") == pid


def test_an_upgrade_exchanges_the_program_under_the_cameras(installed: Machine, tmp_path: Path) -> None:
    shutil.copytree(SCRIPT.parent, tmp_path / "setup_interfaces")
    program = SCRIPT.parents[1] / "custom_components/onvif_proxy/interfaces"
    shutil.copytree(program, tmp_path / "interfaces", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "interfaces/program.py").open("a") as file:
        file.write("# A later version.\n")
    links, former = numbers(installed), installed.show("MainPID")
    installed.take(tmp_path, "/opt/later")

    installed.setup(*THREE_CAMERAS, script=Path("/opt/later/setup_interfaces/setup_interfaces.sh"))

    assert installed.show("MainPID") != former
    assert installed.show("ActiveState") == ["active"]
    assert (
        "# A later version." in installed.run("cat", "/usr/local/lib/onvif_proxy/program/interfaces/program.py").stdout
    )
    assert numbers(installed) == links


def test_one_is_added_and_removed(installed: Machine) -> None:
    links = numbers(installed)
    fourth = ADDRESSES[0].rpartition(".")[0] + ".110"
    installed.setup("add", "--parent", "eth0", "--count", "1", "--static", f"{fourth}/24")
    assert installed.report("status")["ok"]
    installed.setup("remove", "onvifcam4")
    assert installed.show("ActiveState") == ["active"]
    assert "onvifcam4" not in installed.lan.ip("ha", "link")
    assert numbers(installed) == links


def service_knows(machine: Machine, addresses: set[str]) -> bool:
    """Tell whether the service has written all leases down."""
    written = machine.run("cat", f"{STATE}/leases.json", check=False).stdout
    return all(address in written for address in addresses)


async def test_a_lease_is_remembered_in_its_own_folder(empty: Machine) -> None:
    with DhcpServer(empty.lan) as server:
        await asyncio.to_thread(empty.setup, "--parent", "eth0", "--count", "1", "--dhcp")
        await asyncio.to_thread(until, lambda: macs(empty.lan))
        (address,) = macs(empty.lan)
        await asyncio.to_thread(until, lambda: service_knows(empty, {address}))
        assert empty.run("stat", "--format=%a", STATE).stdout == "700\n"
        # What is in there is for nobody else; when the lease ends, everybody is told.
        (told,) = empty.lan.ip_json("ha", "-4", "addr", "show", "dev", "onvifcam1")[0]["addr_info"]
        assert 3000 < told["preferred_life_time"] <= 3600
        server.heard.clear()
        await asyncio.to_thread(empty.run, "systemctl", "restart", SERVICE)
        await asyncio.to_thread(until, lambda: server.heard)
        assert server.heard[0] == ("request", f"{address} INIT-REBOOT")
        await asyncio.to_thread(empty.setup, "remove", "onvifcam1")
        await server.until("release")
    assert [asked for kind, asked in server.heard if kind == "release"] == [address]


async def test_cleanup_gives_leases_back(empty: Machine) -> None:
    with DhcpServer(empty.lan) as server:
        await asyncio.to_thread(empty.setup, "--parent", "eth0", "--count", "2", "--dhcp")
        await asyncio.to_thread(until, lambda: len(macs(empty.lan)) == 2)
        addresses = set(macs(empty.lan))
        await asyncio.to_thread(until, lambda: service_knows(empty, addresses))
        await asyncio.to_thread(empty.setup, "--cleanup")
        await server.until("release", 2)
    assert {asked for kind, asked in server.heard if kind == "release"} == addresses


def test_what_a_restart_does_not_cure_is_not_tried_again(installed: Machine, tmp_path: Path) -> None:
    known = json.loads(installed.run("cat", INVENTORY).stdout)
    installed.run("systemctl", "stop", SERVICE)
    installed.write(INVENTORY, json.dumps(known | {"version": 9}))
    installed.run("systemctl", "start", SERVICE)
    refused = ["failed", str(EXIT_STATUSES[InventoryError])]
    until(lambda: installed.show("ActiveState", "ExecMainStatus") == refused)

    installed.write(INVENTORY, json.dumps(known))
    # As Home Assistant with the privilege would keep others.
    none = tmp_path / "none.json"
    none.write_text('{"version": 1, "owner": "", "interfaces": []}')
    program = SCRIPT.parents[1] / "custom_components/onvif_proxy/interfaces"
    other = installed.lan.popen("ha", [sys.executable, "-B", program, "run", "--inventory", none])
    until(lambda: "onvif_proxy.interfaces" in installed.lan.run("ha", ["cat", "/proc/net/unix"]).stdout)
    installed.run("systemctl", "start", SERVICE)
    refused = ["failed", str(EXIT_STATUSES[KeptElsewhere])]
    until(lambda: installed.show("ActiveState", "ExecMainStatus") == refused)
    time.sleep(SECONDS_TO_RESTART + 1)
    assert installed.show("ActiveState") == ["failed"]
    other.terminate()
    other.wait(timeout=10)


@pytest.mark.parametrize("place", ["/home/somebody", "/var/tmp/python"])  # noqa: S108  # refused is what it shall be
def test_a_python_that_the_service_does_not_see_is_refused(empty: Machine, place: str) -> None:
    before = empty.lan.state("ha"), empty.files()
    empty.run("cp", "-a", PYTHON.parents[1], place)
    refused = empty.run(SCRIPT, *THREE_CAMERAS, "--python", f"{place}/bin/python3", check=False)
    assert refused.returncode == 1
    assert f"{place}/bin/python3 is in somebody's home or a temporary folder" in refused.stderr
    assert (empty.lan.state("ha"), empty.files()) == before


def test_cleanup_leaves_nothing(empty: Machine) -> None:
    before, files = empty.lan.state("ha"), empty.files()
    empty.setup(*THREE_CAMERAS)
    assert empty.files() != files
    empty.setup("--cleanup")
    assert (empty.lan.state("ha"), empty.files()) == (before, files)
    assert empty.show("LoadState", "ActiveState") == ["not-found", "inactive"]
