"""What the relay does to Home Assistant's event loop as its child process, and what the loop does to the relay."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import json
from pathlib import Path
import statistics
import subprocess
import sys

from ..figure import Figure
from . import relays
from .cache import REPOSITORY
from .cost import STREAMS, Found
from .load import Program, Stream, streams
from .relays import OURS, Relay
from .stage import Stage

MORE_LATE_MS = 0.3
BUSY_P99_MS = 3


def loop(stage: Stage) -> Iterator[Found]:
    """Measure in turns: the same video past the relay, through it, and through it while the loop computes."""
    watched = streams(STREAMS)
    late: dict[str, list[float]] = {"none": [], "relay": []}
    busy: list[float] = []
    seconds = stage.effort.loop_seconds
    with stage.unpinned(), _loop(stage) as (without, _), _loop(stage, watched) as (beside, relay):
        for _ in range(stage.effort.rounds):
            with stage.watching(relays.direct(), watched):
                late["none"].append(without.ask(f"idle {seconds}")["p99_ms"])
            with stage.watching(relay, watched):
                late["relay"].append(beside.ask(f"idle {seconds}")["p99_ms"])
                beside.send(f"busy {seconds + 1}")
                busy.append(stage.window(relay, seconds).p99_ms)
                beside.wait()
    none, with_relay = (statistics.median(late[key]) for key in ("none", "relay"))
    title = "Event loop: lateness of 99 of 100 timers of 10 ms, without relay"
    yield Figure(name="loop_none_p99_ms", title=title, value=none, unit="ms")
    yield Figure(name="loop_relay_p99_ms", title="  with the relay as its child", value=with_relay, unit="ms")
    yield Figure(name="loop_more_ms", title="  more", value=with_relay - none, unit="ms", limit=MORE_LATE_MS)
    title = "  99 of 100 packets while the loop is 20 % busy"
    yield Figure(name="loop_busy_p99_ms", title=title, value=statistics.median(busy), unit="ms", limit=BUSY_P99_MS)


@contextmanager
def _loop(stage: Stage, watched: Sequence[Stream] = ()) -> Iterator[tuple[Program, Relay]]:
    """Run an event loop, with the relay as its child where there are streams."""
    process = stage.wires.popen(
        "ha",
        [sys.executable, Path(__file__).with_name("timed_loop.py")],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    given = {"command": relays.ours_command(stage.program), "config": relays.config(watched), "cameras": len(watched)}
    process.stdin.write(f"{json.dumps(given if watched else None)}\n".encode())
    process.stdin.flush()
    program = Program(process)
    try:
        yield program, Relay(OURS, process, relays.ports(watched))
    finally:
        program.end()
