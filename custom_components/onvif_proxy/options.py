"""What the user has chosen for the cameras of an entry, read from its options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from .const import (
    CONF_CAMERA_PASSWORD,
    CONF_CAMERA_USERNAME,
    CONF_CLIENTS_SWITCH_RELAYS,
    CONF_EVENT_SOURCES,
    CONF_EXCLUDED_CHANNELS,
    CONF_KEEP_SECONDS,
    CONF_NO_AUTHENTICATION,
)
from .model import Credentials, EventKind
from .relay.options import CameraOptions as RelayOptions

type Sources = Mapping[EventKind, tuple[str, ...]]
"""The entities that tell a camera of an event: registry ids, and entity ids of those that have none."""


DEFAULT_KEEP_SECONDS = RelayOptions().keep_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraOptions:
    """The options of an entry."""

    login: Credentials
    """Kept while no login is asked for, too."""
    no_authentication: bool = False
    excluded: frozenset[str] = frozenset()
    """The tokens of channels that were left out."""
    clients_switch_relays: bool = False
    keep_seconds: float = DEFAULT_KEEP_SECONDS
    """For which a stream of the recorder outlives its last viewer."""
    event_sources: Mapping[str, Sources] = field(default_factory=dict)
    """By channel token."""

    @property
    def credentials(self) -> Credentials | None:
        """What clients need, None where everybody is let in."""
        return None if self.no_authentication else self.login

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> Self:
        """Read the options of an entry, also of one that an older version made."""
        return cls(
            login=Credentials(username=options[CONF_CAMERA_USERNAME], password=options[CONF_CAMERA_PASSWORD]),
            no_authentication=options.get(CONF_NO_AUTHENTICATION, False),
            excluded=frozenset(options[CONF_EXCLUDED_CHANNELS]),
            clients_switch_relays=options.get(CONF_CLIENTS_SWITCH_RELAYS, False),
            keep_seconds=options.get(CONF_KEEP_SECONDS, DEFAULT_KEEP_SECONDS),
            event_sources={
                token: {EventKind(kind): tuple(entities) for kind, entities in sources.items()}
                for token, sources in options.get(CONF_EVENT_SOURCES, {}).items()
            },
        )
