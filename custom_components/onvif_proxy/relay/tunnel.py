"""RTSP over HTTP: a viewer's session in two connections that began as HTTP requests ("Tunneling QuickTime RTSP and RTP over HTTP").

What the viewer gets goes as it is through the connection of its GET, what it says comes in Base64 through that of its POST.
A cookie of its choice joins them. Who began as HTTP is handed over by whoever has the HTTP port; the login is that of RTSP.
"""

import binascii
from collections.abc import Callable
from functools import partial
import logging
import re
import socket

from ..model import TunnelHalf
from ..rtsp import RtspError
from .camera import Camera
from .descriptors import viewers_may_have
from .plane import Plane
from .viewer import ViewerSession

_LOGGER = logging.getLogger(__name__)

_BEGINNING = (
    b"HTTP/1.0 200 OK\r\nServer: onvif_proxy\r\nConnection: close\r\nCache-Control: no-store\r\nPragma: no-cache\r\n"
    b"Content-Type: application/x-rtsp-tunnelled\r\n\r\n"
)
_NO_TUNNEL = b"HTTP/1.0 404 Not Found\r\nServer: onvif_proxy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_FULL = b"HTTP/1.0 503 Service Unavailable\r\nServer: onvif_proxy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_SPACE = b" \t\r\n"
_QUADS = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


class Base64Reader:
    """Reads Base64 in pieces; each of the texts that follow each other may be padded. No I/O."""

    def __init__(self) -> None:
        """Have read nothing."""
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return what became readable; raises RtspError."""
        data = self._rest + data.translate(None, _SPACE)
        whole = len(data) - len(data) % 4
        self._rest = data[whole:]
        found, position = bytearray(), 0
        while position < whole:
            match = _QUADS.match(data, position, whole)
            end = position if match is None else match.end()
            if end == position:
                raise RtspError("no Base64 in a tunnel")
            try:
                found += binascii.a2b_base64(data[position:end], strict_mode=True)
            except binascii.Error as error:
                raise RtspError("no Base64 in a tunnel") from error
            position = end
        return bytes(found)


class TunnelDoor:
    """Joins the halves of one camera's tunnels."""

    def __init__(self, camera: Camera) -> None:
        """Have none yet."""
        self._camera = camera
        self._tunnels: dict[tuple[str, str], _Tunnel] = {}
        """By address and cookie of the client."""

    def take(self, half: TunnelHalf, received: bytes, sock: socket.socket) -> None:
        """Take over a connection whose request was read, and what came behind it."""
        sock.setblocking(False)
        key = half.client, half.cookie
        if half.sending:
            tunnel = self._tunnels.get(key)
            if tunnel is None:
                _LOGGER.debug("Viewer %s has no tunnel of that name", half.client)
                _refuse(sock, _NO_TUNNEL)
            elif not viewers_may_have(sock.fileno(), self._camera.limits):
                _LOGGER.debug("Viewer %s is one too many", half.client)
                _refuse(sock, _FULL)
            else:
                tunnel.listen(sock, received)
        elif not self._camera.may_connect(half.client, sock):
            _LOGGER.debug("Viewer %s is one too many", half.client)
            _refuse(sock, _FULL)
        else:
            if (former := self._tunnels.get(key)) is not None:
                former.viewer.end()
            self._tunnels[key] = tunnel = _Tunnel(self._camera, sock, half.client, on_end=partial(self._forget, key))
            self._camera.connected(tunnel.viewer)

    def _forget(self, key: tuple[str, str], tunnel: _Tunnel) -> None:
        if self._tunnels.get(key) is tunnel:
            del self._tunnels[key]


class _Tunnel:
    """A viewer, and the connection that it speaks through, again and again another: a POST may end before the session."""

    def __init__(self, camera: Camera, sock: socket.socket, address: str, *, on_end: Callable[[_Tunnel], None]) -> None:
        """Begin to serve a viewer; it is sent away if it never says anything, like others."""
        self._plane = camera.common.plane
        self._limits = camera.limits
        self._ear: _Ear | None = None
        self.viewer = ViewerSession(camera, sock, address, transport="HTTP")
        self.viewer.connection.write(_BEGINNING)
        self._on_end = on_end
        assert self.viewer.task is not None
        self.viewer.task.add_done_callback(lambda _: self._end())

    def listen(self, sock: socket.socket, received: bytes) -> None:
        """Hear the viewer through another connection from now on."""
        self._hang_up()
        self._ear = _Ear(sock, self._plane, self.hear, self._hang_up)
        if received:
            self.hear(received)

    def hear(self, data: bytes) -> None:
        """Take what the viewer says."""
        viewer, view = self.viewer, self._plane.view
        if viewer.connection.unread > self._limits.max_unread_answers:
            _LOGGER.debug("Viewer %s reads no answers", viewer.address)
            viewer.end()
            return
        ear = self._ear
        try:
            said = b"" if ear is None else ear.reader.feed(data)
            view[: len(said)] = said
            viewer.data_received(len(said))
        except RtspError as error:
            self._hang_up()
            viewer.framing_lost(error)

    def _hang_up(self) -> None:
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def _end(self) -> None:
        self._hang_up()
        self._on_end(self)


class _Ear:
    """The connection of a POST; it is never answered."""

    def __init__(
        self, sock: socket.socket, plane: Plane, hear: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        """Read from now on."""
        self.reader = Base64Reader()
        self._sock = sock
        self._plane = plane
        self._hear = hear
        self._on_end = on_end
        plane.add(sock.fileno(), self)

    def readable(self) -> None:
        """Read once."""
        try:
            size = self._sock.recv_into(self._plane.view)
        except BlockingIOError, InterruptedError:
            return
        except OSError:
            size = 0
        if size:
            self._hear(bytes(self._plane.view[:size]))
        else:
            self._on_end()

    def writable(self) -> None:
        """Nothing waits here."""

    def failed(self) -> None:
        """End."""
        self._on_end()

    def close(self) -> None:
        """Close the connection; called once."""
        self._plane.remove(self._sock.fileno())
        self._sock.close()


def _refuse(sock: socket.socket, answer: bytes) -> None:
    """Answer, as far as that is possible at once, and close."""
    with sock:
        try:
            sock.send(answer)
        except OSError:
            _LOGGER.debug("A client did not wait for its answer")
