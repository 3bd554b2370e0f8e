"""A tree of processes is measured as a whole."""

import os
import subprocess
import sys

from tests.bench.relay import processes

_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys, time; b = bytearray(b'x') * 40_000_000; u = time.process_time()\\n"
    "while time.process_time() < u + 0.05: pass\\nprint(flush=True); sys.stdin.read()"], stdin=subprocess.PIPE)
sys.stdin.read()
child.communicate()
"""


def test_children_count() -> None:
    command = [sys.executable, "-S", "-c", _PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        pids = list(processes.tree(parent.pid))
        assert len(pids) == 2
        assert processes.cpu_ns(parent.pid) > 50_000_000
        assert processes.memory(parent.pid) > 40_000_000
        assert processes.descriptors(parent.pid) >= 6
        one = {min(os.sched_getaffinity(0))}
        processes.pin(parent.pid, one)
        assert [os.sched_getaffinity(pid) for pid in pids] == [one, one]
        parent.communicate()
    assert processes.cpu_ns(parent.pid) == 0
