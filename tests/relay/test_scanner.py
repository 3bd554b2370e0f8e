"""Recorders' bytes: whole frames, and where groups of pictures begin, however they are cut."""

import random

import pytest

from custom_components.onvif_proxy.relay.codecs import FINDERS
from custom_components.onvif_proxy.relay.plane import READ_AHEAD
from custom_components.onvif_proxy.relay.scanner import Cut, Scanner
from custom_components.onvif_proxy.rtsp import frame

from .scripted_recorder import packet

H264 = {
    "sps": b"\x67\x4d\x00",
    "pps": b"\x68\xee",
    "idr": b"\x65\x88\x80",
    "slice": b"\x41\x9a\x00",
    "idr begins": b"\x7c\x85\x88",
    "idr goes on": b"\x7c\x05\x88",
    "slice begins": b"\x7c\x81\x88",
    "aggregated parameters": b"\x78\x00\x03\x67\x4d\x00\x00\x02\x68\xee",
    "aggregated key frame": b"\x78\x00\x02\x67\x4d\x00\x03\x65\x88\x80",
}
H265 = {
    "sps": b"\x42\x01\x01",
    "pps": b"\x44\x01\xc1",
    "idr": b"\x26\x01\xaf",
    "slice": b"\x02\x01\xd0",
    "idr begins": b"\x62\x01\x93\xaf",
    "idr goes on": b"\x62\x01\x13\xaf",
    "slice begins": b"\x62\x01\x81\xaf",
    "aggregated parameters": b"\x60\x01\x00\x03\x40\x01\x0c\x00\x03\x42\x01\x01",
    "aggregated key frame": b"\x60\x01\x00\x03\x42\x01\x01\x00\x03\x26\x01\xaf",
}
CODECS = {"H264": H264, "H265": H265}


def scanner(encoding: str = "H264") -> Scanner:
    """Return one for video on channel 0 and sound on 2."""
    return Scanner(video=0, look=FINDERS[encoding], media=(0, 2))


def scan(scan_with: Scanner, data: bytes, start: int = 0) -> int:
    """Scan as from a socket's buffer."""
    return scan_with.scan(bytearray(data + bytes(READ_AHEAD)), start, len(data))


def cuts(encoding: str, *payloads: tuple[int, bytes]) -> list[tuple[int, Cut]]:
    """Return (number of the packet, cut) for (timestamp, payload) of video packets."""
    frames = [frame(0, packet(number, time, payload)) for number, (time, payload) in enumerate(payloads)]
    found = scanner(encoding)
    data = b"".join(frames)
    assert scan(found, data) == len(data)
    starts = [sum(map(len, frames[:number])) for number in range(len(frames))]
    return [(starts.index(position), cut) for position, cut in found.cuts]


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("key", ["idr", "idr begins"])
def test_a_group_begins_with_the_parameters_of_its_key_frame(encoding: str, key: str) -> None:
    units = CODECS[encoding]
    got = cuts(
        encoding, (1, units["slice"]), (2, units["sps"]), (2, units["pps"]), (2, units[key]), (3, units["slice"])
    )
    assert got == [(1, Cut.PARAMETERS), (3, Cut.CONFIRMED)]


@pytest.mark.parametrize("encoding", CODECS)
def test_aggregated_parameters_count_as_well(encoding: str) -> None:
    units = CODECS[encoding]
    got = cuts(encoding, (1, units["aggregated parameters"]), (1, units["idr begins"]), (1, units["idr goes on"]))
    assert got == [(0, Cut.PARAMETERS), (1, Cut.CONFIRMED)]


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("key", ["idr", "idr begins", "aggregated key frame"])
def test_a_key_frame_needs_no_parameters(encoding: str, key: str) -> None:
    units = CODECS[encoding]
    assert cuts(encoding, (1, units["slice begins"]), (2, units[key])) == [(1, Cut.KEY)]


@pytest.mark.parametrize("encoding", CODECS)
def test_slices_of_one_key_frame_begin_one_group(encoding: str) -> None:
    units = CODECS[encoding]
    assert cuts(encoding, (1, units["idr"]), (1, units["sps"]), (1, units["idr"]), (2, units["idr"])) == [
        (0, Cut.KEY),
        (3, Cut.KEY),
    ]


@pytest.mark.parametrize("encoding", CODECS)
def test_parameters_before_another_picture_begin_nothing(encoding: str) -> None:
    units = CODECS[encoding]
    assert cuts(encoding, (1, units["sps"]), (1, units["slice"])) == [(0, Cut.PARAMETERS), (1, Cut.REFUTED)]


def test_a_key_frame_among_packets_of_its_length_is_found() -> None:
    middle = [(1, b"\x7c\x01" + b"x" * 300)] * 20
    got = cuts("H264", *middle, (2, b"\x7c\x85" + b"y" * 300), *middle)
    assert got == [(20, Cut.KEY)]


def test_extensions_and_contributing_sources_are_passed_over() -> None:
    header = bytes((0x92,)) + packet(1, 5, b"")[1:] + b"\0" * 8 + b"\xab\xcd\x00\x01" + b"\0" * 4
    found = scanner()
    scan(found, frame(0, header + H264["idr"]))
    assert found.cuts == [(0, Cut.KEY)]


@pytest.mark.parametrize(
    ("encoding", "first", "later"),
    [
        ("JPEG", b"\0\0\0\0\1\x5f\x28\x1e", b"\0\0\x05\x78\1\x5f\x28\x1e"),
        ("MP4V-ES", b"\0\0\1\xb6\x10", b"\0\0\1\xb6\x50"),
    ],
)
def test_pictures_of_older_encodings_are_told_apart(encoding: str, first: bytes, later: bytes) -> None:
    assert cuts(encoding, (1, first), (2, later), (3, first)) == [(0, Cut.KEY), (2, Cut.KEY)]


def test_pictures_are_counted_by_their_markers() -> None:
    found = scanner()
    same = [packet(number, 1, b"x" * 50, marker=number % 10 == 9) for number in range(100)]
    scan(found, b"".join(frame(0, item) for item in same) + frame(0, packet(1, 1, b"y")) + frame(2, packet(1, 1, b"z")))
    assert found.pictures == 11


def test_it_stops_at_what_is_no_media() -> None:
    media = frame(0, packet(1, 1, b"x")) + frame(2, packet(1, 1, b"sound"))
    for other in (frame(1, b"report"), frame(9, b"unknown"), b"RTSP/1.0 200 OK\r\n"):
        found = scanner()
        assert scan(found, media + other + media) == len(media)
        assert found.whole


def test_it_stops_at_what_is_not_whole() -> None:
    media = frame(0, packet(1, 1, b"x"))
    for length in range(1, len(media)):
        found = scanner()
        assert scan(found, media + media[:length]) == len(media)
        assert not found.whole


def test_the_last_header_of_each_channel_is_known() -> None:
    found = scanner()
    last, sound = packet(9, 7, b"y" * 40), packet(3, 4, b"sound")
    scan(found, frame(0, packet(8, 7, b"x" * 40)) + frame(0, last) + frame(2, sound))
    assert found.tails == {0: last[:12], 2: sound[:12]}


def test_pieces_of_any_size_give_the_same() -> None:
    chance = random.Random(2)
    payloads = [chance.choice((*H264.values(), b"\x7c\x01" + b"x" * 100, b"")) for _ in range(400)]
    frames = [
        frame(chance.choice((0, 0, 0, 2)), packet(number, number // 3, payload))
        for number, payload in enumerate(payloads)
    ]
    stream = b"".join(frames)
    whole = scanner()
    assert scan(whole, stream) == len(stream)
    pieces, position, rest, found = scanner(), 0, b"", []
    while position < len(stream):
        size = chance.randrange(1, 700)
        data = rest + stream[position : position + size]
        base = position - len(rest)
        end = scan(pieces, data)
        found += [(base + at, cut) for at, cut in pieces.cuts]
        rest = data[end:]
        position += size
    assert found == whole.cuts
    assert (pieces.pictures, pieces.tails, rest) == (whole.pictures, whole.tails, b"")


@pytest.mark.parametrize("payloads", [(b"", b""), (b"a", b"b"), (packet(1, 1, b"x"), packet(1, 1, b"x"))])
def test_tiny_frames_that_differ_are_each_compared_with_few(payloads: tuple[bytes, bytes]) -> None:
    compared = 0

    class Counted(bytearray):
        """Counts the bytes that are taken out."""

        def __getitem__(self, key: object) -> object:
            nonlocal compared
            found = super().__getitem__(key)  # type: ignore[index]  # whatever was asked for
            compared += len(found) if isinstance(found, (bytes, bytearray)) else 1
            return found

    data = (frame(0, payloads[0]) + frame(2, payloads[1])) * 5000
    found = scanner()
    assert found.scan(Counted(data + bytes(READ_AHEAD)), 0, len(data)) == len(data)
    assert compared < 10_000 * 1500


def test_noise_harms_nobody() -> None:
    chance = random.Random(3)
    for encoding in FINDERS:
        found = scanner(encoding)
        for _ in range(300):
            noise = b"".join(
                frame(chance.choice((0, 2)), chance.randbytes(chance.choice((0, 1, 11, 12, 13, 14, 20, 60))))
                for _ in range(chance.randrange(8))
            )
            assert scan(found, noise) == len(noise)
