"""Faults that can be switched on while the recorder runs, one a service."""

import asyncio
from dataclasses import dataclass
import socket
import struct

_ANY_SERVICE = ("none", "hang", "reset", "401", "500", "empty", "garbage", "slow")
KINDS = {
    "onvif": _ANY_SERVICE,
    "snapshot": _ANY_SERVICE,
    "rtsp": (*_ANY_SERVICE, "stall"),
    "events": ("none", "no_end", "forget", "empty_at_once", "no_renew", "foreign_address"),
}
"""What can be wrong with each service; `events` are the manners of the pull points, beside what is wrong with `onvif`."""
GARBAGE = b"\x00\xff<html>\x80\x81 this is neither SOAP nor RTSP nor JPEG \xfe\r\n\r\n" * 8


@dataclass(frozen=True, slots=True)
class Fault:
    """How a service misbehaves.

    hang: never answers. reset: resets the connection. 401: always asks for credentials. 500: an internal error.
    empty: success without a body. garbage: bytes of no meaning. slow: right, after `seconds`.
    stall (rtsp only): answers, but sends no more media.

    events only: no_end: never says false. forget: a subscription is lost after its first pull. empty_at_once: a pull
    does not wait. no_renew: refuses Renew. foreign_address: the subscription's address is on another host.
    """

    kind: str = "none"
    operation: str | None = None
    """Only this one: a SOAP operation (`GetProfiles`, `Media2.GetProfiles`) or an RTSP method; None: all."""
    seconds: float = 2.0
    """Of slow."""

    def __post_init__(self) -> None:
        """Refuse unknown kinds."""
        known = dict.fromkeys(kind for kinds in KINDS.values() for kind in kinds)
        if self.kind not in known:
            raise ValueError(f"fault {self.kind!r} is not one of {', '.join(known)}")

    def concerns(self, operation: str) -> bool:
        """Whether an operation is misbehaved to; a bare name concerns it in every service."""
        return self.kind != "none" and self.operation in {None, operation, operation.rpartition(".")[2]}


NO_FAULT = Fault()


class Faults:
    """The faults of a recorder: `faults.onvif = "hang"`, `faults.rtsp = Fault("500", operation="PLAY")`."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._faults = dict.fromkeys(KINDS, NO_FAULT)
        self._changed = asyncio.Event()

    @property
    def onvif(self) -> Fault:
        """The fault of the SOAP services."""
        return self._faults["onvif"]

    @onvif.setter
    def onvif(self, fault: Fault | str) -> None:
        self.set("onvif", fault)

    @property
    def snapshot(self) -> Fault:
        """The fault of the snapshots."""
        return self._faults["snapshot"]

    @snapshot.setter
    def snapshot(self, fault: Fault | str) -> None:
        self.set("snapshot", fault)

    @property
    def rtsp(self) -> Fault:
        """The fault of the RTSP server."""
        return self._faults["rtsp"]

    @rtsp.setter
    def rtsp(self, fault: Fault | str) -> None:
        self.set("rtsp", fault)

    @property
    def events(self) -> Fault:
        """The fault of the pull points."""
        return self._faults["events"]

    @events.setter
    def events(self, fault: Fault | str) -> None:
        self.set("events", fault)

    def set(self, service: str, fault: Fault | str) -> None:
        """Switch a fault on, or off with `none`; requests that hang by an earlier one lose their connection."""
        fault = Fault(fault) if isinstance(fault, str) else fault
        if service not in KINDS:
            raise ValueError(f"service {service!r} is not one of {', '.join(KINDS)}")
        if fault.kind not in KINDS[service]:
            raise ValueError(f"the fault of {service} can't be {fault.kind}, but {', '.join(KINDS[service])}")
        self._faults[service] = fault
        self.release()

    def clear(self) -> None:
        """Switch all faults off."""
        for service in KINDS:
            self.set(service, NO_FAULT)

    def release(self) -> None:
        """End what hangs."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def hang(self) -> None:
        """Wait until a fault is set or cleared, or the recorder stops."""
        await self._changed.wait()


def reset_connection(transport: asyncio.BaseTransport | None) -> None:
    """Close with a TCP reset, as a recorder that reboots."""
    if not isinstance(transport, asyncio.Transport):
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
