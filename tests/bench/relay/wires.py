"""Three hosts in a row, without a switch between them: recorder, relay's host, viewers."""

from typing import override

from ...lan.bed import Lan

RECORDER = "10.78.1.2"
RELAY = "10.78.2.1"
"""Where viewers find relays."""
_VIEWER = "10.78.2.2"
_RELAY_AT_RECORDER = "10.78.1.1"


class Wires(Lan):
    """Hosts `recorder`, `ha` and `client`; the first and the last reach each other through `ha` without a relay too."""

    def __init__(self) -> None:
        """Choose the hosts."""
        super().__init__({"recorder": RECORDER, "ha": RELAY, "client": _VIEWER})

    @override
    def _make(self) -> None:
        for name in self.hosts:
            self._ip("netns", "add", self.namespace(name))
            self._namespaces.append(self.namespace(name))
            self.ip(name, "link", "set", "lo", "up")
        for name, address, near in (("recorder", RECORDER, _RELAY_AT_RECORDER), ("client", _VIEWER, RELAY)):
            peer = ("type", "veth", "peer", "name", "eth0", "netns", self.namespace(name))
            self.ip("ha", "link", "add", name, *peer)
            self.ip("ha", "addr", "add", f"{near}/24", "dev", name)
            self.ip("ha", "link", "set", name, "up")
            self.ip(name, "addr", "add", f"{address}/24", "dev", "eth0")
            self.ip(name, "link", "set", "eth0", "up")
            self.ip(name, "route", "add", "default", "via", near)
        self.run("ha", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
