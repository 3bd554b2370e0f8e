"""The RTSP server of one virtual camera."""

import asyncio
from collections.abc import Callable, Mapping
import logging
import socket
from types import EllipsisType
from typing import Self

from ..logins import LoginGuard
from ..model import Credentials, TunnelHalf
from .camera import Camera
from .key_frame import KeyFrame
from .limits import Limits
from .options import CameraOptions
from .raw_viewer import RawViewer
from .shared import shared
from .source import Source
from .statistics import CameraStatistics
from .still import fetch_key_frame
from .tunnel import TunnelDoor
from .viewer import ViewerSession

_LOGGER = logging.getLogger(__name__)

DEFAULT_REALM = "onvif_proxy"
_BACKLOG = 100
"""Connections that wait to be taken; so many are taken at once."""
_REST = 1.0
"""Seconds before the next attempt to take a connection when one failed."""


class RelayServer:
    """Listens on one address and serves each source at `rtsp://<address>:<port>/<its name>`, or, in raw mode, as the recorder does."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        credentials: Credentials | None,
        sources: Mapping[str, Source],
        logins: LoginGuard | None = None,
        realm: str = DEFAULT_REALM,
        options: CameraOptions = CameraOptions(),  # noqa: B008 - frozen
        limits: Limits = Limits(),  # noqa: B008 - frozen
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`address` is IPv4; port 0 takes a free one.

        `credentials` are the viewers', None lets everybody in; a source has the recorder's. `logins` is shared with whatever
        else takes the same credentials. `on_change` is called when the number of viewers, or the streams or the state of one, are
        others; it must not block.
        """
        self._address = address
        self._port = port
        self._credentials = credentials
        self._sources = dict(sources)
        self._logins = logins or LoginGuard()
        self._realm = realm
        self._options = options
        self._limits = limits
        self._on_change = on_change
        self._camera: Camera | None = None
        """None while it doesn't listen."""
        self._tunnels: TunnelDoor | None = None
        self._listener: socket.socket | None = None
        self._rest: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """The address that it listens on."""
        return self._address

    @property
    def port(self) -> int:
        """The port: the real one once started."""
        return self._port

    @property
    def viewers(self) -> int:
        """Number of viewers that have an RTSP session."""
        return len(self.statistics().viewers)

    async def start(self) -> None:
        """Listen; idempotent. Raises OSError as the socket gave it."""
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._address, self._port))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
        self._listener = listener
        self._port = listener.getsockname()[1]
        self._camera = Camera(
            self._credentials, self._logins, self._realm, self._options, self._limits, shared(), self._on_change
        )
        self._camera.serve(self._sources)
        self._tunnels = TunnelDoor(self._camera)
        self._listen()

    async def stop(self) -> None:
        """Close the port, end all viewers and their streams; idempotent."""
        if self._listener is None or self._camera is None:
            return
        listener, self._listener = self._listener, None
        camera, self._camera = self._camera, None
        self._tunnels = None
        if self._rest is not None:
            self._rest.cancel()
        asyncio.get_running_loop().remove_reader(listener.fileno())
        listener.close()
        closing = asyncio.create_task(camera.close())
        while tasks := {viewer.task for viewer in camera.viewers if viewer.task is not None}:
            _end_viewers(camera)
            await asyncio.wait(tasks)
        await closing

    def update(
        self,
        *,
        credentials: Credentials | EllipsisType | None = ...,
        sources: Mapping[str, Source] | EllipsisType = ...,
        options: CameraOptions | EllipsisType = ...,
    ) -> None:
        """Change what later requests meet, `...` leaves it; viewers that logged in with former credentials are sent away.

        So are those whose stream has sound, or none, by former options, and all when raw mode comes or goes. In raw mode it is the
        recorder that viewers log in to.
        """
        camera = self._camera
        if not isinstance(options, EllipsisType):
            self._options = options
            if camera is not None:
                camera.choose(options)
        if not isinstance(sources, EllipsisType):
            self._sources = dict(sources)
            if camera is not None:
                camera.serve(self._sources)
        if not isinstance(credentials, EllipsisType) and credentials != self._credentials:
            self._credentials = credentials
            if camera is not None:
                camera.credentials = credentials
                if not self._options.raw:
                    _end_viewers(camera)

    def take_tunnel(self, half: TunnelHalf, received: bytes, sock: socket.socket) -> None:
        """Take over a connection that was accepted elsewhere; `received` came behind the head of its HTTP request.

        It is closed in raw mode: the recorder would have to be asked by HTTP.
        """
        if self._tunnels is None or self._options.raw:
            sock.close()
        else:
            self._tunnels.take(half, received, sock)

    def statistics(self) -> CameraStatistics:
        """Return what is going on; nothing while it doesn't listen."""
        return CameraStatistics(streams=(), viewers=()) if self._camera is None else self._camera.statistics()

    async def key_frame(self, name: str, *, timeout: float = 0.0) -> KeyFrame | None:
        """Return the last key frame of a source, which is opened for it if there is time; None where there is none in that time.

        Raises UpstreamError as the attempt to open the source did.
        """
        hub = None if self._camera is None else self._camera.hubs.get(name)
        return None if hub is None else await fetch_key_frame(hub, timeout=timeout)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def _listen(self) -> None:
        """Accept connections from now on."""
        self._rest = None
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        """Take the connections that wait."""
        if self._listener is None or self._camera is None:
            return
        for _ in range(_BACKLOG):
            try:
                sock, (address, _) = self._listener.accept()
            except BlockingIOError, InterruptedError, ConnectionAbortedError:
                return
            except OSError as error:
                # No descriptors or memory left: the connection waits, and must not wake us again and again.
                _LOGGER.warning("Could not take a connection: %s", error.strerror)
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._listener.fileno())
                self._rest = loop.call_later(_REST, self._listen)
                return
            if self._camera.may_connect(address, sock):
                sock.setblocking(False)
                serve = RawViewer if self._options.raw else ViewerSession
                self._camera.connected(serve(self._camera, sock, address))
            else:
                _LOGGER.debug("Viewer %s is one too many", address)
                sock.close()


def _end_viewers(camera: Camera) -> None:
    for viewer in tuple(camera.viewers):
        viewer.end()
