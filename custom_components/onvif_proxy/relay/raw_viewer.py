"""A viewer in raw mode: gets a connection of its own to the recorder, which alone knows what they say, and who may watch."""

import asyncio
from datetime import UTC, datetime
import logging
import socket

from .camera import Camera
from .descriptors import require_descriptors
from .dial import dial
from .errors import UpstreamError, UpstreamNonsense, UpstreamTimeout
from .plane import Plane
from .raw import RawPassage
from .raw_stream import RAW_STREAM
from .statistics import ViewerStatistics
from .uris import parse_location

_LOGGER = logging.getLogger(__name__)


class RawViewer:
    """Connects to the recorder when the viewer has said something, and passes everything on from then on."""

    def __init__(self, camera: Camera, sock: socket.socket, address: str) -> None:
        """Serve a connection that was accepted from an address."""
        self.address = address
        self._camera = camera
        self._limits = camera.limits
        self._plane = camera.common.plane
        self._sock = sock
        self._since = datetime.now(UTC)
        self._watching = False
        self._passage: RawPassage | None = None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        camera.viewers.add(self)
        # Eager: a task that is cancelled before its first step would never reach its end.
        self.task: asyncio.Task[None] | None = asyncio.get_running_loop().create_task(self._run(), eager_start=True)
        """Runs until nothing of it is left."""

    @property
    def known(self) -> bool:
        """Tell whether the recorder is asked to let it in: that it did is for those two to know."""
        return self._watching

    @property
    def watching(self) -> bool:
        """Tell whether it has, or is about to have, a connection to the recorder."""
        return self._watching

    def statistics(self) -> ViewerStatistics | None:
        """Return what it is doing; None where it is not connected to the recorder."""
        if self._passage is None:
            return None
        return ViewerStatistics(
            address=self.address,
            since=self._since,
            stream=RAW_STREAM,
            transport="TCP",
            bytes=self._passage.down.passed,
            dropped_groups=0,
        )

    def end(self) -> None:
        """Begin the end; what is on its way is lost."""
        if self.task is not None:
            self.task.cancel()

    async def _run(self) -> None:
        """Serve the viewer until its end; then nothing of it is left."""
        try:
            if await self._speaks() and self._may_watch():
                self._watching = True
                _LOGGER.debug("Viewer %s ends: %s", self.address, await self._serve())
        except (UpstreamError, OSError) as error:
            _LOGGER.debug("Viewer %s is not served: %s", self.address, error)
        except Exception:
            _LOGGER.exception("Could not serve a viewer")
        finally:
            self._watching = False
            self._sock.close()
            self._camera.viewers.discard(self)

    def _may_watch(self) -> bool:
        """Tell whether the recorder is to be bothered: not for one too many, nor for who guesses at the camera's login."""
        if self._camera.may_watch(self.address) and not self._camera.logins.is_locked_out(self.address):
            return True
        _LOGGER.debug("Viewer %s is one too many, or locked out", self.address)
        return False

    async def _speaks(self) -> bool:
        """Wait for the viewer's first word, which stays where it is; False where there comes none."""
        listener = _Listener(self._plane, self._sock)
        try:
            async with asyncio.timeout(self._limits.handshake_timeout):
                await listener.heard
        except TimeoutError:
            _LOGGER.debug("Viewer %s says nothing", self.address)
            return False
        finally:
            listener.stop()
        return bool(self._sock.recv(1, socket.MSG_PEEK))

    async def _serve(self) -> str:
        """Pass on; return why that ended. Raises UpstreamError where the recorder can't be had, and OSError."""
        camera = self._camera
        require_descriptors(self._sock.fileno(), self._limits)
        with camera.raw.connecting():
            recorder = await self._connect()
        with recorder:
            require_descriptors(self._sock.fileno(), self._limits)
            recorder.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            passage = RawPassage(self._sock, recorder, self._plane, self._limits, tick=camera.options.tick)
            self._passage = passage
            with camera.raw.passing(passage):
                try:
                    return await passage.run()
                finally:
                    self._passage = None

    async def _connect(self) -> socket.socket:
        source = self._camera.raw_source
        try:
            location = parse_location("" if source is None else source.uri)
        except ValueError as error:
            raise UpstreamNonsense("the source has no RTSP URI") from error
        try:
            async with asyncio.timeout(self._limits.upstream_timeout):
                return await dial(location)
        except TimeoutError as error:
            raise UpstreamTimeout("recorder doesn't answer") from error


class _Listener:
    """Hears that a peer has said something, or has ended."""

    def __init__(self, plane: Plane, sock: socket.socket) -> None:
        """Listen."""
        self.heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._plane = plane
        self._fd = sock.fileno()
        plane.add(self._fd, self)

    def stop(self) -> None:
        """Listen no more; before the socket is closed."""
        self._plane.remove(self._fd)

    def readable(self) -> None:
        """Tell it."""
        if not self.heard.done():
            self.heard.set_result(None)

    def writable(self) -> None:
        """Nothing waits here."""

    def failed(self) -> None:
        """End as well."""
        self.readable()
