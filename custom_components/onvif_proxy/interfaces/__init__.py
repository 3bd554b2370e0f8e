"""Network interfaces that give virtual cameras their own MAC and address.

A program of its own, too: `python3 custom_components/onvif_proxy/interfaces --help` makes and removes them. That part also
runs on Python 3.11, the oldest that a host may have, and without Home Assistant.
"""

from .errors import (
    InterfaceError,
    InventoryCorrupt,
    InventoryError,
    InventoryTooNew,
    InventoryUnwritable,
    KeptElsewhere,
    KernelRefused,
    NotPermitted,
    RequestRefused,
)
from .inventory import Inventory, InventoryFile
from .keeper import InterfaceKeeper, remove_interfaces
from .kept import KeptInterface, KeptState
from .kernel import read_interfaces
from .macs import derive_mac
from .plan import InterfaceSpec
from .privilege import Privilege, read_privilege
from .state import Interface, InterfaceAddress
from .watch import InterfaceWatch

__all__ = [
    "Interface",
    "InterfaceAddress",
    "InterfaceError",
    "InterfaceKeeper",
    "InterfaceSpec",
    "InterfaceWatch",
    "Inventory",
    "InventoryCorrupt",
    "InventoryError",
    "InventoryFile",
    "InventoryTooNew",
    "InventoryUnwritable",
    "KeptElsewhere",
    "KeptInterface",
    "KeptState",
    "KernelRefused",
    "NotPermitted",
    "Privilege",
    "RequestRefused",
    "derive_mac",
    "read_interfaces",
    "read_privilege",
    "remove_interfaces",
]
