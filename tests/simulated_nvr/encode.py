"""Encodes pictures and sound with PyAV, once: kept in memory and, as playable elementary streams, on disk."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
import hashlib
import logging
import math
import os
from pathlib import Path
import re
import tempfile

import av
import numpy as np

from .options import StreamOptions
from .pictures import LOOP_SECONDS, draw, loop_frames

_LOGGER = logging.getLogger(__name__)
_START_CODE = re.compile(rb"\x00\x00\x01")
_CACHE_VERSION = "1"

type AccessUnit = tuple[bytes, ...]
"""The NAL units of one frame, without start codes."""


class EncodingAborted(Exception):
    """The recorder stopped while it encoded."""


@dataclass(frozen=True, slots=True)
class EncodedVideo:
    """A loop of frames in one codec; every `key_interval`-th begins with parameter sets and a key frame."""

    codec: str
    frame_rate: int
    key_interval: int
    access_units: tuple[AccessUnit, ...]
    parameter_sets: tuple[bytes, ...]
    """H264: SPS, PPS; H265: VPS, SPS, PPS."""


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """A loop of sound."""

    encoding: str
    """RTP's name: PCMU, PCMA or mpeg4-generic."""
    sample_rate: int
    """Hz; also the RTP clock."""
    frame_samples: int
    frames: tuple[bytes, ...]
    config: bytes = b""
    """AAC's AudioSpecificConfig."""


_ENCODERS = {
    "H264": (
        "libx264",
        "x264-params",
        "keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:cabac=1:threads=1:sliced-threads=0",
        "26",
    ),
    "H265": (
        "libx265",
        "x265-params",
        "keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:frame-threads=1:pools=none:log-level=error:repeat-headers=1",
        "30",
    ),
}


def nal_type(codec: str, nal: bytes) -> int:
    """Return nal_unit_type (H.264 section 7.3.1, H.265 section 7.3.1.2)."""
    return nal[0] & 0x1F if codec == "H264" else (nal[0] >> 1) & 0x3F


def _is_picture(codec: str, nal: bytes) -> bool:
    kind = nal_type(codec, nal)
    return 1 <= kind <= 5 if codec == "H264" else kind <= 31


def _is_parameter_set(codec: str, nal: bytes) -> bool:
    return nal_type(codec, nal) in ((7, 8) if codec == "H264" else (32, 33, 34))


def split_access_units(codec: str, stream: bytes) -> list[AccessUnit]:
    """Split an Annex B stream with one slice a picture into frames; only parameter sets and slices are kept."""
    units: list[AccessUnit] = []
    pending: list[bytes] = []
    for part in _START_CODE.split(stream)[1:]:
        nal = part.rstrip(b"\x00")
        if _is_parameter_set(codec, nal):
            pending.append(nal)
        elif _is_picture(codec, nal):
            units.append((*pending, nal))
            pending = []
    return units


def encode_annex_b(channel: int, video: StreamOptions, aborted: Callable[[], bool]) -> bytes:
    """Encode a loop; raises EncodingAborted."""
    encoder, params_name, params, quality = _ENCODERS[video.codec]
    context = av.CodecContext.create(encoder, "w")
    if not isinstance(context, av.VideoCodecContext):
        raise TypeError(f"{encoder} is no video encoder")
    context.width, context.height, context.pix_fmt = video.width, video.height, "yuv420p"
    context.framerate = Fraction(video.frame_rate)
    context.time_base = Fraction(1, video.frame_rate)
    context.thread_count = 1
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": quality,
        params_name: params.format(gop=_key_interval(video)),
    }
    stream = bytearray()
    for number, picture in enumerate(loop_frames(channel, video.width, video.height, video.frame_rate)):
        if aborted():
            raise EncodingAborted
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        for packet in context.encode(frame):
            stream += bytes(packet)
    for packet in context.encode(None):
        stream += bytes(packet)
    return bytes(stream)


def _build_video(video: StreamOptions, stream: bytes) -> EncodedVideo | None:
    """Return the loop of a stream, None when the stream isn't a whole one."""
    units = split_access_units(video.codec, stream)
    if len(units) != LOOP_SECONDS * video.frame_rate:
        return None
    sets = tuple(nal for nal in units[0] if _is_parameter_set(video.codec, nal))
    return EncodedVideo(video.codec, video.frame_rate, _key_interval(video), tuple(units), sets)


def _key_interval(video: StreamOptions) -> int:
    return video.key_seconds * video.frame_rate


_videos: dict[tuple[int, StreamOptions], EncodedVideo] = {}


def encoded_video(channel: int, video: StreamOptions, directory: Path, aborted: Callable[[], bool]) -> EncodedVideo:
    """Return a channel's loop from memory, disk or the encoder. Blocks; raises EncodingAborted."""
    key = (channel, video)
    if key in _videos:
        return _videos[key]
    path = directory / _file_name(channel, video)
    found = _build_video(video, path.read_bytes()) if path.is_file() else None
    if found is None:
        stream = encode_annex_b(channel, video, aborted)
        found = _build_video(video, stream)
        if found is None:
            raise RuntimeError(f"the encoder made no whole loop of {video}")
        _store(path, stream)
    return _videos.setdefault(key, found)


def _file_name(channel: int, video: StreamOptions) -> str:
    how = hashlib.sha256(repr((_CACHE_VERSION, av.__version__, _ENCODERS[video.codec])).encode()).hexdigest()[:8]
    keys = "" if video.key_seconds == 1 else f"-key{video.key_seconds}s"
    return f"channel{channel}-{video.width}x{video.height}-{video.frame_rate}fps{keys}-{how}.{video.codec.lower()}"


def _store(path: Path, stream: bytes) -> None:
    """Write whole or not at all; another process may read or write the same file."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(stream)
        os.replace(temporary, path)  # noqa: PTH105 - a sibling in the same folder, atomic
    except OSError as error:
        _LOGGER.warning("Pictures are not kept for the next start: %s", error)
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _tone(channel: int, sample_rate: int, samples: int) -> np.ndarray:
    """Return int16 samples: a short beep each second, at a pitch of the channel's own."""
    numbers = np.arange(samples)
    sound = np.sin(2 * math.pi * (440 + 40 * channel) * numbers / sample_rate)
    sound[numbers % sample_rate >= sample_rate // 5] = 0
    return (sound * 6000).astype(np.int16)


@lru_cache(maxsize=256)
def encoded_audio(channel: int, encoding: str) -> EncodedAudio:
    """Return a channel's sound as PCMU, PCMA or AAC. Blocks for some milliseconds."""
    return _encode_aac(channel) if encoding == "AAC" else _encode_g711(channel, encoding)


def _encode_g711(channel: int, law: str) -> EncodedAudio:
    rate, frame_samples = 8000, 320
    samples = _tone(channel, rate, LOOP_SECONDS * rate)
    context = av.CodecContext.create("pcm_mulaw" if law == "PCMU" else "pcm_alaw", "w")
    data = _encode_sound(context, samples, rate, frame_samples, "s16")
    return EncodedAudio(law, rate, frame_samples, tuple(data))


def _encode_aac(channel: int) -> EncodedAudio:
    rate, frame_samples = 16000, 1024
    frames = LOOP_SECONDS * rate // frame_samples
    samples = _tone(channel, rate, frames * frame_samples)
    context = av.CodecContext.create("aac", "w")
    data = _encode_sound(context, samples, rate, frame_samples, "fltp")
    return EncodedAudio("mpeg4-generic", rate, frame_samples, tuple(data[:frames]), bytes(context.extradata or b""))


def _encode_sound(
    context: av.CodecContext, samples: np.ndarray, rate: int, frame_samples: int, sample_format: str
) -> list[bytes]:
    if not isinstance(context, av.AudioCodecContext):
        raise TypeError("not an audio encoder")
    context.sample_rate = rate
    context.layout = "mono"
    context.format = sample_format
    context.bit_rate = 32000
    packets: list[bytes] = []
    for start in range(0, len(samples), frame_samples):
        block = samples[start : start + frame_samples].reshape(1, -1)
        if sample_format == "fltp":
            block = (block / 32768).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(block, format=sample_format, layout="mono")
        frame.sample_rate = rate
        frame.pts = start
        packets += [bytes(packet) for packet in context.encode(frame)]
    return packets + [bytes(packet) for packet in context.encode(None)]


@lru_cache(maxsize=64)
def encoded_still(channel: int, width: int, height: int, second: int) -> bytes:
    """Return a JPEG of the loop at a second. Blocks for some milliseconds."""
    context = av.CodecContext.create("mjpeg", "w")
    if not isinstance(context, av.VideoCodecContext):
        raise TypeError("mjpeg is no video encoder")
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base = Fraction(1, 1)
    picture = draw(channel, width, height, second, second / LOOP_SECONDS)
    frame = av.VideoFrame.from_ndarray(picture, format="yuvj420p")
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
