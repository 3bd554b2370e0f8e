"""What a viewer gets of media: other channels, tracks left out, numbers that go on."""

import struct

import pytest

from custom_components.onvif_proxy.relay.frames import HEADER, rtp_header
from custom_components.onvif_proxy.relay.passage import Continuation, Passage
from custom_components.onvif_proxy.rtsp import frame

from .scripted_recorder import packet
from .test_rtcp import SENDER_REPORT

BOTH = {1: (0, 1), 2: (2, 3)}


def test_media_passes_untouched_where_the_channels_are_the_same() -> None:
    piece = frame(0, b"media $\x00") + frame(2, b"sound")
    assert Passage(BOTH, BOTH).translate(piece) is piece


def test_channels_are_renumbered_and_tracks_left_out() -> None:
    piece = frame(0, b"one") + frame(0, b"two") + frame(2, b"sound") + frame(0, b"three")
    assert Passage(BOTH, {1: (8, 9)}).translate(piece) == frame(8, b"one") + frame(8, b"two") + frame(8, b"three")
    assert Passage(BOTH, {2: (0, 1)}).translate(piece) == frame(0, b"sound")


def test_tracks_may_change_places() -> None:
    piece = frame(0, b"video" * 300) * 20 + frame(2, b"sound")
    swapped = Passage(BOTH, {1: (2, 3), 2: (0, 1)}).translate(piece)
    assert swapped == frame(2, b"video" * 300) * 20 + frame(0, b"sound")


def test_reports_go_to_the_channel_of_their_track() -> None:
    passage = Passage(BOTH, {2: (0, 1)})
    assert passage.report(3, SENDER_REPORT) == frame(1, SENDER_REPORT)
    assert passage.report(1, SENDER_REPORT) == b""


@pytest.mark.parametrize("sizes", [(10, 10, 10), (10, 20, 10)], ids=["of one length", "of several lengths"])
def test_after_a_reconnect_numbers_go_on_under_the_same_source(sizes: tuple[int, ...]) -> None:
    passage = Passage(BOTH, BOTH, {1: Continuation(0xFFFF, 0xFFFFFF00, 0xAABBCCDD)})
    packets = [packet(500 + number, 90000 + 0x80 * number, b"x" * size) for number, size in enumerate(sizes)]
    sound = frame(2, packet(1, 1, b"sound"))
    got = passage.translate(b"".join(frame(0, item) for item in packets) + sound)
    position = HEADER
    seen = []
    for size in sizes:
        header = rtp_header(got, position)
        seen.append((header.sequence, header.timestamp, header.ssrc))
        position += 12 + size + HEADER
    assert seen == [(0xFFFF, 0xFFFFFF00, 0xAABBCCDD), (0, 0xFFFFFF80, 0xAABBCCDD), (1, 0, 0xAABBCCDD)]
    assert got.endswith(sound)


def test_reports_after_a_reconnect_are_of_the_same_source_and_clock() -> None:
    passage = Passage(BOTH, BOTH, {1: Continuation(8, 1000, 0xAABBCCDD)})
    assert passage.report(1, SENDER_REPORT) == b""
    passage.translate(frame(0, packet(1, 400, b"x")))
    report = passage.report(1, SENDER_REPORT)
    assert struct.unpack_from("!I", report, 8) == (0xAABBCCDD,)
    assert struct.unpack_from("!III", report, 12) == (1, 2, 3 + 600)
