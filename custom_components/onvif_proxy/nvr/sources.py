"""Which channel a message is about. Pure.

Recorders name a channel by its video source, by the configuration of its video source, or by that of its analytics.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from .profiles import Profile

_SOURCE_ITEMS = frozenset({"source", "videosource", "videosourcetoken"})
_CONFIGURATION_ITEMS = frozenset({"videosourceconfigurationtoken", "videosourceconfiguration"})
_ANALYTICS_ITEMS = frozenset({"videoanalyticsconfigurationtoken", "videoanalyticsconfiguration"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMap:
    """What the tokens in messages stand for, by what the media profiles say."""

    channels: frozenset[str] = frozenset()
    """The tokens of the video sources."""
    configurations: Mapping[str, str] = field(default_factory=dict)
    """Source by the token of a VideoSourceConfiguration."""
    analytics: Mapping[str, str] = field(default_factory=dict)
    """Source by the token of a VideoAnalyticsConfiguration."""

    @classmethod
    def of(cls, profiles: Iterable[Profile]) -> Self:
        """Make it of all profiles of a recorder."""
        profiles = list(profiles)
        return cls(
            channels=frozenset(profile.source_token for profile in profiles),
            configurations=_unambiguous((profile.source_configuration, profile.source_token) for profile in profiles),
            analytics=_unambiguous((profile.analytics_configuration, profile.source_token) for profile in profiles),
        )

    def channel_of(self, source: Iterable[tuple[str, str]]) -> str | None:
        """Return the channel that the source items of a message name, None when that is not certain.

        A token may be a video source's and another one's configuration's: what the item is called decides.
        """
        items = [(name.strip().lower(), value) for name, value in source]
        named = False
        for name, value in items:
            token = value if value in self.channels else None
            if name in _SOURCE_ITEMS:
                found = token or self.configurations.get(value)
            elif name in _CONFIGURATION_ITEMS:
                found = self.configurations.get(value) or token
            else:
                continue
            if found is not None:
                return found
            named = True
        for name, value in items:
            if name in _ANALYTICS_ITEMS and value in self.analytics:
                return self.analytics[value]
        # A device with one camera may leave out which; one that names another means another.
        return next(iter(self.channels)) if len(self.channels) == 1 and not named else None


def _unambiguous(pairs: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    """Return the pairs whose key stands for one value only."""
    values: dict[str, set[str]] = {}
    for key, value in pairs:
        if key is not None:
            values.setdefault(key, set()).add(value)
    return {key: next(iter(found)) for key, found in values.items() if len(found) == 1}
