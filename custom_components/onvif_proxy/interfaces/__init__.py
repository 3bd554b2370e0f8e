"""Network interfaces that give virtual cameras their own MAC and address.

A program of its own, too: `python3 custom_components/onvif_proxy/interfaces --help` makes and removes them. That part also
runs on Python 3.11, the oldest that a host may have, and without Home Assistant.
"""

from .doctor import diagnose
from .errors import (
    Fault,
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
from .findings import Check, Finding
from .inventory import Inventory, InventoryFile
from .keeper import InterfaceKeeper, remove_interfaces
from .kept import KeptInterface, KeptState
from .kernel import read_interfaces, read_snapshot
from .lock import is_kept
from .macs import derive_mac
from .neighbours import read_neighbours
from .parents import (
    Hypervisor,
    Parent,
    ParentWarning,
    Refusal,
    is_in_container_network,
    list_parents,
    propose_addresses,
)
from .plan import InterfaceSpec
from .privilege import Privilege, read_privilege
from .state import Interface, InterfaceAddress
from .watch import InterfaceWatch

__all__ = [
    "Check",
    "Fault",
    "Finding",
    "Hypervisor",
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
    "Parent",
    "ParentWarning",
    "Privilege",
    "Refusal",
    "RequestRefused",
    "derive_mac",
    "diagnose",
    "is_in_container_network",
    "is_kept",
    "list_parents",
    "propose_addresses",
    "read_interfaces",
    "read_neighbours",
    "read_privilege",
    "read_snapshot",
    "remove_interfaces",
]
