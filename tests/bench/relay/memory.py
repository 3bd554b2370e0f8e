"""What the relay holds: by itself, for viewers, after many of them, and for one that stops reading."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
import time

from ..figure import Figure, Unmeasured
from .cost import Found
from .load import Stream, stream, streams
from .peers import NODE, TITLES
from .relays import FIRST_PORT, Relay
from .stage import Stage
from .wires import RELAY

STREAMS = 32
VIEWERS_EACH = 4
PROCESS_MIB = 40
VIEWER_KIB = 300
GROWTH_MIB = 2.0
"""Over all connects and disconnects: 200 bytes of each, less than any that is not forgotten leaves."""
STALL_SECONDS = 4.0
STALL_MB = 5
STALL_MS = 5

_CHURNED = 8
"""Cameras that are connected to."""
_AT_ONCE = 8
_WARM_UP = 500
"""Connections until the heap is as large as it gets."""
_GOP_SECONDS = 2.5
"""After which the buffered group of pictures has had its full size."""
_STALLS = 2
_200_MBIT = 717
"""Packets a frame."""
_PATIENCE = 5.0
_MIB = 1024 * 1024


def memory(stage: Stage) -> Iterator[Found]:
    """Measure the process, then more and more viewers."""
    watched = streams(STREAMS)
    with stage.ours(watched) as relay:
        alone = relay.memory()
        with stage.watching(relay, watched):
            one = _most(relay, _GOP_SECONDS)
            with stage.watching(relay, watched, each=VIEWERS_EACH - 1, group=1):
                several = _most(relay, _GOP_SECONDS)
    more = (VIEWERS_EACH - 1) * STREAMS
    title = f"Memory with {STREAMS} cameras, nobody watches (RSS)"
    yield Figure(name="memory_mib", title=title, value=alone / _MIB, unit="MiB", limit=PROCESS_MIB)
    title = "  of each stream with its first viewer and 2 s of buffered pictures"
    yield Figure(name="memory_stream_kib", title=title, value=(one - alone) / STREAMS / 1024, unit="KiB")
    title = f"  of each of {more} more viewers"
    yield Figure(
        name="memory_viewer_kib", title=title, value=(several - one) / more / 1024, unit="KiB", limit=VIEWER_KIB
    )


def churn(stage: Stage) -> Iterator[Found]:
    """Measure what connects and disconnects leave behind; a viewer of each camera stays."""
    watched = streams(_CHURNED)
    with stage.ours(watched) as relay, stage.watching(relay, watched):
        _connect_and_leave(stage, max(stage.effort.churns // 5, _WARM_UP))
        files = _settled(relay.descriptors)
        before = _most(relay, _GOP_SECONDS)
        failed = _connect_and_leave(stage, stage.effort.churns)
        left = _settled(relay.descriptors, files) - files
        growth = _most(relay, _GOP_SECONDS) - before
    title = f"{stage.effort.churns} connects and disconnects: memory more"
    yield Figure(name="churn_memory_mib", title=title, value=growth / _MIB, unit="MiB", limit=GROWTH_MIB)
    yield Figure(name="churn_files", title="  file descriptors more", value=left, unit="files", limit=0)
    yield Figure(name="churn_failed", title="  of them failed", value=failed, unit="connections", limit=0)


def stall(stage: Stage) -> Iterator[Found]:
    """Measure a viewer that stops reading, beside others of the same stream and of another."""
    fast, other = stream(0, "frame", _200_MBIT), stream(1)
    with stage.ours([fast, other]) as relay:
        found = [_stall(stage, relay, fast, other) for _ in range(min(stage.effort.rounds, _STALLS))]
    title = f"A viewer stops reading 200 Mbit/s for {STALL_SECONDS:g} s: memory more"
    yield Figure(
        name="stall_memory_mb",
        title=title,
        value=max(growth for growth, _, _ in found) / 1e6,
        unit="MB",
        limit=STALL_MB,
    )
    # The worst packet of a hundred frames: whatever the machine does is in it. Being held up by the viewer would be in all.
    title = "  the latest packet of another stream, in the best of the rounds"
    yield Figure(name="stall_late_ms", title=title, value=min(late for _, late, _ in found), unit="ms", limit=STALL_MS)
    title = "  packets that a second viewer of the same stream lost"
    yield Figure(name="stall_lost", title=title, value=max(lost for _, _, lost in found), unit="packets", limit=0)
    if stage.effort.thorough:
        try:
            with stage.peer(NODE) as relay:
                growth, _, _ = _stall(stage, relay, fast, other)
            yield Figure(
                name="stall_node_memory_mb", title=f"  {TITLES[NODE]}: memory more", value=growth / 1e6, unit="MB"
            )
        except Unmeasured as error:
            yield error


def _stall(stage: Stage, relay: Relay, fast: Stream, other: Stream) -> tuple[int, float, int]:
    """Return bytes of memory more than before, the latest packet (ms) of the other stream, what a second viewer lost."""
    with ExitStack() as stack:
        for group, watched in enumerate((other, fast, fast)):
            stack.enter_context(stage.watching(relay, [watched], group=group))
        before = _most(relay, _GOP_SECONDS)
        stage.viewers.ask("stop 1")
        stage.viewers.ask("reset")
        during = _most(relay, STALL_SECONDS)
        report = stage.report()
        stage.viewers.ask("go 1")
    return max(0, during - before), report["0"]["max_ms"], report["2"]["lost"] + report["2"]["ended"]


def _most(relay: Relay, seconds: float) -> int:
    """Return the most memory of a time: what is buffered comes and goes with each group of pictures."""
    end = time.monotonic() + seconds
    most = 0
    while time.monotonic() < end:
        most = max(most, relay.memory())
        time.sleep(0.1)
    return most


def _connect_and_leave(stage: Stage, count: int) -> int:
    """Return how many did not come as far as they should."""
    said = stage.viewers.ask(f"churn {count} {_AT_ONCE} {RELAY} {FIRST_PORT} {_CHURNED} /main")
    return int(said["failed"])


def _settled(count: Callable[[], int], wanted: int | None = None) -> int:
    """Return a count once it is as wanted, or stays the same, or after a while."""
    began, last = time.monotonic(), -1
    while (now := count()) != (last if wanted is None else wanted) and time.monotonic() - began < _PATIENCE:
        last = now
        time.sleep(0.5)
    return now
