"""Interleaved RTP frames in bytes, walked without an object a packet (RFC 2326 section 10.12, RFC 3550 section 5.1). No I/O.

Recorders cut a picture into packets of equal length, so that their `$` headers stand in equal distances: slices with a step
compare them all at once. That is exact: each header that is equal to the one before says where the next one is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
import struct

DOLLAR = 0x24
HEADER = 4
"""Bytes: `$`, channel, length."""
RTP_HEADER = 12
"""Bytes without contributing sources and extension."""

_FIELDS = struct.Struct("!xBHII")
MARKER = 0x80
"""Of the second byte of an RTP header: the last packet of a picture."""

MOST_ALIKE = 256
"""Frames that are compared at once: 350 KB of usual ones. All tiny ones of a read would be, again and again, by a recorder
that lets them differ."""


def equal_frames(data: bytes | bytearray, position: int, size: int, step: int) -> int:
    """Return how many whole frames from `position` on have the header, and the first byte of payload, of the first.

    `step` is the first one's length with its header; it must be whole. No more than `MOST_ALIKE` are counted.
    """
    count = min((size - position) // step, MOST_ALIKE)
    end = position + count * step
    for at in range(position, position + 5):
        column = data[at:end:step]
        if column.count(data[at]) < len(column):
            count -= len(column.lstrip(data[at : at + 1]))
            if count <= 1:
                return 1
            end = position + count * step
    return count


def spans(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (channel, position, length of a frame with its header, number) of neighbouring frames that are alike.

    `data` are whole frames.
    """
    position, size = 0, len(data)
    while position < size:
        step = HEADER + (data[position + 2] << 8 | data[position + 3])
        count = 1
        following = position + step
        if step > HEADER and following + step <= size and data[following + 3] == data[position + 3]:
            count = equal_frames(data, position, size, step)
        yield data[position + 1], position, step, count
        position += step * count


@dataclass(frozen=True, slots=True)
class RtpHeader:
    """Of one packet."""

    marker: bool
    """The last packet of a picture."""
    sequence: int
    timestamp: int
    ssrc: int


def rtp_header(data: bytes | bytearray, position: int = 0) -> RtpHeader:
    """Read the header at a position; the packet must be long enough."""
    second, sequence, timestamp, ssrc = _FIELDS.unpack_from(data, position)
    return RtpHeader(bool(second & MARKER), sequence, timestamp, ssrc)


def rtp_payload(data: bytes | bytearray, position: int, end: int) -> tuple[int, int]:
    """Return where the payload of a packet begins and ends; the same number twice where it has none."""
    first = data[position]
    start = position + RTP_HEADER + 4 * (first & 0x0F)
    if first & 0x10 and start + 4 <= end:
        start += 4 + 4 * (data[start + 2] << 8 | data[start + 3])
    if first & 0x20 and end > position:
        end -= data[end - 1]
    return (start, end) if start < end else (start, start)


def ends_picture(data: bytes, channel: int) -> bool:
    """Tell whether the last packet of a channel in whole frames has the marker, which ends a picture."""
    last = False
    for number, position, step, count in spans(data):
        if number == channel and step >= HEADER + RTP_HEADER:
            last = bool(data[position + (count - 1) * step + HEADER + 1] & MARKER)
    return last


def first_headers(pieces: Iterator[bytes], channels: frozenset[int]) -> dict[int, RtpHeader]:
    """Return the header of the first packet of each channel, of those that occur."""
    found: dict[int, RtpHeader] = {}
    for piece in pieces:
        for channel, position, step, _ in spans(piece):
            if channel in channels and channel not in found and step >= HEADER + RTP_HEADER:
                found[channel] = rtp_header(piece, position + HEADER)
                if len(found) == len(channels):
                    return found
    return found
