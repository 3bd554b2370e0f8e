"""Answers WS-Discovery (2005/04) probes for the recorder, on one interface."""

import asyncio
import random
import socket
import time
from urllib.parse import unquote, urlsplit
import uuid as uuids

from lxml import etree

from .soap import text

GROUP, PORT = "239.255.255.250", 3702
MAX_DELAY = 0.1
"""Seconds; an answer to multicast comes after a random part of it (the specification allows 0.5)."""
_IP_MULTICAST_ALL = 49
_SPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "d": "http://schemas.xmlsoap.org/ws/2005/04/discovery",
}
_TYPES = {
    ("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter"),
    ("http://www.onvif.org/ver10/device/wsdl", "Device"),
}


class DiscoveryResponder(asyncio.DatagramProtocol):
    """Joins the group, answers Probe and Resolve, says Hello and Bye."""

    def __init__(self, *, interface: str, uuid: str, scopes: list[str], xaddr: str) -> None:
        """`interface` is a local IPv4 address."""
        self._interface = interface
        self._endpoint = f"urn:uuid:{uuid}"
        self._scopes = scopes
        self._xaddr = xaddr
        self._instance = int(time.time())
        self._number = 0
        self._listening: asyncio.DatagramTransport | None = None
        self._sending: asyncio.DatagramTransport | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    async def start(self) -> None:
        """Join; raises OSError."""
        loop = asyncio.get_running_loop()
        member = socket.inet_aton(GROUP) + socket.inet_aton(self._interface)
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        listening.bind((GROUP, PORT))
        listening.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        listening.setblocking(False)
        self._listening, _ = await loop.create_datagram_endpoint(lambda: self, sock=listening)
        sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sending.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self._interface))
        sending.bind((self._interface, 0))
        sending.setblocking(False)
        self._sending, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sending)
        self._send("Hello", f"<d:Hello>{self._description()}</d:Hello>", (GROUP, PORT))

    async def stop(self) -> None:
        """Say Bye and leave."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._sending is not None:
            self._send("Bye", f"<d:Bye>{self._reference()}</d:Bye>", (GROUP, PORT))
        for transport in (self._listening, self._sending):
            if transport is not None:
                transport.close()
        self._listening = self._sending = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a probe that means us; all else is ignored in silence."""
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            root = etree.fromstring(data, parser)
        except etree.XMLSyntaxError, ValueError:
            return
        message = root.findtext("s:Header/a:MessageID", "", _SPACES).strip()
        probe = root.find("s:Body/d:Probe", _SPACES)
        resolve = root.findtext("s:Body/d:Resolve/a:EndpointReference/a:Address", "", _SPACES).strip()
        if not message:
            return
        if probe is not None and self._matches(probe):
            name, body = (
                "ProbeMatches",
                f"<d:ProbeMatches><d:ProbeMatch>{self._description()}</d:ProbeMatch></d:ProbeMatches>",
            )
        elif resolve == self._endpoint:
            name = "ResolveMatches"
            body = f"<d:ResolveMatches><d:ResolveMatch>{self._description()}</d:ResolveMatch></d:ResolveMatches>"
        else:
            return
        self._later(name, body, addr, message)

    def _later(self, name: str, body: str, address: tuple[str, int], message: str) -> None:
        def send() -> None:
            self._timers.discard(timer)
            self._send(name, body, address, message)

        timer = asyncio.get_running_loop().call_later(random.uniform(0, MAX_DELAY), send)
        self._timers.add(timer)

    def _matches(self, probe: etree._Element) -> bool:
        types = probe.find("d:Types", _SPACES)
        if types is not None:
            for name in (types.text or "").split():
                prefix, _, local = name.rpartition(":")
                if (types.nsmap.get(prefix or None, ""), local) not in _TYPES:
                    return False
        scopes = probe.find("d:Scopes", _SPACES)
        if scopes is None:
            return True
        exact = scopes.get("MatchBy", "").endswith("/strcmp0")
        return all(
            any(own == wanted if exact else _within(own, wanted) for own in self._scopes)
            for wanted in (scopes.text or "").split()
        )

    def _reference(self) -> str:
        return f"<a:EndpointReference><a:Address>{self._endpoint}</a:Address></a:EndpointReference>"

    def _description(self) -> str:
        return (
            f"{self._reference()}<d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types>"
            f"<d:Scopes>{text(' '.join(self._scopes))}</d:Scopes><d:XAddrs>{text(self._xaddr)}</d:XAddrs>"
            "<d:MetadataVersion>1</d:MetadataVersion>"
        )

    def _send(self, name: str, body: str, address: tuple[str, int], relates_to: str | None = None) -> None:
        if self._sending is None:
            return
        self._number += 1
        to = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
        related = ""
        if relates_to is not None:
            to = f"{_SPACES['a']}/role/anonymous"
            related = f"<a:RelatesTo>{text(relates_to)}</a:RelatesTo>"
        declarations = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _SPACES.items())
        self._sending.sendto(
            (
                f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {declarations} '
                'xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
                f"<s:Header><a:MessageID>urn:uuid:{uuids.uuid4()}</a:MessageID>{related}<a:To>{to}</a:To>"
                f"<a:Action>{_SPACES['d']}/{name}</a:Action>"
                f'<d:AppSequence InstanceId="{self._instance}" MessageNumber="{self._number}"/></s:Header>'
                f"<s:Body>{body}</s:Body></s:Envelope>"
            ).encode(),
            address,
        )


def _within(own: str, wanted: str) -> bool:
    """Match by rfc3986: scheme and authority without case, the path segment by segment."""
    left, right = urlsplit(own), urlsplit(wanted)
    if (left.scheme.lower(), left.netloc.lower()) != (right.scheme.lower(), right.netloc.lower()):
        return False
    segments = [unquote(part) for part in right.path.strip("/").split("/") if part]
    return [unquote(part) for part in left.path.strip("/").split("/")][: len(segments)] == segments
