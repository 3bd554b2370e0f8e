"""What all viewers of one camera share."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import socket
from typing import Protocol

from ..logins import LoginGuard
from ..model import Credentials, StreamRole
from .backchannel import Backchannel
from .descriptors import viewers_may_have
from .hub import StreamHub
from .limits import Limits
from .options import CameraOptions
from .raw_stream import RawStream
from .shared import Shared
from .source import Source
from .statistics import CameraStatistics, ViewerStatistics


class Viewer(Protocol):
    """What the camera knows of a viewer's connection."""

    address: str
    task: asyncio.Task[None] | None
    """Runs until nothing of it is left."""

    @property
    def known(self) -> bool:
        """Whether it has logged in, or has gone as far as one that has."""

    @property
    def watching(self) -> bool:
        """Whether it holds a stream."""

    def statistics(self) -> ViewerStatistics | None:
        """What it is doing; None where it has set up nothing to play."""

    def end(self) -> None:
        """Begin its end."""


@dataclass(slots=True)
class Camera:
    """Who may watch what, and who does."""

    credentials: Credentials | None
    """The viewers'; None lets everybody in."""
    logins: LoginGuard
    realm: str
    options: CameraOptions
    limits: Limits
    common: Shared
    on_change: Callable[[], None]
    """Called when the number of viewers, or the streams or the state of one, are others."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    hubs: dict[str, StreamHub] = field(default_factory=dict)
    """By the name of the source; none in raw mode."""
    retired: set[StreamHub] = field(default_factory=set)
    """Of sources that are no more, for viewers that still have them."""
    viewers: set[Viewer] = field(default_factory=set)
    """All connections."""
    backchannel: Backchannel = field(init=False)
    raw: RawStream = field(init=False)

    def __post_init__(self) -> None:
        """Nobody talks yet."""
        self.backchannel = Backchannel(self.limits, self.common)
        self.raw = RawStream(self.on_change)

    def may_connect(self, address: str, sock: socket.socket) -> bool:
        """Tell whether one more connection from an address is allowed, with this socket, which is new."""
        same = sum(viewer.address == address for viewer in self.viewers)
        return (
            len(self.viewers) < self.limits.max_connections
            and same < self.limits.max_connections_per_address
            and self.common.strangers.number(address) < self.limits.max_strangers_per_address
            and viewers_may_have(sock.fileno(), self.limits)
        )

    def connected(self, viewer: Viewer) -> None:
        """Note whose connection was taken: it is a stranger until it logs in."""
        self.common.strangers.add(viewer)

    def may_watch(self, address: str) -> bool:
        """Tell whether one more viewer at an address may hold a stream."""
        watching = [viewer for viewer in self.viewers if viewer.watching]
        same = sum(viewer.address == address for viewer in watching)
        return len(watching) < self.limits.max_viewers and same < self.limits.max_viewers_per_address

    @property
    def raw_source(self) -> Source | None:
        """Whose host and port connections are passed on to in raw mode: the main stream's, or that which comes first."""
        return self.sources.get(StreamRole.MAIN) or next(iter(self.sources.values()), None)

    def serve(self, sources: Mapping[str, Source]) -> None:
        """Have a hub for each source; those of other sources go on for who has them."""
        self.sources = dict(sources)
        wanted = {} if self.options.raw else self.sources
        for name, hub in tuple(self.hubs.items()):
            if wanted.get(name) != hub.source:
                self._retire(name)
        self.retired = {hub for hub in self.retired if not hub.closed}
        for name, source in wanted.items():
            if name not in self.hubs:
                self.hubs[name] = StreamHub(name, source, self.options, self.limits, self.common, self.on_change)
                self.hubs[name].update(self.options)
        self.on_change()

    def _retire(self, name: str) -> None:
        hub = self.hubs.pop(name)
        self.retired.add(hub)
        hub.retire()

    def choose(self, options: CameraOptions) -> None:
        """Take other options; who has streams that are others by them is sent away, and to or from raw mode everybody is."""
        former, self.options = self.options, options
        other_mode = former.raw != options.raw
        if other_mode or (former.audio != options.audio and not options.raw):
            gone = [viewer for viewer in self.viewers if other_mode or viewer.watching]
            for name in tuple(self.hubs):
                self._retire(name)
            self.serve(self.sources)
            for viewer in gone:
                viewer.end()
        for hub in self.hubs.values():
            hub.update(options)

    async def close(self) -> None:
        """End all streams."""
        hubs = [*self.hubs.values(), *self.retired]
        self.hubs, self.retired = {}, set()
        await asyncio.gather(self.backchannel.close(), *(hub.close() for hub in hubs))

    def statistics(self) -> CameraStatistics:
        """Return what is going on."""
        viewers = (viewer.statistics() for viewer in self.viewers)
        return CameraStatistics(
            streams=(
                (self.raw.statistics(),) if self.options.raw else tuple(hub.statistics() for hub in self.hubs.values())
            ),
            viewers=tuple(viewer for viewer in viewers if viewer is not None),
        )
