"""Where the services of a recorder are."""

import logging

from .addresses import service_address
from .errors import NotOnvif, RecorderRefused
from .profiles import get, items_of, text_of
from .soap import DEVICE, DEVICE_IO, EVENTS, IMAGING, MEDIA, PTZ, SoapClient

_LOGGER = logging.getLogger(__name__)

MAX_SERVICES = 64

_NAMESPACES = {
    "http://www.onvif.org/ver10/media/wsdl": MEDIA,
    "http://www.onvif.org/ver10/events/wsdl": EVENTS,
    "http://www.onvif.org/ver20/ptz/wsdl": PTZ,
    "http://www.onvif.org/ver20/imaging/wsdl": IMAGING,
    "http://www.onvif.org/ver10/deviceIO/wsdl": DEVICE_IO,
}
_CAPABILITIES = {
    MEDIA: ("Media",),
    EVENTS: ("Events",),
    PTZ: ("PTZ",),
    IMAGING: ("Imaging",),
    DEVICE_IO: ("Extension", "DeviceIO"),
}


async def find_services(soap: SoapClient) -> None:
    """Learn the addresses of the services, by GetServices, else by GetCapabilities, into `soap.addresses`.

    Raises `RecorderError`: `RecorderRefused` when there is no media service.
    """
    found: dict[str, str] = {}
    try:
        services = await soap.call(DEVICE, "GetServices", {"IncludeCapability": False})
        for service in items_of(services)[:MAX_SERVICES]:
            name = _NAMESPACES.get(text_of(get(service, "Namespace")) or "")
            if name is not None and (xaddr := text_of(get(service, "XAddr"))):
                found.setdefault(name, xaddr)
    except RecorderRefused, NotOnvif:
        _LOGGER.debug("%s has no GetServices", soap.host)
    if MEDIA not in found:
        capabilities = await soap.call(DEVICE, "GetCapabilities", {"Category": "All"})
        for name, path in _CAPABILITIES.items():
            if xaddr := text_of(get(capabilities, *path, "XAddr")):
                found.setdefault(name, xaddr)
    addresses = {name: service_address(xaddr, soap.host, soap.port) for name, xaddr in found.items()}
    if addresses.get(MEDIA) is None:
        raise RecorderRefused("the recorder names no media service")
    for name in _CAPABILITIES:
        if address := addresses.get(name):
            soap.addresses[name] = address
        else:
            soap.addresses.pop(name, None)
