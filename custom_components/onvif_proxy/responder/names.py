"""XML namespaces by prefix, and the paths and tokens that clients remember."""

from functools import cache
from typing import Final

NAMESPACES: Final = {
    "env": "http://www.w3.org/2003/05/soap-envelope",
    "ter": "http://www.onvif.org/ver10/error",
    "tt": "http://www.onvif.org/ver10/schema",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
    "tns1": "http://www.onvif.org/ver10/topics",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "xs": "http://www.w3.org/2001/XMLSchema",
    "wsrf-bf": "http://docs.oasis-open.org/wsrf/bf-2",
    "wsrf-r": "http://docs.oasis-open.org/wsrf/r-2",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "d": "http://schemas.xmlsoap.org/ws/2005/04/discovery",
    "dn": "http://www.onvif.org/ver10/network/wsdl",
}

DEVICE_PATH: Final = "/onvif/device_service"
MEDIA_PATH: Final = "/onvif/media_service"
MEDIA2_PATH: Final = "/onvif/media2_service"
EVENTS_PATH: Final = "/onvif/event_service"
PTZ_PATH: Final = "/onvif/ptz_service"
IMAGING_PATH: Final = "/onvif/imaging_service"
DEVICE_IO_PATH: Final = "/onvif/deviceio_service"
SUBSCRIPTION_PATH: Final = "/onvif/subscription/"
"""What follows it is the id of a pull point."""
SNAPSHOT_PATH: Final = "/snapshot"

VIDEO_SOURCE: Final = "VideoSource_1"
VIDEO_SOURCE_CONFIGURATION: Final = "VideoSourceConfiguration_1"
VIDEO_ANALYTICS_CONFIGURATION: Final = "VideoAnalyticsConfiguration_1"
DIGITAL_INPUT: Final = "DigitalInput_1"


@cache
def expand(name: str) -> str:
    """Return `{namespace}local` of a prefixed name of ours."""
    prefix, local = name.split(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"
