"""Puts recorders that are not ours, and a relay, behind a relay that runs alone, and watches what comes through it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
import threading
import time
from urllib.parse import urlsplit

import av

from tests.simulated_nvr import RecorderOptions, SimulatedRecorder, StreamOptions

from .interop_environments import Environment, Here
from .interop_programs import Cell, Outcome, Row
from .recorders import GSTREAMER, SERVERS, RecorderStep
from .recorders.processes import GStreamerProcess, ProgramFailed, RelayProcess, SimulatedUpstream, Upstream

PICTURES = 30
"""That are enough to say that it plays."""
WAIT_SECONDS = 15.0
"""For what has to happen."""
LATE_SECONDS = 1.0
"""From opening a stream to its first picture; key frames come every five seconds."""
LATE_JOINS = 3
JOIN_SECONDS = 1.4
"""From one to the next, so that they don't all meet a key frame."""


class CameNotThrough(Exception):
    """Something did not come through the relay; the text says what."""


class Viewer:
    """Decodes all of a stream in a thread of its own, until it is told to leave."""

    def __init__(self, upstream: Upstream) -> None:
        """Begin."""
        url = urlsplit(upstream.uri)
        login = f"{upstream.username}:{upstream.password}"
        self._uri = url._replace(netloc=f"{login}@{url.hostname}:{url.port}").geturl()
        self.frames: Counter[str] = Counter()
        """By kind: video, audio."""
        self.seconds: float | None = None
        """To the first picture."""
        self.key_first = False
        self.error: av.FFmpegError | None = None
        self._leaves = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it plays no more."""
        return not self._thread.is_alive()

    def _play(self) -> None:
        started = time.monotonic()
        options = {"rtsp_transport": "tcp", "analyzeduration": "500000", "err_detect": "explode"}
        try:
            with av.open(self._uri, options=options, timeout=(10.0, 10.0)) as container:
                for packet in container.demux():
                    for frame in packet.decode():
                        if isinstance(frame, av.VideoFrame) and self.seconds is None:
                            self.seconds, self.key_first = time.monotonic() - started, frame.key_frame
                        self.frames[packet.stream.type] += 1
                    if self._leaves.is_set():
                        return
        except av.FFmpegError as error:
            self.error = error

    async def leave(self) -> None:
        """End it as a person does."""
        self._leaves.set()
        await asyncio.to_thread(self._thread.join)


@asynccontextmanager
async def _chain() -> AsyncIterator[Upstream]:
    """Run a simulated recorder and a relay in front of it."""
    main = StreamOptions(width=320, height=180, key_seconds=5)
    async with SimulatedRecorder(RecorderOptions(channels=1, main=main, sub=None)) as recorder:
        await recorder.prepare()
        async with RelayProcess(SimulatedUpstream(recorder)) as upstream:
            yield upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """What is put behind a relay: a row of the table."""

    name: str
    offers: str
    environment: Environment
    run: Callable[[], AbstractAsyncContextManager[Upstream]]


RECORDERS = (
    *(
        Recorder(
            name="GStreamer's RTSP server (Debian)",
            offers=str(how),
            environment=GSTREAMER,
            run=partial(GStreamerProcess, how),
        )
        for how in SERVERS
    ),
    Recorder(name="A second relay", offers="H264, PCMU, digest", environment=Here("relay"), run=_chain),
)


class _Visit:
    """A relay in front of an upstream, and who watches."""

    def __init__(self, upstream: Upstream, in_front: RelayProcess) -> None:
        self._upstream = upstream
        self._in_front = in_front
        self._viewers: list[Viewer] = []

    def _watch(self) -> Viewer:
        viewer = Viewer(self._in_front)
        self._viewers.append(viewer)
        return viewer

    async def leave(self) -> None:
        """Let nobody watch any more."""
        viewers, self._viewers = self._viewers, []
        await asyncio.gather(*(viewer.leave() for viewer in viewers))

    async def wrong(self) -> str:
        """Be refused by the recorder: the viewer is told that it is the relay's trouble, not its own."""
        async with RelayProcess(self._upstream, wrong_password="wrong") as stranger:
            viewer = Viewer(stranger)
            await _until(lambda: _is(viewer.ended), "the viewer waits")
            if not isinstance(viewer.error, av.error.HTTPServerError):
                raise CameNotThrough(f"the viewer got {viewer.frames.total()} frames and {viewer.error}")
        return "503 for the viewer"

    async def video(self) -> str:
        """Decode pictures, the first one a key frame."""
        viewer = self._watch()
        await _until(lambda: _is(viewer.frames["video"] >= PICTURES or viewer.ended), "no pictures")
        if viewer.error is not None or not viewer.key_first:
            raise CameNotThrough(f"{viewer.error or 'the first picture was no key frame'}")
        return f"{viewer.frames['video']} pictures, the first after {viewer.seconds:.2f} s"

    async def sound(self) -> str:
        """Decode sound, by the viewer who watches."""
        viewer = self._viewers[0] if self._viewers else self._watch()
        await _until(lambda: _is(viewer.frames["audio"] > 0 or viewer.ended), "no sound")
        return f"{viewer.frames['audio']} frames"

    async def late(self) -> str:
        """See a picture at once, whenever one comes."""
        slowest = 0.0
        for _ in range(LATE_JOINS):
            await asyncio.sleep(JOIN_SECONDS)
            viewer = Viewer(self._in_front)
            await _until(lambda: _is(viewer.seconds is not None or viewer.ended), "no picture")  # noqa: B023 - awaited
            await viewer.leave()
            if viewer.seconds is None or viewer.seconds > LATE_SECONDS or not viewer.key_first:
                raise CameNotThrough(f"first picture after {viewer.seconds} s, {viewer.error}")
            slowest = max(slowest, viewer.seconds)
        return f"first pictures after at most {slowest:.2f} s"

    async def shared(self) -> str:
        """Watch by two, and need one session."""
        second = self._watch()
        await _until(lambda: _is(second.frames["video"] > 0 or second.ended), "the second viewer sees nothing")
        if (sessions := await self._upstream.sessions()) != 1:
            raise CameNotThrough(f"{sessions} sessions")
        return "1 session for 2 viewers"

    async def again(self) -> str:
        """Restart the recorder: who watches goes on watching, in the same session."""
        before = [viewer.frames["video"] for viewer in self._viewers]
        await self._upstream.restart()
        restarted = time.monotonic()
        wanted = [count + PICTURES for count in before]

        async def goes_on() -> bool:
            seen = [viewer.frames["video"] for viewer in self._viewers]
            return all(map(int.__ge__, seen, wanted, strict=True)) or any(viewer.ended for viewer in self._viewers)

        await _until(goes_on, "no pictures after the restart")
        for viewer in self._viewers:
            if viewer.ended:
                raise CameNotThrough(f"the viewer ended: {viewer.error}")
        return f"{PICTURES} more pictures {time.monotonic() - restarted:.1f} s after the restart"

    async def left(self) -> str:
        """Leave: the recorder gets its session back."""
        await self.leave()

        async def is_free() -> bool:
            return await self._upstream.sessions() == 0

        await _until(is_free, "the recorder still has a session")
        return "no session at the recorder"


async def _is(true: bool) -> bool:
    return true


async def _until(condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not await condition():
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise CameNotThrough(otherwise) from error


async def put_behind_relay(recorder: Recorder) -> Row:
    """Watch a recorder through a relay; returns how each step went."""
    row: Row = {}
    async with AsyncExitStack() as stack:
        try:
            upstream = await stack.enter_async_context(recorder.run())
        except (ProgramFailed, OSError) as error:
            return {step: Cell(Outcome.FAILED, f"it does not start: {error}") for step in RecorderStep}
        in_front = await stack.enter_async_context(RelayProcess(upstream))
        visit = _Visit(upstream, in_front)
        stack.push_async_callback(visit.leave)
        steps = {
            RecorderStep.WRONG: visit.wrong,
            RecorderStep.VIDEO: visit.video,
            RecorderStep.SOUND: visit.sound,
            RecorderStep.LATE: visit.late,
            RecorderStep.SHARED: visit.shared,
            RecorderStep.AGAIN: visit.again,
            RecorderStep.LEFT: visit.left,
        }
        for step, does in steps.items():
            try:
                row[step] = Cell(Outcome.OK, await does())
            except (CameNotThrough, ProgramFailed, OSError) as error:
                row[step] = Cell(Outcome.FAILED, f"{type(error).__name__}: {error}")
    return row


def untried_recorder(reason: str) -> Row:
    """Return the row of a recorder that could not be had."""
    return {step: Cell(Outcome.MISSING, reason) for step in RecorderStep}
