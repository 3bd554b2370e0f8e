"""How often a repair is tried: at once, but ever later while it fails, and rarely when somebody undoes it again and again."""

from collections import deque


class Patience:
    """Says when the next repair of one thing may be; it has no clock of its own."""

    def __init__(
        self, *, first_wait: float = 1.0, longest_wait: float = 60.0, burst: int = 10, burst_seconds: float = 30.0
    ) -> None:
        """Choose limits.

        Args:
            first_wait: Seconds after a failure; doubled with each further one.
            longest_wait: Seconds after a failure, at most.
            burst: Repairs that may be done in `burst_seconds`.
            burst_seconds: The time for a burst.
        """
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._burst_seconds = burst_seconds
        self._repairs: deque[float] = deque(maxlen=burst)
        self._wait = 0.0
        self._not_before = 0.0

    def seconds(self, now: float) -> float:
        """Return how long the next repair has to wait, 0 when it may be now."""
        return max(0.0, self._not_before - now)

    def failed(self, now: float) -> None:
        """Count a repair that failed."""
        self._wait = min(self._longest_wait, self._wait * 2 or self._first_wait)
        self._not_before = now + self._wait

    def repaired(self, now: float) -> bool:
        """Count a repair that succeeded; return whether it was one too many, so that the next has to wait."""
        self._wait = 0.0
        self._repairs.append(now)
        full = len(self._repairs) == self._repairs.maxlen
        self._not_before = self._repairs[0] + self._burst_seconds if full else 0.0
        return self._not_before > now
