"""Which of the kernel's events wake a keeper."""

import asyncio
import socket
import struct

import pytest

from custom_components.onvif_proxy.interfaces.errors import KernelRefused
from custom_components.onvif_proxy.interfaces.events import LINKS, KernelEvents

NEWLINK, NEWADDR, NEWROUTE, DELROUTE, NEWRULE, DELRULE = 16, 20, 24, 25, 32, 33
OURS, OTHERS = 77, 3


def event(kind: int, protocol: int = 0) -> bytes:
    """Return an event with a body of 12 bytes, struct rtmsg for routes."""
    body = bytes(5) + bytes([protocol]) + bytes(6)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


@pytest.mark.parametrize(
    ("data", "wakes"),
    [
        (event(NEWLINK), True),
        (event(NEWADDR), True),
        (event(DELRULE), True),
        (event(NEWRULE), False),
        (event(DELROUTE, OURS), True),
        (event(DELROUTE, OTHERS), False),
        (event(NEWROUTE, OURS), False),
        (event(NEWROUTE) + event(NEWRULE) + event(DELROUTE, OURS), True),
        (event(NEWROUTE) + event(DELROUTE, OTHERS), False),
        (event(DELROUTE)[:18], False),
        (bytes(16), False),
        (b"short", False),
    ],
)
async def test_routes_and_rules_of_others_wake_nobody(data: bytes, wakes: bool) -> None:
    calls: list[None] = []
    events = KernelEvents(LINKS, lambda: calls.append(None))
    kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    events._socket.close()
    ours.setblocking(False)
    events._socket = ours
    events.start()
    with kernel:
        kernel.send(data)
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        events.stop()
        events.stop()
    assert bool(calls) is wakes


def test_a_kernel_that_gives_no_events_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_components.onvif_proxy.interfaces.events._NETLINK_ROUTE", 99)
    with pytest.raises(KernelRefused, match="tells this process nothing"):
        KernelEvents(LINKS, lambda: None)
