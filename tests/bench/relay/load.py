"""The recorder, the viewers, a bare relay: C programs, so that the relay is what is measured (`c/*.c` say what they do)."""

from dataclasses import dataclass
import json
from pathlib import Path
import shutil
import subprocess
from typing import Any

from custom_components.onvif_proxy.model import Credentials

from ..figure import Unmeasured
from .cache import cached, run

CREDENTIALS = Credentials(username="viewer", password="only-for-the-bench")
"""The recorder's; viewers have the same, since plain proxies pass logins through."""
RECORDER_PORT = 554

MODES = ("frame", "packet", "spread")
"""How a recorder writes: a frame a write; a packet a write, back to back; packets spread evenly in time."""
PACKETS_OF_8_MBIT = 29
"""Of 1400 bytes a frame, 25 frames a second."""

_SOURCES = Path(__file__).parent / "c"


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of a recorder."""

    path: str
    port: int = RECORDER_PORT


def stream(number: int, mode: str = "frame", packets: int = PACKETS_OF_8_MBIT) -> Stream:
    """Return a stream of the bench's recorder, with so many packets a frame."""
    return Stream(f"/{mode}/{packets}/{number}")


def streams(count: int, mode: str = "frame") -> list[Stream]:
    """Return streams of 8 Mbit/s."""
    return [stream(number, mode) for number in range(count)]


def programs() -> Path:
    """Return the folder with `recorder`, `viewers` and `bare`, compiled when they are new. Raises Unmeasured."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Unmeasured("There are no recorder and no viewers: a C compiler is missing.")

    def compile_all(folder: Path) -> None:
        for name in ("recorder", "viewers", "bare"):
            run("No recorder and no viewers", compiler, "-O2", "-o", folder / name, _SOURCES / f"{name}.c")

    return cached("load", [compiler.encode(), *(path.read_bytes() for path in sorted(_SOURCES.iterdir()))], compile_all)


class Program:
    """A program that answers each line with one of JSON, and ends with its input."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it is ready."""
        self.process = process
        self.ready = self._answer()
        """Its first line."""

    def ask(self, line: str) -> dict[str, Any]:
        """Return what it says to a line."""
        self.send(line)
        return self._answer()

    def send(self, line: str) -> None:
        """Send a line; `wait` returns the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def wait(self) -> dict[str, Any]:
        """Return the answer to what was sent."""
        return self._answer()

    def end(self) -> None:
        """End it."""
        self.process.communicate(timeout=10)

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            raise Unmeasured("The recorder or the viewers have ended.")
        answer: dict[str, Any] = json.loads(line)
        return answer
