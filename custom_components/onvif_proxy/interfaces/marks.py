"""How an interface, a route and a rule of ours are told from everybody else's.

Interfaces carry an alias that anybody can read, `onvif_proxy:<id> parent arp_ignore=0 arp_announce=0`: the interface's
number, and what the parent's settings were before ours. They are remembered there because they have to live exactly as long
as the interfaces: both are gone after a reboot, or when the parent goes away and comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
import re
from typing import Self

from .state import Link

PROTOCOL = 77
"""Of our routes and rules (rtm_protocol, FRA_PROTOCOL): in the range that the kernel leaves to administrators."""
TABLE_BASE = 7700
MAX_ID = 999

OWN_SUBNET_PRIORITY = 7600
OTHER_NETWORKS_PRIORITY = 7601
GATEWAY_PRIORITY = 7602
PRIORITIES = (OWN_SUBNET_PRIORITY, OTHER_NETWORKS_PRIORITY, GATEWAY_PRIORITY)

CAMERA_SETTINGS: Mapping[str, int] = {"arp_ignore": 1, "arp_announce": 2, "rp_filter": 2, "arp_notify": 1}
"""net.ipv4.conf of a camera's interface: answer ARP for its own address only, and gratuitously when it comes up; and let
multicast in although the reverse path for it is the parent's."""
PARENT_SETTINGS: Mapping[str, int] = {"arp_ignore": 1, "arp_announce": 2}
"""The least that the parent needs so that it does not answer for the cameras."""

_ALIAS = re.compile(r"onvif_proxy:(?P<id>[1-9]\d{0,2}) parent arp_ignore=(?P<ignore>\d) arp_announce=(?P<announce>\d)")


def routing_table(number: int) -> int:
    """Return the routing table of an interface by its number."""
    return TABLE_BASE + number


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The owner's mark on an interface."""

    id: int
    """1 to MAX_ID, one an interface on the host."""
    parent_settings: Mapping[str, int] = field(hash=False)
    """The parent's before ours."""

    @property
    def alias(self) -> str:
        """The mark as text."""
        settings = " ".join(f"{name}={self.parent_settings[name]}" for name in PARENT_SETTINGS)
        return f"onvif_proxy:{self.id} parent {settings}"

    @classmethod
    def of(cls, link: Link) -> Self | None:
        """Read the mark of an interface, None when it is not ours."""
        if link.kind != "macvlan" or (match := _ALIAS.fullmatch(link.alias or "")) is None:
            return None
        return cls(
            id=int(match["id"]),
            parent_settings={"arp_ignore": int(match["ignore"]), "arp_announce": int(match["announce"])},
        )
