"""What a delivered gigabyte costs of the CPU, and how late it comes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
import random
import statistics

from ..figure import Figure, Unmeasured
from . import relays
from .load import MODES, Stream, streams
from .peers import BARE, HAPROXY, NGINX, NODE, SOCAT, TITLES
from .relays import DIRECT, OURS, Relay
from .stage import Stage, Window

STREAMS = 32
VIEWERS_EACH = 3

COST_RATIOS: Mapping[str, Mapping[str, float]] = {
    "frame": {HAPROXY: 1.5, NODE: 0.7},
    "packet": {HAPROXY: 0.4},
    "spread": {HAPROXY: 0.5},
}
"""The most that a gigabyte may cost of what it costs a peer, by how the recorder writes."""
SHARED_RATIO = 0.8
"""The same, with three viewers a stream, of haproxy's."""
RECORDER_LATE_PERCENT = 10
"""Beyond it the machine is too busy for the figures to mean what they say: the recorder writes in bursts."""
ADDED_P50_MS = 1.5
ADDED_P99_MS = 5

_WRITES = {"frame": "a frame a write", "packet": "a packet a write", "spread": "packets spread evenly"}
_COMPANY = {
    "frame": (HAPROXY, NGINX, NODE, SOCAT, BARE),
    "packet": (HAPROXY, NODE, BARE),
    "spread": (HAPROXY, NODE, BARE),
}
_SHORT_COMPANY = (HAPROXY, NODE, BARE)

type Found = Figure | Unmeasured


def cost(stage: Stage) -> Iterator[Found]:
    """Measure one viewer a stream, and what is added to the time of each packet."""
    for mode in MODES:
        names = _COMPANY[mode] if stage.effort.thorough else _SHORT_COMPANY
        windows, missing = alternate(stage, streams(STREAMS, mode), names, with_direct=True)
        where = f"{STREAMS} x 8 Mbit/s, {_WRITES[mode]}"
        yield from costs(mode, where, windows)
        yield from ratios(mode, _WRITES[mode], windows, missing, COST_RATIOS[mode])
        yield from floors(mode, _WRITES[mode], windows, COST_RATIOS[mode])
        for name, title, limit, of in _DELAYS:
            yield Figure(
                name=f"added_{name}_{mode}_ms",
                title=f"  {_WRITES[mode]}: {title}",
                value=median(windows[OURS], of) - median(windows[DIRECT], of),
                unit="ms",
                limit=limit,
            )
        yield lost(mode, _WRITES[mode], windows[OURS])
        yield Figure(
            name=f"recorder_late_{mode}_percent",
            title=f"  {_WRITES[mode]}: the recorder's, over 1 ms late",
            value=statistics.median(window.late_percent for each in windows.values() for window in each),
            unit="%",
            limit=RECORDER_LATE_PERCENT,
        )


_DELAYS: tuple[tuple[str, str, float, Callable[[Window], float]], ...] = (
    ("p50", "half of the packets later by", ADDED_P50_MS, lambda window: window.p50_ms),
    ("p99", "99 of 100 later by", ADDED_P99_MS, lambda window: window.p99_ms),
)


def shared(stage: Stage) -> Iterator[Found]:
    """Measure three viewers a stream."""
    sessions: dict[str, int] = {}

    def count(relay: Relay) -> None:
        sessions[relay.name] = stage.recorder.ask("stats")["sessions"]

    windows, missing = alternate(stage, streams(STREAMS), (HAPROXY, BARE), each=VIEWERS_EACH, seen=count)
    where = f"{STREAMS} x 8 Mbit/s, {VIEWERS_EACH} viewers each"
    yield from costs("shared", where, windows)
    yield from ratios("shared", "shared", windows, missing, {HAPROXY: SHARED_RATIO})
    yield from floors("shared", "shared", windows, (HAPROXY,))
    yield Figure(
        name="shared_sessions",
        title=f"  sessions of the recorder for {VIEWERS_EACH * STREAMS} viewers",
        value=sessions[OURS],
        unit="sessions",
        limit=STREAMS,
    )
    yield lost("shared", "shared", windows[OURS])


def alternate(
    stage: Stage,
    watched: Sequence[Stream],
    names: Sequence[str],
    *,
    each: int = 1,
    with_direct: bool = False,
    seen: Callable[[Relay], None] = lambda _: None,
) -> tuple[dict[str, list[Window]], dict[str, Unmeasured]]:
    """Measure ours and peers in turns, in another order each time, so that whatever else the machine does hits all.

    Returns:
        The windows by relay, and why a peer is missing.
    """
    windows: dict[str, list[Window]] = {}
    missing: dict[str, Unmeasured] = {}
    openers: dict[str, Callable[[], AbstractContextManager[Relay]]] = {
        OURS: partial(stage.ours, watched),
        **{name: partial(stage.peer, name) for name in names},
    }
    if with_direct:
        openers[DIRECT] = lambda: nullcontext(relays.direct())
    for _ in range(stage.effort.rounds):
        for name in random.sample(sorted(openers.keys() - missing.keys()), len(openers) - len(missing)):
            # Each is started for its turn and ended after it: ours keeps sessions of the recorder for a while, which would
            # be in the way of the next.
            with ExitStack() as stack:
                try:
                    relay = stack.enter_context(openers[name]())
                except Unmeasured as error:
                    if name == OURS:
                        raise
                    missing[name] = error
                    continue
                stack.enter_context(stage.watching(relay, watched, each=each))
                windows.setdefault(name, []).append(stage.window(relay))
                seen(relay)
    return windows, missing


def median(windows: Sequence[Window], of: Callable[[Window], float]) -> float:
    """Return the median over the rounds."""
    return statistics.median(map(of, windows))


def costs(name: str, where: str, windows: Mapping[str, Sequence[Window]]) -> Iterator[Figure]:
    """Tell what each relay needs, ours first."""
    for relay in (OURS, *TITLES):
        if relay in windows:
            title = f"{where}: CPU of a GB" if relay == OURS else f"  {TITLES[relay]}"
            value = median(windows[relay], lambda window: window.cost)
            yield Figure(name=f"cost_{name}_{relay}", title=title, value=value, unit="s/GB")
    percent = median(windows[OURS], lambda window: window.percent)
    yield Figure(name=f"core_{name}_percent", title="  ours, of a core", value=percent, unit="%")


def ratios(
    name: str,
    where: str,
    windows: Mapping[str, Sequence[Window]],
    missing: Mapping[str, Unmeasured],
    limits: Mapping[str, float],
) -> Iterator[Found]:
    """Compare ours with peers: in each round, and the best rounds."""
    for peer, limit in limits.items():
        if peer not in windows:
            yield Unmeasured(f"{where}, ours against {TITLES[peer]}, was not measured. {missing[peer]}")
            continue
        pairs = zip(windows[OURS], windows[peer], strict=True)
        best = {relay: min(window.cost for window in windows[relay]) for relay in (OURS, peer)}
        title = f"  {where}: ours against {TITLES[peer].partition(',')[0]}"
        yield Figure(
            name=f"ratio_{name}_{peer}",
            title=title,
            value=statistics.median(ours.cost / theirs.cost for ours, theirs in pairs),
            unit="times",
            limit=limit,
        )
        yield Figure(
            name=f"ratio_best_{name}_{peer}", title=f"{title}, best rounds", value=best[OURS] / best[peer], unit="times"
        )


def floors(name: str, where: str, windows: Mapping[str, Sequence[Window]], peers: Iterable[str]) -> Iterator[Figure]:
    """Tell what waking up, reading and sending alone cost, against the same peers: the least for a relay with our tick."""
    for peer in peers:
        if peer in windows and BARE in windows:
            pairs = zip(windows[BARE], windows[peer], strict=True)
            yield Figure(
                name=f"floor_{name}_{peer}",
                title=f"  {where}: {TITLES[BARE]}, against {TITLES[peer].partition(',')[0]}",
                value=statistics.median(bare.cost / theirs.cost for bare, theirs in pairs),
                unit="times",
            )


def lost(name: str, where: str, windows: Sequence[Window]) -> Figure:
    """Tell what our viewers did not get."""
    value = sum(window.lost for window in windows)
    return Figure(
        name=f"lost_{name}", title=f"  {where}: packets lost or out of order", value=value, unit="packets", limit=0
    )
