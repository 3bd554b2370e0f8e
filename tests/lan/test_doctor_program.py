"""The commands that only look: what they print and return."""

import json
from pathlib import Path
import sys
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import doctor_program, program
from custom_components.onvif_proxy.interfaces.inventory import InventoryFile

from .bed import GATEWAY, Lan
from .test_doctor import INVENTORY, apply


@pytest.fixture
def run(lan: Lan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command on the Home Assistant host; return its exit status, what it printed, and its JSON object."""
    lan.ip("client", "addr", "add", f"{GATEWAY}/24", "dev", "eth0")

    def run(*arguments: str) -> tuple[int, str, dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["interfaces", *arguments, "--json"])
        status = lan.call("ha", program.main)
        printed = capsys.readouterr()
        return status, printed.out + printed.err, json.loads(printed.out.splitlines()[-1])

    return run


def test_a_healthy_host_is_said_to_be_one(lan: Lan, run: Any) -> None:
    lan.run_async("ha", apply)
    status, text, answer = run("doctor")
    assert (status, answer["ok"], answer["findings"]) == (0, True, [])
    assert "No fault found; camera interfaces: 2." in text


def test_a_fault_is_told_with_its_remedy_and_exits_with_1(lan: Lan, run: Any) -> None:
    lan.run_async("ha", apply)
    lan.ip("ha", "link", "set", "onvifcam1", "down")
    status, text, answer = run("doctor")
    assert (status, answer["ok"]) == (1, False)
    (finding,) = answer["findings"]
    assert (finding["check"], finding["interface"], finding["id"]) == ("link_down", "onvifcam1", 1)
    assert finding["fixable"] is True
    assert answer["short"] == [f"{finding['sentence']} {finding['remedy']}"]
    assert answer["short"][0] in text


def test_an_inventory_says_what_should_be_there(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "inventory.json"
    InventoryFile(file).save(INVENTORY)
    status, _, answer = run("doctor", "--inventory", str(file))
    assert status == 1
    assert [(one["check"], one["interface"]) for one in answer["findings"]] == [
        ("interface_missing", "onvifcam1"),
        ("interface_missing", "onvifcam2"),
    ]


def test_an_inventory_that_cannot_be_read_is_refused(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "inventory.json"
    file.write_text("{", encoding="utf-8")
    status, _, answer = run("doctor", "--inventory", str(file))
    assert status == 1
    assert "is not an inventory" in answer["short"][0]


def test_what_could_not_be_asked_without_privilege_is_said(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none_available() -> None:
        return None

    monkeypatch.setattr(doctor_program, "available_probe", none_available)
    assert run("doctor")[2]["notes"] == [doctor_program.NOT_ASKED]


def test_parents_are_shown_with_why_others_are_refused(lan: Lan, run: Any) -> None:
    status, text, answer = run("parents")
    assert status == 0
    eth0, loopback = answer["parents"]
    assert (eth0["name"], eth0["mac"], eth0["refusal"]) == ("eth0", lan.mac("ha"), None)
    assert (loopback["refusal"], loopback["sentences"][0] in text) == ("loopback", True)


def test_a_host_on_which_nothing_can_carry_cameras_says_so(lan: Lan, run: Any) -> None:
    lan.ip("ha", "link", "set", "eth0", "down")
    status, _, answer = run("parents")
    assert (status, answer["short"]) == (1, [doctor_program.NO_PARENT])
