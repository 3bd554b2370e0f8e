"""RTP payloads of H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640) and G.711 (RFC 3551), and RTP/RTCP headers. No I/O."""

from collections.abc import Iterator
import struct

MAX_PAYLOAD = 1400
"""Bytes; leaves room for RTP, UDP and IP headers in 1500."""

_H264_FU_A = 28
_H265_FU = 49


def video_payloads(codec: str, nals: tuple[bytes, ...], max_payload: int = MAX_PAYLOAD) -> list[bytes]:
    """Return the payloads of one access unit; the marker bit belongs on the last."""
    fragment = _fragment_h264 if codec == "H264" else _fragment_h265
    payloads: list[bytes] = []
    for nal in nals:
        if len(nal) <= max_payload:
            payloads.append(nal)
        else:
            payloads += fragment(nal, max_payload)
    return payloads


def _parts(body: bytes, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield the parts with their start (0x80) and end (0x40) bits, common to FU-A and FU."""
    for offset in range(0, len(body), size):
        start = 0x80 if offset == 0 else 0
        end = 0x40 if offset + size >= len(body) else 0
        yield body[offset : offset + size], start | end


def _fragment_h264(nal: bytes, max_payload: int) -> Iterator[bytes]:
    """FU-A (RFC 6184 section 5.8): indicator with the NAL's F and NRI, header with its type."""
    indicator, kind = (nal[0] & 0xE0) | _H264_FU_A, nal[0] & 0x1F
    for part, flags in _parts(nal[1:], max_payload - 2):
        yield bytes((indicator, flags | kind)) + part


def _fragment_h265(nal: bytes, max_payload: int) -> Iterator[bytes]:
    """FU (RFC 7798 section 4.4.3): two bytes of payload header with type 49, one FU header."""
    first, kind = (nal[0] & 0x81) | (_H265_FU << 1), (nal[0] >> 1) & 0x3F
    for part, flags in _parts(nal[2:], max_payload - 3):
        yield bytes((first, nal[1], flags | kind)) + part


def aac_payload(frame: bytes) -> bytes:
    """One access unit in AAC-hbr mode (RFC 3640 section 3.3.6): 13 bits of size, 3 of index."""
    return struct.pack("!HH", 16, len(frame) << 3) + frame


def rtp_packet(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, *, marker: bool) -> bytes:
    """RFC 3550 section 5.1."""
    return (
        struct.pack(
            "!BBHII",
            0x80,
            (0x80 if marker else 0) | payload_type,
            sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
        )
        + payload
    )


def sender_report(ssrc: int, unix_time: float, timestamp: int, packets: int, octets: int) -> bytes:
    """RFC 3550 section 6.4.1 with a CNAME (section 6.5.1): compound, as section 6.1 demands."""
    seconds = int(unix_time)
    fraction = int((unix_time - seconds) * (1 << 32))
    report = struct.pack(
        "!BBHIIIIII",
        0x80,
        200,
        6,
        ssrc,
        (seconds + 2208988800) & 0xFFFFFFFF,
        fraction,
        timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
    item = struct.pack("!IBB", ssrc, 1, 3) + b"nvr" + b"\x00"
    item += b"\x00" * (-len(item) % 4)
    return report + struct.pack("!BBH", 0x81, 202, len(item) // 4) + item
