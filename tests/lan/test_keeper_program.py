"""The command `run` as a service runs it: a process of its own that is told what to do by signals."""

import json
from pathlib import Path
import queue
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import Inventory, InventoryFile

from .bed import NETWORK, Lan
from .test_keeper import inventory, spec

PACKAGE = Path(__file__).parents[2] / "custom_components" / "onvif_proxy" / "interfaces"


class Running:
    """A started `run`, and what it prints."""

    def __init__(self, lan: Lan, file: Path, *arguments: str) -> None:
        """Start it."""
        command = [sys.executable, PACKAGE, "run", "--inventory", file, *arguments]
        self.process = lan.popen("ha", command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.decode().rstrip())

    def until(self, *lines: str, seconds: float = 10) -> None:
        """Wait until it has printed these lines."""
        left, end = set(lines), time.monotonic() + seconds
        while left:
            left.discard(self._lines.get(timeout=max(0.01, end - time.monotonic())))

    def next_object(self) -> dict[str, Any]:
        """Return the next line as JSON."""
        return dict(json.loads(self._lines.get(timeout=10)))

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal, and return the exit status and what it said on stderr."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait for its end, and return the exit status and what it said on stderr."""
        status = self.process.wait(timeout=10)
        assert self.process.stderr is not None
        return status, self.process.stderr.read().decode()


@pytest.fixture
def file(tmp_path: Path) -> InventoryFile:
    """Return an inventory of two interfaces on disk."""
    file = InventoryFile(tmp_path / "inventory.json")
    file.save(inventory())
    return file


UP = [f"onvifcam{number}: up, {NETWORK}.{100 + number}/24" for number in (1, 2)]


def test_it_keeps_what_is_listed_until_it_is_told_to_end_and_leaves_it(lan: Lan, file: InventoryFile) -> None:
    running = Running(lan, file.path)
    running.until(*UP)
    lan.ip("ha", "link", "set", "onvifcam1", "down")
    lan.ip("switch", "link", "set", "ha", "down")
    running.until(f"onvifcam1: no carrier, {NETWORK}.101/24")
    lan.ip("switch", "link", "set", "ha", "up")
    running.until(*UP)
    made = lan.state("ha")
    assert running.end() == (0, "")
    assert lan.state("ha") == made


def test_it_reads_the_inventory_again_when_told_and_keeps_the_former_when_that_is_no_use(
    lan: Lan, file: InventoryFile
) -> None:
    running = Running(lan, file.path)
    running.until(*UP)
    file.path.write_text("{}", encoding="utf-8")
    running.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert "onvifcam1" in lan.ip("ha", "link")
    file.save(Inventory(specs=(spec(2), spec(3))))
    running.process.send_signal(signal.SIGHUP)
    running.until("onvifcam1: removed", f"onvifcam3: up, {NETWORK}.103/24")
    assert "onvifcam1" not in lan.ip("ha", "link")
    status, said = running.end(signal.SIGINT)
    assert status == 0
    assert "'version' is missing" in said
    assert "What was kept before is kept on." in said


def test_changes_are_told_as_json_too(lan: Lan, file: InventoryFile) -> None:
    running = Running(lan, file.path, "--json")
    seen: dict[str, dict[str, Any]] = {}
    while not seen or {one["state"] for one in seen.values()} != {"up"}:
        one = running.next_object()
        seen[one["name"]] = one
    assert seen["onvifcam1"] == {
        "id": 1,
        "name": "onvifcam1",
        "mac": spec(1).mac,
        "parent": "eth0",
        "state": "up",
        "address": f"{NETWORK}.101",
        "prefix_length": 24,
        "gateway": f"{NETWORK}.1",
        "lease_expires": None,
        "link_up": True,
        "conflicting_mac": None,
        "reason": None,
    }


def test_after_a_kill_the_next_one_goes_on(lan: Lan, file: InventoryFile) -> None:
    running = Running(lan, file.path)
    running.until(*UP)
    made = lan.state("ha")
    assert running.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert lan.state("ha") == made
    lan.ip("ha", "rule", "del", "priority", "7600")
    running = Running(lan, file.path)
    running.until(*UP)
    assert running.end() == (0, "")
    assert lan.state("ha") == made


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{", "is not an inventory of interfaces"), ('{"version": 2}', "was written by a later version")],
)
def test_an_inventory_that_is_no_use_is_refused_and_kept(
    lan: Lan, file: InventoryFile, content: str, sentence: str
) -> None:
    before = lan.state("ha")
    file.path.write_text(content, encoding="utf-8")
    status, said = Running(lan, file.path).ended()
    assert status == 3
    assert sentence in said
    assert file.path.read_text(encoding="utf-8") == content
    assert lan.state("ha") == before


def test_a_second_one_is_refused(lan: Lan, file: InventoryFile) -> None:
    running = Running(lan, file.path)
    running.until(*UP)
    status, said = Running(lan, file.path).ended()
    assert status == 4
    assert "Another program keeps the interfaces of this host already" in said
    assert running.end() == (0, "")


def test_without_privilege_it_says_so(lan: Lan, file: InventoryFile) -> None:
    command = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", sys.executable, PACKAGE]
    done = lan.run("ha", [*command, "run", "--inventory", file.path], check=False)
    assert done.returncode == 5
    assert "CAP_NET_ADMIN" in done.stderr
