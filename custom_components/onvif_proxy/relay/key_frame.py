"""A key frame put together from its RTP packets, for a decoder: H.264 (RFC 6184), H.265 (RFC 7798). No I/O."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ..sdp import MediaDescription, onvif_codec
from .codecs import FINDERS, Sight
from .frames import HEADER, RTP_HEADER, rtp_header, rtp_payload, spans

_START_CODE = b"\0\0\0\1"
MAX_KEY_FRAME = 8 * 1024 * 1024
"""Bytes."""
MAX_PARTS = 8 * 1024
"""Packets, of all channels, that are walked for a key frame, and NAL units that they may hold: one of 8 MiB in usual packets has 6000."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A picture that needs no other."""

    codec: str
    """ONVIF's name: H264 or H265."""
    data: bytes = field(repr=False)
    """NAL units with start codes (Annex B): parameter sets, then the picture."""


def _h264_units(payload: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield (bytes, whether a unit begins with them)."""
    kind = payload[0] & 0x1F
    if kind == 24:
        yield from _aggregated(payload, 1)
    elif kind == 28:
        begins = bool(payload[1] & 0x80)
        head = bytes((payload[0] & 0xE0 | payload[1] & 0x1F,)) if begins else b""
        yield head + payload[2:], begins
    elif kind < 24:
        yield payload, True


def _h265_units(payload: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield (bytes, whether a unit begins with them)."""
    kind = payload[0] >> 1 & 0x3F
    if kind == 48:
        yield from _aggregated(payload, 2)
    elif kind == 49:
        begins = bool(payload[2] & 0x80)
        head = bytes((payload[0] & 0x81 | (payload[2] & 0x3F) << 1, payload[1])) if begins else b""
        yield head + payload[3:], begins
    elif kind < 48:
        yield payload, True


def _aggregated(payload: bytes, position: int) -> Iterator[tuple[bytes, bool]]:
    while position + 2 < len(payload):
        end = position + 2 + (payload[position] << 8 | payload[position + 1])
        yield payload[position + 2 : end], True
        position = end


_UNITS: dict[str, Callable[[bytes], Iterator[tuple[bytes, bool]]]] = {"H264": _h264_units, "H265": _h265_units}
_PARAMETERS = {"H264": ("sprop-parameter-sets",), "H265": ("sprop-vps", "sprop-sps", "sprop-pps")}


def read_key_frame(pieces: Iterable[bytes], channel: int, medium: MediaDescription) -> KeyFrame | None:
    """Read the picture that a group of pictures begins with; None where it isn't whole yet, over a limit, or of another encoding.

    `pieces` are whole interleaved frames, the video's on `channel`. Parameter sets of the session description come first,
    so that those in the group, if there are any, are the ones that hold.
    """
    codec = onvif_codec(medium)
    units = _UNITS.get(codec or "")
    if codec is None or units is None:
        return None
    data = bytearray()
    for name in _PARAMETERS[codec]:
        for encoded in medium.fmtp.get(name, "").split(","):
            if unit := _base64(encoded):
                data += _START_CODE + unit
    look = FINDERS[medium.encoding]
    seen = False
    parts = 0
    for payload, marker in _payloads(pieces, channel):
        # Some devices mark parameter sets like pictures.
        seen = seen or look(payload, 0, len(payload)) is Sight.KEY
        try:
            for unit, begins in units(payload):
                data += _START_CODE + unit if begins else unit
                parts += 1
                if parts > MAX_PARTS or len(data) > MAX_KEY_FRAME:
                    return None
        except IndexError:
            return None
        if marker and seen:
            return KeyFrame(codec, bytes(data))
    return None


def _payloads(pieces: Iterable[bytes], channel: int) -> Iterator[tuple[bytes, bool]]:
    """Yield (payload, marker) of a channel's packets, of the first `MAX_PARTS` of all channels."""
    left = MAX_PARTS
    for piece in pieces:
        for number, position, step, count in spans(piece):
            left -= count
            if left < 0:
                return
            if number != channel or step < HEADER + RTP_HEADER:
                continue
            for at in range(position + HEADER, position + step * count, step):
                begin, end = rtp_payload(piece, at, at + step - HEADER)
                if begin < end:
                    yield piece[begin:end], rtp_header(piece, at).marker


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:  # of what is not even ASCII, too
        return b""
