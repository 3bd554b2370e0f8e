"""Who failed to log in and why, and who is locked out for it: one guard a camera in each process that serves it. No I/O."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
import logging
import math
import time

_LOGGER = logging.getLogger(__name__)


class LoginProblem(StrEnum):
    """Why a login failed."""

    NO_CREDENTIALS = "no_credentials"
    UNKNOWN_USER = "unknown_user"
    WRONG_PASSWORD = "wrong_password"
    CLOCK_OFF = "clock_off"
    REPLAYED = "replayed"
    MALFORMED = "malformed"
    LOCKED_OUT = "locked_out"


class LoginWay(StrEnum):
    """Where somebody wanted to log in."""

    SOAP = "soap"
    SNAPSHOT = "snapshot"
    RTSP = "rtsp"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailure:
    """One login that failed."""

    source: str
    """The client's address."""
    way: LoginWay
    problem: LoginProblem
    at: datetime
    """UTC."""
    seconds_off: int | None = None
    """With `CLOCK_OFF`: how far the client's clock is ahead of ours."""
    count: int = 1
    """How often it happened, as far as `LoginGuard.recent` goes back; the rest is of the last time."""


type _Kind = tuple[str, LoginWay, LoginProblem]


MAX_FAILURES = 10
FAILURE_WINDOW = 300.0
LOCK_OUT = 60.0
MAX_SOURCES = 1024
MAX_RECENT = 20
REPORT_INTERVAL = 60.0
MAX_REPORTS = 20
"""In that time, whoever fails: each becomes a state that Home Assistant keeps."""
MAX_UNANSWERED = 2

_GUESSES = frozenset({LoginProblem.UNKNOWN_USER, LoginProblem.WRONG_PASSWORD})
"""What counts towards a lock-out. Whoever has the password and a wrong clock is no attacker, and clients ask without
credentials first, by design."""


@dataclass(slots=True)
class _Source:
    """What is remembered of an address."""

    guesses: deque[float]
    """When it was wrong, within the window."""
    locked_until: float = -math.inf
    unanswered: int = 0
    """Requests without credentials since the last one with some."""


class LoginGuard:
    """Counts failures by source, and locks a source out that guesses; no other source feels it.

    All times are seconds. Everything that is remembered is bounded: the source that was heard of least recently is
    forgotten first.
    """

    def __init__(
        self,
        on_failure: Callable[[LoginFailure], None] | None = None,
        *,
        on_lock_out: Callable[[str, float], None] | None = None,
        max_failures: int = MAX_FAILURES,
        failure_window: float = FAILURE_WINDOW,
        lock_out: float = LOCK_OUT,
        max_sources: int = MAX_SOURCES,
        max_recent: int = MAX_RECENT,
        report_interval: float = REPORT_INTERVAL,
        max_reports: int = MAX_REPORTS,
        max_unanswered: int = MAX_UNANSWERED,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Make a guard that nobody has failed at yet.

        After `max_failures` wrong users or passwords within `failure_window` a source is locked out for `lock_out`.
        Up to `max_unanswered` requests in a row without credentials are taken for the first half of a digest's handshake.
        `on_failure` is called at most once per `report_interval` for the same source, way and problem, and `max_reports`
        times for all of them; `on_lock_out` when a source is locked out here, with the seconds.
        """
        self.on_failure = on_failure
        self.on_lock_out = on_lock_out
        self._max_failures = max_failures
        self._failure_window = failure_window
        self._lock_out = lock_out
        self._max_sources = max_sources
        self._max_recent = max_recent
        self._report_interval = report_interval
        self._max_reports = max_reports
        self._max_unanswered = max_unanswered
        self._clock = clock
        self._now = now
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._recent: OrderedDict[_Kind, LoginFailure] = OrderedDict()
        self._reported: OrderedDict[_Kind, float] = OrderedDict()

    @property
    def recent(self) -> tuple[LoginFailure, ...]:
        """The last failures, oldest first; those of one kind from one source are one, with their number."""
        return tuple(self._recent.values())

    def is_locked_out(self, source: str) -> bool:
        """Tell whether a source has to wait."""
        known = self._sources.get(source)
        return known is not None and self._clock() < known.locked_until

    @property
    def locked_out(self) -> dict[str, float]:
        """Who has to wait, and how many seconds more."""
        now = self._clock()
        return {source: known.locked_until - now for source, known in self._sources.items() if now < known.locked_until}

    def lock_out(self, source: str, seconds: float) -> None:
        """Let a source wait that guessed elsewhere; a longer wait of its own stays."""
        known = self._source(source)
        known.locked_until = max(known.locked_until, self._clock() + seconds)

    def note(self, failure: LoginFailure) -> None:
        """Take what another guard reported: it is reported and remembered as if it had been here, but counts there alone."""
        self._remember(failure)
        self._report((failure.source, failure.way, failure.problem), failure)

    def failed(self, source: str, way: LoginWay, problem: LoginProblem, *, seconds_off: int | None = None) -> None:
        """Note a failure; `LOCKED_OUT` is that of a source that did not wait, which makes its wait no longer."""
        known = self._source(source)
        if problem is LoginProblem.NO_CREDENTIALS:
            known.unanswered += 1
            if known.unanswered <= self._max_unanswered:
                return
        elif problem is not LoginProblem.LOCKED_OUT:
            known.unanswered = 0
        if problem in _GUESSES:
            self._count_guess(source, known)
        self._record(source, way, problem, seconds_off)

    def succeeded(self, source: str) -> None:
        """Note a login that was right."""
        if source in self._sources and not self.is_locked_out(source):
            del self._sources[source]

    def _source(self, address: str) -> _Source:
        known = self._sources.setdefault(address, _Source(deque(maxlen=self._max_failures)))
        self._sources.move_to_end(address)
        if len(self._sources) > self._max_sources:
            self._sources.popitem(last=False)
        return known

    def _count_guess(self, source: str, known: _Source) -> None:
        now = self._clock()
        known.guesses.append(now)
        if len(known.guesses) == self._max_failures and now - known.guesses[0] <= self._failure_window:
            known.locked_until = now + self._lock_out
            known.guesses.clear()
            if self.on_lock_out is not None:
                self.on_lock_out(source, self._lock_out)

    def _record(self, source: str, way: LoginWay, problem: LoginProblem, seconds_off: int | None) -> None:
        _LOGGER.debug("Login by %s from %s failed: %s", way, source, problem)
        kind = (source, way, problem)
        former = self._recent.get(kind)
        failure = LoginFailure(
            source=source,
            way=way,
            problem=problem,
            at=self._now(),
            seconds_off=seconds_off,
            count=1 if former is None else former.count + 1,
        )
        self._remember(failure)
        self._report(kind, failure)

    def _report(self, kind: _Kind, failure: LoginFailure) -> None:
        now = self._clock()
        while self._reported and now - next(iter(self._reported.values())) >= self._report_interval:
            self._reported.popitem(last=False)
        if self.on_failure is not None and kind not in self._reported and len(self._reported) < self._max_reports:
            self._reported[kind] = now
            self.on_failure(failure)

    def _remember(self, failure: LoginFailure) -> None:
        kind = (failure.source, failure.way, failure.problem)
        self._recent[kind] = failure
        self._recent.move_to_end(kind)
        if len(self._recent) > self._max_recent:
            self._recent.popitem(last=False)
