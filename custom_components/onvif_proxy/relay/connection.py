"""One RTSP connection on a socket, of either side: framing, back-pressure, an end in good order."""

import asyncio
from typing import Protocol

from ..rtsp import InterleavedRun, RtspError, RtspFramer, RtspRequest, RtspResponse
from .limits import Limits


class ConnectionHandler(Protocol):
    """Who is told what happens on a connection; every method is called in the event loop and must not block."""

    def connection_made(self) -> None:
        """Hear that the peer is connected."""

    def message_received(self, message: RtspRequest | RtspResponse) -> None:
        """Take a whole message."""

    def run_received(self, run: InterleavedRun) -> None:
        """Take interleaved data; raises RtspError where it has no place."""

    def framing_lost(self, error: RtspError) -> None:
        """Hear that the peer sent nonsense; nothing more is received."""

    def writing_blocked(self, blocked: bool) -> None:
        """Hear that the write buffer is full, or has room again."""

    def connection_lost(self) -> None:
        """Hear that the connection is gone; called once."""


class RtspConnection(asyncio.BufferedProtocol):
    """Reads into one buffer that all connections of a relay share (what is received is copied out before the next read)."""

    def __init__(
        self,
        handler: ConnectionHandler,
        limits: Limits,
        buffer: bytearray,
        *,
        framer: RtspFramer,
        allowance: int | None = None,
    ) -> None:
        """`buffer` is the shared one."""
        self.allowance = allowance
        """Bytes that may still be received; None for any number."""
        self._handler = handler
        self._limits = limits
        self._view = memoryview(buffer)
        self._framer = framer
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = self._loop.create_future()
        self._deaf = False
        self._blocked: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=self._limits.write_buffer)
        self._transport = transport
        self._handler.connection_made()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to receive to: one byte more than allowed shows who goes beyond."""
        return self._view if self.allowance is None or self._deaf else self._view[: self.allowance + 1]

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was received."""
        if self._deaf:
            return
        try:
            self._receive(bytes(self._view[:nbytes]))
        except RtspError as error:
            self._deaf = True
            self._handler.framing_lost(error)

    def _receive(self, data: bytes) -> None:
        """Hand on what became whole. Raises RtspError."""
        if self.allowance is not None:
            self.allowance -= len(data)
            if self.allowance < 0:
                raise RtspError("too much before a login")
        for item in self._framer.feed(data):
            if isinstance(item, InterleavedRun):
                self._handler.run_received(item)
            else:
                self._handler.message_received(item)

    def pause_writing(self) -> None:
        """Start the clock of a peer that doesn't read."""
        self._blocked = self._loop.call_later(self._limits.write_timeout, self.abort)
        self._handler.writing_blocked(True)

    def resume_writing(self) -> None:
        """Stop it."""
        if self._blocked is not None:
            self._blocked.cancel()
            self._blocked = None
        self._handler.writing_blocked(False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the socket."""
        for timer in (self._blocked, self._linger):
            if timer is not None:
                timer.cancel()
        self._deaf = True
        if not self._closed.done():
            self._closed.set_result(None)
        self._handler.connection_lost()

    def write(self, data: bytes | memoryview) -> None:
        """Send; in vain once the connection is ending."""
        if self._transport is not None and not self.closed:
            self._transport.write(data)

    def pause_reading(self, pause: bool) -> None:
        """Stop receiving, or go on."""
        if self._transport is None or self._transport.is_closing():
            return
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def finish(self) -> None:
        """Send what is waiting, then end.

        What the peer still sends is thrown away for a moment: closing with unread data makes the kernel reset the connection
        and with it the last answer.
        """
        if self._transport is None or self.closed:
            return
        self._deaf = True
        self._linger = self._loop.call_later(self._limits.linger_timeout, self.abort)
        try:
            self._transport.write_eof()
        except OSError:
            self.abort()

    @property
    def closed(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing() or self._linger is not None

    def abort(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed; at once where there never was one."""
        if self._transport is not None:
            await asyncio.shield(self._closed)

    def local_address(self) -> str:
        """Return the address that the peer reached."""
        return str(self._address("sockname")[0])

    def local_authority(self) -> str:
        """Return it with the port, as in a URI."""
        host, port = self._address("sockname")
        return f"{host}:{port}"

    def peer_address(self) -> str:
        """Return the peer's address."""
        return str(self._address("peername")[0])

    def _address(self, name: str) -> tuple[str | int, ...]:
        return (self._transport and self._transport.get_extra_info(name)) or ("", 0)
