"""The video side of a virtual camera: an RTSP server that ends credentials and addresses on both of its sides."""

from .key_frame import KeyFrame
from .limits import Limits
from .options import CameraOptions
from .server import RelayServer
from .source import Source
from .statistics import CameraStatistics, StreamState, StreamStatistics, ViewerStatistics

__all__ = [
    "CameraOptions",
    "CameraStatistics",
    "KeyFrame",
    "Limits",
    "RelayServer",
    "Source",
    "StreamState",
    "StreamStatistics",
    "ViewerStatistics",
]
