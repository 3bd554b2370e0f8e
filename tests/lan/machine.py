"""A host of a LAN on which the real systemd runs as PID 1."""

from contextlib import suppress
import itertools
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from typing import Any, Self

from .bed import Lan
from .cameras import SCRIPT

SERVICE = "onvif-proxy-interfaces.service"
PYTHON = Path("/opt/python/bin/python3")
"""Of the system, with pyroute2."""

_MEMORY = Path("/dev/shm")  # noqa: S108  # what is made there is a folder of its own
_BOOT = Path(__file__).parent / "boot_systemd"
_TOOLS = ("unshare", "nsenter", "pivot_root", "setpriv", "systemctl", "journalctl")
_MAKE_PYTHON = """
import sys, venv
assert sys.version_info >= (3, 11), "the system's Python is older than 3.11"
venv.create(sys.argv[1])
import sysconfig
print(sysconfig.get_path("purelib", "venv", {"base": sys.argv[1], "platbase": sys.argv[1]}))
"""
_numbers = itertools.count(1)


class CannotBoot(Exception):
    """systemd can't be had on this machine; says why."""


class Machine:
    """The Home Assistant host of a LAN; as a context manager it is on inside."""

    def __init__(self, lan: Lan) -> None:
        """Prepare it; its disk is empty but for what this machine has."""
        self.lan = lan
        self._disk: tempfile.TemporaryDirectory[str] | None = None
        self._cgroup: Path | None = None
        self._booted: subprocess.Popen[bytes] | None = None
        self._init = 0

    def __enter__(self) -> Self:
        """Switch it on.

        Raises:
            CannotBoot: This machine has no systemd, or lets none run.
        """
        if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
            raise CannotBoot(f"{missing[0]} is missing")
        if not any(Path(place, "systemd/systemd").exists() for place in ("/usr/lib", "/lib")):
            raise CannotBoot("no systemd is installed")
        if not _MEMORY.is_dir():
            raise CannotBoot(f"{_MEMORY} is missing")
        # An overlay's upper files can be on no overlay, as a container's root is one.
        self._disk = tempfile.TemporaryDirectory(prefix="onvif-machine-", dir=_MEMORY)
        try:
            self.boot()
            self._take_python()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        """Take it away."""
        self.close()

    def close(self) -> None:
        """Switch it off and forget its disk; a second call does nothing."""
        self.power_off()
        if self._disk is not None:
            self._disk.cleanup()
            self._disk = None

    def boot(self, ticks: int = 100) -> None:
        """Switch it on and wait until it has started.

        What is waited is counted in short programs that are run, a tenth of a second each on a machine that has time for them.
        Where others leave it a hundredth of a core, as a bench beside does, these take as much longer as the start does.

        Raises:
            CannotBoot: It did not.
        """
        assert self._disk is not None
        self._cgroup = _own_cgroup() / f"onvif-machine-{os.getpid()}-{next(_numbers)}"
        try:
            self._cgroup.mkdir()
        except OSError as error:
            self._cgroup = None
            raise CannotBoot(f"no cgroups can be made: {error}") from error
        log = Path(self._disk.name, "log")
        with log.open("wb") as output:
            command: list[str | Path] = [
                _BOOT,
                self.lan.namespace("ha"),
                self._cgroup,
                self._disk.name,
                SCRIPT.parents[1],
            ]
            self._booted = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        for _ in range(ticks):
            if self._has_started():
                return
            if self._booted.poll() is not None:
                break
            subprocess.run(["sleep", "0.1"], check=True)
        raise CannotBoot(f"systemd does not start as PID 1: {self._last_words(log)}")

    def _last_words(self, log: Path) -> str:
        """Return what is known of a start that failed: what its programs said, systemd itself, and what it waits for."""
        assert self._booted is not None
        assert self._disk is not None
        kernel_log = Path(self._disk.name, "kmsg")
        said = [log.read_text(), kernel_log.read_text() if kernel_log.exists() else ""]
        if self._booted.poll() is not None:
            said.append(f"exit status {self._booted.returncode}")
        elif self._init:
            for question in ("is-system-running", "list-jobs", "--failed"):
                done = self.run("systemctl", "--no-pager", question, check=False)
                said.append(done.stdout + done.stderr)
        return "\n".join(text.strip()[-2000:] for text in said if text.strip())

    def _take_python(self) -> None:
        """Give it the system's Python with our pyroute2: ours may be where no service sees it.

        Raises:
            CannotBoot: The system has none that is new enough.
        """
        place = PYTHON.parents[1]
        made = self.run("/usr/bin/python3", "-c", _MAKE_PYTHON, place, check=False)
        if made.returncode:
            raise CannotBoot(f"the system has no Python for the service: {made.stderr.strip().rpartition('\n')[2]}")
        packages = Path(sysconfig.get_path("purelib"))
        for package in packages.glob("pyroute2*"):
            self.take(package, f"{made.stdout.strip()}/{package.name}")

    def power_off(self) -> None:
        """Switch it off without a warning, and what was in its memory is gone, interfaces too."""
        if self._booted is not None:
            if init := _first_child(self._booted.pid):
                with suppress(ProcessLookupError):
                    os.kill(init, signal.SIGKILL)
            self._booted.kill()
            self._booted.wait(timeout=10)
            self._booted = None
        if self._cgroup is not None:
            _remove(self._cgroup)
            self._cgroup = None
        for link in self.lan.ip_json("ha", "link", "show", "type", "macvlan"):
            self.lan.ip("ha", "link", "del", link["ifname"])

    def _has_started(self) -> bool:
        assert self._booted is not None
        self._init = _first_child(self._booted.pid)
        if not self._init or Path(f"/proc/{self._init}/comm").read_text().strip() != "systemd":
            return False
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in {"running", "degraded"}

    def run(self, *argv: str | Path, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program on it to its end."""
        command = ["nsenter", f"--target={self._init}", "--all", "--", *map(str, argv)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd="/", input=stdin)
        if check and done.returncode:
            journal = self.run("journalctl", "--no-pager", "--lines=40", check=False).stdout
            raise AssertionError(f"{argv} exited with {done.returncode}:\n{done.stdout}{done.stderr}\n{journal}")
        return done

    def popen(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start a program on it."""
        command = ["nsenter", f"--target={self._init}", "--all", "--", *argv]
        return subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL)

    def setup(self, *arguments: str, script: Path = SCRIPT, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run setup_interfaces.sh."""
        return self.run(script, *arguments, "--python", PYTHON, check=check)

    def report(self, *arguments: str, check: bool = True) -> dict[str, Any]:
        """Run setup_interfaces.sh and return its JSON object."""
        return dict(json.loads(self.setup(*arguments, "--json", check=check).stdout.splitlines()[-1]))

    def write(self, file: str, text: str) -> None:
        """Write a file on its disk."""
        self.run("mkdir", "--parents", Path(file).parent)
        self.run("tee", file, stdin=text)

    def unpack(self, package: Path) -> None:
        """Unpack a package of Debian over its disk."""
        # tar would make a folder of /lib, which is a link.
        unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True)
        into = ["tar", "--extract", "--keep-directory-symlink", f"--directory=/proc/{self._init}/root"]
        subprocess.run(into, input=unpacked.stdout, check=True)

    def take(self, folder: Path, place: str) -> None:
        """Copy a folder of this machine to its disk."""
        # Its root, as this machine sees it.
        shutil.copytree(folder, Path(f"/proc/{self._init}/root", place.lstrip("/")))

    def files(self) -> dict[str, str]:
        """Return what is installed, and what it is."""
        places = ("/etc/systemd", "/etc/onvif_proxy", "/usr/local/lib", "/var/lib/onvif_proxy", "/var/lib/private")
        # Other folders are systemd's own, and stay: `systemctl enable` makes one, a dynamic user another.
        which = ("(", "-not", "-type", "d", "-or", "-path", "*onvif*", ")")
        found = self.run("find", *places, *which, "-printf", "%p %y %l\n", check=False).stdout.splitlines()
        return {line.split()[0]: line for line in found}

    def show(self, *properties: str, unit: str = SERVICE) -> list[str]:
        """Return what systemd says of a unit."""
        asked = [f"--property={name}" for name in properties]
        told = self.run("systemctl", "show", *asked, unit).stdout.splitlines()
        values = dict(line.partition("=")[::2] for line in told)
        return [values[name] for name in properties]


def _own_cgroup() -> Path:
    """Return this process's folder in the second version of cgroups."""
    own = next(
        (line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), None
    )
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, _, kind = line.partition(" - ")
        if own is not None and kind.startswith("cgroup2 "):
            return Path(place.split()[4], own.lstrip("/"))
    raise CannotBoot("cgroups of the second version are missing")


def _first_child(pid: int) -> int:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return int(children[0]) if children else 0


def _remove(cgroup: Path, seconds: float = 10) -> None:
    """Remove a cgroup when its processes have ended."""
    end = time.monotonic() + seconds
    while cgroup.exists():
        for folder, _, _ in os.walk(cgroup, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()
        assert time.monotonic() < end, f"{cgroup} can't be removed."
        time.sleep(0.05)
