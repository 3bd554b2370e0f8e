"""One virtual camera that is found by WS-Discovery."""

import asyncio
from ipaddress import IPv4Address, IPv4Interface
import logging
import socket
import time
from typing import Self

from ..model import CameraDescription
from .discovery_common import (
    DEFAULT_LIMITS,
    GROUP,
    MULTICAST_TTL,
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
from .wsdiscovery import Announcer

_LOGGER = logging.getLogger(__name__)


class DiscoveryResponder:
    """Lets one virtual camera be found by WS-Discovery, from its own address.

    One socket receives what is multicast to the group, another, on the camera's address, what is sent to it alone, and
    sends all answers.
    """

    def __init__(
        self,
        description: CameraDescription,
        *,
        onvif_port: int | None = None,
        group: str = GROUP,
        port: int = PORT,
        limits: DiscoveryLimits = DEFAULT_LIMITS,
    ) -> None:
        """Make a responder that is silent yet."""
        self._endpoint = description.endpoint
        self._onvif_port = description.endpoint.onvif_port if onvif_port is None else onvif_port
        self._group = (group, port)
        self._limits = limits
        self._valve = Valve(limits)
        self._outbox = Outbox(limits)
        self._network = IPv4Interface(f"{self._endpoint.address}/{self._endpoint.prefix_length}").network
        self._announcer = Announcer(int(time.time()))  # must grow over restarts
        self._target = target_of(description, self._onvif_port)
        self._unicast: DatagramSocket | None = None
        self._multicast: DatagramSocket | None = None
        self._announcement: asyncio.Task[None] | None = None
        self._has_said_hello = False

    async def start(self) -> None:
        """Join the group and say Hello; raises OSError."""
        if self._unicast is not None:
            return
        self._unicast = await DatagramSocket.open(self._open_unicast(), self._receive_unicast)
        try:
            opened = group_socket(self._endpoint.interface, *self._group)
            self._multicast = await DatagramSocket.open(opened, self._receive_multicast)
        except BaseException:
            await self._close()
            raise
        self._announce(self._unicast)

    async def stop(self) -> None:
        """Say Bye, once as nobody waits for repeats, and leave the group; idempotent."""
        if self._unicast is None:
            return
        await self._outbox.close()
        self._unicast.send(self._announcer.bye(self._target), self._group)
        await self._close()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def update(self, description: CameraDescription) -> None:
        """Tell of a new name, new scopes or new streams; the endpoint must be the same."""
        former, self._target = self._target, target_of(description, self._onvif_port, self._target)
        # A Hello that is yet to come will tell the new facts.
        if self._target != former and self._unicast is not None and self._has_said_hello:
            self._announce(self._unicast, after_bye=True)

    def _announce(self, opened: DatagramSocket, *, after_bye: bool = False) -> None:
        """Say Hello, or Bye and then Hello, in place of what was being said."""
        if self._announcement is not None:
            self._announcement.cancel()
        self._has_said_hello = False
        self._announcement = self._outbox.run(self._say(opened, after_bye=after_bye))

    async def _say(self, opened: DatagramSocket, *, after_bye: bool) -> None:
        if after_bye:
            bye = self._announcer.bye(self._target)
            await self._outbox.send(opened, bye, self._group, sends=self._limits.bye_sends)
        await asyncio.sleep(self._outbox.random_delay())
        self._has_said_hello = True
        hello = self._announcer.hello(self._target)
        await self._outbox.send(opened, hello, self._group, sends=self._limits.multicast_sends)

    def _open_unicast(self) -> socket.socket:
        """Bind the camera's address; to any port where another program keeps this one to itself."""
        address, port = self._endpoint.address, self._group[1]
        unicast = udp_socket()
        try:
            unicast.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
            unicast.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, MULTICAST_TTL)
            try:
                unicast.bind((address, port))
            except OSError as error:
                _LOGGER.debug("%s answers discovery from another port: %s", address, error)
                unicast.bind((address, 0))
        except BaseException:
            unicast.close()
            raise
        return unicast

    async def _close(self) -> None:
        await self._outbox.close()
        for opened in (self._unicast, self._multicast):
            if opened is not None:
                await opened.close()
        self._unicast = self._multicast = self._announcement = None

    def _receive_multicast(self, data: bytes, source: Address) -> None:
        self._answer(data, source, self._outbox.random_delay())

    def _receive_unicast(self, data: bytes, source: Address) -> None:
        """Answer neighbours only: a source address from afar may be forged to have a victim flooded."""
        if self._is_on_link(source):
            self._answer(data, source, 0)

    def _is_on_link(self, source: Address) -> bool:
        return IPv4Address(source[0]) in self._network

    def _answer(self, data: bytes, source: Address, delay: float) -> None:
        """Answer after a delay, and neighbours once more in case the first was lost; silent on everything that is no match."""
        request = self._valve.read(data, source[0])
        if (
            request is not None
            and self._unicast is not None
            and request.matches(self._target)
            and self._valve.lets_pass(source[0], request.message_id)
        ):
            self._outbox.post(
                self._unicast,
                lambda: self._announcer.answer(request, self._target),
                source,
                delay=delay,
                sends=self._limits.unicast_sends if self._is_on_link(source) else 1,
            )
