"""The session description that a viewer gets: built anew from what of the recorder's is known to be harmless. No I/O."""

from collections.abc import Mapping
import re
import zlib

from ..sdp import MediaDescription, SessionDescription
from .fields import is_range

TRACK = "trackID="
"""What a track's URI ends with, then its number from 1."""

_FORMAT_ATTRIBUTES = frozenset({"rtpmap", "fmtp", "framesize", "rtcp-fb"})
"""Attributes that begin with a payload type."""
_NUMBER = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?")
_PLAIN_ATTRIBUTES = {
    "framerate": _NUMBER,
    "x-framerate": _NUMBER,
    "x-dimensions": re.compile(r"[0-9]{1,5} ?, ?[0-9]{1,5}"),
    "ptime": _NUMBER,
    "maxptime": _NUMBER,
}
_BANDWIDTH = re.compile(r"(?:AS|TIAS|RS|RR):[0-9]{1,10}")


def offered_tracks(session: SessionDescription, *, audio: bool = True) -> dict[int, MediaDescription]:
    """Number the media that viewers get: video and, unless it is not wanted, audio; no back channels (ONVIF: `a=sendonly`)."""
    kinds = ("video", "audio") if audio else ("video",)
    media = (medium for medium in session.media if medium.kind in kinds and medium.direction != "sendonly")
    return dict(enumerate(media, start=1))


def describe(session: SessionDescription, tracks: Mapping[int, MediaDescription], *, name: str, address: str) -> bytes:
    """Return SDP with relative controls; `address` is the camera's own (RFC 4566, RFC 2326 appendix C)."""
    media = [line for number, medium in tracks.items() for line in _media_lines(number, medium)]
    version = zlib.crc32("\n".join(media).encode())
    lines = [
        "v=0",
        f"o=- {version} 1 IN IP4 {address}",
        f"s={name}",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        *(f"a=range:{value}" for key, value in session.attributes if key == "range" and is_range(value)),
        *media,
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def _media_lines(number: int, medium: MediaDescription) -> list[str]:
    return [
        f"m={medium.kind} 0 RTP/AVP {' '.join(str(item) for item in medium.payload_types)}",
        *(f"b={value}" for value in medium.bandwidth if _BANDWIDTH.fullmatch(value)),
        *(f"a={key}:{value}" for key, value in medium.attributes if _is_harmless(key, value, medium)),
        "a=sendonly" if medium.direction == "sendonly" else "a=recvonly",
        f"a=control:{TRACK}{number}",
    ]


def _is_harmless(key: str, value: str, medium: MediaDescription) -> bool:
    if key in _FORMAT_ATTRIBUTES:
        payload_type = value.partition(" ")[0]
        return payload_type in map(str, medium.payload_types) and "://" not in value
    pattern = _PLAIN_ATTRIBUTES.get(key)
    return pattern is not None and pattern.fullmatch(value) is not None
