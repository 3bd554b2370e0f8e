"""A DHCP server (RFC 2131) on a host of a LAN, with the faults that a test wants. Written apart from what it tests."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
import socket
import struct
from typing import Self

from .bed import GATEWAY, NETWORK, Lan

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = range(1, 8)
_NAMES = {1: "discover", 3: "request", 4: "decline", 7: "release"}

_SUBNET_MASK, _ROUTER, _HOST_NAME, _REQUESTED, _SECONDS, _TYPE, _SERVER, _T1, _T2 = 1, 3, 12, 50, 51, 53, 54, 58, 59
_END = 255
_COOKIE = b"\x63\x82\x53\x63"
_SO_BINDTODEVICE = 25


@dataclass
class DhcpServer:
    """Serves while it is used as a context manager; everything but the LAN can be changed meanwhile."""

    lan: Lan
    host: str = "recorder"
    seconds: int = 3600
    renew_after: int | None = None
    rebind_after: int | None = None
    first: int = 200
    """Last byte of the first address."""
    silent: bool = False
    refuses: bool = False
    """Whether each request is answered by a NAK."""
    address: str | None = None
    """What everybody gets instead of an address of his own."""
    reserved: Mapping[str, str] = field(default_factory=dict)
    """Addresses by MAC."""
    heard: list[tuple[str, str]] = field(default_factory=list)
    """Kinds of messages and what they ask for, `request 10.77.0.200 INIT-REBOOT` say."""
    host_names: set[str] = field(default_factory=set)
    declined: set[str] = field(default_factory=set)
    _addresses: dict[bytes, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Begin."""
        self._addresses |= {bytes.fromhex(mac.replace(":", "")): address for mac, address in self.reserved.items()}
        serving = self.lan.open_socket(self.host, socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        serving.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        serving.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, b"eth0\0")
        serving.bind(("", 67))
        self._socket = serving
        asyncio.get_running_loop().add_reader(serving, self._serve)
        return self

    def __exit__(self, *exception: object) -> None:
        """End."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def count(self, kind: str) -> int:
        """Return how many messages of a kind came."""
        return Counter(kind for kind, _ in self.heard)[kind]

    async def until(self, kind: str, count: int = 1, seconds: float = 5) -> None:
        """Wait for messages of a kind."""
        try:
            async with asyncio.timeout(seconds):
                while self.count(kind) < count:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"no {count} x {kind} in {seconds} s: {self.heard}") from None

    def _serve(self) -> None:
        while True:
            try:
                data = self._socket.recv(2048)
            except BlockingIOError:
                return
            self._answer(data)

    def _answer(self, data: bytes) -> None:
        options = _options(data[240:])
        kind = options[_TYPE][0]
        current, mac = socket.inet_ntoa(data[12:16]), data[28:34]
        asked = socket.inet_ntoa(options.get(_REQUESTED, bytes(4)))
        if kind != REQUEST:
            state = ""
        elif _SERVER in options:
            state = "SELECTING"
        else:
            state = "INIT-REBOOT" if current == "0.0.0.0" else "RENEWING"
        self.heard.append((_NAMES[kind], f"{asked if current == '0.0.0.0' else current} {state}".strip()))
        self.host_names.add(options.get(_HOST_NAME, b"").decode())
        if kind == DECLINE:
            self.declined.add(asked)
            self._addresses.pop(mac, None)
        if self.silent or kind not in {DISCOVER, REQUEST}:
            return
        own = self.address or self._addresses.get(mac) or self._free()
        self._addresses[mac] = own
        wanted = asked if current == "0.0.0.0" else current
        if kind == DISCOVER:
            self._send(data, OFFER, own)
        elif self.refuses or wanted != own:
            self._send(data, NAK, "0.0.0.0")
        else:
            self._send(data, ACK, own)

    def _free(self) -> str:
        taken = {*self._addresses.values(), *self.declined}
        return next(one for last in range(self.first, 255) if (one := f"{NETWORK}.{last}") not in taken)

    def _send(self, request: bytes, kind: int, address: str) -> None:
        options = [
            (_TYPE, bytes([kind])),
            (_SERVER, socket.inet_aton(self.lan.hosts[self.host])),
        ]
        if kind != NAK:
            options += [
                (_SUBNET_MASK, socket.inet_aton("255.255.255.0")),
                (_ROUTER, socket.inet_aton(GATEWAY)),
                (_SECONDS, struct.pack("!I", self.seconds)),
            ]
            for code, seconds in ((_T1, self.renew_after), (_T2, self.rebind_after)):
                if seconds is not None:
                    options.append((code, struct.pack("!I", seconds)))
        body = b"".join(bytes([code, len(value)]) + value for code, value in options) + bytes([_END])
        head = struct.pack("!BBBB4sHH", 2, 1, 6, 0, request[4:8], 0, 0x8000)
        fields = request[12:16] + socket.inet_aton(address) + bytes(8) + request[28:44] + bytes(192)
        self._socket.sendto(head + fields + _COOKIE + body, ("255.255.255.255", 68))


def _options(data: bytes) -> dict[int, bytes]:
    options = {}
    while data and data[0] != _END:
        if data[0] == 0:
            data = data[1:]
            continue
        options[data[0]] = data[2 : 2 + data[1]]
        data = data[2 + data[1] :]
    return options
