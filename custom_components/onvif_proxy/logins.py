"""Who failed to log in and why, and who is locked out for it: one guard a camera, for SOAP, snapshots and RTSP. No I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LoginProblem(StrEnum):
    """Why a login failed."""

    NO_CREDENTIALS = "no_credentials"
    UNKNOWN_USER = "unknown_user"
    WRONG_PASSWORD = "wrong_password"
    CLOCK_OFF = "clock_off"
    REPLAYED = "replayed"
    MALFORMED = "malformed"
    LOCKED_OUT = "locked_out"


class LoginWay(StrEnum):
    """Where somebody wanted to log in."""

    SOAP = "soap"
    SNAPSHOT = "snapshot"
    RTSP = "rtsp"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailure:
    """One login that failed."""

    source: str
    """The client's address."""
    way: LoginWay
    problem: LoginProblem
    at: datetime
    """UTC."""
    seconds_off: int | None = None
    """With `CLOCK_OFF`: how far the client's clock is ahead of ours."""


class LoginGuard:
    """Counts failures by source."""

    def __init__(self, on_failure: Callable[[LoginFailure], None] | None = None) -> None:
        """Nobody has failed yet."""
        self.on_failure = on_failure

    @property
    def recent(self) -> tuple[LoginFailure, ...]:
        """The last failures, oldest first."""
        return ()

    def is_locked_out(self, source: str) -> bool:
        """Tell whether a source has to wait."""
        return False

    def failed(self, source: str, way: LoginWay, problem: LoginProblem, *, seconds_off: int | None = None) -> None:
        """Note a failure."""

    def succeeded(self, source: str) -> None:
        """Note a login that was right."""
