"""The nouns of the project as frozen values: what was read from a recorder, and what a virtual camera is made of."""

from dataclasses import dataclass, field
from enum import StrEnum


class StreamRole(StrEnum):
    """Which of a channel's two encodings a stream is; also the last element of its RTSP path."""

    MAIN = "main"
    SUB = "sub"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user name and its password; the password never shows in a repr."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoEncoding:
    """How the pictures of a stream are encoded; None where neither ONVIF nor the SDP told."""

    codec: str
    """ONVIF's name: H264, H265, MPEG4 or JPEG."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    frame_rate: float | None = None
    """Frames a second."""
    bit_rate: int | None = None
    """Upper limit in kbit/s."""
    gov_length: int | None = None
    """Frames from one key frame to the next."""
    codec_profile: str | None = None
    """ONVIF's name of the codec's profile: Baseline, Main, Extended or High."""
    quality: float | None = None
    """The recorder's own scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioEncoding:
    """How the sound of a stream is encoded."""

    codec: str
    """ONVIF's name: G711, G726 or AAC."""
    bit_rate: int | None = None
    """kbit/s."""
    sample_rate: int | None = None
    """kHz, as ONVIF counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One encoding of a channel, and where the recorder serves it."""

    role: StreamRole
    profile_token: str
    """The recorder's media profile; opaque."""
    uri: str
    """The recorder's RTSP URI, without credentials."""
    video: VideoEncoding
    audio: AudioEncoding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One camera of the recorder: a distinct ONVIF video source."""

    token: str
    """The video source token: opaque, unique in the recorder, never derived from order, count or name."""
    name: str
    main: Stream
    sub: Stream | None = None
    snapshot_uri: str | None = None
    """The recorder's HTTP URI of a JPEG, without credentials."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Main first."""
        return (self.main,) if self.sub is None else (self.main, self.sub)

    def stream(self, role: StreamRole) -> Stream | None:
        """Return the stream of a role, None where the channel lacks it."""
        return next((stream for stream in self.streams if stream.role is role), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderInfo:
    """Who the recorder says it is."""

    serial_number: str
    """What tells this recorder from all others: its serial number, or its MAC where it has none."""
    manufacturer: str
    model: str
    firmware: str
    name: str
    """For people: from its scopes or host name, else the model."""
    mac: str | None = None
    """Lower case, colons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """All that a scan learnt."""

    info: RecorderInfo
    channels: tuple[Channel, ...]

    def channel(self, token: str) -> Channel | None:
        """Return the channel of a token, None when the recorder does not have it."""
        return next((channel for channel in self.channels if channel.token == token), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The address and ports that a virtual camera listens on."""

    address: str
    """IPv4."""
    prefix_length: int
    mac: str
    """What the camera reports as its hardware address: lower case, colons."""
    onvif_port: int
    """HTTP: SOAP and snapshots. 0 asks the kernel for a free one."""
    rtsp_port: int
    """0 asks the kernel for a free one."""
    interface: str
    """The name of the network interface that carries the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a client remembers of a camera; made once, kept in the store, never derived again."""

    uuid: str
    """Of the ONVIF endpoint reference, without `urn:uuid:`."""
    serial_number: str
    mac: str | None
    """Lower case, colons: the interface's in dedicated addressing (None before one was free), else one of its own."""
    onvif_port: int | None = None
    """None until the first start has found it free."""
    rtsp_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraDescription:
    """Everything that a responder says of its camera; replaced as a whole when something changes."""

    name: str
    identity: Identity
    channel: Channel
    endpoint: Endpoint
    credentials: Credentials
    manufacturer: str
    model: str
    firmware: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A still image."""

    image: bytes = field(repr=False)
    content_type: str = "image/jpeg"
