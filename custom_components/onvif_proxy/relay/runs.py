"""Pictures cut as a recorder usually cuts them, found by a regular expression that is made for it. No I/O.

A recorder cuts each picture into packets of one length, but for the last, session after session. Walked in Python they cost
more than being received; a pattern walks them in one step, and is as exact: every `$`, channel, length, timestamp and marker
is compared, and where one is not as usual the run ends.
"""

from collections.abc import Callable
import re

from .codecs import Look, Sight
from .frames import HEADER, RTP_HEADER

MOST_LEARNED = 16
"""Lengths and openings of one session: making a pattern costs as much as walking a hundred packets."""
MOST_OPENINGS = 4
LONGEST_OPENING = 3
"""Bytes of payload."""
HEADERS = HEADER + RTP_HEADER
_SHORTEST = HEADERS + LONGEST_OPENING
_NOTHING = re.compile(b"(?!)")

type Run = re.Match[bytes]
"""Of frames of one length and timestamp, and of the headers of one behind them that has the same timestamp and the marker.

Its groups: the timestamp; what opens a picture, None where nothing does; the length in the headers at the end and their RTP
part, both None where there are none.
"""


class Runs:
    """Of the video of one session."""

    def __init__(self, channel: int) -> None:
        """`channel` is the video's. None is found before a length is learned."""
        self.find: Callable[[bytearray, int, int], Run | None] = _NOTHING.match
        """Finds the run that begins at a position of a buffer, and whose headers are whole before another."""
        self.step = 0
        """The length of a run's frames, with their header."""
        self._channel = channel
        self._openings: tuple[bytes, ...] = ()
        self._learned = 0

    def learn_length(self, step: int) -> None:
        """Hear of neighbouring frames of one picture that have the same length, with their header."""
        if step != self.step and step >= _SHORTEST:
            self._learn(step, self._openings)

    def learn_opening(self, look: Look, payload: bytes) -> None:
        """Hear with what a picture begins that needs others: its first bytes will do where they show that by themselves."""
        if payload.startswith(self._openings):
            return
        openings = (payload[:size] for size in range(1, LONGEST_OPENING + 1))
        opening = next((one for one in openings if look(one, 0, len(one)) is Sight.OTHER), None)
        if opening is not None:
            self._learn(self.step, (*self._openings, opening)[-MOST_OPENINGS:])

    def _learn(self, step: int, openings: tuple[bytes, ...]) -> None:
        if self._learned < MOST_LEARNED:
            self._learned += 1
            self.step, self._openings = step, openings
            if step:
                self.find = _pattern(self._channel, step, openings).match


def _pattern(channel: int, step: int, openings: tuple[bytes, ...]) -> re.Pattern[bytes]:
    dollar = re.escape(b"$%c" % channel)
    frame = dollar + re.escape((step - HEADER).to_bytes(2))
    opening = b"|".join(map(re.escape, openings)) or _NOTHING.pattern
    return re.compile(
        # The first: an RTP header of the usual length without the marker, sequence, time, source, payload.
        frame + rb"\x80[\x00-\x7f]..(....)....(?=(%b)?).{%d}" % (opening, step - HEADERS)
        # Those that are like it.
        + b"(?:" + frame + rb".[\x00-\x7f]..\1.{%d})*+" % (step - HEADERS + 4)
        # The headers of the last.
        + b"(?:" + dollar + rb"(..)(.[\x80-\xff]..\1....))?",
        re.DOTALL,
    )  # fmt: skip
