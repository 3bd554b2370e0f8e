"""Virtual cameras that programs on the same host find by WS-Discovery.

A camera in dedicated addressing listens on an interface of its own, and Linux delivers nothing to it that the host
multicasts through the parent interface. So somebody has to answer the host's programs, and them alone: the LAN hears
the camera itself.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
import logging
import socket
import time
from typing import Self
from uuid import uuid4

from ..model import CameraDescription
from .discovery_common import (
    DEFAULT_LIMITS,
    GROUP,
    PORT,
    Address,
    DatagramSocket,
    DiscoveryLimits,
    Outbox,
    Valve,
    group_socket,
    target_of,
    udp_socket,
)
from .wsdiscovery import Announcer, Probe, Resolve, Target

_LOGGER = logging.getLogger(__name__)

_HOST = "host"
"""All programs of the host, as one source: they probe through each interface, and want one answer a camera."""


def _index_of(interface: str) -> int | None:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return None


@dataclass(slots=True)
class _Registration:
    """A camera that is to be found."""

    address: str
    target: Target
    announcer: Announcer

    def answer(self, request: Probe | Resolve) -> bytes:
        """Return a datagram with the facts of now."""
        return self.announcer.answer(request, self.target)


class HostDiscovery:
    """Answers probes of programs on this host, for all registered cameras; one for the whole process.

    It listens on the group through the host's own interfaces and only hears who sends from one of the host's own
    addresses: containers and the LAN have others. A camera on one of these addresses, as in shared addressing, hears
    them itself and is left out.
    """

    def __init__(self, *, group: str = GROUP, port: int = PORT, limits: DiscoveryLimits = DEFAULT_LIMITS) -> None:
        """Make a responder that is silent yet."""
        self._group = (group, port)
        self._limits = limits
        self._valve = Valve(limits)
        self._outbox = Outbox(limits)
        self._registrations: dict[str, _Registration] = {}
        self._addresses: frozenset[str] = frozenset()
        self._interfaces: frozenset[str] = frozenset()
        self._failed: set[str] = set()
        self._sender: DatagramSocket | None = None
        self._listeners: dict[tuple[str, int | None], DatagramSocket] = {}
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Listen on the interfaces of the addresses that were set; raises OSError when nothing can be sent at all."""
        async with self._lock:
            if self._sender is None:
                opened = udp_socket()
                try:
                    opened.bind(("", 0))
                except BaseException:
                    opened.close()
                    raise
                self._sender = await DatagramSocket.open(opened, lambda _data, _source: None)
                await self._follow_interfaces()

    async def stop(self) -> None:
        """Leave the group everywhere; idempotent. Cameras and addresses are kept for the next start."""
        async with self._lock:
            if self._sender is not None:
                await self._outbox.close()
                while self._listeners:
                    await self._listeners.popitem()[1].close()
                sender, self._sender = self._sender, None
                await sender.close()
                self._failed.clear()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def add(self, description: CameraDescription, onvif_port: int) -> Callable[[], None]:
        """Let a camera be found, in place of a former one with its UUID; returns what ends that."""
        uuid = description.identity.uuid
        registration = _Registration(
            address=description.endpoint.address,
            target=target_of(description, onvif_port),
            announcer=Announcer(int(time.time()), sequence_id=uuid4().urn),
        )
        self._registrations[uuid] = registration

        def remove() -> None:
            if self._registrations.get(uuid) is registration:
                del self._registrations[uuid]

        return remove

    def update(self, description: CameraDescription, onvif_port: int) -> None:
        """Tell other facts of a camera from now on; raises KeyError if it was not added."""
        registration = self._registrations[description.identity.uuid]
        registration.address = description.endpoint.address
        registration.target = target_of(description, onvif_port, registration.target)

    async def set_addresses(self, addresses: Iterable[tuple[str, str]]) -> None:
        """Take the host's own addresses, without those of cameras: pairs of an interface's name and an IPv4 address."""
        pairs = set(addresses)
        async with self._lock:
            self._addresses = frozenset(address for _, address in pairs)
            self._interfaces = frozenset(interface for interface, _ in pairs)
            if self._sender is not None:
                await self._follow_interfaces()

    async def _follow_interfaces(self) -> None:
        """Listen through each interface; one of the same name may be another by now, which its number tells."""
        wanted = {(name, _index_of(name)) for name in self._interfaces}
        for gone in self._listeners.keys() - wanted:
            await self._listeners.pop(gone).close()
        failed = set()
        for name, index in wanted - self._listeners.keys():
            try:
                opened = group_socket(name, *self._group)
                self._listeners[name, index] = await DatagramSocket.open(opened, self._receive)
            except OSError as error:
                if name not in self._failed:
                    _LOGGER.warning("Programs on this host can't find cameras through %s: %s", name, error)
                failed.add(name)
        self._failed = failed

    def _receive(self, data: bytes, source: Address) -> None:
        if self._sender is None or source[0] not in self._addresses:
            return
        if (request := self._valve.read(data, _HOST)) is None:
            return
        found = [
            registration
            for registration in self._registrations.values()
            if registration.address not in self._addresses and request.matches(registration.target)
        ]
        if found and self._valve.lets_pass(_HOST, request.message_id):
            for registration in found:
                # Sent from the very address that it goes to, and never on the wire.
                self._outbox.post(
                    self._sender,
                    partial(registration.answer, request),
                    source,
                    delay=self._outbox.random_delay(),
                    sends=self._limits.unicast_sends,
                )
