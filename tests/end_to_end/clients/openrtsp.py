"""live555's openRTSP, which writes what it receives into files; PyAV decodes them."""

from collections.abc import Sequence
import signal

import av
from players import Camera, Player, Running, Transport, show
from steps import Failed

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
            pictures = _decode(str(file), kind)
    sounds = sum(file.stat().st_size for file in running.folder.glob("audio-*"))
    return pictures, sounds


def _decode(file: str, kind: str) -> int:
    pictures = 0
    try:
        with av.open(file, format=kind, options={"err_detect": "explode"}) as container:
            for packet in container.demux(video=0):
                pictures += len(packet.decode())
    except av.EOFError:
        pass  # The file ends within its first picture.
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
