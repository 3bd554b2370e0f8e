"""One virtual camera: a channel behind a responder and a relay on one endpoint, and the state machine that runs them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
import errno
from ipaddress import IPv4Address, IPv4Network
import logging

from .foreign_clients import FOREIGN_CLIENT_MEMORY, ForeignClients
from .model import CameraDescription, Channel, Credentials, Endpoint, Identity, RecorderInfo, Snapshot
from .relay import RelayServer, Source
from .responder import DiscoveryResponder, OnvifServer, TokenVerifier

_LOGGER = logging.getLogger(__name__)

RETRY_SECONDS = (2.0, 5.0, 15.0, 60.0)


class CameraState(StrEnum):
    """What a virtual camera is doing."""

    STOPPED = "stopped"
    WAITING_FOR_ADDRESS = "waiting_for_address"
    RUNNING = "running"
    ERROR = "error"


class Trouble(StrEnum):
    """Why a camera is in error, or what it has to do without while it runs."""

    PORT_IN_USE = "port_in_use"
    NOT_PERMITTED = "not_permitted"
    ADDRESS_GONE = "address_gone"
    NO_FREE_PORT = "no_free_port"
    NETWORK = "network"
    NO_DISCOVERY = "no_discovery"
    CHANNEL_GONE = "channel_gone"


_TROUBLE_OF_ERRNO = {
    errno.EADDRINUSE: Trouble.PORT_IN_USE,
    errno.EACCES: Trouble.NOT_PERMITTED,
    errno.EPERM: Trouble.NOT_PERMITTED,
    errno.EADDRNOTAVAIL: Trouble.ADDRESS_GONE,
    errno.ENODEV: Trouble.ADDRESS_GONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraStatus:
    """The state of a camera, and its trouble if it has one."""

    state: CameraState
    trouble: Trouble | None = None


class VirtualCamera:
    """Runs the servers of one channel whenever it is switched on and has an endpoint; recovers alone.

    All methods are called in one event loop. `on_change` is called after each change of `status` and `foreign_clients`.
    """

    def __init__(
        self,
        *,
        name: str,
        identity: Identity,
        channel: Channel,
        recorder: RecorderInfo,
        recorder_credentials: Credentials,
        credentials: Credentials,
        tokens: TokenVerifier,
        fetch_snapshot: Callable[[Channel], Awaitable[Snapshot]],
        on_change: Callable[[], None],
        retry_seconds: tuple[float, ...] = RETRY_SECONDS,
        own_networks: Callable[[], Iterable[IPv4Network]] | None = None,
        foreign_client_memory: float = FOREIGN_CLIENT_MEMORY,
    ) -> None:
        """Make a camera that is switched off.

        `tokens` is shared by all cameras with these credentials: what was used at one is used up for all.
        `fetch_snapshot` raises `SnapshotUnavailable`. `own_networks` returns `networks_of_host`; without it, where a MAC
        tells nothing anyway, no clients are foreign.
        """
        self.name = name
        self.identity = identity
        self.channel = channel
        self.recorder = recorder
        self.credentials = credentials
        self.status = CameraStatus(state=CameraState.STOPPED)
        self._recorder_credentials = recorder_credentials
        self._tokens = tokens
        self._fetch_snapshot = fetch_snapshot
        self._on_change = on_change
        self._retry_seconds = retry_seconds
        self._own_networks = own_networks
        self._foreign_clients = ForeignClients(foreign_client_memory)
        self._forgetting: asyncio.TimerHandle | None = None
        self._enabled = False
        self._discoverable = False
        self._channel_gone = False
        self._endpoint: Endpoint | None = None
        self._endpoint_trouble: Trouble | None = None
        self._server: OnvifServer | None = None
        self._relay: RelayServer | None = None
        self._discovery: DiscoveryResponder | None = None
        self._discovery_trouble: Trouble | None = None
        self._failures = 0
        self._retry: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    @property
    def endpoint(self) -> Endpoint | None:
        """Where the camera listens, with the ports that are really bound; None while it does not."""
        if self._endpoint is None or self._server is None or self._relay is None:
            return None
        return replace(self._endpoint, onvif_port=self._server.port, rtsp_port=self._relay.port)

    @property
    def wanted_address(self) -> str | None:
        """The address that it is to listen on, whether it does or not."""
        return None if self._endpoint is None else self._endpoint.address

    @property
    def viewers(self) -> int:
        """How many RTSP sessions are served now."""
        return 0 if self._relay is None else self._relay.viewers

    @property
    def foreign_clients(self) -> frozenset[IPv4Address]:
        """The clients that logged in lately from outside the camera's network, over a router that hides its MAC."""
        return self._foreign_clients.addresses

    async def set_enabled(self, enabled: bool) -> None:
        """Switch the camera on or off."""
        self._enabled = enabled
        self._failures = 0
        await self._reconcile()

    async def set_discoverable(self, discoverable: bool) -> None:
        """Answer WS-Discovery, or keep silent."""
        self._discoverable = discoverable
        await self._reconcile()

    async def set_endpoint(self, endpoint: Endpoint | None, trouble: Trouble | None = None) -> None:
        """Take the endpoint to listen on; None while there is no address, with the trouble if waiting won't help."""
        async with self._lock:
            if endpoint != self._endpoint:
                await self._stop_servers()
                self._endpoint = endpoint
                self._failures = 0
            self._endpoint_trouble = trouble
        if endpoint is not None:
            self._forget_clients(lambda client, _: client in _network(endpoint))
        await self._reconcile()

    def rename(self, name: str) -> None:
        """Tell clients a new name."""
        if name != self.name:
            self.name = name
            self._announce()

    def update_channel(self, channel: Channel, recorder: RecorderInfo) -> None:
        """Take what a rescan found; viewers that are connected stay."""
        if (channel, recorder) != (self.channel, self.recorder):
            self.channel = channel
            self.recorder = recorder
            self._announce()
            if self._relay is not None:
                self._relay.update(sources=self._sources())

    def set_channel_gone(self, gone: bool) -> None:
        """Tell that the recorder lacks the channel; it may be back with the next scan, so the camera stays reachable."""
        self._channel_gone = gone
        if self.status.state is CameraState.RUNNING:
            self._set_status(CameraState.RUNNING, self._discovery_trouble)

    async def snapshot(self) -> Snapshot:
        """Fetch a still image from the recorder; raises `SnapshotUnavailable`."""
        return await self._fetch_snapshot(self.channel)

    async def close(self) -> None:
        """Stop for good; returns when all ports are free."""
        self._enabled = False
        await self._reconcile()

    def _describe(self, endpoint: Endpoint) -> CameraDescription:
        return CameraDescription(
            name=self.name,
            identity=self.identity,
            channel=self.channel,
            endpoint=endpoint,
            credentials=self.credentials,
            manufacturer=self.recorder.manufacturer,
            model=self.recorder.model,
            firmware=self.recorder.firmware,
        )

    def _sources(self) -> dict[str, Source]:
        return {
            stream.role.value: Source(uri=stream.uri, credentials=self._recorder_credentials)
            for stream in self.channel.streams
        }

    def _announce(self) -> None:
        if (endpoint := self.endpoint) is None:
            return
        description = self._describe(endpoint)
        if self._server is not None:
            self._server.update(description)
        if self._discovery is not None:
            self._discovery.update(description)

    def _set_status(self, state: CameraState, trouble: Trouble | None = None) -> None:
        if state is CameraState.RUNNING and self._channel_gone:
            trouble = Trouble.CHANNEL_GONE
        status = CameraStatus(state=state, trouble=trouble)
        if status != self.status:
            self.status = status
            self._on_change()

    async def _reconcile(self) -> None:
        """Make the servers what the switches and the endpoint ask for."""
        async with self._lock:
            self._cancel_retry()
            if not self._enabled:
                await self._stop_servers()
                self._forget_clients(lambda *_: True)
                self._set_status(CameraState.STOPPED)
            elif self._endpoint is None:
                await self._stop_servers()
                state = CameraState.WAITING_FOR_ADDRESS if self._endpoint_trouble is None else CameraState.ERROR
                self._set_status(state, self._endpoint_trouble)
            else:
                await self._run_servers(self._endpoint)

    async def _run_servers(self, endpoint: Endpoint) -> None:
        if self._server is None:
            try:
                await self._start_servers(endpoint)
            except (OSError, OverflowError) as error:  # the latter for a stored port that is none
                await self._stop_servers()
                if self._failures == 0:
                    _LOGGER.warning("%s can't listen on %s: %s", self.name, endpoint.address, error)
                number = error.errno if isinstance(error, OSError) else None
                self._set_status(CameraState.ERROR, _TROUBLE_OF_ERRNO.get(number or 0, Trouble.NETWORK))
                self._retry_later()
                return
        self._discovery_trouble = await self._apply_discovery()
        self._set_status(CameraState.RUNNING, self._discovery_trouble)
        if self._discovery_trouble is None:
            self._failures = 0
        else:
            self._retry_later()

    async def _start_servers(self, endpoint: Endpoint) -> None:
        """Bind both ports; raises OSError, and then what was started is stopped by the caller."""
        relay = RelayServer(endpoint.address, endpoint.rtsp_port, credentials=self.credentials, sources=self._sources())
        await relay.start()
        self._relay = relay
        description = self._describe(replace(endpoint, rtsp_port=relay.port))
        server = OnvifServer(
            description, self, discoverable=self._discoverable, tokens=self._tokens, on_client=self._see_client
        )
        await server.start()
        self._server = server

    async def _apply_discovery(self) -> Trouble | None:
        if self._server is not None:
            self._server.discoverable = self._discoverable
        if not self._discoverable:
            await self._stop_discovery()
        elif self._discovery is None and (endpoint := self.endpoint) is not None:
            discovery = DiscoveryResponder(self._describe(endpoint))
            try:
                await discovery.start()
            except OSError as error:
                await discovery.stop()
                if self._failures == 0:
                    _LOGGER.warning("%s can't be discovered on %s: %s", self.name, endpoint.address, error)
                return Trouble.NO_DISCOVERY
            self._discovery = discovery
        return None

    async def _stop_discovery(self) -> None:
        if self._discovery is not None:
            discovery, self._discovery = self._discovery, None
            await discovery.stop()

    async def _stop_servers(self) -> None:
        await self._stop_discovery()
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop()
        if self._relay is not None:
            relay, self._relay = self._relay, None
            await relay.stop()

    def _see_client(self, address: str) -> None:
        if self._own_networks is None or self._endpoint is None or not self._enabled:
            return
        client = IPv4Address(address)
        if client in _network(self._endpoint) or any(client in network for network in self._own_networks()):
            return
        if self._foreign_clients.see(client, asyncio.get_running_loop().time()):
            self._forget_later()
            self._on_change()

    def _forget_clients(self, gone: Callable[[IPv4Address, float], bool]) -> None:
        changed = self._foreign_clients.forget(gone)
        self._forget_later()
        if changed:
            self._on_change()

    def _forget_later(self) -> None:
        """Wake up when the next client is to be forgotten; if it was seen again by then, there is a later one."""
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None
        if (end := self._foreign_clients.next_end) is not None:
            loop = asyncio.get_running_loop()
            self._forgetting = loop.call_at(end, lambda: self._forget_clients(lambda _, end: end <= loop.time()))

    def _retry_later(self) -> None:
        delay = self._retry_seconds[min(self._failures, len(self._retry_seconds) - 1)]
        self._failures += 1
        self._retry = asyncio.get_running_loop().create_task(self._retry_after(delay))

    async def _retry_after(self, delay: float) -> None:
        await asyncio.sleep(delay)
        self._retry = None  # from here on it is not to be cancelled by the reconciliation that it starts
        await self._reconcile()

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None


def _network(endpoint: Endpoint) -> IPv4Network:
    return IPv4Network((endpoint.address, endpoint.prefix_length), strict=False)
