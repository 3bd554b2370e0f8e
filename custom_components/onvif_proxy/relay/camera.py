"""What all viewers of one camera share."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..logins import LoginGuard
from ..model import Credentials
from .limits import Limits
from .source import Source


class Viewer(Protocol):
    """What the camera knows of a viewer's connection."""

    address: str
    task: asyncio.Task[None] | None
    """Runs until nothing of it is left."""

    @property
    def watching(self) -> bool:
        """Whether it holds a connection to the recorder."""

    @property
    def has_session(self) -> bool:
        """Whether it has set up something to play."""

    def end(self) -> None:
        """Begin its end."""


@dataclass(slots=True)
class Camera:
    """Who may watch what, and who does."""

    credentials: Credentials | None
    """The viewers'; None lets everybody in."""
    logins: LoginGuard
    sources: Mapping[str, Source]
    realm: str
    limits: Limits
    viewers: set[Viewer] = field(default_factory=set)
    """All connections."""
    buffer: bytearray = field(init=False, repr=False)
    """What connections read into."""

    def __post_init__(self) -> None:
        """Make the buffer."""
        self.buffer = bytearray(self.limits.read_buffer)

    def may_connect(self, address: str) -> bool:
        """Tell whether one more connection from an address is allowed."""
        same = sum(viewer.address == address for viewer in self.viewers)
        return len(self.viewers) < self.limits.max_connections and same < self.limits.max_connections_per_address

    def may_watch(self, address: str) -> bool:
        """Tell whether one more connection to the recorder is allowed for a viewer at an address."""
        watching = [viewer for viewer in self.viewers if viewer.watching]
        same = sum(viewer.address == address for viewer in watching)
        return len(watching) < self.limits.max_viewers and same < self.limits.max_viewers_per_address
