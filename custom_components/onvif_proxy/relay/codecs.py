"""Where pictures that need no other begin, seen in RTP payloads: H.264 (RFC 6184), H.265 (RFC 7798), JPEG (RFC 2435), MPEG-4 (RFC 6416).

No I/O.
"""

from collections.abc import Callable
from enum import IntEnum


class Sight(IntEnum):
    """What a packet shows."""

    NOTHING = 0
    """The middle of something, or nothing that matters."""
    PARAMETERS = 1
    """A parameter set: a key frame may follow."""
    KEY = 2
    """The beginning of a key frame, or of one of its slices."""
    OTHER = 3
    """The beginning of another picture, or of one of its slices."""


type Look = Callable[[bytes | bytearray, int, int], Sight]
"""Looks at the payload between two positions; there is at least one byte."""

_H264_SLICES = range(1, 5)
_H264_IDR, _H264_SPS, _H264_STAP_A, _H264_FU_A = 5, 7, 24, 28
_H265_VCL = 32
_H265_IRAP = range(16, 24)
_H265_PARAMETERS = range(32, 35)
_H265_AGGREGATE, _H265_FRAGMENT = 48, 49
_START = 0x80
_MAX_AGGREGATED = 64
"""NAL units of one packet that are looked at."""


def _h264_unit(kind: int) -> Sight:
    if kind == _H264_IDR:
        return Sight.KEY
    if kind == _H264_SPS:
        return Sight.PARAMETERS
    return Sight.OTHER if kind in _H264_SLICES else Sight.NOTHING


def _h265_unit(kind: int) -> Sight:
    if kind in _H265_IRAP:
        return Sight.KEY
    if kind in _H265_PARAMETERS:
        return Sight.PARAMETERS
    return Sight.OTHER if kind < _H265_VCL else Sight.NOTHING


def _aggregate(data: bytes | bytearray, at: int, end: int, unit: Callable[[int], Sight]) -> Sight:
    """Look at the units of an aggregation packet by their first bytes: a picture tells more than its parameters."""
    best = Sight.NOTHING
    for _ in range(_MAX_AGGREGATED):
        if at + 2 >= end:
            break
        sight = unit(data[at + 2])
        if sight > Sight.PARAMETERS:
            return sight
        best = max(best, sight)
        at += 2 + (data[at] << 8 | data[at + 1])
    return best


def _look_h264(data: bytes | bytearray, at: int, end: int) -> Sight:
    kind = data[at] & 0x1F
    if kind == _H264_FU_A:
        if at + 1 >= end or not data[at + 1] & _START:
            return Sight.NOTHING
        return _h264_unit(data[at + 1] & 0x1F)
    if kind == _H264_STAP_A:
        return _aggregate(data, at + 1, end, lambda first: _h264_unit(first & 0x1F))
    return _h264_unit(kind)


def _look_h265(data: bytes | bytearray, at: int, end: int) -> Sight:
    kind = data[at] >> 1 & 0x3F
    if kind == _H265_FRAGMENT:
        if at + 2 >= end or not data[at + 2] & _START:
            return Sight.NOTHING
        return _h265_unit(data[at + 2] & 0x3F)
    if kind == _H265_AGGREGATE:
        return _aggregate(data, at + 2, end, lambda first: _h265_unit(first >> 1 & 0x3F))
    return _h265_unit(kind)


def _look_jpeg(data: bytes | bytearray, at: int, end: int) -> Sight:
    """Every picture stands alone; its first packet has fragment offset 0 (RFC 2435 section 3.1.2)."""
    return Sight.NOTHING if at + 4 > end or any(data[at + 1 : at + 4]) else Sight.KEY


_MPEG4_PARAMETERS = frozenset({0xB0, 0xB5, *range(0x20, 0x30)})
"""Visual object sequence, visual object, video object layer (ISO/IEC 14496-2 6.2.1)."""
_MPEG4_GROUP, _MPEG4_PICTURE = 0xB3, 0xB6


def _look_mpeg4(data: bytes | bytearray, at: int, end: int) -> Sight:
    if at + 5 > end or data[at : at + 3] != b"\0\0\1":
        return Sight.NOTHING
    code = data[at + 3]
    if code == _MPEG4_PICTURE:
        return Sight.OTHER if data[at + 4] >> 6 else Sight.KEY
    return Sight.PARAMETERS if code in _MPEG4_PARAMETERS or code == _MPEG4_GROUP else Sight.NOTHING


FINDERS: dict[str, Look] = {"H264": _look_h264, "H265": _look_h265, "JPEG": _look_jpeg, "MP4V-ES": _look_mpeg4}
"""How to find key frames, by the encoding's name in SDP."""
