"""One pull point: what waits for a client, and how long it is kept. No I/O."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from .content_filter import ContentFilter
from .notification import Notification, PropertyOperation
from .topic_filter import TopicFilter
from .topics import Topic

MAX_QUEUE: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What a client wants to be told of; a message must pass all filters."""

    topics: tuple[TopicFilter, ...] = ()
    contents: tuple[ContentFilter, ...] = ()
    changes_only: bool = False
    """Neither what is the case at the beginning, nor what is no longer told (the policy tev:ChangedOnly)."""
    _known: dict[tuple[Topic, bool], bool] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What the filters say of what was seen before: there are few different messages, and filters may be long."""

    def accepts(self, notification: Notification) -> bool:
        """Tell whether the client wants to know."""
        if self.changes_only and notification.operation is not PropertyOperation.CHANGED:
            return False
        key = (notification.topic, notification.active)
        if (accepted := self._known.get(key)) is None:
            accepted = self._known[key] = all(matches(notification.topic) for matches in self.topics) and all(
                matches(notification) for matches in self.contents
            )
        return accepted


class Subscription:
    """Keeps messages in order until a client takes them, or until its time is over. All times are seconds.

    The queue is bounded: when a client leaves too many behind, those states are dropped that a newer one of the same
    topic has overtaken. The newest state of each topic is never dropped.
    """

    def __init__(
        self,
        identifier: str,
        client: str,
        interest: Interest,
        *,
        lifetime: float,
        clock: Callable[[], float],
        max_queue: int = MAX_QUEUE,
    ) -> None:
        """Begin; `clock` is a monotonic one."""
        self.identifier = identifier
        self.client = client
        """The address of who made it."""
        self.overtaken = 0
        """How many states were dropped for newer ones."""
        self.has_ended = False
        self.on_news: Callable[[], None] | None = None
        """Called when there is something to take, and at the end; whoever set it last takes."""
        self._interest = interest
        self._clock = clock
        self._max_queue = max_queue
        self._queue: deque[Notification] = deque()
        self._last_taken: dict[Topic, Notification] = {}
        self.renew(lifetime)

    @property
    def remaining(self) -> float:
        """How long it has to live; never less than nothing."""
        return max(0.0, self._expires - self._clock())

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self._expires <= self._clock()

    @property
    def has_news(self) -> bool:
        """Whether a client would not have to wait."""
        return bool(self._queue) or self.has_ended

    def renew(self, lifetime: float) -> None:
        """Live that long from now, and be kept alive for as long by each pull."""
        self._lifetime = lifetime
        self._expires = self._clock() + lifetime

    def keep_alive(self, timeout: float) -> None:
        """Live on after a pull that may take `timeout`, at least for as long again (ONVIF Core, pull messages)."""
        self._expires = max(self._expires, self._clock() + timeout + max(timeout, self._lifetime))

    def offer(self, notifications: Iterable[Notification]) -> None:
        """Keep what the client wants to know."""
        self._queue.extend(each for each in notifications if self._interest.accepts(each))
        self._shrink()
        self._tell()

    def synchronize(self, notifications: Iterable[Notification]) -> None:
        """Say anew what is the case; what was to be said of it before is not needed any more."""
        repeated = tuple(each for each in self._queue if each.operation is not PropertyOperation.INITIALIZED)
        self._queue = deque(repeated)
        self.offer(notifications)

    def take(self, limit: int) -> tuple[Notification, ...]:
        """Take the oldest messages out."""
        taken = tuple(self._queue.popleft() for _ in range(min(limit, len(self._queue))))
        self._last_taken.update((each.topic, each) for each in taken)
        return taken

    def put_back(self, notifications: tuple[Notification, ...]) -> None:
        """Keep what was taken but did not reach the client, unless something newer of the topic has been taken since.

        That may have reached the client, who would take the older state for the newest.
        """
        own = set(map(id, notifications))
        kept = [each for each in notifications if id(self._last_taken[each.topic]) in own]
        self.overtaken += len(notifications) - len(kept)
        self._queue.extendleft(reversed(kept))
        self._shrink()
        self._tell()

    def end(self) -> None:
        """Take no more."""
        self.has_ended = True
        self._queue.clear()
        self._tell()

    def _tell(self) -> None:
        if self.on_news is not None and self.has_news:
            self.on_news()

    def _shrink(self) -> None:
        if len(self._queue) <= self._max_queue:
            return
        newest = {each.topic: position for position, each in enumerate(self._queue)}
        kept = [each for position, each in enumerate(self._queue) if newest[each.topic] == position]
        self.overtaken += len(self._queue) - len(kept)
        self._queue = deque(kept)
