"""The relay's side of its parent's control channel: commands on standard input, answers and events on standard output."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import partial
import logging
import os
from pathlib import Path
import resource
import signal
import socket
import sys
from typing import Any

from ..logins import LoginFailure, LoginGuard
from .config import CameraConfig
from .errors import UpstreamError
from .log import MessageHandler
from .messages import (
    MAX_LINE,
    MAX_PAYLOAD,
    MAX_TUNNEL_MESSAGE,
    Activity,
    AddCamera,
    Answer,
    Command,
    Done,
    Event,
    Failed,
    GetKeyFrame,
    GetStatistics,
    Health,
    KeyFrameFound,
    Listening,
    LockedOut,
    LockOut,
    LoginFailed,
    LogLine,
    Ping,
    Ready,
    RemoveCamera,
    TakeTunnel,
    UpdateCamera,
    decode,
    encode,
)
from .server import RelayServer
from .statistics import CameraStatistics
from .wire import WireError

_LOGGER = logging.getLogger(__name__)

MAX_UNREAD = 4 * 1024 * 1024
"""Bytes that wait for a parent that doesn't read; what is logged beyond them is lost."""
GATHER_SECONDS = 0.05
"""From a change of what viewers and streams do to the parent's knowing it: others often follow at once."""
REST_SECONDS = 0.5
"""From one time that the parent is told to the next: what goes to and fro must not keep it busy."""
PARENT_SECONDS = 0.5
"""Between two looks at whether the parent is still there."""
_PACKAGE = __name__.partition(".relay.")[0]


@dataclass(slots=True)
class _Served:
    """A camera of this process."""

    config: CameraConfig
    server: RelayServer
    logins: LoginGuard
    told: Activity | None = field(default=None)
    """What the parent knows of it."""


class Control:
    """Does what commands say with the cameras of this process."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        """`write` takes what is for the parent; it must not block."""
        self._write = write
        self._cameras: dict[int, _Served] = {}
        self._changed: set[int] = set()
        """Cameras whose viewers or streams may do something else than the parent knows."""
        self._telling: asyncio.TimerHandle | None = None
        self._rests_until = 0.0
        """By the loop's clock."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: set[asyncio.Task[None]] = set()
        """Tasks that wait for a recorder, and that nobody needs to wait for."""
        self._slow: dict[type[Command], Callable[[Any], Coroutine[Any, Any, tuple[Answer, bytes]]]] = {
            AddCamera: self._add,
            RemoveCamera: self._remove,
            GetKeyFrame: self._get_key_frame,
        }
        self._quick: dict[type[Command], Callable[[Any], tuple[Answer, bytes]]] = {
            UpdateCamera: self._update,
            LockOut: self._lock_out,
            GetStatistics: self._get_statistics,
            Ping: self._ping,
        }

    def secrets(self) -> Iterator[str]:
        """Name every password that this process has been told and still needs."""
        for served in self._cameras.values():
            if served.config.credentials is not None:
                yield served.config.credentials.password
            for source in served.config.sources.values():
                yield source.credentials.password

    def tell(self, event: Event) -> None:
        """Tell the parent something that it didn't ask for."""
        self._write(encode(event))

    def take(self, line: bytes) -> None:
        """Do what a line says. Commands are begun in their order; what one breaks is that one's alone."""
        try:
            envelope = decode(line)
        except WireError as error:
            _LOGGER.error("The parent said what is no command: %s", error)
            return
        command: Any = envelope.message
        answer = partial(self._answer, envelope.number)
        if not isinstance(command, (AddCamera, Ping)) and getattr(command, "id", None) not in self._cameras:
            answer(Failed(errno=None, text="no such camera"))
        elif (slow := self._slow.get(type(command))) is not None:
            # Eager: the next command may be about what this one begins or ends.
            task = asyncio.get_running_loop().create_task(self._do(slow(command), answer), eager_start=True)
            tasks = self._asking if isinstance(command, GetKeyFrame) else self._tasks
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        elif (quick := self._quick.get(type(command))) is not None:
            try:
                result, payload = quick(command)
            except Exception as error:
                _LOGGER.exception("%s failed", type(command).__name__)
                result, payload = Failed(errno=None, text=type(error).__name__), b""
            answer(result, payload)

    def take_tunnel(self, data: bytes, sock: socket.socket) -> None:
        """Have a camera take over a connection; it is closed where there is no such camera."""
        line, _, received = data.partition(b"\n")
        try:
            command = decode(line).message
        except WireError as error:
            _LOGGER.error("The parent said what is no command: %s", error)
            command = None
        if isinstance(command, TakeTunnel) and (served := self._cameras.get(command.id)) is not None:
            served.server.take_tunnel(command.half, received, sock)
        else:
            sock.close()

    def _camera_changed(self, number: int) -> None:
        self._changed.add(number)
        if self._telling is None:
            loop = asyncio.get_running_loop()
            self._telling = loop.call_at(max(loop.time() + GATHER_SECONDS, self._rests_until), self._tell_activity)

    def _tell_activity(self) -> None:
        """Tell what viewers and streams do, where that is news."""
        self._telling = None
        self._rests_until = asyncio.get_running_loop().time() + REST_SECONDS
        changed, self._changed = self._changed, set()
        for number in changed:
            served = self._cameras.get(number)
            if served is None:
                continue
            try:
                statistics = served.server.statistics()
            except Exception:
                _LOGGER.exception("What a camera does can't be told")
                continue
            streams = {stream.name: stream.state for stream in statistics.streams}
            activity = Activity(id=number, viewers=len(statistics.viewers), streams=streams)
            if activity != served.told:
                served.told = activity
                self.tell(activity)

    async def stop(self) -> None:
        """End all cameras; returns when their ports are free."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        cameras, self._cameras = self._cameras, {}
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*(served.server.stop() for served in cameras.values()))
        if self._telling is not None:
            self._telling.cancel()

    def _answer(self, number: int | None, answer: Answer, payload: bytes = b"") -> None:
        if number is not None:
            self._write(encode(answer, number, payload))

    async def _do(
        self, work: Coroutine[Any, Any, tuple[Answer, bytes]], answer: Callable[[Answer, bytes], None]
    ) -> None:
        result: Answer
        payload = b""
        try:
            result, payload = await work
        except (OSError, OverflowError) as error:  # the latter for a port that is none
            result = Failed(errno=getattr(error, "errno", None), text=getattr(error, "strerror", None) or str(error))
        except UpstreamError as error:
            result = Failed(errno=None, text=str(error))
        except Exception as error:
            _LOGGER.exception("A camera could not be started, stopped or asked")
            result = Failed(errno=None, text=type(error).__name__)
        answer(result, payload)

    async def _add(self, command: AddCamera) -> tuple[Answer, bytes]:
        config = command.camera
        guard = LoginGuard(
            lambda failure: self._login_failed(command.id, failure),
            on_lock_out=lambda source, seconds: self.tell(LockedOut(id=command.id, source=source, seconds=seconds)),
        )
        server = RelayServer(
            config.address,
            config.port,
            credentials=config.credentials,
            sources=config.sources,
            logins=guard,
            options=config.options,
            on_change=partial(self._camera_changed, command.id),
        )
        # Known before it listens: what follows at once is about it already.
        self._cameras[command.id] = _Served(config, server, guard)
        try:
            await server.start()
        except BaseException:
            del self._cameras[command.id]
            raise
        return Listening(port=server.port), b""

    async def _remove(self, command: RemoveCamera) -> tuple[Answer, bytes]:
        await self._cameras.pop(command.id).server.stop()
        return Done(), b""

    def _update(self, command: UpdateCamera) -> tuple[Answer, bytes]:
        served, config = self._cameras[command.id], command.camera
        served.config = config
        served.server.update(credentials=config.credentials, sources=config.sources, options=config.options)
        return Done(), b""

    def _lock_out(self, command: LockOut) -> tuple[Answer, bytes]:
        self._cameras[command.id].logins.lock_out(command.source, command.seconds)
        return Done(), b""

    def _get_statistics(self, command: GetStatistics) -> tuple[CameraStatistics, bytes]:
        return self._cameras[command.id].server.statistics(), b""

    async def _get_key_frame(self, command: GetKeyFrame) -> tuple[Answer, bytes]:
        frame = await self._cameras[command.id].server.key_frame(command.stream, timeout=command.seconds)
        if frame is None or len(frame.data) > MAX_PAYLOAD:
            return Done(), b""
        return KeyFrameFound(codec=frame.codec), frame.data

    def _ping(self, command: Ping) -> tuple[Answer, bytes]:
        logging.getLogger(_PACKAGE).setLevel(command.log_level)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu = round(usage.ru_utime + usage.ru_stime, 3)
        self.tell(Health(memory=_resident(), cpu_seconds=cpu, cameras=len(self._cameras)))
        return Done(), b""

    def _login_failed(self, number: int, failure: LoginFailure) -> None:
        self.tell(LoginFailed(id=number, failure=failure))


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def _receive_tunnels(tunnels: socket.socket, control: Control) -> None:
    """Take over the connection that the parent hands over; stop listening where it hands over none any more."""
    try:
        data, descriptors, *_ = socket.recv_fds(tunnels, MAX_TUNNEL_MESSAGE, 1, socket.MSG_CMSG_CLOEXEC)
    except BlockingIOError:
        return
    except OSError as error:
        # No descriptors left: this connection is lost, the next one may come.
        _LOGGER.warning("Could not take a connection: %s", error.strerror)
        return
    if not data:
        asyncio.get_running_loop().remove_reader(tunnels)
    for descriptor in descriptors:
        control.take_tunnel(data, socket.socket(fileno=descriptor))


async def run(*, tunnels: socket.socket | None = None, parent_seconds: float = PARENT_SECONDS) -> None:
    """Serve the parent at the other end of standard input and output, until it closes them, ends or sends SIGTERM.

    It hands over connections through `tunnels`.
    """
    loop = asyncio.get_running_loop()
    parent = os.getppid()
    reader = asyncio.StreamReader(limit=MAX_LINE)
    protocol = asyncio.StreamReaderProtocol(reader)
    incoming, _ = await loop.connect_read_pipe(lambda: protocol, sys.stdin.buffer)
    outgoing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sys.stdout.buffer)
    control = Control(outgoing.write)

    def tell_log(line: LogLine) -> None:
        if outgoing.get_write_buffer_size() < MAX_UNREAD:
            control.tell(line)

    handler = MessageHandler(tell_log, control.secrets, package=_PACKAGE)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)

    async def watch_parent() -> None:
        # A pipe that another child of the parent has inherited stays open when the parent ends.
        while os.getppid() == parent and not outgoing.is_closing():
            await asyncio.sleep(parent_seconds)

    commands = loop.create_task(_read(reader, control))
    ended = {commands, loop.create_task(watch_parent())}
    # The parent's terminal sends SIGINT to all of its group; the parent says when it is time.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, commands.cancel)
    if tunnels is not None:
        tunnels.setblocking(False)
        loop.add_reader(tunnels, _receive_tunnels, tunnels, control)
    try:
        control.tell(Ready())
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in ended:
            task.cancel()
        for result in await asyncio.gather(*ended, return_exceptions=True):
            if isinstance(result, Exception):
                _LOGGER.error("The relay ends", exc_info=result)
        if tunnels is not None:
            loop.remove_reader(tunnels)
            tunnels.close()
        await control.stop()
        incoming.close()
        outgoing.close()


async def _read(reader: asyncio.StreamReader, control: Control) -> None:
    try:
        while line := await reader.readline():
            control.take(line)
    except ValueError:
        _LOGGER.error("The parent said a line that is too long")
