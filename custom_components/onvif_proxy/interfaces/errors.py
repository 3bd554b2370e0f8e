"""What can go wrong with interfaces; every message is a sentence for the person who asked."""


class InterfaceError(Exception):
    """Base of all."""


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
