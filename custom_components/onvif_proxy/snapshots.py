"""A camera's still image: the recorder's own, else the last key frame of its main stream."""

import asyncio
from collections.abc import Awaitable, Callable
from fractions import Fraction
import logging
import time
from typing import Literal

from .model import Channel, Snapshot
from .relay.key_frame import KeyFrame
from .responder import SnapshotUnavailable

_LOGGER = logging.getLogger(__name__)

MAX_AGE = 1.0
"""Seconds for which an image is given to whoever asks."""
RECORDER_TIMEOUT = 5.0
"""Seconds for the recorder's own image where there is another way; clients wait for ten or fifteen."""
RECORDER_REST = 60.0
"""Seconds for which a recorder that gave no image is not asked again where there is another way."""
KEY_FRAME_TIMEOUT = 8.0
"""Seconds for a key frame to come, from a stream that may have to be opened."""
DECODED_AT_ONCE = 2
"""Pictures, of all cameras."""
MAX_PIXELS = 64 * 1024 * 1024
"""Of a picture: a stream that says it had more is not believed."""
_QUALITY = 4
"""As ffmpeg counts it: 2 is the best that makes a difference, 31 the worst."""

_DECODERS: dict[str, Literal["h264", "hevc"]] = {"H264": "h264", "H265": "hevc"}
"""Names in ffmpeg, by ONVIF's of the codecs whose key frames the relay finds."""


def can_decode(channel: Channel) -> bool:
    """Tell whether a still image can be made of a channel's main stream."""
    return channel.main.video.codec in _DECODERS


def has_snapshot(channel: Channel, *, from_stream: bool = True) -> bool:
    """Tell whether there is a way to a still image of a channel; `from_stream` as in `Snapshots.get`."""
    return channel.snapshot_uri is not None or (from_stream and can_decode(channel))


class Snapshots:
    """The images of one camera; made once for all who ask at about the same time."""

    def __init__(
        self,
        *,
        fetch: Callable[[Channel], Awaitable[Snapshot]],
        key_frame: Callable[[float], Awaitable[KeyFrame | None]],
        decode: Callable[[KeyFrame], Awaitable[bytes]],
        max_age: float = MAX_AGE,
        recorder_timeout: float = RECORDER_TIMEOUT,
        recorder_rest: float = RECORDER_REST,
        key_frame_timeout: float = KEY_FRAME_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Have none yet.

        `fetch` asks the recorder and raises `SnapshotUnavailable`. `key_frame` is given the seconds that it may take and
        raises OSError; `decode` makes a JPEG and raises `SnapshotUnavailable`.
        """
        self._fetch = fetch
        self._key_frame = key_frame
        self._decode = decode
        self._max_age = max_age
        self._recorder_timeout = recorder_timeout
        self._recorder_rest = recorder_rest
        self._key_frame_timeout = key_frame_timeout
        self._clock = clock
        self._last: tuple[float, Snapshot] | None = None
        """When it was made, and the image."""
        self._rests_until = 0.0
        """Of the recorder; by the clock."""
        self._making: asyncio.Task[Snapshot | SnapshotUnavailable] | None = None

    async def get(self, channel: Channel, *, from_stream: bool = True) -> Snapshot:
        """Return an image of about now; raises `SnapshotUnavailable`. Without `from_stream` it is the recorder's or none."""
        if self._last is not None and self._clock() - self._last[0] < self._max_age:
            return self._last[1]
        if self._making is None or self._making.done():
            self._making = asyncio.get_running_loop().create_task(self._make(channel, from_stream))
        making = self._making
        # Who goes away takes it from nobody else.
        await asyncio.wait([making])
        made = SnapshotUnavailable("the camera stops") if making.cancelled() else making.result()
        if isinstance(made, SnapshotUnavailable):
            raise SnapshotUnavailable(str(made))
        return made

    async def close(self) -> None:
        """Give up what is being made; idempotent."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait([self._making])

    async def _make(self, channel: Channel, from_stream: bool) -> Snapshot | SnapshotUnavailable:
        """Return the error where there is no image: there may be nobody left to take it."""
        try:
            snapshot = await self._from_anywhere(channel, from_stream)
        except SnapshotUnavailable as error:
            return error
        self._last = self._clock(), snapshot
        return snapshot

    async def _from_anywhere(self, channel: Channel, from_stream: bool) -> Snapshot:
        if not from_stream or not can_decode(channel):
            return await self._fetch(channel)
        if channel.snapshot_uri is not None and self._clock() >= self._rests_until:
            try:
                async with asyncio.timeout(self._recorder_timeout):
                    return await self._fetch(channel)
            except (SnapshotUnavailable, TimeoutError) as error:
                reason = str(error) or "it took too long"
                _LOGGER.debug("No still image from the recorder, taking a key frame: %s", reason)
                self._rests_until = self._clock() + self._recorder_rest
        return await self._from_stream()

    async def _from_stream(self) -> Snapshot:
        try:
            key_frame = await self._key_frame(self._key_frame_timeout)
        except OSError as error:
            raise SnapshotUnavailable(f"no key frame: {error.strerror or error}") from error
        if key_frame is None:
            raise SnapshotUnavailable("the recorder sent no key frame in time")
        return Snapshot(image=await self._decode(key_frame))


class Decoder:
    """Decodes key frames where that does not block: some at once, of all cameras that share it."""

    def __init__(
        self,
        run: Callable[[Callable[[KeyFrame], bytes], KeyFrame], Awaitable[bytes]],
        *,
        at_once: int = DECODED_AT_ONCE,
    ) -> None:
        """`run` calls a function in another thread."""
        self._run = run
        self._free = asyncio.Semaphore(at_once)

    async def decode(self, key_frame: KeyFrame) -> bytes:
        """Return the JPEG; raises `SnapshotUnavailable`."""
        async with self._free:
            return await self._run(decode_key_frame, key_frame)


def decode_key_frame(key_frame: KeyFrame, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Make a JPEG of a picture, as large as that; blocks. Raises `SnapshotUnavailable`."""
    # Not before it is needed: it is large, and everything else works without it.
    try:
        import av  # noqa: PLC0415 - see above
    except ImportError as error:
        raise SnapshotUnavailable("PyAV is not there") from error
    try:
        decoder = av.VideoCodecContext.create(_DECODERS[key_frame.codec], "r")
        decoder.options = {"max_pixels": str(max_pixels)}
        decoder.thread_count = 1
        pictures = [*decoder.decode(av.Packet(key_frame.data)), *decoder.decode(None)]
        if not pictures:
            raise SnapshotUnavailable("the key frame holds no picture")
        # JPEG's own range of colours: the camera's is narrower, and grey where it should be black.
        picture = pictures[0].reformat(format="yuvj420p")
        picture.pts = 0
        encoder = av.VideoCodecContext.create("mjpeg", "w")
        encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
        encoder.time_base = Fraction(1)
        encoder.options = {"qmin": str(_QUALITY), "qmax": str(_QUALITY)}
        encoder.thread_count = 1
        return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
    except av.FFmpegError as error:
        raise SnapshotUnavailable(f"the key frame can't be decoded: {error.strerror}") from error
