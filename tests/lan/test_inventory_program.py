"""The commands that change an inventory and the kernel along with it, in this process."""

from dataclasses import replace
import errno
from ipaddress import IPv4Interface
import json
from pathlib import Path
import socket
import sys
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import InterfaceSpec, Inventory, InventoryFile, program

from .bed import GATEWAY, NETWORK, Lan

ETH0 = ("--parent", "eth0")


class Files:
    """An inventory and the file that its changes go to."""

    def __init__(self, run: Any, folder: Path) -> None:
        """Have none yet."""
        self._run = run
        self.inventory = folder / "interfaces.json"
        self.into = folder / "new.json"

    def enlist(self, change: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run enlist; the changed inventory is the one of the next call."""
        status, _, said = self._run(
            "enlist", change, "--inventory", str(self.inventory), "--into", str(self.into), *arguments
        )
        return status, said

    def take(self, change: str, *arguments: str) -> tuple[InterfaceSpec, ...]:
        """Run enlist, and let the changed inventory count."""
        status, said = self.enlist(change, *arguments)
        assert (status, said["ok"]) == (0, True)
        self.into.replace(self.inventory)
        return InventoryFile(self.inventory).load().specs


@pytest.fixture
def run(lan: Lan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command on the Home Assistant host; return its exit status, what it printed, and its JSON object."""

    def run(*arguments: str) -> tuple[int, str, dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["interfaces", *arguments, "--json"])
        status = lan.call("ha", program.main)
        printed = capsys.readouterr()
        return status, printed.out + printed.err, json.loads(printed.out.splitlines()[-1])

    return run


@pytest.fixture
def files(run: Any, tmp_path: Path) -> Files:
    """Return files that are not there yet."""
    return Files(run, tmp_path)


def test_enlisting_changes_nothing_but_the_file(lan: Lan, files: Files) -> None:
    before = lan.state("ha")
    specs = files.take("create", *ETH0, "--count", "2", "--static", f"{NETWORK}.101/24")
    assert [(spec.id, spec.name, str(spec.address)) for spec in specs] == [
        (1, "onvifcam1", f"{NETWORK}.101/24"),
        (2, "onvifcam2", f"{NETWORK}.102/24"),
    ]
    assert {str(spec.gateway) for spec in specs} == {GATEWAY}
    assert json.loads(files.inventory.read_text())["owner"] == "setup_interfaces.sh"
    assert lan.state("ha") == before


def test_the_same_request_gives_the_same_inventory_and_another_one_moves_it(lan: Lan, files: Files) -> None:
    first = files.take("create", *ETH0, "--count", "2", "--static", f"{NETWORK}.101/24")
    assert files.take("create", *ETH0, "--count", "2", "--static", f"{NETWORK}.101/24") == first
    # Each takes the address that its neighbour had.
    moved = files.take("create", *ETH0, "--count", "2", "--static", f"{NETWORK}.102/24")
    assert [spec.mac for spec in moved] == [spec.mac for spec in first]
    leased = files.take("create", *ETH0, "--count", "2", "--dhcp")
    assert [(spec.mac, spec.dhcp, spec.address, spec.gateway) for spec in leased] == [
        (spec.mac, True, None, None) for spec in first
    ]


def test_further_ones_get_numbers_and_macs_of_their_own(lan: Lan, files: Files) -> None:
    files.take("create", *ETH0, "--count", "2", "--static", f"{NETWORK}.101/24")
    files.take("add", *ETH0, "--count", "1", "--dhcp")
    specs = files.take(
        "add", *ETH0, "--count", "1", "--static", f"{NETWORK}.110/24", "--mac-start", "02:00:00:00:00:05"
    )
    assert [spec.name for spec in specs] == ["onvifcam1", "onvifcam2", "onvifcam3", "onvifcam4"]
    assert len({spec.mac for spec in specs}) == 4
    assert (specs[3].mac, str(specs[3].address)) == ("02:00:00:00:00:05", f"{NETWORK}.110/24")
    # A fixed address tells that it is the same wish again; a lease does not.
    assert files.take("add", *ETH0, "--count", "1", "--static", f"{NETWORK}.110/24") == specs
    assert len(files.take("add", *ETH0, "--count", "1", "--dhcp")) == 5


def talk_to_client(lan: Lan) -> None:
    """Let the Home Assistant host hear of the client's MAC."""
    with lan.open_socket("ha", socket.AF_INET, socket.SOCK_STREAM) as talking:
        assert talking.connect_ex((lan.hosts["client"], 9)) == errno.ECONNREFUSED


def test_a_mac_that_another_device_has_is_refused_or_left_to_it(lan: Lan, files: Files, run: Any) -> None:
    (first,) = files.take("create", *ETH0, "--count", "1", "--dhcp")
    files.inventory.unlink()
    # A clone of this host, which has made the same.
    lan.ip("client", "link", "set", "eth0", "address", first.mac)
    talk_to_client(lan)
    refusal = f"The MAC {first.mac}, meant for onvifcam1, is that of another device, {lan.hosts['client']}."
    for status, said in (
        files.enlist("create", *ETH0, "--count", "2", "--dhcp"),
        files.enlist("add", *ETH0, "--count", "1", "--dhcp", "--mac-start", first.mac),
        run("create", *ETH0, "--count", "2", "--dhcp")[::2],
    ):
        assert (status, said["ok"]) == (1, False)
        assert said["short"][0].startswith(refusal)
    assert not files.into.exists()
    (second,) = files.take("add", *ETH0, "--count", "1", "--dhcp")
    assert second.mac != first.mac


def test_a_mac_of_a_device_that_is_gone_is_free(lan: Lan, files: Files) -> None:
    mac = "02:00:00:00:00:05"
    lan.ip("client", "link", "set", "eth0", "address", mac)
    talk_to_client(lan)
    lan.ip("client", "link", "set", "eth0", "down")
    assert lan.neighbours("ha")[lan.hosts["client"]] == mac
    (spec,) = files.take("create", *ETH0, "--count", "1", "--dhcp", "--mac-start", mac)
    assert spec.mac == mac


def test_an_interface_that_is_listed_or_there_stays_whoever_else_has_its_mac(lan: Lan, files: Files, run: Any) -> None:
    (spec,) = files.take("create", *ETH0, "--count", "1", "--static", f"{NETWORK}.101/24")
    lan.ip("client", "link", "set", "eth0", "address", spec.mac)
    talk_to_client(lan)
    again = ("create", *ETH0, "--count", "1", "--static", f"{NETWORK}.101/24")
    assert files.take(*again) == (spec,)
    run("exchange", "--from", str(files.inventory), "--to", str(files.inventory))
    assert run(*again)[0] == 0


def test_an_address_that_another_interface_of_the_host_has_is_refused(lan: Lan, files: Files, run: Any) -> None:
    run("create", *ETH0, "--count", "1", "--static", f"{NETWORK}.101/24")
    status, refused = files.enlist(
        "add", *ETH0, "--count", "1", "--static", f"{NETWORK}.101/24", "--mac-start", "02:00:00:00:00:05"
    )
    assert status == 1
    assert f"{NETWORK}.101 is used on this host already, by onvifcam1." in refused["short"]
    assert not files.into.exists()


def test_a_parent_without_carrier_is_refused_until_it_is_in_the_inventory(lan: Lan, files: Files) -> None:
    lan.ip("switch", "link", "set", "ha", "down")
    one = (*ETH0, "--count", "1", "--dhcp")
    status, said = files.enlist("create", *one)
    assert (status, "no carrier" in said["short"][0]) == (1, True)
    files.take("create", *one, "--allow-no-carrier")
    assert len(files.take("create", *ETH0, "--count", "2", "--dhcp")) == 2
    assert len(files.take("add", *one)) == 3


def test_removing_takes_names_and_notes_those_that_are_not_there(lan: Lan, files: Files) -> None:
    files.take("create", *ETH0, "--count", "2", "--static", f"{NETWORK}.101/24")
    status, said = files.enlist("remove", "onvifcam1", "onvifcam9")
    assert (status, said["notes"]) == (0, ["There is no onvifcam9 in the inventory."])
    assert [spec.name for spec in InventoryFile(files.into).load().specs] == ["onvifcam2"]


def test_what_is_present_can_be_listed_and_is_then_kept_as_it_is(lan: Lan, files: Files, run: Any) -> None:
    run("create", *ETH0, "--count", "1", "--static", f"{NETWORK}.101/24")
    specs = files.take("present")
    assert [(spec.name, str(spec.address)) for spec in specs] == [("onvifcam1", f"{NETWORK}.101/24")]
    status, _, done = run("exchange", "--from", str(files.inventory), "--to", str(files.inventory))
    assert (status, done["steps"]) == (0, [])


def test_an_exchange_goes_there_and_back(lan: Lan, files: Files, run: Any, tmp_path: Path) -> None:
    none, two = tmp_path / "none.json", tmp_path / "two.json"
    InventoryFile(none).save(Inventory())
    before = lan.state("ha")
    files.take("create", *ETH0, "--count", "2", "--static", f"{NETWORK}.101/24")
    files.inventory.rename(two)

    _, _, planned = run("exchange", "--from", str(none), "--to", str(two), "--dry-run")
    assert lan.state("ha") == before
    assert run("exchange", "--from", str(none), "--to", str(two))[2]["steps"] == planned["steps"]
    assert run("status", "--inventory", str(two))[0] == 0
    run("exchange", "--from", str(two), "--to", str(none))
    assert lan.state("ha") == before


@pytest.mark.parametrize("address", [f"{NETWORK}.101/24", f"{NETWORK}.110/24"], ids=["same address", "another"])
def test_an_exchange_for_another_interface_on_the_same_parent_leaves_that_all_it_needs(
    lan: Lan, files: Files, run: Any, tmp_path: Path, address: str
) -> None:
    none, one, other = (tmp_path / f"{name}.json" for name in ("none", "one", "other"))
    before = lan.state("ha")
    (spec,) = files.take("create", *ETH0, "--count", "1", "--static", f"{NETWORK}.101/24")
    anew = replace(spec, id=2, name="onvifcam2", mac="02:00:00:00:00:02", address=IPv4Interface(address))
    InventoryFile(none).save(Inventory())
    InventoryFile(one).save(Inventory(specs=(spec,)))
    InventoryFile(other).save(Inventory(specs=(anew,)))
    run("exchange", "--from", str(none), "--to", str(one))
    settings = lan.settings("ha")["eth0"]
    assert settings["arp_ignore"] == 1
    assert run("exchange", "--from", str(one), "--to", str(other))[0] == 0
    assert lan.settings("ha")["eth0"] == settings
    assert run("status", "--inventory", str(other))[2]["short"] == []
    run("exchange", "--from", str(other), "--to", str(none))
    assert lan.state("ha") == before


def test_the_route_of_a_lease_is_not_taken_for_a_fault(lan: Lan, files: Files, run: Any) -> None:
    files.take("create", *ETH0, "--count", "1", "--dhcp")
    run("exchange", "--from", str(files.inventory), "--to", str(files.inventory))
    # As the keeper does it when a lease arrives.
    lan.ip("ha", "addr", "add", f"{NETWORK}.101/24", "broadcast", "+", "dev", "onvifcam1", "noprefixroute")
    run("apply")
    assert "default" in lan.ip("ha", "route", "show", "table", "7701")
    assert run("apply", "--inventory", str(files.inventory))[2]["steps"] == []
    assert run("status", "--inventory", str(files.inventory))[0] == 0
