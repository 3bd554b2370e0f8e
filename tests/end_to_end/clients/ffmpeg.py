"""Debian's ffmpeg."""

from collections.abc import Sequence
import re

from players import Camera, Player, Running, Transport, show


def _command(camera: Camera, transport: Transport) -> Sequence[str]:
    uri = camera.with_login(camera.web_port if transport is Transport.HTTP else None)
    # framecrc prints a line for each decoded picture (stream 0) and piece of sound (stream 1).
    return (
        *("ffmpeg", "-hide_banner", "-loglevel", "error", "-rtsp_transport", transport.value, "-i", uri),
        *("-map", "0:v", "-map", "0:a", "-flush_packets", "1", "-f", "framecrc", "-"),
    )


def _count(running: Running) -> tuple[int, int]:
    lines = re.findall(r"^([01]),", running.output, re.MULTILINE)
    return lines.count("0"), lines.count("1")


if __name__ == "__main__":
    show(
        Player(
            command=_command,
            count=_count,
            refused="401 Unauthorized",
            complains="(?i:error|corrupt|concealing|invalid)",
            end=lambda running: running.tell("q"),
        )
    )
