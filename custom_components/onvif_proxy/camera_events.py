"""What one camera sees, put together from all who tell of it: its recorder, and entities that were assigned to it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

from .model import EventKind

HOLD_SECONDS: Final = 60.0
"""After its last "true", for what a recorder may forget to end; while it sees something, it says so again and again."""
PULSE_SECONDS: Final = 5.0
"""For what only happens, like the ring of a bell."""


class Timer(Protocol):
    """Something that will be called."""

    def cancel(self) -> None:
        """Don't call it."""


class _Claim(NamedTuple):
    """That a source sees something; what only happened ends by itself, beside what the source says to go on."""

    source: str
    kind: EventKind
    momentary: bool


def _call_later(delay: float, call: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(delay, call)


class CameraEvents:
    """Says of each kind whether any source sees it, and always says when that ends.

    `on_change` is called with the kind, whether it is seen, and since when (UTC).
    """

    def __init__(
        self,
        on_change: Callable[[EventKind, bool, datetime], None],
        *,
        hold: float = HOLD_SECONDS,
        pulse: float = PULSE_SECONDS,
        call_later: Callable[[float, Callable[[], None]], Timer] = _call_later,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin with nothing seen. `hold` and `pulse` are seconds, `clock` is UTC."""
        self._on_change = on_change
        self._hold = hold
        self._pulse = pulse
        self._call_later = call_later
        self._clock = clock
        self._claims: dict[_Claim, Timer | None] = {}
        """What is seen, and what will end it if nobody does."""
        self._closed = False

    @property
    def states(self) -> Mapping[EventKind, bool]:
        """What is seen now."""
        return {kind: self._is_seen(kind) for kind in EventKind}

    def report(
        self,
        source: str,
        kind: EventKind,
        active: bool,
        at: datetime,
        *,
        momentary: bool = False,
        until_told: bool = False,
    ) -> None:
        """Take what a source says.

        `momentary` says that something happened of which no end will be told; it lasts for `pulse`. With `until_told`
        the source is trusted to say when it ends, else that is taken for granted `hold` after it was said last.
        """
        if self._closed:
            return
        claim = _Claim(source, kind, momentary)
        if not active:
            self._end([claim], at)
            return
        was_seen = self._is_seen(kind)
        self._cancel(claim)
        lasts = self._pulse if momentary else self._hold
        endless = until_told and not momentary
        self._claims[claim] = None if endless else self._call_later(lasts, lambda: self._end([claim], self._clock()))
        if not was_seen:
            self._on_change(kind, True, at)

    def forget(self, source: str) -> None:
        """End everything that a source saw: it can't be asked any more."""
        self._end([claim for claim in self._claims if claim.source == source], self._clock())

    def close(self) -> None:
        """Take and tell nothing any more; idempotent."""
        self._closed = True
        for claim in list(self._claims):
            self._cancel(claim)
        self._claims.clear()

    def _is_seen(self, kind: EventKind) -> bool:
        return any(claim.kind is kind for claim in self._claims)

    def _cancel(self, claim: _Claim) -> None:
        if (timer := self._claims.get(claim)) is not None:
            timer.cancel()

    def _end(self, claims: list[_Claim], at: datetime) -> None:
        ended = [claim for claim in claims if claim in self._claims]
        for claim in ended:
            self._cancel(claim)
            del self._claims[claim]
        for kind in dict.fromkeys(claim.kind for claim in ended):
            if not self._is_seen(kind):
                self._on_change(kind, False, at)
