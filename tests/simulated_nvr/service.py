"""What every ONVIF service of the recorder is made of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from .channels import Channels
from .options import RecorderOptions
from .soap import SoapRequest

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

    def now(self) -> datetime:
        """Return the time by the recorder's own, possibly wrong, clock."""
        return datetime.now(UTC) + self.options.clock_offset


def timestamp(moment: datetime) -> str:
    """Return xs:dateTime in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
