"""The service of `setup_interfaces.sh`: installed, changed, upgraded and removed, and its program as the unit runs it."""

from collections.abc import Iterator
from contextlib import suppress
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
        command = [script, *arguments, "--root", self.root, "--python", sys.executable]
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


@pytest.fixture
def host(lan: Lan) -> Iterator[Host]:
    """Return the host; its service is ended after."""
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
def cameras(host: Host) -> dict[str, str]:
    """Three interfaces and their service: their MACs by address."""
    host.run(*THREE_CAMERAS)
    made = macs(host.lan)
    assert sorted(made) == ADDRESSES
    return made


# The unit.


def test_the_unit_is_one_that_systemd_takes_and_gives_away_little(host: Host, cameras: dict[str, str]) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze(1) is missing")
    # systemd's own scale of exposure is from 0 to 100.
    for command in (("verify", "--man=no"), ("security", "--offline=true", "--threshold=25", "--no-pager")):
        judged = subprocess.run(
            ["systemd-analyze", *command, host.unit], capture_output=True, text=True, timeout=30, check=False
        )
        assert (judged.returncode, judged.stderr) == (0, ""), judged.stdout


def test_the_unit_cleans_up_nothing_and_retries_only_what_can_be_cured() -> None:
    lines = (SCRIPT.parent / SERVICE).read_text().splitlines()
    assert "Restart=on-failure" in lines
    assert f"RestartPreventExitStatus={' '.join(map(str, EXIT_STATUSES.values()))}" in lines
    assert not [line for line in lines if line.startswith("ExecStop")]


# Installing.


def test_the_service_runs_as_another_user_with_two_capabilities(host: Host, cameras: dict[str, str]) -> None:
    status = Path(f"/proc/{host.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == [str(UNPRIVILEGED)] * 4
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == TWO_CAPABILITIES
    for file in (host.inventory, host.unit, *host.lib.rglob("*")):
        assert file.stat().st_mode & 0o044 == 0o044


def test_the_service_makes_the_interfaces_after_a_reboot_and_repairs_them(host: Host, cameras: dict[str, str]) -> None:
    for name in host.listed:
        host.lan.ip("ha", "link", "del", name)
    _until(lambda: sorted(macs(host.lan)) == ADDRESSES)
    assert macs(host.lan) == cameras
    host.lan.ip("ha", "rule", "del", "priority", "7601")
    _until(lambda: host.lan.ip("ha", "rule").count("7601:") == len(ADDRESSES))


def test_the_interfaces_stay_when_the_service_stops(host: Host, cameras: dict[str, str]) -> None:
    before = host.lan.state("ha")
    assert host.pid is not None
    os.kill(host.pid, signal.SIGTERM)
    _until(lambda: not host.report("status", check=False)["ok"])
    assert host.lan.state("ha") == before
    shown = host.run("status", check=False)
    assert shown.returncode == 1
    assert f"sudo systemctl start {SERVICE}" in shown.stderr


def test_a_second_run_does_nothing(host: Host, cameras: dict[str, str]) -> None:
    before, files, pid, calls = host.lan.state("ha"), host.files(), host.pid, host.calls
    again = host.report(*THREE_CAMERAS)
    assert (again["ok"], again["steps"]) == (True, [])
    assert (host.lan.state("ha"), host.files(), host.pid, host.calls) == (before, files, pid, calls)


def test_a_dry_run_writes_and_starts_nothing(host: Host) -> None:
    before = host.lan.state("ha")
    planned = host.run(*THREE_CAMERAS, "--dry-run").stdout
    assert "ip link add" in planned
    assert f"would write {host.unit}" in planned
    assert (host.lan.state("ha"), host.files(), host.calls) == (before, {}, [])


def test_an_upgrade_replaces_the_program_and_keeps_the_cameras(
    host: Host, cameras: dict[str, str], tmp_path: Path
) -> None:
    links = host.lan.ip_json("ha", "link")
    checkout = tmp_path / "checkout"
    shutil.copytree(SCRIPT.parent, checkout / "setup_interfaces")
    program = SCRIPT.parents[1] / "custom_components/onvif_proxy/interfaces"
    shutil.copytree(program, checkout / "interfaces", ignore=shutil.ignore_patterns("__pycache__"))
    with (checkout / "interfaces/program.py").open("a") as file:
        file.write("# A later version.\n")
    former = host.pid

    host.run(*THREE_CAMERAS, script=checkout / "setup_interfaces/setup_interfaces.sh")

    assert (host.lib / "program/interfaces/program.py").read_text().endswith("# A later version.\n")
    assert host.pid != former
    assert [link["ifindex"] for link in host.lan.ip_json("ha", "link")] == [link["ifindex"] for link in links]
    assert macs(host.lan) == cameras


def test_the_installed_script_goes_on_without_the_checkout(host: Host, cameras: dict[str, str]) -> None:
    script = host.lib / "program/setup_interfaces/setup_interfaces.sh"
    assert "ready" in host.run("status", script=script).stdout
    host.run("remove", "onvifcam3", script=script)
    assert host.listed == ["onvifcam1", "onvifcam2"]
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
    refused = host.run(*THREE_CAMERAS, check=False)
    assert refused.returncode == 1
    assert "systemd does not run here" in refused.stderr
    assert "--no-service" in refused.stderr


# Changing.


def test_more_and_other_cameras_change_only_what_is_asked(host: Host, cameras: dict[str, str]) -> None:
    first = host.lan.ip_json("ha", "link", "show", "dev", "onvifcam1")[0]["ifindex"]
    host.run("add", "--parent", "eth0", "--count", "2", "--static", f"{NETWORK}.110/24")
    assert host.listed == [f"onvifcam{number}" for number in range(1, 6)]
    assert host.lan.ip_json("ha", "link", "show", "dev", "onvifcam1")[0]["ifindex"] == first
    assert f"{NETWORK}.111/24" in host.lan.ip("ha", "addr", "show", "dev", "onvifcam5")

    host.run("remove", "onvifcam2", "onvifcam4")
    assert host.listed == ["onvifcam1", "onvifcam3", "onvifcam5"]
    _until(lambda: "onvifcam4" not in host.lan.ip("ha", "link"))
    assert "onvifcam2" not in host.lan.ip("ha", "link")
    assert host.report("status")["ok"] is True

    # The number and the MAC that are free again are given again.
    host.run("add", "--parent", "eth0", "--count", "1", "--static", f"{ADDRESSES[1]}/24")
    assert macs(host.lan) == cameras


def test_adding_and_removing_the_same_again_changes_nothing(host: Host, cameras: dict[str, str]) -> None:
    fourth = ("add", "--parent", "eth0", "--count", "1", "--static", f"{NETWORK}.110/24")
    host.run(*fourth)
    added = host.lan.state("ha"), host.files()
    assert host.report(*fourth)["steps"] == []
    assert (host.lan.state("ha"), host.files()) == added

    host.run("remove", "onvifcam4")
    pid = host.pid
    again = host.run("remove", "onvifcam4")
    assert "There is no onvifcam4 in the inventory." in again.stderr
    assert host.pid == pid


def test_other_addresses_replace_the_former_ones(host: Host, cameras: dict[str, str]) -> None:
    host.run("--parent", "eth0", "--count", "3", "--static", f"{ADDRESSES[1]}/24")
    assert sorted(macs(host.lan)) == [*ADDRESSES[1:], f"{NETWORK}.104"]


def test_apply_has_the_service_repair_now(host: Host, cameras: dict[str, str]) -> None:
    # The kernel tells nobody of settings: the service would see it within a minute.
    host.lan.run("ha", ["sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_ignore"])
    pid = host.pid
    host.run("apply")
    assert host.lan.settings("ha")["eth0"]["arp_ignore"] == 1
    assert host.pid == pid


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


def test_a_change_that_fails_puts_the_former_service_back(host: Host, cameras: dict[str, str]) -> None:
    before, files = host.lan.state("ha"), host.files()
    failed = host.run(
        "add", "--parent", "eth0", "--count", "2", "--static", f"{NETWORK}.110/24", check=False, fail_on="enable"
    )
    assert failed.returncode == 1
    assert (host.lan.state("ha"), host.files()) == (before, files)
    assert host.report("status")["ok"] is True


def test_a_kernel_that_refuses_has_the_former_service_go_on(host: Host, cameras: dict[str, str]) -> None:
    # A container on the same parent has the MAC, out of sight.
    host.lan.ip(
        "ha", "link", "add", "link", "eth0", "name", "hidden", "address", "02:00:00:00:0a:02", "type", "macvlan"
    )
    host.lan.ip("ha", "link", "set", "hidden", "netns", host.lan.namespace("client"))
    host.lan.ip("client", "link", "set", "hidden", "up")
    before, files = host.lan.state("ha"), host.files()
    wanted = ("--parent", "eth0", "--count", "2", "--static", f"{NETWORK}.110/24", "--mac-start", "02:00:00:00:0a:01")

    failed = host.run("add", *wanted, check=False)

    assert failed.returncode == 1
    assert "another interface on the same parent has its MAC" in failed.stderr
    assert (host.lan.state("ha"), host.files()) == (before, files)
    assert host.report("status")["ok"] is True


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


def test_an_inventory_from_a_later_version_is_refused_and_kept(host: Host, cameras: dict[str, str]) -> None:
    later = json.dumps(json.loads(host.inventory.read_text()) | {"version": 9})
    host.inventory.write_text(later)
    refused = host.run("add", "--parent", "eth0", "--count", "1", "--dhcp", check=False)
    assert refused.returncode == 1
    assert "later version" in refused.stderr
    assert host.inventory.read_text() == later


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


def test_a_cleanup_that_is_only_tried_removes_nothing(host: Host, cameras: dict[str, str]) -> None:
    before, files, pid = host.lan.state("ha"), host.files(), host.pid
    shown = host.run("--cleanup", "--dry-run").stdout
    assert f"would stop and remove {SERVICE}" in shown
    assert "ip link del onvifcam1" in shown
    assert (host.lan.state("ha"), host.files(), host.pid) == (before, files, pid)


def _until(condition: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not come to be."
        time.sleep(0.1)
