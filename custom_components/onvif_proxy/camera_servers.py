"""The servers of one virtual camera on its endpoint: ONVIF, RTSP and WS-Discovery."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from .model import CameraDescription, Endpoint
from .relay import RelayServer, Source
from .responder import Camera, DiscoveryResponder, HostDiscovery, OnvifServer, TokenVerifier


class CameraServers:
    """Starts and stops them as one; discovery comes and goes while the others run."""

    def __init__(
        self,
        behind: Camera,
        *,
        tokens: TokenVerifier,
        on_client: Callable[[str], None] | None = None,
        host_discovery: HostDiscovery | None = None,
    ) -> None:
        """Serve nothing yet.

        `behind` is what the responder asks, `on_client` is told the address of each client that it lets in, and
        `host_discovery` tells programs of this host.
        """
        self._behind = behind
        self._tokens = tokens
        self._on_client = on_client
        self._host_discovery = host_discovery
        self._description: CameraDescription | None = None
        """None while they are stopped; with the ports that are bound."""
        self._server: OnvifServer | None = None
        self._relay: RelayServer | None = None
        self._discovery: DiscoveryResponder | None = None
        self._hide_from_host: Callable[[], None] | None = None

    @property
    def endpoint(self) -> Endpoint | None:
        """Where they listen, with the ports that are really bound; None while they don't."""
        return None if self._description is None else self._description.endpoint

    @property
    def viewers(self) -> int:
        """How many RTSP sessions are served now."""
        return 0 if self._relay is None else self._relay.viewers

    async def start(self, description: CameraDescription, sources: Mapping[str, Source]) -> None:
        """Bind both ports; raises OSError, or OverflowError for a port that is none, and then nothing listens."""
        try:
            self._relay = RelayServer(
                description.endpoint.address,
                description.endpoint.rtsp_port,
                credentials=description.credentials,
                sources=sources,
                logins=self._behind.logins,
            )
            await self._relay.start()
            endpoint = replace(description.endpoint, rtsp_port=self._relay.port)
            self._server = OnvifServer(
                replace(description, endpoint=endpoint),
                self._behind,
                discoverable=False,
                tokens=self._tokens,
                on_client=self._on_client,
            )
            await self._server.start()
        except BaseException:
            await self.stop()
            raise
        self._description = replace(description, endpoint=replace(endpoint, onvif_port=self._server.port))

    async def stop(self) -> None:
        """Stop all; idempotent, returns when the ports are free."""
        self._description = None
        await self._stop_discovery()
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop()
        if self._relay is not None:
            relay, self._relay = self._relay, None
            await relay.stop()

    def update(self, description: CameraDescription) -> None:
        """Say something else from now on, at the same endpoint; viewers with another login are sent away."""
        if self._server is None or self._relay is None:
            return
        self._description = description
        self._server.update(description)
        self._relay.update(credentials=description.credentials)
        if self._discovery is not None:
            self._discovery.update(description)
        if self._host_discovery is not None and self._hide_from_host is not None:
            self._host_discovery.update(description, self._server.port)

    def update_sources(self, sources: Mapping[str, Source]) -> None:
        """Take other streams of the recorder; viewers that are connected stay."""
        if self._relay is not None:
            self._relay.update(sources=sources)

    async def set_discoverable(self, discoverable: bool) -> None:
        """Answer WS-Discovery or not, while they run; raises OSError where the network does not let it."""
        if self._server is None or self._description is None:
            return
        self._server.discoverable = discoverable
        if not discoverable:
            await self._stop_discovery()
        elif self._discovery is None:
            if self._host_discovery is not None and self._hide_from_host is None:
                self._hide_from_host = self._host_discovery.add(self._description, self._server.port)
            discovery = DiscoveryResponder(self._description)
            try:
                await discovery.start()
            except OSError:
                await discovery.stop()
                raise
            self._discovery = discovery

    async def _stop_discovery(self) -> None:
        if self._hide_from_host is not None:
            self._hide_from_host()
            self._hide_from_host = None
        if self._discovery is not None:
            discovery, self._discovery = self._discovery, None
            await discovery.stop()
