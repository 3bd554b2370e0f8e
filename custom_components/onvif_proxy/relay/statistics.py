"""What a camera's relay is doing, as plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
import time


class StreamState(StrEnum):
    """Of the session with the recorder."""

    IDLE = "idle"
    """Nobody wants it."""
    CONNECTING = "connecting"
    LIVE = "live"
    """Media comes."""
    RETRYING = "retrying"
    """It was lost or refused; the next attempt waits for its time."""


class StreamReason(StrEnum):
    """Why a session with the recorder ended, or could not be had: what a person can do something about, told apart."""

    UNREACHABLE = "unreachable"
    """No connection."""
    NO_ANSWER = "no_answer"
    """A connection, and no answer in time."""
    CLOSED = "closed"
    """The recorder ended the session or its connection."""
    NO_MEDIA = "no_media"
    """The session stands and nothing comes."""
    LOGIN_REFUSED = "login_refused"
    NOT_FOUND = "not_found"
    """There is no such stream any more."""
    BUSY = "busy"
    """The recorder serves no more streams than it does already."""
    REFUSED = "refused"
    """Another error of the recorder."""
    NOT_UNDERSTOOD = "not_understood"
    """What it says isn't RTSP, SDP, or what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTrouble:
    """What became of the last session."""

    reason: StreamReason
    text: str
    """The same for the log and diagnostics, in English and more exactly. Without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatistics:
    """Of one stream."""

    name: str
    """Of its source; `raw` in raw mode, where LIVE says that connections stand and not what comes through them."""
    state: StreamState
    trouble: StreamTrouble | None
    """Why the last session ended or could not be had; None since one is live."""
    since: datetime
    """UTC; since when the state holds."""
    bit_rate: float
    """Bit/s of media from the recorder, since the last look at it and for a second at least."""
    frame_rate: float
    """Pictures a second, likewise."""
    reconnects: int
    """Sessions that were opened after one was lost, ever."""
    dropped_groups: int
    """Groups of pictures that viewers lost because they were slow, ever."""
    bytes: int
    """Of media from the recorder, ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerStatistics:
    """Of one viewer that has a session."""

    address: str
    since: datetime
    """UTC; of its connection."""
    stream: str
    transport: str
    """`TCP`: in its RTSP connection; `UDP`; `HTTP`: in that of a tunnel."""
    bytes: int
    """Sent to it."""
    dropped_groups: int
    """Groups of pictures that it lost because it was slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraStatistics:
    """Of one camera."""

    streams: tuple[StreamStatistics, ...]
    viewers: tuple[ViewerStatistics, ...]


MEASURED_SECONDS = 1.0
"""The least time that a rate is measured over."""


class Rates:
    """Turns counters into rates over the time between two looks at them. No I/O."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Everything begins at zero."""
        self._clock = clock
        self._at = clock()
        self._counters: tuple[int, ...] = ()
        self._rates: tuple[float, ...] = ()

    def restart(self, *counters: int) -> None:
        """Begin anew: what was before says nothing of now."""
        self._at, self._counters, self._rates = self._clock(), counters, ()

    def look(self, *counters: int) -> tuple[float, ...]:
        """Return by how much each counter rises a second."""
        now = self._clock()
        passed = now - self._at
        if passed >= MEASURED_SECONDS or not self._rates:
            former = self._counters or (0,) * len(counters)
            rates = tuple((new - old) / passed if passed else 0.0 for new, old in zip(counters, former, strict=True))
            if passed < MEASURED_SECONDS:
                return rates
            self._at, self._counters, self._rates = now, counters, rates
        return self._rates
