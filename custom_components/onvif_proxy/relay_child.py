"""One relay process, from its start to its end: started, spoken to over its standard input and output, watched, ended."""

import asyncio
from collections.abc import Callable
import contextlib
from dataclasses import dataclass
import errno
from itertools import count
import logging
import os
from pathlib import Path
import socket
import sys

from .relay.key_frame import KeyFrame
from .relay.messages import (
    MAX_LINE,
    Answer,
    Command,
    Failed,
    GetKeyFrame,
    Health,
    KeyFrameFound,
    LogLine,
    Message,
    Ping,
    Ready,
    TakeTunnel,
    decode,
    encode,
)

_LOGGER = logging.getLogger(__name__)
_RELAY_LOGGER = logging.getLogger(f"{__package__}.relay")
"""Of the package whose modules the process runs."""

COMMAND = (sys.executable, "-S", "-E", str(Path(__file__).with_name("relay")), "--control")
"""Without site-packages and PYTHON* variables: the relay needs the standard library alone, and starts in a blink."""
_ENVIRONMENT = ("LD_LIBRARY_PATH", "LD_PRELOAD", "TZ")
"""What is passed on of ours: it holds tokens that are none of the relay's business."""
MAX_ERROR_LINES = 50
"""Of standard error, where only a broken interpreter writes."""


class RelayDown(OSError):
    """There is no relay process now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long things may take. Seconds."""

    start: float = 20.0
    """From the start to the first sign of life; a small computer that starts Home Assistant is slow."""
    ping: float = 4.0
    """From one question after its health to the next."""
    max_unanswered: int = 3
    """Such questions; then it hangs and is killed. Counted, not timed: our own event loop may have stood still."""
    answer: float = 30.0
    """For a command; a process that hangs is found out earlier."""
    stop: float = 5.0
    """For it to end by itself, and then once more when it was told by a signal."""


DEFAULT_TIMING = Timing()


class RelayChild:
    """Runs once; another one is another object."""

    def __init__(
        self, on_event: Callable[[Message], None], *, timing: Timing, command: tuple[str, ...] = COMMAND
    ) -> None:
        """Make one that is not started; `on_event` is called for what it tells of its cameras."""
        self.health: Health | None = None
        """As last heard."""
        self._on_event = on_event
        self._timing = timing
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._tunnels: socket.socket | None = None
        self._begun = asyncio.Event()
        """It is ready, or it is lost."""
        self._lost = False
        self._unanswered = 0
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[tuple[Message, bytes]]] = {}
        self._readers: list[asyncio.Task[None]] = []
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process's number while it runs."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def start(self) -> None:
        """Start it and wait until it takes commands; raises RelayDown, and then `stop` is still needed."""
        pipe = asyncio.subprocess.PIPE
        try:
            self._tunnels, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise RelayDown(f"the relay can't be started: {error.strerror}") from error
        self._tunnels.setblocking(False)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                "--tunnels",
                str(theirs.fileno()),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                limit=MAX_LINE,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                cwd="/",
                pass_fds=(theirs.fileno(),),
                process_group=0,  # what a terminal sends to Home Assistant is not for it
            )
        except OSError as error:
            raise RelayDown(f"the relay can't be started: {error.strerror}") from error
        finally:
            theirs.close()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        loop = asyncio.get_running_loop()
        self._readers = [
            loop.create_task(self._read(self._process.stdout)),
            loop.create_task(self._read_errors(self._process.stderr)),
        ]
        try:
            async with asyncio.timeout(self._timing.start):
                await self._begun.wait()
        except TimeoutError as error:
            raise RelayDown("the relay did not start in time") from error
        if self._lost:
            raise RelayDown("the relay ended while it started")
        self._watcher = loop.create_task(self._watch(self._process))

    async def wait(self) -> None:
        """Wait for its last word."""
        await asyncio.wait(self._readers[:1])

    async def stop(self) -> str:
        """End it, by force where it must be; return how it ended. Idempotent."""
        if self._tunnels is not None:
            self._tunnels.close()
        if self._process is None:
            return "was not started"
        if self._watcher is not None:
            self._watcher.cancel()
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        for force in (None, process.terminate, process.kill):
            if force is not None:
                with contextlib.suppress(ProcessLookupError):
                    force()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timing.stop):
                    await process.wait()
                    break
        await asyncio.wait(self._readers, timeout=self._timing.stop)
        for task in self._readers:
            task.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self._lose()
        status = process.returncode or 0
        return f"ended by signal {-status}" if status < 0 else f"ended with status {status}"

    def tell(self, command: Command) -> None:
        """Send a command that needs no answer; raises RelayDown."""
        self._send(command, None)

    def hand_over(self, command: TakeTunnel, received: bytes, connection: int) -> None:
        """Give it a connection, of which the caller closes its own descriptor; raises OSError where it can't be taken now."""
        if self._lost or self._tunnels is None:
            raise RelayDown("the relay does not run")
        socket.send_fds(self._tunnels, [encode(command, payload=received)], [connection])

    async def ask[A: Answer](self, command: Command, answer: type[A]) -> A:
        """Send a command and return its answer; raises RelayDown, or OSError as the relay had it."""
        message, _ = await self._ask(command)
        if not isinstance(message, answer):
            raise RelayDown("the relay answered something else")
        return message

    async def ask_key_frame(self, command: GetKeyFrame) -> KeyFrame | None:
        """Ask for a frame, which comes in bytes; raises RelayDown."""
        message, payload = await self._ask(command)
        return KeyFrame(codec=message.codec, data=payload) if isinstance(message, KeyFrameFound) else None

    async def _ask(self, command: Command) -> tuple[Message, bytes]:
        number = next(self._numbers)
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._send(command, number)
            async with asyncio.timeout(self._timing.answer):
                message, payload = await future
        except TimeoutError as error:
            raise RelayDown("the relay does not answer") from error
        finally:
            del self._asked[number]
        if isinstance(message, Failed):
            raise OSError(message.errno or errno.EIO, message.text)
        return message, payload

    def _send(self, command: Command, number: int | None) -> None:
        if self._lost or self._process is None or self._process.stdin is None:
            raise RelayDown("the relay does not run")
        self._process.stdin.write(encode(command, number))

    async def _read(self, output: asyncio.StreamReader) -> None:
        """Take what it says until its end; what is no message is its end."""
        try:
            while line := await output.readline():
                envelope = decode(line)
                payload = await output.readexactly(envelope.payload_size)
                self._take(envelope.number, envelope.message, payload)
        except (ValueError, asyncio.IncompleteReadError) as error:
            _LOGGER.warning("The relay said what is no message: %s", error)
        finally:
            self._lose()

    def _take(self, number: int | None, message: Message, payload: bytes) -> None:
        match message:
            case _ if number is not None:
                future = self._asked.get(number)
                if future is not None and not future.done():
                    future.set_result((message, payload))
            case Ready():
                self._begun.set()
            case Health():
                self._unanswered = 0
                self.health = message
            case LogLine():
                # Of the name that it had if it were logged here, so that levels that are set for parts of it hold.
                logging.getLogger(f"{__package__}.{message.logger}").log(message.level, "%s", message.text)
            case _:
                self._on_event(message)

    async def _read_errors(self, errors: asyncio.StreamReader) -> None:
        """Log what a broken interpreter says; the relay itself logs in messages."""
        for _ in range(MAX_ERROR_LINES):
            try:
                line = await errors.readline()
            except ValueError:
                continue
            if not line:
                return
            _LOGGER.error("The relay: %s", line.decode(errors="replace").rstrip())
        while await errors.read(MAX_LINE):
            pass

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Ask after its health again and again; kill it when it does not answer."""
        while not self._lost:
            if self._unanswered >= self._timing.max_unanswered:
                _LOGGER.warning("The relay does not answer")
                process.kill()
                return
            self._unanswered += 1
            self.tell(Ping(log_level=_RELAY_LOGGER.getEffectiveLevel()))
            await asyncio.sleep(self._timing.ping)

    def _lose(self) -> None:
        """Have nobody wait for it any more."""
        self._lost = True
        self._begun.set()
        for future in self._asked.values():
            if not future.done():
                future.set_exception(RelayDown("the relay ended"))
