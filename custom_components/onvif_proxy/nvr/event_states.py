"""What is going on at each channel, when several rules of a recorder tell of the same thing. Pure."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..model import EventKind

STALE = timedelta(minutes=5)
"""After this long without a word a rule's state no longer counts beside another's: recorders forget to tell ends."""
MAX_RULES = 64
"""Rules that are remembered for one kind of one channel."""


@dataclass(slots=True)
class EventStates:
    """Merges rules: a kind is active while any of its rules is. Motion comes in two topics from most recorders."""

    stale: timedelta = STALE
    max_rules: int = MAX_RULES
    _active: dict[tuple[str, EventKind], dict[Hashable, datetime]] = field(default_factory=dict)

    def update(self, channel: str, kind: EventKind, rule: Hashable, active: bool, at: datetime) -> bool:
        """Take what a rule says, and return whether the kind is active now."""
        rules = self._active.setdefault((channel, kind), {})
        rules.pop(rule, None)
        for old in [other for other, since in rules.items() if at - since > self.stale]:
            del rules[old]
        if active:
            if len(rules) >= self.max_rules:
                del rules[next(iter(rules))]
            rules[rule] = at
        return bool(rules)

    def unconfirmed_since(self, at: datetime, within: timedelta) -> datetime | None:
        """Return when the rule was last said to be active that has been waiting longest to be so again.

        None where nothing is active; what was said more than `within` before `at` is given up.
        """
        said = (since for rules in self._active.values() for since in rules.values())
        return min((since for since in said if at - since <= within), default=None)

    def forget(self) -> None:
        """Begin anew."""
        self._active.clear()
