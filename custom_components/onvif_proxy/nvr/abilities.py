"""What a recorder can do beyond showing pictures: a scan's optional part, which never fails and never flaps."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
import logging

from ..model import Channel, EventKind, PtzAbilities, RelayOutput
from .errors import RecorderError, Unreachable, WrongCredentials
from .imaging import read_settings
from .notifications import read_topic_set
from .parallel import all_of
from .profiles import Profile
from .ptz import PtzScan, choose_profile
from .relays import find_relays
from .soap import EVENTS, IMAGING, PTZ, SoapClient
from .topics import kinds_of

_LOGGER = logging.getLogger(__name__)

TIMEOUT = 15.0
"""Seconds for all of it; what did not answer by then stays as it was known before."""


@dataclass(slots=True, kw_only=True)
class AbilityScan:
    """Learns events, PTZ, imaging and relay outputs; each stays as last known while the recorder does not answer."""

    soap: SoapClient
    timeout: float = TIMEOUT
    relay_outputs: tuple[RelayOutput, ...] = ()
    _event_kinds: tuple[EventKind, ...] = ()
    _ptz: dict[str, PtzAbilities] = field(default_factory=dict)
    _with_imaging: set[str] = field(default_factory=set)
    """Asked of each source until it answers once."""
    _forbidden: set[str] = field(default_factory=set)
    """What this user may not ask; asked again, it could look like an attack."""
    _ptz_scan: PtzScan = field(init=False)

    def __post_init__(self) -> None:
        """Derive what depends on the arguments."""
        self._ptz_scan = PtzScan(soap=self.soap)

    async def run(self, channels: Sequence[Channel], profiles: Sequence[Profile]) -> tuple[Channel, ...]:
        """Return the channels with what they can do; `profiles` are all of the recorder."""
        try:
            async with asyncio.timeout(self.timeout):
                await all_of(
                    (
                        self._try("events", self._learn_events),
                        self._try("PTZ", partial(self._learn_ptz, channels, profiles)),
                        self._try("imaging", partial(self._learn_imaging, channels)),
                        self._try("relay outputs", self._learn_relays),
                    )
                )
        except TimeoutError:
            _LOGGER.debug("%s: did not tell all of its abilities in time", self.soap.host)
        return tuple(
            replace(
                channel,
                event_kinds=self._event_kinds,
                ptz=self._ptz.get(channel.token),
                has_imaging=channel.token in self._with_imaging,
            )
            for channel in channels
        )

    async def _try(self, what: str, learn: Callable[[], Awaitable[None]]) -> None:
        if what in self._forbidden:
            return
        try:
            await learn()
        except RecorderError as error:
            _LOGGER.debug("%s: %s: %s", self.soap.host, what, error)
            if isinstance(error, WrongCredentials):
                self._forbidden.add(what)

    async def _learn_events(self) -> None:
        if EVENTS not in self.soap.addresses:
            self._event_kinds = ()
            return
        self._event_kinds = kinds_of(await self.soap.read(EVENTS, "GetEventProperties", read_topic_set))

    async def _learn_ptz(self, channels: Sequence[Channel], profiles: Sequence[Profile]) -> None:
        chosen = []
        for channel in channels:
            own = [profile for profile in profiles if profile.source_token == channel.token]
            if (profile := choose_profile(own, channel.main.profile_token)) is not None:
                chosen.append(profile)
        self._ptz = await self._ptz_scan.abilities(chosen if PTZ in self.soap.addresses else [])

    async def _learn_imaging(self, channels: Sequence[Channel]) -> None:
        if IMAGING not in self.soap.addresses:
            self._with_imaging.clear()
            return
        waiting = [channel.token for channel in channels if channel.token not in self._with_imaging]
        # The first alone: where the user may not ask, or nobody answers, the others aren't asked.
        for tokens in (waiting[:1], waiting[1:]):
            await all_of(self._learn_imaging_of(token) for token in tokens)

    async def _learn_imaging_of(self, token: str) -> None:
        try:
            answer = await self.soap.call(IMAGING, "GetImagingSettings", {"VideoSourceToken": token})
        except Unreachable, WrongCredentials:
            raise
        except RecorderError as error:
            _LOGGER.debug("%s: no imaging of %s: %s", self.soap.host, token, error)
            return
        if read_settings(answer):
            self._with_imaging.add(token)

    async def _learn_relays(self) -> None:
        self.relay_outputs = await find_relays(self.soap)
