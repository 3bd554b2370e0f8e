"""Descriptions by hostile recorders, and what viewers get of them."""

from collections.abc import Hashable, Iterator

from custom_components.onvif_proxy.relay.description import describe, offered_tracks
from custom_components.onvif_proxy.relay.key_frame import read_key_frame
from custom_components.onvif_proxy.sdp import (
    DEFAULT_MAX_LENGTH,
    DEFAULT_MAX_MEDIA,
    SdpError,
    onvif_codec,
    parse_sdp,
    picture_size,
)
from custom_components.onvif_proxy.sps import MAX_SIZE, h264_picture_size, h265_picture_size

from .corpus import DESCRIPTIONS, SEQUENCE_PARAMETERS
from .harness import holds
from .inputs import variants


@holds(found=variants(*DESCRIPTIONS))
def test_a_description_is_read_and_told_to_viewers(found: list[bytes]) -> Iterator[Hashable]:
    for text in found:
        yield text
        try:
            session = parse_sdp(text)
        except SdpError:
            continue
        assert len(session.media) <= DEFAULT_MAX_MEDIA
        for medium in session.media:
            assert set(medium.payload_types) <= set(range(128))
            assert len(medium.payload_types) <= 128
            assert 0 <= medium.clock_rate < 10**9
            assert medium.framerate is None or 0 < medium.framerate <= 1000
            size = picture_size(medium)
            assert size is None or all(0 < side <= MAX_SIZE for side in size)
            assert read_key_frame((), 0, medium) is None
            assert medium.encoding or onvif_codec(medium) is None
        tracks = offered_tracks(session)
        told = describe(session, tracks, name="Camera", address="192.0.2.7")
        again = parse_sdp(told, max_length=2 * DEFAULT_MAX_LENGTH, max_lines=2000)
        assert again.control == "*"
        assert [medium.control for medium in again.media] == [f"trackID={number}" for number in tracks]
        for ours, theirs in zip(again.media, tracks.values(), strict=True):
            assert (ours.kind, ours.payload_types, ours.protocol) == (theirs.kind, theirs.payload_types, "RTP/AVP")
        # No address of the recorder, nor any other.
        assert b"://" not in told


@holds(found=variants(*SEQUENCE_PARAMETERS, longest=1100))
def test_a_parameter_set_has_a_possible_size_or_none(found: list[bytes]) -> Iterator[Hashable]:
    for unit in found:
        for size in (h264_picture_size(unit), h265_picture_size(unit)):
            assert size is None or all(0 < side <= MAX_SIZE for side in size)
        yield unit
