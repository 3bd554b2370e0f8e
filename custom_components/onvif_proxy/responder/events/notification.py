"""What a client is told: one state of one topic at one time."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .topics import Topic


class PropertyOperation(StrEnum):
    """What happened to a property (ONVIF Core, property events)."""

    INITIALIZED = "Initialized"
    CHANGED = "Changed"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class Notification:
    """One message, before it is written."""

    topic: Topic
    operation: PropertyOperation
    active: bool
    at: datetime
    """UTC."""

    @property
    def items(self) -> tuple[tuple[str, str], ...]:
        """All simple items with their values: the source's, then the data."""
        return (
            *((item.name, item.value) for item in self.topic.source),
            (self.topic.data, "true" if self.active else "false"),
        )
