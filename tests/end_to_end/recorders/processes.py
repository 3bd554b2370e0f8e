"""What can be behind a relay, as programs that run: GStreamer's RTSP server, and a relay in front of another upstream."""

import asyncio
from asyncio.subprocess import PIPE, Process
import json
import os
from pathlib import Path
import sys
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from tests.simulated_nvr import SimulatedRecorder

from ..demo import LOOPBACK
from ..home_assistant import REPOSITORY
from . import GSTREAMER, HERE, GStreamerServer

ANSWER_SECONDS = 15.0
_RELAY = REPOSITORY / "custom_components" / "onvif_proxy" / "relay"


class ProgramFailed(Exception):
    """A program ended, or said nothing."""


class Upstream(Protocol):
    """What is behind a relay."""

    @property
    def uri(self) -> str:
        """Of its stream, without credentials."""

    @property
    def username(self) -> str:
        """To log in with."""

    @property
    def password(self) -> str:
        """To log in with."""

    async def sessions(self) -> int:
        """Return how many RTSP sessions the recorder has."""

    async def restart(self) -> None:
        """End it without a word, and start it again at the same port."""


class _Program:
    """A program that gets JSON on standard input and prints lines of it; use it as an asynchronous context manager."""

    def __init__(self, *command: str | Path, environment: dict[str, str]) -> None:
        self._command = command
        self._environment = os.environ | environment
        self._process: Process | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._kill()

    async def restart(self) -> None:
        """End it without a word, and start it again at the same port."""
        await self._kill()
        await self._start()

    async def _start(self) -> None:
        raise NotImplementedError

    async def _run(self, given: object, *, only: bool = False) -> dict[str, Any]:
        """Start the process with a line, and return its first one; `only` ends its input."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, env=self._environment, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        return await self._ask(json.dumps(given), last=only)

    async def _ask(self, line: str, *, last: bool = False) -> dict[str, Any]:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        process.stdin.write(line.encode() + b"\n")
        if last:
            process.stdin.close()
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await process.stdout.readline()
        if not answer:
            assert process.stderr is not None
            raise ProgramFailed((await process.stderr.read()).decode(errors="replace")[-300:])
        return dict(json.loads(answer))

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.communicate()


class GStreamerProcess(_Program):
    """GStreamer's RTSP server."""

    username, password = "recorder", "Behind123"
    uri = ""

    def __init__(self, how: GStreamerServer) -> None:
        """It is to be so."""
        super().__init__(GSTREAMER.interpreter, HERE / "gstreamer_server.py", environment=GSTREAMER.variables())
        self._how = how

    async def _start(self) -> None:
        how = {"codec": self._how.codec, "sound": self._how.sound, "login": self._how.login}
        where = {"host": LOOPBACK, "port": self._port, "username": self.username, "password": self.password}
        self.uri = (await self._run(where | how))["uri"]
        self._port = urlsplit(self.uri).port or 0

    async def sessions(self) -> int:
        """Ask it."""
        return int((await self._ask("sessions"))["sessions"])


class RelayProcess(_Program):
    """A relay that runs alone, in front of an upstream."""

    username, password = "viewer", "Before123"

    def __init__(self, upstream: Upstream, *, wrong_password: str | None = None, keep_seconds: float = 0.5) -> None:
        """With a wrong password it can't log in to the upstream."""
        super().__init__(sys.executable, _RELAY, "--config", "-", environment={})
        self._upstream = upstream
        self._password = wrong_password or upstream.password
        self._keep_seconds = keep_seconds

    @property
    def uri(self) -> str:
        """Of its stream, without credentials."""
        return f"rtsp://{LOOPBACK}:{self._port}/main"

    async def _start(self) -> None:
        login = {"username": self._upstream.username, "password": self._password}
        camera = {
            "address": LOOPBACK,
            "port": self._port,
            "credentials": {"username": self.username, "password": self.password},
            "sources": {"main": {"uri": self._upstream.uri, "credentials": login}},
            "options": {"keep_seconds": self._keep_seconds},
        }
        self._port = (await self._run([camera], only=True))["port"]

    async def sessions(self) -> int:
        """Return those of the recorder behind it."""
        return await self._upstream.sessions()


class SimulatedUpstream:
    """The main stream of a simulated recorder, which runs here."""

    def __init__(self, recorder: SimulatedRecorder) -> None:
        """It runs already."""
        self._recorder = recorder
        self.uri = recorder.stream_uri(1)
        self.username = recorder.options.username
        self.password = recorder.options.password

    async def sessions(self) -> int:
        """Look."""
        return self._recorder.rtsp_sessions

    async def restart(self) -> None:
        """Reboot."""
        await self._recorder.stop()
        await self._recorder.start()
