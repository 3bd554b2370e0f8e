"""What parent and relay tell each other: one JSON object a line, and after an answer that says so that many bytes. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
import json
from typing import get_args

from ..logins import LoginFailure
from ..model import TunnelHalf
from .config import CameraConfig
from .statistics import CameraStatistics, StreamState
from .wire import WireError, from_wire, to_wire

MAX_LINE = 1024 * 1024
"""Bytes, with the end of the line."""
MAX_TUNNEL_MESSAGE = 64 * 1024
"""Bytes, with the payload."""
MAX_PAYLOAD = 16 * 1024 * 1024
"""Bytes: more than any key frame of a camera."""


# Commands. Each names its camera by the number that the parent chose, and is answered where its envelope has a number.


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCamera:
    """Serve a camera; answered with `Listening` or `Failed`."""

    id: int
    camera: CameraConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCamera:
    """Serve it with another login, other sources or options; address and port stay as they are."""

    id: int
    camera: CameraConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveCamera:
    """Serve it no more; answered with `Done` when its port is free."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOut:
    """Let a client wait that guessed at another server of the camera."""

    id: int
    source: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatistics:
    """Answered with `CameraStatistics`."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetKeyFrame:
    """Answered with `KeyFrameFound`, `Done` where there is none in time, or `Failed` as the recorder did."""

    id: int
    stream: str
    seconds: float = 0.0
    """For a stream that nobody watches to be opened; 0 leaves it closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Be asked how it is; the event `Health` tells."""

    log_level: int
    """What is to be logged from now on, as `logging` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeTunnel:
    """Take over a connection, whose descriptor comes with the message, on a way of its own; the payload was received there."""

    id: int
    half: TunnelHalf


# Answers.


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It could not be done."""

    errno: int | None
    """What the operating system said."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """The camera listens."""

    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFrameFound:
    """The frame itself is the payload."""

    codec: str


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Commands are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the process uses."""

    memory: int
    """Resident bytes."""
    cpu_seconds: float
    """Since it started."""
    cameras: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """A camera has other viewers, or a stream another state."""

    id: int
    viewers: int
    streams: Mapping[str, StreamState]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailed:
    """A viewer could not log in."""

    id: int
    failure: LoginFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedOut:
    """A client guessed too often."""

    id: int
    source: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """What was logged, without secrets."""

    level: int
    logger: str
    """Without the name of the package."""
    text: str


type Command = AddCamera | UpdateCamera | RemoveCamera | LockOut | GetStatistics | GetKeyFrame | Ping | TakeTunnel
type Answer = Done | Failed | Listening | CameraStatistics | KeyFrameFound
type Event = Ready | Health | Activity | LoginFailed | LockedOut | LogLine
type Message = Command | Answer | Event

_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for union in (Command, Answer, Event) for kind in get_args(union.__value__)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A message on its way."""

    message: Message
    number: int | None = None
    """Of the command, in its answer too; None in events and in commands that want no answer."""
    payload_size: int = 0
    """Bytes that follow."""


def encode(message: Message, number: int | None = None, payload: bytes = b"") -> bytes:
    """Return the line of a message, and its payload."""
    line = {"kind": type(message).__name__, "number": number, "payload": len(payload), "message": to_wire(message)}
    return json.dumps(line).encode() + b"\n" + payload


def decode(line: bytes) -> Envelope:
    """Read a line; raises WireError."""
    try:
        read = json.loads(line)
        kind, number, size, message = read["kind"], read["number"], read["payload"], read["message"]
        known = _KINDS[kind]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WireError("not a message") from error
    if not (number is None or type(number) is int) or type(size) is not int or not 0 <= size <= MAX_PAYLOAD:
        raise WireError("not an envelope")
    return Envelope(message=from_wire(known, message, kind), number=number, payload_size=size)
