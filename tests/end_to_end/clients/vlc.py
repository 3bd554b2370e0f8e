"""Debian's VLC without a display, worked through its remote control."""

from collections.abc import Sequence
import re

from players import Camera, Player, Running, Transport, become_a_user, show


def _command(camera: Camera, transport: Transport) -> Sequence[str]:
    ways = {
        Transport.TCP: ("--rtsp-tcp",),
        Transport.UDP: (),
        Transport.HTTP: ("--rtsp-http", f"--rtsp-http-port={camera.web_port}"),
    }
    nowhere = ("--vout=dummy", "--aout=dummy", "--intf=oldrc", "--rc-fake-tty", "--live-caching=100")
    # It would look for a better password where desktops keep them, for ever where there is no desktop.
    alone = ("--no-dbus", "--keystore=memory")
    login = (f"--rtsp-user={camera.username}", f"--rtsp-pwd={camera.password}")
    return ("vlc", "--verbose=2", *nowhere, *alone, *ways[transport], *login, camera.uri)


def _count(running: Running) -> tuple[int, int]:
    running.tell("stats")
    output = running.output
    pictures, sounds = (re.findall(rf"{name} decoded +: +(\d+)", output) for name in ("video", "audio"))
    return int(pictures[-1]) if pictures else 0, int(sounds[-1]) if sounds else 0


if __name__ == "__main__":
    become_a_user()
    show(
        Player(
            command=_command,
            count=_count,
            refused="authentication failed",
            complains="demux corrupted +: +[1-9]|decoder error",
            end=lambda running: running.tell("quit"),
        )
    )
