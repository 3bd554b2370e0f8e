"""A running virtual camera, and a client that speaks raw HTTP to it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
from lxml import etree
import pytest

from custom_components.onvif_proxy.logins import LoginGuard
from custom_components.onvif_proxy.model import (
    AudioEncoding,
    CameraDescription,
    Channel,
    Credentials,
    Endpoint,
    Identity,
    Snapshot,
    Stream,
    StreamRole,
    VideoEncoding,
)
from custom_components.onvif_proxy.responder import (
    Camera,
    EventBroker,
    OnvifServer,
    SnapshotSource,
    SnapshotUnavailable,
    TokenVerifier,
)

from .envelopes import NS, PASSWORD, USERNAME, envelope, operation, security
from .schemas import load_schema

MAIN_VIDEO = VideoEncoding(
    codec="H264", width=2560, height=1440, frame_rate=20.0, bit_rate=4096, gov_length=40, codec_profile="High"
)
SUB_VIDEO = VideoEncoding(
    codec="H264", width=640, height=360, frame_rate=12.5, bit_rate=512, gov_length=25, codec_profile="Main"
)
G711 = AudioEncoding(codec="G711", bit_rate=64, sample_rate=8)
JPEG = b"\xff\xd8 a picture \xff\xd9"
MAC = "0a:1b:2c:3d:4e:5f"
UUID = "5c9d8a1e-3c1f-4f5e-9a55-0a1b2c3d4e5f"


def make_channel(
    *,
    main: VideoEncoding = MAIN_VIDEO,
    sub: VideoEncoding | None = SUB_VIDEO,
    main_audio: AudioEncoding | None = G711,
    sub_audio: AudioEncoding | None = None,
    snapshot_uri: str | None = "http://recorder.invalid/picture?channel=3",
) -> Channel:
    """Return a channel of a recorder whose tokens and addresses must show nowhere."""

    def stream(role: StreamRole, video: VideoEncoding, audio: AudioEncoding | None) -> Stream:
        return Stream(
            role=role,
            profile_token=f"RecorderProfile003_{role}",
            uri=f"rtsp://recorder.invalid/{role}",
            video=video,
            audio=audio,
        )

    return Channel(
        token="RecorderSource003",
        name="Channel 3",
        main=stream(StreamRole.MAIN, main, main_audio),
        sub=None if sub is None else stream(StreamRole.SUB, sub, sub_audio),
        snapshot_uri=snapshot_uri,
    )


def make_description(
    *,
    name: str = "Front Door",
    channel: Channel | None = None,
    password: str = PASSWORD,
    onvif_port: int = 0,
    uuid: str = UUID,
    address: str = "127.0.0.1",
    model: str = "NVR 5000",
) -> CameraDescription:
    """Return a camera on loopback."""
    channel = channel or make_channel()
    return CameraDescription(
        name=name,
        identity=Identity(uuid=uuid, serial_number="OP-0003", mac=MAC),
        channel=channel,
        endpoint=Endpoint(
            address=address, prefix_length=8, mac=MAC, onvif_port=onvif_port, rtsp_port=8554, interface="lo"
        ),
        credentials=Credentials(username=USERNAME, password=password),
        manufacturer="ACME & Sons",
        model=model,
        firmware="4.2",
        has_snapshot=channel.snapshot_uri is not None,
    )


@dataclass(slots=True)
class FakeSnapshots:
    """A recorder's still image; `failure` is raised if set."""

    snapshot_: Snapshot = field(default_factory=lambda: Snapshot(image=JPEG))
    failure: Exception | None = None

    async def snapshot(self) -> Snapshot:
        """Return the image."""
        if self.failure is not None:
            raise self.failure
        return self.snapshot_

    def break_down(self) -> None:
        """Be unavailable from now on."""
        self.failure = SnapshotUnavailable("the recorder is asleep")


@dataclass(slots=True)
class FakeSettings:
    """What clients have changed."""

    discoverable: bool | None = None
    scopes: tuple[str, ...] | None = None

    async def set_discoverable(self, discoverable: bool) -> None:
        """Keep it."""
        self.discoverable = discoverable

    async def set_scopes(self, scopes: tuple[str, ...]) -> None:
        """Keep them."""
        self.scopes = scopes


def make_camera(snapshots: SnapshotSource | None = None, **more: Any) -> Camera:
    """Return what is behind a responder, with fakes for all that is not given."""
    defaults = {"settings": FakeSettings(), "events": EventBroker(), "logins": LoginGuard()}
    return Camera(snapshots=snapshots or FakeSnapshots(), **defaults | more)


@dataclass(slots=True)
class Reply:
    """What came back from a SOAP request."""

    status: int
    headers: Any
    content: bytes

    @property
    def body(self) -> etree._Element:
        """The only child of the SOAP body, as a document of its own."""
        envelope_element = etree.fromstring(self.content)
        assert envelope_element.tag == f"{{{NS['env']}}}Envelope"
        (child,) = envelope_element.find("env:Body", NS)
        return etree.fromstring(etree.tostring(child))

    @property
    def response(self) -> etree._Element:
        """The response of an operation that succeeded."""
        assert self.status == 200, self.content
        return self.body

    def text(self, path: str) -> str | None:
        """Return the text at a path of a response."""
        return self.response.findtext(path, namespaces=NS)

    def texts(self, path: str) -> list[str | None]:
        """Return all texts at a path of a response."""
        return [element.text for element in self.response.iterfind(path, NS)]

    @property
    def fault(self) -> tuple[int, list[str]]:
        """The HTTP status, and all codes from the first to the innermost as `prefix:name`, by expanded name."""
        prefixes = {uri: prefix for prefix, uri in NS.items()}
        codes = []
        for value in self.body.iterfind(".//env:Value", NS):
            prefix, _, local = (value.text or "").partition(":")
            codes.append(f"{prefixes[value.nsmap[prefix]]}:{local}")
        assert self.body.tag == f"{{{NS['env']}}}Fault"
        return self.status, codes

    @property
    def reason(self) -> str:
        """The text of a fault."""
        return self.body.findtext("env:Reason/env:Text", "", NS)


@dataclass(slots=True)
class Client:
    """Speaks raw HTTP to a virtual camera."""

    session: aiohttp.ClientSession
    server: OnvifServer

    def url(self, path: str = "/onvif/device_service") -> str:
        """Return a URL of the camera."""
        return f"http://127.0.0.1:{self.server.port}{path}"

    async def post(self, data: str | bytes, *, path: str = "/onvif/device_service", **kwargs: Any) -> Reply:
        """Send anything."""
        kwargs.setdefault("headers", {"Content-Type": "application/soap+xml; charset=utf-8"})
        async with self.session.post(self.url(path), data=data, **kwargs) as response:
            return Reply(response.status, response.headers, await response.read())

    async def ask(self, name: str, content: str = "", *, header: str | None = None, **kwargs: Any) -> Reply:
        """Call an operation, logged in by token unless another SOAP header is given."""
        header = security() if header is None else header
        return await self.post(envelope(operation(name, content), header), **kwargs)


@pytest.fixture
def snapshots() -> FakeSnapshots:
    """Return the recorder's still image."""
    return FakeSnapshots()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return an HTTP session."""
    async with aiohttp.ClientSession() as http:
        yield http


@pytest.fixture
def guard_clock() -> list[float]:
    """Return the seconds of the guard's clock, as a list so that tests can set them."""
    return [0.0]


@pytest.fixture
def camera(snapshots: FakeSnapshots, guard_clock: list[float]) -> Camera:
    """Return what is behind the running server."""
    return make_camera(snapshots, logins=LoginGuard(clock=lambda: guard_clock[0]))


@pytest.fixture
async def server(camera: Camera) -> AsyncIterator[OnvifServer]:
    """Return a running server."""
    tokens = TokenVerifier(same_moment=timedelta())  # tests ask quicker than clients
    async with OnvifServer(make_description(), camera, tokens=tokens) as running:
        yield running


@pytest.fixture
def client(session: aiohttp.ClientSession, server: OnvifServer) -> Client:
    """Return a client of the running server."""
    return Client(session, server)


@pytest.fixture(scope="session")
def onvif_schema(tmp_path_factory: pytest.TempPathFactory) -> etree.XMLSchema:
    """Return the schema of all that a camera may answer."""
    return load_schema(tmp_path_factory.mktemp("schema"))


@pytest.fixture
def assert_valid(onvif_schema: etree.XMLSchema) -> Callable[[etree._Element], None]:
    """Return a check of a response against ONVIF's schema."""

    def check(response: etree._Element) -> None:
        assert onvif_schema.validate(response), onvif_schema.error_log

    return check
