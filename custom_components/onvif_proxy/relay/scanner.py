"""A recorder's bytes, walked once: whole media frames, and where groups of pictures begin in them. No I/O."""

from collections.abc import Collection
from enum import Enum, auto

from .codecs import Finder, Sight
from .frames import DOLLAR, HEADER, RTP_HEADER, equal_frames, rtp_header, rtp_payload

_SHORTEST_LOOK = HEADER + RTP_HEADER + 1
_UNMARKED = bytes(range(0x80))


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

    def __init__(self, *, video: int = -1, finder: Finder | None = None, media: Collection[int] = ()) -> None:
        """`media` are all RTP channels, `video` the one whose key frames begin groups, found by `finder` if they can be."""
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
        self._finder = finder
        self._every = finder is not None and finder.boring is None
        self._boring = (finder and finder.boring) or b""
        self._boring_fragments = (finder and finder.boring_fragments) or b""
        self._fragment = HEADER + RTP_HEADER + (finder.fragment if finder else 0)
        self._interesting = bytes(value not in self._boring for value in range(256))
        self._interesting_fragments = bytes(value not in self._boring_fragments for value in range(256))
        self._pending = False
        """Whether parameter sets wait for their picture."""
        self._key_time = -1

    def scan(self, buffer: bytearray, start: int, size: int) -> int:
        """Walk media frames from `start` on; return the end of those that are whole.

        `buffer` is longer than `size` by some bytes.
        """
        position = start
        self.whole = True
        if self.cuts:
            self.cuts = []
        last: dict[int, int] = {}
        is_media, video = self._media, self._video
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
                last[channel] = following - step
                if channel == video:
                    self._see(buffer, start, position, step, count)
            position = following
        else:
            self.whole = position == size or buffer[position] != DOLLAR
        for channel, at in last.items():
            self.tails[channel] = bytes(buffer[at + HEADER : at + HEADER + RTP_HEADER])
        return position

    def _see(self, buffer: bytearray, start: int, position: int, step: int, count: int) -> None:
        """Look at `count` video packets of the same length, none longer than is needed."""
        if count == 1:
            self.pictures += buffer[position + HEADER + 1] >> 7
        else:
            marks = buffer[position + HEADER + 1 : position + count * step : step]
            self.pictures += len(marks.translate(None, _UNMARKED))
        if self._finder is None:
            return
        if not (self._every or self._pending or buffer[position + HEADER] & 0x1F):
            at = position + HEADER + RTP_HEADER
            if count == 1:
                if not (
                    self._interesting[buffer[at]] or self._interesting_fragments[buffer[position + self._fragment]]
                ):
                    return
            else:
                end = position + count * step
                if not (
                    buffer[at:end:step].translate(None, self._boring)
                    or buffer[position + self._fragment : end : step].translate(None, self._boring_fragments)
                ):
                    return
        for number in range(count):
            self._look(buffer, start, position + number * step, step)

    def _look(self, buffer: bytearray, start: int, position: int, step: int) -> None:
        assert self._finder is not None
        begin, end = rtp_payload(buffer, position + HEADER, position + step)
        if begin == end:
            return
        sight = self._finder.look(buffer, begin, end)
        if sight is Sight.NOTHING:
            return
        time = rtp_header(buffer, position + HEADER).timestamp
        cut = None
        if sight is Sight.KEY:
            if self._pending:
                cut = Cut.CONFIRMED
            elif time != self._key_time:
                cut = Cut.KEY
            self._key_time = time
        elif sight is Sight.PARAMETERS and not self._pending and time != self._key_time:
            cut = Cut.PARAMETERS
        elif sight is Sight.OTHER and self._pending:
            cut = Cut.REFUTED
        if cut is not None:
            self._pending = cut is Cut.PARAMETERS
            self.cuts.append((position - start, cut))
