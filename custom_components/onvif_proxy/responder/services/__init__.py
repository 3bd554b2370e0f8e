"""The ONVIF services of a virtual camera: one file each, and here the list that everything else goes by.

To add a service, write a file with its `Service` and name it in `SERVICES`.
"""

from collections.abc import Mapping

from ..names import expand
from .base import Context, Operation, Service
from .device import DEVICE
from .device_io import DEVICE_IO
from .events import EVENTS
from .imaging import IMAGING
from .media import MEDIA
from .media2 import MEDIA2
from .ptz import PTZ

SERVICES = (DEVICE, MEDIA, EVENTS, MEDIA2, DEVICE_IO, PTZ, IMAGING)


def operations_of(services: tuple[Service, ...]) -> Mapping[str, Operation]:
    """Return all operations of services by expanded name."""
    return {
        expand(name if ":" in name else f"{service.prefix}:{name}"): operation
        for service in services
        for name, operation in service.all_operations.items()
    }


OPERATIONS = operations_of(SERVICES)

__all__ = ["OPERATIONS", "SERVICES", "Context"]
