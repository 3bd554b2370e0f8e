"""What every ONVIF service of the recorder is made of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import re

from .channels import Channels
from .options import RecorderOptions
from .relay import Relay
from .soap import SoapRequest, attribute, text

type Handler = Callable[[Call], Awaitable[str]]
"""Returns the XML of the answer's body, or raises SoapFault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authorised request."""

    request: SoapRequest
    path: str
    """Path and query it was sent to."""
    http_base: str
    """`http://host:port` as the recorder believes it is reached."""
    rtsp_base: str


@dataclass(frozen=True, slots=True)
class Recorder:
    """What services know of the recorder."""

    options: RecorderOptions
    channels: Channels
    serial_number: str
    uuid: str
    relays: Mapping[str, Relay]
    """By token."""

    def now(self) -> datetime:
        """Return the time by the recorder's own, possibly wrong, clock."""
        return datetime.now(UTC) + self.options.clock_offset


_DURATION = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$")


def seconds(duration: str) -> float | None:
    """Read an xs:duration of days and less, None when it isn't one or is zero."""
    if not (found := _DURATION.match(duration)) or not any(found.groups()):
        return None
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest or None


def configuration(tag: str, token: str, name: str, use_count: int, rest: str, attributes: str = "") -> str:
    """Return one ConfigurationEntity (onvif.xsd): token, Name, UseCount, then its own elements."""
    return (
        f"<{tag} token={attribute(token)}{attributes}><tt:Name>{text(name)}</tt:Name>"
        f"<tt:UseCount>{use_count}</tt:UseCount>{rest}</{tag}>"
    )


def timestamp(moment: datetime) -> str:
    """Return xs:dateTime in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
