"""WS-Discovery on the wire, as far as cameras and the host's own responder share it: sockets, limits and repeats."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
import logging
import random
import socket
import struct
import time
from typing import Any, Final, cast, override

from ..model import CameraDescription
from .scopes import scopes_of
from .services.base import device_xaddr
from .wsdiscovery import DiscoveryError, Probe, Resolve, Target, parse_datagram

_LOGGER = logging.getLogger(__name__)

GROUP: Final = "239.255.255.250"
PORT: Final = 3702
MULTICAST_TTL: Final = 1

_IP_MULTICAST_ALL = 49  # linux/in.h; Python has no name for it
_LOOPBACK = "lo"

type Address = tuple[str, int]
type Receive = Callable[[bytes, Address], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryLimits:
    """How fast, how often and how much; times are seconds (WS-Discovery appendix I; SOAP-over-UDP section 3.4)."""

    max_delay: float = 0.5
    """Before a Hello and before the answer to what was multicast, chosen by chance up to this."""
    min_repeat_delay: float = 0.05
    first_repeat_delay: float = 0.25
    """The longest before the first repeat; each further one takes twice as long as the one before, but no longer than:"""
    max_repeat_delay: float = 0.5
    unicast_sends: int = 2
    multicast_sends: int = 4
    bye_sends: int = 2
    """Of a Bye that a Hello follows: fewer, as the camera seems gone meanwhile."""
    rate_window: float = 10.0
    max_requests_per_source: int = 100
    """Read in a window, whatever comes of them."""
    max_requests: int = 1000
    max_answers_per_source: int = 20
    """Given in a window: to so many requests."""
    max_answers: int = 200
    duplicate_window: float = 5.0
    """For which a message id is remembered; clients repeat a probe for two seconds, and some have one id for ever."""
    max_remembered_messages: int = 512


DEFAULT_LIMITS: Final = DiscoveryLimits()


def target_of(description: CameraDescription, onvif_port: int, former: Target | None = None) -> Target:
    """Return what a camera is found as; its metadata version is that of the former unless something has changed.

    The version must grow over restarts, which the clock does.
    """
    now = int(time.time())
    target = Target(
        endpoint_reference=f"urn:uuid:{description.identity.uuid}",
        scopes=scopes_of(description),
        xaddrs=(device_xaddr(description.endpoint.address, onvif_port),),
        metadata_version=now if former is None else former.metadata_version,
    )
    if former is None or target == former:
        return target
    return replace(target, metadata_version=max(former.metadata_version + 1, now))


class Valve:
    """Decides which datagrams are read and which requests are answered: not those repeated, nor too many."""

    def __init__(self, limits: DiscoveryLimits) -> None:
        """Make one for a socket's owner; what it remembers is bounded by the limits."""
        self._limits = limits
        self._requests: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._window_end = 0.0
        self._seen: dict[tuple[str, str], float] = {}

    def read(self, data: bytes, source: str) -> Probe | Resolve | None:
        """Return the request in a datagram; None for all that is none, and for what is too much."""
        self._turn_window()
        limits = self._limits
        if self._requests.total() >= limits.max_requests or self._requests[source] >= limits.max_requests_per_source:
            return None
        self._requests[source] += 1
        try:
            return parse_datagram(data)
        except DiscoveryError as error:
            _LOGGER.debug("Datagram from %s ignored: %s", source, error)
            return None

    def lets_pass(self, source: str, message_id: str) -> bool:
        """Count a request that is to be answered."""
        self._turn_window()
        now, limits = time.monotonic(), self._limits
        if now - self._seen.get((source, message_id), float("-inf")) < limits.duplicate_window:
            return False
        if self._answers.total() >= limits.max_answers or self._answers[source] >= limits.max_answers_per_source:
            return False
        self._answers[source] += 1
        self._seen.pop((source, message_id), None)
        self._seen[source, message_id] = now
        if len(self._seen) > limits.max_remembered_messages:
            del self._seen[next(iter(self._seen))]
        return True

    def _turn_window(self) -> None:
        if (now := time.monotonic()) >= self._window_end:
            self._window_end = now + self._limits.rate_window
            self._requests.clear()
            self._answers.clear()


class DatagramSocket(asyncio.DatagramProtocol):
    """One open socket: hands on what it receives, sends what it is given, and tells when it is closed."""

    def __init__(self, receive: Receive) -> None:
        """Make the protocol of a transport, inside of an event loop."""
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, opened: socket.socket, receive: Receive) -> DatagramSocket:
        """Listen on a socket, which belongs to the result from now on."""
        loop = asyncio.get_running_loop()
        try:
            _, protocol = await loop.create_datagram_endpoint(lambda: cls(receive), sock=opened)
        except BaseException:
            opened.close()
            raise
        return protocol

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    @override
    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._receive(data, addr)

    @override
    def error_received(self, exc: Exception) -> None:
        _LOGGER.debug("A discovery datagram was not delivered: %s", exc)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set_result(None)

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram."""
        if self._transport is not None:
            self._transport.sendto(data, to)

    async def close(self) -> None:
        """Close the socket; returns when it is."""
        if self._transport is not None:
            self._transport.close()
            await self._closed


class Outbox:
    """Sends datagrams later and again, as UDP loses some."""

    def __init__(self, limits: DiscoveryLimits) -> None:
        """Make an empty one."""
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()

    def random_delay(self) -> float:
        """Return for how long to wait so that not all answer at once."""
        return random.uniform(0, self._limits.max_delay)

    def post(
        self, opened: DatagramSocket, build: Callable[[], bytes], to: Address, *, delay: float, sends: int
    ) -> None:
        """Send after a delay what is built then, `sends` times."""

        async def send() -> None:
            await asyncio.sleep(delay)
            await self.send(opened, build(), to, sends=sends)

        self.run(send())

    def run(self, sending: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something be sent in the background."""
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def send(self, opened: DatagramSocket, data: bytes, to: Address, *, sends: int) -> None:
        """Send now, and again until it was sent `sends` times."""
        limits = self._limits
        delay = random.uniform(limits.min_repeat_delay, limits.first_repeat_delay)
        for sent in range(sends):
            if sent:
                await asyncio.sleep(delay)
                delay = min(2 * delay, limits.max_repeat_delay)
            opened.send(data, to)

    async def close(self) -> None:
        """Drop all that is not yet sent."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def udp_socket() -> socket.socket:
    """Open a socket that shares its port: Home Assistant's own discovery and other cameras use it as well."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return opened


def group_socket(interface: str, group: str, port: int) -> socket.socket:
    """Join the group on an interface, and hear of no other; raises OSError."""
    opened = udp_socket()
    try:
        opened.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        if interface != _LOOPBACK:
            try:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            except PermissionError:
                _LOGGER.debug("May not bind to %s; its membership in the group will have to do", interface)
        opened.bind((group, port))
        membership = struct.pack("=4s4si", socket.inet_aton(group), bytes(4), socket.if_nametoindex(interface))
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    except BaseException:
        opened.close()
        raise
    return opened
