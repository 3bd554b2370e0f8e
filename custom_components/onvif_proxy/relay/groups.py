"""The group of pictures that is being received, for who joins in its middle: bounded by bytes and seconds. No I/O."""

from collections.abc import Callable
import time

DEFAULT_MAX_GROUP = 16 * 1024 * 1024
"""Bytes: four seconds of 32 Mbit/s."""
DEFAULT_MAX_GROUP_SECONDS = 10.0
_LOOK_AT_CLOCK = 16
"""Pieces after which it is seen how old the group is."""


class GroupBuffer:
    """Keeps the media since the last key frame began, as it was received."""

    def __init__(
        self,
        *,
        max_size: int = DEFAULT_MAX_GROUP,
        max_seconds: float = DEFAULT_MAX_GROUP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is known yet."""
        self.pieces: list[bytes] = []
        """Whole frames; a group from its beginning while `holding`."""
        self.former: list[bytes] = []
        """The group before, until the first picture of this one is whole."""
        self.holding = False
        """Whether there is a group to join."""
        self.keeps = False
        """Whether pieces are wanted: a group is here, or may have begun."""
        self.size = 0
        """Bytes of the pieces."""
        self._max_size = max_size
        self._max_seconds = max_seconds
        self._clock = clock
        self._began = 0.0
        self._mark: int | None = None

    def append(self, piece: bytes) -> bool:
        """Take a piece; return False when the group became too large with it, or lasts too long, and is given up."""
        pieces = self.pieces
        pieces.append(piece)
        self.size += len(piece)
        if self.size <= self._max_size and (len(pieces) % _LOOK_AT_CLOCK or not self._is_too_old()):
            return True
        gave_up = self.holding
        self.clear()
        return not gave_up

    def _is_too_old(self) -> bool:
        return self._clock() - self._began > self._max_seconds

    def picture_ended(self) -> None:
        """Hear that the group's first picture is whole."""
        self.former = []

    def mark(self) -> None:
        """Note that the next piece may begin a group."""
        self._mark = len(self.pieces)
        self.keeps = True
        if not self.holding:
            self._began = self._clock()

    def unmark(self) -> None:
        """It did not."""
        self._mark = None
        if not self.holding:
            self.clear()

    def turn(self) -> list[bytes]:
        """Begin a group, at the mark if there is one; return what of it is here already."""
        begun = [] if self._mark is None else self.pieces[self._mark :]
        self.former = self.pieces if self.holding else []
        self.pieces = begun
        self.size = sum(map(len, begun))
        self.holding = self.keeps = True
        self._began = self._clock()
        self._mark = None
        return begun

    def clear(self) -> None:
        """Forget everything: what comes next has nothing to do with it."""
        self.pieces, self.former = [], []
        self.holding = self.keeps = False
        self.size = 0
        self._mark = None
