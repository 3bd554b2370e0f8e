"""The streams' loops of pictures and sound, encoded in threads when they are first needed."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
import threading
import time

from .channels import SimulatedStream
from .encode import EncodedAudio, EncodedVideo, EncodingAborted, encoded_audio, encoded_still, encoded_video
from .options import RecorderOptions
from .packetize import aac_payload, video_payloads
from .pictures import LOOP_SECONDS

MAX_THREADS = 2


@dataclass(frozen=True, slots=True)
class PacketLoop:
    """One medium, ready to send: endlessly repeated frames of RTP payloads."""

    kind: str
    """video or audio."""
    payload_type: int
    clock_rate: int
    frame_duration: float
    """Seconds."""
    frames: tuple[tuple[bytes, ...], ...]
    key_interval: int
    """Every so many frames one can begin with; 1: all."""

    def ticks(self, frames: int) -> int:
        """Return how far the RTP clock goes in so many frames."""
        return round(frames * self.frame_duration * self.clock_rate)


@dataclass(frozen=True, slots=True)
class Loop:
    """A stream: its video and, where there is, its sound."""

    video: EncodedVideo
    audio: EncodedAudio | None
    tracks: tuple[PacketLoop, ...]


class Loops:
    """Makes and keeps the loops of one recorder; its streams all show the same moment."""

    def __init__(self, options: RecorderOptions, g711_law: str) -> None:
        """Encode as the options say."""
        self._options = options
        self._audio = g711_law if options.audio == "G711" else options.audio
        # The monotonic time of every loop's first frame: so chosen that the last digit shown is that of the time of day.
        self.epoch = time.monotonic() - time.time() % LOOP_SECONDS
        self._loops: dict[SimulatedStream, asyncio.Task[Loop]] = {}
        self._executor: ThreadPoolExecutor | None = None
        self._aborted = threading.Event()

    @property
    def position(self) -> float:
        """Seconds since the recorder's pictures began."""
        return time.monotonic() - self.epoch

    async def get(self, stream: SimulatedStream) -> Loop:
        """Return a stream's loop; concurrent callers share the work."""
        task = self._loops.get(stream)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.ensure_future(self._make(stream))
            self._loops[stream] = task
        return await asyncio.shield(task)

    async def prepare(self, streams: Iterable[SimulatedStream]) -> None:
        """Make all loops now."""
        await asyncio.gather(*(self.get(stream) for stream in streams))

    async def still(self, stream: SimulatedStream) -> bytes:
        """Return a JPEG of this second."""
        video = stream.video
        second = int(self.position) % LOOP_SECONDS
        return await self._run(partial(encoded_still, stream.number, video.width, video.height, second))

    async def stop(self) -> None:
        """Abort what is encoded and end the threads."""
        self._aborted.set()
        for task in self._loops.values():
            task.cancel()
        await asyncio.gather(*self._loops.values(), return_exceptions=True)
        self._loops.clear()
        if self._executor is not None:
            # An encoder looks at the flag before each frame, so this takes milliseconds.
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    async def _run[T](self, function: partial[T]) -> T:
        if self._aborted.is_set():
            raise EncodingAborted
        if self._executor is None:
            self._executor = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="simulated_nvr")
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    async def _make(self, stream: SimulatedStream) -> Loop:
        return await self._run(partial(self._encode, stream))

    def _encode(self, stream: SimulatedStream) -> Loop:
        video = encoded_video(stream.number, stream.video, self._options.cache_directory, self._aborted.is_set)
        audio = encoded_audio(stream.number, self._audio) if self._audio else None
        tracks = [_video_track(video)]
        if audio is not None:
            tracks.append(_audio_track(audio))
        return Loop(video, audio, tuple(tracks))


def _video_track(video: EncodedVideo) -> PacketLoop:
    return PacketLoop(
        kind="video",
        payload_type=96,
        clock_rate=90000,
        frame_duration=1 / video.frame_rate,
        frames=tuple(tuple(video_payloads(video.codec, unit)) for unit in video.access_units),
        key_interval=video.key_interval,
    )


def _audio_track(audio: EncodedAudio) -> PacketLoop:
    wrap = aac_payload if audio.config else bytes
    return PacketLoop(
        kind="audio",
        payload_type={"PCMU": 0, "PCMA": 8}.get(audio.encoding, 97),
        clock_rate=audio.sample_rate,
        frame_duration=audio.frame_samples / audio.sample_rate,
        frames=tuple((wrap(frame),) for frame in audio.frames),
        key_interval=1,
    )
