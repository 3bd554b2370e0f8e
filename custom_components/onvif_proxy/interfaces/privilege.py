"""What this process may do to the network."""

from dataclasses import dataclass
from pathlib import Path

_CAP_NET_ADMIN = 12
_CAP_NET_RAW = 13
_STATUS_FILE = Path("/proc/self/status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Privilege:
    """The capabilities (capabilities(7)) that interfaces take."""

    net_admin: bool
    """May make and change interfaces."""
    net_raw: bool
    """May send and receive frames: DHCP and ARP."""


def read_privilege() -> Privilege:
    """Read the effective capabilities of this process; reads a file."""
    return parse_privilege(_STATUS_FILE.read_text(encoding="ascii", errors="replace"))


def parse_privilege(status: str) -> Privilege:
    """Return the capabilities that /proc/<pid>/status tells; none where it tells none."""
    effective = 0
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            effective = int(value, 16)
    return Privilege(net_admin=bool(effective >> _CAP_NET_ADMIN & 1), net_raw=bool(effective >> _CAP_NET_RAW & 1))
