"""Messages, their framing and their headers, of recorders and of viewers."""

from collections.abc import Hashable, Iterator, Sequence

from hypothesis import strategies as st

from custom_components.onvif_proxy.relay.fields import is_range, parse_session, parse_transports
from custom_components.onvif_proxy.relay.uris import at_authority, parse_location, parse_viewer_uri, resolve_control
from custom_components.onvif_proxy.rtsp import (
    DEFAULT_MAX_BODY,
    DEFAULT_MAX_HEADERS,
    DEFAULT_MAX_MESSAGE,
    InterleavedRun,
    RtspError,
    RtspFramer,
    RtspRequest,
    RtspResponse,
    frame,
)

from .corpus import RANGES, REQUESTS, RESPONSES, SESSIONS, TRANSPORTS, URIS
from .harness import holds
from .inputs import CUTS, pieces, texts, variants

FRAMES = (
    frame(0, b"\x80\x60\0\1\0\0\0\1\x12\x34\xab\xcd" + b"x" * 40) * 3,
    frame(1, b""),
    frame(2, b"$RTSP/1.0 200 OK\r\n\r\n"),
)

type Item = RtspRequest | RtspResponse | tuple[int, bytes]


def read(data: bytes, cuts: Sequence[int] | None = None) -> tuple[list[Item], bool]:
    """Return the messages and (channel, payload) of frames in a stream, cut as asked for, and whether that went well."""
    framer, items = RtspFramer(), []
    try:
        for piece in (data,) if cuts is None else pieces(data, cuts):
            for item in framer.feed(piece):
                items += [*_frames(item)] if isinstance(item, InterleavedRun) else [item]
            assert len(framer._rest) <= max(DEFAULT_MAX_MESSAGE + DEFAULT_MAX_BODY, 4 + 0xFFFF)
    except RtspError:
        return items, False
    return items, True


def _frames(run: InterleavedRun) -> Iterator[tuple[int, bytes]]:
    assert len(run.data) >= 4
    for channel, payload in run.frames():
        yield channel, bytes(payload)


@holds(found=variants(*REQUESTS, *RESPONSES, *FRAMES), cuts=CUTS)
def test_a_stream_is_the_same_in_any_pieces(found: list[bytes], cuts: list[int]) -> Iterator[Hashable]:
    for data in found:
        whole, good = read(data)
        yield data
        items, also_good = read(data, cuts)
        yield data, tuple(cuts)
        assert good == also_good
        # Nonsense hides what came with it in one piece.
        assert items == whole if good else items[: len(whole)] == whole


@holds(found=variants(*REQUESTS, *RESPONSES))
def test_what_was_read_can_be_written_and_read_again(found: list[bytes]) -> Iterator[Hashable]:
    for data in found:
        for item in read(data)[0]:
            if isinstance(item, tuple):
                continue
            assert len(item.body) <= DEFAULT_MAX_BODY
            assert len(item.headers) <= DEFAULT_MAX_HEADERS
            assert item.cseq is None or 0 <= item.cseq < 10**10
            assert not any(ord(c) < 32 and c != "\t" for _, value in item.headers.items() for c in value)
            (again,), good = read(item.to_bytes())
            assert good
            assert isinstance(again, type(item))
            assert again.body == item.body
            assert _without_length(again) == _without_length(item)
            if isinstance(item, RtspRequest) and isinstance(again, RtspRequest):
                assert (again.method, again.uri, again.version) == (item.method, item.uri, item.version)
            elif isinstance(item, RtspResponse) and isinstance(again, RtspResponse):
                assert again.status == item.status
        yield data


def _without_length(message: RtspRequest | RtspResponse) -> list[tuple[str, str]]:
    return [(name, value) for name, value in message.headers.items() if name.lower() != "content-length"]


@holds(found=texts(*URIS), base=st.sampled_from([uri for uri in URIS if uri.startswith("rtsp")]))
def test_uris(found: list[str], base: str) -> Iterator[Hashable]:
    for text in found:
        try:
            location = parse_location(text)
        except ValueError:
            pass
        else:
            assert 0 < location.port < 65536
            # Looking it up may fail, in no other way.
            location.host.encode("idna")
            assert "\0" not in location.host
            assert parse_location(location.uri) == location
            assert "@" not in location.authority
        target = parse_viewer_uri(text)
        if target is not None and target.track is not None:
            assert 0 <= target.track < 1000
        control = resolve_control(base, text)
        authority = parse_location(base).authority
        assert control.startswith((base.rstrip("/"), f"rtsp://{authority}"))
        assert at_authority(at_authority(text, "a"), "b") == at_authority(text, "b")
        yield text


@holds(found=texts(*TRANSPORTS, *SESSIONS, *RANGES))
def test_header_fields(found: list[str]) -> Iterator[Hashable]:
    for text in found:
        for transport in parse_transports(text):
            for pair, highest in ((transport.channels, 255), (transport.client_ports, 65535)):
                assert pair is None or (pair[0] != pair[1] and 0 <= min(pair) <= max(pair) <= highest)
            assert transport.ssrc is None or 0 <= int(transport.ssrc, 16) < 2**32
            assert not (transport.interleaved and transport.datagrams)
        session, timeout = parse_session(text)
        assert ";" not in session
        assert 0 < timeout < 1_000_000
        assert not is_range(text) or text.isascii()
        yield text
