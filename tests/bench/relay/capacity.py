"""How much goes through one core."""

from collections.abc import Iterator
import statistics

from ..figure import Figure, Unmeasured
from . import relays
from .cost import Found, lost
from .load import stream, streams
from .peers import HAPROXY, NODE, TITLES
from .relays import Relay
from .stage import Stage

MANY = 64
UNPACED_GBIT = 5
FLAT = 1.3
"""Of what a stream costs alone, for each of MANY: less is noise, and what grows with their number is MANY."""

_MANY_SECONDS = 3.0
_ALONE_SECONDS = 2.0
_FLAT_ROUNDS = 3
_UNPACED = 100
"""Packets that are given to the kernel at once."""


def capacity(stage: Stage) -> Iterator[Found]:
    """Measure many streams with two viewers each."""
    watched = streams(MANY)
    with stage.ours(watched) as relay, stage.watching(relay, watched, each=2):
        window = stage.window(relay, _MANY_SECONDS)
    title = f"{MANY} x 8 Mbit/s, {2 * MANY} viewers, one core"
    yield Figure(name="many_core_percent", title=title, value=window.percent, unit="% of a core", limit=100)
    yield Figure(name="many_gbit", title="  delivered", value=window.gbit, unit="Gbit/s", least=MANY * 2 * 8 / 1000)
    yield lost("many", f"{2 * MANY} viewers", [window])


def flat(stage: Stage) -> Iterator[Found]:
    """Measure what a stream costs, alone and as one of many."""
    found: dict[int, list[float]] = {}
    for _ in range(min(stage.effort.rounds, _FLAT_ROUNDS)):
        for count in (1, 8, MANY):
            watched = streams(count)
            with stage.ours(watched) as relay, stage.watching(relay, watched):
                window = stage.window(relay, _ALONE_SECONDS if count == 1 else None)
                found.setdefault(count, []).append(window.percent / count)
    costs = {count: statistics.median(values) for count, values in found.items()}
    for count, value in costs.items():
        title = f"A stream of 8 Mbit/s, one of {count}"
        yield Figure(name=f"stream_of_{count}_percent", title=title, value=value, unit="% of a core")
    yield Figure(
        name="flat", title=f"  one of {MANY} against one alone", value=costs[MANY] / costs[1], unit="times", limit=FLAT
    )


def unpaced(stage: Stage) -> Iterator[Found]:
    """Measure one stream that comes as fast as it is taken; viewers let the kernel throw it away."""
    watched = [stream(0, "unpaced", _UNPACED)]
    with stage.ours(watched) as relay:
        yield _speed(stage, relay, "ours", "One stream, unpaced", least=UNPACED_GBIT)
    if stage.effort.thorough:
        for name in (HAPROXY, NODE):
            try:
                with stage.peer(name) as relay:
                    yield _speed(stage, relay, name, f"  {TITLES[name]}")
            except Unmeasured as error:
                yield error
        yield _speed(stage, relays.direct(), "direct", "  without a relay")


def _speed(stage: Stage, relay: Relay, name: str, title: str, least: float | None = None) -> Figure:
    found = []
    for _ in range(stage.effort.rounds):
        with stage.watching(relay, [stream(0, "unpaced", _UNPACED)]):
            stage.viewers.ask("discard 0")
            found.append(stage.window(relay).gbit)
    return Figure(name=f"unpaced_{name}_gbit", title=title, value=statistics.median(found), unit="Gbit/s", least=least)
