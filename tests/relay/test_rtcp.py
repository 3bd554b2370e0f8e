"""RTCP keeps its numbers and loses its names."""

import struct

import pytest

from custom_components.onvif_proxy.relay.rtcp import anonymous


def packet(kind: int, count: int, body: bytes) -> bytes:
    """Return an RTCP packet; the body is a multiple of four bytes."""
    assert len(body) % 4 == 0
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


SENDER_REPORT = packet(200, 0, struct.pack("!IIIIII", 0x1234ABCD, 1, 2, 3, 4, 5))


def source_description(cname: bytes) -> bytes:
    """Return a source description of one source."""
    chunk = b"\x12\x34\xab\xcd" + bytes((1, len(cname))) + cname
    return packet(202, 1, chunk + b"\0" * (4 - len(chunk) % 4))


@pytest.mark.parametrize("cname", [b"", b"a", b"ab", b"abc", b"root@198.51.100.64"])
def test_names_are_blanked_in_place(cname: bytes) -> None:
    got = anonymous(SENDER_REPORT + source_description(cname))
    assert got == SENDER_REPORT + source_description(b"-" * len(cname))


def test_all_items_of_all_sources_are_blanked() -> None:
    chunk = b"\0\0\0\1" + b"\x01\x03abc" + b"\x06\x04tool" + b"\0"
    chunk += b"\0" * (-len(chunk) % 4)
    got = anonymous(packet(202, 2, chunk * 2))
    assert got == packet(202, 2, chunk.replace(b"abc", b"---").replace(b"tool", b"----") * 2)


def test_the_reason_of_a_bye_is_cut_off() -> None:
    assert anonymous(packet(203, 1, b"\0\0\0\1" + b"\x03bye")) == packet(203, 1, b"\0\0\0\1")


def test_application_packets_are_left_out() -> None:
    assert anonymous(SENDER_REPORT + packet(204, 0, b"\0\0\0\1SECRET!!")) == SENDER_REPORT


@pytest.mark.parametrize(
    "malformed",
    [
        packet(202, 1, b"\0\0\0\1\x01\xffab"),
        packet(202, 31, b"\0\0\0\1\x01\x02ab"),
        packet(202, 1, b"\0\0\0\1\x01\x02ab"),
        packet(203, 9, b"\0\0\0\1"),
        b"\x80\xca\xff\xffcut short",
        b"\x80\xca",
    ],
)
def test_what_is_malformed_is_left_out(malformed: bytes) -> None:
    assert anonymous(SENDER_REPORT + malformed) == SENDER_REPORT
