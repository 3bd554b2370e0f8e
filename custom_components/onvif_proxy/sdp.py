"""Session descriptions of RTSP servers (RFC 4566, RFC 2326 appendix C), read the way devices write them. No I/O."""

from base64 import b64decode
from dataclasses import dataclass
import math
import re

from .sps import MAX_SIZE, h264_picture_size, h265_picture_size

DEFAULT_MAX_LENGTH = 64 * 1024
"""Bytes of a description."""
DEFAULT_MAX_LINES = 1000
DEFAULT_MAX_MEDIA = 32

_STATIC_PAYLOADS: dict[int, tuple[str, int]] = {
    0: ("PCMU", 8000),
    3: ("GSM", 8000),
    4: ("G723", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    10: ("L16", 44100),
    11: ("L16", 44100),
    14: ("MPA", 90000),
    26: ("JPEG", 90000),
    32: ("MPV", 90000),
    33: ("MP2T", 90000),
}
"""Encoding and clock rate of payload types that need no rtpmap (RFC 3551 section 6)."""

_ONVIF_CODECS = {
    "H264": "H264",
    "H265": "H265",
    "JPEG": "JPEG",
    "MP4V-ES": "MPEG4",
    "PCMU": "G711",
    "PCMA": "G711",
    "G726-16": "G726",
    "G726-24": "G726",
    "G726-32": "G726",
    "G726-40": "G726",
    "MPEG4-GENERIC": "AAC",
    "MP4A-LATM": "AAC",
}

_PAYLOAD_TYPE = re.compile(r"[0-9]{1,2}|1[01][0-9]|12[0-7]")
_DIRECTIONS = frozenset({"recvonly", "sendonly", "sendrecv", "inactive"})


class SdpError(ValueError):
    """Not a session description, or over a limit; the text is safe to log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDescription:
    """One `m=` section; encoding, clock rate and fmtp are those of its first payload type."""

    kind: str
    """video, audio, application, ..."""
    payload_type: int
    encoding: str
    """The rtpmap's name in upper case: H264, H265, PCMU, MPEG4-GENERIC, ...; empty when unknown."""
    clock_rate: int
    """Hz; 0 when unknown."""
    channels: int = 1
    """Audio channels."""
    control: str | None = None
    """As the server wrote it: a URI, absolute or relative, or `*`."""
    fmtp: dict[str, str]
    """Format parameters, names in lower case."""
    framerate: float | None = None
    """Frames a second."""
    direction: str | None = None
    """recvonly, sendonly, sendrecv or inactive, from the client's view (ONVIF: sendonly is a back channel)."""
    protocol: str = "RTP/AVP"
    payload_types: tuple[int, ...]
    """All that the `m=` line offers, the first first."""
    bandwidth: tuple[str, ...] = ()
    """Values of `b=` lines, `AS:4096`."""
    attributes: tuple[tuple[str, str], ...] = ()
    """All `a=` lines in order as (name, value); the value of a flag is empty."""

    def attribute(self, name: str) -> str | None:
        """Return the first value of an attribute."""
        return next((value for key, value in self.attributes if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDescription:
    """What a DESCRIBE is answered with."""

    control: str | None
    """The aggregate control URI as the server wrote it."""
    media: tuple[MediaDescription, ...]
    attributes: tuple[tuple[str, str], ...] = ()
    """The session's own `a=` lines."""


def parse_sdp(
    text: bytes,
    *,
    max_length: int = DEFAULT_MAX_LENGTH,
    max_lines: int = DEFAULT_MAX_LINES,
    max_media: int = DEFAULT_MAX_MEDIA,
) -> SessionDescription:
    """Read a description; lines that make no sense are left out. Raises SdpError where there is none or too much."""
    if len(text) > max_length:
        raise SdpError("description too long")
    lines = [line.strip() for line in text.decode("utf-8-sig", "replace").splitlines()]
    lines = [line for line in lines if line[1:2] == "="]
    if len(lines) > max_lines:
        raise SdpError("too many lines")
    if not any(line.startswith("v=") for line in lines):
        raise SdpError("not a session description")
    sections: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    if len(sections) - 1 > max_media:
        raise SdpError("too many media")
    attributes = _attributes(sections[0])
    direction = _direction(attributes)
    media = [_media(section, direction) for section in sections[1:]]
    return SessionDescription(
        control=_first(attributes, "control"),
        media=tuple(medium for medium in media if medium is not None),
        attributes=attributes,
    )


def _attributes(section: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = (line[2:].partition(":") for line in section if line.startswith("a="))
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def _first(attributes: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((value for key, value in attributes if key == name), None)


def _direction(attributes: tuple[tuple[str, str], ...]) -> str | None:
    return next((name for name, _ in attributes if name in _DIRECTIONS), None)


def _media(section: list[str], session_direction: str | None) -> MediaDescription | None:
    """Read one section; None when its `m=` line can't be read."""
    kind, _, rest = section[0][2:].partition(" ")
    _, _, rest = rest.strip().partition(" ")
    protocol, *formats = rest.split() or [""]
    payload_types = tuple(dict.fromkeys(int(item) for item in formats if _PAYLOAD_TYPE.fullmatch(item)))
    if not payload_types:
        return None
    attributes = _attributes(section)
    payload_type = payload_types[0]
    encoding, clock_rate, channels = _encoding(attributes, payload_type)
    return MediaDescription(
        kind=kind.lower(),
        payload_type=payload_type,
        encoding=encoding,
        clock_rate=clock_rate,
        channels=channels,
        control=_first(attributes, "control"),
        fmtp=_format_parameters(attributes, payload_type),
        framerate=_frame_rate(_first(attributes, "framerate")),
        direction=_direction(attributes) or session_direction,
        protocol=protocol,
        payload_types=payload_types,
        bandwidth=tuple(line[2:].strip() for line in section if line.startswith("b=")),
        attributes=attributes,
    )


def _of_payload(attributes: tuple[tuple[str, str], ...], name: str, payload_type: int) -> str | None:
    """Return what follows the payload type in an attribute such as `rtpmap:96 H264/90000`."""
    for key, value in attributes:
        number, _, rest = value.partition(" ")
        if key == name and number == str(payload_type):
            return rest.strip()
    return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _encoding(attributes: tuple[tuple[str, str], ...], payload_type: int) -> tuple[str, int, int]:
    """Return encoding, clock rate and audio channels."""
    rtpmap = _of_payload(attributes, "rtpmap", payload_type)
    if rtpmap is None:
        return *_STATIC_PAYLOADS.get(payload_type, ("", 0)), 1
    encoding, clock_rate, channels, *_ = [part.strip() for part in rtpmap.split("/")] + ["", ""]
    return encoding.upper(), _number(clock_rate), _number(channels) or 1


def _format_parameters(attributes: tuple[tuple[str, str], ...], payload_type: int) -> dict[str, str]:
    parameters = (_of_payload(attributes, "fmtp", payload_type) or "").split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _frame_rate(text: str | None) -> float | None:
    try:
        rate = float(text or "")
    except ValueError:
        return None
    return rate if math.isfinite(rate) and 0 < rate <= 1000 else None


def onvif_codec(media: MediaDescription) -> str | None:
    """Return ONVIF's name of the encoding: H264, H265, JPEG, MPEG4, G711, G726 or AAC."""
    return _ONVIF_CODECS.get(media.encoding)


def picture_size(media: MediaDescription) -> tuple[int, int] | None:
    """Return (width, height) in pixels: of the parameter sets, else of `a=x-dimensions` or `a=framesize`."""
    for name, size_of in (("sprop-parameter-sets", h264_picture_size), ("sprop-sps", h265_picture_size)):
        for encoded in media.fmtp.get(name, "").split(",")[:16]:
            if size := size_of(_base64(encoded)):
                return size
    dimensions = (media.attribute("x-dimensions") or "").replace(" ", "").partition(",")
    framesize = (_of_payload(media.attributes, "framesize", media.payload_type) or "").partition("-")
    for width, _, height in (dimensions, framesize):
        if 0 < _number(width) <= MAX_SIZE and 0 < _number(height) <= MAX_SIZE:
            return _number(width), _number(height)
    return None


def _base64(text: str) -> bytes:
    """Decode, with or without padding; empty when it can't be."""
    text = text.strip().rstrip("=")
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:  # of what is not even ASCII, too
        return b""
