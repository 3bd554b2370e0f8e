"""Draws moving pictures: a colour a channel, its number in large digits, a running clock and a sweeping bar."""

from collections.abc import Iterator
import math

import numpy as np
from numpy.typing import NDArray

type Plane = NDArray[np.uint8]

# Digits of 5 by 7 dots, a row a string.
_GLYPHS = {
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00010 00100 01000 11111",
    "3": "11111 00010 00100 00010 00001 10001 01110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
    ":": "00000 00100 00100 00000 00100 00100 00000",
}
WHITE, DARK = 235, 40
LOOP_SECONDS = 10
"""The clock runs from 00:00:00 to 00:00:09, then the loop begins again: its last digit is the time of day's."""


def _text(text: str, height: int) -> NDArray[np.bool_]:
    """Return the dots of a text, `height` pixels high at most, with a dot's space between the glyphs."""
    columns = []
    for character in text:
        rows = _GLYPHS[character].split()
        columns.append(np.array([[dot == "1" for dot in row + "0"] for row in rows], dtype=np.bool_))
    scale = max(1, height // 7)
    return np.repeat(np.repeat(np.hstack(columns), scale, axis=0), scale, axis=1)


def _background(channel: int, width: int, height: int) -> Plane:
    """Return one frame (I420, height*3/2 rows of width bytes) with the channel's colour and number."""
    frame = np.empty((height * 3 // 2, width), dtype=np.uint8)
    # A little noise costs only in key frames and makes them as large as those of a camera.
    noise = np.random.default_rng(channel).integers(0, 7, size=(height, width), dtype=np.uint8)
    frame[:height] = 70 + noise + np.linspace(0, 50, height, dtype=np.uint8)[:, None]
    angle = math.radians(137.5 * channel)
    chroma = frame[height:].reshape(2, height // 2, width // 2)
    chroma[0] = round(128 + 50 * math.cos(angle))
    chroma[1] = round(128 + 50 * math.sin(angle))
    digits = _text(str(channel), height // 2)
    top, left = height * 2 // 10, (width - digits.shape[1]) // 2
    frame[top : top + digits.shape[0], left : left + digits.shape[1]][digits] = WHITE
    return frame


def draw(channel: int, width: int, height: int, second: int, bar: float) -> Plane:
    """Return one frame: the clock at `second`, the bar at `bar` (0 to 1) of its way."""
    frame = _background(channel, width, height)
    _draw_moving(frame, width, height, _clock(second, height), bar)
    return frame


def loop_frames(channel: int, width: int, height: int, frame_rate: int) -> Iterator[Plane]:
    """Yield the frames of a loop of LOOP_SECONDS, each of its own memory."""
    background = _background(channel, width, height)
    total = LOOP_SECONDS * frame_rate
    clocks = [_clock(second, height) for second in range(LOOP_SECONDS)]
    for number in range(total):
        frame = background.copy()
        _draw_moving(frame, width, height, clocks[number // frame_rate], number / total)
        yield frame


def _clock(second: int, height: int) -> NDArray[np.bool_]:
    return _text(f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}", height // 8)


def _draw_moving(frame: Plane, width: int, height: int, clock: NDArray[np.bool_], bar: float) -> None:
    top, left = height * 8 // 10, (width - clock.shape[1]) // 2
    frame[top : top + clock.shape[0], left : left + clock.shape[1]][clock] = WHITE
    thickness = max(4, width // 40)
    start = round(bar * (width - thickness))
    strip = frame[height // 20 : height * 3 // 20]
    strip[:] = DARK
    strip[:, start : start + thickness] = WHITE
