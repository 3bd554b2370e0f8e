"""Who the camera is, what time it is, and who may log in (ONVIF Core, device service: system and security)."""

from datetime import datetime
from typing import Final

from ..errors import InvalidArgument, ReceiverFault, SenderFault
from ..texts import shorten
from ..xmltree import Element, child_text, node
from .base import Context

SPECIFICATIONS_URL: Final = "https://www.onvif.org/profiles/specifications/"

_NO_LOG = {"System": "ter:SystemlogUnavailable", "Access": "ter:AccesslogUnavailable"}


def get_device_information(context: Context, _request: Element) -> Element:
    """Tell who made what."""
    description = context.description
    return node(
        "tds:GetDeviceInformationResponse",
        node("tds:Manufacturer", shorten(description.manufacturer)),
        node("tds:Model", shorten(description.model)),
        node("tds:FirmwareVersion", shorten(description.firmware)),
        node("tds:SerialNumber", description.identity.serial_number),
        node("tds:HardwareId", shorten(description.model)),
    )


def get_system_date_and_time(context: Context, _request: Element) -> Element:
    """Tell the host's clock, in UTC both times.

    `NTP`, as Home Assistant sets the clock of a device that says `Manual`; the host's clock is not ours to set.
    """
    return node(
        "tds:GetSystemDateAndTimeResponse",
        node(
            "tds:SystemDateAndTime",
            node("tt:DateTimeType", "NTP"),
            node("tt:DaylightSavings", False),
            node("tt:TimeZone", node("tt:TZ", "UTC0")),
            _date_time("tt:UTCDateTime", context.now),
            _date_time("tt:LocalDateTime", context.now),
        ),
    )


def _date_time(name: str, moment: datetime) -> Element:
    return node(
        name,
        node(
            "tt:Time",
            node("tt:Hour", moment.hour),
            node("tt:Minute", moment.minute),
            node("tt:Second", moment.second),
        ),
        node("tt:Date", node("tt:Year", moment.year), node("tt:Month", moment.month), node("tt:Day", moment.day)),
    )


def get_wsdl_url(_context: Context, _request: Element) -> Element:
    """Tell where the specifications are."""
    return node("tds:GetWsdlUrlResponse", node("tds:WsdlUrl", SPECIFICATIONS_URL))


def get_users(context: Context, _request: Element) -> Element:
    """Tell the one user, never the password."""
    credentials = context.description.credentials
    return node(
        "tds:GetUsersResponse",
        None
        if credentials is None
        else node("tds:User", node("tt:Username", credentials.username), node("tt:UserLevel", "Administrator")),
    )


def get_access_policy(_context: Context, _request: Element) -> Element:
    """Tell that there is no file of it: the default policy holds."""
    raise ReceiverFault("The default access policy holds; there is no file", "ter:Action", "ter:EmptyPolicy")


def get_system_log(_context: Context, request: Element) -> Element:
    """Tell that there is no log here; Home Assistant's is none of a client's business."""
    kind = child_text(request, "tds:LogType") or ""
    if kind not in _NO_LOG:
        raise InvalidArgument("The log is System or Access")
    raise SenderFault("There is no log", "ter:InvalidArgs", _NO_LOG[kind])


def get_system_support_information(_context: Context, _request: Element) -> Element:
    """Tell that there is none here; Home Assistant's diagnostics have it."""
    raise SenderFault("There is no support information", "ter:InvalidArgs", "ter:SupportInformationUnavailable")
