"""Talking back: sound from a viewer to the recorder's loudspeaker (ONVIF Streaming Specification, "Back Channel Connection").

It goes through a session with the recorder of its own, which lasts as long as the talk: recorders tell of a loudspeaker only
who asks for it, and a session that all viewers share must not end with the one who talks.
"""

import asyncio
import logging
import time

from ..sdp import MediaDescription
from .errors import UpstreamNonsense, UpstreamRefused, UpstreamUnauthorized
from .limits import Limits
from .login_retry import account_of
from .scanner import Scanner
from .shared import Shared
from .source import Source
from .upstream import UpstreamSession

_LOGGER = logging.getLogger(__name__)

FEATURE = "www.onvif.org/ver20/backchannel"
"""What a client requires that wants to talk."""
_REMEMBERED = 60.0
"""Seconds for which what a recorder said of its loudspeaker is not asked again."""
_MAX_REMEMBERED = 16
_RTP_HEADER = 12


class BackchannelBusy(Exception):
    """Somebody else talks."""


class _Deaf:
    """What the recorder sends to who talks is of no use."""

    def media_received(self, piece: bytes, scanner: Scanner) -> None:
        """Ignore it."""

    def report_received(self, channel: int, compound: bytes) -> None:
        """Ignore it."""


class Backchannel:
    """One camera's; one viewer talks at a time."""

    def __init__(self, limits: Limits, common: Shared) -> None:
        """Nobody talks."""
        self._limits = limits
        self._common = common
        self._known: dict[Source, tuple[float, MediaDescription | None]] = {}
        self._talker: object | None = None
        self._session: UpstreamSession | None = None
        self._medium: MediaDescription | None = None
        self._channel = 0
        self._closing: asyncio.Task[None] | None = None

    async def describe(self, source: Source) -> MediaDescription | None:
        """Return what the recorder takes, None where it has no loudspeaker for us; raises UpstreamError."""
        until, medium = self._known.get(source, (0.0, None))
        if time.monotonic() < until:
            return medium
        session = self._new_session(source)
        try:
            medium = await self._open(session, source)
        except (UpstreamRefused, UpstreamNonsense) as error:
            _LOGGER.debug("No talking back: %s", error)
            medium = None
        finally:
            await session.close()
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        self._known[source] = time.monotonic() + _REMEMBERED, medium
        return medium

    async def begin(self, talker: object, source: Source) -> None:
        """Let somebody talk; raises BackchannelBusy or UpstreamError."""
        if self._talker is not None:
            raise BackchannelBusy
        self._talker = talker
        session = self._new_session(source)
        try:
            medium = await self._open(session, source)
            tracks = await session.setup({1: medium})
            await session.play()
        except BaseException:
            await session.close()
            self._talker = None
            raise
        self._session, self._medium, self._channel = session, medium, tracks[1].channels[0]
        session.lost.add_done_callback(lambda lost: None if lost.cancelled() else self.end(talker))

    def say(self, talker: object, packet: bytes | memoryview) -> None:
        """Pass an RTP packet of who talks to the recorder; what is none, or not in the format that was agreed on, is lost."""
        if talker is not self._talker or self._session is None or self._medium is None:
            return
        if len(packet) > _RTP_HEADER and packet[0] >> 6 == 2 and packet[1] & 0x7F in self._medium.payload_types:
            self._session.send_media(self._channel, packet)

    def end(self, talker: object) -> None:
        """Let others talk, once the recorder has its session back; idempotent."""
        if talker is self._talker and self._session is not None:
            session, self._session = self._session, None
            self._closing = asyncio.get_running_loop().create_task(session.close())
            self._closing.add_done_callback(self._ended)

    async def close(self) -> None:
        """End the talk."""
        if self._talker is not None:
            self.end(self._talker)
        if self._closing is not None:
            await asyncio.wait([self._closing])

    def _ended(self, closing: asyncio.Task[None]) -> None:
        self._talker = self._closing = None
        if not closing.cancelled() and (error := closing.exception()) is not None:
            _LOGGER.error("A talk could not be ended", exc_info=error)

    def _new_session(self, source: Source) -> UpstreamSession:
        return UpstreamSession(source, self._limits, self._common.plane, _Deaf(), tick=None, feature=FEATURE)

    async def _open(self, session: UpstreamSession, source: Source) -> MediaDescription:
        """Connect; return what the recorder takes. Raises UpstreamError."""
        account, logins = account_of(source), self._common.login_retry
        if logins.seconds_left(account):
            raise UpstreamUnauthorized("recorder refused its credentials; they wait for their next turn")
        try:
            description = await session.open()
        except UpstreamUnauthorized:
            first, longest = self._limits.login_retry_first, self._limits.login_retry_longest
            logins.refused(account, first=first, longest=longest)
            raise
        logins.accepted(account)
        for medium in description.media:
            if medium.kind == "audio" and medium.direction == "sendonly":
                return medium
        raise UpstreamNonsense("recorder describes no loudspeaker")
