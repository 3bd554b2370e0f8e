"""The kernel's events of interfaces, addresses, routes and rules, for nothing but waking whoever reads the state anew."""

import asyncio
from collections.abc import Callable, Iterator
import logging
import socket
import struct

from .errors import Fault, KernelRefused
from .marks import PROTOCOL

_LOGGER = logging.getLogger(__name__)

LINKS = 0x1
ADDRESSES = 0x10
ROUTES = 0x40
RULES = 0x80
"""Groups of events: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV4_RULE."""

_NETLINK_ROUTE = 0
_EVENT_SIZE = 65536
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_RTM_NEWROUTE = 24
_RTM_DELROUTE = 25
_RTM_NEWRULE = 32
_ROUTE_PROTOCOL_OFFSET = 5  # rtm_protocol in struct rtmsg


class KernelEvents:
    """Calls for each event; one that was lost, as happens when the socket's buffer overflows, calls as well.

    It reads the events itself, since pyroute2 gives its socket up at an overflow.
    """

    def __init__(self, groups: int, on_event: Callable[[], None], *, receive_buffer: int | None = None) -> None:
        """Subscribe at once, and call from `start` on.

        Args:
            groups: Of events, added up.
            on_event: Called in the loop.
            receive_buffer: Bytes of events that the kernel keeps; None for the system's default.

        Raises:
            KernelRefused: The kernel tells this process nothing.
        """
        self._on_event = on_event
        try:
            self._socket = _subscribe(groups, receive_buffer)
        except OSError as error:
            raise KernelRefused(Fault.NO_EVENTS, reason=error) from error

    def start(self) -> None:
        """Call from now on, for events since the making, too."""
        asyncio.get_running_loop().add_reader(self._socket, self._drain)

    def stop(self) -> None:
        """Call no longer; a second call does nothing."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _drain(self) -> None:
        relevant = False
        try:
            while data := self._socket.recv(_EVENT_SIZE):
                relevant = relevant or any(_is_relevant(kind, body) for kind, body in _messages(data))
        except BlockingIOError:
            pass
        except OSError as error:  # ENOBUFS: some events were lost, which reading the state makes up for
            _LOGGER.debug("Events of interfaces were lost: %s", error)
            relevant = True
        if relevant:
            self._on_event()


def _subscribe(groups: int, receive_buffer: int | None) -> socket.socket:
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETLINK_ROUTE)
    try:
        if receive_buffer is not None:
            events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        events.bind((0, groups))
    except BaseException:
        events.close()
        raise
    return events


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split a datagram of events into their types and bodies."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        yield kind, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


def _is_relevant(kind: int, body: bytes) -> bool:
    """Return whether an event can be about something of ours: routes of others come and go by themselves."""
    if kind == _RTM_DELROUTE:
        return body[_ROUTE_PROTOCOL_OFFSET : _ROUTE_PROTOCOL_OFFSET + 1] == bytes([PROTOCOL])
    return kind not in {_RTM_NEWROUTE, _RTM_NEWRULE}
