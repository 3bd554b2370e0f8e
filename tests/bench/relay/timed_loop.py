"""An event loop as Home Assistant's: tells by how much a timer of 10 ms is late, idle or while 20 % of its time are computed.

The first line of standard input is what child to start, or null. Then `idle SECONDS` and `busy SECONDS` are answered by one
line of JSON each; the end of the input ends the child and the program.
"""

import asyncio
import json
import sys
import time
from typing import Any

PERIOD = 0.01
BUSY = 0.002
"""Seconds of each period."""


async def _lateness(seconds: float, busy: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    late: list[float] = []
    done = asyncio.Event()
    end = loop.time() + seconds

    def fire(due: float) -> None:
        now = loop.time()
        late.append(now - due)
        until = time.perf_counter() + busy
        while time.perf_counter() < until:
            pass
        if now > end:
            done.set()
        else:
            due = max(due + PERIOD, loop.time())
            loop.call_at(due, fire, due)

    loop.call_at(loop.time(), fire, loop.time())
    await done.wait()
    late.sort()
    return {"p50_ms": 1000 * late[len(late) // 2], "p99_ms": 1000 * late[int(0.99 * (len(late) - 1))]}


async def _start(given: dict[str, Any]) -> asyncio.subprocess.Process:
    child = await asyncio.create_subprocess_exec(
        *given["command"], stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(given["config"].encode())
    await child.stdin.drain()
    child.stdin.close()
    for _ in range(given["cameras"]):
        await child.stdout.readline()
    return child


def _say(answer: dict[str, float]) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


async def _serve() -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    given = json.loads(await lines.readline())
    child = await _start(given) if given else None
    _say({})
    try:
        while line := (await lines.readline()).decode().split():
            _say(await _lateness(float(line[1]), BUSY if line[0] == "busy" else 0.0))
    finally:
        if child is not None:
            child.terminate()
            await child.wait()


if __name__ == "__main__":
    asyncio.run(_serve())
