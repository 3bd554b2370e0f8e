"""Which clients come over a router, and for how long that is remembered."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from custom_components.onvif_proxy.foreign_clients import ForeignClients, networks_of_host
from custom_components.onvif_proxy.interfaces import Interface, InterfaceAddress

FIRST, SECOND, THIRD = (IPv4Address(f"192.0.2.{number}") for number in (1, 2, 3))
MEMORY = 100.0


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


@pytest.fixture
def clients() -> ForeignClients:
    """A memory with room for two."""
    return ForeignClients(MEMORY, limit=2)


def forget_until(clients: ForeignClients, now: float) -> bool:
    return clients.forget(lambda _, end: end <= now)


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


def test_only_the_first_sighting_is_news(clients: ForeignClients) -> None:
    assert clients.see(FIRST, 0.0)
    assert not clients.see(FIRST, 1.0)
    assert clients.addresses == {FIRST}


def test_each_is_forgotten_after_it_was_last_seen(clients: ForeignClients) -> None:
    assert clients.next_end is None
    clients.see(FIRST, 0.0)
    clients.see(SECOND, 10.0)
    clients.see(FIRST, 20.0)
    assert clients.next_end == 10.0 + MEMORY
    assert not forget_until(clients, 109.9)
    assert forget_until(clients, 110.0)
    assert clients.addresses == {FIRST}
    assert clients.next_end == 20.0 + MEMORY


def test_what_is_too_many_is_not_remembered_until_there_is_room(clients: ForeignClients) -> None:
    clients.see(FIRST, 0.0)
    clients.see(SECOND, 1.0)
    assert not clients.see(THIRD, 2.0)
    assert clients.addresses == {FIRST, SECOND}
    assert not clients.see(FIRST, 3.0)
    assert forget_until(clients, 1.0 + MEMORY)
    assert clients.see(THIRD, 4.0)
    assert clients.addresses == {FIRST, THIRD}
