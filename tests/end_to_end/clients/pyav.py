"""PyAV, which Home Assistant plays with: prints a line for each decoded picture and piece of sound."""

from collections.abc import Sequence
import contextlib
from pathlib import Path
import sys

import av
from players import Camera, Player, Running, Transport, show


def _command(camera: Camera, transport: Transport) -> Sequence[str | Path]:
    uri = camera.with_login(camera.web_port if transport is Transport.HTTP else None)
    return (sys.executable, Path(__file__), uri, transport.value)


def _count(running: Running) -> tuple[int, int]:
    output = running.output
    return output.count("video\n"), output.count("audio\n")


def _play(uri: str, transport: str) -> None:
    options = {"rtsp_transport": transport, "err_detect": "explode"}
    with av.open(uri, options=options, timeout=(10.0, 10.0)) as container:
        for packet in container.demux():
            for _frame in packet.decode():
                print(packet.stream.type, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with contextlib.suppress(KeyboardInterrupt):  # this is how a person ends it
            _play(*sys.argv[1:])
    else:
        show(
            Player(
                command=_command,
                count=_count,
                refused="HTTPUnauthorizedError",
                complains="Error",
            )
        )
