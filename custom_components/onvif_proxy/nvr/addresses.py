"""Addresses that a recorder gives, bent to the host that the user configured.

Recorders announce addresses that don't work from here (behind NAT, `0.0.0.0`, IPv6 first, several in one string), and a
hostile one could announce somebody else's. So a recorder chooses path and port; the host is always the configured one.
"""

from dataclasses import dataclass
import ipaddress
import re

MAX_ADDRESS_LENGTH = 2048
"""Characters."""
DEFAULT_PORTS = {"http": 80, "https": 443, "rtsp": 554}

# The port may stand there twice (`host:8106:8106`), as some cameras write it.
_ADDRESS = re.compile(
    r"(?P<scheme>[a-z]+)://(?:[^/?#]*@)?(?P<host>\[[0-9a-f:.%]+\]|[^/?#:@\[\]]*)(?::(?P<port>\d{1,5}))?(?::\d*)*"
    r"(?P<target>[/?].*)?",
    re.IGNORECASE,
)

PARAMETER = re.compile(r"([A-Za-z]\w*?)=(.*?)(?=[&;/?_][A-Za-z]+=|[&;/?]|$)")
"""A parameter, name and value, of a path or query: some recorders write them into the path, and join them with underscores
(`/user=admin_password=xyz_channel=1`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A URI in parts, without user, password and fragment."""

    scheme: str
    """Lower case."""
    host: str
    """Without brackets; may be empty."""
    port: int
    target: str
    """Path and query as the recorder wrote them; empty or beginning with `/`."""


def parse_address(text: str) -> Address | None:
    """Take a URI apart; None when it is none, has an unknown scheme, or could smuggle something into a request."""
    text = text.strip()
    if len(text) > MAX_ADDRESS_LENGTH or not text.isprintable() or " " in text or not text.isascii():
        return None
    if (match := _ADDRESS.fullmatch(text)) is None or (scheme := match["scheme"].lower()) not in DEFAULT_PORTS:
        return None
    port = int(match["port"] or DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        return None
    target = (match["target"] or "").partition("#")[0]
    if target.startswith("?"):
        target = "/" + target
    return Address(scheme=scheme, host=match["host"].strip("[]").lower(), port=port, target=target)


def is_ipv4(host: str) -> bool:
    """Tell whether a host is an IPv4 address that a device can have."""
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast)


def join_host_port(host: str, port: int) -> str:
    """Write the authority of a URI; an IPv6 address gets its brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def service_address(xaddrs: str, host: str, port: int) -> str | None:
    """Choose where to reach a service from an XAddr, or from several in one string; None when none is usable.

    An XAddr of the configured host keeps its port. One of another host was written behind NAT or on another network, and
    says nothing about ports here: the configured one is taken.
    """
    parsed = [address for text in xaddrs.split() if (address := parse_address(text)) and address.scheme != "rtsp"]
    if not parsed:
        return None
    here = next((address for address in parsed if address.host == host.lower() and address.scheme == "http"), None)
    chosen = here or next((address for address in parsed if is_ipv4(address.host)), parsed[0])
    return f"http://{join_host_port(host, here.port if here else port)}{chosen.target or '/'}"


def stream_address(uri: str, host: str) -> str | None:
    """Return a stream's RTSP URI on the configured host, with its own port and without user and password."""
    address = parse_address(uri)
    if address is None or address.scheme != "rtsp":
        return None
    return f"rtsp://{join_host_port(host, address.port)}{address.target}"


def snapshot_address(uri: str, host: str) -> str | None:
    """Return a snapshot's HTTP URI on the configured host, with its own port and without user and password."""
    address = parse_address(uri)
    if address is None or address.scheme == "rtsp":
        return None
    return f"{address.scheme}://{join_host_port(host, address.port)}{address.target or '/'}"
