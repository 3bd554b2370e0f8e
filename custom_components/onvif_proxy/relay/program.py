"""The relay as a program of its own: needs nothing but Python's standard library."""

import argparse
import asyncio
from collections.abc import Sequence
import contextlib
import json
import logging
from pathlib import Path
import signal
import sys
from typing import Any

from ..model import Credentials
from .server import RelayServer
from .source import Source
from .uris import parse_location

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
                         "credentials": {"username": "admin", "password": "..."}}}}]
"""


class ConfigError(ValueError):
    """The configuration can't be used; the text names the place and holds no secret."""


def read_config(text: str) -> list[RelayServer]:
    """Make a server of each camera; raises ConfigError."""
    try:
        cameras = json.loads(text)
    except ValueError as error:
        raise ConfigError("not JSON") from error
    if not isinstance(cameras, list) or not cameras:
        raise ConfigError("not a list of cameras")
    return [_read_camera(camera, f"camera {number}") for number, camera in enumerate(cameras, start=1)]


def _read_camera(camera: object, place: str) -> RelayServer:
    port = _member(camera, "port", int, place)
    if not 0 <= port < 65536:
        raise ConfigError(f"{place}: port out of range")
    sources = _member(camera, "sources", dict, place)
    if not sources:
        raise ConfigError(f"{place}: no sources")
    return RelayServer(
        _member(camera, "address", str, place),
        port,
        credentials=_read_credentials(camera, place),
        sources={name: _read_source(source, f"{place}, source {name!r}") for name, source in sources.items()},
    )


def _read_source(source: object, place: str) -> Source:
    uri = _member(source, "uri", str, place)
    try:
        location = parse_location(uri)
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from error
    if location.uri.lower() != uri.lower():
        raise ConfigError(f"{place}: credentials don't belong into the URI")
    return Source(uri=uri, credentials=_read_credentials(source, place))


def _read_credentials(owner: object, place: str) -> Credentials:
    credentials = _member(owner, "credentials", dict, place)
    return Credentials(
        username=_member(credentials, "username", str, place), password=_member(credentials, "password", str, place)
    )


def _member[T](owner: object, name: str, kind: type[T], place: str) -> T:
    value: Any = owner.get(name) if isinstance(owner, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ConfigError(f"{place}: {name} is missing or not {kind.__name__}")
    return value


async def _serve(servers: Sequence[RelayServer]) -> None:
    """Run until a signal. Raises OSError where an address or port can't be had."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with contextlib.AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server)
            print(json.dumps({"address": server.address, "port": server.port}), flush=True)  # noqa: T201 - its output
        await ended.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status: 0, 1 when a port can't be had, 2 when the configuration is wrong."""
    parser = argparse.ArgumentParser(
        prog="relay", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help="the cameras; - reads them from standard input, so that no secret is on disk or in the list of processes",
    )
    parser.add_argument("--debug", action="store_true", help="log to standard error what viewers and recorders do")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.WARNING)
    try:
        with contextlib.ExitStack() as stack:
            file = sys.stdin if options.config == "-" else stack.enter_context(Path(options.config).open())
            servers = read_config(file.read(MAX_CONFIG))
    except (OSError, UnicodeError, ConfigError) as error:
        print(f"relay: {options.config}: {error}", file=sys.stderr)  # noqa: T201 - its output
        return 2
    try:
        asyncio.run(_serve(servers))
    except OSError as error:
        print(f"relay: {error}", file=sys.stderr)  # noqa: T201 - its output
        return 1
    return 0
