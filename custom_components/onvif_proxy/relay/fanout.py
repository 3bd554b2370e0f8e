"""What of a recorder's media goes to whom: the group of pictures of the moment, and everybody who is given it."""

import asyncio
from collections.abc import Iterable, Mapping
import contextlib
from dataclasses import dataclass, field
import time

from .codecs import FINDERS
from .delivery import Delivery
from .fields import Channels
from .frames import RtpHeader, first_headers, rtp_header
from .groups import GroupBuffer
from .key_frame import KeyFrame, read_key_frame
from .limits import Limits
from .passage import Continuation, Passage
from .rtcp import anonymous, is_sender_report
from .scanner import Cut, Scanner
from .upstream import PlayingTrack


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
    """What is known of a session with the recorder, once its tracks are set up."""

    scanner: Scanner
    tracks: Mapping[int, PlayingTrack]
    """By track number."""
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


class Fanout:
    """Hands each read of one session after the other to all deliveries, and who joins what came before since the key frame."""

    def __init__(self, limits: Limits) -> None:
        """Nothing comes yet."""
        self.bytes = 0
        """Of media, ever."""
        self._limits = limits
        self._groups = GroupBuffer(max_size=limits.max_group, max_seconds=limits.max_group_seconds)
        self._audiences: list[_Audience] = []
        self._session: _Session | None = None
        self._group_began = asyncio.Event()
        self._lost_at = 0.0
        self._key_awaited_until: float | None = None
        """None unless media of a new session is held back until a key frame comes."""
        self._pictures_at_turn = 0
        self._former_pictures = 0
        self._former_dropped = 0

    # Who gets it.

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
        self.bytes += len(piece)
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
        self._pictures_at_turn = self._session.scanner.pictures if self._session is not None else 0
        if self._key_awaited_until is not None:
            # Nobody got anything yet: who has seen a former session goes on here, who waits begins.
            self._key_awaited_until = None
            for audience in self._audiences:
                for delivery in audience.deliveries:
                    delivery.begin(begun)
            return
        for audience in self._audiences:
            for delivery in audience.deliveries:
                delivery.turn(begun)

    def _give(self, piece: bytes) -> None:
        """Hand on what belongs together."""
        groups = self._groups
        if groups.former and self._session is not None and self._session.scanner.pictures > self._pictures_at_turn:
            groups.picture_ended()
        if groups.keeps and not groups.append(piece):
            for audience in self._audiences:
                for delivery in audience.deliveries:
                    delivery.group_given_up()
        if self._key_awaited_until is not None:
            if time.monotonic() < self._key_awaited_until:
                return
            self._key_awaited_until = None
        held = groups.holding
        for audience in self._audiences:
            passage = audience.passage
            changed = piece if passage.unchanged else passage.translate(piece)
            for delivery in audience.deliveries:
                delivery.give(piece, changed, held)

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

    # Sessions with the recorder.

    def begin(self, scanner: Scanner, tracks: Mapping[int, PlayingTrack]) -> None:
        """Take media of a session from now on; who has seen a former one goes on with this one."""
        session = self._session = _Session(scanner, tracks)
        now = time.monotonic()
        for audience in self._audiences:
            continuations = {
                number: Continuation(
                    last.sequence + 1,
                    last.timestamp + round((now - self._lost_at) * tracks[number].medium.clock_rate),
                    last.ssrc,
                )
                for number, last in audience.last.items()
                if number in tracks
            }
            audience.passage = self._passage(audience.channels, continuations)
            for delivery in audience.deliveries:
                delivery.passage = audience.passage
        self._key_awaited_until = now + self._limits.key_timeout if session.finds_keys else None

    def lose(self) -> None:
        """Note where everybody is when a session ends; idempotent."""
        session, self._session = self._session, None
        if session is None:
            return
        self._lost_at = time.monotonic()
        tails = session.scanner.tails
        for audience in self._audiences:
            for number, (channel, _) in session.channels.items():
                continuation = audience.passage.continuations.get(number)
                if channel in tails and (continuation is None or continuation.begun):
                    header = rtp_header(tails[channel])
                    audience.last[number] = header if continuation is None else continuation.continued(header)
        self._former_pictures += session.scanner.pictures
        self._groups.clear()
        self._group_began.clear()

    # What came of it.

    @property
    def pictures(self) -> int:
        """How many there were, ever."""
        return self._former_pictures + (0 if self._session is None else self._session.scanner.pictures)

    @property
    def dropped(self) -> int:
        """Groups of pictures that deliveries have lost, ever."""
        return self._former_dropped + sum(
            delivery.dropped for audience in self._audiences for delivery in audience.deliveries
        )

    def key_frame(self) -> KeyFrame | None:
        """Return the last key frame that is whole; None where none is buffered or its encoding isn't known."""
        if self._session is None or (track := self._session.video) is None:
            return None
        groups = (self._groups.pieces if self._groups.holding else [], self._groups.former)
        found = (read_key_frame(pieces, track.channels[0], track.medium) for pieces in groups if pieces)
        return next((key_frame for key_frame in found if key_frame is not None), None)
