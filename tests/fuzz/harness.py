"""Properties: what must hold for all inputs, as tests of the suite and for long runs."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import wraps
import tempfile
import time
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.configuration import set_hypothesis_home_dir

SUITE_EXAMPLES = 50
"""Of each property in the suite; an example tries many inputs."""
FEWEST_EXAMPLES = 8
"""Likewise, of one with a small share."""
EXAMPLES_A_ROUND = 500
"""Of a long run; then it is looked whether that is enough."""

_COMMON = settings(
    database=None, deadline=None, suppress_health_check=list(HealthCheck), print_blob=False, report_multiple_bugs=False
)

# Hypothesis keeps notes on characters and sources, by default where it is started.
_NOTES = tempfile.TemporaryDirectory(prefix="onvif-proxy-fuzz-")
set_hypothesis_home_dir(_NOTES.name)

type Check = Callable[..., Iterator[Hashable]]
"""A property: raises where it does not hold, and yields each input that was tried: what a parser was given from its start on."""


@dataclass(slots=True)
class Tally:
    """What one property has tried."""

    distinct: set[int] = field(default_factory=set)
    """Hashes of inputs."""
    tried: int = 0
    examples: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    """Seconds of the processor for one example, which tries many inputs."""

    def run(self, inputs: Iterator[Hashable]) -> None:
        """Try the inputs of one example."""
        started = time.process_time()
        for tried in inputs:
            self.tried += 1
            self.distinct.add(hash(tried))
        self.examples += 1
        self.slowest = max(self.slowest, time.process_time() - started)


@dataclass(frozen=True, slots=True)
class Property:
    """One of them."""

    name: str
    check: Check
    strategies: dict[str, Any]
    share: float
    """Of the inputs of a long run and of the examples of the suite, compared with others."""

    def run(self, tally: Tally, examples: int, *, seeded: int | None = None) -> None:
        """Try examples: the same ones each time, or those of a seed. Raises what the property does where it does not hold."""

        def example(**drawn: Any) -> None:
            tally.run(self.check(**drawn))

        test = given(**self.strategies)(example)
        if seeded is not None:
            test = seed(seeded)(test)
        started = time.perf_counter()
        try:
            settings(_COMMON, max_examples=examples, derandomize=seeded is None)(test)()
        finally:
            tally.seconds += time.perf_counter() - started

    def run_long(self, tally: Tally, wanted: int, seeded: int) -> None:
        """Try examples, a round after the other, until there were so many different inputs; raises likewise."""
        rounds = 0
        while len(tally.distinct) < wanted:
            self.run(tally, max(1, round(EXAMPLES_A_ROUND * self.share)), seeded=seeded + rounds)
            rounds += 1


PROPERTIES: list[Property] = []
"""All that were imported."""


def holds(*, share: float = 1.0, **strategies: Any) -> Callable[[Check], Callable[[], None]]:
    """Make a test of a property, for arguments drawn by these strategies; where an input takes long, with a small `share`."""

    def decorate(check: Check) -> Callable[[], None]:
        name = f"{check.__module__.rpartition('.')[2]}.{check.__name__}".replace("test_", "")
        made = Property(name, check, strategies, share)
        PROPERTIES.append(made)

        @wraps(check)
        def test() -> None:
            made.run(Tally(), max(FEWEST_EXAMPLES, round(SUITE_EXAMPLES * share)))

        # pytest would take the arguments of what is wrapped for fixtures.
        del test.__wrapped__  # type: ignore[attr-defined] - `wraps` sets it
        return test

    return decorate
