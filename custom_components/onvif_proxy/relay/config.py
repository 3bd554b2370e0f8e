"""What a camera is made of, as the control channel carries it and configuration files hold it. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
import json

from ..model import Credentials
from .options import CameraOptions
from .source import Source
from .uris import parse_location
from .wire import WireError, from_wire

DEFAULT_OPTIONS = CameraOptions()
_LONGEST = {"keep_seconds": 86_400.0, "tick": 0.1}
"""Seconds that options may be; all streams wait while the relay sleeps to its next tick."""


class ConfigError(ValueError):
    """The configuration can't be used; the text names the place and holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """Where one camera listens, whom it lets in and what it serves."""

    address: str
    """IPv4."""
    port: int
    """0 takes a free one."""
    credentials: Credentials | None
    """The viewers'; None lets everybody in."""
    sources: Mapping[str, Source]
    """By the name in the path."""
    options: CameraOptions = DEFAULT_OPTIONS


def read_config(text: str) -> list[CameraConfig]:
    """Read a JSON list of cameras, as a person wrote it; raises ConfigError."""
    try:
        cameras = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError("not JSON") from error
    if not isinstance(cameras, list) or not cameras:
        raise ConfigError("not a list of cameras")
    return [_read_camera(camera, f"camera {number}") for number, camera in enumerate(cameras, start=1)]


def _read_camera(value: object, place: str) -> CameraConfig:
    try:
        camera = from_wire(CameraConfig, value, place)
    except WireError as error:
        raise ConfigError(str(error)) from error
    if not 0 <= camera.port < 65536:
        raise ConfigError(f"{place}, port is out of range")
    if not camera.sources:
        raise ConfigError(f"{place}: no sources")
    for name, source in camera.sources.items():
        _check_uri(source.uri, f"{place}, sources, {name!r}, uri")
    for name, longest in _LONGEST.items():
        if not 0 <= getattr(camera.options, name) <= longest:
            raise ConfigError(f"{place}, options, {name} is not from 0 to {longest:g}")
    return camera


def _check_uri(uri: str, place: str) -> None:
    try:
        location = parse_location(uri)
    except ValueError as error:
        raise ConfigError(f"{place}: {error}") from error
    if location.uri.lower() != uri.lower():
        raise ConfigError(f"{place}: credentials don't belong into it")
