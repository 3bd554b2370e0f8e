"""The scopes of a virtual camera: what it is, as URIs that clients filter by (ONVIF Core, device discovery)."""

from collections.abc import Iterable
import re
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from ..model import CameraDescription
from .texts import shorten

OWN_SCOPE: Final = "onvif-proxy://virtual-camera"
"""Carried by every virtual camera and nobody else; the standard reserves `onvif://www.onvif.org/` for itself."""

MAX_NAME_BYTES = 64
MAX_HARDWARE_BYTES = 32
MAX_LOCATION_BYTES = 32
"""Of UTF-8. Escaped, it is up to three times as much, and all scopes must fit into a datagram, better into one packet."""
MAX_SCOPE_BYTES = 256
"""Of a scope that a client adds, escaped."""

_RESERVED_CATEGORIES: Final = frozenset({"profile", "type", "hardware", "name", "serialnumber"})
_MAC_CATEGORY: Final = "mac"
# What RFC 3986 section 2 allows besides letters and digits, which `quote` leaves alone anyway.
_URI_CHARACTERS: Final = "-._~:/?#[]@!$&'()*+,;=%"
_URI = re.compile(r"[a-z][a-z0-9+.-]*:(?:[^%]|%[0-9a-f]{2})+", re.ASCII | re.IGNORECASE)


class InvalidScope(ValueError):
    """A text that is no scope: not an absolute URI, or too long."""

    def __init__(self, max_bytes: int = MAX_SCOPE_BYTES) -> None:
        """Make an error that names the limit."""
        super().__init__("no absolute URI, or too long")
        self.max_bytes = max_bytes


def scopes_of(description: CameraDescription) -> tuple[str, ...]:
    """Return all scopes of a camera."""
    return (*fixed_scopes(description), *description.scopes)


def fixed_scopes(description: CameraDescription) -> tuple[str, ...]:
    """Return the scopes that follow from what a camera is.

    Home Assistant lists only devices with `Profile/Streaming`, and takes what follows `mac/` for the unique id, so it is
    written exactly as in GetNetworkInterfaces. No other profile is wholly kept, so none is claimed.
    """
    channel = description.channel
    has_audio = any(stream.audio is not None for stream in channel.streams)
    return (
        "onvif://www.onvif.org/type/video_encoder",
        *(("onvif://www.onvif.org/type/audio_encoder",) if has_audio else ()),
        *(("onvif://www.onvif.org/type/ptz",) if channel.ptz is not None else ()),
        "onvif://www.onvif.org/type/Network_Video_Transmitter",
        "onvif://www.onvif.org/Profile/Streaming",
        f"onvif://www.onvif.org/hardware/{_segment(description.model, MAX_HARDWARE_BYTES)}",
        f"onvif://www.onvif.org/name/{_segment(description.name, MAX_NAME_BYTES)}",
        *(
            (f"onvif://www.onvif.org/location/{_segment(description.location, MAX_LOCATION_BYTES)}",)
            if description.location
            else ()
        ),
        f"onvif://www.onvif.org/mac/{description.endpoint.mac}",
        OWN_SCOPE,
    )


def _segment(text: str, max_bytes: int) -> str:
    return quote(shorten(text, max_bytes), safe="")


def normalize_scope(text: str) -> str:
    """Return the URI that an xs:anyURI stands for, as scopes travel in a list with spaces in between.

    What a URI must not hold is escaped (XML Schema 1.0 part 2 section 3.2.17). Raises `InvalidScope`.
    """
    text = text.strip()
    # Escaping only makes it longer.
    if len(text) > MAX_SCOPE_BYTES:
        raise InvalidScope
    scope = quote(text, safe=_URI_CHARACTERS)
    if len(scope) > MAX_SCOPE_BYTES or _URI.fullmatch(scope) is None:
        raise InvalidScope
    try:
        urlsplit(scope)
    except ValueError as error:
        raise InvalidScope from error
    return scope


def is_reserved(scope: str) -> bool:
    """Tell whether a scope says what only the camera itself says: what it is, what it can do, what it is known by.

    Home Assistant takes all that begins with `mac` for the camera's hardware address, in any case.
    """
    parts = urlsplit(scope)
    if parts.scheme == urlsplit(OWN_SCOPE).scheme:
        return True
    category = unquote(parts.path).lower().lstrip("/").partition("/")[0]
    is_onvif = (parts.scheme, parts.hostname) == ("onvif", "www.onvif.org")
    return is_onvif and (category in _RESERVED_CATEGORIES or category.startswith(_MAC_CATEGORY))


def is_own_scope(scopes: Iterable[str]) -> bool:
    """Tell whether a discovered device with these scopes is a virtual camera, of this Home Assistant or another."""
    return any(scope.rstrip("/") == OWN_SCOPE for scope in scopes)
