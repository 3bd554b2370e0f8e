"""Picture sizes of parameter sets: each part of the syntax that comes before or after the size."""

from dataclasses import dataclass, field

import pytest

from custom_components.onvif_proxy.sps import MAX_SPS_LENGTH, h264_picture_size, h265_picture_size


@dataclass
class Bits:
    """Writes what the standards call u(n), ue(v) and se(v)."""

    text: str = ""
    parts: list[str] = field(default_factory=list)

    def u(self, *pairs: tuple[int, int]) -> Bits:
        """Add unsigned integers as (number of bits, value)."""
        self.text += "".join(f"{value:0{count}b}" for count, value in pairs)
        return self

    def ue(self, *values: int) -> Bits:
        """Add unsigned Exp-Golomb codes."""
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def se(self, *values: int) -> Bits:
        """Add signed Exp-Golomb codes."""
        return self.ue(*(2 * value - 1 if value > 0 else -2 * value for value in values))

    def nal_unit(self, header: bytes) -> bytes:
        """Return the NAL unit with stop bit and emulation prevention."""
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        raw = int(text, 2).to_bytes(len(text) // 8)
        escaped, zeros = bytearray(), 0
        for byte in raw:
            if zeros >= 2 and byte <= 3:
                escaped.append(3)
                zeros = 0
            zeros = zeros + 1 if byte == 0 else 0
            escaped.append(byte)
        return header + bytes(escaped)


def h264(
    start: Bits, *, width_mbs: int = 40, height_units: int = 23, frames_only: bool = True, crop: tuple[int, ...] = ()
) -> bytes:
    """Return an SPS from what comes before log2_max_frame_num on."""
    start.ue(0, 0, 0, 1).u((1, 0)).ue(width_mbs - 1, height_units - 1).u((1, int(frames_only)))
    if not frames_only:
        start.u((1, 1))
    start.u((1, 1), (1, int(bool(crop)))).ue(*crop)
    return start.u((1, 0)).nal_unit(b"\x67")


def profile(number: int) -> Bits:
    """Begin an H.264 SPS."""
    return Bits().u((8, number), (8, 0), (8, 40)).ue(0)


def high(chroma: int, *, separate: int | None = None, scaling: Bits | None = None) -> Bits:
    """Begin an H.264 SPS of a profile that names its chroma format."""
    start = profile(100).ue(chroma)
    if separate is not None:
        start.u((1, separate))
    start.ue(0, 0).u((1, 0), (1, int(scaling is not None)))
    start.text += scaling.text if scaling else ""
    return start


@pytest.mark.parametrize(
    ("nal_unit", "size"),
    [
        (h264(profile(66)), (640, 368)),
        (h264(profile(77), crop=(0, 0, 0, 4)), (640, 360)),
        (h264(profile(77), height_units=18, frames_only=False, crop=(0, 0, 0, 0)), (640, 576)),
        (h264(profile(77), height_units=34, frames_only=False, crop=(1, 2, 0, 2)), (634, 1080)),
        (h264(high(0), crop=(1, 1, 1, 1)), (638, 366)),
        (h264(high(2), crop=(1, 1, 1, 1)), (636, 366)),
        (h264(high(3, separate=0), crop=(1, 1, 1, 1)), (638, 366)),
        (h264(high(3, separate=1), crop=(1, 1, 1, 1)), (638, 366)),
    ],
    ids=["plain", "cropped", "interlaced", "interlaced and cropped", "grey", "4:2:2", "4:4:4", "separate planes"],
)
def test_h264(nal_unit: bytes, size: tuple[int, int]) -> None:
    assert h264_picture_size(nal_unit) == size


def test_h264_scaling_lists_are_skipped() -> None:
    """Lists: 16 values, ended early by a next scale of 0, absent, and 64 values for the last two."""
    scaling = Bits().u((1, 1)).se(*[1] * 16).u((1, 1)).se(-8).u((4, 0)).u((1, 1)).se(*[1, -1] * 32).u((1, 0))
    assert h264_picture_size(h264(high(1, scaling=scaling))) == (640, 368)


def test_h264_picture_order_of_type_1_is_skipped() -> None:
    start = profile(66).ue(0, 1).u((1, 0)).se(-3, 5).ue(2).se(7, -7)
    start.ue(1).u((1, 0)).ue(39, 22).u((1, 1), (1, 1), (1, 0), (1, 0))
    assert h264_picture_size(start.nal_unit(b"\x67")) == (640, 368)


def h265(*, sub_layers: tuple[tuple[int, int], ...] = (), chroma: int = 1, crop: tuple[int, ...] = ()) -> bytes:
    """Return an SPS; a sub layer is (has profile, has level)."""
    bits = Bits().u((4, 0), (3, len(sub_layers)), (1, 1), (96, 1 << 90))
    bits.u(*((1, flag) for layer in sub_layers for flag in layer))
    if sub_layers:
        bits.u((2 * (8 - len(sub_layers)), 0))
    for has_profile, has_level in sub_layers:
        bits.u(*([(88, 5)] if has_profile else []), *([(8, 90)] if has_level else []))
    bits.ue(0, chroma)
    if chroma == 3:
        bits.u((1, 1))
    bits.ue(640, 368).u((1, int(bool(crop)))).ue(*crop)
    return bits.nal_unit(b"\x42\x01")


@pytest.mark.parametrize(
    ("nal_unit", "size"),
    [
        (h265(), (640, 368)),
        (h265(crop=(0, 0, 0, 4)), (640, 360)),
        (h265(sub_layers=((1, 1), (0, 1), (0, 0)), crop=(0, 0, 0, 4)), (640, 360)),
        (h265(chroma=3, crop=(0, 0, 0, 4)), (640, 364)),
    ],
    ids=["plain", "cropped", "sub layers", "4:4:4"],
)
def test_h265(nal_unit: bytes, size: tuple[int, int]) -> None:
    assert h265_picture_size(nal_unit) == size


@pytest.mark.parametrize(
    "nal_unit",
    [
        b"",
        b"\x67",
        b"\x68" + h264(profile(66))[1:],
        h264(profile(66))[:5],
        h264(profile(66)) + b"\0" * MAX_SPS_LENGTH,
        b"\x67\x42\x00\x28" + b"\0" * 50,
        h264(high(7)),
        h264(profile(66), width_mbs=5000),
        h264(profile(66), crop=(200, 200, 0, 0)),
    ],
    ids=["empty", "header", "PPS", "cut", "long", "endless code", "chroma", "huge", "all cropped"],
)
def test_what_is_no_h264_sps(nal_unit: bytes) -> None:
    assert h264_picture_size(nal_unit) is None


@pytest.mark.parametrize("nal_unit", [b"", b"\x42", b"\x40\x01" + h265()[2:], h265()[:10], h265(chroma=4)])
def test_what_is_no_h265_sps(nal_unit: bytes) -> None:
    assert h265_picture_size(nal_unit) is None
