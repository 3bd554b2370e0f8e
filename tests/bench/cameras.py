"""Virtual cameras without a recorder, for a bench: started, watched and ended by lines on standard input."""

import argparse
import asyncio
from asyncio import events
import gc
import json
from pathlib import Path
import sys
import time
from typing import Any, override

from custom_components.onvif_proxy.responder import OnvifServer, TokenVerifier

from ..responder.conftest import make_camera, make_description

UUID = "5c9d8a1e-3c1f-4f5e-9a55-0a1b2c3d{:04x}"


class Stopwatch:
    """Measures for how long one callback at a time holds the event loop: by the CPU, so that other programs don't count."""

    def __init__(self) -> None:
        """Begin; there is one loop in this process."""
        self.longest = 0.0
        run = events.Handle._run

        def measured(handle: events.Handle) -> None:
            began = time.process_time()
            run(handle)
            self.longest = max(self.longest, time.process_time() - began)

        events.Handle._run = measured  # type: ignore[method-assign]  # the one place where every callback passes


def _memory() -> int:
    """Return the bytes that this process holds (RSS)."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


class Control(asyncio.Protocol):
    """Answers each line of standard input with one of JSON."""

    def __init__(self, stopwatch: Stopwatch | None) -> None:
        """Begin with no cameras."""
        self.servers: list[OnvifServer] = []
        self.ended = asyncio.Event()
        self._stopwatch = stopwatch
        self._tokens = TokenVerifier()
        self._tasks: set[asyncio.Task[None]] = set()

    @override
    def data_received(self, data: bytes) -> None:
        for line in data.decode().splitlines():
            task = asyncio.get_running_loop().create_task(self._do(line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()

    async def _do(self, line: str) -> None:
        verb, _, number = line.partition(" ")
        said: dict[str, Any] = {}
        if verb == "start":
            said["began"] = time.monotonic()
            for _ in range(int(number)):
                description = make_description(uuid=UUID.format(len(self.servers)))
                server = OnvifServer(description, make_camera(), tokens=self._tokens)
                await server.start()
                self.servers.append(server)
            said["ports"] = [server.port for server in self.servers]
        elif verb == "memory":
            said["bytes"] = _memory()
        elif verb == "held" and self._stopwatch is not None:
            said["seconds"], self._stopwatch.longest = self._stopwatch.longest, 0.0
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


async def _serve(stopwatch: Stopwatch | None) -> None:
    control = Control(stopwatch)
    await asyncio.get_running_loop().connect_read_pipe(lambda: control, sys.stdin)
    await control.ended.wait()
    for server in control.servers:
        await server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stopwatch", action="store_true", help="tell how long the event loop was held")
    options = parser.parse_args()
    asyncio.run(_serve(Stopwatch() if options.stopwatch else None))
