"""One fault after the other on one host: the cameras come back by themselves, and nothing else there is another after."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
import signal
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import InventoryFile, KeptState, remove_interfaces
from custom_components.onvif_proxy.interfaces.claim import AddressClaim

from .bed import GATEWAY, NETWORK, Lan
from .cameras import ask_by_tcp
from .dhcp_server import DhcpServer
from .full_disk import FILLER, full_disk
from .test_dhcp import dhcp
from .test_keeper import Kept, inventory, rewire, spec, until_whole
from .test_keeper_program import Running

UP, WAITING, CONFLICT, GONE, NO_CARRIER = (
    KeptState.UP,
    KeptState.WAITING_FOR_LEASE,
    KeptState.CONFLICT,
    KeptState.PARENT_GONE,
    KeptState.NO_CARRIER,
)
HALF = 16
FIXED = [spec(number) for number in range(1, HALF + 1)]
LEASED = [dhcp(number) for number in range(HALF + 1, 2 * HALF + 1)]
CAMERAS = inventory(*FIXED, *LEASED)
RESERVED = {one.mac: f"{NETWORK}.{183 + one.id}" for one in LEASED}
MACS = {str(one.address.ip): one.mac for one in FIXED if one.address} | {
    address: mac for mac, address in RESERVED.items()
}
"""By address: the fixed ones, and the leased ones."""
LAST = LEASED[-1]


def configure(lan: Lan) -> None:
    """Give the host what others than we have."""
    lan.ip("ha", "link", "add", "docker0", "type", "veth", "peer", "name", "veth0")
    lan.ip("ha", "link", "set", "docker0", "addrgenmode", "none", "up")
    lan.ip("ha", "link", "set", "veth0", "addrgenmode", "none", "up")
    lan.ip("ha", "addr", "add", "172.30.32.1/23", "dev", "docker0")
    lan.ip("ha", "rule", "add", "from", "172.30.32.0/23", "lookup", "100", "priority", "7600")
    lan.ip("ha", "route", "add", "192.168.9.0/24", "dev", "docker0", "table", "100")


def configuration(lan: Lan) -> dict[str, Any]:
    """Return all that is set on the host; of a parent that was plugged in anew, index and MAC are others by nature."""
    state = lan.state("ha")
    of_the_device = {"ifindex", "link_index", "address"}
    return {
        **state,
        "links": {one["ifname"]: {k: v for k, v in one.items() if k not in of_the_device} for one in state["links"]},
        "addresses": sorted(line.partition(": ")[2] for line in state["addresses"]),
        "sysctl": lan.run("ha", ["sh", "-c", "sysctl -a 2>/dev/null | grep '^net.ipv[46]'"]).stdout.splitlines(),
    }


def assert_reached(lan: Lan) -> None:
    """Connect from the client to each camera, anew."""
    lan.forget_neighbours("client")
    for address in MACS:
        ask_by_tcp(lan, "client", address)
    assert {address: lan.neighbours("client")[address] for address in MACS} == MACS


async def until_told(running: Running) -> None:
    """Wait until the program has told that all cameras are up."""

    def wait() -> None:
        missing = {(mac, address) for address, mac in MACS.items()}
        while missing:
            told = running.next_object()
            if told["state"] == UP:
                missing.discard((told["mac"], told["address"]))

    await asyncio.to_thread(wait)


@asynccontextmanager
async def fault(lan: Lan, kept: Kept) -> AsyncIterator[None]:
    """Judge what is inside: after it, the cameras are soon up and reached."""
    yield
    await kept.until_states(*[UP] * len(MACS), seconds=12)
    assert_reached(lan)


@pytest.mark.timeout(120)
def test_cameras_come_back_after_each_and_the_host_is_as_it_was(
    lan: Lan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(AddressClaim.__init__.__kwdefaults__, "repeat_every", 0.5)
    monkeypatch.setitem(AddressClaim.__init__.__kwdefaults__, "retry_after", 0.5)
    file = InventoryFile(tmp_path / "inventory.json")
    file.save(CAMERAS)

    async def kept_here(server: DhcpServer, disk: Path) -> None:
        leases = disk / "leases.json"
        kept = Kept(CAMERAS, lease_file=leases)
        async with kept.keeper:
            async with fault(lan, kept):  # the lease file's disk is full
                pass
            assert not leases.exists()
            (disk / FILLER).unlink()
            await kept.until(lambda _: leases.exists() and leases.stat().st_size > 0, seconds=5)

            async with fault(lan, kept):
                server.silent = True
                await kept.until_states(*[UP] * HALF, *[WAITING] * HALF, seconds=9)
                server.silent = False
            async with fault(lan, kept):
                lan.ip("switch", "link", "set", "ha", "down")
                await kept.until_states(*[NO_CARRIER] * len(MACS))
                lan.ip("switch", "link", "set", "ha", "up")
            async with fault(lan, kept):
                lan.ip("ha", "rule", "del", "from", f"{NETWORK}.101", "priority", "7602")
                lan.ip("ha", "link", "del", LAST.name)
                leased = replace(LAST, address=IPv4Interface(f"{RESERVED[LAST.mac]}/24"), gateway=IPv4Address(GATEWAY))
                await until_whole([FIXED[0], leased])
            async with fault(lan, kept):
                lan.ip("ha", "link", "del", "eth0")
                await kept.until_states(*[GONE] * len(MACS))
                rewire(lan)
            async with fault(lan, kept):
                lan.ip("client", "addr", "add", f"{NETWORK}.101/24", "dev", "eth0")
                await kept.until_states(CONFLICT, *[UP] * (len(MACS) - 1), seconds=5)
                lan.ip("client", "addr", "del", f"{NETWORK}.101/24", "dev", "eth0")

    async def kept_by_a_program(leases: Path) -> None:
        arguments = ("--json", "--leases", str(leases))
        running = Running(lan, file.path, *arguments)
        await until_told(running)
        assert running.end(signal.SIGKILL)[0] == -signal.SIGKILL
        assert_reached(lan)
        lan.ip("ha", "rule", "del", "from", f"{NETWORK}.101", "priority", "7602")
        lan.ip("ha", "link", "del", LAST.name)
        running = Running(lan, file.path, *arguments)
        await until_told(running)

        good = file.path.read_text()
        for bad in ("{", '{"version": 99}'):
            file.path.write_text(bad)
            running.process.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.3)
            assert_reached(lan)
            assert running.process.poll() is None
        said = running.end()[1]
        assert said.count("What was kept before is kept on.") == 2
        assert Running(lan, file.path, *arguments).ended()[0] == 3
        assert file.path.read_text() == bad
        assert_reached(lan)
        file.path.write_text(good)
        running = Running(lan, file.path, *arguments)
        await until_told(running)
        assert_reached(lan)
        assert running.end() == (0, "")

    async def scenario() -> None:
        with (
            full_disk(tmp_path / "disk") as disk,
            DhcpServer(lan, seconds=6, renew_after=1, rebind_after=3, reserved=RESERVED) as server,
        ):
            await kept_here(server, disk)
            server.seconds, server.renew_after, server.rebind_after = 60, None, None
            await kept_by_a_program(disk / "leases.json")
            await remove_interfaces(disk / "leases.json")
            await server.until("release")

    configure(lan)
    before = configuration(lan)
    lan.run_async("ha", scenario)
    assert configuration(lan) == before
