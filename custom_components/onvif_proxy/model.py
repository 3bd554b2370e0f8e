"""The nouns of the project as frozen values: what was read from a recorder, and what a virtual camera is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
class AudioDecoding:
    """A kind of sound that a loudspeaker takes."""

    codec: str
    """ONVIF's name: G711, G726 or AAC."""
    bit_rates: tuple[int, ...] = ()
    """kbit/s; empty where the recorder is silent."""
    sample_rates: tuple[int, ...] = ()
    """kHz, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudspeaker:
    """What plays the sound that a client sends to a stream."""

    takes: tuple[AudioDecoding, ...]
    level: int | None = None
    """Its volume on the recorder's own scale; None where the recorder is silent."""


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
    loudspeaker: Loudspeaker | None = None
    """None unless the recorder says that the stream's profile has one, and what it takes."""


class EventKind(StrEnum):
    """What a camera can tell of what it sees: each kind is true or false at any time."""

    MOTION = "motion"
    PERSON = "person"
    VEHICLE = "vehicle"
    ANIMAL = "animal"
    FACE = "face"
    PACKAGE = "package"
    DOORBELL = "doorbell"
    LINE_CROSSING = "line_crossing"
    TAMPER = "tamper"
    DIGITAL_INPUT = "digital_input"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderEvent:
    """Something that a recorder said of one of its channels."""

    channel: str
    """The channel's token."""
    kind: EventKind
    active: bool
    at: datetime
    """UTC, by our clock."""
    momentary: bool = False
    """It only says that something happened: no end of it will be told."""


class PtzSpaceKind(StrEnum):
    """What a range of numbers of a PTZ unit is for, by the element's name in tt:PTZSpaces."""

    ABSOLUTE_PAN_TILT = "AbsolutePanTiltPositionSpace"
    ABSOLUTE_ZOOM = "AbsoluteZoomPositionSpace"
    RELATIVE_PAN_TILT = "RelativePanTiltTranslationSpace"
    RELATIVE_ZOOM = "RelativeZoomTranslationSpace"
    CONTINUOUS_PAN_TILT = "ContinuousPanTiltVelocitySpace"
    CONTINUOUS_ZOOM = "ContinuousZoomVelocitySpace"
    PAN_TILT_SPEED = "PanTiltSpeedSpace"
    ZOOM_SPEED = "ZoomSpeedSpace"


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzSpace:
    """A range of numbers that a PTZ unit understands."""

    kind: PtzSpaceKind
    uri: str
    """Which space it is: clients know the generic ones of the standard, and some that of the field of view."""
    x: tuple[float, float]
    y: tuple[float, float] | None = None
    """None for zoom and for speeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PtzAbilities:
    """What the PTZ unit of a channel can do."""

    profile_token: str
    """The recorder's media profile by which the unit is steered."""
    spaces: tuple[PtzSpace, ...]
    max_presets: int = 0
    has_home: bool = False
    auxiliary_commands: tuple[str, ...] = ()
    timeout: tuple[float, float] = (1.0, 60.0)
    """Seconds, shortest and longest, that a continuous move may go on by itself."""
    tells_position: bool = False
    """Its status says where it is."""
    tells_movement: bool = False
    """Its status says whether it moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOutput:
    """A contact that the recorder can switch."""

    token: str
    """The recorder's."""
    monostable: bool
    """It falls back by itself after `delay`."""
    delay: float
    """Seconds."""
    idle_closed: bool
    """The contact is closed while the output is inactive."""


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
    event_kinds: tuple[EventKind, ...] = ()
    """What the recorder says it can tell of the channel."""
    ptz: PtzAbilities | None = None
    has_imaging: bool = False
    """Brightness and the like can be read and set."""

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
    relay_outputs: tuple[RelayOutput, ...] = ()

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
    credentials: Credentials | None
    """None lets everybody in."""
    manufacturer: str
    model: str
    firmware: str
    scopes: tuple[str, ...] = ()
    """Those that clients have added; the others follow from the rest."""
    location: str | None = None
    """Where the camera is, in words of the user."""
    media2: bool = False
    """The ver20 media service is offered, too."""
    event_kinds: tuple[EventKind, ...] = ()
    """What the camera can tell: what its channel can, and what was assigned to it."""
    relay_outputs: tuple[RelayOutput, ...] = ()
    """Those of the recorder that clients of this camera may switch."""
    has_snapshot: bool = False
    """There is a way to a still image."""
    raw_paths: Mapping[StreamRole, str] | None = None
    """Path and query of each stream where RTSP is passed on to the recorder as it is; None where it is served here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A still image."""

    image: bytes = field(repr=False)
    content_type: str = "image/jpeg"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelHalf:
    """One of the two HTTP requests that make a tunnel for RTSP."""

    cookie: str = field(repr=False)
    """The client's name for the tunnel; the same in both."""
    sending: bool
    """Whether it brings what the client says; through the other it gets what it is told."""
    client: str
    """Its address."""
