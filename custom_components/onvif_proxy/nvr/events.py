"""Listening to a recorder: one pull point for all of its channels (Core specification section 9.2)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched
import logging
import math

from lxml import etree

from ..model import EventKind, RecorderEvent
from .addresses import service_address
from .driver import EventCounts
from .errors import EventsNotSupported, NotOnvif, RecorderError, RecorderRefused, WrongCredentials
from .event_states import EventStates
from .fault import is_not_supported
from .notifications import Notification, read_lifetime, read_pulled, read_subscription
from .soap import EVENTS, PULL_POINT, SUBSCRIPTION, SoapClient
from .sources import SourceMap
from .topics import DEVICE_TOPICS, TOPICS, interpret

_LOGGER = logging.getLogger(__name__)

PULL_TIMEOUT = 30.0
"""Seconds that the recorder may wait for something to tell; it answers as soon as there is something."""
MESSAGE_LIMIT = 100
"""Messages of one answer."""
LIFETIME = 90.0
"""Seconds that a subscription is asked for: short, since what a crash leaves behind counts against the recorder's limit."""
MIN_RENEWAL = 5.0
"""Seconds between renewals, whatever the recorder says of its subscription."""
RETRY_DELAYS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds before each new attempt; the last goes on."""
SETTLED = 60.0
"""Seconds after which a subscription counts as one that worked: losing it is not a further failure."""
QUICK = 0.5
"""Seconds: empty answers that come sooner were not waited for."""
PAUSE = 0.5
"""Seconds before the next request to a recorder that does not wait until it has something to tell."""
MAX_BURST = 2000
"""Messages that are taken as fast as they come."""
MESSAGES_PER_SECOND = 250.0
"""Those that are taken in the long run: a recorder that never ends must cost little, and can keep the rest."""
ANSWER_COST = 10
"""Messages that an answer counts for, beside those that it holds."""
BATCH = 64
"""Messages that are reported before others of the event loop have their turn."""
CONFIRMATION = 25.0
"""Seconds after which a recorder is asked whether something still goes on: most tell a beginning and an end, once each."""
GIVEN_UP = 60.0
"""Seconds after which what the recorder did not confirm is not asked for any more: whoever listens has ended it by then."""
FAREWELL_TIMEOUT = 3.0
"""Seconds for unsubscribing."""
MAX_TOLD = 64
"""Unknown topics and sources that are logged, once each."""
MAX_TOLD_LENGTH = 200
"""Characters of each."""


@dataclass(slots=True, kw_only=True)
class _Budget:
    """So much at once, and so much a second in the long run."""

    most: float
    per_second: float
    _left: float = 0.0
    _at: float = -math.inf

    def spend(self, amount: float, now: float) -> float:
        """Take some, and return how many seconds to wait before more is taken."""
        self._left = min(self.most, self._left + (now - self._at) * self.per_second) - amount
        self._at = now
        return max(0.0, -self._left / self.per_second)


@dataclass(slots=True, kw_only=True)
class _Subscription:
    headers: Sequence[etree._Element]
    renew_at: float
    """In the loop's time."""


@dataclass(slots=True, kw_only=True)
class EventListener:
    """Keeps one subscription to a recorder alive; `run` once at a time."""

    soap: SoapClient
    sources: SourceMap = field(default_factory=SourceMap)
    """Replaced by each scan."""
    pull_timeout: float = PULL_TIMEOUT
    message_limit: int = MESSAGE_LIMIT
    lifetime: float = LIFETIME
    min_renewal: float = MIN_RENEWAL
    retry_delays: Sequence[float] = RETRY_DELAYS
    settled: float = SETTLED
    pause: float = PAUSE
    max_burst: int = MAX_BURST
    messages_per_second: float = MESSAGES_PER_SECOND
    confirmation: float = CONFIRMATION
    given_up: float = GIVEN_UP
    farewell_timeout: float = FAREWELL_TIMEOUT
    counts: EventCounts = field(default_factory=EventCounts)
    _states: EventStates = field(default_factory=EventStates)
    _subscription: _Subscription | None = None
    _asked: datetime | None = None
    """When the recorder was last asked to say the state of everything; None where it can't."""
    _absolute_times: bool = False
    """The recorder misreads durations, as some do."""
    _told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Let requests of the subscription wait, and not behind a scan."""
        self.soap.patience[PULL_POINT] = self.pull_timeout
        self.soap.patience[SUBSCRIPTION] = 0.0

    async def run(self, on_event: Callable[[RecorderEvent], None], on_state: Callable[[bool], None]) -> None:
        """Report events until cancelled; `on_state` tells when the recorder begins and ceases to be heard.

        Raises:
            EventsNotSupported: It has no event service, or no pull points.
            WrongCredentials: It refuses the login; what is asked again and again would lock the account.
        """
        if EVENTS not in self.soap.addresses:
            raise EventsNotSupported("the recorder names no event service")
        failures = 0
        heard = False
        while True:
            began = asyncio.get_running_loop().time()
            subscribed = False
            try:
                await self._subscribe()
                heard = subscribed = True
                on_state(True)
                await self._pull_on(on_event)
            except WrongCredentials:
                # Not even to unsubscribe: each request with this login counts.
                self._subscription = None
                raise
            except RecorderError as error:
                if not heard and is_not_supported(error):
                    raise EventsNotSupported(str(error)) from error
                _LOGGER.debug("Not listening to %s: %s", self.soap.host, error)
            finally:
                self._states.forget()
                if subscribed:
                    on_state(False)
                await self._unsubscribe()
            if asyncio.get_running_loop().time() - began >= self.settled:
                failures = 0
            await asyncio.sleep(self.retry_delays[min(failures, len(self.retry_delays) - 1)])
            failures += 1

    async def _subscribe(self) -> None:
        """Make a pull point, and have it begin with the state of everything."""
        creation = asyncio.ensure_future(self._create())
        try:
            self._subscription = await asyncio.shield(creation)
        except asyncio.CancelledError:
            # The recorder may have made it already: only its answer tells what to unsubscribe from.
            self._subscription = await self._finished_soon(creation)
            raise
        await self._synchronize()

    async def _synchronize(self) -> None:
        """Have the recorder say the state of everything anew, where it can."""
        self._asked = datetime.now(UTC)
        try:
            async with asyncio.timeout(self.soap.timeout):
                await self._ask(PULL_POINT, "SetSynchronizationPoint", lambda _: None)
        except (RecorderError, TimeoutError) as error:
            # Not all have it, and most begin so by themselves. One that is gone is noticed by the next request.
            _LOGGER.debug("%s: no synchronization point: %s", self.soap.host, error)
            self._asked = None

    async def _create(self) -> _Subscription:
        parameters = {"InitialTerminationTime": self._termination_time()}
        made = await self.soap.read(EVENTS, "CreatePullPointSubscription", read_subscription, parameters)
        address = service_address(made.address, self.soap.host, self.soap.port)
        if address is None:
            raise RecorderRefused("CreatePullPointSubscription: no HTTP address")
        self.soap.addresses[PULL_POINT] = self.soap.addresses[SUBSCRIPTION] = address
        return _Subscription(headers=made.headers, renew_at=self._renewal(made.lifetime))

    async def _finished_soon(self, creation: asyncio.Future[_Subscription]) -> _Subscription | None:
        try:
            async with asyncio.timeout(self.farewell_timeout):
                return await creation
        except RecorderError, TimeoutError:
            return None

    async def _unsubscribe(self) -> None:
        """Let the recorder forget the subscription; it would by itself, later."""
        if self._subscription is None:
            return
        try:
            async with asyncio.timeout(self.farewell_timeout):
                await self._ask(SUBSCRIPTION, "Unsubscribe", lambda _: None)
        except (RecorderError, TimeoutError) as error:
            _LOGGER.debug("%s: not unsubscribed: %s", self.soap.host, error)
        finally:
            self._subscription = None

    async def _pull_on(self, on_event: Callable[[RecorderEvent], None]) -> None:
        """Fetch messages until an error ends it."""
        loop = asyncio.get_running_loop()
        budget = _Budget(most=self.max_burst, per_second=self.messages_per_second)
        while (subscription := self._subscription) is not None:
            left = subscription.renew_at - loop.time()
            if left <= 0:
                await self._renew(subscription)
                continue
            if (until_confirmation := self._until_confirmation()) <= 0:
                await self._synchronize()
                continue
            began = loop.time()
            # Whole seconds: not every recorder reads fractions.
            timeout = timedelta(seconds=min(self.pull_timeout, max(1, int(min(left, until_confirmation)))))
            parameters = {"Timeout": timeout, "MessageLimit": self.message_limit}
            pulled = await self._ask(PULL_POINT, "PullMessages", read_pulled, parameters)
            at = datetime.now(UTC)
            for batch in batched(pulled.notifications, BATCH, strict=False):
                for notification in batch:
                    self._report(notification, at, on_event)
                await asyncio.sleep(0)
            if pulled.lifetime is not None:
                subscription.renew_at = loop.time() + self._until_renewal(pulled.lifetime)
            took = loop.time() - began
            wait = budget.spend(ANSWER_COST + len(pulled.notifications), loop.time())
            if not pulled.notifications and took < min(QUICK, self.pull_timeout / 2):
                await asyncio.sleep(self.pause)
            elif wait:
                await asyncio.sleep(wait)

    def _until_confirmation(self) -> float:
        """Return the seconds until the recorder is to be asked whether something still goes on."""
        now = datetime.now(UTC)
        since = self._states.unconfirmed_since(now, timedelta(seconds=self.given_up))
        if since is None or self._asked is None:
            return math.inf
        return self.confirmation - (now - max(since, self._asked)).total_seconds()

    async def _renew(self, subscription: _Subscription) -> None:
        """Lengthen the subscription's life; where that is refused, take a new one."""
        parameters = {"TerminationTime": self._termination_time()}
        try:
            lifetime = await self._ask(SUBSCRIPTION, "Renew", read_lifetime, parameters)
        except (RecorderRefused, NotOnvif) as error:
            _LOGGER.debug("%s: not renewed: %s", self.soap.host, error)
            # First away with the old one: some recorders allow for two in all.
            await self._unsubscribe()
            await self._subscribe()
            return
        subscription.renew_at = self._renewal(lifetime)

    async def _ask[T](
        self, service: str, operation: str, reader: Callable[[bytes], T], parameters: Mapping[str, object] | None = None
    ) -> T:
        headers = self._subscription.headers if self._subscription else ()
        return await self.soap.read(service, operation, reader, parameters, headers=headers)

    def _termination_time(self) -> str:
        if not self._absolute_times:
            return f"PT{self.lifetime:g}S"
        end = datetime.now(UTC) + (self.soap.clock_offset or timedelta()) + timedelta(seconds=self.lifetime)
        return end.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _renewal(self, lifetime: float | None) -> float:
        """Return when to renew a subscription that was just made or renewed."""
        now = asyncio.get_running_loop().time()
        if lifetime is not None and lifetime < self.lifetime / 2 and not self._absolute_times:
            self._absolute_times = True
            return now
        return now + self._until_renewal(self.lifetime if lifetime is None else lifetime)

    def _until_renewal(self, lifetime: float) -> float:
        return max(lifetime - self.lifetime / 2, lifetime / 2, self.min_renewal)

    def _report(self, message: Notification, at: datetime, on_event: Callable[[RecorderEvent], None]) -> None:
        readings = interpret(message.topic, message.source, message.data, message.operation)
        if not readings:
            if message.topic in DEVICE_TOPICS:
                self.counts.of_device += 1
            else:
                self.counts.other += 1
                self._tell_once("topic" if message.topic not in TOPICS else "message of", message.topic)
            return
        channel = self.sources.channel_of(message.source)
        if channel is None:
            self.counts.unknown_source += 1
            self._tell_once("source", ", ".join(f"{name}={value}" for name, value in message.source))
            return
        for reading in readings:
            self.counts.reported += 1
            on_event(self._event(channel, reading.kind, reading.active, message, at))

    def _event(
        self, channel: str, kind: EventKind, active: bool | None, message: Notification, at: datetime
    ) -> RecorderEvent:
        momentary = active is None
        if active is not None:
            active = self._states.update(channel, kind, (message.topic, message.source), active, at)
        return RecorderEvent(channel=channel, kind=kind, active=active is not False, at=at, momentary=momentary)

    def _tell_once(self, what: str, name: str) -> None:
        if name not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(name)
            _LOGGER.debug("%s: unknown %s %r in its events", self.soap.host, what, name[:MAX_TOLD_LENGTH])
