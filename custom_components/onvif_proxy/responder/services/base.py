"""What a service is made of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ...model import CameraDescription, StreamRole
from ..auth import Access
from ..camera import Camera
from ..names import DEVICE_PATH, NAMESPACES, SNAPSHOT_PATH, SUBSCRIPTION_PATH
from ..xmltree import Element, node

HTTP_PORT = 80
RTSP_PORT = 554


def device_xaddr(address: str, onvif_port: int) -> str:
    """Return where the device service of a camera is."""
    return _http_uri(address, onvif_port, DEVICE_PATH)


def _http_uri(address: str, port: int, path: str) -> str:
    return f"http://{address}{'' if port == HTTP_PORT else f':{port}'}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a handler may know while it answers one request."""

    description: CameraDescription
    onvif_port: int
    """The bound one."""
    services: tuple[Service, ...]
    """Those that this camera offers."""
    camera: Camera
    """What can be asked and told beyond the description."""
    discoverable: bool
    now: datetime
    """UTC."""
    tunnels: bool = False
    """Whether RTSP is served over HTTP, at the port of this service."""
    client: str = ""
    """The address that the request came from."""
    subscription: str | None = None
    """The id of the pull point that the request was sent to."""
    headers: tuple[Element, ...] = ()
    """The blocks of the request's SOAP header."""
    if_unsent: list[Callable[[], None]] = field(default_factory=list)
    """What a handler wants to be called when the client's connection breaks before it has the answer."""

    def xaddr(self, service: Service) -> str:
        """Return where a service is."""
        return _http_uri(self.description.endpoint.address, self.onvif_port, service.path)

    @property
    def snapshot_uri(self) -> str:
        """Where the still image is."""
        return _http_uri(self.description.endpoint.address, self.onvif_port, SNAPSHOT_PATH)

    def subscription_uri(self, subscription: str) -> str:
        """Return where a pull point is."""
        return _http_uri(self.description.endpoint.address, self.onvif_port, SUBSCRIPTION_PATH + subscription)

    def stream_uri(self, role: StreamRole) -> str:
        """Return where a stream is."""
        endpoint, paths = self.description.endpoint, self.description.raw_paths
        port = "" if endpoint.rtsp_port == RTSP_PORT else f":{endpoint.rtsp_port}"
        path = f"/{role}" if paths is None else paths[role]
        return f"rtsp://{endpoint.address}{port}{path}"

    @property
    def datagrams(self) -> bool:
        """Whether RTP may come over UDP: not from a recorder that believes us to be its client."""
        return self.description.raw_paths is None

    def tunnel_uri(self, role: StreamRole) -> str:
        """Return where a stream is over HTTP: at the port of the web services (Media2 specification, GetStreamUri)."""
        return _http_uri(self.description.endpoint.address, self.onvif_port, f"/{role}")


type Handler = Callable[[Context, Element], Element | Awaitable[Element]]
"""Takes the request's element and returns the response's; raises `SoapFault`."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What answers a request, and who may make it."""

    handler: Handler
    access: Access
    constant: bool = False
    """The answer follows from the description, the bound port and the request alone, so it may be kept."""
    action: str | None = None
    """The WS-Addressing action of the answer, for services whose clients look at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One ONVIF service, as announced and as dispatched."""

    prefix: str
    """Of its namespace, as in `NAMESPACES`."""
    path: str
    version: tuple[int, int]
    """Major and minor of the specification that it follows."""
    capabilities: Callable[[Context], Element]
    """The `Capabilities` element of GetServiceCapabilities and of GetServices."""
    operations: Mapping[str, Operation]
    """By local name, with a prefix where it is of another namespace; without GetServiceCapabilities."""
    category: str | None = None
    """Its name in GetCapabilities, None where it is younger than that."""
    legacy_capabilities: Callable[[Context], Element] | None = None
    """Its element in GetCapabilities: the same facts in an older form."""
    offered: Callable[[CameraDescription], bool] = lambda _description: True
    """Whether a camera has it."""
    capabilities_action: str | None = None
    """The WS-Addressing action of GetServiceCapabilities' answer."""

    @property
    def namespace(self) -> str:
        """The namespace of its operations."""
        return NAMESPACES[self.prefix]

    @property
    def all_operations(self) -> dict[str, Operation]:
        """By name as in `operations`, with what every service has."""

        def get_service_capabilities(context: Context, _request: Element) -> Element:
            return node(f"{self.prefix}:GetServiceCapabilitiesResponse", self.capabilities(context))

        return {
            "GetServiceCapabilities": Operation(
                get_service_capabilities, Access.PRE_AUTH, constant=True, action=self.capabilities_action
            ),
            **self.operations,
        }
