"""Key frames put together from packets, as many of them as a recorder has reason to send."""

import pytest

from custom_components.onvif_proxy.relay.key_frame import MAX_KEY_FRAME, MAX_PARTS, KeyFrame, read_key_frame
from custom_components.onvif_proxy.rtsp import frame
from custom_components.onvif_proxy.sdp import MediaDescription, parse_sdp

from .scripted_recorder import SDP, packet

VIDEO, SOUND = 0, 2
SLICE = b"\x65a"


@pytest.fixture
def medium() -> MediaDescription:
    return parse_sdp(SDP).media[0]


def sliced(count: int) -> list[bytes]:
    """Return the packets of a picture of so many slices, in pieces."""
    packets = [frame(VIDEO, packet(number & 0xFFFF, 100, SLICE, marker=False)) for number in range(count - 1)]
    return [b"".join(packets), frame(VIDEO, packet(count & 0xFFFF, 100, SLICE))]


def test_a_picture_may_have_many_packets(medium: MediaDescription) -> None:
    found = read_key_frame(sliced(MAX_PARTS), VIDEO, medium)
    assert isinstance(found, KeyFrame)
    assert found.data.count(SLICE) == MAX_PARTS


def test_one_of_too_many_packets_is_none(medium: MediaDescription) -> None:
    assert read_key_frame(sliced(MAX_PARTS + 1), VIDEO, medium) is None


@pytest.mark.parametrize(("count", "found"), [(MAX_PARTS - 2, True), (MAX_PARTS - 1, False)])
def test_packets_of_other_channels_are_not_walked_for_ever(medium: MediaDescription, count: int, found: bool) -> None:
    sound = count * frame(SOUND, packet(1, 1, b"sound", kind=8))
    assert (read_key_frame([sound, *sliced(2)], VIDEO, medium) is not None) is found


@pytest.mark.parametrize(("count", "found"), [(MAX_PARTS, True), (MAX_PARTS + 1, False)])
def test_units_that_are_aggregated_count(medium: MediaDescription, count: int, found: bool) -> None:
    units = b"\0\x02" + SLICE
    packets = [b"\x78" + units * (count // 2), b"\x78" + units * (count - count // 2)]
    pieces = [frame(VIDEO, packet(number, 100, data, marker=bool(number))) for number, data in enumerate(packets)]
    assert (read_key_frame(pieces, VIDEO, medium) is not None) is found


def test_one_of_too_many_bytes_is_none(medium: MediaDescription) -> None:
    large = b"\x65" + bytes(60_000)
    count = MAX_KEY_FRAME // len(large)
    packets = [frame(VIDEO, packet(number, 100, large, marker=False)) for number in range(count)]
    assert read_key_frame([*packets[1:], frame(VIDEO, packet(count, 100, SLICE))], VIDEO, medium) is not None
    assert read_key_frame([*packets, frame(VIDEO, packet(count, 100, large))], VIDEO, medium) is None
