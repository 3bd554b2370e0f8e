"""What is known of a recorder in raw mode: whether connections to it are had, and how much comes through them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from .errors import UpstreamError
from .raw import RawPassage
from .statistics import Rates, StreamState, StreamStatistics

RAW_STREAM = "raw"
"""How statistics call what viewers watch: which stream that is they and the recorder alone know."""


class RawStream:
    """Of one camera."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Nobody has come yet; `on_change` is called when the number of viewers or the state is another."""
        self._on_change = on_change
        self._connecting = 0
        self._passages: set[RawPassage] = set()
        self._error: UpstreamError | None = None
        self._former_bytes = 0
        self._state = StreamState.IDLE
        self._since = datetime.now(UTC)
        self._rates = Rates()

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Count a viewer for whom the recorder is being connected to, and keep the UpstreamError where that fails."""
        self._connecting += 1
        self._settle()
        try:
            yield
            self._error = None
        except UpstreamError as error:
            self._error = error
            raise
        finally:
            self._connecting -= 1
            self._settle()

    @contextmanager
    def passing(self, passage: RawPassage) -> Iterator[None]:
        """Count a viewer that is connected to the recorder."""
        self._passages.add(passage)
        self._settle()
        try:
            yield
        finally:
            self._passages.remove(passage)
            self._former_bytes += passage.down.passed
            self._settle()

    def _settle(self) -> None:
        state = StreamState.IDLE
        if self._passages:
            state = StreamState.LIVE
        elif self._connecting:
            state = StreamState.CONNECTING
        if state is not self._state:
            self._state, self._since = state, datetime.now(UTC)
        self._on_change()

    def statistics(self) -> StreamStatistics:
        """Return what is known: that there are connections, not what is said in them."""
        passed = self._former_bytes + sum(passage.down.passed for passage in self._passages)
        (bytes_rate,) = self._rates.look(passed)
        return StreamStatistics(
            name=RAW_STREAM,
            state=self._state,
            trouble=None if self._error is None else self._error.trouble,
            since=self._since,
            bit_rate=8 * bytes_rate if self._passages else 0.0,
            frame_rate=0.0,
            reconnects=0,
            dropped_groups=0,
            bytes=passed,
        )
