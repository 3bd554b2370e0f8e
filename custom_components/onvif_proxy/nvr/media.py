"""What is asked of a recorder's media service and streams, profile by profile."""

import asyncio
from dataclasses import dataclass, field

from ..model import Loudspeaker
from . import rtsp_describe
from .addresses import snapshot_address, stream_address
from .errors import RecorderRefused
from .loudspeaker import read_loudspeaker
from .profiles import Profile, get, read_profiles, text_of
from .rtsp_describe import StreamDescription
from .soap import MEDIA, SoapClient

MAX_PARALLEL_DESCRIBES = 4

_RTP_OVER_RTSP = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}


@dataclass(slots=True, kw_only=True)
class MediaService:
    """The Media1 service of a recorder. Raises `RecorderError` subclasses."""

    soap: SoapClient
    max_parallel_describes: int = MAX_PARALLEL_DESCRIBES
    _describes: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """Derive what depends on the arguments."""
        self._describes = asyncio.Semaphore(self.max_parallel_describes)

    async def profiles(self) -> list[Profile]:
        """Return all profiles that have a video source."""
        return read_profiles(await self.soap.call(MEDIA, "GetProfiles"))

    async def with_encoder(self, profile: Profile) -> Profile:
        """Return a profile with what GetVideoEncoderConfiguration says of its encoder."""
        parameters = {"ConfigurationToken": profile.encoder_token}
        encoder = await self.soap.call(MEDIA, "GetVideoEncoderConfiguration", parameters)
        return profile.with_encoder(encoder)

    async def loudspeaker(self, profile: Profile) -> Loudspeaker | None:
        """Return what a profile's loudspeaker takes, None where the recorder doesn't say."""
        parameters = {"ConfigurationToken": profile.decoder_token}
        options = await self.soap.call(MEDIA, "GetAudioDecoderConfigurationOptions", parameters)
        return read_loudspeaker(options, profile.output_level)

    async def stream_uri(self, profile: Profile) -> str:
        """Return where a profile is streamed, on the configured host."""
        parameters = {"StreamSetup": _RTP_OVER_RTSP, "ProfileToken": profile.token}
        answer = await self.soap.call(MEDIA, "GetStreamUri", parameters)
        if (uri := stream_address(text_of(get(answer, "Uri")) or "", self.soap.host)) is None:
            raise RecorderRefused("GetStreamUri: no RTSP address")
        return uri

    async def snapshot_uri(self, profile: Profile) -> str:
        """Return where a still image of a profile is, on the configured host."""
        answer = await self.soap.call(MEDIA, "GetSnapshotUri", {"ProfileToken": profile.token})
        if (uri := snapshot_address(text_of(get(answer, "Uri")) or "", self.soap.host)) is None:
            raise RecorderRefused("GetSnapshotUri: no HTTP address")
        return uri

    async def describe(self, uri: str) -> StreamDescription:
        """Ask a stream what it is; not too many at once, since recorders count RTSP connections."""
        async with self._describes:
            return await rtsp_describe.describe(uri, self.soap.credentials, timeout=self.soap.timeout)
