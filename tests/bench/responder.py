"""Virtual cameras as clients find them: how fast they answer, against a peer; what they hold, and how soon they are there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import json
import os
from pathlib import Path
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from ..responder.envelopes import envelope, operation
from .figure import Figure, Unmeasured
from .load import Load, Outcome, http, requests

CLIENTS = 32
CAMERAS = 32
PACE = 200.0
"""Requests a second, spread over all cameras."""

PEER_RATIO = 1
P99_MS = 10
MEMORY_KIB = 300
START_SECONDS = 2
HELD_MS = 20

_ROUNDS = 5
_ROUND_SECONDS = 2.0
_PACE_SECONDS = 10.0
_MORE_CAMERAS = 4 * CAMERAS
_WARM_UP = 2000
_MEDIA_PATH = "/onvif/media_service"
_PEER = Path(__file__).parent / "peer"
_REPOSITORY = Path(__file__).parents[2]
_BODY_LIMIT = 256 * 1024


def measure() -> Iterator[Figure]:
    """Measure everything.

    Raises:
        Unmeasured: There is no peer to compare with, or something never answered.
    """
    yield from _speed()
    yield from _pace()
    yield from _starting()
    yield from _holding()


class Program:
    """A server as a process of its own."""

    def __init__(self, *command: str) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self) -> str:
        """Return its next line."""
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise Unmeasured("A server has ended.")
        return line

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line, return what it says."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.line())
        return answer

    @property
    def cpu_seconds(self) -> float:
        """What it has used of the CPU, by proc_pid_stat(5)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """End it."""
        self.process.communicate()


@contextmanager
def _cameras(*options: str) -> Iterator[Program]:
    program = Program(sys.executable, "-m", "tests.bench.cameras", *options)
    try:
        yield program
    finally:
        program.end()


@contextmanager
def _peer() -> Iterator[Program]:
    """Run npm `soap`, installed for this run alone."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Unmeasured("There is no peer to compare with: node and npm are not installed.")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(_PEER, folder, dirs_exist_ok=True)
        command = (npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        if (installed := subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False)).returncode:
            raise Unmeasured(f"The peer could not be installed: npm ended with {installed.returncode}.")
        program = Program(node, str(Path(folder, "server.js")))
        try:
            yield program
        finally:
            program.end()


def _saturate(port: int, seconds: float, number: int) -> Outcome:
    with Load([port] * CLIENTS) as load:
        return load.as_fast_as_answered(requests(_MEDIA_PATH, number), seconds)


def _speed() -> Iterator[Figure]:
    """Compare in turns, so that whatever else the machine does hits both."""
    with _cameras() as ours, _peer() as theirs:
        ports = {ours: ours.ask("start 1")["ports"][0], theirs: int(theirs.line())}
        rates: dict[Program, list[float]] = {ours: [], theirs: []}
        tails: dict[Program, list[float]] = {ours: [], theirs: []}
        answers, cpu = {ours: 0, theirs: 0}, {ours: 0.0, theirs: 0.0}
        enough = {
            server: int(2 * _ROUND_SECONDS * _saturate(port, _ROUND_SECONDS, _WARM_UP).rate)
            for server, port in ports.items()
        }
        for _ in range(_ROUNDS):
            for server, port in ports.items():
                began = server.cpu_seconds
                outcome = _saturate(port, _ROUND_SECONDS, max(enough[server], _WARM_UP))
                cpu[server] += server.cpu_seconds - began
                answers[server] += len(outcome.latencies)
                rates[server].append(outcome.rate)
                tails[server].append(outcome.percentile(0.99))
    ratio = statistics.median(a / b for a, b in zip(rates[ours], rates[theirs], strict=True))
    title = f"GetProfiles, GetStreamUri at {CLIENTS} clients"
    yield Figure(name="rate", title=f"{title}, with login", value=statistics.median(rates[ours]), unit="requests/s")
    yield Figure(
        name="peer_rate",
        title="  npm soap, without login, in turns",
        value=statistics.median(rates[theirs]),
        unit="requests/s",
    )
    yield Figure(name="rate_ratio", title="  ours against the peer's", value=ratio, unit="times", least=PEER_RATIO)
    for name, server in (("", ours), ("peer_", theirs)):
        who = "  99 of 100 within" if server is ours else "  the peer"
        yield Figure(name=f"{name}p99_ms", title=who, value=1000 * statistics.median(tails[server]), unit="ms")
        yield Figure(
            name=f"{name}cpu_us",
            title="  CPU of a request" if server is ours else "  the peer",
            value=1e6 * cpu[server] / answers[server],
            unit="us",
        )


def _pace() -> Iterator[Figure]:
    with _cameras() as program:
        ports = program.ask(f"start {CAMERAS}")["ports"]
        with Load(ports) as load:
            load.as_fast_as_answered(requests(_MEDIA_PATH, _WARM_UP), _ROUND_SECONDS)
            outcome = load.at_pace(requests(_MEDIA_PATH, int(PACE * _PACE_SECONDS)), PACE)
    yield Figure(
        name="pace_p99_ms",
        title=f"99 of 100 at {PACE:g} requests/s over {CAMERAS} cameras",
        value=1000 * outcome.percentile(0.99),
        unit="ms",
        limit=P99_MS,
    )


def _starting() -> Iterator[Figure]:
    with _cameras() as program:
        said = program.ask(f"start {CAMERAS}")
        _use(said["ports"])
        yield Figure(
            name="start_seconds",
            title=f"{CAMERAS} cameras started, all have answered",
            value=time.monotonic() - said["began"],
            unit="s",
            limit=START_SECONDS,
        )
        _use(said["ports"])
        before = program.ask("memory")["bytes"]
        more = program.ask(f"start {_MORE_CAMERAS}")["ports"][CAMERAS:]
        for _ in range(2):
            _use(more)
        yield Figure(
            name="memory_kib",
            title=f"Memory of each of {_MORE_CAMERAS} more, in use (RSS)",
            value=(program.ask("memory")["bytes"] - before) / _MORE_CAMERAS / 1024,
            unit="KiB",
            limit=MEMORY_KIB,
        )


def _use(ports: Sequence[int]) -> None:
    """Ask every camera for everything that the load asks for."""
    with Load(ports) as load:
        load.as_fast_as_answered(requests(_MEDIA_PATH, 4 * len(ports)), _ROUND_SECONDS)


def _holding() -> Iterator[Figure]:
    """Measure the longest callback of the event loop by its CPU: usual requests, then the worst that strangers can send."""
    with _cameras("--stopwatch") as program:
        port = program.ask("start 1")["ports"][0]
        _saturate(port, _ROUND_SECONDS, _WARM_UP)
        program.ask("held")
        _saturate(port, _ROUND_SECONDS, _WARM_UP)
        yield _held("usual", "CPU of the longest callback of usual requests", program)
        for name, title, body in _worst():
            with Load([port]) as load:
                load.refused(http(_MEDIA_PATH, body))
            yield _held(name, f"  by {title}", program)


def _held(name: str, title: str, program: Program) -> Figure:
    seconds = program.ask("held")["seconds"]
    return Figure(name=f"held_{name}_ms", title=title, value=1000 * seconds, unit="ms", limit=HELD_MS)


def _worst() -> Iterator[tuple[str, str, bytes]]:
    shell = envelope(operation("tds:Nothing", "@"))
    room = _BODY_LIMIT - len(shell)
    entities = '<!DOCTYPE a [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
    )
    fillings = {
        "text": ("one long text", "x" * room),
        "elements": ("very many elements", "<a/>" * (room // 4)),
        "depth": ("very deep elements", "<a>" * (room // 8) + "</a>" * (room // 8)),
        "attributes": ("very many attributes", "<a " + " ".join(f'a{n}=""' for n in range(room // 10)) + "/>"),
        "names": ("names that nobody knows", "".join(f"<n{n}/>" for n in range(room // 10))),
        "entities": ("entities that nobody declared", "&a;" * (room // 3)),
    }
    for name, (title, filling) in fillings.items():
        yield name, title, shell.replace("@", filling).encode()
    yield "bomb", "an entity bomb", f"{entities}]>{shell.replace('@', '&m;')}".encode()
