"""The socket of a DHCP client: frames, since the interface may have no address yet, and port 68 may be another's."""

import asyncio
import logging
import socket
from typing import Any, Self

from pyroute2.dhcp.dhcp4socket import AsyncDHCP4Socket  # type: ignore[import-untyped]  # pyroute2 ships no types
from pyroute2.ext.bpf import compile as compile_filter  # type: ignore[import-untyped]  # as above

from .arp import close_packet_socket

_LOGGER = logging.getLogger(__name__)

_ETH_P_IP = 0x0800
_ETHERNET_SIZE = 14
_UDP_SIZE = 8
_CHADDR_OFFSET = 28
_SO_ATTACH_FILTER = 26
_MESSAGE_SIZE = 4096


class DhcpSocket(AsyncDHCP4Socket):  # type: ignore[misc]  # pyroute2 ships no types
    """Hears only what is for its own MAC; never raises for an interface that is down, but tells it by `failed`."""

    def __init__(self, interface: str, mac: str) -> None:
        """Name the interface and its MAC."""
        super().__init__(interface)
        self.l2addr = mac
        self.failed: asyncio.Future[str] = self.loop.create_future()
        self._own = bytes.fromhex(mac.replace(":", ""))

    async def __aenter__(self) -> Self:
        """Open it; raises OSError."""
        # Without a protocol it hears nothing until it is bound to the one interface.
        socket.socket.__init__(self, socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            # The second value is what the first one points to.
            code, self.fprog = compile_filter(self.bpf)
            self.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, code)
            self.bind((self.ifname, _ETH_P_IP))
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close it."""
        await close_packet_socket(self)

    async def put(self, msg: Any) -> Any:
        """Send a message."""
        try:
            return await super().put(msg)
        except OSError as error:
            self._fail(error)
            return msg

    async def get(self) -> Any:
        """Return the next message to this MAC."""
        while True:
            try:
                frame = await self.loop.sock_recv(self, _MESSAGE_SIZE)
            except OSError as error:
                self._fail(error)
                await self.loop.create_future()  # until the client is stopped
            if self._is_for_us(frame):
                try:
                    return self._decode_msg(frame)
                except Exception as error:  # noqa: BLE001  # whatever pyroute2's parser makes of what anybody may send
                    _LOGGER.debug("%s: not a DHCP message: %r", self.ifname, error)
            # A flood of them leaves the loop to others, too.
            await asyncio.sleep(0)

    def _is_for_us(self, frame: bytes) -> bool:
        if len(frame) <= _ETHERNET_SIZE:
            return False
        start = _ETHERNET_SIZE + (frame[_ETHERNET_SIZE] & 0xF) * 4 + _UDP_SIZE + _CHADDR_OFFSET
        return frame[start : start + len(self._own)] == self._own

    def _fail(self, error: OSError) -> None:
        if not self.failed.done():
            self.failed.set_result(str(error))
