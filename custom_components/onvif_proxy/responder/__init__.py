"""The ONVIF side of a virtual camera: SOAP services over HTTP, the still image, and WS-Discovery.

A stream of role `main` or `sub` is announced at `rtsp://<address>:<rtsp_port>/<role>`.
"""

from .auth import TokenVerifier
from .camera import Camera, CameraSettings, SnapshotSource
from .discovery import DiscoveryResponder
from .errors import SnapshotUnavailable
from .events import EventBroker
from .host_discovery import HostDiscovery
from .names import DEVICE_PATH, MEDIA_PATH, SNAPSHOT_PATH
from .scopes import OWN_SCOPE, is_own_scope
from .server import OnvifServer
from .tunnels import TunnelTaker

__all__ = [
    "DEVICE_PATH",
    "MEDIA_PATH",
    "OWN_SCOPE",
    "SNAPSHOT_PATH",
    "Camera",
    "CameraSettings",
    "DiscoveryResponder",
    "EventBroker",
    "HostDiscovery",
    "OnvifServer",
    "SnapshotSource",
    "SnapshotUnavailable",
    "TokenVerifier",
    "TunnelTaker",
    "is_own_scope",
]
