"""A recorder, viewers, and the relays between them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import os
from pathlib import Path
import subprocess
import time
from typing import Any, Self

from ..figure import Unmeasured
from . import processes, relays
from .load import RECORDER_PORT, Program, Stream, programs
from .relays import PROGRAM, Relay
from .wires import RECORDER, Wires

_PATIENCE = 20.0
_SETTLE = 0.25
"""Seconds from a report to what counts."""
_WARM = 2.25
"""Seconds from the last viewer's first packet to what counts: until a group of pictures is buffered, memory is taken for the
first time, which a relay that runs for days does once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long is measured."""

    rounds: int
    """Of relays in turns."""
    seconds: float
    """Of a window."""
    churns: int
    """Connects and disconnects."""
    joins: int
    loop_seconds: float
    """Of a window of an event loop's lateness."""
    thorough: bool
    """Whether peers are measured that no limit needs."""


THOROUGH = Effort(rounds=3, seconds=1.5, churns=10_000, joins=8, loop_seconds=2.5, thorough=True)
QUICK = Effort(rounds=1, seconds=0.8, churns=500, joins=3, loop_seconds=1.5, thorough=False)


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen in a window of time."""

    cpu_seconds: float
    """The relay's."""
    elapsed: float
    gigabytes: float
    """Delivered."""
    lost: int
    """Packets that were left out or came out of order, and viewers that were sent away."""
    p50_ms: float
    p99_ms: float
    max_ms: float
    late_percent: float
    """Of the recorder's writes, those that it did not do in time: then it did not write as it should."""

    @property
    def cost(self) -> float:
        """Return the seconds of the CPU for a delivered gigabyte."""
        return self.cpu_seconds / self.gigabytes

    @property
    def gbit(self) -> float:
        """Return the delivered gigabits a second."""
        return 8 * self.gigabytes / self.elapsed

    @property
    def percent(self) -> float:
        """Return the relay's part of a core."""
        return 100 * self.cpu_seconds / self.elapsed


class Stage:
    """Recorder and viewers are there inside, relays are started on it."""

    def __init__(self, effort: Effort, program: Path = PROGRAM) -> None:
        """`program` is our relay."""
        self.effort = effort
        self.wires = Wires()
        self.program = program
        cpus = sorted(os.sched_getaffinity(0))
        # The relay has a core of its own, so that nothing of the load is in its way.
        self._relay_cpus, self._load_cpus = ({cpus[-1]}, set(cpus[:-1])) if len(cpus) > 1 else (set(cpus), set(cpus))
        self._all_cpus = set(cpus)

    def __enter__(self) -> Self:
        """Make the hosts, start recorder and viewers. Raises Unmeasured."""
        folder = programs()
        self.wires.__enter__()
        try:
            self.recorder = self._start("recorder", folder / "recorder", RECORDER, str(RECORDER_PORT))
            self.viewers = self._start("client", folder / "viewers")
        except BaseException:
            self.wires.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all."""
        self.viewers.end()
        self.recorder.end()
        self.wires.close()

    def _start(self, host: str, *command: str | Path) -> Program:
        process = self.wires.popen(host, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        program = Program(process)
        processes.pin(process.pid, self._load_cpus)
        processes.prefer(process.pid)
        return program

    @contextmanager
    def unpinned(self) -> Iterator[None]:
        """Let everything that was started before run anywhere, for a time."""
        for program in (self.recorder, self.viewers):
            processes.pin(program.process.pid, self._all_cpus)
        yield
        for program in (self.recorder, self.viewers):
            processes.pin(program.process.pid, self._load_cpus)

    @contextmanager
    def ours(self, streams: Sequence[Stream]) -> Iterator[Relay]:
        """Run our relay on a core of its own."""
        with relays.ours(self.wires, streams, self.program) as relay:
            relay.pin(self._relay_cpus)
            yield relay

    @contextmanager
    def peer(self, name: str) -> Iterator[Relay]:
        """Run a peer on the core that our relay would have. Raises Unmeasured."""
        with relays.peer(self.wires, name) as relay:
            relay.pin(self._relay_cpus)
            yield relay

    # Viewers.

    @contextmanager
    def watching(self, relay: Relay, streams: Sequence[Stream], *, each: int = 1, group: int = 0) -> Iterator[None]:
        """Have viewers, all of which see packets inside. Raises Unmeasured."""
        try:
            for _ in range(each):
                for stream in streams:
                    self.viewers.ask(f"open {group} {relay.where(stream)}")
            wanted = each * len(streams)
            began = time.monotonic()
            while (seen := self.report()[str(group)])["playing"] < wanted:
                if seen["viewers"] < wanted or time.monotonic() - began > _PATIENCE:
                    raise Unmeasured(f"{wanted - seen['playing']} of {wanted} viewers of {relay.name} see nothing.")
                time.sleep(0.05)
            time.sleep(_WARM)
            yield
        finally:
            self.viewers.ask(f"close {group}")

    def report(self) -> dict[str, Any]:
        """Return what viewers have counted, by group."""
        return self.viewers.ask("report")

    def window(self, relay: Relay, seconds: float | None = None, *, group: int = 0) -> Window:
        """Watch for a time."""
        self.viewers.ask("reset")
        self.recorder.ask("reset")
        began, cpu_began = time.monotonic(), relay.cpu_ns()
        time.sleep(self.effort.seconds if seconds is None else seconds)
        elapsed, cpu = time.monotonic() - began, relay.cpu_ns() - cpu_began
        wrote = self.recorder.ask("stats")
        seen = self.report()[str(group)]
        time.sleep(_SETTLE)
        if not seen["bytes"]:
            raise Unmeasured(f"Viewers of {relay.name} see nothing.")
        return Window(
            cpu / 1e9,
            elapsed,
            seen["bytes"] / 1e9,
            seen["lost"] + seen["late"] + seen["ended"],
            seen["p50_ms"],
            seen["p99_ms"],
            seen["max_ms"],
            100 * wrote["late_writes"] / max(1, wrote["writes"]),
        )
