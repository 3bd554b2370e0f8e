"""The RTSP server of one virtual camera."""

import asyncio
from collections.abc import Mapping
import socket
from types import EllipsisType
from typing import Self

from ..logins import LoginGuard
from ..model import Credentials
from .camera import Camera
from .connection import RtspConnection
from .limits import Limits
from .source import Source
from .viewer import ViewerSession

DEFAULT_REALM = "onvif_proxy"


class RelayServer:
    """Listens on one address and serves each source at `rtsp://<address>:<port>/<its name>`."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        credentials: Credentials | None,
        sources: Mapping[str, Source],
        logins: LoginGuard | None = None,
        realm: str = DEFAULT_REALM,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        """`address` is IPv4; port 0 takes a free one.

        `credentials` are the viewers', None lets everybody in; a source has the recorder's. `logins` is shared with whatever
        else takes the same credentials.
        """
        self._address = address
        self._port = port
        self._camera = Camera(credentials, logins or LoginGuard(), dict(sources), realm, limits)
        self._server: asyncio.Server | None = None

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
        return sum(viewer.has_session for viewer in self._camera.viewers)

    async def start(self) -> None:
        """Listen; idempotent. Raises OSError as the socket gave it."""
        if self._server is not None:
            return
        # A socket of our own: asyncio, given an address, hides which error binding it gave. It sets TCP_NODELAY only where
        # the protocol is named.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._address, self._port))
            self._server = await asyncio.get_running_loop().create_server(self._accept, sock=listener)
        except BaseException:
            listener.close()
            raise
        self._port = listener.getsockname()[1]

    async def stop(self) -> None:
        """Close the port, end all viewers and their sessions with the recorder; idempotent."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        while tasks := {viewer.task for viewer in self._camera.viewers if viewer.task is not None}:
            self._end_viewers()
            await asyncio.wait(tasks)
        await server.wait_closed()

    def update(
        self,
        *,
        credentials: Credentials | EllipsisType | None = ...,
        sources: Mapping[str, Source] | EllipsisType = ...,
    ) -> None:
        """Change what later requests meet, `...` leaves it; viewers that logged in with former credentials are sent away."""
        if not isinstance(sources, EllipsisType):
            self._camera.sources = dict(sources)
        if not isinstance(credentials, EllipsisType) and credentials != self._camera.credentials:
            self._camera.credentials = credentials
            self._end_viewers()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def _end_viewers(self) -> None:
        for viewer in tuple(self._camera.viewers):
            viewer.end()

    def _accept(self) -> RtspConnection:
        return ViewerSession(self._camera).connection
