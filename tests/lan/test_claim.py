"""Addresses that other devices have, or take, and what the LAN is told of ours."""

import asyncio
from ipaddress import IPv4Address, IPv4Interface
import logging

import pytest

from custom_components.onvif_proxy.interfaces import KeptState
from custom_components.onvif_proxy.interfaces.arp import ArpPort, find_holder
from custom_components.onvif_proxy.interfaces.claim import AddressClaim

from .bed import NETWORK, Lan
from .test_keeper import Kept, inventory, keeping, spec

ADDRESS = f"{NETWORK}.101"
UP, CONFLICT = KeptState.UP, KeptState.CONFLICT


def give(lan: Lan, host: str, address: str) -> None:
    """Give a host a further address."""
    lan.ip(host, "addr", "add", f"{address}/24", "dev", "eth0")


def test_who_has_an_address_is_found_by_asking(lan: Lan) -> None:
    async def scenario() -> None:
        mac = lan.mac("ha")
        assert await find_holder("eth0", mac, IPv4Address(lan.hosts["client"])) == lan.mac("client")
        assert await find_holder("eth0", mac, IPv4Address(ADDRESS)) is None
        # The own answer is none.
        assert await find_holder("eth0", mac, IPv4Address(lan.hosts["ha"])) is None
        with pytest.raises(OSError, match="No such device"):
            await find_holder("gone", mac, IPv4Address(ADDRESS))
        lan.ip("ha", "link", "set", "eth0", "down")
        with pytest.raises(OSError, match="Network is down"):
            await find_holder("eth0", mac, IPv4Address(ADDRESS))

    lan.run_async("ha", scenario)


def test_an_announcement_teaches_the_lan_and_takes_no_address(lan: Lan) -> None:
    lan.run("client", ["sysctl", "-qw", "net.ipv4.conf.eth0.arp_accept=1"])

    async def scenario() -> None:
        async with ArpPort("eth0", lan.mac("ha")) as port:
            port.announce(IPv4Address(ADDRESS))

    lan.run_async("ha", scenario)
    assert lan.neighbours("client")[ADDRESS] == lan.mac("ha")
    assert ADDRESS not in lan.ip("ha", "addr")


def test_a_fixed_address_that_another_device_has_is_not_used_until_it_is_free(
    lan: Lan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(AddressClaim.__init__.__kwdefaults__, "retry_after", 0.5)
    give(lan, "client", ADDRESS)

    async def scenario() -> None:
        kept = Kept(inventory())
        async with kept.keeper:
            await kept.until_states(CONFLICT, UP)
            one = kept.keeper.interfaces[1]
            assert (one.address, one.conflicting_mac) == (None, lan.mac("client"))
            assert ADDRESS not in lan.ip("ha", "addr")
            await asyncio.sleep(1.5)
            lan.ip("client", "addr", "del", f"{ADDRESS}/24", "dev", "eth0")
            await kept.until_states(UP, UP, seconds=5)
            assert kept.keeper.interfaces[1].conflicting_mac is None

    lan.run_async("ha", scenario)
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [f"onvifcam1: {lan.mac('client')} has the address {ADDRESS} already"]


def test_an_address_that_another_device_takes_later_is_given_up(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AddressClaim.__init__.__kwdefaults__, "repeat_every", 0.5)

    async def scenario() -> None:
        async with keeping() as kept:
            give(lan, "client", ADDRESS)
            await kept.until_states(CONFLICT, UP, seconds=5)
            assert kept.keeper.interfaces[1].conflicting_mac == lan.mac("client")
            assert ADDRESS not in lan.ip("ha", "rule")

    lan.run_async("ha", scenario)


def test_who_only_asks_for_a_used_address_is_no_conflict(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AddressClaim.__init__.__kwdefaults__, "repeat_every", 0.1)

    async def scenario() -> None:
        async with keeping() as kept:
            for _ in range(5):
                async with asyncio.timeout(2):
                    # As another computer would before it took the address.
                    holder = await asyncio.to_thread(
                        lan.run_async, "client", lambda: find_holder("eth0", lan.mac("client"), IPv4Address(ADDRESS))
                    )
                assert holder == spec(1).mac
            assert kept.keeper.interfaces[1].state is UP

    lan.run_async("ha", scenario)


def test_an_address_of_the_host_itself_is_a_conflict_too(lan: Lan) -> None:
    async def scenario() -> None:
        kept = Kept(inventory(spec(1, address=IPv4Interface(f"{lan.hosts['ha']}/24"))))
        async with kept.keeper:
            await kept.until_states(CONFLICT)
            assert kept.keeper.interfaces[1].conflicting_mac == lan.mac("ha")
            lan.ip("ha", "addr", "del", f"{lan.hosts['ha']}/24", "dev", "eth0")
            await kept.until_states(UP)

    lan.run_async("ha", scenario)


def test_cameras_announce_themselves_while_they_are_used_and_after_the_link_was_down(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[IPv4Address] = []
    announce = ArpPort.announce

    def spy(port: ArpPort, address: IPv4Address) -> None:
        announce(port, address)
        told.append(address)

    monkeypatch.setattr(ArpPort, "announce", spy)

    async def until(count: int) -> None:
        async with asyncio.timeout(3):
            while len(told) < count:
                await asyncio.sleep(0.02)

    async def scenario() -> None:
        async with keeping(inventory(spec(1))) as kept:
            await until(1)
            told.clear()
            lan.ip("switch", "link", "set", "ha", "down")
            await kept.until_states(KeptState.NO_CARRIER)
            lan.ip("switch", "link", "set", "ha", "up")
            await until(1)
        monkeypatch.setitem(AddressClaim.__init__.__kwdefaults__, "repeat_every", 0.2)
        told.clear()
        async with keeping(inventory(spec(1))):
            await until(3)

    lan.run_async("ha", scenario)
