"""The servers of one virtual camera on its endpoint: ONVIF, RTSP and WS-Discovery."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from .model import CameraDescription, Endpoint
from .relay.config import CameraConfig
from .relay.key_frame import KeyFrame
from .relay.options import CameraOptions
from .relay.source import Source
from .relay.statistics import CameraStatistics, StreamState
from .relay_child import RelayDown
from .relay_process import RelayProcess, ServedCamera
from .responder import Camera, DiscoveryResponder, HostDiscovery, OnvifServer, TokenVerifier


class CameraServers:
    """Starts and stops them as one; discovery comes and goes while the others run."""

    def __init__(
        self,
        behind: Camera,
        relays: RelayProcess,
        *,
        tokens: TokenVerifier,
        on_relay_change: Callable[[], None],
        on_client: Callable[[str], None] | None = None,
        host_discovery: HostDiscovery | None = None,
    ) -> None:
        """Serve nothing yet.

        `behind` is what the responder asks, `on_client` is told the address of each client that it lets in, and
        `host_discovery` tells programs of this host. `on_relay_change` is called when `relay_trouble` or `viewers` is another.
        """
        self._behind = behind
        self._relays = relays
        self._on_relay_change = on_relay_change
        self._tokens = tokens
        self._on_client = on_client
        self._host_discovery = host_discovery
        self._description: CameraDescription | None = None
        """None while they are stopped; with the ports that are bound."""
        self._server: OnvifServer | None = None
        self._relay: ServedCamera | None = None
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

    @property
    def relay_trouble(self) -> OSError | None:
        """Why there is no video while they run: `RelayDown` ends by itself, after another error they must be started anew."""
        return None if self._relay is None else self._relay.trouble

    @property
    def streaming(self) -> bool:
        """Whether the video side has viewers, or a session with the recorder."""
        activity = None if self._relay is None else self._relay.activity
        return activity is not None and (
            activity.viewers > 0 or any(state is not StreamState.IDLE for state in activity.streams.values())
        )

    async def relay_statistics(self) -> CameraStatistics | None:
        """Ask what the video side is doing; None while it isn't there."""
        if self._relay is None:
            return None
        try:
            return await self._relay.statistics()
        except OSError:
            return None

    async def key_frame(self, name: str, *, timeout: float) -> KeyFrame | None:
        """Ask for the last key frame of a stream, None where there is none in time; raises OSError where there can't be."""
        if self._relay is None:
            raise RelayDown("the camera does not run")
        return await self._relay.key_frame(name, timeout=timeout)

    async def start(
        self, description: CameraDescription, sources: Mapping[str, Source], options: CameraOptions
    ) -> None:
        """Bind both ports; raises OSError, or OverflowError for a port that is none, and then nothing listens."""
        config = CameraConfig(
            address=description.endpoint.address,
            port=description.endpoint.rtsp_port,
            credentials=description.credentials,
            sources=sources,
            options=options,
        )
        try:
            self._relay = await self._relays.serve(config, logins=self._behind.logins, on_change=self._on_relay_change)
            endpoint = replace(description.endpoint, rtsp_port=self._relay.port)
            self._server = OnvifServer(
                replace(description, endpoint=endpoint),
                self._behind,
                discoverable=False,
                tokens=self._tokens,
                tunnels=self._relay.take_tunnel,
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

    def update_options(self, options: CameraOptions) -> None:
        """Serve the streams in another way; viewers are sent away where sound or raw mode comes or goes."""
        if self._relay is not None:
            self._relay.update(options=options)

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
