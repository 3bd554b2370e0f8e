"""Connections to all cameras of a process that have not logged in, by address. No I/O."""

import asyncio
from typing import Protocol


class Stranger(Protocol):
    """What is known of a viewer's connection."""

    address: str
    task: asyncio.Task[None] | None
    """Runs until nothing of it is left."""

    @property
    def known(self) -> bool:
        """Whether it has logged in."""


class Strangers:
    """Counts them."""

    def __init__(self) -> None:
        """Nobody has come."""
        self._by_address: dict[str, set[Stranger]] = {}

    def add(self, viewer: Stranger) -> None:
        """Note one that has connected; it is forgotten with its end."""
        if viewer.task is not None:
            self._by_address.setdefault(viewer.address, set()).add(viewer)
            viewer.task.add_done_callback(lambda _: self._forget(viewer))

    def _forget(self, viewer: Stranger) -> None:
        strangers = self._by_address.get(viewer.address, set())
        strangers.discard(viewer)
        if not strangers:
            self._by_address.pop(viewer.address, None)

    def number(self, address: str) -> int:
        """Return how many of an address there are; who has logged in meanwhile is one no longer."""
        strangers = self._by_address.get(address)
        if strangers is None:
            return 0
        strangers.difference_update([viewer for viewer in strangers if viewer.known])
        return len(strangers)
