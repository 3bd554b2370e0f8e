"""The service of `setup_interfaces.sh`: installed, changed, upgraded and removed, and its program as the unit runs it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces.keeper_program import EXIT_STATUSES

from .bed import NETWORK, Lan
from .cameras import ADDRESSES, SCRIPT, THREE_CAMERAS, macs

SYSTEMCTL = Path(__file__).parent / "systemctl"
SERVICE = "onvif-proxy-interfaces.service"
UNPRIVILEGED = 60999
TWO_CAPABILITIES = (1 << 12) | (1 << 13)
"""CAP_NET_ADMIN and CAP_NET_RAW."""


class Host:
    """The Home Assistant host of a LAN, with a folder for the service's files and a stand-in for systemctl(1)."""

    def __init__(self, lan: Lan, root: Path) -> None:
        """Say that systemd runs."""
        self.lan = lan
        self.root = root
        (root / "run/systemd/system").mkdir(parents=True)
        (root / "bin").mkdir()
        (root / "bin/systemctl").symlink_to(SYSTEMCTL)
        self.inventory = root / "etc/onvif_proxy/interfaces.json"
        self.unit = root / "etc/systemd/system" / SERVICE
        self.lib = root / "usr/local/lib/onvif_proxy"

    def run(
        self, *arguments: str, check: bool = True, fail_on: str = "", script: Path = SCRIPT
    ) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        environment = os.environ | {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "ROOT": str(self.root),
            "FAIL_ON": fail_on,
        }
        command: list[str | Path] = [script, *arguments, "--root", self.root, "--python", sys.executable]
        return self.lan.run("ha", command, check=check, env=environment, timeout=60)

    def report(self, *arguments: str, check: bool = True) -> dict[str, Any]:
        """Run the script and return its JSON object."""
        return dict(json.loads(self.run(*arguments, "--json", check=check).stdout.splitlines()[-1]))

    @property
    def calls(self) -> list[str]:
        """What systemctl was asked for, but for questions."""
        file = self.root / "systemctl/calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if " is-" not in f" {line}"]

    @property
    def pid(self) -> int | None:
        """The service's process."""
        file = self.root / "systemctl/pid"
        return int(file.read_text()) if file.exists() else None

    @property
    def runs(self) -> bool:
        """Whether the service's process is there."""
        status = Path(f"/proc/{self.pid}/status")
        return self.pid is not None and status.exists() and "State:\tZ" not in status.read_text()

    @property
    def listed(self) -> list[str]:
        """The names of the interfaces in the inventory."""
        return [one["name"] for one in json.loads(self.inventory.read_text())["interfaces"]]

    def files(self) -> dict[str, bytes]:
        """Return what is installed, but for the stand-in's memory."""
        return {
            str(file.relative_to(self.root)): file.read_bytes()
            for place in ("etc", "usr")
            for file in (self.root / place).rglob("*")
            if file.is_file()
        }


@contextmanager
def a_host(lan: Lan) -> Iterator[Host]:
    """Have a host without a service; what it has then is ended after."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv(1) is missing")
    # pytest's own folders are closed to other users.
    with tempfile.TemporaryDirectory(prefix="onvif-service-") as folder:
        Path(folder).chmod(0o755)
        nobody = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]
        if subprocess.run([*nobody, sys.executable, "-c", "import pyroute2"], check=False).returncode:
            pytest.skip("this Python is out of reach for other users")
        host = Host(lan, Path(folder))
        yield host
        if host.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(host.pid, signal.SIGKILL)


@pytest.fixture
def host(lan: Lan) -> Iterator[Host]:
    """Return a host without a service."""
    with a_host(lan) as host:
        yield host


class Installation:
    """Three interfaces and their service, for the tests that find them installed."""

    def __init__(self) -> None:
        """Install nothing yet."""
        self._stack = ExitStack()
        self._host: Host | None = None
        self._untouched: Any = None

    def whole(self) -> Host:
        """Return the host with the service as it was installed: made anew when the last test left another."""
        if self._host is None or not self._host.runs or self._state(self._host) != self._untouched:
            self.close()
            host = self._stack.enter_context(a_host(self._stack.enter_context(Lan())))
            host.run(*THREE_CAMERAS)
            self._host, self._untouched = host, self._state(host)
        return self._host

    def close(self) -> None:
        """End the service and remove all; a second call does nothing."""
        self._stack.close()
        self._host = None

    @staticmethod
    def _state(host: Host) -> Any:
        states = {name: host.lan.state(name) for name in host.lan.hosts}
        for state in states.values():
            # An interface that was made again is another only by its number.
            for link in state["links"]:
                del link["ifindex"]
            state["addresses"] = [line.partition(": ")[2] for line in state["addresses"]]
        return states, host.files(), (host.root / "systemctl/enabled").exists()


@pytest.fixture(scope="module")
def installation(lan_possible: None) -> Iterator[Installation]:
    """Return what the tests of this file share: to install takes seconds."""
    installation = Installation()
    yield installation
    installation.close()


@pytest.fixture
def installed(installation: Installation) -> Host:
    """Return a host with three interfaces and their service."""
    return installation.whole()


@pytest.fixture
def cameras(installed: Host) -> dict[str, str]:
    """Return the MACs of the three interfaces by address."""
    made = macs(installed.lan)
    assert sorted(made) == ADDRESSES
    return made


# The unit.


def test_the_unit_is_one_that_systemd_takes_and_gives_away_little(installed: Host, cameras: dict[str, str]) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze(1) is missing")
    # systemd's own scale of exposure is from 0 to 100.
    for command in (("verify", "--man=no"), ("security", "--offline=true", "--threshold=25", "--no-pager")):
        judged = subprocess.run(
            ["systemd-analyze", *command, installed.unit], capture_output=True, text=True, timeout=30, check=False
        )
        assert (judged.returncode, judged.stderr) == (0, ""), judged.stdout


def test_the_unit_cleans_up_nothing_and_retries_only_what_can_be_cured() -> None:
    lines = (SCRIPT.parent / SERVICE).read_text().splitlines()
    assert "Restart=on-failure" in lines
    assert f"RestartPreventExitStatus={' '.join(map(str, EXIT_STATUSES.values()))}" in lines
    assert not [line for line in lines if line.startswith("ExecStop")]


# Installing.


def test_the_service_runs_as_another_user_with_two_capabilities(installed: Host, cameras: dict[str, str]) -> None:
    status = Path(f"/proc/{installed.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == [str(UNPRIVILEGED)] * 4
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == TWO_CAPABILITIES
    for file in (installed.inventory, installed.unit, *installed.lib.rglob("*")):
        assert file.stat().st_mode & 0o044 == 0o044


def test_the_service_makes_the_interfaces_after_a_reboot_and_repairs_them(
    installed: Host, cameras: dict[str, str]
) -> None:
    for name in installed.listed:
        installed.lan.ip("ha", "link", "del", name)
    _until(lambda: sorted(macs(installed.lan)) == ADDRESSES)
    assert macs(installed.lan) == cameras
    installed.lan.ip("ha", "rule", "del", "priority", "7601")
    _until(lambda: installed.lan.ip("ha", "rule").count("7601:") == len(ADDRESSES))


def test_the_interfaces_stay_when_the_service_stops(installed: Host, cameras: dict[str, str]) -> None:
    before = installed.lan.state("ha")
    assert installed.pid is not None
    os.kill(installed.pid, signal.SIGTERM)
    _until(lambda: not installed.report("status", check=False)["ok"])
    assert installed.lan.state("ha") == before
    shown = installed.run("status", check=False)
    assert shown.returncode == 1
    assert f"sudo systemctl start {SERVICE}" in shown.stderr
    installed.run("apply")
    assert installed.report("status")["ok"]


def test_a_second_run_does_nothing(installed: Host, cameras: dict[str, str]) -> None:
    before, files, pid, calls = installed.lan.state("ha"), installed.files(), installed.pid, installed.calls
    again = installed.report(*THREE_CAMERAS)
    assert (again["ok"], again["steps"]) == (True, [])
    assert (installed.lan.state("ha"), installed.files(), installed.pid, installed.calls) == (before, files, pid, calls)


def test_a_dry_run_writes_and_starts_nothing(host: Host) -> None:
    before = host.lan.state("ha")
    planned = host.run(*THREE_CAMERAS, "--dry-run").stdout
    assert "ip link add" in planned
    assert f"would write {host.unit}" in planned
    assert (host.lan.state("ha"), host.files(), host.calls) == (before, {}, [])


def test_an_upgrade_replaces_the_program_and_keeps_the_cameras(
    installed: Host, cameras: dict[str, str], tmp_path: Path
) -> None:
    links = installed.lan.ip_json("ha", "link")
    checkout = tmp_path / "checkout"
    shutil.copytree(SCRIPT.parent, checkout / "setup_interfaces")
    program = SCRIPT.parents[1] / "custom_components/onvif_proxy/interfaces"
    shutil.copytree(program, checkout / "interfaces", ignore=shutil.ignore_patterns("__pycache__"))
    with (checkout / "interfaces/program.py").open("a") as file:
        file.write("# A later version.\n")
    former = installed.pid

    installed.run(*THREE_CAMERAS, script=checkout / "setup_interfaces/setup_interfaces.sh")

    assert (installed.lib / "program/interfaces/program.py").read_text().endswith("# A later version.\n")
    assert installed.pid != former
    assert [link["ifindex"] for link in installed.lan.ip_json("ha", "link")] == [link["ifindex"] for link in links]
    assert macs(installed.lan) == cameras


def test_the_installed_script_goes_on_without_the_checkout(installed: Host, cameras: dict[str, str]) -> None:
    script = installed.lib / "program/setup_interfaces/setup_interfaces.sh"
    assert "ready" in installed.run("status", script=script).stdout
    installed.run("remove", "onvifcam3", script=script)
    assert installed.listed == ["onvifcam1", "onvifcam2"]
    assert script.exists()


def test_interfaces_that_were_made_until_the_next_reboot_are_taken_over(host: Host) -> None:
    host.run(*THREE_CAMERAS, "--no-service")
    assert not host.inventory.exists()
    before = host.lan.state("ha")
    host.run(*THREE_CAMERAS)
    assert host.listed == ["onvifcam1", "onvifcam2", "onvifcam3"]
    assert host.lan.state("ha") == before


def test_without_systemd_it_says_how_to_do_without(host: Host) -> None:
    (host.root / "run/systemd/system").rmdir()
    before = host.lan.state("ha")
    refused = host.run(*THREE_CAMERAS, check=False)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    for said in ("systemd does not run here", "--no-service", "OpenRC", "cron", f"{SCRIPT.parent}/README.md"):
        assert said in refused.stderr
    assert "## Without systemd" in (SCRIPT.parent / "README.md").read_text()
    changed = host.report("remove", "onvifcam1", check=False)
    assert "no service whose interfaces could be changed" in changed["short"][0]
    assert (host.lan.state("ha"), host.files()) == (before, {})


# Changing.


def test_more_and_other_cameras_change_only_what_is_asked(installed: Host, cameras: dict[str, str]) -> None:
    first = installed.lan.ip_json("ha", "link", "show", "dev", "onvifcam1")[0]["ifindex"]
    installed.run("add", "--parent", "eth0", "--count", "2", "--static", f"{NETWORK}.110/24")
    assert installed.listed == [f"onvifcam{number}" for number in range(1, 6)]
    assert installed.lan.ip_json("ha", "link", "show", "dev", "onvifcam1")[0]["ifindex"] == first
    assert f"{NETWORK}.111/24" in installed.lan.ip("ha", "addr", "show", "dev", "onvifcam5")

    installed.run("remove", "onvifcam2", "onvifcam4")
    assert installed.listed == ["onvifcam1", "onvifcam3", "onvifcam5"]
    _until(lambda: "onvifcam4" not in installed.lan.ip("ha", "link"))
    assert "onvifcam2" not in installed.lan.ip("ha", "link")
    assert installed.report("status")["ok"] is True

    # The number and the MAC that are free again are given again.
    installed.run("add", "--parent", "eth0", "--count", "1", "--static", f"{ADDRESSES[1]}/24")
    assert macs(installed.lan) == cameras


def test_adding_and_removing_the_same_again_changes_nothing(installed: Host, cameras: dict[str, str]) -> None:
    fourth = ("add", "--parent", "eth0", "--count", "1", "--static", f"{NETWORK}.110/24")
    installed.run(*fourth)
    added = installed.lan.state("ha"), installed.files()
    assert installed.report(*fourth)["steps"] == []
    assert (installed.lan.state("ha"), installed.files()) == added

    installed.run("remove", "onvifcam4")
    pid = installed.pid
    again = installed.run("remove", "onvifcam4")
    assert "There is no onvifcam4 in the inventory." in again.stderr
    assert installed.pid == pid


def test_other_addresses_replace_the_former_ones(installed: Host, cameras: dict[str, str]) -> None:
    installed.run("--parent", "eth0", "--count", "3", "--static", f"{ADDRESSES[1]}/24")
    assert sorted(macs(installed.lan)) == [*ADDRESSES[1:], f"{NETWORK}.104"]


def test_apply_has_the_service_repair_now(installed: Host, cameras: dict[str, str]) -> None:
    # The kernel tells nobody of settings: the service would see it within a minute.
    installed.lan.run("ha", ["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore"])
    pid = installed.pid
    installed.run("apply")
    assert installed.lan.settings("ha")["eth0"]["arp_ignore"] == 1
    assert installed.pid == pid


def test_cameras_that_wait_for_a_lease_are_no_failure(host: Host) -> None:
    host.run("--parent", "eth0", "--count", "2", "--dhcp")
    assert [one["dhcp"] for one in json.loads(host.inventory.read_text())["interfaces"]] == [True, True]
    assert host.report("--parent", "eth0", "--count", "2", "--dhcp")["steps"] == []


# Failing.


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--parent", "eth9", "--count", "1", "--dhcp"), "There is no interface eth9 on this host."),
        (("--parent", "eth0", "--count", "1", "--static", f"{NETWORK}.5/24"), "is used on this host already, by eth0."),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(host: Host, arguments: tuple[str, ...], reason: str) -> None:
    before = host.lan.state("ha")
    refused = host.report(*arguments, check=False)
    assert refused["ok"] is False
    assert reason in refused["short"][0]
    assert (host.lan.state("ha"), host.files(), host.calls) == (before, {}, [])


@pytest.mark.parametrize("verb", ["daemon-reload", "start"])
def test_a_first_installation_that_fails_leaves_nothing(host: Host, verb: str) -> None:
    before = host.lan.state("ha")
    failed = host.run(*THREE_CAMERAS, check=False, fail_on=verb)
    assert failed.returncode == 1
    assert "putting back what was before" in failed.stderr
    assert (host.lan.state("ha"), host.files(), host.pid) == (before, {}, None)


def test_a_change_that_fails_puts_the_former_service_back(installed: Host, cameras: dict[str, str]) -> None:
    before, files = installed.lan.state("ha"), installed.files()
    failed = installed.run(
        "add", "--parent", "eth0", "--count", "2", "--static", f"{NETWORK}.110/24", check=False, fail_on="enable"
    )
    assert failed.returncode == 1
    assert (installed.lan.state("ha"), installed.files()) == (before, files)
    assert installed.report("status")["ok"] is True


def test_a_kernel_that_refuses_has_the_former_service_go_on(installed: Host, cameras: dict[str, str]) -> None:
    # A container on the same parent has the MAC, out of sight.
    installed.lan.ip(
        "ha", "link", "add", "link", "eth0", "name", "hidden", "address", "02:00:00:00:0a:02", "type", "macvlan"
    )
    installed.lan.ip("ha", "link", "set", "hidden", "netns", installed.lan.namespace("client"))
    installed.lan.ip("client", "link", "set", "hidden", "up")
    before, files = installed.lan.state("ha"), installed.files()
    wanted = ("--parent", "eth0", "--count", "2", "--static", f"{NETWORK}.110/24", "--mac-start", "02:00:00:00:0a:01")

    failed = installed.run("add", *wanted, check=False)

    assert failed.returncode == 1
    assert "another interface on the same parent has its MAC" in failed.stderr
    assert (installed.lan.state("ha"), installed.files()) == (before, files)
    assert installed.report("status")["ok"] is True
    installed.lan.ip("client", "link", "del", "hidden")


def test_a_keeper_elsewhere_is_not_interfered_with(host: Host) -> None:
    # As Home Assistant with the privilege would do it.
    listed = host.root / "other.json"
    listed.write_text('{"version": 1, "owner": "", "interfaces": []}')
    program = SCRIPT.parents[1] / "custom_components/onvif_proxy/interfaces"
    other = host.lan.popen("ha", [sys.executable, program, "run", "--inventory", listed], stderr=subprocess.PIPE)
    _until(lambda: "onvif_proxy.interfaces" in host.lan.run("ha", ["cat", "/proc/net/unix"]).stdout)
    before = host.lan.state("ha")
    failed = host.run(*THREE_CAMERAS, check=False)
    assert failed.returncode == 1
    assert "Another program keeps the interfaces of this host already" in failed.stderr
    assert other.poll() is None
    assert (host.lan.state("ha"), host.files()) == (before, {})


def test_an_inventory_from_a_later_version_is_refused_and_kept(installed: Host, cameras: dict[str, str]) -> None:
    known = installed.inventory.read_text()
    later = json.dumps(json.loads(known) | {"version": 9})
    installed.inventory.write_text(later)
    refused = installed.run("add", "--parent", "eth0", "--count", "1", "--dhcp", check=False)
    assert refused.returncode == 1
    assert "later version" in refused.stderr
    assert installed.inventory.read_text() == later
    installed.inventory.write_text(known)


# Removing.


def test_cleanup_leaves_nothing(host: Host) -> None:
    before = host.lan.state("ha")
    host.run(*THREE_CAMERAS)
    host.run("--cleanup")
    assert (host.lan.state("ha"), host.files(), host.pid) == (before, {}, None)
    assert not host.lib.exists()
    assert not host.inventory.parent.exists()
    assert not (host.root / "var/lib/onvif_proxy").exists()
    assert host.report("--cleanup")["steps"] == []


def test_a_cleanup_that_is_only_tried_removes_nothing(installed: Host, cameras: dict[str, str]) -> None:
    before, files, pid = installed.lan.state("ha"), installed.files(), installed.pid
    shown = installed.run("--cleanup", "--dry-run").stdout
    assert f"would stop and remove {SERVICE}" in shown
    assert "ip link del onvifcam1" in shown
    assert (installed.lan.state("ha"), installed.files(), installed.pid) == (before, files, pid)


def _until(condition: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not come to be."
        time.sleep(0.1)
