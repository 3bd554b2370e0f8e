"""One stream of a recorder for any number of viewers: one session, the group of pictures of the moment, who gets it."""

import asyncio
from collections.abc import Iterable, Mapping
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
import logging
import random
import time
from typing import Protocol

from ..sdp import MediaDescription, SessionDescription
from .codecs import FINDERS
from .delivery import Delivery
from .description import offered_tracks
from .errors import UpstreamEnded, UpstreamError, UpstreamNonsense, UpstreamUnauthorized
from .fields import Channels
from .frames import RtpHeader, first_headers, rtp_header
from .groups import GroupBuffer
from .key_frame import KeyFrame, read_key_frame
from .limits import Limits
from .login_retry import account_of
from .options import CameraOptions
from .passage import Continuation, Passage
from .rtcp import anonymous, is_sender_report
from .scanner import Cut, Scanner
from .shared import Shared
from .source import Source
from .statistics import Rates, StreamState, StreamStatistics
from .upstream import PlayingTrack, UpstreamSession

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


@dataclass(slots=True)
class _Audience:
    """Deliveries that get the same bytes."""

    channels: dict[int, Channels]
    """By track number."""
    passage: Passage
    deliveries: tuple[Delivery, ...] = ()
    last: dict[int, RtpHeader] = field(default_factory=dict)
    """What they got last before the session was lost, by track number."""


@dataclass(slots=True)
class _Session:
    """What is known of the session with the recorder, once its tracks are set up."""

    upstream: UpstreamSession
    tracks: dict[int, PlayingTrack]
    reports: dict[int, bytes] = field(default_factory=dict)
    """The last sender report by channel."""

    @property
    def channels(self) -> dict[int, Channels]:
        """The recorder's, by track number."""
        return {number: track.channels for number, track in self.tracks.items()}

    @property
    def video(self) -> PlayingTrack | None:
        """The track whose key frames begin groups."""
        return next((track for track in self.tracks.values() if track.medium.kind == "video"), None)

    @property
    def finds_keys(self) -> bool:
        """Whether key frames can be told from other pictures."""
        return self.video is not None and self.video.medium.encoding in FINDERS


class StreamHub:
    """Opened by its first holder, closed `keep_seconds` after its last; hands each read of the recorder to all deliveries."""

    def __init__(self, name: str, source: Source, options: CameraOptions, limits: Limits, common: Shared) -> None:
        """Do nothing yet."""
        self.name = name
        self.source = source
        self._options = options
        self._limits = limits
        self._common = common
        self._holders: set[Holder] = set()
        self._described: set[Holder] = set()
        """Holders that know what the stream is."""
        self._audiences: list[_Audience] = []
        self._groups = GroupBuffer(max_size=limits.max_group, max_seconds=limits.max_group_seconds)
        self._session: _Session | None = None
        self._offer: Offer | None = None
        self._waiters: list[asyncio.Future[Offer]] = []
        self._wake = asyncio.Event()
        self._group_began = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._retired = False
        self._expiry: asyncio.TimerHandle | None = None
        self._lost_at = 0.0
        self._key_awaited_until: float | None = None
        """None unless media of a new session is held back until a key frame comes."""
        self._pictures_at_turn = 0
        self._state = StreamState.IDLE
        self._reason: str | None = None
        self._since = datetime.now(UTC)
        self._rates = Rates()
        self._bytes = 0
        self._former_pictures = 0
        self._scanner: Scanner | None = None
        self._reconnects = 0
        self._former_dropped = 0

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
        if not self._holders and (self._retired or not self._options.always_on):
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

    async def group_began(self) -> None:
        """Wait, `play_timeout` at most, for something to join."""
        if self._session is not None and self._session.finds_keys and not self._groups.holding:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.play_timeout):
                    await self._group_began.wait()

    def beginnings(self, numbers: Iterable[int]) -> dict[int, RtpHeader]:
        """Return the header of the first packet that who joins now gets, by track number, where it is known."""
        if self._session is None or not self._groups.holding:
            return {}
        channels = {track.channels[0]: number for number, track in self._session.tracks.items() if number in numbers}
        headers = first_headers(iter(self._groups.pieces), frozenset(channels))
        return {channels[channel]: header for channel, header in headers.items()}

    def join(self, delivery: Delivery, channels: Mapping[int, Channels]) -> None:
        """Give media of these tracks, on these channels, from the beginning of the group of the moment on."""
        audience = self._audience(dict(channels))
        audience.deliveries = (*audience.deliveries, delivery)
        delivery.passage = audience.passage
        if self._session is not None:
            for channel, report in self._session.reports.items():
                delivery.report(audience.passage.report(channel, report))
        if self._groups.holding:
            delivery.begin(self._groups.pieces)
        else:
            delivery.begin([] if self._session is not None and not self._session.finds_keys else None)

    def leave(self, delivery: Delivery) -> None:
        """Give nothing more; idempotent."""
        for audience in tuple(self._audiences):
            if delivery in audience.deliveries:
                audience.deliveries = tuple(item for item in audience.deliveries if item is not delivery)
                self._former_dropped += delivery.dropped
                if not audience.deliveries:
                    self._audiences.remove(audience)

    def _audience(self, channels: dict[int, Channels]) -> _Audience:
        """Return who gets what a new viewer gets; who has seen a reconnect gets something else."""
        for audience in self._audiences:
            if audience.channels == channels and not audience.passage.continuations:
                return audience
        audience = _Audience(channels, self._passage(channels))
        self._audiences.append(audience)
        return audience

    def _passage(self, channels: dict[int, Channels], continuations: dict[int, Continuation] | None = None) -> Passage:
        if self._session is None:
            return Passage({}, channels)
        video = self._session.video
        return Passage(
            self._session.channels, channels, continuations, video=-1 if video is None else video.channels[0]
        )

    # Media: every read of the recorder comes here.

    def media_received(self, piece: bytes, scanner: Scanner) -> None:
        """Hand media to everybody."""
        self._bytes += len(piece)
        if scanner.cuts:
            self._cut(piece, scanner.cuts)
        else:
            self._give(piece)

    def _cut(self, piece: bytes, cuts: list[tuple[int, Cut]]) -> None:
        """Hand media on in parts where groups may begin."""
        groups, start = self._groups, 0
        for position, cut in cuts:
            if cut is Cut.REFUTED:
                groups.unmark()
                continue
            if position > start and cut is not Cut.CONFIRMED:
                self._give(piece[start:position])
                start = position
            if cut is Cut.PARAMETERS:
                groups.mark()
                continue
            if cut is Cut.CONFIRMED and position > start:
                # What is before the picture belongs to it.
                self._give(piece[start:position])
                start = position
            self._turn(groups.turn())
        self._give(piece[start:])

    def _turn(self, begun: list[bytes]) -> None:
        """Begin a group."""
        self._group_began.set()
        self._pictures_at_turn = self._scanner.pictures if self._scanner is not None else 0
        if self._key_awaited_until is not None:
            self._key_awaited_until = None
            for audience in self._audiences:
                for piece in begun:
                    changed = audience.passage.translate(piece)
                    for delivery in audience.deliveries:
                        delivery.give(piece, changed, held=True)
            return
        for audience in self._audiences:
            for delivery in audience.deliveries:
                delivery.turn(begun)

    def _give(self, piece: bytes) -> None:
        """Hand on what belongs together."""
        groups = self._groups
        if groups.former and self._scanner is not None and self._scanner.pictures > self._pictures_at_turn:
            groups.picture_ended()
        if groups.keeps and not groups.append(piece):
            for audience in self._audiences:
                for delivery in audience.deliveries:
                    delivery.group_given_up()
        if self._key_awaited_until is not None and time.monotonic() < self._key_awaited_until:
            return
        self._key_awaited_until = None
        held = groups.holding
        for audience in self._audiences:
            passage = audience.passage
            changed = piece if passage.unchanged else passage.translate(piece)
            for delivery in audience.deliveries:
                delivery.give(piece, changed, held=held)

    def report_received(self, channel: int, compound: bytes) -> None:
        """Pass a report of the recorder on, without what tells who it is."""
        if self._session is None or not (report := anonymous(compound)):
            return
        if is_sender_report(report):
            self._session.reports[channel] = report
        for audience in self._audiences:
            if changed := audience.passage.report(channel, report):
                for delivery in audience.deliveries:
                    delivery.report(changed)

    # The session with the recorder.

    def _run(self) -> None:
        if self._task is None or self._stopping:
            former, self._stopping = self._task, False
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
        self._set_state(StreamState.IDLE, self._reason)
        for holder in tuple(self._holders):
            holder.end()

    async def _live(self, former: asyncio.Task[None] | None) -> None:
        """Have a session, again and again, until nobody wants it."""
        if former is not None:
            # A recorder may count the session that is being given back.
            await asyncio.wait([former])
        failures = 0
        while True:
            began = time.monotonic()
            error = await self._one_session()
            failures = 0 if time.monotonic() - began > self._limits.retry_longest else failures + 1
            self._set_state(StreamState.RETRYING, str(error))
            self._refuse(error)
            delay = min(self._limits.retry_first * 2 ** min(max(failures - 1, 0), 30), self._limits.retry_longest)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(delay, self._login_delay()) * random.uniform(1 - _JITTER, 1 + _JITTER)):
                    await self._wake.wait()

    def _login_delay(self) -> float:
        return self._common.login_retry.seconds_left(account_of(self.source))

    async def _one_session(self) -> UpstreamError:
        """Have a session until it is lost; return why it was, or could not be had."""
        if self._login_delay():
            return UpstreamUnauthorized("recorder refused its credentials; they wait for their next turn")
        if self._state is StreamState.IDLE:
            self._set_state(StreamState.CONNECTING, None)
        upstream = UpstreamSession(self.source, self._limits, self._common.plane, self, tick=self._options.tick)
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
            self._lose()
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
        self._begin(_Session(upstream, await upstream.setup(media)))
        await upstream.play()
        if self._state is StreamState.RETRYING:
            self._reconnects += 1
        self._rates.restart(self._bytes, self._pictures)
        self._set_state(StreamState.LIVE, None)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(self._offer)

    def _refuse(self, error: UpstreamError) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _begin(self, session: _Session) -> None:
        """Let viewers that have seen a former session go on with this one."""
        self._session = session
        self._scanner = session.upstream.scanner
        now = time.monotonic()
        for audience in self._audiences:
            continuations = {
                number: Continuation(
                    last.sequence + 1,
                    last.timestamp + round((now - self._lost_at) * session.tracks[number].medium.clock_rate),
                    last.ssrc,
                )
                for number, last in audience.last.items()
                if number in session.tracks
            }
            audience.passage = self._passage(audience.channels, continuations)
            for delivery in audience.deliveries:
                delivery.passage = audience.passage
        self._key_awaited_until = now + self._limits.key_timeout if session.finds_keys else None

    def _lose(self) -> None:
        """Note where viewers are when a session ends."""
        session, self._session = self._session, None
        if session is None:
            return
        self._lost_at = time.monotonic()
        tails = session.upstream.scanner.tails
        for audience in self._audiences:
            for number, (channel, _) in session.channels.items():
                continuation = audience.passage.continuations.get(number)
                if channel in tails and (continuation is None or continuation.begun):
                    header = rtp_header(tails[channel])
                    audience.last[number] = header if continuation is None else continuation.continued(header)
        if self._scanner is not None:
            self._former_pictures += self._scanner.pictures
            self._scanner = None
        self._groups.clear()
        self._group_began.clear()

    # What it is doing.

    def _set_state(self, state: StreamState, reason: str | None) -> None:
        if state is not self._state:
            self._since = datetime.now(UTC)
        self._state, self._reason = state, reason

    @property
    def _pictures(self) -> int:
        return self._former_pictures + (0 if self._scanner is None else self._scanner.pictures)

    def statistics(self) -> StreamStatistics:
        """Return what it is doing."""
        bytes_rate, frame_rate = self._rates.look(self._bytes, self._pictures)
        live = self._state is StreamState.LIVE
        return StreamStatistics(
            name=self.name,
            state=self._state,
            reason=self._reason,
            since=self._since,
            bit_rate=8 * bytes_rate if live else 0.0,
            frame_rate=frame_rate if live else 0.0,
            reconnects=self._reconnects,
            dropped_groups=self._former_dropped
            + sum(delivery.dropped for audience in self._audiences for delivery in audience.deliveries),
            bytes=self._bytes,
        )

    def key_frame(self) -> KeyFrame | None:
        """Return the last key frame that is whole; None where none is buffered or its encoding isn't known."""
        if self._session is None or (track := self._session.video) is None:
            return None
        groups = (self._groups.pieces if self._groups.holding else [], self._groups.former)
        found = (read_key_frame(pieces, track.channels[0], track.medium) for pieces in groups if pieces)
        return next((key_frame for key_frame in found if key_frame is not None), None)


def _same(former: Mapping[int, MediaDescription], media: Mapping[int, MediaDescription]) -> bool:
    """Tell whether who was described the former media can decode these."""

    def parameters(medium: MediaDescription) -> tuple[object, ...]:
        return medium.kind, medium.payload_type, medium.encoding, medium.clock_rate, medium.channels, medium.fmtp

    return former.keys() == media.keys() and all(
        parameters(former[number]) == parameters(media[number]) for number in media
    )
