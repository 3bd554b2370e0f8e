"""The real NetworkManager and systemd-networkd, under the real systemd, beside the service: what they break is whole again soon."""

from collections.abc import Iterator
from pathlib import Path
import shutil
import subprocess
import time

import pytest

from .bed import GATEWAY, HOSTS, PREFIX_LENGTH, Lan
from .cameras import ADDRESSES, THREE_CAMERAS, macs
from .machine import SERVICE, Machine

PACKAGES = Path(__file__).parents[2] / ".tools" / "network-manager"
"""What scripts/setup got: NetworkManager for this system."""
REPAIR_SECONDS = 2
SETTLED_SECONDS = 3
PIECES_PER_CAMERA = 8
"""Three rules, two routes, the address and the two local routes that the kernel makes of it."""

NETWORKD = f"""
[Match]
Name=eth0
[Network]
Address={HOSTS["ha"]}/{PREFIX_LENGTH}
Gateway={GATEWAY}
IPv6AcceptRA=no
LinkLocalAddressing=no
"""
ALL_WIRED = """
[Match]
Type=ether
[Network]
DHCP=yes
"""
NETWORK_MANAGER = f"""
[connection]
id=eth0
type=ethernet
interface-name=eth0
[ipv4]
method=manual
address1={HOSTS["ha"]}/{PREFIX_LENGTH},{GATEWAY}
"""


@pytest.fixture(scope="module")
def machine(systemd_possible: None) -> Iterator[Machine]:
    """Return a host with systemd, three interfaces and their service, and D-Bus."""
    with Lan() as lan, Machine(lan) as machine:
        machine.setup(*THREE_CAMERAS)
        if machine.run("systemctl", "start", "dbus.socket", check=False).returncode:
            pytest.skip("D-Bus is missing")
        yield machine


@pytest.fixture
def networkd(machine: Machine) -> Iterator[Machine]:
    """Return the host with systemd-networkd, which has eth0."""
    if machine.show("LoadState", unit="systemd-networkd.service") != ["loaded"]:
        pytest.skip("systemd-networkd is not installed")
    machine.write("/etc/systemd/network/20-eth0.network", NETWORKD)
    machine.run("systemctl", "start", "systemd-networkd")
    machine.run("/usr/lib/systemd/systemd-networkd-wait-online", "--interface=eth0", "--timeout=10")
    yield machine
    machine.run("systemctl", "stop", "systemd-networkd.socket", "systemd-networkd")
    machine.run("sh", "-c", "rm /etc/systemd/network/[29]0-*")


@pytest.fixture
def network_manager(machine: Machine) -> Iterator[Machine]:
    """Return the host with NetworkManager, which has eth0."""
    if machine.show("LoadState", unit="NetworkManager.service") != ["loaded"]:
        packages = sorted(PACKAGES.glob("*.deb"))
        if not packages or shutil.which("dpkg-deb") is None:
            pytest.skip("NetworkManager is neither installed nor could scripts/setup get it")
        for package in packages:
            machine.unpack(package)
        machine.run("systemctl", "daemon-reload")
    profile = "/etc/NetworkManager/system-connections/eth0.nmconnection"
    machine.write(profile, NETWORK_MANAGER)
    machine.run("chmod", "600", profile)
    machine.run("systemctl", "start", "NetworkManager")
    machine.run("nm-online", "--timeout=10")
    yield machine
    machine.run("systemctl", "stop", "NetworkManager")


class Watched:
    """What is seen of the interfaces while something is done, at every moment."""

    def __init__(self, machine: Machine) -> None:
        """Look for the first time."""
        self._machine = machine
        self._wanted = self._ours()
        self.broken: set[str] = set()
        """`rules`, `routes`, `addresses`: what was not as before at some moment."""
        self.longest = 0.0
        """Seconds for which something was not as before."""
        self.events = 0
        """Of the kernel, about ours: each removal and each repair is one."""

    def during(self, *argv: str) -> None:
        """Have something done on the host, and look until it is done and nothing happened any more for a while."""
        lan = self._machine.lan
        monitor = ["ip", "-n", lan.namespace("ha"), "monitor", "address", "route", "rule"]
        kernel = subprocess.Popen(monitor, stdout=subprocess.PIPE, text=True)
        doing = self._machine.popen(*argv)
        try:
            self._look(doing)
        finally:
            doing.kill()
            doing.wait()
            kernel.terminate()
            told, _ = kernel.communicate()
        assert doing.returncode == 0
        self.events += sum(
            "proto 77" in line or any(address in line for address in ADDRESSES) for line in told.splitlines()
        )

    def _look(self, doing: subprocess.Popen[bytes]) -> None:
        since = quiet_since = time.monotonic()
        end = since + 30
        while doing.poll() is None or time.monotonic() < quiet_since + SETTLED_SECONDS:
            now = self._ours()
            different = {part for part, wanted in self._wanted.items() if now[part] != wanted}
            if different or doing.poll() is None:
                quiet_since = time.monotonic()
            if different:
                self.longest = max(self.longest, time.monotonic() - since)
            else:
                since = time.monotonic()
            self.broken |= different
            assert time.monotonic() < end, f"{different} are not repaired"
            time.sleep(0.02)

    def _ours(self) -> dict[str, list[str]]:
        lan = self._machine.lan
        return {
            "rules": sorted(line for line in lan.ip("ha", "rule").splitlines() if "proto 77" in line),
            "routes": sorted(
                line for line in lan.ip("ha", "route", "show", "table", "all").splitlines() if "proto 77" in line
            ),
            "addresses": sorted(f"{address} {mac}" for address, mac in macs(lan).items()),
            "main": [line for line in lan.ip("ha", "route").splitlines() if "onvifcam" in line],
        }


def assert_repaired(machine: Machine, watched: Watched, *, times: int = 1) -> None:
    """See that all was whole again in time, without a fight, and that the service is content."""
    assert watched.longest < REPAIR_SECONDS
    # All of a camera removed once and made once, each time.
    assert watched.events <= 2 * times * len(ADDRESSES) * PIECES_PER_CAMERA
    told = machine.report("status")
    assert (told["ok"], [one["addresses"][0]["address"] for one in told["interfaces"]]) == (True, ADDRESSES)
    journal = machine.run("journalctl", "--no-pager", f"--unit={SERVICE}").stdout
    assert "again and again" not in journal


def test_a_restart_of_networkd_costs_two_seconds_at_most(networkd: Machine) -> None:
    watched = Watched(networkd)
    for _ in range(2):
        watched.during("systemctl", "restart", "systemd-networkd")
    assert_repaired(networkd, watched, times=2)


def test_the_rules_that_networkd_drops_are_there_again_within_two_seconds_and_once(networkd: Machine) -> None:
    # When it configures a link anew it drops all rules that it did not make: networkd.conf(5),
    # ManageForeignRoutingPolicyRules. `netplan apply` ends with this.
    watched = Watched(networkd)
    watched.during("networkctl", "reconfigure", "eth0")
    assert "rules" in watched.broken
    assert_repaired(networkd, watched)


def test_networkd_with_a_network_for_everything_wired_leaves_the_cameras_alone(networkd: Machine) -> None:
    networkd.setup("--cleanup")
    networkd.write("/etc/systemd/network/90-wired.network", ALL_WIRED)
    networkd.run("systemctl", "restart", "systemd-networkd")
    networkd.setup(*THREE_CAMERAS)
    watched = Watched(networkd)
    watched.during("systemctl", "restart", "systemd-networkd")
    assert (watched.broken, watched.events) == (set(), 0)
    listed = networkd.run("networkctl", "list", "--no-legend", "--no-pager").stdout.splitlines()
    assert [line.split()[-1] for line in listed if "onvifcam" in line] == ["unmanaged"] * len(ADDRESSES)
    addresses = [
        line.split()[3] for line in networkd.lan.ip("ha", "-oneline", "addr").splitlines() if "onvifcam" in line
    ]
    assert addresses == [f"{address}/{PREFIX_LENGTH}" for address in ADDRESSES]


def test_a_restart_of_network_manager_costs_two_seconds_at_most(network_manager: Machine) -> None:
    watched = Watched(network_manager)
    for _ in range(2):
        watched.during("systemctl", "restart", "NetworkManager")
    assert_repaired(network_manager, watched, times=2)


def test_the_host_goes_on_by_its_own_address_when_network_manager_brings_the_parent_up_anew(
    network_manager: Machine,
) -> None:
    watched = Watched(network_manager)
    watched.during("nmcli", "connection", "down", "eth0")
    watched.during("nmcli", "connection", "up", "eth0")
    assert_repaired(network_manager, watched, times=2)
    route = network_manager.lan.route_get("ha", HOSTS["recorder"])
    assert (route["dev"], route["prefsrc"]) == ("eth0", HOSTS["ha"])


def test_what_is_made_while_network_manager_runs_is_not_taken_from_the_service(network_manager: Machine) -> None:
    watched = Watched(network_manager)
    network_manager.lan.ip("ha", "link", "del", "onvifcam2")
    watched.during("true")
    assert "addresses" in watched.broken
    assert_repaired(network_manager, watched)
