"""The interface watch on a host whose interfaces come, change and go."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
import logging

import pytest

from custom_components.onvif_proxy.interfaces import Interface, InterfaceAddress, InterfaceWatch, read_interfaces

from .bed import NETWORK, Lan

MAC = "02:00:00:00:0b:01"
ADDRESS = f"{NETWORK}.150"


class Changes:
    """What a watch told, and a way to wait for more."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.told: list[Mapping[str, Interface]] = []
        self._event = asyncio.Event()

    def __call__(self, interfaces: Mapping[str, Interface]) -> None:
        """Be told."""
        self.told.append(interfaces)
        self._event.set()

    async def until(self, condition: Callable[[Mapping[str, Interface]], bool]) -> Mapping[str, Interface]:
        """Wait until the interfaces last told meet a condition."""
        async with asyncio.timeout(5):
            while not (self.told and condition(self.told[-1])):
                self._event.clear()
                await self._event.wait()
        return self.told[-1]


def add_camera(lan: Lan) -> None:
    """Make a macvlan interface that is up, without an address."""
    lan.ip("ha", "link", "add", "link", "eth0", "name", "cam", "address", MAC, "type", "macvlan", "mode", "bridge")
    lan.ip("ha", "link", "set", "cam", "alias", "a camera", "up")


def test_the_interfaces_of_a_host_are_read_with_their_addresses(lan: Lan) -> None:
    add_camera(lan)
    lan.ip("ha", "addr", "add", f"{ADDRESS}/24", "dev", "cam")
    interfaces = {one.name: one for one in lan.run_async("ha", read_interfaces)}
    assert interfaces["cam"] == Interface(
        name="cam",
        mac=MAC,
        kind="macvlan",
        parent="eth0",
        up=True,
        alias="a camera",
        addresses=(InterfaceAddress(address=ADDRESS, prefix_length=24),),
    )
    assert interfaces["eth0"].mac == lan.mac("ha")
    assert interfaces["eth0"].kind == "veth"
    assert interfaces["lo"].addresses == (InterfaceAddress(address="127.0.0.1", prefix_length=8),)


def test_an_interface_is_told_when_it_comes_gets_an_address_loses_its_carrier_and_goes(lan: Lan) -> None:
    async def scenario() -> None:
        changes = Changes()
        async with InterfaceWatch(changes) as watch:
            assert changes.told == [watch.interfaces]
            assert "cam" not in watch.interfaces

            add_camera(lan)
            assert (await changes.until(lambda now: "cam" in now and now["cam"].up))["cam"].addresses == ()

            lan.ip("ha", "addr", "add", f"{ADDRESS}/24", "dev", "cam")
            await changes.until(lambda now: [one.address for one in now["cam"].addresses] == [ADDRESS])

            lan.ip("switch", "link", "set", "ha", "down")
            await changes.until(lambda now: not now["cam"].up)
            lan.ip("switch", "link", "set", "ha", "up")
            await changes.until(lambda now: now["cam"].up)

            lan.ip("ha", "addr", "del", f"{ADDRESS}/24", "dev", "cam")
            await changes.until(lambda now: not now["cam"].addresses)

            lan.ip("ha", "link", "del", "cam")
            await changes.until(lambda now: "cam" not in now)
            assert watch.interfaces == changes.told[-1]

    lan.run_async("ha", scenario)


def test_an_address_is_told_within_two_seconds(lan: Lan) -> None:
    add_camera(lan)

    async def scenario() -> None:
        changes = Changes()
        async with InterfaceWatch(changes), asyncio.timeout(2):
            lan.ip("ha", "addr", "add", f"{ADDRESS}/24", "dev", "cam")
            await changes.until(lambda now: bool(now["cam"].addresses))

    lan.run_async("ha", scenario)


def test_nothing_is_told_when_nothing_changed(lan: Lan) -> None:
    async def scenario() -> None:
        changes = Changes()
        async with InterfaceWatch(changes, debounce=0.05):
            # An event without a difference afterwards, then one with.
            lan.ip("ha", "addr", "add", f"{ADDRESS}/24", "dev", "eth0")
            lan.ip("ha", "addr", "del", f"{ADDRESS}/24", "dev", "eth0")
            await asyncio.sleep(0.3)
            assert len(changes.told) == 1
            add_camera(lan)
            await changes.until(lambda now: "cam" in now)

    lan.run_async("ha", scenario)


def test_a_renewed_lease_is_told_and_the_seconds_of_one_are_not(lan: Lan) -> None:
    add_camera(lan)

    def lease(seconds: int) -> None:
        lan.ip(
            "ha", "addr", "replace", f"{ADDRESS}/24", "dev", "cam", "preferred_lft", str(seconds), "valid_lft", "900"
        )

    async def scenario() -> None:
        lease(300)
        changes = Changes()
        async with InterfaceWatch(changes, debounce=0.05):
            (address,) = changes.told[0]["cam"].addresses
            assert address.expires is not None
            assert abs(address.expires - datetime.now(UTC) - timedelta(seconds=300)) < timedelta(seconds=3)
            await asyncio.sleep(1.1)
            lan.ip("ha", "link", "set", "cam", "mtu", "1400")
            await asyncio.sleep(0.3)
            assert len(changes.told) == 1
            lease(600)
            (renewed,) = (await changes.until(lambda now: len(changes.told) == 2))["cam"].addresses
            assert renewed.expires is not None
            assert renewed.expires - address.expires > timedelta(seconds=295)

    lan.run_async("ha", scenario)


def test_lost_events_are_made_up_for(lan: Lan, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="custom_components.onvif_proxy.interfaces.events")

    async def scenario() -> None:
        changes = Changes()
        async with InterfaceWatch(changes, receive_buffer=1):
            # The loop stands still meanwhile, and more events come than the kernel keeps.
            for number in range(100, 120):
                lan.ip("ha", "addr", "add", f"{NETWORK}.{number}/32", "dev", "eth0")
            add_camera(lan)
            now = await changes.until(lambda now: "cam" in now)
            assert len(now["eth0"].addresses) == 21
            # And it goes on.
            lan.ip("ha", "link", "del", "cam")
            await changes.until(lambda now: "cam" not in now)

    lan.run_async("ha", scenario)
    assert "Events of interfaces were lost" in caplog.text
