"""The picture size in a sequence parameter set of H.264 (ITU-T H.264 7.3.2.1.1) and H.265 (ITU-T H.265 7.3.2.2). No I/O."""

MAX_SPS_LENGTH = 1024
"""Bytes; real ones have less than 100."""
MAX_SIZE = 16384
"""Pixels of a side."""

_H264_SPS = 7
_H265_SPS = 33
_H264_PROFILES_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_CHROMA_UNITS = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
"""chroma_format_idc: luma samples a chroma sample, horizontally and vertically (H.264 table 6-1)."""


class _Bits:
    """Reads the raw byte sequence payload of a NAL unit bit by bit; raises ValueError at its end."""

    def __init__(self, payload: bytes) -> None:
        unescaped = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(unescaped)
        self._left = len(unescaped) * 8

    def u(self, count: int) -> int:
        """Read an unsigned integer of `count` bits."""
        if count > self._left:
            raise ValueError("parameter set too short")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        """Read an unsigned Exp-Golomb code (H.264 9.1)."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("malformed Exp-Golomb code")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Read a signed Exp-Golomb code (H.264 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _skip_scaling_lists(bits: _Bits, count: int) -> None:
    for index in range(count):
        if not bits.u(1):
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last


def _h264_size(bits: _Bits) -> tuple[int, int]:
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    chroma = 1
    if profile in _H264_PROFILES_WITH_CHROMA:
        chroma = bits.ue()
        lists = 12 if chroma == 3 else 8
        if chroma == 3 and bits.u(1):
            chroma = 0
        bits.ue()
        bits.ue()
        bits.u(1)
        if bits.u(1):
            _skip_scaling_lists(bits, lists)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()
    bits.ue()
    bits.u(1)
    width, height = (bits.ue() + 1) * 16, (bits.ue() + 1) * 16
    frames_only = bits.u(1)
    if not frames_only:
        bits.u(1)
        height *= 2
    bits.u(1)
    return _cropped(bits, chroma, width, height, vertical=2 - frames_only)


def _h265_size(bits: _Bits) -> tuple[int, int]:
    bits.u(4)
    sub_layers = bits.u(3)
    bits.u(1)
    bits.u(96)
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.u(2 * (8 - sub_layers))
    for profile, level in present:
        bits.u(88 * profile + 8 * level)
    bits.ue()
    chroma = bits.ue()
    if chroma == 3 and bits.u(1):
        chroma = 0
    return _cropped(bits, chroma, bits.ue(), bits.ue())


def _cropped(bits: _Bits, chroma: int, width: int, height: int, vertical: int = 1) -> tuple[int, int]:
    if chroma not in _CHROMA_UNITS:
        raise ValueError("unknown chroma format")
    if bits.u(1):
        unit_x, unit_y = _CHROMA_UNITS[chroma]
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= unit_x * (left + right)
        height -= unit_y * vertical * (top + bottom)
    if not (0 < width <= MAX_SIZE and 0 < height <= MAX_SIZE):
        raise ValueError("impossible picture size")
    return width, height


def h264_picture_size(nal_unit: bytes) -> tuple[int, int] | None:
    """Return (width, height) in pixels after cropping; None when it isn't a well-formed H.264 SPS."""
    if not nal_unit or nal_unit[0] & 0x1F != _H264_SPS or len(nal_unit) > MAX_SPS_LENGTH:
        return None
    try:
        return _h264_size(_Bits(nal_unit[1:]))
    except ValueError:
        return None


def h265_picture_size(nal_unit: bytes) -> tuple[int, int] | None:
    """Return (width, height) in pixels after cropping; None when it isn't a well-formed H.265 SPS."""
    if len(nal_unit) < 2 or nal_unit[0] >> 1 & 0x3F != _H265_SPS or len(nal_unit) > MAX_SPS_LENGTH:
        return None
    try:
        return _h265_size(_Bits(nal_unit[2:]))
    except ValueError:
        return None
