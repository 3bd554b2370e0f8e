"""RTCP of both sides."""

from collections.abc import Hashable, Iterator
import struct

from hypothesis import strategies as st

from custom_components.onvif_proxy.relay.rtcp import anonymous, empty_receiver_report, is_sender_report, renumbered
from tests.relay.test_rtcp import SENDER_REPORT, packet, source_description

from .harness import holds
from .inputs import SEEDS, rearranged, variants

BYE = packet(203, 1, b"\x12\x34\xab\xcd" + b"\x07goodbye")
SILENT_BYE = packet(203, 1, b"\x12\x34\xab\xcd")
CORPUS = (
    SENDER_REPORT,
    SENDER_REPORT + source_description(b"root@192.0.2.64"),
    empty_receiver_report(0x1234ABCD) + BYE,
    packet(204, 0, b"\x12\x34\xab\xcdnameDATA") + packet(206, 1, b"\x12\x34\xab\xcd" * 2),
    bytes((0xA1, 203, 0, 3)) + b"\x12\x34\xab\xcd\x03end\0\0\0\4",
)


def packets(compound: bytes) -> list[bytes]:
    """Take a well-formed compound apart."""
    found = []
    while compound:
        size = 4 + 4 * struct.unpack_from("!H", compound, 2)[0]
        assert size <= len(compound)
        found.append(compound[:size])
        compound = compound[size:]
    return found


@holds(found=variants(*CORPUS, longest=3000))
def test_what_is_passed_on_is_well_formed_and_tells_no_more_than_before(found: list[bytes]) -> Iterator[Hashable]:
    for compound in found:
        kept = anonymous(compound)
        assert {one[1] for one in packets(kept)} <= {200, 201, 202, 203, 205, 206}
        assert len(kept) <= len(compound)
        assert anonymous(kept) == kept
        assert anonymous(memoryview(compound)) == kept
        changed = renumbered(compound, 0xAABBCCDD, -12345)
        for one in packets(changed):
            assert one[4:8] == b"\xaa\xbb\xcc\xdd"
        assert is_sender_report(compound) in (True, False)
        yield compound


TEXTS = st.lists(st.tuples(st.integers(1, 8), st.binary(max_size=60)), max_size=4)


@holds(drawn=st.lists(TEXTS, min_size=1, max_size=4), seed=SEEDS)
def test_no_text_of_a_source_is_left(drawn: list[list[tuple[int, bytes]]], seed: int) -> Iterator[Hashable]:
    for items in rearranged(drawn, seed):
        compound = descriptions(items)
        blank = descriptions([[(kind, b"-" * len(text)) for kind, text in texts] for texts in items])
        assert packets(anonymous(SENDER_REPORT + compound + BYE)) == [SENDER_REPORT, blank, SILENT_BYE]
        yield compound


def descriptions(items: list[list[tuple[int, bytes]]]) -> bytes:
    """Return a packet that describes sources, each by items of (kind, text) (RFC 3550 section 6.5)."""
    chunks = b""
    for number, texts in enumerate(items):
        chunk = number.to_bytes(4) + b"".join(bytes((kind, len(text))) + text for kind, text in texts)
        chunks += chunk + b"\0" * (4 - len(chunk) % 4)
    return packet(202, len(items), chunks)
