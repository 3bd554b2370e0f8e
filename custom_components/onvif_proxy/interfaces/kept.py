"""What a keeper tells of an interface that it keeps."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .plan import InterfaceSpec


class KeptState(StrEnum):
    """How an interface is."""

    STARTING = "starting"
    """Not looked at yet, or it is being found out whether its address is free."""
    WAITING_FOR_LEASE = "waiting_for_lease"
    """It has no address: no DHCP server has given one."""
    UP = "up"
    """All is as it should be."""
    CONFLICT = "conflict"
    """Another device has its address; tried again by itself."""
    PARENT_GONE = "parent_gone"
    """What it sits on is not there."""
    NO_CARRIER = "no_carrier"
    """What it sits on is switched off or has no cable."""
    FAILED = "failed"
    """It could not be made or repaired; tried again by itself, ever more rarely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInterface:
    """An interface of the inventory as it is now."""

    spec: InterfaceSpec
    state: KeptState = KeptState.STARTING
    address: str | None = None
    prefix_length: int | None = None
    gateway: str | None = None
    lease_expires: datetime | None = None
    """In UTC; None without a lease, and for one that never ends."""
    link_up: bool = False
    conflicting_mac: str | None = None
    """Whose the address is, in a conflict."""
    reason: str | None = None
    """Why it failed, a sentence."""
