"""Leases that are given back, since their interfaces are removed on purpose."""

import asyncio
from dataclasses import replace
import json
import logging
from pathlib import Path
import sys

import pytest

from custom_components.onvif_proxy.interfaces import Inventory, InventoryFile, remove_interfaces
from custom_components.onvif_proxy.interfaces.leases import LeaseFile

from .bed import Lan
from .dhcp_server import DhcpServer
from .dnsmasq import NO_DNSMASQ, PROGRAM, Dnsmasq
from .test_dhcp import FIRST, UP, dhcp, leasing
from .test_keeper import Kept, inventory
from .test_keeper_program import PACKAGE


def test_the_lease_of_an_interface_that_is_removed_is_given_back_by_itself_to_the_server_and_forgotten(
    lan: Lan, tmp_path: Path
) -> None:
    leases = LeaseFile(tmp_path / "leases.json")

    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing(2, lease_file=tmp_path / "leases.json") as kept:
                await kept.until_states(UP, UP, seconds=3)
                first = kept.keeper.interfaces[1].address
                with lan.sniffer("recorder") as sniffer, lan.sniffer("client") as bystander:
                    await kept.keeper.replace(kept.keeper.inventory.without(1))
                    await server.until("release")
                    assert sniffer.source_macs("udp") == {first: {dhcp(1).mac}}
                    assert bystander.source_macs("udp") == {}
                assert server.heard[-1] == ("release", first)
                await kept.until_states(UP)
            await leases.load()
            assert leases.get(dhcp(1).mac) is None
            assert leases.get(dhcp(2).mac) is not None
            assert server.count("release") == 1

    lan.run_async("ha", scenario)


@pytest.mark.skipif(PROGRAM is None, reason=NO_DNSMASQ)
def test_a_server_that_is_not_ours_gives_leases_and_takes_back_what_is_removed(lan: Lan, tmp_path: Path) -> None:
    async def scenario() -> None:
        with Dnsmasq(lan, "recorder", tmp_path) as server:
            async with leasing(3) as kept:
                await kept.until_states(UP, UP, UP, seconds=3)
                given = {one.spec.mac: (one.address, one.spec.name) for one in kept.keeper.interfaces.values()}
                assert server.leases == given
                await kept.keeper.replace(kept.keeper.inventory.without(2))
                del given[dhcp(2).mac]
                async with asyncio.timeout(2):
                    while server.leases != given:
                        await asyncio.sleep(0.02)
                assert set(kept.keeper.interfaces) == {1, 3}

    lan.run_async("ha", scenario)


def test_a_keeper_that_is_started_only_to_remove_an_interface_gives_its_lease_back(lan: Lan, tmp_path: Path) -> None:
    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing(lease_file=tmp_path / "leases.json") as kept:
                await kept.until_states(UP, seconds=3)
            async with leasing(lease_file=tmp_path / "leases.json") as kept:
                await kept.keeper.replace(Inventory())
            await server.until("release")
            assert dhcp(1).mac not in (tmp_path / "leases.json").read_text()

    lan.run_async("ha", scenario)


def test_an_interface_that_is_made_anew_keeps_its_lease(lan: Lan) -> None:
    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing() as kept:
                await kept.until_states(UP, seconds=3)
                await kept.keeper.replace(inventory(replace(dhcp(1), name="another")))
                await kept.until_states(UP, seconds=3)
                assert server.heard[-1] == ("request", f"{FIRST} INIT-REBOOT")
                assert server.count("release") == 0

    lan.run_async("ha", scenario)


def test_a_lease_that_cannot_be_given_back_hinders_no_removal(lan: Lan, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="custom_components.onvif_proxy.interfaces.release")

    async def scenario() -> None:
        with DhcpServer(lan):
            async with leasing() as kept:
                await kept.until_states(UP, seconds=3)
                lan.ip("ha", "link", "set", "onvifcam1", "down")
                await kept.keeper.replace(Inventory())
        assert "onvifcam1" not in lan.ip("ha", "link")

    lan.run_async("ha", scenario)
    assert "onvifcam1: its lease is not given back: [Errno 100] Network is down" in caplog.text


@pytest.mark.parametrize("server_mac", ["", "nonsense", "00:1b:21:00:00", "00:1b:21:00:00:05:06", "é"])
def test_a_lease_file_that_somebody_else_wrote_hinders_none_either(
    lan: Lan, tmp_path: Path, server_mac: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="custom_components.onvif_proxy.interfaces.release")
    file = tmp_path / "leases.json"

    async def scenario() -> None:
        with DhcpServer(lan):
            async with leasing(lease_file=file) as kept:
                await kept.until_states(UP, seconds=3)
        content = json.loads(file.read_text())
        content["leases"][dhcp(1).mac]["server_mac"] = server_mac
        file.write_text(json.dumps(content))
        await remove_interfaces(file)
        assert "onvifcam1" not in lan.ip("ha", "link")

    lan.run_async("ha", scenario)
    assert "onvifcam1: its lease is not given back" in caplog.text


def test_a_cleanup_gives_back_the_leases_that_the_interfaces_have(lan: Lan, tmp_path: Path) -> None:
    file = tmp_path / "leases.json"

    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing(2, lease_file=file) as kept:
                await kept.until_states(UP, UP, seconds=3)
                second = kept.keeper.interfaces[2].address
            lan.ip("ha", "addr", "flush", "dev", "onvifcam1")
            await remove_interfaces(file)
            await server.until("release")
            assert [one for one in server.heard if one[0] == "release"] == [("release", second)]

    lan.run_async("ha", scenario)


@pytest.mark.parametrize("command", ["cleanup", "exchange"])
def test_the_program_does_it_too_and_the_next_keeper_forgets_them(lan: Lan, tmp_path: Path, command: str) -> None:
    leases, former, now = (tmp_path / name for name in ("leases.json", "former.json", "now.json"))
    InventoryFile(former).save(inventory(dhcp(1)))
    InventoryFile(now).save(Inventory())
    arguments = ["--from", former, "--to", now] if command == "exchange" else []

    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing(lease_file=leases) as kept:
                await kept.until_states(UP, seconds=3)
            program = [sys.executable, PACKAGE, command, *arguments, "--leases", leases]
            await asyncio.to_thread(lan.run, "ha", [*program, "--dry-run"])
            assert "onvifcam1" in lan.ip("ha", "link")
            await asyncio.to_thread(lan.run, "ha", program)
            assert "onvifcam1" not in lan.ip("ha", "link")
            await server.until("release")
            assert server.heard[-1] == ("release", FIRST)
            assert server.count("release") == 1
        async with Kept(Inventory(), lease_file=leases).keeper:
            pass
        assert dhcp(1).mac not in leases.read_text()

    lan.run_async("ha", scenario)
