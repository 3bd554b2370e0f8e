"""RTCP between recorder and viewer (RFC 3550 section 6): nothing that tells who or where the recorder is. No I/O."""

from collections.abc import Iterator
import struct

_SENDER_REPORT, _RECEIVER_REPORT, _SOURCE_DESCRIPTION, _BYE = 200, 201, 202, 203
_RTP_FEEDBACK, _PAYLOAD_FEEDBACK = 205, 206
_KEPT = frozenset({_SENDER_REPORT, _RECEIVER_REPORT, _RTP_FEEDBACK, _PAYLOAD_FEEDBACK})
_SENDER_SSRC, _SENDER_TIME, _SENDER_LENGTH = 4, 16, 28


def _packets(compound: bytes | memoryview) -> Iterator[bytearray]:
    """Yield the packets of a compound, up to the first that is malformed."""
    position = 0
    while position + 4 <= len(compound):
        end = position + 4 + 4 * int.from_bytes(compound[position + 2 : position + 4])
        if end > len(compound):
            break
        yield bytearray(compound[position:end])
        position = end


def anonymous(compound: bytes | memoryview) -> bytes:
    """Return a compound packet without what its sender tells of itself.

    The texts of source descriptions (a CNAME is often `user@address`) are blanked in place, the reason of a BYE is cut off,
    application packets and what is malformed are left out.
    """
    kept = bytearray()
    for packet in _packets(compound):
        kind = packet[1]
        if kind in _KEPT or (kind == _SOURCE_DESCRIPTION and _blank_texts(packet)):
            kept += packet
        elif kind == _BYE and (sources := 4 * (packet[0] & 0x1F)) <= len(packet) - 4:
            # No padding either: its count would be that of the text.
            kept += bytes((packet[0] & 0xDF, _BYE)) + (sources // 4).to_bytes(2) + packet[4 : 4 + sources]
    return bytes(kept)


def _blank_texts(packet: bytearray) -> bool:
    """Overwrite the texts of a source description (RFC 3550 section 6.5); False when it is malformed."""
    position = 4
    for _ in range(packet[0] & 0x1F):
        position += 4
        while position < len(packet) and packet[position]:
            start = position + 2
            if start > len(packet) or (end := start + packet[start - 1]) > len(packet):
                return False
            packet[start:end] = b"-" * (end - start)
            position = end
        position += 4 - position % 4
    return position <= len(packet)


def is_sender_report(compound: bytes) -> bool:
    """Tell whether a compound begins with a sender report, which ties RTP time to the clock."""
    return len(compound) >= _SENDER_LENGTH and compound[1] == _SENDER_REPORT


def renumbered(compound: bytes, ssrc: int, timestamp: int) -> bytes:
    """Return sender reports, and the descriptions of one source, under another SSRC and `timestamp` later on the RTP clock."""
    changed = bytearray()
    for packet in _packets(compound):
        kind = packet[1]
        if kind == _SENDER_REPORT and len(packet) >= _SENDER_LENGTH:
            packet[_SENDER_SSRC : _SENDER_SSRC + 4] = ssrc.to_bytes(4)
            time = int.from_bytes(packet[_SENDER_TIME : _SENDER_TIME + 4]) + timestamp
            packet[_SENDER_TIME : _SENDER_TIME + 4] = (time & 0xFFFFFFFF).to_bytes(4)
            changed += packet
        elif kind == _SOURCE_DESCRIPTION and packet[0] & 0x1F == 1 and len(packet) >= 8:
            packet[4:8] = ssrc.to_bytes(4)
            changed += packet
    return bytes(changed)


def empty_receiver_report(ssrc: int) -> bytes:
    """Return a report about nothing: a sign of life (RFC 3550 section 6.4.2), with the description that a compound must have."""
    name = b"\x01\x01-\x00"
    description = ssrc.to_bytes(4) + name + b"\0" * (-len(name) % 4)
    return (
        struct.pack("!BBHI", 0x80, _RECEIVER_REPORT, 1, ssrc)
        + struct.pack("!BBH", 0x81, _SOURCE_DESCRIPTION, len(description) // 4)
        + description
    )
