"""Which clients come over a router, and for how long that is remembered."""

import asyncio
from ipaddress import IPv4Address, IPv4Network

from custom_components.onvif_proxy.foreign_clients import ForeignClients, networks_of_host
from custom_components.onvif_proxy.interfaces import Interface, InterfaceAddress

FIRST, SECOND, THIRD = (IPv4Address(f"192.0.2.{number}") for number in (1, 2, 3))
HERE = IPv4Network("198.51.100.0/24")
HOST = IPv4Network("192.0.2.9/32")


def interface(kind: str | None, *addresses: tuple[str, int]) -> Interface:
    return Interface(
        name="one",
        mac="02:00:00:00:00:01",
        kind=kind,
        parent=None,
        up=True,
        alias=None,
        addresses=tuple(
            InterfaceAddress(address=address, prefix_length=prefix_length) for address, prefix_length in addresses
        ),
    )


class Changes:
    """Foreign clients with room for two, and what they were at each change."""

    def __init__(self, memory: float = 3600.0, *, own: IPv4Network | None = HOST) -> None:
        self.told: list[frozenset[IPv4Address]] = []
        self._changed = asyncio.Event()
        self.clients = ForeignClients(None if own is None else lambda: [own], self._change, memory=memory, limit=2)
        self.clients.set_network(HERE)

    def _change(self) -> None:
        self.told.append(self.clients.addresses)
        self._changed.set()

    def see(self, *clients: IPv4Address) -> None:
        for client in clients:
            self.clients.see(str(client))

    async def until(self, *clients: IPv4Address) -> None:
        """Wait until these are remembered, and no others."""
        async with asyncio.timeout(5):
            while self.clients.addresses != set(clients):
                self._changed.clear()
                await self._changed.wait()


def test_the_host_is_its_addresses_its_bridges_and_loopback() -> None:
    interfaces = [
        interface(None, ("127.0.0.1", 8)),
        interface(None, ("192.168.1.5", 24), ("192.168.2.5", 24)),
        interface("bridge", ("172.30.32.1", 23)),
        interface("macvlan"),
    ]
    assert [str(one) for one in networks_of_host(interfaces)] == [
        "127.0.0.0/8",
        "192.168.1.5/32",
        "192.168.2.5/32",
        "172.30.32.0/23",
    ]
    assert IPv4Address("172.30.33.7") in IPv4Network("172.30.32.0/23")


async def test_only_the_first_sighting_is_news() -> None:
    changes = Changes()
    changes.see(FIRST, FIRST, SECOND, FIRST)
    assert changes.told == [{FIRST}, {FIRST, SECOND}]
    changes.clients.forget_all()
    assert changes.told[-1] == frozenset()


async def test_who_is_on_the_link_or_this_host_is_not_foreign() -> None:
    changes = Changes()
    changes.see(IPv4Address("198.51.100.7"), IPv4Address("192.0.2.9"))
    assert changes.told == []


async def test_without_networks_of_the_host_nobody_is_foreign() -> None:
    changes = Changes(own=None)
    changes.see(FIRST)
    assert changes.told == []


async def test_who_is_in_the_new_network_is_foreign_no_more() -> None:
    changes = Changes()
    changes.see(FIRST, SECOND)
    changes.clients.set_network(IPv4Network("192.0.2.2/32"))
    assert changes.told[-1] == {FIRST}
    changes.clients.forget_all()


async def test_each_is_forgotten_after_it_was_last_seen() -> None:
    changes = Changes(memory=0.05)
    changes.see(FIRST, SECOND)
    await changes.until()
    assert changes.told[0] == {FIRST}
    changes.see(FIRST)
    await changes.until(FIRST)
    await changes.until()


async def test_what_is_too_many_is_not_remembered_until_there_is_room() -> None:
    changes = Changes(memory=0.05)
    changes.see(FIRST, SECOND, THIRD)
    assert changes.clients.addresses == {FIRST, SECOND}
    await changes.until()
    changes.see(THIRD)
    assert changes.clients.addresses == {THIRD}
    changes.clients.forget_all()
