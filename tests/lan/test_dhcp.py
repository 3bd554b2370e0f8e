"""Leases of a keeper's interfaces, from a server that does what servers do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Interface
import logging
from pathlib import Path
import socket
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import (
    InterfaceSpec,
    KeptState,
    privilege,
    read_snapshot,
    remove_interfaces,
    steps,
)
from custom_components.onvif_proxy.interfaces.plan import plan_apply
from custom_components.onvif_proxy.interfaces.steps import KEEPER_SECONDS

from .bed import GATEWAY, NETWORK, Lan
from .dhcp_server import DhcpServer
from .full_disk import FILLER, full_disk
from .test_keeper import Kept, inventory, spec

UP, WAITING, CONFLICT = KeptState.UP, KeptState.WAITING_FOR_LEASE, KeptState.CONFLICT
FIRST = f"{NETWORK}.200"
SECOND = f"{NETWORK}.201"


def dhcp(number: int) -> InterfaceSpec:
    """Ask for an interface with a lease."""
    return spec(number, dhcp=True, address=None, gateway=None)


@asynccontextmanager
async def leasing(count: int = 1, **options: Any) -> AsyncIterator[Kept]:
    """Run a keeper of interfaces with leases."""
    kept = Kept(inventory(*(dhcp(number) for number in range(1, count + 1))), **options)
    async with kept.keeper:
        yield kept


def has(lan: Lan, address: str) -> bool:
    """Return whether the host has an address."""
    return f" {address}/" in lan.ip("ha", "-oneline", "addr")


def test_an_interface_gets_a_lease_with_routes_and_rules_and_nothing_else_changes(lan: Lan) -> None:
    before = lan.state("ha")
    resolv = Path("/etc/resolv.conf").read_bytes()

    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing() as kept:
                await kept.until_states(UP, seconds=3)
                one = kept.keeper.interfaces[1]
                assert (one.address, one.prefix_length, one.gateway) == (FIRST, 24, GATEWAY)
                assert one.lease_expires is not None
                assert one.lease_expires.tzinfo is not None
                assert lan.route_get("ha", "192.0.2.1", FIRST)["dev"] == "onvifcam1"
                assert lan.route_get("ha", "192.0.2.1")["dev"] == "eth0"
                assert server.host_names == {"onvifcam1"}
            # Stopping gives nothing back: the camera is asked for again.
            assert server.count("release") == 0
            assert has(lan, FIRST)
        await remove_interfaces()

    lan.run_async("ha", scenario)
    assert lan.state("ha") == before
    assert Path("/etc/resolv.conf").read_bytes() == resolv


def test_thirty_two_interfaces_have_leases_within_three_seconds(lan: Lan) -> None:
    async def scenario() -> None:
        with DhcpServer(lan):
            async with leasing(32) as kept:
                await kept.until_states(*[UP] * 32, seconds=3)
                assert len({one.address for one in kept.keeper.interfaces.values()}) == 32

    lan.run_async("ha", scenario)


def test_a_lease_is_renewed_rebound_lost_and_acquired_again(lan: Lan) -> None:
    async def scenario() -> None:
        with DhcpServer(lan, seconds=6, renew_after=1, rebind_after=3) as server:
            async with leasing() as kept:
                await kept.until_states(UP, seconds=3)
                first = kept.keeper.interfaces[1].lease_expires
                await server.until("request", 2)
                await kept.until(lambda now: now[1].lease_expires != first)
                assert ("request", f"{FIRST} RENEWING") in server.heard
                server.silent = True
                await kept.until_states(WAITING, seconds=9)
                assert not has(lan, FIRST)
                assert FIRST not in lan.ip("ha", "rule")
                server.silent = False
                await kept.until_states(UP, seconds=9)
                assert has(lan, FIRST)

    lan.run_async("ha", scenario)


def lifetimes(lan: Lan) -> tuple[int, int]:
    """Return for how many seconds the address of the only camera is preferred and valid, as the kernel tells everybody."""
    (address,) = lan.ip_json("ha", "-4", "addr", "show", "dev", "onvifcam1")[0]["addr_info"]
    return address["preferred_life_time"], address["valid_life_time"]


FOR_EVER = (2**32 - 1,) * 2


def test_the_kernel_tells_when_the_lease_ends_and_a_plan_has_nothing_to_do_about_it(lan: Lan) -> None:
    async def scenario() -> None:
        with DhcpServer(lan, seconds=300, renew_after=2) as server:
            async with leasing(recheck_every=0.2) as kept:
                await kept.until_states(UP, seconds=3)
                preferred, valid = lifetimes(lan)
                assert 290 <= preferred <= 300
                assert valid == preferred + KEEPER_SECONDS
                snapshot = await read_snapshot()
                leased = replace(dhcp(1), gateway=IPv4Interface(GATEWAY).ip)
                assert plan_apply([leased], snapshot) == []
                # No main-table route has come of it.
                assert "onvifcam1" not in lan.ip("ha", "route")

                server.seconds = 600
                await server.until("request", 2)
                async with asyncio.timeout(3):
                    while lifetimes(lan)[0] < 590:
                        await asyncio.sleep(0.05)
                server.seconds = 2**32 - 1
                await server.until("request", 3)
                async with asyncio.timeout(5):
                    while lifetimes(lan) != FOR_EVER:
                        await asyncio.sleep(0.05)

    lan.run_async("ha", scenario)


def test_the_kernel_ends_a_lease_only_where_nobody_keeps_it(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    # Long enough for a keeper to end in, also one that waits for a busy disk.
    monkeypatch.setattr(steps, "KEEPER_SECONDS", 5)

    async def scenario() -> None:
        with DhcpServer(lan, seconds=2):
            async with leasing() as kept:
                await kept.until_states(UP, seconds=3)
                await asyncio.sleep(8)  # renewed each second, and so on
                assert has(lan, FIRST)
        assert has(lan, FIRST)
        async with asyncio.timeout(10):
            while has(lan, FIRST):
                await asyncio.sleep(0.1)

    lan.run_async("ha", scenario)


def test_an_address_that_was_leased_and_is_fixed_now_does_not_end(lan: Lan) -> None:
    async def scenario() -> None:
        with DhcpServer(lan):
            async with leasing() as kept:
                await kept.until_states(UP, seconds=3)
                assert lifetimes(lan) != FOR_EVER
                await kept.keeper.replace(inventory(spec(1, address=IPv4Interface(f"{FIRST}/24"))))
                assert lifetimes(lan) == FOR_EVER

    lan.run_async("ha", scenario)


def test_the_former_address_is_asked_for_after_a_restart(lan: Lan, tmp_path: Path) -> None:
    leases = tmp_path / "leases.json"

    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing(lease_file=leases) as kept:
                await kept.until_states(UP, seconds=3)
            assert leases.stat().st_mode & 0o777 == 0o600
            await remove_interfaces()
            server.heard.clear()
            async with leasing(lease_file=leases) as kept:
                await kept.until_states(UP, seconds=3)
            assert server.heard == [("request", f"{FIRST} INIT-REBOOT")]

    lan.run_async("ha", scenario)


def test_a_restart_leaves_a_camera_its_address_even_when_no_server_answers(lan: Lan, tmp_path: Path) -> None:
    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing(lease_file=tmp_path / "leases.json") as kept:
                await kept.until_states(UP, seconds=3)
            made = lan.state("ha")
            server.silent = True
            async with leasing(lease_file=tmp_path / "leases.json") as kept:
                assert kept.keeper.interfaces[1].state is UP
                await server.until("request", 2)
            assert lan.state("ha") == made

    lan.run_async("ha", scenario)


def test_an_address_that_the_server_takes_back_is_given_up(lan: Lan) -> None:
    async def scenario() -> None:
        with DhcpServer(lan, seconds=60, renew_after=1) as server:
            async with leasing() as kept:
                await kept.until_states(UP, seconds=3)
                server.address = SECOND
                await kept.until(lambda now: now[1].address == SECOND, seconds=5)
                assert not has(lan, FIRST)
                await kept.until_states(UP)

    lan.run_async("ha", scenario)


@pytest.mark.parametrize("where", ["switch", "ha"])
def test_a_lease_is_confirmed_after_the_link_was_down(lan: Lan, where: str) -> None:
    port = "ha" if where == "switch" else "onvifcam1"

    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing() as kept:
                await kept.until_states(UP, seconds=3)
                server.heard.clear()
                lan.ip(where, "link", "set", port, "down")
                if where == "switch":
                    await kept.until_states(KeptState.NO_CARRIER)
                lan.ip(where, "link", "set", port, "up")
                await server.until("request")
                assert server.heard[0] == ("request", f"{FIRST} INIT-REBOOT")
                await kept.until_states(UP)

    lan.run_async("ha", scenario)


def test_an_interface_that_was_deleted_has_its_lease_again(lan: Lan) -> None:
    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing() as kept:
                await kept.until_states(UP, seconds=3)
                lan.ip("ha", "link", "del", "onvifcam1")
                await server.until("request", 2)
                assert server.heard[-1] == ("request", f"{FIRST} INIT-REBOOT")
                await kept.until_states(UP)
                assert has(lan, FIRST)
                assert kept.keeper.interfaces[1].address == FIRST

    lan.run_async("ha", scenario)


def test_a_leased_address_that_another_device_has_is_declined(lan: Lan) -> None:
    lan.ip("client", "addr", "add", f"{FIRST}/24", "dev", "eth0")

    async def scenario() -> None:
        with DhcpServer(lan) as server:
            async with leasing() as kept:
                await kept.until_states(CONFLICT, seconds=3)
                assert kept.keeper.interfaces[1].conflicting_mac == lan.mac("client")
                await server.until("decline")
                assert server.declined == {FIRST}
                assert not has(lan, FIRST)
                await kept.until_states(UP, seconds=13)
                assert kept.keeper.interfaces[1].address == SECOND
                assert kept.keeper.interfaces[1].conflicting_mac is None

    lan.run_async("ha", scenario)


@pytest.mark.parametrize("address", ["127.0.0.9", f"{NETWORK}.255", "224.0.0.5"])
def test_a_lease_that_no_camera_can_use_is_not_used(lan: Lan, address: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        with DhcpServer(lan, address=address) as server:
            async with leasing() as kept:
                await server.until("request")
                await asyncio.sleep(0.5)
                assert kept.keeper.interfaces[1].state is WAITING
                assert not has(lan, address)

    lan.run_async("ha", scenario)
    assert "a lease that cannot be used" in caplog.text


def test_a_lease_for_an_address_of_the_host_itself_is_declined(lan: Lan) -> None:
    async def scenario() -> None:
        with DhcpServer(lan, address=lan.hosts["ha"]) as server:
            async with leasing() as kept:
                await kept.until_states(CONFLICT, seconds=3)
                assert kept.keeper.interfaces[1].conflicting_mac == lan.mac("ha")
                await server.until("decline")

    lan.run_async("ha", scenario)


def test_nonsense_on_the_dhcp_port_costs_nothing(lan: Lan) -> None:
    async def scenario() -> None:
        with (
            DhcpServer(lan, silent=True) as server,
            lan.open_socket("client", socket.AF_INET, socket.SOCK_DGRAM) as liar,
        ):
            liar.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            async with leasing() as kept:
                await server.until("discover")
                mac = bytes.fromhex(dhcp(1).mac.replace(":", ""))
                header = b"\x02\x01\x06\x00" + bytes(24) + mac + bytes(202)
                cookie = b"\x63\x82\x53\x63"
                for message in (
                    b"",
                    b"x" * 20,
                    header,
                    header + cookie,
                    header + cookie + b"\x35",
                    header + cookie + b"\x35\x01\xee\xff",
                    header + cookie + b"\x35\xff\x02",
                    header + cookie + b"\x33\x01\x00\xff",
                    bytes(1400),
                ):
                    liar.sendto(message, ("255.255.255.255", 68))
                await asyncio.sleep(0.2)
                server.silent = False
                await kept.until_states(UP, seconds=9)

    lan.run_async("ha", scenario)


def test_a_full_disk_costs_only_the_memory(lan: Lan, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "full" / "leases.json"

    async def scenario() -> None:
        with DhcpServer(lan, renew_after=1) as server:
            async with leasing(2, lease_file=file) as kept:
                await kept.until_states(UP, UP, seconds=3)
                await server.until("request", 4)

    with full_disk(file.parent):
        lan.run_async("ha", scenario)
        assert [path.name for path in file.parent.iterdir()] == [FILLER]
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{file} cannot be written: No space left on device")


def test_without_cap_net_raw_fixed_addresses_work_and_leases_say_why_not(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = privilege.parse_privilege("CapEff:\t0000000000001000\n")
    monkeypatch.setattr("custom_components.onvif_proxy.interfaces.keeper.read_privilege", lambda: read)

    async def scenario() -> None:
        kept = Kept(inventory(spec(1), dhcp(2)))
        async with kept.keeper:
            await kept.until_states(UP, KeptState.FAILED)
            assert "CAP_NET_RAW" in (kept.keeper.interfaces[2].reason or "")

    lan.run_async("ha", scenario)
