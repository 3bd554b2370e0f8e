"""What a DHCP server gives, and what of it is used."""

from ipaddress import IPv4Address, IPv4Interface
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces.dhcp import LeaseClient, _from_wire, _lease_class
from custom_components.onvif_proxy.interfaces.leases import Lease

from .test_leases import FOREVER, LEASE, MAC

ACK: dict[str, Any] = {
    "subnet_mask": "255.255.255.0",
    "router": ["192.168.1.1"],
    "lease_time": 3600,
    "server_id": "192.168.1.2",
}


def given(address: str = "192.168.1.201", **options: Any) -> Lease:
    """Return the lease that is made of an acknowledgement."""
    sent = {key: value for key, value in {**ACK, **options}.items() if value is not None}
    ack = {"yiaddr": address, "options": sent}
    return _from_wire(_lease_class(None)(ack=ack, interface="x", server_mac="00:1b:21:00:00:05", obtained=1_000_000.5))


def test_an_acknowledgement_is_a_lease() -> None:
    assert given() == LEASE


def test_the_first_router_of_the_network_counts() -> None:
    assert given(router=["10.0.0.1", "192.168.1.254", "192.168.1.1"]).gateway == IPv4Address("192.168.1.254")
    assert given(router=["10.0.0.1"]).gateway is None
    assert given(router=[]).gateway is None
    assert given(router=None).gateway is None


def test_all_ones_are_for_ever() -> None:
    # pyroute2 reads the number with a sign.
    assert given(lease_time=-1).seconds is None


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("0.0.0.0", {}),
        ("127.0.0.1", {}),
        ("224.0.0.1", {}),
        ("255.255.255.255", {}),
        ("192.168.1.0", {}),
        ("192.168.1.255", {}),
        ("192.168.1.201", {"subnet_mask": "255.255.255.255"}),
        ("192.168.1.201", {"subnet_mask": "255.0.255.0"}),
        ("192.168.1.201", {"subnet_mask": None}),
        ("192.168.1.201", {"server_id": None}),
        ("192.168.1.201", {"lease_time": None}),
        ("192.168.1.201", {"lease_time": 0}),
    ],
)
def test_what_no_camera_can_use_is_no_lease(address: str, options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, LookupError)):
        given(address, **options)


def test_pyroute2_is_told_the_remembered_lease() -> None:
    loaded = _lease_class(LEASE).load("x")
    assert (loaded.ip, loaded.prefixlen, loaded.server_id, loaded.server_mac) == (
        "192.168.1.201",
        24,
        "192.168.1.2",
        LEASE.server_mac,
    )
    assert _lease_class(None).load("x") is None


async def test_a_remembered_lease_is_adopted_only_while_it_is_valid() -> None:
    told: list[Lease | None] = []
    over = LeaseClient("x", MAC, told.append, remembered=LEASE)
    over.adopt()
    assert over.lease is None
    client = LeaseClient("x", MAC, told.append, remembered=FOREVER)
    client.adopt()
    client.adopt()
    assert client.lease == FOREVER
    assert told == [FOREVER]
    assert FOREVER.address == IPv4Interface("192.168.1.201/24")
    await client.close()


async def test_an_interface_that_is_not_there_is_tried_again_and_a_stop_leaves_nothing() -> None:
    client = LeaseClient("gone0", MAC, lambda lease: None, retry_after=0.01)
    client.start()
    client.start()
    await client.stop()
    await client.stop()
    await client.close()
