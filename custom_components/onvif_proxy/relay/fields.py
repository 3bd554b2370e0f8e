"""The header fields Transport, Session, RTP-Info and Range (RFC 2326 sections 12.39, 12.37, 12.33, 12.29). No I/O."""

from dataclasses import dataclass
import re

DEFAULT_SESSION_TIMEOUT = 60.0
"""Seconds, where a server doesn't say (RFC 2326 section 12.37)."""

_CHANNELS = re.compile(r"([0-9]{1,3})(?:-([0-9]{1,3}))?")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_LOWEST_PORT, _HIGHEST_PORT = 1024, 65535
_SSRC = re.compile(r"[0-9A-Fa-f]{1,8}")
_TIMEOUT = re.compile(r";\s*timeout\s*=\s*([0-9]{1,6})")
_NORMAL_TIME = r"[0-9]{1,9}(?::[0-9]{2}:[0-9]{2})?(?:\.[0-9]{1,9})?"
_CLOCK_TIME = r"[0-9]{8}T[0-9]{6}(?:\.[0-9]{1,9})?Z"
_RANGE = re.compile(f"npt=(?:now|{_NORMAL_TIME})?-(?:{_NORMAL_TIME})?|clock=(?:{_CLOCK_TIME})?-(?:{_CLOCK_TIME})?")

type Channels = tuple[int, int]
"""Interleaved channel numbers of RTP and RTCP."""


type Ports = tuple[int, int]
"""UDP ports of RTP and RTCP."""


@dataclass(frozen=True, slots=True)
class Transport:
    """One alternative of a Transport header."""

    protocol: str
    """Upper case: RTP/AVP, RTP/AVP/UDP or RTP/AVP/TCP."""
    channels: Channels | None = None
    ssrc: str | None = None
    """Eight hex digits or less."""
    client_ports: Ports | None = None
    """None where none are named, or ports that no viewer has to itself."""
    multicast: bool = False
    destination: str | None = None

    @property
    def interleaved(self) -> bool:
        """Tell whether it asks for RTP in the RTSP connection."""
        return self.protocol == "RTP/AVP/TCP"

    @property
    def datagrams(self) -> bool:
        """Tell whether it asks for RTP over UDP."""
        return self.protocol in ("RTP/AVP", "RTP/AVP/UDP")


def parse_transports(header: str) -> list[Transport]:
    """Read the alternatives in order of preference."""
    return [_transport(alternative) for alternative in header.split(",") if alternative.strip()]


def _transport(alternative: str) -> Transport:
    protocol, *parameters = (part.strip() for part in alternative.split(";"))
    fields = {name.strip().lower(): value.strip() for name, _, value in (item.partition("=") for item in parameters)}
    ssrc = fields.get("ssrc", "")
    return Transport(
        protocol.upper(),
        channels=_pair(_CHANNELS, fields.get("interleaved", ""), 0, 255),
        ssrc=ssrc if _SSRC.fullmatch(ssrc) else None,
        client_ports=_pair(_PORTS, fields.get("client_port", ""), _LOWEST_PORT, _HIGHEST_PORT),
        multicast="multicast" in fields,
        destination=fields.get("destination"),
    )


def _pair(pattern: re.Pattern[str], value: str, lowest: int, highest: int) -> tuple[int, int] | None:
    """Read two different numbers, `a-b`, or `a` for the two from `a` on; None where they are others."""
    if (match := pattern.fullmatch(value)) is None:
        return None
    first = int(match[1])
    second = int(match[2]) if match[2] else first + 1
    return (
        (first, second) if first != second and lowest <= min(first, second) <= max(first, second) <= highest else None
    )


def parse_session(header: str) -> tuple[str, float]:
    """Return session identifier and timeout in seconds."""
    match = _TIMEOUT.search(header)
    timeout = float(match[1]) if match else 0.0
    return header.partition(";")[0].strip(), timeout or DEFAULT_SESSION_TIMEOUT


@dataclass(frozen=True, slots=True)
class RtpInfo:
    """Where a track starts."""

    uri: str
    sequence: int | None = None
    time: int | None = None
    """In units of the RTP clock."""

    def __str__(self) -> str:
        """Return an element of the header."""
        sequence = "" if self.sequence is None else f";seq={self.sequence}"
        time = "" if self.time is None else f";rtptime={self.time}"
        return f"url={self.uri}{sequence}{time}"


def is_range(text: str) -> bool:
    """Tell whether it is a well-formed range of normal play time or absolute time (RFC 2326 sections 3.6 and 3.7)."""
    return _RANGE.fullmatch(text) is not None
