"""The recorders that scripts/interop puts behind a relay: one program each, and this table of them."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..interop_environments import GObject

HERE = Path(__file__).parent


class RecorderStep(StrEnum):
    """What a relay does with a recorder: the columns of the recorders' table."""

    WRONG = "wrong"
    VIDEO = "video"
    SOUND = "sound"
    LATE = "late"
    SHARED = "shared"
    AGAIN = "again"
    LEFT = "left"


_PLUGINS = ("base", "good", "bad", "ugly")
GSTREAMER = GObject(
    "gstreamer-server",
    ("python3", "python3-gi", "gir1.2-gst-rtsp-server-1.0", *(f"gstreamer1.0-plugins-{name}" for name in _PLUGINS)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GStreamerServer:
    """How GStreamer's RTSP server is to be."""

    codec: str
    sound: str
    login: str

    def __str__(self) -> str:
        """Return it as the table tells it."""
        return f"{self.codec}, {self.sound}, {self.login}"


SERVERS = (
    GStreamerServer(codec="H264", sound="AAC", login="digest"),
    GStreamerServer(codec="H264", sound="PCMA", login="basic"),
    GStreamerServer(codec="H265", sound="PCMU", login="digest"),
)
