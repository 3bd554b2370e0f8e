"""What every player is to show of a camera; how it is run is in a file for each. For any Python from 3.11 on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
import os
from pathlib import Path
import re
import signal
import subprocess
import tempfile
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

from steps import Failed, read_job, step

PICTURES = 30
"""That are enough to say that it plays."""
PLAY_SECONDS = 15.0
"""For that, or for being refused."""
END_SECONDS = 10.0
"""For a player that was told to end."""
LATE_SECONDS = 2.0
"""From a player's start to its first picture, when it comes into the middle of a group of pictures."""
POLL_SECONDS = 0.05


class Transport(Enum):
    """How media comes; the value is the name of the step."""

    TCP = "tcp"
    UDP = "udp"
    HTTP = "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A stream, with a login."""

    uri: str
    web_port: int
    """Where RTSP over HTTP is served."""
    username: str
    password: str = field(repr=False)

    @property
    def url(self) -> SplitResult:
        """The URI in its parts."""
        return urlsplit(self.uri)

    def with_login(self, port: int | None = None) -> str:
        """Return the URI with the login in it, and with another port."""
        host = f"{self.url.hostname}:{port or self.url.port}"
        return self.url._replace(netloc=f"{self.username}:{self.password}@{host}").geturl()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a player made of a stream."""

    pictures: int
    sounds: int
    """In whatever unit it counts them."""
    seconds: float | None
    """From its start to the first picture."""
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A player that runs, in a folder of its own."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def output(self) -> str:
        """What it has printed."""
        return (self.folder / "output").read_text(errors="replace")

    def tell(self, line: str) -> None:
        """Write a line to its standard input, if it still listens."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # That it has ended is seen by its exit status.


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A player that is a program."""

    command: Callable[[Camera, Transport], Sequence[str | Path]]
    count: Callable[[Running], tuple[int, int]]
    """Returns how many pictures and sounds it has decoded; asked again and again. Raises Failed for what can't be decoded."""
    refused: str
    """The pattern of its words for a wrong password."""
    complains: str
    """The pattern of its words for what it could not decode."""
    end: Callable[[Running], None] = lambda running: running.process.send_signal(signal.SIGINT)
    """Ends it as a person does."""

    def play(self, camera: Camera, transport: Transport) -> Shown:
        """Play until there is enough, it has ended or was refused; raises Failed when it does not end."""
        with tempfile.TemporaryDirectory() as name, (Path(name) / "output").open("wb") as output:
            # Whoever is run in the background by a shell ignores this, and hands that down.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            started = time.monotonic()
            process = subprocess.Popen(
                self.command(camera, transport), cwd=name, stdin=subprocess.PIPE, stdout=output, stderr=output
            )
            running = Running(process=process, folder=Path(name))
            pictures = sounds = 0
            seconds = None
            try:
                done = False
                while not done:
                    done = process.poll() is not None or time.monotonic() > started + PLAY_SECONDS
                    pictures, sounds = self.count(running)
                    if pictures and seconds is None:
                        seconds = time.monotonic() - started
                    done |= pictures >= PICTURES and sounds > 0
                    done |= re.search(self.refused, running.output) is not None
                    time.sleep(POLL_SECONDS)
                if process.poll() is None:
                    self.end(running)
                    process.wait(END_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise Failed("it does not end") from error
            finally:
                process.kill()
                process.wait()
                assert process.stdin is not None
                process.stdin.close()
            said = running.output.replace(camera.password, "***").strip()
            return Shown(pictures=pictures, sounds=sounds, seconds=seconds, said=said)


def show(player: Player) -> None:
    """Do the job with a player."""
    job = read_job()
    login = {"username": job["username"], "web_port": job["web_port"]}
    camera = Camera(uri=job["main"], password=job["password"], **login)
    shown = Shown(pictures=0, sounds=0, seconds=None, said="not played")
    with step("login") as seen:
        shown = player.play(camera, Transport.TCP)
        if not shown.pictures:
            raise Failed(_last_words(shown))
        seen("RTSP digest")
    with step("wrong") as seen:
        wrong = player.play(Camera(uri=job["main"], password=job["wrong_password"], **login), Transport.TCP)
        if wrong.pictures or (found := re.search(player.refused, wrong.said)) is None:
            raise Failed(f"{wrong.pictures} pictures, {_last_words(wrong)}")
        seen(found[0])
    with step("sound") as seen:
        if not shown.sounds:
            raise Failed(_last_words(shown))
        seen(f"{shown.sounds}")
    for transport in Transport:
        with step(transport.value) as seen:
            # The first one was played with the login.
            result = shown if transport is Transport.TCP else player.play(camera, transport)
            if result.pictures < PICTURES:
                raise Failed(f"{result.pictures} pictures: {_last_words(result)}")
            if complaint := re.search(f".*({player.complains}).*", result.said):
                raise Failed(complaint[0])
            seen(f"{result.pictures} pictures, the first after {result.seconds:.2f} s")
    with step("late") as seen:
        _wait_for_the_middle(job)
        late = player.play(Camera(uri=job["sub"], password=job["password"], **login), Transport.TCP)
        if late.seconds is None or late.seconds > LATE_SECONDS:
            raise Failed(f"the first of {late.pictures} pictures after {late.seconds} s: {_last_words(late)}")
        seen(f"first picture after {late.seconds:.2f} s")


def _wait_for_the_middle(job: dict[str, Any]) -> None:
    """Wait until a key frame of the sub stream is past, and the next one later than a first picture may be.

    They come at multiples of `key_seconds` of the time of day.
    """
    middle = (job["key_seconds"] - LATE_SECONDS) / 2
    time.sleep((middle - time.time()) % job["key_seconds"])


def _last_words(shown: Shown) -> str:
    return shown.said[-300:] or "it said nothing"


def become_a_user() -> None:
    """Go on as somebody who is not root, in a user namespace, for what refuses to be run by root; raises OSError."""
    if os.geteuid() != 0:
        return
    group = os.getegid()
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text("1000 0 1")
    Path("/proc/self/gid_map").write_text(f"1000 {group} 1")
