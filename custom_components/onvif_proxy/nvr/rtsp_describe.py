"""Asking a stream what it is, by RTSP DESCRIBE (RFC 2326 section 10.2): for recorders whose ONVIF answers don't say.

One short connection, no session: nothing is set up or played.
"""

import asyncio
from dataclasses import dataclass
from typing import Self

from ..digest import DigestClient
from ..model import AudioEncoding, Credentials, VideoEncoding
from ..rtsp import Headers, RtspFramer, RtspRequest, RtspResponse
from ..sdp import MediaDescription, SessionDescription, onvif_codec, parse_sdp, picture_size
from .addresses import parse_address
from .errors import RecorderRefused, WrongCredentials
from .translation import recorder_errors

TIMEOUT = 10.0
"""Seconds for the whole exchange."""
_CHUNK = 65536
_MAX_INTERIM = 16
"""Messages that may come before the answer."""


@dataclass(frozen=True, slots=True)
class StreamDescription:
    """What a session description says of a stream; video None where its codec or size is missing."""

    video: VideoEncoding | None
    audio: AudioEncoding | None


def read_description(session: SessionDescription) -> StreamDescription:
    """Take video and audio out of a session description: the first of each that goes from the recorder to us."""
    return StreamDescription(_video(session), _audio(session))


def _first(session: SessionDescription, kind: str) -> MediaDescription | None:
    # `sendonly` is written from the client's view: ONVIF's back channel to the camera's loudspeaker.
    return next((media for media in session.media if media.kind == kind and media.direction != "sendonly"), None)


def _video(session: SessionDescription) -> VideoEncoding | None:
    if (media := _first(session, "video")) is None:
        return None
    codec, size = onvif_codec(media), picture_size(media)
    if codec is None or size is None:
        return None
    return VideoEncoding(codec=codec, width=size[0], height=size[1], frame_rate=media.framerate)


def _audio(session: SessionDescription) -> AudioEncoding | None:
    if (media := _first(session, "audio")) is None or (codec := onvif_codec(media)) is None:
        return None
    return AudioEncoding(codec=codec, sample_rate=media.clock_rate // 1000 or None)


async def describe(uri: str, credentials: Credentials, *, timeout: float = TIMEOUT) -> StreamDescription:
    """Ask a stream for its description. Raises `RecorderError` subclasses."""
    with recorder_errors("DESCRIBE"):
        address = parse_address(uri)
        if address is None or address.scheme != "rtsp":
            raise RecorderRefused("DESCRIBE: not an RTSP address")
        async with asyncio.timeout(timeout):
            return await _describe(address.host, address.port, uri, DigestClient(credentials, allow_basic=True))


async def _describe(host: str, port: int, uri: str, login: DigestClient) -> StreamDescription:
    async with _Connection(host, port) as connection:
        response = await connection.describe(uri, login)
        challenged = response.status == 401 and login.take_challenges(response.headers.get_all("WWW-Authenticate"))
        if challenged:
            # On the same connection, to which many servers tie the challenge (live555), unless the server closes it.
            try:
                response = await connection.describe(uri, login)
            except EOFError, ConnectionError:
                async with _Connection(host, port) as another:
                    response = await another.describe(uri, login)
    if response.status in (401, 403):
        raise WrongCredentials(f"DESCRIBE: RTSP {response.status}")
    if response.status != 200:
        raise RecorderRefused(f"DESCRIBE: RTSP {response.status}")
    return read_description(parse_sdp(response.body))


class _Connection:
    """A connection to an RTSP server that is open inside a block."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._framer = RtspFramer()
        self._cseq = 0

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def describe(self, uri: str, login: DigestClient) -> RtspResponse:
        """Send a DESCRIBE and return its final response; raises EOFError where the server closes instead."""
        self._cseq += 1
        headers = Headers([("CSeq", str(self._cseq)), ("Accept", "application/sdp")])
        if authorization := login.authorization("DESCRIBE", uri):
            headers.set("Authorization", authorization)
        self._writer.write(RtspRequest("DESCRIBE", uri, headers).to_bytes())
        seen = 0
        while seen < _MAX_INTERIM:
            if not (data := await self._reader.read(_CHUNK)):
                raise EOFError
            messages = self._framer.feed(data)
            seen += len(messages)
            for message in messages:
                if isinstance(message, RtspResponse) and message.status >= 200:
                    return message
        raise RecorderRefused("DESCRIBE: no answer among what came")
