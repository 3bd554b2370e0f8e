"""ARP frames as they are on the wire."""

from ipaddress import IPv4Address

import pytest

from custom_components.onvif_proxy.interfaces.arp import ArpMessage, announcement_of, claims, parse, probe_of

OURS = "02:00:00:00:00:01"
THEIRS = "00:1b:21:00:00:05"
ADDRESS = IPv4Address("192.168.1.201")
NOBODY = IPv4Address("0.0.0.0")
REPLY = bytes.fromhex("020000000001 001b21000005 0806 0001 0800 06 04 0002 001b21000005 c0a801c9 020000000001 00000000")


def test_a_probe_asks_without_claiming() -> None:
    assert probe_of(OURS, ADDRESS) == bytes.fromhex(
        "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 00000000 000000000000 c0a801c9"
    )


def test_an_announcement_claims() -> None:
    assert announcement_of(OURS, ADDRESS) == bytes.fromhex(
        "ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 c0a801c9 000000000000 c0a801c9"
    )


def test_an_answer_is_read_with_and_without_padding() -> None:
    message = ArpMessage(operation=2, sender_mac=THEIRS, sender=ADDRESS, target=NOBODY)
    assert parse(REPLY) == message
    assert parse(REPLY + bytes(18)) == message


@pytest.mark.parametrize(
    "frame",
    [b"", REPLY[:41], *(REPLY[:at] + b"\x99" + REPLY[at + 1 :] for at in (12, 13, 14, 15, 16, 17, 18, 19))],
    ids=["empty", "short", "type", "type2", "hrd", "hrd2", "pro", "pro2", "hln", "pln"],
)
def test_what_is_not_arp_for_ipv4_is_nothing(frame: bytes) -> None:
    assert parse(frame) is None


@pytest.mark.parametrize(
    ("operation", "mac", "sender", "target", "before_use", "in_use"),
    [
        (2, THEIRS, ADDRESS, NOBODY, True, True),
        (1, THEIRS, ADDRESS, ADDRESS, True, True),
        (1, THEIRS, ADDRESS, IPv4Address("192.168.1.1"), True, True),
        (1, THEIRS, NOBODY, ADDRESS, True, False),
        (1, THEIRS, IPv4Address("192.168.1.1"), ADDRESS, False, False),
        (2, THEIRS, NOBODY, ADDRESS, False, False),
        (1, OURS, ADDRESS, ADDRESS, False, False),
        (1, OURS, NOBODY, ADDRESS, False, False),
    ],
)
def test_who_claims_an_address(
    operation: int, mac: str, sender: IPv4Address, target: IPv4Address, before_use: bool, in_use: bool
) -> None:
    message = ArpMessage(operation=operation, sender_mac=mac, sender=sender, target=target)
    assert claims(message, OURS, ADDRESS, in_use=False) is before_use
    assert claims(message, OURS, ADDRESS, in_use=True) is in_use
