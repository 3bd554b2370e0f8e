"""WS-Discovery on the wire: the sockets, clocks and limits around `wsdiscovery`."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
import logging
import random
import socket
import struct
import time
from typing import Final, Self, override

from ..model import CameraDescription
from .scopes import scopes_of
from .services.base import device_xaddr
from .wsdiscovery import Announcer, DiscoveryError, Target, parse_datagram

_LOGGER = logging.getLogger(__name__)

GROUP: Final = "239.255.255.250"
PORT: Final = 3702
MAX_DELAY = 0.5
REPEAT_DELAY = 0.15
RATE_WINDOW = 10.0
MAX_ANSWERS_PER_SOURCE = 20
MAX_ANSWERS = 200
MAX_REMEMBERED_MESSAGES = 512
MULTICAST_TTL = 1

_IP_MULTICAST_ALL = 49  # linux/in.h; Python has no name for it
_LOOPBACK = "lo"

type _Address = tuple[str, int]


class _Reader(asyncio.DatagramProtocol):
    """Hands on what one socket receives."""

    def __init__(self, receive: Callable[[bytes, _Address], None]) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._receive = receive

    @override
    def datagram_received(self, data: bytes, addr: _Address) -> None:
        self._receive(data, addr)

    @override
    def error_received(self, exc: Exception) -> None:
        _LOGGER.debug("A discovery datagram was not delivered: %s", exc)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)


class _Valve:
    """Decides which requests are worth an answer: not those repeated, nor too many of one source or of all."""

    def __init__(self, *, window: float, per_source: int, total: int, max_remembered: int) -> None:
        self._window = window
        self._per_source = per_source
        self._total = total
        self._max_remembered = max_remembered
        self._answers: Counter[str] = Counter()
        self._window_end = 0.0
        self._seen: dict[tuple[str, str], None] = {}

    def lets_pass(self, source: str, message_id: str) -> bool:
        """Count a request; the number of sources remembered is no higher than that of answers in a window."""
        if (now := time.monotonic()) >= self._window_end:
            self._window_end = now + self._window
            self._answers.clear()
        if (source, message_id) in self._seen:
            return False
        if self._answers.total() >= self._total or self._answers[source] >= self._per_source:
            return False
        self._answers[source] += 1
        self._seen[source, message_id] = None
        if len(self._seen) > self._max_remembered:
            del self._seen[next(iter(self._seen))]
        return True


class DiscoveryResponder:
    """Lets one virtual camera be found by WS-Discovery, from its own address.

    One socket receives what is multicast to the group, another, on the camera's address, what is sent to it alone, and
    sends all answers. Both share the port: Home Assistant's own discovery and other cameras use it as well.
    """

    def __init__(
        self,
        description: CameraDescription,
        *,
        onvif_port: int | None = None,
        group: str = GROUP,
        port: int = PORT,
        max_delay: float = MAX_DELAY,
        repeat_delay: float = REPEAT_DELAY,
        rate_window: float = RATE_WINDOW,
        max_answers_per_source: int = MAX_ANSWERS_PER_SOURCE,
        max_answers: int = MAX_ANSWERS,
        max_remembered_messages: int = MAX_REMEMBERED_MESSAGES,
    ) -> None:
        """Make a responder that is silent yet; delays and `rate_window` are seconds."""
        self._endpoint = description.endpoint
        self._onvif_port = description.endpoint.onvif_port if onvif_port is None else onvif_port
        self._group = group
        self._port = port
        self._max_delay = max_delay
        self._repeat_delay = repeat_delay
        self._valve = _Valve(
            window=rate_window,
            per_source=max_answers_per_source,
            total=max_answers,
            max_remembered=max_remembered_messages,
        )
        self._network = IPv4Interface(f"{self._endpoint.address}/{self._endpoint.prefix_length}").network
        # Both numbers must grow over restarts; the clock does.
        self._announcer = Announcer(int(time.time()))
        self._target = self._target_of(description, int(time.time()))
        self._transports: list[asyncio.DatagramTransport] = []
        self._readers: list[_Reader] = []
        self._timers: set[asyncio.TimerHandle] = set()

    async def start(self) -> None:
        """Join the group and say Hello; raises OSError."""
        if self._transports:
            return
        try:
            for open_socket, receive in (
                (self._open_unicast, self._receive_unicast),
                (self._open_multicast, self._receive_multicast),
            ):
                await self._listen(open_socket(), receive)
        except BaseException:
            await self._close()
            raise
        self._say_hello()

    async def stop(self) -> None:
        """Say Bye and leave the group; idempotent."""
        if not self._transports:
            return
        self._send(self._announcer.bye(self._target), (self._group, self._port))
        await self._close()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def update(self, description: CameraDescription) -> None:
        """Tell of a new name or new streams; the endpoint must be the same."""
        unchanged = self._target_of(description, self._target.metadata_version)
        if unchanged == self._target:
            return
        version = max(self._target.metadata_version + 1, int(time.time()))
        self._target = replace(unchanged, metadata_version=version)
        if self._transports:
            self._say_hello()

    def _target_of(self, description: CameraDescription, version: int) -> Target:
        return Target(
            endpoint_reference=f"urn:uuid:{description.identity.uuid}",
            scopes=scopes_of(description),
            xaddrs=(device_xaddr(self._endpoint.address, self._onvif_port),),
            metadata_version=version,
        )

    def _open_unicast(self) -> socket.socket:
        """Bind the camera's address; to any port where another program keeps this one to itself."""
        unicast = _udp_socket()
        unicast.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self._endpoint.address))
        unicast.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, MULTICAST_TTL)
        try:
            unicast.bind((self._endpoint.address, self._port))
        except OSError as error:
            _LOGGER.debug("%s answers discovery from another port: %s", self._endpoint.address, error)
            unicast.bind((self._endpoint.address, 0))
        return unicast

    def _open_multicast(self) -> socket.socket:
        """Join the group on the camera's interface, and hear of no other interface."""
        interface = self._endpoint.interface
        multicast = _udp_socket()
        multicast.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        if interface != _LOOPBACK:
            try:
                multicast.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            except PermissionError:
                _LOGGER.debug("May not bind to %s; its membership in the group will have to do", interface)
        multicast.bind((self._group, self._port))
        membership = struct.pack(
            "=4s4si",
            socket.inet_aton(self._group),
            socket.inet_aton(self._endpoint.address),
            socket.if_nametoindex(interface),
        )
        multicast.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        return multicast

    async def _listen(self, opened: socket.socket, receive: Callable[[bytes, _Address], None]) -> None:
        loop = asyncio.get_running_loop()
        transport, reader = await loop.create_datagram_endpoint(lambda: _Reader(receive), sock=opened)
        self._transports.append(transport)
        self._readers.append(reader)

    async def _close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for transport in self._transports:
            transport.close()
        self._transports.clear()
        while self._readers:
            await self._readers.pop().closed

    def _receive_multicast(self, data: bytes, source: _Address) -> None:
        self._answer(data, source, random.uniform(0, self._max_delay))

    def _receive_unicast(self, data: bytes, source: _Address) -> None:
        """Answer neighbours only: a source address from afar may be forged to have a victim flooded."""
        if self._is_on_link(source):
            self._answer(data, source, 0)

    def _is_on_link(self, source: _Address) -> bool:
        return IPv4Address(source[0]) in self._network

    def _answer(self, data: bytes, source: _Address, delay: float) -> None:
        """Answer after a delay, and once more in case the first was lost; silent on everything that is no match."""
        try:
            request = parse_datagram(data)
        except DiscoveryError as error:
            _LOGGER.debug("Datagram from %s ignored: %s", source[0], error)
            return
        if request.matches(self._target) and self._valve.lets_pass(source[0], request.message_id):
            answer = self._announcer.answer(request, self._target)
            self._send_later(delay, answer, source)
            if self._is_on_link(source):
                self._send_later(delay + self._repeat_delay, answer, source)

    def _say_hello(self) -> None:
        hello = self._announcer.hello(self._target)
        delay = random.uniform(0, self._max_delay)
        self._send_later(delay, hello, (self._group, self._port))
        self._send_later(delay + self._repeat_delay, hello, (self._group, self._port))

    def _send_later(self, delay: float, data: bytes, to: _Address) -> None:
        def send() -> None:
            self._timers.discard(timer)
            self._send(data, to)

        timer = asyncio.get_running_loop().call_later(delay, send)
        self._timers.add(timer)

    def _send(self, data: bytes, to: _Address) -> None:
        self._transports[0].sendto(data, to)


def _udp_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return opened
