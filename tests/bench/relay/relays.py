"""What stands between recorder and viewers: our relay, a peer, or nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import json
from pathlib import Path
import socket
import subprocess
import sys
import tempfile
import time

from ..figure import Unmeasured
from . import peers, processes
from .cache import REPOSITORY
from .load import CREDENTIALS, Stream
from .wires import RECORDER, RELAY, Wires

OURS = "ours"
DIRECT = "direct"
PROGRAM = REPOSITORY / "custom_components/onvif_proxy/relay"
FIRST_PORT = 8000
"""Of our relay: each stream is a camera with a port of its own."""
_PATIENCE = 10.0


class Relay:
    """Something that viewers connect to."""

    def __init__(self, name: str, process: subprocess.Popen[bytes] | None, ports: dict[Stream, int] | None) -> None:
        """`ports` are those of cameras; None for what passes each path on."""
        self.name = name
        self._process = process
        self._ports = ports

    def where(self, stream: Stream) -> str:
        """Return address, port and path of a stream, for viewers."""
        if self._process is None:
            return f"{RECORDER} {stream.port} {stream.path}"
        if self._ports is None:
            return f"{RELAY} {peers.PORTS[self.name]} {stream.path}"
        return f"{RELAY} {self._ports[stream]} /main"

    def cpu_ns(self) -> int:
        """Return the nanoseconds of the CPU that it has had."""
        return 0 if self._process is None else processes.cpu_ns(self._process.pid)

    def memory(self) -> int:
        """Return the bytes that it holds (RSS)."""
        return 0 if self._process is None else processes.memory(self._process.pid)

    def descriptors(self) -> int:
        """Return the number of its open files."""
        return 0 if self._process is None else processes.descriptors(self._process.pid)

    def pin(self, cpus: set[int]) -> None:
        """Let it run on these CPUs alone, and before what else the machine does."""
        if self._process is not None:
            processes.pin(self._process.pid, cpus)
            processes.prefer(self._process.pid)


def ports(streams: Sequence[Stream]) -> dict[Stream, int]:
    """Return the port of each stream's camera in our relay."""
    return {stream: FIRST_PORT + index for index, stream in enumerate(streams)}


def config(streams: Sequence[Stream]) -> str:
    """Return our relay's configuration: a camera a stream."""
    login = {"username": CREDENTIALS.username, "password": CREDENTIALS.password}
    return json.dumps(
        [
            {
                "address": RELAY,
                "port": port,
                "credentials": login,
                "sources": {"main": {"uri": f"rtsp://{RECORDER}:{stream.port}{stream.path}", "credentials": login}},
            }
            for stream, port in ports(streams).items()
        ]
    )


def ours_command(program: Path) -> list[str]:
    """Return how our relay is started; it reads its configuration from standard input."""
    return [sys.executable, "-S", "-E", str(program), "--config", "-"]


@contextmanager
def ours(wires: Wires, streams: Sequence[Stream], program: Path = PROGRAM) -> Iterator[Relay]:
    """Run our relay."""
    process = wires.popen("ha", ours_command(program), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with _ended(process):
        process.stdin.write(config(streams).encode())
        process.stdin.close()
        for _ in streams:
            if not process.stdout.readline():
                raise Unmeasured("Our relay did not start.")
        yield Relay(OURS, process, ports(streams))


@contextmanager
def peer(wires: Wires, name: str) -> Iterator[Relay]:
    """Run a peer; raises Unmeasured where it can't be had."""
    with tempfile.TemporaryDirectory() as folder:
        process = wires.popen(
            "ha", peers.command(name, Path(folder)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with _ended(process):
            _until_listening(wires, process, name)
            yield Relay(name, process, None)


def direct() -> Relay:
    """Return what is there without a relay: the recorder itself."""
    return Relay(DIRECT, None, None)


def _until_listening(wires: Wires, process: subprocess.Popen[bytes], name: str) -> None:
    began = time.monotonic()
    while True:
        with wires.open_socket("client", socket.AF_INET, socket.SOCK_STREAM) as asking:
            if not asking.connect_ex((RELAY, peers.PORTS[name])):
                return
        if process.poll() is not None or time.monotonic() - began > _PATIENCE:
            raise Unmeasured(f"No {peers.TITLES[name]}: it does not listen.")
        time.sleep(0.02)


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
