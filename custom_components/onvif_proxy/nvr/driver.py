"""What every recorder driver does, whatever protocol it speaks."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from ..controls import ImagingControl, PtzControl, RelayControl
from ..model import Channel, Recorder, RecorderEvent, RecorderInfo, Snapshot


@dataclass(slots=True)
class EventCounts:
    """What became of a recorder's messages, for diagnostics."""

    reported: int = 0
    unknown_source: int = 0
    """Of something that channels tell, but not of which."""
    of_device: int = 0
    """Of the recorder's own contacts."""
    other: int = 0
    """Of topics that mean nothing here, and messages that don't say what they should."""


class RecorderDriver(ABC):
    """One recorder, reached with one user's credentials. All methods raise subclasses of `RecorderError`."""

    async def __aenter__(self) -> Self:
        """Use it for a block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it at the block's end."""
        await self.close()

    @abstractmethod
    async def identify(self) -> RecorderInfo:
        """Log in and ask who it is, nothing more."""

    @abstractmethod
    async def scan(self) -> Recorder:
        """Log in and learn its channels and their streams; `NoChannels` when there is none."""

    @abstractmethod
    async def snapshot(self, channel: Channel) -> Snapshot:
        """Fetch a still image of a channel as it is now."""

    @abstractmethod
    async def listen(self, on_event: Callable[[RecorderEvent], None], on_state: Callable[[bool], None]) -> None:
        """Report events of the channels that the last scan found, until cancelled; once at a time.

        It reconnects by itself. What goes on is reported again twice a minute, where the recorder can say so. `on_state`
        tells when the recorder begins and ceases to be heard; what was active before it ceased is no longer known. Both are
        called in the event loop and must not block.

        Raises:
            EventsNotSupported: The recorder tells no events; worth another try after the next scan.
            WrongCredentials: It refuses the login, or does not let this user listen; nothing is tried again, since
                recorders lock accounts.
        """

    @property
    @abstractmethod
    def event_counts(self) -> EventCounts:
        """What became of its messages."""

    @abstractmethod
    def ptz(self, channel: Channel) -> PtzControl | None:
        """Return what steers the PTZ unit of a channel, None where it has none."""

    @abstractmethod
    def imaging(self, channel: Channel) -> ImagingControl | None:
        """Return what changes the picture of a channel, None where nothing does."""

    @property
    @abstractmethod
    def relays(self) -> RelayControl | None:
        """What switches its relay outputs, None where the last scan found none."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything; may be called again."""
