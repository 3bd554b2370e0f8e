"""Finding recorders on the LAN by WS-Discovery (1.0 of April 2005, as ONVIF Core section 7 uses it).

WSDiscovery writes the probes and reads the answers. Its own networking is not used: it takes every interface of the host and
needs threads, of which it leaves one behind where IPv6 is off. Answers come to the socket that asked, so nothing binds 3702.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
import logging
import socket
from typing import Any
from urllib.parse import unquote

# The library ships no types.
from wsdiscovery.actions import constructProbe  # type: ignore[import-untyped]  # the library ships no types
from wsdiscovery.message import createSOAPMessage, parseSOAPMessage  # type: ignore[import-untyped]  # the library ships no types
from wsdiscovery.qname import QName  # type: ignore[import-untyped]  # the library ships no types

from .addresses import Address, is_ipv4, parse_address
from .names import clean_name

_LOGGER = logging.getLogger(__name__)

MULTICAST_GROUP = ("239.255.255.250", 3702)
TIMEOUT = 3.0
"""Seconds; devices wait up to half a second before they answer."""
MAX_ANSWERS = 512
"""Datagrams that are read in one search."""
MAX_FOUND = 64
MAX_SCOPES = 64
PROBES = 2
"""Times that each probe is sent: UDP loses some."""

_TYPES = (
    QName("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter", "dn"),
    QName("http://www.onvif.org/ver10/device/wsdl", "Device", "tds"),
)
_SCOPE_PREFIX = "onvif://www.onvif.org/"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRecorder:
    """An ONVIF device that answered a probe; whether it is a recorder shows at login."""

    uuid: str
    """Of its endpoint reference, lower case, without `urn:uuid:`."""
    host: str
    port: int
    """Of its ONVIF device service."""
    name: str
    """From its scopes, may be empty."""
    hardware: str
    """From its scopes, may be empty."""
    scopes: tuple[str, ...] = ()


def _ignore_none(_: Sequence[str]) -> bool:
    return False


async def find_recorders(
    *,
    timeout: float = TIMEOUT,
    interface_addresses: Sequence[str] = (),
    ignore: Callable[[Sequence[str]], bool] = _ignore_none,
    group: tuple[str, int] = MULTICAST_GROUP,
    max_answers: int = MAX_ANSWERS,
    max_found: int = MAX_FOUND,
) -> list[FoundRecorder]:
    """Probe for ONVIF devices and return those that answer in time, ordered by host.

    Args:
        timeout: Seconds to listen.
        interface_addresses: Local IPv4 addresses to ask from, one an interface; empty: the system's default interface.
        ignore: Takes a device's scopes; true leaves it out (our own virtual cameras, say).
        group: Where probes are sent.
        max_answers: Datagrams read, the rest is dropped.
        max_found: Devices returned.
    """
    probes = [constructProbe([kind], []) for kind in _TYPES]
    packets = [createSOAPMessage(probe).encode() for probe in probes]
    answers: list[tuple[bytes, str]] = []
    transports = await _open_sockets(interface_addresses or ("0.0.0.0",), answers, max_answers)
    try:
        for _ in range(PROBES):
            for transport in transports:
                for packet in packets:
                    transport.sendto(packet, group)
            await asyncio.sleep(timeout / PROBES)
    finally:
        for transport in transports:
            transport.close()
    asked = {probe.getMessageId() for probe in probes}
    return await asyncio.to_thread(_read_answers, answers, asked, ignore, max_found)


class _Collector(asyncio.DatagramProtocol):
    """Keeps what arrives, up to a limit; reading it is left for later."""

    def __init__(self, answers: list[tuple[bytes, str]], max_answers: int) -> None:
        self._answers = answers
        self._max_answers = max_answers

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if len(self._answers) < self._max_answers:
            self._answers.append((data, addr[0]))

    def error_received(self, exc: Exception) -> None:
        _LOGGER.debug("A probe could not be sent: %s", exc)


async def _open_sockets(
    addresses: Iterable[str], answers: list[tuple[bytes, str]], max_answers: int
) -> list[asyncio.DatagramTransport]:
    loop = asyncio.get_running_loop()
    transports = []
    for address in addresses:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.setblocking(False)
            udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
            udp.bind((address, 0))
        except OSError as error:
            # The address went away between being listed and being used; the others still search.
            _LOGGER.debug("Cannot search from %s: %s", address, error)
            udp.close()
            continue
        transport, _ = await loop.create_datagram_endpoint(lambda: _Collector(answers, max_answers), sock=udp)
        transports.append(transport)
    return transports


def _read_answers(
    answers: Iterable[tuple[bytes, str]], asked: set[str], ignore: Callable[[Sequence[str]], bool], max_found: int
) -> list[FoundRecorder]:
    found: dict[str, FoundRecorder] = {}
    for data, sender in answers:
        for recorder in read_answer(data, sender, asked):
            if not ignore(recorder.scopes):
                found.setdefault(recorder.uuid, recorder)
    return sorted(found.values(), key=lambda recorder: (recorder.host, recorder.port))[:max_found]


def read_answer(data: bytes, sender: str, asked: set[str]) -> list[FoundRecorder]:
    """Read a datagram from `sender`; empty when it is no answer of an ONVIF device to one of the probes `asked`."""
    # The library parses with a parser that expands entities. NUL: an encoding in which the check would miss them.
    if b"<!" in data or b"\0" in data:
        return []
    try:
        envelope = parseSOAPMessage(data, sender)
        if envelope is None or envelope.getRelatesTo() not in asked:
            return []
        matches = [match for match in envelope.getProbeResolveMatches() if _is_onvif(match)]
        return [recorder for match in matches if (recorder := _found(match, sender))]
    except AttributeError, LookupError, RecursionError, TypeError, ValueError:
        # What the library raises where an answer lacks an element or has an empty one.
        _LOGGER.debug("Malformed answer to a probe from %s", sender)
        return []


def _scopes(match: Any) -> tuple[str, ...]:
    return tuple(scope.getValue() for scope in match.getScopes()[:MAX_SCOPES])


def _is_onvif(match: Any) -> bool:
    names = {kind.getLocalname() for kind in match.getTypes()}
    return "NetworkVideoTransmitter" in names or any(scope.startswith(_SCOPE_PREFIX) for scope in _scopes(match))


def _found(match: Any, sender: str) -> FoundRecorder | None:
    uuid = clean_name(match.getEPR()).lower().removeprefix("urn:").removeprefix("uuid:")
    scopes = _scopes(match)
    address = _address(match.getXAddrs(), sender)
    if not uuid or address is None:
        return None
    return FoundRecorder(
        uuid=uuid,
        host=address[0],
        port=address[1],
        name=_scope(scopes, "name/"),
        hardware=_scope(scopes, "hardware/"),
        scopes=scopes,
    )


def _scope(scopes: Iterable[str], category: str) -> str:
    prefix = _SCOPE_PREFIX + category
    return next((clean_name(unquote(scope[len(prefix) :])) for scope in scopes if scope.startswith(prefix)), "")


def _address(xaddrs: Iterable[str], sender: str) -> tuple[str, int] | None:
    """Choose host and port: the XAddr of the address that answered, else any IPv4 one, else who answered.

    The device service's path is the same everywhere, so only these count.
    """
    parsed: list[Address] = [
        address for xaddr in xaddrs if (address := parse_address(xaddr)) and address.scheme == "http"
    ]
    for address in parsed:
        if address.host == sender:
            return sender, address.port
    for address in parsed:
        if is_ipv4(address.host):
            return address.host, address.port
    return (sender, parsed[0].port) if parsed else None
