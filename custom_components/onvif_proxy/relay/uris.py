"""RTSP URIs on both sides of the relay (RFC 2326 sections 3.2 and C.1.1). No I/O."""

from dataclasses import dataclass
import re

DEFAULT_PORT = 554

_LOCATION = re.compile(
    r"rtsp://(?:[^/?#@\s]*@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#:@\s\x00-\x1f\x7f\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?]\S*)?",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*(.*)", re.IGNORECASE)
_PATH = re.compile(r"/(?P<name>[^/?]+)(?:/trackID=(?P<track>[0-9]{1,3}))?/?(?:\?.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Location:
    """An absolute RTSP URI in its parts."""

    host: str
    """Without the brackets of IPv6."""
    port: int
    authority: str
    """Host and port as written."""
    rest: str
    """Path and query as written; may be empty."""

    @property
    def uri(self) -> str:
        """The URI without user and password."""
        return f"rtsp://{self.authority}{self.rest}"


def parse_location(uri: str) -> Location:
    """Read an absolute URI; raises ValueError."""
    match = _LOCATION.fullmatch(uri)
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise ValueError("not an RTSP URI")
    host = match["host"].strip("[]").lower()
    # As a name is looked up; labels that are empty or too long make none.
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise ValueError("not an RTSP URI") from error
    authority = match["host"] if match["port"] is None else f"{match['host']}:{match['port']}"
    return Location(host, port, authority, match["rest"] or "")


def at_authority(uri: str, authority: str) -> str:
    """Put an absolute URI at another host and port: recorders behind NAT, or set up wrongly, name ones that don't exist."""
    match = _ABSOLUTE.fullmatch(uri)
    return f"rtsp://{authority}{match[1]}" if match else uri


def resolve_control(base: str, control: str | None) -> str:
    """Return the URI of an `a=control` value.

    A relative one is appended rather than resolved by RFC 3986: bases end in queries (`?channel=1&subtype=0`), and appending
    is what cameras are built and tested for.
    """
    if not control or control == "*":
        return base
    if match := _ABSOLUTE.fullmatch(control):
        return at_authority(match[0], parse_location(base).authority)
    return f"{base.rstrip('/')}/{control.lstrip('/')}"


@dataclass(frozen=True, slots=True)
class ViewerTarget:
    """What the URI of a viewer's request means."""

    authority: str
    """Host and port as the viewer knows us; empty in `*` and in a path alone."""
    name: str
    """Of the source; empty for the server as a whole."""
    track: int | None = None
    """Counted from 1; None for all of them together."""


def parse_viewer_uri(uri: str) -> ViewerTarget | None:
    """Read a request's URI: absolute, a path, or `*`; None when it names nothing that could exist here."""
    authority, path = "", uri
    if _ABSOLUTE.fullmatch(uri):
        try:
            location = parse_location(uri)
        except ValueError:
            return None
        authority, path = location.authority, location.rest
    if path in ("", "/", "*"):
        return ViewerTarget(authority, "")
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    return ViewerTarget(authority, match["name"], int(match["track"]) if match["track"] else None)
