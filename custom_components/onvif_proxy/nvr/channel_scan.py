"""Learning one channel: from its profiles to its main and sub stream."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
import logging

from ..model import Channel, Stream, StreamRole
from .errors import RecorderError, RecorderRefused, Unreachable
from .media import MediaService
from .parallel import all_of
from .profiles import Profile, choose_streams, silent_profiles

_LOGGER = logging.getLogger(__name__)

MAX_DESCRIBES = 6
"""Profiles of one channel whose streams are asked what they are."""


@dataclass(slots=True, kw_only=True)
class ChannelScan:
    """Learns one channel. What fails costs the profile it was asked for, and is kept in `errors`."""

    media: MediaService
    token: str
    name: str
    profiles: list[Profile]
    errors: list[RecorderError] = field(default_factory=list)
    _uris: dict[str, str] = field(default_factory=dict)

    async def run(self) -> Channel | None:
        """Return the channel, None when no stream of it can be described."""
        self.profiles = await all_of(self._fill_in(profile) for profile in self.profiles)
        silent = {profile.token for profile in silent_profiles(self.profiles)[:MAX_DESCRIBES]}
        self.profiles = await all_of(
            self._describe(profile) if profile.token in silent else _same(profile) for profile in self.profiles
        )
        main, sub = await self._streams()
        if main is None:
            _LOGGER.debug("Channel %s is left out: no stream of it can be described", self.token)
            return None
        return Channel(
            token=self.token,
            name=self.name,
            main=await self._stream(StreamRole.MAIN, main),
            sub=None if sub is None else await self._stream(StreamRole.SUB, sub),
            snapshot_uri=await self._try(self.media.snapshot_uri, main)
            or (None if sub is None else await self._try(self.media.snapshot_uri, sub)),
        )

    async def _fill_in(self, profile: Profile) -> Profile:
        """Ask for the encoder of a profile that names one without saying what it does."""
        if profile.video is not None or profile.encoder_token is None:
            return profile
        return await self._try(self.media.with_encoder, profile) or profile

    async def _describe(self, profile: Profile) -> Profile:
        """Ask a profile's stream what it is."""
        if not await self._learn_uri(profile):
            return profile
        # Refusals too are asked again: a recorder that was short of connections would lose its main stream to its sub.
        uri = self._uris[profile.token]
        description = await self._try(self.media.describe, uri, again_on=(Unreachable, RecorderRefused))
        return profile if description is None else profile.with_description(description.video, description.audio)

    async def _streams(self) -> tuple[Profile | None, Profile | None]:
        """Choose main and sub among the profiles that have a URI."""
        while True:
            main, sub = choose_streams(self.profiles)
            chosen = [profile for profile in (main, sub) if profile is not None]
            found = await all_of(self._learn_uri(profile) for profile in chosen)
            if all(found):
                return main, sub
            # Some profiles are listed and yet not streamed (Bosch): the next best takes their place.
            without = {profile.token for profile, has_uri in zip(chosen, found, strict=True) if not has_uri}
            self.profiles = [profile for profile in self.profiles if profile.token not in without]

    async def _learn_uri(self, profile: Profile) -> bool:
        """Make sure that the URI of a profile is known; tell whether it is."""
        if profile.token not in self._uris:
            uri = await self._try(self.media.stream_uri, profile)
            if uri is not None:
                self._uris[profile.token] = uri
        return profile.token in self._uris

    async def _stream(self, role: StreamRole, profile: Profile) -> Stream:
        video = profile.video
        assert video is not None  # choose_streams gives no others
        return Stream(
            role=role,
            profile_token=profile.token,
            uri=self._uris[profile.token],
            video=video,
            audio=profile.audio,
            loudspeaker=None
            if profile.decoder_token is None
            else await self._try(self.media.loudspeaker, profile, again_on=()),
        )

    async def _try[A, T](
        self,
        ask: Callable[[A], Awaitable[T]],
        argument: A,
        *,
        again_on: tuple[type[RecorderError], ...] = (Unreachable,),
    ) -> T | None:
        """Ask, once more after an error that may pass; None when it failed."""
        for kinds in (again_on, ()):
            try:
                return await ask(argument)
            except RecorderError as error:
                _LOGGER.debug("Channel %s: %s", self.token, error)
                self.errors.append(error)
                if not isinstance(error, kinds):
                    break
        return None


async def _same(profile: Profile) -> Profile:
    return profile
