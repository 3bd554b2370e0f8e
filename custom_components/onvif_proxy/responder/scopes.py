"""The scopes of a virtual camera: what it is, as URIs that clients filter by (ONVIF Core, device discovery)."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from ..model import CameraDescription
from .texts import shorten

OWN_SCOPE: Final = "onvif-proxy://virtual-camera"
"""Carried by every virtual camera and nobody else; the standard reserves `onvif://www.onvif.org/` for itself."""


MAX_NAME_BYTES = 64
MAX_HARDWARE_BYTES = 32
"""Of UTF-8. Escaped, it is up to three times as much, and all scopes must fit into a datagram, better into one packet."""


def scopes_of(description: CameraDescription) -> tuple[str, ...]:
    """Return the scopes of a camera.

    Home Assistant lists only devices with `Profile/Streaming`, and takes what follows `mac/` for the unique id, so it is
    written exactly as in GetNetworkInterfaces.
    """
    has_audio = any(stream.audio is not None for stream in description.channel.streams)
    return (
        "onvif://www.onvif.org/type/video_encoder",
        *(("onvif://www.onvif.org/type/audio_encoder",) if has_audio else ()),
        "onvif://www.onvif.org/type/Network_Video_Transmitter",
        "onvif://www.onvif.org/Profile/Streaming",
        f"onvif://www.onvif.org/hardware/{_segment(description.model, MAX_HARDWARE_BYTES)}",
        f"onvif://www.onvif.org/name/{_segment(description.name, MAX_NAME_BYTES)}",
        f"onvif://www.onvif.org/mac/{description.endpoint.mac}",
        OWN_SCOPE,
    )


def _segment(text: str, max_bytes: int) -> str:
    return quote(shorten(text, max_bytes), safe="")


def is_own_scope(scopes: Iterable[str]) -> bool:
    """Tell whether a discovered device with these scopes is a virtual camera, of this Home Assistant or another."""
    return any(scope.rstrip("/") == OWN_SCOPE for scope in scopes)
