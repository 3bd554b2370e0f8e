"""What a simulated recorder is told to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
import os
from pathlib import Path

DEFAULT_USERNAME = "admin"
DEFAULT_PASSWORD = "Recorder123"
VIDEO_CODECS = ("H264", "H265")
AUDIO_CODECS = ("G711", "AAC")
KEY_SECONDS = (1, 2, 5, 10)
"""What a loop of pictures is a multiple of."""


def default_cache_directory() -> Path:
    """Return where encoded pictures are kept between runs."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "onvif_proxy_simulated_nvr"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """How one kind of stream is encoded."""

    codec: str = "H264"
    """H264 or H265."""
    width: int = 1280
    """Pixels, even."""
    height: int = 720
    """Pixels, even."""
    frame_rate: int = 15
    """Frames a second."""
    key_seconds: int = 1
    """From one key frame to the next: where the time of day is a multiple of it. 1, 2, 5 or 10."""
    bit_rate: int = 2048
    """kbit/s, as announced; the simple pictures need less."""

    def __post_init__(self) -> None:
        """Refuse what could not be encoded."""
        if self.codec not in VIDEO_CODECS:
            raise ValueError(f"video codec {self.codec!r} is not one of {', '.join(VIDEO_CODECS)}")
        if self.width % 2 or self.height % 2 or self.width < 160 or self.height < 90:
            raise ValueError("a picture needs even sides of at least 160x90 pixels")
        if not 1 <= self.frame_rate <= 60:
            raise ValueError("the frame rate must be 1 to 60")
        if self.key_seconds not in KEY_SECONDS:
            raise ValueError(f"the seconds between key frames must be one of {KEY_SECONDS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderOptions:
    """A recorder; the defaults are a well-behaved one with four channels."""

    channels: int = 4
    """Cameras; numbered from 1, the numbers of `gaps` left out."""
    gaps: tuple[int, ...] = ()
    """Channel numbers without a camera."""
    vendor: str = "hikvision"
    """Whose conventions: hikvision, dahua, reolink or uniview."""
    host: str = "127.0.0.1"
    port: int = 0
    """HTTP; 0 takes a free one."""
    rtsp_port: int = 0
    """0 takes a free one."""
    username: str = DEFAULT_USERNAME
    password: str = field(default=DEFAULT_PASSWORD, repr=False)
    serial_number: str = ""
    """Empty: one made from vendor and MAC."""
    mac: str = "02:00:5e:10:00:01"
    manufacturer: str = ""
    """Empty: the vendor's."""
    model: str = ""
    """Empty: the vendor's."""
    firmware: str = ""
    """Empty: the vendor's."""
    names: Mapping[int, str] = field(default_factory=dict)
    """Channel number to profile name, instead of the vendor's."""
    main: StreamOptions = StreamOptions()
    sub: StreamOptions | None = StreamOptions(width=640, height=360, bit_rate=512)
    """None: no channel has a sub stream."""
    codecs: Mapping[int, str] = field(default_factory=dict)
    """Channel number to the codec of its main stream, instead of `main.codec`."""
    audio: str | None = "G711"
    """G711, AAC or None."""
    loudspeakers: tuple[int, ...] = ()
    """Channel numbers of the cameras that can be talked to, in G.711."""
    clock_offset: timedelta = timedelta()
    """How far the recorder's clock is ahead."""
    wrong_xaddr: str | None = None
    """`host:port` that the recorder believes it is reached at; RTSP URIs get the host and keep the true RTSP port."""
    media1_hides_h265: bool = False
    """Dahua's way: no Encoding and Resolution for H.265 in Media1, no encoder at all for sub streams."""
    media2: bool = True
    """Serve and list ver20/media."""
    ptz: tuple[int, ...] = (1,)
    """Channel numbers of the cameras with a PTZ unit; without any, ver20/ptz is neither served nor listed."""
    imaging: bool = True
    """Serve and list ver20/imaging."""
    relay_outputs: int = 2
    """Contacts that can be switched."""
    answer_delay: float = 0.0
    """Seconds before each SOAP answer."""
    max_rtsp_sessions: int | None = None
    """None: no limit; one more is refused with 453."""
    max_pull_points: int | None = None
    """None: no limit; one more is refused with a fault."""
    rtsp_session_timeout: float = 60.0
    """Seconds without an RTSP request after which a session ends; RTCP does not count, as with many recorders."""
    nonce_lifetime: float = 300.0
    """Seconds that a digest nonce is good for; then the answer is 401 with stale=true."""
    discovery: bool = False
    """Answer WS-Discovery."""
    discovery_interface: str = "127.0.0.1"
    """The local address whose interface joins the multicast group."""
    cache_directory: Path = field(default_factory=default_cache_directory)
    """Where encoded pictures are kept between runs."""

    def __post_init__(self) -> None:
        """Refuse contradictions early."""
        if self.audio is not None and self.audio not in AUDIO_CODECS:
            raise ValueError(f"audio codec {self.audio!r} is not one of {', '.join(AUDIO_CODECS)}")
        if self.channels < 0:
            raise ValueError("a recorder has no negative number of channels")
        if self.relay_outputs < 0:
            raise ValueError("a recorder has no negative number of relay outputs")
