"""The video side of a virtual camera: an RTSP server that ends credentials and addresses on both of its sides."""

from .limits import Limits
from .server import RelayServer
from .source import Source

__all__ = ["Limits", "RelayServer", "Source"]
