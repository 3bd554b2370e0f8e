"""Lets a client's program adopt a camera, with the simulated recorder at hand, and looks whether it did what it says."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
import json
import os
import signal
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import av

from tests.simulated_nvr import SimulatedRecorder

from .client import fetch_snapshot, play
from .clients import Client, Step
from .interop_network import ClientsHost

CLIENT_SECONDS = 90.0
SECONDS_PLAYED = 1.0
SPEED = 0.5
_JPEG = b"\xff\xd8"


class HeadDidOtherwise(Exception):
    """The camera's head was not moved and stopped; the text says what it did."""


class Outcome(StrEnum):
    """How a step of a client went."""

    OK = "ok"
    FAILED = "FAILED"
    CANNOT = "-"
    """The client has nothing for it."""
    MISSING = "missing"
    """It could not be tried here."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A step of a client with a camera."""

    outcome: Outcome
    seen: str = ""


type Row = dict[StrEnum, Cell]


def untried_row(client: Client, reason: str) -> Row:
    """Return the row of a client that could not be tried."""
    return {step: _cannot(client, step) or Cell(Outcome.MISSING, reason) for step in client.steps}


def _cannot(client: Client, step: StrEnum) -> Cell | None:
    """Return the cell of a step that a client has nothing for, None for the others."""
    return Cell(Outcome.CANNOT, client.cannot[step]) if step in client.cannot else None


@dataclass(slots=True, kw_only=True)
class Bed:
    """A camera that clients adopt, and the channel of the recorder behind it."""

    recorder: SimulatedRecorder
    channel: int
    name: str
    xaddr: str
    username: str
    password: str
    media2: bool
    clients_host: ClientsHost
    no_discovery: str | None
    """Why no client may look for cameras, None where it may."""
    stream: str | None = None
    """The URI of the main stream, once a client was told it."""

    def job(self) -> dict[str, Any]:
        """Return what a program is told."""
        url = urlsplit(self.xaddr)
        return {
            "name": self.name,
            "xaddr": self.xaddr,
            "host": url.hostname,
            "port": url.port or 80,
            "username": self.username,
            "password": self.password,
            "wrong_password": self.password[::-1] + "x",
            "discover": self.no_discovery is None,
            "media2": self.media2,
            "stream": self.stream,
            "velocity": self.velocity(),
        }

    def velocity(self) -> dict[str, float]:
        """Return where the head is to be moved: away from the end that is nearer."""
        position = self.recorder.ptz(self.channel).position
        return {axis: -SPEED if position[axis] > 0 else SPEED for axis in ("pan", "tilt")}

    def judge_ptz(self, told_before: int, position: Mapping[str, float]) -> None:
        """Raise HeadDidOtherwise unless the head has moved since and stands still, by the commands for that."""
        unit = self.recorder.ptz(self.channel)
        names = [command.name for command in unit.commands[told_before:]]
        if names != ["ContinuousMove", "Stop"] or unit.position == position or unit.moving:
            raise HeadDidOtherwise(f"the head was told {names}, and is at {unit.position}")


@dataclass(slots=True)
class _Visit:
    """A client with a camera."""

    client: Client
    bed: Bed
    cells: Row = field(default_factory=dict)
    stream: str | None = None
    snapshot: str | None = None

    def heard(self, said: Mapping[str, Any]) -> None:
        """Take what the program says."""
        if said.get("ask") == "motion":
            self.bed.recorder.set_motion(self.bed.channel, said["active"])
            return
        step = Step(said["step"])
        self.cells[step] = Cell(Outcome.OK if said["ok"] else Outcome.FAILED, said["seen"])
        self.stream = said.get("stream", self.stream)
        self.snapshot = said.get("snapshot", self.snapshot)


async def adopt(client: Client, bed: Bed) -> Row:
    """Let a client adopt a camera; returns how each step went."""
    visit = _Visit(client, bed)
    unit = bed.recorder.ptz(bed.channel)
    told_before, position = len(unit.commands), unit.position
    try:
        complaint = await run_program(client, bed.job(), bed.clients_host, visit.heard)
    finally:
        bed.recorder.set_motion(bed.channel, active=False)
    cells = visit.cells
    if cells.get(Step.PTZ, Cell(Outcome.FAILED)).outcome is Outcome.OK:
        try:
            bed.judge_ptz(told_before, position)
        except HeadDidOtherwise as error:
            cells[Step.PTZ] = Cell(Outcome.FAILED, str(error))
    await _use_uris(visit)
    row: Row = {}
    for step in Step:
        if step is Step.DISCOVER and bed.no_discovery is not None and step not in client.cannot:
            row[step] = Cell(Outcome.MISSING, bed.no_discovery)
        else:
            row[step] = _cannot(client, step) or cells.get(step) or Cell(Outcome.FAILED, complaint)
    return row


async def _use_uris(visit: _Visit) -> None:
    """Fetch and play what the client was told, where it does not do so itself."""
    bed, cells = visit.bed, visit.cells
    if visit.snapshot is not None and Step.SNAPSHOT not in cells:
        try:
            image = await fetch_snapshot(visit.snapshot, bed.username, bed.password)
            outcome = Outcome.OK if image.startswith(_JPEG) else Outcome.FAILED
            cells[Step.SNAPSHOT] = Cell(outcome, f"{len(image)} bytes by its URI")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            cells[Step.SNAPSHOT] = Cell(Outcome.FAILED, f"{visit.snapshot}: {error}")
    if visit.stream is not None and Step.PLAY not in cells:
        bed.stream = visit.stream
        try:
            played = await play(visit.stream, bed.username, bed.password, seconds=SECONDS_PLAYED)
            cells[Step.PLAY] = Cell(Outcome.OK, f"{played.frames} frames of {played.codec} by its URI")
        except (av.FFmpegError, OSError, TimeoutError) as error:
            cells[Step.PLAY] = Cell(Outcome.FAILED, f"{visit.stream}: {error}")


async def run_program(
    client: Client, job: Mapping[str, Any], clients_host: ClientsHost, hear: Callable[[dict[str, Any]], None]
) -> str:
    """Run a client's program to its end; returns why steps that it has not told of are not done."""
    try:
        process = await asyncio.create_subprocess_exec(
            *clients_host.command(*client.command),
            pass_fds=clients_host.descriptors,
            env=os.environ | client.environment.variables(),
            start_new_session=True,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
    except OSError as error:
        return f"it does not start: {error}"
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    complaints = asyncio.create_task(process.stderr.read())
    try:
        async with asyncio.timeout(CLIENT_SECONDS):
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.close()
            async for line in process.stdout:
                try:
                    hear(json.loads(line))
                except AttributeError, LookupError, TypeError, ValueError:
                    return f"it said {line[:200]!r}"
            said = (await complaints).decode(errors="replace").strip()
            return f"not done (exit status {await process.wait()}): {said[-300:]}"
    except TimeoutError:
        return f"not done in {CLIENT_SECONDS:g} s"
    finally:
        await _end(process)
        complaints.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await complaints


async def _end(process: Process) -> None:
    """End a program that has not ended, with those that it has started."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
