"""Network interfaces that give virtual cameras their own MAC and address.

A program of its own, too: `python3 custom_components/onvif_proxy/interfaces --help` makes and removes them. That part also
runs on Python 3.11, the oldest that a host may have, and without Home Assistant.
"""

from .errors import InterfaceError, KernelRefused, RequestRefused
from .kernel import read_interfaces
from .state import Interface, InterfaceAddress
from .watch import InterfaceWatch

__all__ = [
    "Interface",
    "InterfaceAddress",
    "InterfaceError",
    "InterfaceWatch",
    "KernelRefused",
    "RequestRefused",
    "read_interfaces",
]
