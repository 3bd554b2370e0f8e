"""A LAN to test on: hosts in network namespaces, each with an `eth0` that is wired to one switch."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import itertools
import json
import os
from pathlib import Path
import re
import shutil
import socket
import struct
import subprocess
import threading
from typing import Any, Self

NETWORK = "10.77.0"
PREFIX_LENGTH = 24
GATEWAY = f"{NETWORK}.1"
HOSTS: Mapping[str, str] = {"recorder": f"{NETWORK}.10", "ha": f"{NETWORK}.5", "client": f"{NETWORK}.20"}
"""The hosts of a LAN unless others are asked for, and the addresses of their eth0."""

SETTINGS = ("arp_ignore", "arp_announce", "arp_filter", "arp_notify", "rp_filter")

_ETH_P_ALL = 0x0003
_ETH_P_IP = 0x0800
_ETH_P_ARP = 0x0806
_PACKET_OUTGOING = 4
_SO_RCVBUFFORCE = 33
_SNIFFER_BYTES = 8 * 1024 * 1024
_ARP_REPLY = 2
_PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp"}

_numbers = itertools.count(1)


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=10, check=False)


def missing_privilege() -> str | None:
    """Return why no LAN can be made here, None when it can."""
    if shutil.which("ip") is None:
        return "ip(8) of iproute2 is missing"
    probe = f"onvif-probe-{os.getpid()}"
    made = _ip("netns", "add", probe)
    if made.returncode:
        return f"no network namespaces here (they take CAP_NET_ADMIN and CAP_SYS_ADMIN): {made.stderr.strip()}"
    wired = _ip("-n", probe, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    _ip("netns", "del", probe)
    return f"this kernel has no veth: {wired.stderr.strip()}" if wired.returncode else None


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame says of its sender."""

    protocol: str
    """arp (replies only), icmp, igmp, tcp or udp."""
    source_mac: str
    """Of the Ethernet header."""
    source: str
    """The sender's address."""
    destination: str


class Sniffer:
    """Sees the frames that arrive at a host, from its making on."""

    def __init__(self, sniffing: socket.socket) -> None:
        """Take over a packet socket."""
        self._socket = sniffing
        self._socket.setblocking(False)

    def frames(self) -> list[Frame]:
        """Return the frames that arrived since the last call."""
        frames: list[Frame] = []
        while True:
            try:
                data, (_, _, direction, _, _) = self._socket.recvfrom(65536)
            except BlockingIOError:
                return frames
            if direction != _PACKET_OUTGOING and (frame := _frame(data)) is not None:
                frames.append(frame)

    def source_macs(self, protocol: str) -> dict[str, set[str]]:
        """Return the Ethernet senders by IP sender, of the frames of a protocol since the last call."""
        macs: dict[str, set[str]] = {}
        for frame in self.frames():
            if frame.protocol == protocol:
                macs.setdefault(frame.source, set()).add(frame.source_mac)
        return macs


def _frame(data: bytes) -> Frame | None:
    source_mac = data[6:12].hex(":")
    (kind,) = struct.unpack_from("!H", data, 12)
    if kind == _ETH_P_ARP and struct.unpack_from("!H", data, 20)[0] == _ARP_REPLY:
        return Frame("arp", source_mac, socket.inet_ntoa(data[28:32]), socket.inet_ntoa(data[38:42]))
    if kind == _ETH_P_IP and data[23] in _PROTOCOLS:
        return Frame(_PROTOCOLS[data[23]], source_mac, socket.inet_ntoa(data[26:30]), socket.inet_ntoa(data[30:34]))
    return None


class Lan:
    """A switch and the hosts on it; as a context manager it is there inside, and all of it gone after."""

    def __init__(self, hosts: Mapping[str, str] = HOSTS) -> None:
        """Choose the hosts, and the address of each."""
        self.hosts = dict(hosts)
        self._prefix = f"onvif-{os.getpid()}-{next(_numbers)}"
        self._namespaces: list[str] = []
        self._programs: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """Make it."""
        try:
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove it."""
        self.close()

    def _make(self) -> None:
        for name in ("switch", *self.hosts):
            self._ip("netns", "add", self.namespace(name))
            self._namespaces.append(self.namespace(name))
            self.ip(name, "link", "set", "lo", "up")
        self.ip("switch", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0")
        self.ip("switch", "link", "set", "br0", "up")
        for name, address in self.hosts.items():
            peer = ("type", "veth", "peer", "name", "eth0", "netns", self.namespace(name))
            self.ip("switch", "link", "add", name, *peer)
            self.ip("switch", "link", "set", name, "master", "br0", "up")
            # Nothing of IPv6 is tested, and its addresses change by themselves for a second.
            self.ip(name, "link", "set", "eth0", "addrgenmode", "none", "up")
            self.ip(name, "addr", "add", f"{address}/{PREFIX_LENGTH}", "broadcast", "+", "dev", "eth0")
            self.ip(name, "route", "add", "default", "via", GATEWAY)

    def close(self) -> None:
        """End the programs that were started here, and remove the namespaces; a second call does nothing."""
        for program in self._programs:
            if program.poll() is None:
                program.kill()
            # Reads what is left and closes the pipes.
            program.communicate(timeout=10)
        self._programs.clear()
        for namespace in reversed(self._namespaces):
            self._ip("netns", "del", namespace)
        self._namespaces.clear()

    # What runs on a host.

    def namespace(self, host: str) -> str:
        """Return the name of a host's namespace, for ip(8)."""
        return f"{self._prefix}-{host}"

    def run(
        self, host: str, argv: Sequence[str | Path], *, check: bool = True, timeout: float = 30, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a host to its end."""
        done = subprocess.run(
            self._on(host, argv), capture_output=True, text=True, timeout=timeout, check=False, **options
        )
        if check and done.returncode:
            raise AssertionError(f"{[*map(str, argv)]} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def popen(self, host: str, argv: Sequence[str | Path], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program on a host; it is killed with the LAN at the latest."""
        program = subprocess.Popen(self._on(host, argv), **options)
        self._programs.append(program)
        return program

    def call[T](self, host: str, function: Callable[[], T]) -> T:
        """Call a function of this process on a host: the sockets that it opens are the host's, for good."""
        result: list[T] = []
        failure: list[BaseException] = []

        def enter_and_call() -> None:
            # A thread can be in a namespace of its own, and those that it starts are born there.
            try:
                with Path("/run/netns", self.namespace(host)).open("rb") as namespace:
                    os.setns(namespace.fileno(), os.CLONE_NEWNET)
                result.append(function())
            except BaseException as error:  # noqa: BLE001  # raised again by the caller's thread
                failure.append(error)

        thread = threading.Thread(target=enter_and_call)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return result[0]

    def run_async[T](self, host: str, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function of this process on a host, in an event loop of its own."""
        return self.call(host, lambda: asyncio.run(function()))

    def open_socket(self, host: str, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Open a socket on a host, for this process to use."""
        return self.call(host, lambda: socket.socket(family, kind, protocol))

    @contextmanager
    def sniffer(self, host: str, interface: str = "eth0") -> Iterator[Sniffer]:
        """See the frames that arrive at a host."""
        with self.open_socket(host, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as sniffing:
            # The default holds fewer than the frames of 32 cameras that speak at once.
            sniffing.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _SNIFFER_BYTES)
            sniffing.bind((interface, _ETH_P_ALL))
            sniffer = Sniffer(sniffing)
            sniffer.frames()  # those of other interfaces, from before it was bound
            yield sniffer

    # What a host knows.

    def ip(self, host: str, *arguments: str) -> str:
        """Return what the tool ip prints for a host."""
        return self._ip("-n", self.namespace(host), *arguments)

    def ip_json(self, host: str, *arguments: str) -> Any:
        """Return what the tool ip tells of a host, parsed from JSON."""
        return json.loads(self.ip(host, "-json", *arguments) or "[]")

    def mac(self, host: str, interface: str = "eth0") -> str:
        """Return the MAC of an interface."""
        return str(self.ip_json(host, "link", "show", "dev", interface)[0]["address"])

    def neighbours(self, host: str) -> dict[str, str]:
        """Return the MACs that a host has learnt by ARP, by address."""
        return {entry["dst"]: entry["lladdr"] for entry in self.ip_json(host, "-4", "neigh") if "lladdr" in entry}

    def forget_neighbours(self, host: str) -> None:
        """Empty a host's ARP table."""
        self.ip(host, "neigh", "flush", "all")

    def route_get(self, host: str, destination: str, source: str | None = None) -> dict[str, Any]:
        """Return the route that a host takes to a destination: `dev`, `prefsrc`, `gateway`."""
        sender = () if source is None else ("from", source)
        return dict(self.ip_json(host, "route", "get", destination, *sender)[0])

    def state(self, host: str) -> dict[str, Any]:
        """Return all of a host's network configuration that must be the same after a cleanup as before."""
        links = self.ip_json(host, "-details", "link")
        # Counters of use, and what the kernel notices late: no configuration.
        passing = {"promiscuity", "allmulti", "operstate"}
        return {
            "links": [{key: value for key, value in link.items() if key not in passing} for link in links],
            # How long a lease lasts yet is another number each second.
            "addresses": re.sub(r"\d+sec", "some time", self.ip(host, "-oneline", "addr")).splitlines(),
            # In no order: of equal priority the newest comes last.
            "routes": sorted(self.ip(host, "route", "show", "table", "all").splitlines()),
            "rules": sorted(self.ip(host, "rule").splitlines()),
            "settings": self.settings(host),
        }

    def settings(self, host: str) -> dict[str, dict[str, int]]:
        """Return the ARP settings and rp_filter of net.ipv4.conf of a host, by interface, `all` and `default` included."""
        base = "/proc/sys/net/ipv4/conf"
        text = self.run(host, ["sh", "-c", f"cd {base} && grep -H . " + " ".join(f"*/{name}" for name in SETTINGS)])
        settings: dict[str, dict[str, int]] = {}
        for line in text.stdout.splitlines():
            path, value = line.split(":")
            interface, name = path.split("/")
            settings.setdefault(interface, {})[name] = int(value)
        return settings

    def _on(self, host: str, argv: Sequence[str | Path]) -> list[str]:
        return ["ip", "netns", "exec", self.namespace(host), *map(str, argv)]

    @staticmethod
    def _ip(*arguments: str) -> str:
        done = _ip(*arguments)
        if done.returncode:
            raise AssertionError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout
