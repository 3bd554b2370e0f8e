"""ARP (RFC 826) for one question, who has an address already, and one statement, that it is ours (RFC 5227)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
import socket
import struct
from typing import Self

REQUEST = 1

_ETH_P_ARP = 0x0806
_ETHERNET = 1  # ar$hrd
_IPV4 = 0x0800  # ar$pro
_HEADER = struct.Struct("!6s6sHHHBBH")
_BODY = struct.Struct("!6s4s6s4s")
_BROADCAST = b"\xff" * 6
_NOBODY = IPv4Address(0)
_FRAME_SIZE = 128
_FRAMES_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ArpMessage:
    """Who says what about which address."""

    operation: int
    sender_mac: str
    sender: IPv4Address
    target: IPv4Address


def probe_of(mac: str, address: IPv4Address) -> bytes:
    """Return the frame that asks who has an address, without claiming it (RFC 5227, 2.1.1)."""
    return _frame(mac, _NOBODY, address)


def announcement_of(mac: str, address: IPv4Address) -> bytes:
    """Return the frame that says that an address is ours (RFC 5227, 2.3); switches learn the MAC's port from it, too."""
    return _frame(mac, address, address)


def parse(frame: bytes) -> ArpMessage | None:
    """Read an Ethernet frame; None when it is not ARP for IPv4."""
    if len(frame) < _HEADER.size + _BODY.size:
        return None
    _, _, kind, hardware, protocol, hardware_size, protocol_size, operation = _HEADER.unpack_from(frame)
    if (kind, hardware, protocol, hardware_size, protocol_size) != (_ETH_P_ARP, _ETHERNET, _IPV4, 6, 4):
        return None
    sender_mac, sender, _, target = _BODY.unpack_from(frame, _HEADER.size)
    return ArpMessage(
        operation=operation, sender_mac=sender_mac.hex(":"), sender=IPv4Address(sender), target=IPv4Address(target)
    )


def claims(message: ArpMessage, mac: str, address: IPv4Address, *, in_use: bool) -> bool:
    """Return whether a message says that somebody else has an address, or, before its use, wants it at this moment.

    RFC 5227, 2.1.1 and 2.4: who only asks for an address that is in use gets an answer, and is no conflict.
    """
    if message.sender_mac == mac:
        return False
    wants = message.operation == REQUEST and message.sender == _NOBODY and message.target == address
    return message.sender == address or (wants and not in_use)


class ArpPort:
    """Sends and hears ARP on one interface, as a context manager; takes CAP_NET_RAW."""

    def __init__(self, interface: str, mac: str) -> None:
        """Name the interface and its MAC."""
        self._interface = interface
        self._mac = mac

    async def __aenter__(self) -> Self:
        """Open it.

        Raises:
            OSError: The interface is gone, or sending frames is not permitted.
        """
        # Without a protocol it hears nothing until it is bound to the one interface.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self._socket.bind((self._interface, _ETH_P_ARP))
        except BaseException:
            self._socket.close()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close it."""
        await close_packet_socket(self._socket)

    def announce(self, address: IPv4Address) -> None:
        """Tell the LAN that an address is ours.

        Raises:
            OSError: The interface is gone or down.
        """
        self._socket.send(announcement_of(self._mac, address))

    async def find_holder(
        self,
        address: IPv4Address,
        *,
        in_use: bool = False,
        probes: int = 3,
        interval: float = 0.15,
        wait: float = 0.25,
    ) -> str | None:
        """Ask the LAN who else has an address.

        RFC 5227 would take 5 s or more, made for links that lose packets. On a wire answers come within milliseconds, and
        who is missed here is found by the next question.

        Args:
            address: The address.
            in_use: Whether the interface has the address.
            probes: How many times to ask.
            interval: Seconds between them.
            wait: Seconds after the last.

        Returns:
            The MAC of the one who has it, None when nobody answers.

        Raises:
            OSError: The interface is gone or down.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[str] = loop.create_future()

        def claims_it(message: ArpMessage) -> bool:
            return claims(message, self._mac, address, in_use=in_use)

        loop.add_reader(self._socket, _receive, self._socket, found, claims_it)
        try:
            for number in range(probes):
                self._socket.send(probe_of(self._mac, address))
                done, _ = await asyncio.wait([found], timeout=interval if number < probes - 1 else wait)
                if done:
                    return found.result()
        finally:
            loop.remove_reader(self._socket)
            found.cancel()
        return None


async def find_holder(interface: str, mac: str, address: IPv4Address) -> str | None:
    """Ask the LAN of an interface, from its MAC, who else has an address that it does not use; see `ArpPort`."""
    async with ArpPort(interface, mac) as port:
        return await port.find_holder(address)


async def close_packet_socket(packets: socket.socket) -> None:
    """Close an AF_PACKET socket in a thread: the kernel waits until nobody looks at it any more, 10 ms and more."""
    await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, packets.close))


def _receive(arp: socket.socket, found: asyncio.Future[str], claims_it: Callable[[ArpMessage], bool]) -> None:
    try:
        for _ in range(_FRAMES_AT_ONCE):
            message = parse(arp.recv(_FRAME_SIZE))
            if message is not None and claims_it(message) and not found.done():
                found.set_result(message.sender_mac)
    except BlockingIOError:
        return
    except OSError as error:
        if not found.done():
            found.set_exception(error)


def _frame(mac: str, sender: IPv4Address, target: IPv4Address) -> bytes:
    own = bytes.fromhex(mac.replace(":", ""))
    header = _HEADER.pack(_BROADCAST, own, _ETH_P_ARP, _ETHERNET, _IPV4, 6, 4, REQUEST)
    return header + _BODY.pack(own, sender.packed, bytes(6), target.packed)
