"""What can go wrong with interfaces; every message is a sentence for the person who asked."""

from enum import StrEnum
from typing import Any

from .sentences import FAULTS


class Fault(StrEnum):
    """What Home Assistant may have to tell, which has translations of these keys."""

    STEP_FAILED = "step_failed"
    STEP_NOT_PERMITTED = "step_not_permitted"
    PARENT_IN_USE = "parent_in_use"
    PARENT_UNFIT = "parent_unfit"
    NO_MACVLAN = "no_macvlan"
    PARENT_OFF = "parent_off"
    MAC_IN_USE = "mac_in_use"
    MAC_TAKEN = "mac_taken"
    NAME_TAKEN = "name_taken"
    NUMBER_TAKEN = "number_taken"
    TABLE_TAKEN = "table_taken"
    PARENT_MISSING = "parent_missing"
    SAME_TWICE = "same_twice"
    NOT_PERMITTED = "not_permitted"
    KEPT_ELSEWHERE = "kept_elsewhere"
    NETLINK_FAILED = "netlink_failed"
    NO_EVENTS = "no_events"
    FILE_UNREADABLE = "file_unreadable"
    FILE_TOO_BIG = "file_too_big"
    FILE_CORRUPT = "file_corrupt"
    FILE_TOO_NEW = "file_too_new"
    FILE_UNWRITABLE = "file_unwritable"


class InterfaceError(Exception):
    """Base of all."""

    def __init__(self, fault: Fault | str, /, **facts: Any) -> None:
        """With the sentence itself where only the command line tells it; `facts` are for the one about a fault."""
        self.fault = fault if isinstance(fault, Fault) else None
        self.facts = {name: str(value) for name, value in facts.items()}
        self.left: tuple[str, ...] = ()
        """Commands for what was begun and could not be undone."""
        super().__init__(FAULTS[fault].format(**self.facts) if isinstance(fault, Fault) else fault)

    def __str__(self) -> str:
        """Return the sentence, and what is left."""
        said = super().__str__()
        return f"{said} Could not be undone: {'; '.join(self.left)}." if self.left else said


class RequestRefused(InterfaceError):
    """What was asked for cannot work on this host; nothing was changed."""


class KernelRefused(InterfaceError):
    """The kernel did not do a step, or did not answer."""


class NotPermitted(InterfaceError):
    """This process lacks a capability that is needed."""


class KeptElsewhere(InterfaceError):
    """Another program keeps the interfaces of this host already."""


class InventoryError(InterfaceError):
    """The inventory's file cannot be used; it stays as it is."""


class InventoryCorrupt(InventoryError):
    """It is not readable, or not an inventory."""


class InventoryTooNew(InventoryError):
    """A later version of this program wrote it."""


class InventoryUnwritable(InventoryError):
    """It cannot be saved: the disk is full, or read-only."""
