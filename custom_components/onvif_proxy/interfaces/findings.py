"""The faults that the doctor knows, and how one is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .sentences import FINDINGS, REMEDIES, REPAIR


class Check(StrEnum):
    """A fault."""

    PARENT_GONE = "parent_gone"
    PARENT_REFUSED = "parent_refused"
    PARENT_DOWN = "parent_down"
    NO_CARRIER = "no_carrier"
    INTERFACE_MISSING = "interface_missing"
    INTERFACE_REFUSED = "interface_refused"
    LINK_DOWN = "link_down"
    NO_ADDRESS = "no_address"
    WRONG_ADDRESS = "wrong_address"
    LEASE_LOST = "lease_lost"
    ARP_SETTINGS = "arp_settings"
    RP_FILTER = "rp_filter"
    IPV6_ADDRESSES = "ipv6_addresses"
    RULE_MISSING = "rule_missing"
    REPLY_ROUTE = "reply_route"
    MAIN_ROUTE = "main_route"
    DUPLICATE_MAC = "duplicate_mac"
    DUPLICATE_ADDRESS = "duplicate_address"
    GATEWAY_UNREACHABLE = "gateway_unreachable"
    FRAMES_LOST = "frames_lost"
    LEFTOVER = "leftover"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault that was found; of a check and an interface there is one at most."""

    check: Check
    interface: str | None
    """The camera's interface, or the parent where all cameras on it are concerned; None for the whole host."""
    id: int | None = None
    """The number of the camera's interface."""
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What the sentence names besides the interface."""
    fixable: bool
    """Whether applying the inventory repairs it, which a running keeper does by itself."""

    @property
    def sentence(self) -> str:
        """What is wrong, in English."""
        return FINDINGS[self.check].format(interface=self.interface, **self.facts)

    @property
    def remedy(self) -> str:
        """What to do about it, in English."""
        return (REPAIR if self.fixable else REMEDIES[self.check]).format(interface=self.interface, **self.facts)
