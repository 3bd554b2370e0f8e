"""What every recorder driver does, whatever protocol it speaks."""

from abc import ABC, abstractmethod
from typing import Self

from ..model import Channel, Recorder, RecorderInfo, Snapshot


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
    async def close(self) -> None:
        """Let go of everything; may be called again."""
