"""The relay process as those who need it see it: there while a camera is served, and there again when it was lost."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
import contextlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
import logging
import time
from types import EllipsisType
from typing import Any

from .logins import LoginGuard
from .model import Credentials, TunnelHalf
from .relay.config import CameraConfig
from .relay.key_frame import KeyFrame
from .relay.messages import (
    Activity,
    AddCamera,
    Command,
    Done,
    GetKeyFrame,
    GetStatistics,
    Health,
    Listening,
    LockedOut,
    LockOut,
    LoginFailed,
    Message,
    RemoveCamera,
    TakeTunnel,
    UpdateCamera,
)
from .relay.options import CameraOptions
from .relay.source import Source
from .relay.statistics import CameraStatistics
from .relay_child import COMMAND, DEFAULT_TIMING, RelayChild, RelayDown, Timing

_LOGGER = logging.getLogger(__name__)

RESTART_SECONDS = (0.0, 1.0, 5.0, 15.0, 60.0)
"""From the end of a process to the next one, by how many before it did not live long."""
STABLE_SECONDS = 60.0
"""A process that lived this long has lived long."""
GRACE_SECONDS = 5.0
"""A relay that is back by then has only cost viewers a reconnect: nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayState:
    """The process, for who looks after it."""

    pid: int | None
    """None while there is none."""
    since: datetime | None
    """UTC; since when it takes commands."""
    restarts: int
    """How often it was lost, ever."""
    health: Health | None
    """As last heard."""


@dataclass(eq=False, slots=True, kw_only=True)
class ServedCamera:
    """A camera that the relay serves; what is changed here outlives the process."""

    id: int
    relays: RelayProcess = field(repr=False)
    config: CameraConfig = field(repr=False)
    """As it is to be; once it listens with the port that is bound."""
    logins: LoginGuard = field(repr=False)
    """Shared with whatever else takes the same credentials: who is locked out here or there is so at both."""
    on_change: Callable[[], None] = field(repr=False)
    """Called when `trouble` or `viewers` is another."""
    trouble: OSError | None = None
    """Why it isn't served now: `RelayDown` ends by itself, after another error it must be stopped."""
    listening: bool = False
    """Whether it is to be served again after the process was lost."""
    activity: Activity | None = None
    """As last heard."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.config.port

    @property
    def viewers(self) -> int:
        """Viewers that have an RTSP session."""
        return 0 if self.activity is None else self.activity.viewers

    def update(
        self,
        *,
        credentials: Credentials | EllipsisType | None = ...,
        sources: Mapping[str, Source] | EllipsisType = ...,
        options: CameraOptions | EllipsisType = ...,
    ) -> None:
        """Change what later requests meet, `...` leaves it; viewers that logged in with former credentials are sent away."""
        config = self.config
        if not isinstance(credentials, EllipsisType):
            config = replace(config, credentials=credentials)
        if not isinstance(sources, EllipsisType):
            config = replace(config, sources=dict(sources))
        if not isinstance(options, EllipsisType):
            config = replace(config, options=options)
        if config != self.config:
            self.config = config
            self.relays.tell(UpdateCamera(id=self.id, camera=config))

    def take_tunnel(self, half: TunnelHalf, received: bytes, connection: int) -> None:
        """Hand a connection over, of which the caller closes its own descriptor; raises OSError where nobody takes it."""
        self.relays.child.hand_over(TakeTunnel(id=self.id, half=half), received, connection)

    async def statistics(self) -> CameraStatistics:
        """Ask what it is doing; raises RelayDown."""
        return await self.relays.child.ask(GetStatistics(id=self.id), CameraStatistics)

    async def key_frame(self, name: str, *, timeout: float = 0.0) -> KeyFrame | None:
        """Ask for the last key frame of a stream, which is opened for it if there is time; None where there is none then.

        Raises RelayDown, or OSError where the recorder does not give the stream.
        """
        return await self.relays.child.ask_key_frame(GetKeyFrame(id=self.id, stream=name, seconds=timeout))

    async def stop(self) -> None:
        """Serve it no more; idempotent, returns when its port is free."""
        await self.relays.give_up(self)


class RelayProcess:
    """Runs while it serves a camera; one process for all of them."""

    def __init__(
        self,
        *,
        timing: Timing = DEFAULT_TIMING,
        restart_seconds: tuple[float, ...] = RESTART_SECONDS,
        stable_seconds: float = STABLE_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        """Have no process yet."""
        self._timing = timing
        self._restart_seconds = restart_seconds
        self._stable_seconds = stable_seconds
        self._grace_seconds = grace_seconds
        self._command = command
        self._served: dict[int, ServedCamera] = {}
        self._numbers = count(1)
        self._started: RelayChild | None = None
        """One that takes commands, and is told of changes from then on: it may still be about to serve what it should."""
        self._child: RelayChild | None = None
        """The same once it serves that."""
        self._attempt: asyncio.Future[RelayChild | None] | None = None
        """The start that goes on or went on last; None is its result when it failed."""
        self._supervisor: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._grace: asyncio.TimerHandle | None = None
        self._short_lives = 0
        self._restarts = 0
        self._since: datetime | None = None

    @property
    def child(self) -> RelayChild:
        """The process to talk to; raises RelayDown."""
        if self._child is None:
            raise RelayDown("the relay does not run")
        return self._child

    @property
    def state(self) -> RelayState:
        """What is to be known of it."""
        child = self._child
        return RelayState(
            pid=None if child is None else child.pid,
            since=None if child is None else self._since,
            restarts=self._restarts,
            health=None if child is None else child.health,
        )

    async def serve(self, config: CameraConfig, *, logins: LoginGuard, on_change: Callable[[], None]) -> ServedCamera:
        """Serve a camera, also after the process was lost, until it is stopped.

        Raises OSError as binding its port gave it, and RelayDown where there is no process.
        """
        served = ServedCamera(id=next(self._numbers), relays=self, config=config, logins=logins, on_change=on_change)
        self._served[served.id] = served
        logins.on_lock_out = lambda source, seconds: self.tell(LockOut(id=served.id, source=source, seconds=seconds))
        try:
            await self._add(await self._begin(), served)
        except BaseException:
            await self.give_up(served)
            raise
        return served

    async def give_up(self, served: ServedCamera) -> None:
        """Serve a camera no more; with the last one the process ends."""
        if self._served.pop(served.id, None) is None:
            return
        served.logins.on_lock_out = None
        if self._started is not None:
            with contextlib.suppress(OSError):  # without a process, or one that never listened, there is nothing to end
                await self._started.ask(RemoveCamera(id=served.id), Done)
        async with self._lock:
            if not self._served and self._supervisor is not None:
                supervisor, self._supervisor = self._supervisor, None
                supervisor.cancel()
                await asyncio.wait([supervisor])
                self._cancel_grace()

    def tell(self, command: Command) -> None:
        """Send a command; whoever is not there now learns what it is about when it starts."""
        if self._started is not None:
            with contextlib.suppress(RelayDown):
                self._started.tell(command)

    async def _begin(self) -> RelayChild:
        """Return the process, started if it wasn't; raises RelayDown at once while it is not to be started yet."""
        async with self._lock:
            if self._supervisor is None:
                loop = asyncio.get_running_loop()
                self._attempt = loop.create_future()
                self._supervisor = loop.create_task(self._supervise())
        child = None if self._attempt is None else await asyncio.shield(self._attempt)
        if child is None:
            raise RelayDown("the relay does not start")
        return child

    async def _supervise(self) -> None:
        while True:
            child = RelayChild(self._told, timing=self._timing, command=self._command)
            began = time.monotonic()
            try:
                await child.start()
                self._started = child
                await self._restore(child)
                self._take_up(child)
                await child.wait()
            except RelayDown as error:
                _LOGGER.debug("No relay: %s", error)
            except Exception:
                _LOGGER.exception("The relay is given up and started again")
            finally:
                self._started = self._child = None
                self._finish_attempt(None)
                end = await _wholly(child.stop())
            if time.monotonic() - began >= self._stable_seconds:
                self._short_lives = 0
            delay = self._restart_seconds[min(self._short_lives, len(self._restart_seconds) - 1)]
            self._short_lives += 1
            self._restarts += 1
            _LOGGER.warning("The relay %s; starting it again in %g s", end, delay)
            self._lose()
            await asyncio.sleep(delay)
            self._attempt = asyncio.get_running_loop().create_future()

    async def _restore(self, child: RelayChild) -> None:
        """Have a new process serve what the former one did, on the same ports; raises RelayDown."""
        former = [served for served in self._served.values() if served.listening]
        loop = asyncio.get_running_loop()
        # Eager: all are asked for before anybody can give one up.
        adding = [loop.create_task(self._add(child, served), eager_start=True) for served in former]
        results = await asyncio.gather(*adding, return_exceptions=True)
        for served, result in zip(former, results, strict=True):
            if isinstance(result, OSError) and not isinstance(result, RelayDown):
                served.listening = False
                self._set_trouble(served, result)
            elif isinstance(result, BaseException):
                raise result

    async def _add(self, child: RelayChild, served: ServedCamera) -> None:
        """Ask for a camera; commands about it that follow meanwhile are done after this one. Raises OSError and RelayDown."""
        port = (await child.ask(AddCamera(id=served.id, camera=served.config), Listening)).port
        served.config = replace(served.config, port=port)
        served.listening = True
        for source, seconds in served.logins.locked_out.items():
            child.tell(LockOut(id=served.id, source=source, seconds=seconds))

    def _take_up(self, child: RelayChild) -> None:
        self._child = child
        self._since = datetime.now(UTC)
        self._cancel_grace()
        self._finish_attempt(child)
        for served in self._served.values():
            if isinstance(served.trouble, RelayDown):
                self._set_trouble(served, None)

    def _lose(self) -> None:
        for served in self._served.values():
            served.activity = None
        if self._grace is None:
            self._grace = asyncio.get_running_loop().call_later(self._grace_seconds, self._tell_down)

    def _tell_down(self) -> None:
        for served in self._served.values():
            if served.trouble is None:
                self._set_trouble(served, RelayDown("the relay does not run"))

    def _finish_attempt(self, child: RelayChild | None) -> None:
        if self._attempt is not None and not self._attempt.done():
            self._attempt.set_result(child)

    def _cancel_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _set_trouble(self, served: ServedCamera, trouble: OSError | None) -> None:
        served.trouble = trouble
        self._changed(served)

    def _changed(self, served: ServedCamera) -> None:
        self._tell_listeners(served.on_change)

    def _tell_listeners[*Arguments](self, tell: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        # Not at once: what listeners break must not end who reads what the relay says.
        asyncio.get_running_loop().call_soon(tell, *arguments)

    def _told(self, message: Message) -> None:
        """Take an event about a camera; of one that is given up there may be some on their way."""
        match message:
            case Activity() if (served := self._served.get(message.id)) is not None:
                served.activity = message
                self._changed(served)
            case LoginFailed() if (served := self._served.get(message.id)) is not None:
                self._tell_listeners(served.logins.note, message.failure)
            case LockedOut() if (served := self._served.get(message.id)) is not None:
                served.logins.lock_out(message.source, message.seconds)


async def _wholly[T](work: Coroutine[Any, Any, T]) -> T:
    """Do something to its end also when this task is cancelled meanwhile: a process that is left half ended stays."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
