"""What can go wrong with a recorder. Every text is safe to log: no URI, no secret, nothing long."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Fault:
    """What a SOAP fault says."""

    codes: tuple[str, ...]
    """Code and subcodes without their prefixes, outermost first."""
    reason: str


class RecorderError(Exception):
    """A recorder could not be used; the subclass says why."""


class Unreachable(RecorderError):
    """No connection, a connection that broke, or no answer in time."""


class NotOnvif(RecorderError):
    """Something answers there, but not in SOAP."""


class WrongCredentials(RecorderError):
    """The recorder refuses the user, the password, or what this user asks for."""


class ClockTooFarOff(RecorderError):
    """The recorder refuses the login, and its clock is so far off that this is the likely reason."""

    def __init__(self, offset: timedelta) -> None:
        """Take how far the recorder's clock is ahead of ours."""
        super().__init__(f"login refused, and the clock of the recorder is {offset.total_seconds():+.0f} s off")
        self.offset = offset


class NoChannels(RecorderError):
    """The recorder answers well, but has no channel with a stream that can be described."""


class RecorderRefused(RecorderError):
    """The recorder answers with another fault, or with something that cannot be understood."""

    def __init__(self, text: str, fault: Fault | None = None) -> None:
        """Take what it said, if it said it in a fault."""
        super().__init__(text)
        self.fault = fault


class EventsNotSupported(RecorderError):
    """The recorder has no event service, or none with pull points."""
