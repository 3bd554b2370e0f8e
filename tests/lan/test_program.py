"""The program of the interfaces package in this process: what each command prints and returns."""

from functools import partial
import json
from pathlib import Path
import sys
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import InventoryFile, inventory_program, program
from custom_components.onvif_proxy.interfaces.lock import KeeperLock
from custom_components.onvif_proxy.interfaces.parents import list_parents

from .bed import NETWORK, Lan
from .test_keeper import inventory

TWO_CAMERAS = ("create", "--parent", "eth0", "--count", "2", "--static", f"{NETWORK}.101/24")


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the host be a machine of its own, whatever the tests run in; what is written there makes it another one."""
    invented = partial(list_parents, sysfs=tmp_path / "sys", container_files=())
    monkeypatch.setattr(program, "list_parents", invented)
    monkeypatch.setattr(inventory_program, "list_parents", invented)
    return tmp_path / "sys"


@pytest.fixture
def run(lan: Lan, sysfs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command on the Home Assistant host; return its exit status, what it printed, and its JSON object."""

    def run(*arguments: str) -> tuple[int, str, dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["interfaces", *arguments, "--json"])
        status = lan.call("ha", program.main)
        printed = capsys.readouterr()
        return status, printed.out + printed.err, json.loads(printed.out.splitlines()[-1])

    return run


def test_the_life_of_interfaces_by_commands(lan: Lan, run: Any) -> None:
    status, _, planned = run(*TWO_CAMERAS, "--dry-run")
    assert status == 0
    assert [one["address"] for one in planned["interfaces"]] == [f"{NETWORK}.101/24", f"{NETWORK}.102/24"]

    status, text, made = run(*TWO_CAMERAS)
    assert (status, made["ok"], made["steps"]) == (0, True, planned["steps"])
    assert [one["mac"] for one in made["interfaces"]] == [one["mac"] for one in planned["interfaces"]]
    assert "onvifcam2" in text

    lan.ip("ha", "link", "set", "onvifcam2", "down")
    status, text, broken = run("status")
    assert status == 1
    assert "onvifcam2: switched off." in broken["short"]
    assert "apply would do 3 steps" in text

    status, _, repaired = run("apply")
    assert (status, len(repaired["steps"])) == (0, 3)
    assert run("status")[0] == 0

    status, text, gone = run("cleanup")
    assert (status, gone["ok"]) == (0, True)
    assert "There are no camera interfaces on this host." in run("status")[1]


def test_interfaces_for_leases_say_who_gets_them(run: Any) -> None:
    status, text, made = run("create", "--parent", "eth0", "--count", "1", "--dhcp")
    assert (status, made["notes"]) == (0, [program.NO_LEASES])
    assert "Note: These interfaces are up without an address" in text
    status, _, waiting = run("status")
    assert (status, waiting["short"]) == (1, ["onvifcam1: waiting for an address."])


def test_a_virtual_machine_is_told_where_interfaces_are_chosen(run: Any, sysfs: Path, tmp_path: Path) -> None:
    dmi = sysfs / "class/dmi/id"
    dmi.mkdir(parents=True)
    (dmi / "sys_vendor").write_text("VMware, Inc.\n")
    assert "This is a virtual machine (VMware)" in run(*TWO_CAMERAS)[2]["notes"][0]
    files = ("--inventory", str(tmp_path / "inventory.json"), "--into", str(tmp_path / "new.json"))
    assert "This is a virtual machine (VMware)" in run("enlist", *TWO_CAMERAS, *files)[2]["notes"][0]


def test_a_parent_that_is_off_or_unplugged_is_the_state_of_its_cameras(lan: Lan, run: Any) -> None:
    run(*TWO_CAMERAS)
    lan.ip("switch", "link", "set", "ha", "down")
    assert "onvifcam1: no carrier on eth0." in run("status")[2]["short"]
    lan.ip("switch", "link", "set", "ha", "up")
    lan.ip("ha", "link", "set", "eth0", "down")
    assert "onvifcam1: eth0 is off." in run("status")[2]["short"]


def test_what_something_else_undoes_at_once_is_noticed(lan: Lan, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    do_steps = program.do_steps

    async def do_steps_beside_another(steps: Any) -> None:
        await do_steps(steps)
        lan.ip("ha", "rule", "del", "priority", "7600")

    monkeypatch.setattr(program, "do_steps", do_steps_beside_another)
    status, _, made = run(*TWO_CAMERAS)
    assert status == 1
    assert "Something else on this host changed" in made["short"][0]


def test_a_refusal_is_told(run: Any) -> None:
    status, text, refused = run("create", "--parent", "lo", "--count", "1", "--dhcp")
    assert (status, refused["ok"]) == (1, False)
    assert refused["short"][0] in text


def test_a_host_without_machine_id_is_asked_for_macs(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "_MACHINE_ID_FILES", ())
    assert "give the first one with --mac-start" in run(*TWO_CAMERAS)[2]["short"][0]
    assert run(*TWO_CAMERAS, "--mac-start", "02:00:00:00:00:01")[0] == 0


@pytest.fixture
def inventory_file(tmp_path: Path) -> InventoryFile:
    """Return an inventory of two interfaces on disk."""
    file = InventoryFile(tmp_path / "inventory.json")
    file.save(inventory())
    return file


def test_an_inventory_is_applied_and_its_status_told(lan: Lan, run: Any, inventory_file: InventoryFile) -> None:
    listed = ("--inventory", str(inventory_file.path))
    status, _, before = run("status", *listed)
    assert (status, before["short"][:2]) == (1, ["onvifcam1: missing.", "onvifcam2: missing."])
    planned = run("apply", *listed, "--dry-run")[2]
    status, _, applied = run("apply", *listed)
    assert (status, applied["steps"]) == (0, planned["steps"])
    assert run("apply", *listed)[2]["steps"] == []
    assert run("status", *listed)[0] == 0
    lan.ip("ha", "addr", "flush", "dev", "onvifcam1")
    assert "Not all is set up as it must be; apply would do 3 steps:" in run("status", *listed)[2]["short"]
    lan.ip("ha", "link", "del", "eth0")
    assert "There is no interface eth0 on this host." in run("status", *listed)[2]["short"]


@pytest.mark.parametrize("command", ["apply", "cleanup"])
def test_nothing_is_done_beside_a_keeper(lan: Lan, run: Any, command: str) -> None:
    lock = lan.call("ha", KeeperLock)
    try:
        status, _, refused = run(command)
        assert (status, refused["ok"]) == (1, False)
        assert "Only one of them may" in refused["short"][0]
        assert run(command, "--dry-run")[0] == 0
    finally:
        lock.release()
