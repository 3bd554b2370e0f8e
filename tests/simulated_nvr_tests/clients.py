"""Outsiders that talk to the recorder: a player, a raw RTSP client, a raw SOAP client."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
import hashlib
import re
import secrets
from typing import Self

import aiohttp
import av
from lxml import etree
from multidict import CIMultiDictProxy
from onvif import ONVIFCamera

from tests.simulated_nvr import SimulatedRecorder

ENVELOPE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema" '
    'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" '
    'xmlns:tr2="http://www.onvif.org/ver20/media/wsdl" xmlns:tev="http://www.onvif.org/ver10/events/wsdl" '
    'xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl" xmlns:timg="http://www.onvif.org/ver20/imaging/wsdl" '
    'xmlns:tmd="http://www.onvif.org/ver10/deviceIO/wsdl" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"><s:Header>{}</s:Header><s:Body>{}</s:Body></s:Envelope>'
)
NAMESPACES = dict(re.findall(r'xmlns:(\w+)="([^"]+)"', ENVELOPE))
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"


@dataclass(frozen=True)
class Played:
    """What a player decoded."""

    video_codec: str
    audio_codec: str | None
    size: tuple[int, int]
    frames: int
    audio_samples: int


def _play(uri: str, transport: str, frames: int) -> Played:
    options = {"rtsp_transport": transport, "analyzeduration": "500000"}
    with av.open(uri, options=options, timeout=10) as container:
        video = container.streams.video[0]
        audio = next(iter(container.streams.audio), None)
        decoded = samples = 0
        size = (0, 0)
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    decoded += 1
                    size = (frame.width, frame.height)
                elif isinstance(frame, av.AudioFrame):
                    samples += frame.samples
            if decoded >= frames and (samples or audio is None):
                break
        return Played(video.codec_context.name, audio and audio.codec_context.name, size, decoded, samples)


async def play(
    recorder: SimulatedRecorder,
    number: int,
    index: int = 0,
    *,
    transport: str = "tcp",
    frames: int = 10,
    password: str = "",
) -> Played:
    """Play a stream with FFmpeg's client; raises av.error.FFmpegError."""
    login = f"rtsp://{recorder.options.username}:{password or recorder.options.password}@"
    uri = recorder.stream_uri(number, index).replace("rtsp://", login, 1)
    return await asyncio.to_thread(_play, uri, transport, frames)


@asynccontextmanager
async def onvif_camera(recorder: SimulatedRecorder, password: str = "", **options: bool) -> AsyncIterator[ONVIFCamera]:
    """Connect with onvif-zeep-async, as the integration and Home Assistant do."""
    camera = ONVIFCamera(
        recorder.host, recorder.port, recorder.options.username, password or recorder.options.password, **options
    )
    try:
        await camera.update_xaddrs()
        yield camera
    finally:
        await camera.close()


def username_token(username: str, password: str, *, created: datetime | None = None, nonce: bytes = b"") -> str:
    """Return a Security header with a password digest."""
    nonce = nonce or secrets.token_bytes(16)
    moment = (created or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = base64.b64encode(hashlib.sha1(nonce + moment.encode() + password.encode()).digest()).decode()
    return (
        f'<w:Security xmlns:w="{_WSS}wssecurity-secext-1.0.xsd" xmlns:u="{_WSS}wssecurity-utility-1.0.xsd">'
        f"<w:UsernameToken><w:Username>{username}</w:Username>"
        f'<w:Password Type="{_WSS}username-token-profile-1.0#PasswordDigest">{digest}</w:Password>'
        f"<w:Nonce>{base64.b64encode(nonce).decode()}</w:Nonce><u:Created>{moment}</u:Created></w:UsernameToken></w:Security>"
    )


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


async def post(url: str, body: bytes | str, **options: object) -> Answer:
    """Send bytes; options are aiohttp's."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, timeout=aiohttp.ClientTimeout(5), **options) as response,  # type: ignore[arg-type] # passed on
    ):
        return Answer(response.status, response.headers, await response.read())


async def call(recorder: SimulatedRecorder, service: str, operation: str, *, security: str | None = None) -> Answer:
    """Send a SOAP request to a service (a key of the vendor's paths) with the right token, or another header."""
    options = recorder.options
    header = username_token(options.username, options.password) if security is None else security
    url = f"http://{recorder.host}:{recorder.port}{recorder.channels.vendor.paths[service]}"
    return await post(url, ENVELOPE.format(header, operation), headers={"Content-Type": "application/soap+xml"})


async def get(url: str, username: str, password: str) -> Answer:
    """Fetch with HTTP digest."""
    digest = aiohttp.DigestAuthMiddleware(username, password)
    async with (
        aiohttp.ClientSession(middlewares=(digest,)) as session,
        session.get(url, timeout=aiohttp.ClientTimeout(5)) as response,
    ):
        return Answer(response.status, response.headers, await response.read())


@dataclass
class RtspAnswer:
    """An RTSP answer; header names in lower case, WWW-Authenticate's last."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class RawRtsp:
    """A client that sends exactly what it is told, and keeps what is interleaved."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    username: str
    password: str
    interleaved: list[tuple[int, bytes]] = field(default_factory=list)
    _cseq: int = 0
    _challenge: dict[str, str] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def connect(cls, recorder: SimulatedRecorder, password: str = "") -> AsyncIterator[Self]:
        """Connect to a recorder."""
        reader, writer = await asyncio.open_connection(recorder.host, recorder.rtsp_port)
        try:
            yield cls(reader, writer, recorder.options.username, password or recorder.options.password)
        finally:
            writer.close()

    async def request(self, method: str, uri: str, **headers: str) -> RtspAnswer:
        """Ask, and once more with the digest when that is wanted."""
        answer = await self._once(method, uri, headers)
        if answer.status == 401:
            self._challenge = dict(re.findall(r'(\w+)="?([^",]+)', answer.headers["www-authenticate"]))
            answer = await self._once(method, uri, headers)
        return answer

    async def once(self, method: str, uri: str, **headers: str) -> RtspAnswer:
        """Ask once, without credentials before a challenge."""
        return await self._once(method, uri, headers)

    async def _once(self, method: str, uri: str, headers: dict[str, str]) -> RtspAnswer:
        self._cseq += 1
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self._cseq}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if self._challenge:
            lines.append(f"Authorization: {self._digest(method, uri)}")
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        return await self.answer()

    def _digest(self, method: str, uri: str) -> str:
        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        realm, nonce = self._challenge["realm"], self._challenge["nonce"]
        # A count may be used once only: CSeq rises with each request.
        middle = f"{nonce}:{self._cseq:08x}:c:auth" if "qop" in self._challenge else nonce
        response = md5(f"{md5(f'{self.username}:{realm}:{self.password}')}:{middle}:{md5(f'{method}:{uri}')}")
        qop = f', qop=auth, nc={self._cseq:08x}, cnonce="c"' if "qop" in self._challenge else ""
        return f'Digest username="{self.username}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"{qop}'

    async def answer(self) -> RtspAnswer:
        """Read the next answer; interleaved frames before it are kept."""
        async with asyncio.timeout(5):
            while (first := await self.reader.readexactly(1)) == b"$":
                await self._frame()
            head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
            start, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return RtspAnswer(int(start.split()[1]), headers, body)

    async def media(self, frames: int) -> None:
        """Read interleaved frames."""
        async with asyncio.timeout(5):
            for _ in range(frames):
                assert await self.reader.readexactly(1) == b"$"
                await self._frame()

    async def _frame(self) -> None:
        header = await self.reader.readexactly(3)
        payload = await self.reader.readexactly(int.from_bytes(header[1:], "big"))
        self.interleaved.append((header[0], payload))

    async def set_up(self, uri: str, transport: str = "RTP/AVP/TCP;unicast;interleaved=0-1") -> RtspAnswer:
        """DESCRIBE, then SETUP of the first track; the SETUP's answer."""
        described = await self.request("DESCRIBE", uri)
        assert described.status == 200
        return await self.request("SETUP", video_control(described), Transport=transport)


def video_control(described: RtspAnswer) -> str:
    """Return the URI of the first track (RFC 2326 section C.1.1)."""
    video = described.body.decode().split("m=video", 1)[1]
    control = re.search(r"a=control:(\S+)", video)
    assert control is not None
    return control[1] if control[1].startswith("rtsp://") else described.headers["content-base"] + control[1]


def session_id(answer: RtspAnswer) -> str:
    """Return the id in a Session header."""
    return answer.headers["session"].partition(";")[0]


def subcodes(answer: Answer) -> list[str]:
    """Return the codes of a fault, the outer first, without prefixes."""
    values = etree.fromstring(answer.body).iterfind(".//{*}Fault/{*}Code//{*}Value")
    return [(value.text or "").rpartition(":")[2] for value in values]


def unknown_elements(value: object) -> list[object]:
    """Return what zeep could not place by its schema."""
    if isinstance(value, list):
        return [one for item in value for one in unknown_elements(item)]
    values = getattr(value, "__values__", {})
    found = list(values.get("_raw_elements") or [])
    return found + [one for item in values.values() for one in unknown_elements(item)]
