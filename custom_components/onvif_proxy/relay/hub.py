"""One stream of a recorder for any number of viewers: one session, while somebody needs it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
import logging
import random
import time
from typing import Protocol

from ..sdp import MediaDescription, SessionDescription
from .description import offered_tracks
from .errors import UpstreamEnded, UpstreamError, UpstreamNonsense, UpstreamUnauthorized
from .fanout import Fanout
from .limits import Limits
from .login_retry import account_of
from .options import CameraOptions
from .shared import Shared
from .source import Source
from .statistics import Rates, StreamReason, StreamState, StreamStatistics, StreamTrouble
from .upstream import UpstreamSession

_LOGGER = logging.getLogger(__name__)

_JITTER = 0.25
"""Of a delay, up or down: the streams of a recorder that comes back don't all ask at once."""


class Holder(Protocol):
    """Who needs the stream."""

    def end(self) -> None:
        """Begin its end: the stream that it was described is no more."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the stream is."""

    session: SessionDescription
    media: Mapping[int, MediaDescription]
    """By track number: what viewers may set up."""


class StreamHub:
    """Opened by its first holder, closed `keep_seconds` after its last."""

    def __init__(
        self,
        name: str,
        source: Source,
        options: CameraOptions,
        limits: Limits,
        common: Shared,
        on_change: Callable[[], None],
    ) -> None:
        """Do nothing yet; `on_change` is called when its state is another."""
        self.name = name
        self.source = source
        self._options = options
        self._limits = limits
        self._common = common
        self._on_change = on_change
        self._holders: set[Holder] = set()
        self._described: set[Holder] = set()
        """Holders that know what the stream is."""
        self.fanout = Fanout(limits)
        """What gives viewers the media."""
        self._offer: Offer | None = None
        self._waiters: list[asyncio.Future[Offer]] = []
        self._wake = asyncio.Event()
        self._failure: UpstreamError | None = None
        """What went wrong last, until it is tried again."""
        self._asks_again = 0.0
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._retired = False
        self._expiry: asyncio.TimerHandle | None = None
        self._state = StreamState.IDLE
        self._trouble: StreamTrouble | None = None
        self._since = datetime.now(UTC)
        self._rates = Rates()
        self._reconnects = 0

    # Who holds it.

    def hold(self, holder: Holder) -> None:
        """Need the stream."""
        self._holders.add(holder)
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def release(self, holder: Holder) -> None:
        """Need it no longer; idempotent."""
        if holder not in self._holders:
            return
        self._holders.discard(holder)
        self._described.discard(holder)
        self._settle()

    @property
    def held(self) -> bool:
        """Whether somebody needs it."""
        return bool(self._holders)

    def update(self, options: CameraOptions) -> None:
        """Take other options; `audio` is that of new hubs only."""
        self._options = options
        self._settle()

    def retire(self) -> None:
        """Go on for who is here, and end with the last."""
        self._retired = True
        self._settle()

    async def close(self) -> None:
        """End its holders and the session; idempotent."""
        self._retired = True
        for holder in tuple(self._holders):
            holder.end()
        self._holders.clear()
        self._settle()
        while self._task is not None:
            await asyncio.wait([self._task])

    @property
    def closed(self) -> bool:
        """Whether nothing is left of it."""
        return self._task is None and not self._holders

    def _settle(self) -> None:
        """Do what the number of holders asks for."""
        if self._holders:
            return
        if self._options.always_on and not self._retired:
            self._run()
        elif self._state is StreamState.LIVE and not self._retired and self._options.keep_seconds > 0:
            if self._expiry is None:
                self._expiry = asyncio.get_running_loop().call_later(self._options.keep_seconds, self._expire)
        else:
            self._stop()

    def _expire(self) -> None:
        self._expiry = None
        if self._holders:
            return
        if self._options.always_on and not self._retired:
            self._run()
        else:
            self._stop()

    def _stop(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self._task is not None and not self._stopping:
            self._stopping = True
            self._task.cancel()

    # What viewers ask.

    async def describe(self, holder: Holder) -> Offer:
        """Return what the stream is, once it is live. Raises UpstreamError as the first attempt to open it did."""
        offer = self._offer
        if self._state is not StreamState.LIVE or offer is None or self._stopping:
            if self._failure is not None and time.monotonic() < self._asks_again:
                raise self._failure
            waiter: asyncio.Future[Offer] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            self._wake.set()
            self._run()
            try:
                offer = await waiter
            finally:
                self._waiters.remove(waiter)
        self._described.add(holder)
        return offer

    # The session with the recorder.

    def _run(self) -> None:
        if self._task is None or self._stopping:
            former, self._stopping = self._task, False
            if former is not None:
                # What is being given back is not for who comes now.
                self._offer = None
                self._set_state(StreamState.CONNECTING, None)
            self._task = asyncio.get_running_loop().create_task(self._live(former))
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Forget a session that is over, unless the next one is under way."""
        defect = None if task.cancelled() else task.exception()
        if defect is not None:
            _LOGGER.error("Stream %s could not be served", self.name, exc_info=defect)
        if self._task is not task:
            return
        self._task, self._stopping, self._offer = None, False, None
        self._described.clear()
        self._refuse(UpstreamEnded("the stream was closed"))
        self._set_state(StreamState.IDLE, self._trouble)
        for holder in tuple(self._holders):
            holder.end()
        if defect is not None and self._options.always_on and not self._retired:
            self._expiry = asyncio.get_running_loop().call_later(self._limits.retry_longest, self._expire)

    async def _live(self, former: asyncio.Task[None] | None) -> None:
        """Have a session, again and again, until nobody wants it."""
        if former is not None:
            # A recorder may count the session that is being given back.
            await asyncio.wait([former])
        failures = 0
        while True:
            began, self._failure = time.monotonic(), None
            error = await self._one_session()
            failures = 0 if time.monotonic() - began > self._limits.retry_longest else failures + 1
            self._set_state(StreamState.RETRYING, error.trouble)
            self._refuse(error)
            if self._retired:
                # Whoever asks anew gets the source that there is now.
                return
            delay = min(self._limits.retry_first * 2 ** min(max(failures - 1, 0), 30), self._limits.retry_longest)
            least = self._limits.retry_asked
            if error.reason is StreamReason.LOGIN_REFUSED and not isinstance(error, UpstreamUnauthorized):
                # The recorder forbids this stream; others of the account may be allowed, so it is not for all to wait.
                delay, least = (max(one, self._limits.login_retry_first) for one in (delay, least))
            await self._rest(error, max(delay, self._login_delay()), least)

    async def _rest(self, error: UpstreamError, delay: float, least: float) -> None:
        """Wait for the next attempt, `least` seconds of it whoever asks: meanwhile they are told what went wrong."""
        self._failure, self._asks_again = error, time.monotonic() + least
        self._wake.clear()
        try:
            async with asyncio.timeout(delay * random.uniform(1 - _JITTER, 1 + _JITTER)):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _login_delay(self) -> float:
        return self._common.login_retry.seconds_left(account_of(self.source))

    async def _one_session(self) -> UpstreamError:
        """Have a session until it is lost; return why it was, or could not be had."""
        if self._login_delay():
            return UpstreamUnauthorized("recorder refused its credentials; they wait for their next turn")
        if self._state is StreamState.IDLE:
            self._set_state(StreamState.CONNECTING, None)
        upstream = UpstreamSession(self.source, self._limits, self._common.plane, self.fanout, tick=self._options.tick)
        try:
            try:
                await self._open(upstream)
                error = await upstream.lost
            except UpstreamError as failure:
                error = failure
            if isinstance(error, UpstreamUnauthorized):
                self._common.login_retry.refused(
                    account_of(self.source),
                    first=self._limits.login_retry_first,
                    longest=self._limits.login_retry_longest,
                )
            _LOGGER.debug("Stream %s: %s", self.name, error)
            return error
        finally:
            self.fanout.lose()
            await upstream.close()

    async def _open(self, upstream: UpstreamSession) -> None:
        """Describe, set up, play. Raises UpstreamError."""
        description = await upstream.open()
        self._common.login_retry.accepted(account_of(self.source))
        media = offered_tracks(description, audio=self._options.audio)
        if not media:
            raise UpstreamNonsense("recorder describes nothing that viewers could play")
        if self._offer is not None and not _same(self._offer.media, media):
            # They would decode the new media with the old parameters.
            for holder in tuple(self._described):
                holder.end()
            self._described.clear()
        self._offer = Offer(description, media)
        tracks = await upstream.setup(media)
        self.fanout.begin(upstream.scanner, tracks)
        await upstream.play()
        if self._state is StreamState.RETRYING:
            self._reconnects += 1
        self._rates.restart(self.fanout.bytes, self.fanout.pictures)
        self._set_state(StreamState.LIVE, None)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(self._offer)

    def _refuse(self, error: UpstreamError) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)

    # What it is doing.

    def _set_state(self, state: StreamState, trouble: StreamTrouble | None) -> None:
        former, self._state, self._trouble = self._state, state, trouble
        if state is not former:
            self._since = datetime.now(UTC)
            self._on_change()

    def statistics(self) -> StreamStatistics:
        """Return what it is doing."""
        bytes_rate, frame_rate = self._rates.look(self.fanout.bytes, self.fanout.pictures)
        live = self._state is StreamState.LIVE
        return StreamStatistics(
            name=self.name,
            state=self._state,
            trouble=self._trouble,
            since=self._since,
            bit_rate=8 * bytes_rate if live else 0.0,
            frame_rate=frame_rate if live else 0.0,
            reconnects=self._reconnects,
            dropped_groups=self.fanout.dropped,
            bytes=self.fanout.bytes,
        )


def _same(former: Mapping[int, MediaDescription], media: Mapping[int, MediaDescription]) -> bool:
    """Tell whether who was described the former media can decode these."""

    def parameters(medium: MediaDescription) -> tuple[object, ...]:
        return medium.kind, medium.payload_type, medium.encoding, medium.clock_rate, medium.channels, medium.fmtp

    return former.keys() == media.keys() and all(
        parameters(former[number]) == parameters(media[number]) for number in media
    )
