"""Media of hostile recorders, against a naive reading: one frame after the other, an object each."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
import itertools
import random
import struct
from typing import Any

from hypothesis import strategies as st

from custom_components.onvif_proxy.relay.codecs import FINDERS, Sight
from custom_components.onvif_proxy.relay.frames import (
    MOST_ALIKE,
    RtpHeader,
    ends_picture,
    equal_frames,
    first_headers,
    rtp_header,
    rtp_payload,
    spans,
)
from custom_components.onvif_proxy.relay.groups import GroupBuffer
from custom_components.onvif_proxy.relay.key_frame import KeyFrame, read_key_frame
from custom_components.onvif_proxy.relay.passage import Continuation, Passage
from custom_components.onvif_proxy.relay.plane import READ_AHEAD
from custom_components.onvif_proxy.relay.scanner import Cut, Scanner
from custom_components.onvif_proxy.rtsp import frame
from custom_components.onvif_proxy.sdp import parse_sdp
from tests.relay.scripted_recorder import packet
from tests.relay.test_scanner import CODECS

from .harness import holds
from .inputs import CUTS, NASTY, SEEDS, pieces, rearranged, variants

VIDEO, SOUND, REPORTS = 0, 2, 1
HEADER, RTP_HEADER = 4, 12
SHORTEST_LOOK = HEADER + RTP_HEADER + 1
UNITS = {
    **{name: tuple(units.values()) for name, units in CODECS.items()},
    "JPEG": (b"\0\0\0\0\1\x5f\x28\x1e", b"\0\0\x05\x78\1\x5f\x28\x1e"),
    "MP4V-ES": (b"\0\0\1\xb6\x10", b"\0\0\1\xb6\x50", b"\0\0\1\xb0\x01", b"\0\0\1\xb3\x00", b"\0\0\1\x20\x00"),
}


def _payloads(encoding: str) -> st.SearchStrategy[bytes]:
    units = st.sampled_from(UNITS[encoding])
    return st.one_of(
        units,
        # A picture's packets are all of one length, but for the last.
        st.tuples(units, st.sampled_from((1, 5, 200))).map(lambda drawn: drawn[0] + b"x" * drawn[1]),
        st.tuples(units, st.sampled_from(NASTY)).map(lambda drawn: drawn[0][:1] + drawn[1][:300]),
        st.binary(max_size=12),
    )


def _packets(encoding: str) -> st.SearchStrategy[bytes]:
    """Draw RTP, with all that its header may have, or something that is shorter."""

    def make(drawn: tuple[bytes, int, int, int, bool]) -> bytes:
        payload, sequence, time, first, marker = drawn
        made = packet(sequence, time, payload, marker=marker)
        return bytes((first,)) + made[1:]

    first = st.sampled_from((0x80, 0x80, 0x80, 0x80, 0x81, 0x90, 0xA0, 0xBF, 0x00))
    whole = st.tuples(
        _payloads(encoding), st.integers(0, 0xFFFF), st.sampled_from((0, 1, 2, 0xFFFFFFFF)), first, st.booleans()
    ).map(make)
    return st.one_of(whole, whole, whole, st.binary(max_size=16))


@st.composite
def streams(draw: st.DrawFn, encoding: str | None = None, *, others: bool = False) -> tuple[str, list[bytes]]:
    """Draw an encoding and frames; with `others` also such as are no media, and what is no frame."""
    encoding = encoding or draw(st.sampled_from(tuple(UNITS)))
    channels = (VIDEO, VIDEO, VIDEO, SOUND, *((REPORTS, 77) if others else ()))
    one = st.tuples(st.sampled_from(channels), _packets(encoding), st.sampled_from((*[1] * 8, 2, 2, 3, 3, 30, 30, 300)))
    runs = draw(st.lists(one, max_size=12))
    frames = [frame(channel, data) for channel, data, count in runs for _ in range(count)]
    if others and draw(st.booleans()):
        frames.insert(
            draw(st.integers(0, len(frames))), draw(st.sampled_from((b"RTSP/1.0 200 OK\r\n\r\n", b"\0", b"$")))
        )
    return encoding, frames


def recording(encoding: str, chance: random.Random) -> list[bytes]:
    """Make pictures as a recorder cuts them, packets of few lengths and a shorter last one, with what may befall them."""
    lengths, time, frames = [chance.randrange(1, 60) for _ in range(2)], 0, []
    for _ in range(20):
        time += chance.random() < 0.9
        unit, length, count = chance.choice(UNITS[encoding]), chance.choice(lengths), chance.choice((1, 2, 3, 6))
        for number in range(count):
            last = number == count - 1
            payload = (unit if number == 0 else unit[:2]) + bytes(60)
            payload = payload[: chance.randrange(length + 1) if last and chance.random() < 0.7 else length]
            marker = chance.random() < (0.9 if last else 0.03)
            strange = chance.random() < 0.03
            other = packet(number, time + (chance.random() < 0.03), payload, marker=marker)
            first = chance.choice((0x81, 0x90, 0xA0)) if strange else 0x80
            frames.append(frame(SOUND if chance.random() < 0.03 else VIDEO, bytes((first,)) + other[1:]))
            if chance.random() < 0.02:
                frames.append(frame(VIDEO, other[: chance.randrange(14)]))
    return frames


# The naive reading.


def naive_frames(data: bytes) -> list[tuple[int, int, int]]:
    """Return (position, channel, length with header) of the whole frames that data begins with."""
    found, position = [], 0
    while position + HEADER <= len(data) and data[position] == 0x24:
        _, channel, length = struct.unpack_from("!BBH", data, position)
        if position + HEADER + length > len(data):
            break
        found.append((position, channel, HEADER + length))
        position += HEADER + length
    return found


@dataclass
class Seen:
    """What a scanner tells."""

    end: int
    cuts: list[tuple[int, Cut]]
    pictures: int
    tails: dict[int, bytes]


def naive_scan(encoding: str, data: bytes) -> Seen:
    """Look at every packet, until it is known what its picture is."""
    seen = Seen(0, [], 0, {})
    pending, key_time, known = False, -1, -1
    for position, channel, step in naive_frames(data):
        if channel not in (VIDEO, SOUND):
            break
        seen.end = position + step
        if step < SHORTEST_LOOK:
            continue
        seen.tails[channel] = data[position + HEADER : position + HEADER + RTP_HEADER]
        if channel != VIDEO:
            continue
        marker = data[position + HEADER + 1] >> 7
        seen.pictures += marker
        begin, end = naive_payload(data[position + HEADER : position + step])
        payload = data[position + HEADER + begin : position + HEADER + end]
        time = int.from_bytes(data[position + HEADER + 4 : position + HEADER + 8])
        sight = Sight.NOTHING
        if time != known and begin < end:
            sight = FINDERS[encoding](payload, 0, len(payload))
            known = time if sight in (Sight.KEY, Sight.OTHER) else known
        known = -1 if marker else known
        cut = None
        if sight is Sight.KEY:
            cut = Cut.CONFIRMED if pending else Cut.KEY if time != key_time else None
            key_time = time
        elif sight is Sight.PARAMETERS and not pending and time != key_time:
            cut = Cut.PARAMETERS
        elif sight is Sight.OTHER and pending:
            cut = Cut.REFUTED
        if cut is not None:
            pending = cut is Cut.PARAMETERS
            seen.cuts.append((position, cut))
    return seen


def picture_by_picture(frames: list[bytes]) -> Iterator[bytes]:
    """Yield frames with other timestamps, none of which comes again after another: a scanner counts on that.

    Those of packets that had the same and follow each other are the same again.
    """
    former, time = b"", 0
    for one in frames:
        if len(one) < HEADER + RTP_HEADER or one[0] != 0x24 or one[1] != VIDEO:
            yield one
            continue
        time += one[8:12] != former
        former = one[8:12]
        yield one[:8] + time.to_bytes(4) + one[12:]


def naive_payload(data: bytes) -> tuple[int, int]:
    """Return where the payload of an RTP packet is (RFC 3550 section 5.1)."""
    begin, end = RTP_HEADER + 4 * (data[0] % 16), len(data)
    if data[0] & 0x10 and begin + 4 <= end:
        begin += 4 + 4 * struct.unpack_from("!H", data, begin + 2)[0]
    if data[0] & 0x20:
        end -= data[-1]
    return begin, end


def in_pieces(scanner: Scanner, data: bytes, cuts: Sequence[int]) -> Seen:
    """Scan as from a socket that gives a piece at a time, until something comes that is no media."""
    seen, rest, base = Seen(0, [], 0, {}), b"", 0
    for piece in pieces(data, cuts):
        rest += piece
        end = scanner.scan(bytearray(rest + bytes(READ_AHEAD)), 0, len(rest))
        seen.cuts += [(base + at, cut) for at, cut in scanner.cuts]
        base, rest = base + end, rest[end:]
        if rest and scanner.whole:
            break
    seen.end, seen.pictures, seen.tails = base, scanner.pictures, scanner.tails
    return seen


def scanner_of(encoding: str) -> Scanner:
    """Return one for the channels of these tests."""
    return Scanner(video=VIDEO, look=FINDERS[encoding], media=(VIDEO, SOUND))


@holds(drawn=streams(others=True), seed=SEEDS, cuts=CUTS)
def test_a_scanner_sees_what_a_naive_one_sees_in_any_pieces(
    drawn: tuple[str, list[bytes]], seed: int, cuts: list[int]
) -> Iterator[Hashable]:
    encoding, drawn_frames = drawn
    for frames in rearranged(drawn_frames, seed):
        data = b"".join(picture_by_picture(frames))
        wanted = naive_scan(encoding, data)
        assert in_pieces(scanner_of(encoding), data, (0,)) == wanted
        yield encoding, data
        assert in_pieces(scanner_of(encoding), data, cuts or (1, 0x8000)) == wanted
        yield encoding, data, tuple(cuts)
    assert in_pieces(scanner_of(encoding), data, ()) == wanted
    yield encoding, data, "byte by byte"


@holds(encoding=st.sampled_from(tuple(UNITS)), seed=SEEDS, cuts=CUTS)
def test_a_scanner_sees_the_pictures_of_a_recorder_as_a_naive_one(
    encoding: str, seed: int, cuts: list[int]
) -> Iterator[Hashable]:
    chance = random.Random(seed)
    for _ in range(10):
        data = b"".join(picture_by_picture(recording(encoding, chance)))
        wanted = naive_scan(encoding, data)
        for places in ((0,), cuts, [chance.randrange(0x10000) for _ in range(20)]):
            assert in_pieces(scanner_of(encoding), data, places or (1, 0x8000)) == wanted
            yield encoding, data, tuple(places)


@holds(found=variants(b"".join(frame(VIDEO, packet(1, 2, unit + b"x" * 30)) * 4 for unit in UNITS["H264"])), cuts=CUTS)
def test_a_scanner_of_anything_walks_it_as_a_naive_one(found: list[bytes], cuts: list[int]) -> Iterator[Hashable]:
    for data in found:
        for encoding in ("H264", "H265"):
            wanted = naive_scan(encoding, data)
            for places in ((0,), cuts or (1, 0x8000)):
                seen = in_pieces(scanner_of(encoding), data, places)
                assert (seen.end, seen.pictures, seen.tails) == (wanted.end, wanted.pictures, wanted.tails)
                starts = [position for position, _, _ in naive_frames(data[: wanted.end])]
                assert [at for at, _ in seen.cuts] == sorted({at for at, _ in seen.cuts} & set(starts))
                yield encoding, data, tuple(places)


@holds(payload=st.one_of(*map(_payloads, UNITS), st.binary(max_size=300)))
def test_any_payload_shows_something_or_nothing(payload: bytes) -> Iterator[Hashable]:
    for start in range(min(len(payload), 40)):
        for encoding, look in FINDERS.items():
            assert look(payload, start, len(payload)) is look(payload[start:], 0, len(payload) - start)
            yield encoding, payload[start:]


@holds(drawn=streams(others=True), seed=SEEDS)
def test_frames_that_are_alike_are_found_as_one_by_one(drawn: tuple[str, list[bytes]], seed: int) -> Iterator[Hashable]:
    for frames in rearranged([one for one in drawn[1] if len(one) >= HEADER and one[:1] == b"$"], seed):
        data = b"".join(frames)
        check_spans(data)
        yield data


def check_spans(data: bytes) -> None:
    """Compare all that is said of whole frames with what they are one by one."""
    wanted = naive_frames(data)
    got = [
        (position + number * step, channel, step)
        for channel, position, step, count in spans(data)
        for number in range(count)
    ]
    assert got == wanted
    heads = [data[position : position + HEADER + 1] for position, _, _ in wanted]
    for number, (position, _, step) in enumerate(wanted):
        if step > HEADER:
            alike = next((other for other in range(number, len(heads)) if heads[other] != heads[number]), len(heads))
            assert equal_frames(data, position, len(data), step) == min(alike - number, MOST_ALIKE)
        begin, end = rtp_payload(data, position + HEADER, position + step) if step > HEADER else (0, 0)
        assert begin == end or position + HEADER + RTP_HEADER <= begin < end <= position + step
    for channel in (VIDEO, SOUND):
        long = [position for position, number, step in wanted if number == channel and step >= HEADER + RTP_HEADER]
        assert ends_picture(data, channel) == bool(long and data[long[-1] + HEADER + 1] & 0x80)
        first = {channel: rtp_header(data, long[0] + HEADER)} if long else {}
        assert first_headers(iter([data]), frozenset({channel})) == first


def naive_translation(
    data: bytes, numbers: dict[int, int], continued: dict[int, tuple[int, int, int]]
) -> Iterator[bytes]:
    """Yield the frames that a viewer gets; `continued` are channels and their next sequence number, time and SSRC."""
    first: dict[int, RtpHeader] = {}
    for position, channel, step in naive_frames(data):
        if channel not in numbers:
            continue
        payload = data[position + HEADER : position + step]
        if channel in continued and len(payload) >= RTP_HEADER:
            header = rtp_header(payload)
            begun = first.setdefault(channel, header)
            sequence, time, ssrc = continued[channel]
            payload = (
                payload[:2]
                + ((header.sequence - begun.sequence + sequence) % 2**16).to_bytes(2)
                + ((header.timestamp - begun.timestamp + time) % 2**32).to_bytes(4)
                + ssrc.to_bytes(4)
                + payload[12:]
            )
        yield frame(numbers[channel], payload)


TRACKS = {1: (VIDEO, VIDEO + 1), 2: (SOUND, SOUND + 1)}
VIEWS = (TRACKS, {1: (0, 1)}, {2: (0, 1)}, {1: (2, 3), 2: (0, 1)}, {1: (8, 9), 2: (254, 255)}, {})


@holds(
    drawn=streams(),
    viewer=st.sampled_from(VIEWS),
    continued=st.dictionaries(
        st.sampled_from((1, 2)),
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF)),
    ),
    seed=SEEDS,
    cuts=st.lists(st.integers(0, 100), max_size=6),
)
def test_a_passage_gives_what_a_naive_one_gives_in_any_pieces(
    drawn: tuple[str, list[bytes]],
    viewer: dict[int, tuple[int, int]],
    continued: dict[int, tuple[int, int, int]],
    seed: int,
    cuts: list[int],
) -> Iterator[Hashable]:
    numbers = {TRACKS[track][0]: channels[0] for track, channels in viewer.items()}
    fields = {TRACKS[track][0]: one for track, one in continued.items()}
    for frames in rearranged(drawn[1], seed):
        data = b"".join(frames)
        wanted = b"".join(naive_translation(data, numbers, fields))
        for places in ([0, len(frames)], sorted({0, len(frames), *(cut for cut in cuts if cut < len(frames))})):
            passage = Passage(TRACKS, viewer, {track: Continuation(*one) for track, one in continued.items()})
            ends = itertools.pairwise(places)
            assert b"".join(passage.translate(b"".join(frames[start:end])) for start, end in ends) == wanted
            yield data, repr((viewer, continued, places))


# Key frames, packed and unpacked.

MEDIA = {
    encoding: parse_sdp(f"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 {encoding}/90000\r\n".encode()).media[0]
    for encoding in CODECS
}
HEADS = {
    "H264": ((b"\x67",), (b"\x68",), (b"\x65", b"\x25")),
    "H265": ((b"\x40\1", b"\x42\1"), (b"\x44\1",), (b"\x26\1", b"\x2a\1")),
}
"""First bytes of NAL units: parameters of two kinds, key frames."""


def packed(encoding: str, units: list[bytes], room: int) -> list[bytes]:
    """Return payloads with these units, each with one unit, as many as there is room for, or a part (RFC 6184, RFC 7798)."""
    payloads: list[bytes] = []
    waiting: list[bytes] = []

    def flush() -> None:
        if len(waiting) == 1:
            payloads.append(waiting[0])
        elif waiting:
            head = b"\x78" if encoding == "H264" else b"\x60\1"
            payloads.append(head + b"".join(len(unit).to_bytes(2) + unit for unit in waiting))
        waiting.clear()

    for unit in units:
        if len(unit) <= room:
            if sum(map(len, waiting)) + len(unit) > room:
                flush()
            waiting.append(unit)
            continue
        flush()
        if encoding == "H264":
            head, kind, body = bytes((unit[0] & 0xE0 | 28,)), unit[0] & 0x1F, unit[1:]
        else:
            head, kind, body = bytes((unit[0] & 0x81 | 49 << 1, unit[1])), unit[0] >> 1 & 0x3F, unit[2:]
        parts = [body[start : start + room] for start in range(0, len(body), room)]
        for number, part in enumerate(parts):
            flags = 0x80 * (number == 0) | 0x40 * (number == len(parts) - 1)
            payloads.append(head + bytes((flags | kind,)) + part)
    flush()
    return payloads


@holds(
    encoding=st.sampled_from(tuple(CODECS)),
    bodies=st.lists(st.binary(min_size=1, max_size=60), min_size=3, max_size=6),
    cuts=st.lists(st.integers(0, 100), max_size=6),
)
def test_a_key_frame_is_put_together_as_it_was_packed(
    encoding: str, bodies: list[bytes], cuts: list[int]
) -> Iterator[Hashable]:
    kinds = [0, 1, *[2] * (len(bodies) - 2)]
    units = [
        HEADS[encoding][kind][number % len(HEADS[encoding][kind])] + body
        for number, (kind, body) in enumerate(zip(kinds, bodies, strict=True))
    ]
    for room in range(3, 70, 3):
        payloads = packed(encoding, units, room)
        frames = [
            frame(VIDEO, packet(number, 9, payload, marker=number == len(payloads) - 1))
            for number, payload in enumerate(payloads)
        ]
        places = sorted({0, len(frames), *(cut for cut in cuts if cut < len(frames))})
        parts = [b"".join(frames[start:end]) for start, end in itertools.pairwise(places)]
        got = read_key_frame(parts, VIDEO, MEDIA[encoding])
        assert got == KeyFrame(encoding, b"".join(b"\0\0\0\1" + unit for unit in units))
        yield encoding, tuple(parts)


@holds(drawn=streams(), seed=SEEDS)
def test_a_key_frame_of_anything_is_one_or_none(drawn: tuple[str, list[bytes]], seed: int) -> Iterator[Hashable]:
    for frames in rearranged(drawn[1], seed):
        for encoding, medium in MEDIA.items():
            whole = read_key_frame([b"".join(frames)], VIDEO, medium)
            assert whole == read_key_frame(frames, VIDEO, medium)
            if whole is not None:
                assert whole.codec == encoding
                assert len(whole.data) <= 4 * sum(map(len, frames))
            yield encoding, b"".join(frames)


# The group that late joiners begin with.


OPERATIONS = st.lists(
    st.one_of(
        st.sampled_from(("mark", "unmark", "turn", "picture_ended", "clear", "wait")),
        st.integers(0, 40).map(lambda size: b"x" * size),
    ),
    max_size=40,
)


@holds(drawn=OPERATIONS, seed=SEEDS)
def test_a_group_is_what_came_since_its_beginning_within_its_limits(drawn: list[Any], seed: int) -> Iterator[Hashable]:
    for operations in rearranged(drawn, seed):
        check_group(operations)
        yield repr(operations)


def check_group(operations: list[Any]) -> None:
    """Compare a group buffer with a list of all that ever came."""
    now = [0.0]
    group = GroupBuffer(max_size=100, max_seconds=3.0, clock=lambda: now[0])
    came: list[bytes] = []
    # By the number of pieces that came before.
    begin = mark = None
    for operation in operations:
        if isinstance(operation, bytes):
            if not group.keeps:
                continue
            came.append(operation)
            held = group.holding
            kept = group.append(operation)
            assert kept or held
            if not group.keeps:
                begin = mark = None
        elif operation == "wait":
            now[0] += 1.0
        elif operation == "turn":
            begun = group.turn()
            begin = len(came) if mark is None else mark
            mark = None
            assert begun == came[begin:]
        elif operation == "mark":
            group.mark()
            mark = len(came)
        else:
            getattr(group, operation)()
            if operation in ("unmark", "clear"):
                mark = None
                begin = None if operation == "clear" else begin
        assert group.holding == (begin is not None)
        assert group.keeps == (begin is not None or mark is not None)
        assert group.size == sum(map(len, group.pieces)) <= 100
        if group.holding:
            assert group.pieces == came[begin:]
