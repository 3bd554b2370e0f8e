"""Usual pictures: what is learned of them, and where they end. That a scanner sees the same with them is a matter of the fuzz tests."""

import pytest

from custom_components.onvif_proxy.relay.codecs import FINDERS
from custom_components.onvif_proxy.relay.runs import HEADERS, MOST_LEARNED, MOST_OPENINGS, Runs
from custom_components.onvif_proxy.rtsp import frame

from .scripted_recorder import packet
from .test_scanner import CODECS, H264

PAYLOAD = 100
STEP = HEADERS + PAYLOAD
BEGINS = H264["slice begins"].ljust(PAYLOAD, b"x")
GOES_ON = b"\x7c\x01".ljust(PAYLOAD, b"x")
TIME = 7


def of_picture(number: int, payload: bytes, *, channel: int = 0, time: int = TIME, marker: bool = False) -> bytes:
    """Return a frame with one of its packets."""
    return frame(channel, packet(number, time, payload, marker=marker))


def runs(*openings: bytes, step: int = STEP) -> Runs:
    """Return what has learned of a recorder."""
    learned = Runs(0)
    learned.learn_length(step)
    for opening in openings:
        learned.learn_opening(FINDERS["H264"], opening)
    return learned


def find(learned: Runs, *frames: bytes) -> tuple[int, tuple[bytes | None, ...]] | None:
    """Return where the run ends, and its groups."""
    data = bytearray(b"".join(frames))
    found = learned.find(data, 0, len(data))
    return None if found is None else (found.end(), found.groups())


FIRST, SECOND = of_picture(0, BEGINS), of_picture(1, GOES_ON)
EXTENDED = FIRST[:4] + b"\x90" + FIRST[5:]
LAST = of_picture(2, b"\x7c\x41end", marker=True)


def test_a_picture_is_found_with_the_headers_of_its_last_packet() -> None:
    end = 2 * STEP + HEADERS
    found = (TIME.to_bytes(4), BEGINS[:2], LAST[2:4], LAST[4:HEADERS])
    assert find(runs(BEGINS), FIRST, SECOND, LAST) == (end, found)
    assert find(runs(BEGINS), FIRST, SECOND, LAST[:HEADERS]) == (end, found)
    assert find(runs(), FIRST, SECOND, LAST) == (end, (found[0], None, *found[2:]))


@pytest.mark.parametrize(
    "other",
    [
        b"",
        LAST[: HEADERS - 1],
        of_picture(2, GOES_ON)[:-1],
        of_picture(2, GOES_ON, time=TIME + 1),
        of_picture(2, GOES_ON, channel=2),
        of_picture(2, GOES_ON[:-1]),
        of_picture(2, b"end", time=TIME + 1, marker=True),
        of_picture(2, b"end", channel=2, marker=True),
        b"RTSP/1.0 200 OK\r\n\r\n",
    ],
)
def test_it_ends_before_what_is_not_as_usual(other: bytes) -> None:
    assert find(runs(BEGINS), FIRST, SECOND, other) == (2 * STEP, (TIME.to_bytes(4), BEGINS[:2], None, None))


@pytest.mark.parametrize(
    "first",
    [of_picture(0, BEGINS, marker=True), of_picture(0, BEGINS, channel=2), of_picture(0, BEGINS[1:]), EXTENDED, b"$"],
)
def test_it_begins_with_nothing_else(first: bytes) -> None:
    assert find(runs(BEGINS), first, SECOND) is None
    assert find(Runs(0), FIRST, SECOND) is None


@pytest.mark.parametrize("encoding", CODECS)
def test_no_more_of_an_opening_is_kept_than_shows_what_it_is(encoding: str) -> None:
    for name, length in {"slice begins": {"H264": 2, "H265": 3}[encoding], "slice": 1}.items():
        unit = CODECS[encoding][name]
        learned = Runs(0)
        learned.learn_length(STEP)
        learned.learn_opening(FINDERS[encoding], unit)
        found = find(learned, of_picture(0, unit.ljust(PAYLOAD, b"x")))
        assert found is not None
        assert found[1][1] == unit[:length]


def test_what_needs_more_to_be_told_opens_nothing() -> None:
    slices = b"\x78\x00\x02\x41\x9a\x00\x02\x41\x9a".ljust(PAYLOAD, b"x")
    found = find(runs(slices), of_picture(0, slices))
    assert found is not None
    assert found[1][1] is None


def test_the_last_openings_are_kept() -> None:
    openings = [bytes((0x1C | importance, 0x81)) for importance in (0, 0x20, 0x40, 0x60)] + [b"\x41"]
    assert len(openings) > MOST_OPENINGS
    learned = runs(*openings)
    kept = [find(learned, of_picture(0, opening.ljust(PAYLOAD, b"x"))) for opening in openings]
    assert [None if one is None else one[1][1] for one in kept] == [None, *openings[1:]]


def test_a_recorder_can_not_have_patterns_made_for_ever() -> None:
    learned = Runs(0)
    made = set()
    for step in range(STEP, STEP + 10 * MOST_LEARNED):
        learned.learn_length(step)
        made.add(learned.find)
        learned.learn_opening(FINDERS["H264"], bytes((0x41 | step & 0x20,)))
        made.add(learned.find)
    assert len(made) == MOST_LEARNED
