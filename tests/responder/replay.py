"""Replays what clients say to a camera, byte by byte over real HTTP, and writes down what it answers.

The transcripts and their form: `transcripts/README.md`. `python -m tests.responder.replay --write [client ...]` takes
what the camera answers now as what it shall answer; without `--write` it only tells what has changed.
"""

import argparse
import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
import difflib
import hashlib
from http.client import HTTPMessage, parse_headers
from io import BytesIO
from pathlib import Path
import re
import sys
import tomllib
from typing import Any, Final
from urllib.parse import urlsplit
import uuid

from lxml import etree

from custom_components.onvif_proxy.model import CameraDescription, EventKind, PtzAbilities, PtzSpace, PtzSpaceKind
from custom_components.onvif_proxy.responder import EventBroker, OnvifServer

from .conftest import make_camera, make_channel, make_description
from .envelopes import NS, PASSWORD, USERNAME
from .fakes import GENERIC, FakeImaging, FakePtz
from .media_requests import H265

TRANSCRIPTS: Final = Path(__file__).parent / "transcripts"
NOW: Final = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
"""The camera's clock and the clients': it stands still, so that every time that is answered can be foreseen."""
WAIT: Final = 0.05
"""Seconds that a request is left waiting before what it waits for happens."""
ANSWER_TIMEOUT: Final = 5.0

STEERABLE: Final = PtzAbilities(
    profile_token="RecorderProfile003_main",
    spaces=(
        PtzSpace(
            kind=PtzSpaceKind.CONTINUOUS_PAN_TILT,
            uri=f"{GENERIC}/PanTiltSpaces/VelocityGenericSpace",
            x=(-1, 1),
            y=(-1, 1),
        ),
        PtzSpace(kind=PtzSpaceKind.CONTINUOUS_ZOOM, uri=f"{GENERIC}/ZoomSpaces/VelocityGenericSpace", x=(-1, 1)),
        PtzSpace(
            kind=PtzSpaceKind.ABSOLUTE_PAN_TILT,
            uri=f"{GENERIC}/PanTiltSpaces/PositionGenericSpace",
            x=(-1, 1),
            y=(-1, 1),
        ),
        PtzSpace(kind=PtzSpaceKind.ABSOLUTE_ZOOM, uri=f"{GENERIC}/ZoomSpaces/PositionGenericSpace", x=(0, 1)),
    ),
    max_presets=8,
    tells_position=True,
    tells_movement=True,
)
"""What the recorder can do with a camera of which `transcript.toml` says `ptz = true`."""

_REQUEST: Final = ".request.http"
_RESPONSE: Final = ".response.http"
_PLACEHOLDER: Final = re.compile(r"\{\{(.+?)\}\}")
_SHOWN_HEADERS: Final = ("Content-Type", "Allow", "Retry-After", "WWW-Authenticate")
_SUBSCRIPTION: Final = re.compile(r"(?<=/onvif/subscription/)[\w-]+")
_NONCE: Final = re.compile(r'(?<=nonce=")[^"]+')
_TIMESTAMP: Final = re.compile(r"(?<=<wsrf-bf:Timestamp>)[^<]+")
_PORT: Final = "8000"
"""What the port of the camera is in the transcripts."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of a client, and what is to be answered."""

    request: Path

    @property
    def response(self) -> Path:
        """Where the answer is written down."""
        return self.request.with_name(self.request.name.removesuffix(_REQUEST) + _RESPONSE)

    @property
    def number(self) -> str:
        """Its place in the order, as other requests name it."""
        return self.request.name.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a client says to a camera, in its order."""

    folder: Path

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """In their order."""
        return tuple(Exchange(path) for path in sorted(self.folder.glob(f"*{_REQUEST}")))

    @property
    def facts(self) -> Mapping[str, Any]:
        """What `transcript.toml` says."""
        return tomllib.loads((self.folder / "transcript.toml").read_text())

    @property
    def description(self) -> CameraDescription:
        """The camera that the client speaks to."""
        camera = self.facts.get("camera", {})
        channel = make_channel(main=H265) if camera.get("main") == "H265" else make_channel()
        if camera.get("ptz", False):
            channel = replace(channel, ptz=STEERABLE, has_imaging=True)
        return replace(make_description(channel=channel), media2=camera.get("media2", False))


def transcripts() -> tuple[Transcript, ...]:
    """Return all that there are."""
    return tuple(Transcript(path.parent) for path in sorted(TRANSCRIPTS.glob("*/transcript.toml")))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from the camera."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def is_soap(self) -> bool:
        """Whether there is an envelope in it."""
        return self.headers.get_content_type() == "application/soap+xml"


@dataclass(slots=True)
class Replay:
    """A client that says what its transcript says, with what it was answered so far put in."""

    server: OnvifServer
    events: EventBroker
    ptz: FakePtz
    """What moves go to, where the camera can be steered."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """By the number of the exchange."""
    pull_points: list[str] = field(default_factory=list)
    """Ids in the order in which they were seen."""

    async def exchange(self, exchange: Exchange) -> str:
        """Do as a request's file says; returns the answer as it is written down."""
        directives, message = _read(exchange.request.read_text())
        filler = _Filler(self, exchange, message)
        meanwhile = [words for words in directives if words[-2:] == ["while", "waiting"]]
        for words in directives:
            if words not in meanwhile:
                self._happen([filler.fill(word) for word in words])
        sending = asyncio.ensure_future(self._send(filler.fill_message(message)))
        if meanwhile:
            await asyncio.sleep(WAIT)
            assert not sending.done(), f"{exchange.request.name} was answered at once: {sending.result()}"
        for words in meanwhile:
            self._happen(words[:-2])
        async with asyncio.timeout(ANSWER_TIMEOUT):
            answer = self.answers[exchange.number] = await sending
        return self._written(answer)

    def _happen(self, words: list[str]) -> None:
        """Let something happen at the camera."""
        match words:
            case ["event", kind, "true" | "false" as state]:
                self.events.publish(EventKind(kind), state == "true", NOW)
            case ["end", address]:
                subscription = self.events.find(address.rpartition("/")[2])
                assert subscription is not None, f"there is no pull point at {address}"
                self.events.end(subscription)
            case _:
                raise ValueError(f"not understood: {' '.join(words)}")

    async def _send(self, message: str) -> Answer:
        """Send a message on a connection of its own; the head's lines end as HTTP wants it, the body stays as it is."""
        head, _, body = message.partition("\n\n")
        method, target, version = head.partition("\n")[0].split(" ")
        address = urlsplit(target)
        assert address.netloc in ("", self.host), f"the camera named {address.netloc} as its own"
        lines = [f"{method} {address.path} {version}", *head.split("\n")[1:]]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write("\r\n".join((*lines, "", "")).encode() + body.encode())
            top = BytesIO(await reader.readuntil(b"\r\n\r\n"))
            status = int(top.readline().split(b" ")[1])
            headers = parse_headers(top)
            return Answer(status, headers, await reader.readexactly(int(headers["Content-Length"])))
        finally:
            writer.close()

    @property
    def host(self) -> str:
        """What clients write in `Host`."""
        return f"127.0.0.1:{self.server.port}"

    def _written(self, answer: Answer) -> str:
        """Write an answer down: canonical XML with a line for each element, and what differs each time made the same."""
        shown = [
            f"{name}: {_NONCE.sub('...', value)}"
            for name in _SHOWN_HEADERS
            for value in answer.headers.get_all(name) or ()
        ]
        head = "\n".join((f"HTTP/1.1 {answer.status}", *shown))
        if answer.is_soap:
            root = etree.fromstring(answer.body, etree.XMLParser(remove_blank_text=True))
            etree.indent(root)
            body = etree.tostring(root, method="c14n").decode()
            body = re.sub(rf"(?<=[:>]){self.server.port}\b", _PORT, body)
            body = _TIMESTAMP.sub(f"{NOW:%Y-%m-%dT%H:%M:%SZ}", body)
            return f"{head}\n\n{_SUBSCRIPTION.sub(self._pull_point, body)}\n"
        return f"{head}\n\n({len(answer.body)} bytes)\n"

    def _pull_point(self, match: re.Match[str]) -> str:
        """Return what a pull point is called in the transcripts."""
        if match[0] not in self.pull_points:
            self.pull_points.append(match[0])
        return f"pull-point-{self.pull_points.index(match[0]) + 1}"


def _read(text: str) -> tuple[list[list[str]], str]:
    """Return what a request's file wants to happen, and the message in it; comments are left out."""
    lines = text.split("\n")
    start = next(number for number, line in enumerate(lines) if not line.startswith(("#", "@")))
    directives = [_words(line[1:]) for line in lines[:start] if line.startswith("@")]
    return directives, "\n".join(lines[start:]).removesuffix("\n")


def _words(line: str) -> list[str]:
    """Split at spaces, but not inside of placeholders."""
    return re.findall(r"(?:\{\{.+?\}\}|\S)+", line)


class _Filler:
    """Puts into a request what a client makes up, knows, or was told.

    What a client makes up follows from the name of the file, so that it is the same in each run.
    """

    def __init__(self, play: Replay, exchange: Exchange, message: str) -> None:
        self._play = play
        self._seed = f"{exchange.request.parent.name}/{exchange.request.name}"
        size = re.search(r"\{\{nonce (\d+)\}\}", message)
        self._nonce = hashlib.sha512(self._seed.encode()).digest()[: int(size[1]) if size else 16]
        precision = "seconds" if "{{created seconds}}" in message else "milliseconds"
        self._created = NOW.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
        self._request_line = ""

    def fill_message(self, message: str) -> str:
        """Replace the placeholders of a request: those of its first line first, that of its length last."""
        first, _, rest = message.partition("\n")
        self._request_line = self.fill(first)
        filled = f"{self._request_line}\n{self.fill(rest)}"
        return filled.replace("{{length}}", str(len(filled.partition("\n\n")[2].encode())))

    def fill(self, text: str) -> str:
        """Replace the placeholders."""
        return _PLACEHOLDER.sub(lambda match: self._value(*match[1].split(" ", 1)), text)

    def _value(self, word: str, rest: str = "") -> str:
        match word:
            case "length":
                return "{{length}}"
            case "host":
                return self._play.host
            case "username":
                return USERNAME
            case "uuid":
                return str(uuid.uuid5(uuid.NAMESPACE_URL, self._seed))
            case "nonce":
                return b64encode(self._nonce).decode()
            case "created":
                return self._created
            case "digest":
                secret = rest or PASSWORD
                return b64encode(hashlib.sha1(self._nonce + self._created.encode() + secret.encode()).digest()).decode()
            case "authorization":
                method, target, _ = self._request_line.split(" ")
                return _digest_login(self._play.answers[rest].headers, method, urlsplit(target).path)
        return self._answered(word, rest)

    def _answered(self, number: str, path: str) -> str:
        """Return what an XPath expression selects of an earlier answer."""
        envelope = etree.fromstring(self._play.answers[number].body)
        value = str(envelope.xpath(f"string({path})", namespaces=NS))
        assert value, f"{self._seed}: there is no {path} in answer {number}"
        return value


def _digest_login(challenge: HTTPMessage, method: str, path: str) -> str:
    """Answer the first challenge of a camera, as clients do that know MD5 only (RFC 2617 section 3.2.2)."""
    asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge["WWW-Authenticate"]))

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    count, made_up = "00000001", "0a4f113b"
    response = md5(md5(USERNAME, asked["realm"], PASSWORD), asked["nonce"], count, made_up, "auth", md5(method, path))
    return (
        f'Digest username="{USERNAME}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{path}", '
        f'cnonce="{made_up}", nc={count}, qop=auth, response="{response}", algorithm=MD5'
    )


@asynccontextmanager
async def replaying(description: CameraDescription) -> AsyncIterator[Replay]:
    """Run a camera on which nothing moves, and whose clock stands still."""
    events = EventBroker(monotonic=lambda: 0.0, clock=lambda: NOW)
    events.set_kinds([EventKind.MOTION])
    ptz = FakePtz()
    camera = make_camera(events=events, ptz=ptz, imaging=FakeImaging())
    async with OnvifServer(description, camera, clock=lambda: NOW) as server:
        yield Replay(server, events, ptz)


async def _compare(transcript: Transcript, *, write: bool) -> list[str]:
    """Return the lines in which the answers differ from what is written down."""
    lines: list[str] = []
    async with replaying(transcript.description) as play:
        for exchange in transcript.exchanges:
            answer = await play.exchange(exchange)
            before = exchange.response.read_text() if exchange.response.exists() else ""
            if write:
                exchange.response.write_text(answer)
            name = str(exchange.response.relative_to(TRANSCRIPTS))
            lines += difflib.unified_diff(before.splitlines(), answer.splitlines(), name, name, lineterm="")
    return lines


def main() -> int:
    """Tell what has changed; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.responder.replay", description=__doc__)
    parser.add_argument("clients", nargs="*", help="names of folders; all if there are none")
    parser.add_argument(
        "--write", action="store_true", help="take what is answered now as right; review the difference"
    )
    options = parser.parse_args()
    changed = False
    for transcript in transcripts():
        if options.clients and transcript.folder.name not in options.clients:
            continue
        for line in asyncio.run(_compare(transcript, write=options.write)):
            changed = True
            sys.stdout.write(f"{line}\n")
    return int(changed and not options.write)


if __name__ == "__main__":
    sys.exit(main())
