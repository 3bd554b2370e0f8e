"""What a tree of processes uses, by /proc."""

from collections.abc import Iterator
import os
from pathlib import Path

_FIRST = -20
"""The highest priority of sched(7) that is no real-time's."""
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def cpu_ns(root: int) -> int:
    """Return the nanoseconds of the CPU that a process, its threads and its children have had.

    The scheduler's own count where the kernel tells it (sched-stats.rst), else that of ticks.
    """
    return sum(_thread_ns(task) for pid in tree(root) for task in _listing(Path(f"/proc/{pid}/task")))


def memory(root: int) -> int:
    """Return the bytes that are resident, what a tree shares counted once for each of its processes."""
    return sum(_status(pid, "VmRSS") for pid in tree(root)) * 1024


def descriptors(root: int) -> int:
    """Return the number of open files."""
    return sum(len(_listing(Path(f"/proc/{pid}/fd"))) for pid in tree(root))


def pin(root: int, cpus: set[int]) -> None:
    """Let a process and all that it starts run on these CPUs alone."""
    for pid in tree(root):
        for task in _listing(Path(f"/proc/{pid}/task")):
            os.sched_setaffinity(int(task.name), cpus)


def prefer(root: int) -> None:
    """Let a process and what it starts run before what else the machine does, as far as that is no bench."""
    for pid in tree(root):
        for task in _listing(Path(f"/proc/{pid}/task")):
            os.setpriority(os.PRIO_PROCESS, int(task.name), _FIRST)


def tree(root: int) -> Iterator[int]:
    """Yield a process and all below it."""
    yield root
    for task in _listing(Path(f"/proc/{root}/task")):
        for child in _read(task / "children").split():
            yield from tree(int(child))


def _thread_ns(task: Path) -> int:
    if text := _read(task / "schedstat"):
        return int(text.split()[0])
    fields = _read(task / "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_NS if fields else 0


def _status(pid: int, name: str) -> int:
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def _listing(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it has ended
        return []


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it has ended
        return ""
