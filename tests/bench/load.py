"""Clients that ask as fast as they are answered, or at a steady pace; lean, so that the server is what is measured."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
import hashlib
import itertools
import secrets
import select
import socket
import time
from typing import Self

from ..responder.envelopes import NS, PASSWORD, USERNAME, envelope, operation, zulu
from .figure import Unmeasured

_END_OF_HEAD = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_PATIENCE = 10.0
_OK = b" 200 "

HEADER = (
    '<Security env:mustUnderstand="1" xmlns="http://docs.oasis-open.org/wss/2004/01/'
    'oasis-200401-wss-wssecurity-secext-1.0.xsd"><UsernameToken><Username>{username}</Username><Password Type="'
    'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest">{digest}'
    '</Password><Nonce EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0'
    '#Base64Binary">{nonce}</Nonce><Created xmlns="http://docs.oasis-open.org/wss/2004/01/'
    'oasis-200401-wss-wssecurity-utility-1.0.xsd">{created}</Created></UsernameToken></Security>'
)
"""As npm's onvif and UniFi Protect write it."""
OPERATIONS = (
    operation("trt:GetProfiles"),
    operation(
        "trt:GetStreamUri",
        "<trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
        "</trt:StreamSetup><trt:ProfileToken>main</trt:ProfileToken>",
    ),
)


def http(path: str, body: bytes) -> bytes:
    """Write a request."""
    head = f"POST {path} HTTP/1.1\r\nHost: camera\r\nContent-Type: application/soap+xml; charset=utf-8\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def requests(path: str, number: int) -> list[bytes]:
    """Write requests that alternate between the operations, each with a login of its own."""
    created = zulu()
    templates = [envelope(body, "@").split("@") for body in OPERATIONS]
    written = []
    for index in range(number):
        nonce = secrets.token_bytes(16)
        digest = b64encode(hashlib.sha1(nonce + created.encode() + PASSWORD.encode()).digest()).decode()
        header = HEADER.format(username=USERNAME, digest=digest, nonce=b64encode(nonce).decode(), created=created, **NS)
        written.append(http(path, header.join(templates[index % len(templates)]).encode()))
    return written


@dataclass(slots=True)
class _Client:
    """A connection, and how far its answer has come."""

    sock: socket.socket
    asked_at: float = 0.0
    answer: bytes = b""
    waits: bool = False

    def ask(self, request: bytes, at: float) -> None:
        self.asked_at = at
        self.waits = True
        self.sock.sendall(request)

    def receive(self) -> bool:
        """Take what came; return whether the answer is whole."""
        if not (data := self.sock.recv(262144)):
            raise Unmeasured("The server closed a connection.")
        self.answer += data
        head, found, body = self.answer.partition(_END_OF_HEAD)
        if not found:
            return False
        if _OK not in head[:16]:
            raise Unmeasured(f"The server answered {head.partition(b'\r')[0].decode(errors='replace')}.")
        length = _content_length(head)
        if not (body.endswith(_LAST_CHUNK) if length is None else len(body) >= length):
            return False
        self.answer = b""
        self.waits = False
        return True


def _content_length(head: bytes) -> int | None:
    """Return the length of a body, None when it comes in chunks."""
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return None


@dataclass(slots=True)
class Outcome:
    """What a load came to."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency that this share of the answers kept to."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Load:
    """Some connections to servers on loopback, no more than a few from each address."""

    def __init__(self, ports: Sequence[int]) -> None:
        """Connect once to each."""
        self._clients = [
            _Client(socket.create_connection(("127.0.0.1", port), source_address=(f"127.0.0.{2 + number // 8}", 0)))
            for number, port in enumerate(ports)
        ]
        self._by_number = {client.sock.fileno(): client for client in self._clients}
        self._poll = select.epoll()
        for client in self._clients:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._poll.register(client.sock.fileno(), select.EPOLLIN)

    def __enter__(self) -> Self:
        """Be connected."""
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._poll.close()
        for client in self._clients:
            client.sock.close()

    def _answered(self, timeout: float) -> Iterator[_Client]:
        for number, _ in self._poll.poll(timeout):
            if (client := self._by_number[number]).receive():
                yield client

    def as_fast_as_answered(self, written: Iterable[bytes], seconds: float) -> Outcome:
        """Ask on all connections, the next as soon as there is an answer."""
        outcome = Outcome()
        waiting = iter(written)
        began = now = time.perf_counter()
        asked = 0
        for client, request in zip(self._clients, waiting, strict=False):
            client.ask(request, now)
            asked += 1
        while len(outcome.latencies) < asked:
            if time.perf_counter() - began > seconds + _PATIENCE:
                raise Unmeasured(f"No answer in {_PATIENCE:g} s.")
            for client in self._answered(_PATIENCE):
                now = time.perf_counter()
                outcome.latencies.append(now - client.asked_at)
                if now - began < seconds and (following := next(waiting, None)) is not None:
                    client.ask(following, now)
                    asked += 1
        outcome.seconds = time.perf_counter() - began
        return outcome

    def refused(self, request: bytes) -> None:
        """Send something that no server may take, and wait until it has said so."""
        client = self._clients[0]
        client.sock.settimeout(_PATIENCE)
        client.sock.sendall(request)
        if _OK in (answer := client.sock.recv(262144))[:16] or not answer:
            raise Unmeasured("The server took nonsense for a request.")

    def at_pace(self, written: Sequence[bytes], rate: float) -> Outcome:
        """Ask so many times a second, in turn on all connections; latency counts from when it was time to ask."""
        outcome = Outcome()
        clients = itertools.cycle(self._clients)
        late: dict[int, list[tuple[float, bytes]]] = {}
        began = time.perf_counter()
        asked = 0
        while len(outcome.latencies) < len(written):
            now = time.perf_counter()
            while asked < len(written) and (due := began + asked / rate) <= now:
                client = next(clients)
                if client.waits:
                    late.setdefault(client.sock.fileno(), []).append((due, written[asked]))
                else:
                    client.ask(written[asked], due)
                asked += 1
            if now - began > len(written) / rate + _PATIENCE:
                raise Unmeasured(f"No answer in {_PATIENCE:g} s.")
            pause = max(0.0, began + asked / rate - now) if asked < len(written) else _PATIENCE
            for client in self._answered(pause):
                outcome.latencies.append(time.perf_counter() - client.asked_at)
                if queue := late.get(client.sock.fileno()):
                    due, request = queue.pop(0)
                    client.ask(request, due)
        outcome.seconds = time.perf_counter() - began
        return outcome
