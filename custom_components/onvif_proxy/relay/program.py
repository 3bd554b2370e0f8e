"""The relay as a program of its own: needs nothing but Python's standard library."""

import argparse
import asyncio
from collections.abc import Sequence
import contextlib
import json
import logging
from pathlib import Path
import signal
import socket
import sys

from . import control
from .allocator import keep_freed_memory
from .config import CameraConfig, ConfigError, read_config
from .descriptors import allow_descriptors
from .limits import Limits
from .plane import PlaneLoop
from .server import RelayServer

MAX_CONFIG = 4 * 1024 * 1024
"""Characters."""

_DESCRIPTION = """\
Serve the streams of a video recorder as RTSP cameras, each with a login of its own. Streams are played at
rtsp://<address>:<port>/<name of the source>. Each camera that listens is printed as one line of JSON. SIGINT and SIGTERM end it.
"""
_EPILOG = """\
The configuration is a JSON list of cameras:
  [{"address": "192.0.2.10", "port": 554,
    "credentials": {"username": "viewer", "password": "..."},
    "sources": {"main": {"uri": "rtsp://192.0.2.2:554/Streaming/Channels/101",
                         "credentials": {"username": "admin", "password": "..."}}},
    "options": {"keep_seconds": 10, "always_on": false, "audio": true, "raw": false,
                 "tick": 0.002}}]
Credentials that are null let everybody in. Options may be left out, each for what is shown above:
  keep_seconds  how long a session with the recorder outlives its last viewer, up to a day
  always_on     sessions with the recorder are kept without viewers
  audio         viewers get sound
  raw           for recorders whose streams can't be read: connections are passed on to the host and port of the source "main" as
                they are, so paths and logins are the recorder's own, and keep_seconds, always_on and audio mean nothing
  tick          seconds for which small packets are gathered, up to 0.1; 0 passes on each at once. The shortest of all cameras
                that are served at a time holds
"""


async def _serve(cameras: Sequence[CameraConfig]) -> None:
    """Run until a signal. Raises OSError where an address or port can't be had."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with contextlib.AsyncExitStack() as stack:
        for camera in cameras:
            server = RelayServer(
                camera.address,
                camera.port,
                credentials=camera.credentials,
                sources=camera.sources,
                options=camera.options,
            )
            await stack.enter_async_context(server)
            print(json.dumps({"address": server.address, "port": server.port}), flush=True)  # noqa: T201 - its output
        await ended.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status: 0, 1 when a port can't be had, 2 when the configuration is wrong."""
    parser = argparse.ArgumentParser(
        prog="relay", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument(
        "--config",
        metavar="FILE",
        help="the cameras; - reads them from standard input, so that no secret is on disk or in the list of processes",
    )
    way.add_argument(
        "--control", action="store_true", help="take commands from the program that started it, over standard input"
    )
    parser.add_argument(
        "--tunnels", metavar="DESCRIPTOR", type=int, help="where that program hands over connections for RTSP over HTTP"
    )
    parser.add_argument("--debug", action="store_true", help="log to standard error what viewers and recorders do")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    allow_descriptors(Limits())
    if options.control:
        tunnels = None if options.tunnels is None else socket.socket(fileno=options.tunnels)
        asyncio.run(control.run(tunnels=tunnels), loop_factory=PlaneLoop)
        return 0
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.WARNING)
    try:
        with contextlib.ExitStack() as stack:
            file = sys.stdin if options.config == "-" else stack.enter_context(Path(options.config).open())
            cameras = read_config(file.read(MAX_CONFIG))
    except (OSError, UnicodeError, ConfigError) as error:
        print(f"relay: {options.config}: {error}", file=sys.stderr)  # noqa: T201 - its output
        return 2
    try:
        asyncio.run(_serve(cameras), loop_factory=PlaneLoop)
    except OSError as error:
        print(f"relay: {error}", file=sys.stderr)  # noqa: T201 - its output
        return 1
    return 0
