"""Who a recorder is, from what its device service says. Pure: answers in, `RecorderInfo` out."""

from collections.abc import Iterable, Sequence
import re
from urllib.parse import unquote

from ..model import RecorderInfo
from .names import clean_name

_NAME_SCOPE = re.compile(r"onvif://www\.onvif\.org/name/(.+)", re.IGNORECASE)
_GENERIC_SERIAL = re.compile(
    r"(?P<one>.)(?P=one)*|0?1234567890?|unknown|none|null|n/?a|default|serial[ _-]?(?:number)?|not[ _-]?available",
    re.IGNORECASE,
)
_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}", re.IGNORECASE)
_NO_MACS = {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"}


def normal_mac(text: object) -> str | None:
    """Return a hardware address in lower case with colons, None when it is none."""
    if not isinstance(text, str) or not _MAC.fullmatch(text := text.strip()):
        return None
    digits = re.sub(r"[:-]", "", text).lower()
    mac = ":".join(digits[index : index + 2] for index in range(0, 12, 2))
    return None if mac in _NO_MACS else mac


def is_generic_serial(serial_number: str, addresses: Iterable[str] = ()) -> bool:
    """Tell whether a serial number is none, one that many devices share, or made of an address (Reolink's `192168261`)."""
    if len(serial_number) < 4 or _GENERIC_SERIAL.fullmatch(serial_number):
        return True
    return serial_number in {address.replace(".", "") for address in addresses}


def scope_name(scopes: Iterable[object]) -> str:
    """Return the device's name from its scopes, percent-decoded; empty when none carries it."""
    for scope in scopes:
        if isinstance(scope, str) and (match := _NAME_SCOPE.fullmatch(scope.strip())):
            if name := clean_name(unquote(match[1])):
                return name
    return ""


def _host_name(text: object) -> str:
    name = clean_name(text)
    return "" if name.lower().startswith("localhost") else name


def recorder_info(
    *,
    serial_number: object,
    manufacturer: object,
    model: object,
    firmware: object,
    scopes: Iterable[object] = (),
    host_name: object = None,
    macs: Iterable[object] = (),
    endpoint: object = None,
    addresses: Sequence[str],
) -> RecorderInfo:
    """Put the answers together.

    What tells it from others is its serial number; where that is missing or shared by many, its MAC, then its WS-Discovery
    endpoint, and at last the address that the user typed, which is the first of `addresses`.
    """
    address = addresses[0]
    serial = clean_name(serial_number)
    mac = next(filter(None, map(normal_mac, macs)), None)
    if is_generic_serial(serial, addresses):
        serial = mac or clean_name(endpoint).removeprefix("urn:uuid:").removeprefix("uuid:") or address
    model_name = clean_name(model)
    return RecorderInfo(
        serial_number=serial,
        manufacturer=clean_name(manufacturer),
        model=model_name,
        firmware=clean_name(firmware),
        name=scope_name(scopes) or _host_name(host_name) or model_name or address,
        mac=mac,
    )
