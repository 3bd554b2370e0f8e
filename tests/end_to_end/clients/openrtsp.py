"""live555's openRTSP, which writes what it receives into files; PyAV decodes them."""

from collections.abc import Sequence
import io
import signal

import av
from players import Camera, Player, Running, Transport, show
from steps import Failed

_START_CODE = b"\0\0\0\1"
_FORMATS = {"video-H264-1": "h264", "video-H265-1": "hevc"}


def _command(camera: Camera, transport: Transport) -> Sequence[str]:
    ways = {Transport.TCP: ("-t",), Transport.UDP: (), Transport.HTTP: ("-T", str(camera.web_port))}
    login = ("-u", camera.username, camera.password)
    return ("openRTSP", *ways[transport], *login, "-V", "-b", "1000000", camera.uri)


def _count(running: Running) -> tuple[int, int]:
    pictures = 0
    for name, kind in _FORMATS.items():
        file = running.folder / name
        if file.exists() and file.stat().st_size:
            pictures = _decode(_whole_pictures(file.read_bytes(), kind), kind)
    sounds = sum(file.stat().st_size for file in running.folder.glob("audio-*"))
    return pictures, sounds


def _whole_pictures(stream: bytes, kind: str) -> bytes:
    """Return a stream that is still being written up to its last whole NAL unit that is a picture."""
    units = stream.split(_START_CODE)[:-1]
    while units and not (units[-1] and _is_picture(units[-1], kind)):
        units.pop()
    return _START_CODE.join(units)


def _is_picture(unit: bytes, kind: str) -> bool:
    """Return whether it is a slice (H.264 section 7.4.1, H.265 section 7.4.2.2)."""
    return unit[0] & 0x1F in (1, 5) if kind == "h264" else unit[0] >> 1 & 0x3F < 32


def _decode(stream: bytes, kind: str) -> int:
    pictures = 0
    if stream:
        try:
            with av.open(io.BytesIO(stream), format=kind, options={"err_detect": "explode"}) as container:
                for packet in container.demux(video=0):
                    pictures += len(packet.decode())
        except av.FFmpegError as error:
            raise Failed(f"picture {pictures + 1}: {error}") from error
    return pictures


if __name__ == "__main__":
    show(
        Player(
            command=_command,
            count=_count,
            refused="401 Unauthorized",
            complains="Failed",
            end=lambda running: running.process.send_signal(signal.SIGHUP),
        )
    )
