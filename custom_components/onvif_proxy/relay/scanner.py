"""A recorder's bytes, walked once: whole media frames, and where groups of pictures begin in them. No I/O."""

from collections.abc import Collection
from enum import Enum, auto

from .codecs import Look, Sight
from .frames import DOLLAR, HEADER, MARKER, RTP_HEADER, equal_frames, rtp_payload
from .runs import HEADERS, LONGEST_OPENING, Runs

_SHORTEST_LOOK = HEADER + RTP_HEADER + 1
_TIME, _TIME_END = 4, 8
"""Where the timestamp is in an RTP header."""
_NO_TIME = b""


class Cut(Enum):
    """What a position in media means."""

    PARAMETERS = auto()
    """Parameter sets: perhaps the beginning of a group."""
    CONFIRMED = auto()
    """The key frame that the parameter sets were for."""
    REFUTED = auto()
    """They were for another picture."""
    KEY = auto()
    """A key frame without parameter sets before it."""


class Scanner:
    """Of one session with a recorder."""

    def __init__(self, *, video: int = -1, look: Look | None = None, media: Collection[int] = ()) -> None:
        """`media` are all RTP channels, `video` the one whose key frames begin groups, found by `look` if they can be."""
        self._video = video
        self.whole = True
        """Whether the last scan ended at whole frames: what follows, if anything, is no media."""
        self.cuts: list[tuple[int, Cut]] = []
        """Positions in what the last scan walked, from its start."""
        self.pictures = 0
        """Ends of pictures, ever."""
        self.tails: dict[int, bytes] = {}
        """RTP headers of the last packet of each channel."""
        self._media = bytes(number in media for number in range(256))
        self._look = look
        self._runs = Runs(video)
        self._former = 0, _NO_TIME
        """Length and timestamp of the last packet that came alone."""
        self._known = _NO_TIME
        """The timestamp of a picture that goes on, and of which is known what it is."""
        self._pending = False
        """Whether parameter sets wait for their picture."""
        self._key_time = _NO_TIME

    def scan(self, buffer: bytearray, start: int, size: int) -> int:
        """Walk media frames from `start` on; return the end of those that are whole.

        `buffer` is longer than `size` by some bytes.
        """
        self.whole = True
        if self.cuts:
            self.cuts = []
        position = self._usual(buffer, start, size)
        if position == size:
            return size
        is_media, tails = self._media, self.tails
        while position + HEADER <= size and buffer[position] == DOLLAR:
            channel = buffer[position + 1]
            if not is_media[channel]:
                break
            step = HEADER + (buffer[position + 2] << 8 | buffer[position + 3])
            following = position + step
            if following > size:
                self.whole = False
                break
            if following + step <= size and buffer[following + 3] == buffer[position + 3]:
                count = equal_frames(buffer, position, size, step)
                following = position + count * step
            else:
                count = 1
            if step >= _SHORTEST_LOOK:
                last = following - step + HEADER
                tails[channel] = bytes(buffer[last : last + RTP_HEADER])
                if channel == self._video:
                    self._see(buffer, start, position, step, count)
            position = self._usual(buffer, following, size)
        else:
            self.whole = position == size or buffer[position] != DOLLAR
        return position

    def _usual(self, buffer: bytearray, position: int, size: int) -> int:
        """Return the end of runs of which nothing has to be told but that they were there; `position` where there are none."""
        while position < size and not self._pending and (run := self._runs.find(buffer, position, size)) is not None:
            time, opening, length, header = run.groups()
            if opening is None and time != self._known:
                break
            position = run.end()
            if header is not None:
                following = position + (length[0] << 8 | length[1]) - RTP_HEADER
                if position < following <= size:
                    self.pictures += 1
                    self._known = _NO_TIME
                    self.tails[self._video] = header
                    position = following
                    continue
                position -= HEADERS
            self._known = time
            last = position - self._runs.step + HEADER
            self.tails[self._video] = bytes(buffer[last : last + RTP_HEADER])
        return position

    def _see(self, buffer: bytearray, start: int, position: int, step: int, count: int) -> None:
        """Look at `count` video packets of the same length, none longer than is needed: what a picture is, its beginning says."""
        first = position + HEADER
        time = bytes(buffer[first + _TIME : first + _TIME_END])
        if count > 1:
            last = first + (count - 1) * step
            if (
                buffer[last + _TIME : last + _TIME_END] != time
                or not buffer[first + 1 : last : step].isascii()  # a marker before the last one
            ):
                for number in range(count):
                    self._see(buffer, start, position + number * step, step, 1)
                return
            self._runs.learn_length(step)
        else:
            last = first
            if (step, time) == self._former:
                self._runs.learn_length(step)
            self._former = step, time
        if self._look is not None and time != self._known:
            for at in range(first, last + 1, step):
                if self._find(self._look, buffer, start, at, step - HEADER, time):
                    self._known = time
                    break
        if buffer[last + 1] & MARKER:
            self.pictures += 1
            self._known = _NO_TIME

    def _find(self, look: Look, buffer: bytearray, start: int, at: int, length: int, time: bytes) -> bool:
        """Look at one packet; tell whether it shows what its picture is."""
        begin, end = rtp_payload(buffer, at, at + length)
        if begin == end:
            return False
        sight = look(buffer, begin, end)
        if sight is Sight.NOTHING:
            return False
        cut = None
        if sight is Sight.KEY:
            if self._pending:
                cut = Cut.CONFIRMED
            elif time != self._key_time:
                cut = Cut.KEY
            self._key_time = time
        elif sight is Sight.PARAMETERS and not self._pending and time != self._key_time:
            cut = Cut.PARAMETERS
        elif sight is Sight.OTHER:
            self._runs.learn_opening(look, bytes(buffer[begin : min(end, begin + LONGEST_OPENING)]))
            if self._pending:
                cut = Cut.REFUTED
        if cut is not None:
            self._pending = cut is Cut.PARAMETERS
            self.cuts.append((at - HEADER - start, cut))
        return sight is not Sight.PARAMETERS
