"""What a camera sees now, and the pull points that are told of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
import logging
import secrets
import time
from typing import Final

from ...model import EventKind
from .notification import Notification, PropertyOperation
from .subscription import MAX_QUEUE, Interest, Subscription
from .topics import TOPICS

_LOGGER = logging.getLogger(__name__)

MAX_SUBSCRIPTIONS: Final = 32
MAX_SUBSCRIPTIONS_PER_CLIENT: Final = 8
_IDENTIFIER_BYTES: Final = 12


class EventBroker:
    """The events of one camera; it outlives its servers.

    Pull points that are left behind by their clients end when their time is over, or before that, when there are too
    many: the one first that was not used for the longest time.
    """

    def __init__(
        self,
        *,
        max_subscriptions: int = MAX_SUBSCRIPTIONS,
        max_subscriptions_per_client: int = MAX_SUBSCRIPTIONS_PER_CLIENT,
        max_queue: int = MAX_QUEUE,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is seen yet."""
        self.max_subscriptions_per_client = max_subscriptions_per_client
        self._max_subscriptions = max_subscriptions
        self._max_queue = max_queue
        self._monotonic = monotonic
        self._clock = clock
        self._states: dict[EventKind, tuple[bool, datetime]] = {}
        self._subscriptions: dict[str, Subscription] = {}
        """By identifier; that which was not used for the longest time first."""

    @property
    def kinds(self) -> tuple[EventKind, ...]:
        """What the camera can tell, in the order of `EventKind`."""
        return tuple(kind for kind in EventKind if kind in self._states)

    @property
    def states(self) -> Mapping[EventKind, bool]:
        """What is the case now."""
        return {kind: self._states[kind][0] for kind in self.kinds}

    @property
    def subscribers(self) -> Mapping[str, int]:
        """How many pull points the clients have, by their address."""
        self._end_expired()
        return Counter(each.client for each in self._subscriptions.values())

    @property
    def overtaken(self) -> int:
        """How many states were not told to a pull point of now, as its client let newer ones overtake them."""
        return sum(each.overtaken for each in self._subscriptions.values())

    def set_kinds(self, kinds: Iterable[EventKind]) -> None:
        """Take what the camera can tell; what is new begins as false, what is gone ends."""
        now = self._clock()
        new = {kind: self._states.get(kind, (False, now)) for kind in kinds}
        gone = {kind: state for kind, state in self._states.items() if kind not in new}
        added = [kind for kind in new if kind not in self._states]
        self._states = new
        for kind, (active, _) in gone.items():
            if active:
                self._tell(kind, PropertyOperation.CHANGED, False, now)
            self._tell(kind, PropertyOperation.DELETED, False, now)
        for kind in added:
            self._tell(kind, PropertyOperation.INITIALIZED, *self._states[kind])

    def publish(self, kind: EventKind, active: bool, at: datetime) -> None:
        """Tell all pull points of a change; what is no change, or no kind of this camera, is not told."""
        state = self._states.get(kind)
        if state is None or state[0] == active:
            return
        self._states[kind] = (active, at)
        self._tell(kind, PropertyOperation.CHANGED, active, at)

    def subscribe(self, client: str, interest: Interest, lifetime: float) -> Subscription:
        """Make a pull point for a client, at the cost of another one where there are too many; `lifetime` is seconds."""
        self._end_expired()
        of_client = [each for each in self._subscriptions.values() if each.client == client]
        if len(of_client) >= self.max_subscriptions_per_client:
            self._evict(of_client[0])
        elif len(self._subscriptions) >= self._max_subscriptions:
            self._evict(next(iter(self._subscriptions.values())))
        subscription = Subscription(
            secrets.token_urlsafe(_IDENTIFIER_BYTES),
            client,
            interest,
            lifetime=lifetime,
            clock=self._monotonic,
            max_queue=self._max_queue,
        )
        self._subscriptions[subscription.identifier] = subscription
        self.synchronize(subscription)
        return subscription

    def find(self, identifier: str) -> Subscription | None:
        """Return a pull point that a client is about to use, None when it has ended."""
        self._end_expired()
        if (subscription := self._subscriptions.pop(identifier, None)) is not None:
            self._subscriptions[identifier] = subscription  # as the last that was used
        return subscription

    def end(self, subscription: Subscription) -> None:
        """End a pull point; idempotent."""
        if self._subscriptions.pop(subscription.identifier, None) is not None:
            subscription.end()

    def synchronize(self, subscription: Subscription) -> None:
        """Say anew what is the case."""
        subscription.synchronize(
            notification
            for kind in self.kinds
            for notification in _notifications(kind, PropertyOperation.INITIALIZED, *self._states[kind])
        )

    def _tell(self, kind: EventKind, operation: PropertyOperation, active: bool, at: datetime) -> None:
        self._end_expired()
        notifications = _notifications(kind, operation, active, at)
        for subscription in self._subscriptions.values():
            subscription.offer(notifications)

    def _evict(self, subscription: Subscription) -> None:
        _LOGGER.debug("Too many event subscriptions; one of %s ends", subscription.client)
        self.end(subscription)

    def _end_expired(self) -> None:
        for subscription in [each for each in self._subscriptions.values() if each.is_expired]:
            self.end(subscription)


def _notifications(
    kind: EventKind, operation: PropertyOperation, active: bool, at: datetime
) -> tuple[Notification, ...]:
    return tuple(Notification(topic, operation, active, at) for topic in TOPICS[kind])
