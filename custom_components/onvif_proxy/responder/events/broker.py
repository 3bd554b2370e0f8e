"""What a camera sees now, and the pull points that are told of it."""

from collections.abc import Iterable
from datetime import datetime

from ...model import EventKind


class EventBroker:
    """The events of one camera; it outlives its servers."""

    def __init__(self) -> None:
        """Nothing is seen yet."""
        self._states: dict[EventKind, bool] = {}

    @property
    def kinds(self) -> tuple[EventKind, ...]:
        """What the camera can tell, in the order of `EventKind`."""
        return tuple(kind for kind in EventKind if kind in self._states)

    def set_kinds(self, kinds: Iterable[EventKind]) -> None:
        """Take what the camera can tell; what is new begins as false."""
        self._states = {kind: self._states.get(kind, False) for kind in kinds}

    def publish(self, kind: EventKind, active: bool, at: datetime) -> None:
        """Tell all pull points of a change; what is no change, or no kind of this camera, is not told."""
