"""One virtual camera: a channel behind a responder and a relay on one endpoint, and the state machine that runs them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
import logging
from typing import Any

from .camera_events import CameraEvents
from .camera_offer import CameraOffer, KeptSettings
from .camera_servers import CameraServers
from .camera_status import CameraState, CameraStatus, Trouble, trouble_of
from .controls import ImagingControl, PtzControl, RelayControl
from .foreign_clients import FOREIGN_CLIENT_MEMORY, ForeignClients
from .logins import LoginFailure, LoginGuard
from .model import (
    Channel,
    Credentials,
    Endpoint,
    EventKind,
    Identity,
    RecorderEvent,
    RecorderInfo,
    RelayOutput,
    Snapshot,
    StreamRole,
)
from .ptz_guard import MAX_MOVE_TIMEOUT, PtzGuard
from .relay.key_frame import KeyFrame
from .relay.options import CameraOptions
from .relay.statistics import CameraStatistics
from .relay_child import RelayDown
from .relay_process import RelayProcess
from .responder import Camera, EventBroker, HostDiscovery, TokenVerifier
from .snapshots import Snapshots

_LOGGER = logging.getLogger(__name__)

RETRY_SECONDS = (2.0, 5.0, 15.0, 60.0)
_RECORDER = "recorder"
"""The recorder, among the sources of a camera's events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What can be steered of a channel; None where there is nothing of the kind."""

    ptz: PtzControl | None = None
    imaging: ImagingControl | None = None


def _ignore(*_: object) -> None:
    """Do not mind."""


class VirtualCamera(CameraOffer):
    """Runs the servers of one channel whenever it is switched on and has an endpoint; recovers alone.

    All methods are called in one event loop. `on_change` is called after each change of `status`, `channel`, `event_kinds` and
    `foreign_clients`, `on_activity` after each of `viewers` and `streaming`: these may change often, and of all cameras at once.
    """

    def __init__(
        self,
        *,
        name: str,
        identity: Identity,
        channel: Channel,
        recorder: RecorderInfo,
        recorder_credentials: Credentials,
        credentials: Credentials | None,
        tokens: TokenVerifier,
        relays: RelayProcess,
        fetch_snapshot: Callable[[Channel], Awaitable[Snapshot]],
        decode: Callable[[KeyFrame], Awaitable[bytes]],
        on_change: Callable[[], None],
        settings: KeptSettings = KeptSettings(),  # noqa: B008 - frozen
        controls_of: Callable[[Channel], Controls] = lambda _: Controls(),
        host_discovery: HostDiscovery | None = None,
        on_settings: Callable[[KeptSettings], None] = _ignore,
        on_activity: Callable[[], None] = _ignore,
        on_event: Callable[[EventKind, bool], None] = _ignore,
        on_login_failure: Callable[[LoginFailure], None] = _ignore,
        retry_seconds: tuple[float, ...] = RETRY_SECONDS,
        own_networks: Callable[[], Iterable[IPv4Network]] | None = None,
        foreign_client_memory: float = FOREIGN_CLIENT_MEMORY,
    ) -> None:
        """Make a camera that is switched off.

        `credentials` None lets everybody in. `tokens` is shared by all cameras with these credentials: what was used at
        one is used up for all. `relays` serves the video of all cameras. `fetch_snapshot` asks the recorder for a still
        image, `decode` makes one of a key frame where there is no other; both raise `SnapshotUnavailable`. `on_settings` is
        called with what is to be kept, whoever changed it; `on_event` when what the camera sees of a kind begins or ends.
        `own_networks` returns `networks_of_host`; without it, where a MAC tells nothing anyway, no clients are foreign.
        """
        super().__init__(
            name=name,
            identity=identity,
            channel=channel,
            recorder=recorder,
            recorder_credentials=recorder_credentials,
            credentials=credentials,
            settings=settings,
        )
        self.status = CameraStatus(state=CameraState.STOPPED)
        self.logins = LoginGuard(on_login_failure)
        self._snapshots = Snapshots(fetch=fetch_snapshot, key_frame=self._key_frame, decode=decode)
        self._controls_of = controls_of
        self._on_change = on_change
        self._on_activity = on_activity
        self._on_settings = on_settings
        self._on_event = on_event
        self._retry_seconds = retry_seconds
        self._broker = EventBroker()
        self._events = CameraEvents(self._event_changed)
        self._ptz_guard: PtzGuard | None = None
        self._behind = Camera(snapshots=self, settings=self, events=self._broker, logins=self.logins)
        self._take_controls()
        self._broker.set_kinds(self.event_kinds)
        self._enabled = False
        self._channel_gone = False
        self._endpoint: Endpoint | None = None
        self._endpoint_trouble: Trouble | None = None
        self._clients = ForeignClients(own_networks, on_change, memory=foreign_client_memory)
        self._servers = CameraServers(
            self._behind,
            relays,
            tokens=tokens,
            on_relay_change=self._relay_changed,
            on_client=self._clients.see,
            host_discovery=host_discovery,
        )
        self._discovery_trouble: Trouble | None = None
        self._failures = 0
        self._retry: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    @property
    def endpoint(self) -> Endpoint | None:
        """Where the camera listens, with the ports that are really bound; None while it does not."""
        return self._servers.endpoint

    @property
    def wanted_address(self) -> str | None:
        """The address that it is to listen on, whether it does or not."""
        return None if self._endpoint is None else self._endpoint.address

    @property
    def viewers(self) -> int:
        """How many RTSP sessions are served now."""
        return self._servers.viewers

    async def relay_statistics(self) -> CameraStatistics | None:
        """Ask what the video side is doing; None while it isn't there."""
        return await self._servers.relay_statistics()

    @property
    def streaming(self) -> bool:
        """Whether somebody watches, or a stream of the recorder is open."""
        return self._servers.streaming

    @property
    def subscriptions(self) -> int:
        """How many pull points clients have for its events."""
        return sum(self._broker.subscribers.values())

    @property
    def can_steer(self) -> frozenset[str]:
        """What clients can steer now: `ptz`, `imaging`, `relays`."""
        offered = {
            "ptz": self._behind.ptz is not None,
            "imaging": self._behind.imaging is not None,
            "relays": bool(self.relay_outputs),
        }
        return frozenset(name for name, is_offered in offered.items() if is_offered)

    @property
    def foreign_clients(self) -> frozenset[IPv4Address]:
        """The clients that logged in lately from outside the camera's network, over a router that hides its MAC."""
        return self._clients.addresses

    async def set_enabled(self, enabled: bool) -> None:
        """Switch the camera on or off."""
        self._enabled = enabled
        self._failures = 0
        await self._reconcile()
        if not enabled and self._ptz_guard is not None:
            await self._ptz_guard.halt()  # not before: until the servers are stopped, clients may move it again

    async def set_discoverable(self, discoverable: bool) -> None:
        """Answer WS-Discovery, or keep silent."""
        self._change_settings(discoverable=discoverable)
        await self._reconcile()

    async def set_scopes(self, scopes: tuple[str, ...]) -> None:
        """Take other scopes in place of those that clients had added."""
        self._change_settings(scopes=scopes)
        self._announce()

    def set_media2(self, offered: bool) -> None:
        """Offer the ver20 media service or not; what the streams ask for anyway is no choice to be kept."""
        self._change_settings(media2=None if offered == self.needs_media2 else offered)
        self._announce()

    def set_credentials(self, credentials: Credentials | None) -> None:
        """Take another login for clients; viewers that logged in with the former one are sent away."""
        if credentials != self.credentials:
            self.credentials = credentials
            self._announce()

    def stream_uri(self, role: StreamRole) -> str | None:
        """Return where clients find a stream, without the login that it asks for; None while it is not served."""
        return None if self.endpoint is None else self.uri_of(self.endpoint, role)

    @property
    def stream_source(self) -> str | None:
        """Where the main stream is, with the login that it asks for; None while it is not served. A secret."""
        return None if self.endpoint is None else self.source_of(self.endpoint)

    def set_relay_options(self, options: CameraOptions) -> None:
        """Serve the streams in another way; viewers are sent away where sound or raw mode comes or goes.

        Raw mode waits until it is possible.
        """
        if options != self.relay_options:
            self.relay_options = options
            self._servers.update_options(self.served_options)
            self._announce()
            self._tell_if_running()

    def set_relays(self, outputs: tuple[RelayOutput, ...], control: RelayControl | None) -> None:
        """Take the relay outputs of the recorder that clients of this camera may switch, and what switches them."""
        self._behind.relays = control
        if outputs != self.relay_outputs:
            self.relay_outputs = outputs
            self._announce()

    def assign_event_kinds(self, kinds: Iterable[EventKind]) -> None:
        """Take the kinds of events that others than the recorder will report."""
        self.assigned_kinds = frozenset(kinds)
        self._take_kinds()

    def report_from_recorder(self, event: RecorderEvent) -> None:
        """Take an event of the recorder, also of a kind that it had not said to know."""
        if event.kind not in self.event_kinds:
            self._change_settings(event_kinds=(*self.settings.event_kinds, event.kind))
            self._take_kinds()
        self._events.report(_RECORDER, event.kind, event.active, event.at, momentary=event.momentary)

    def report(self, source: str, kind: EventKind, active: bool, at: datetime, *, momentary: bool = False) -> None:
        """Take what an assigned source sees; it will tell the end, unless it is `momentary`: something that happened."""
        self._events.report(source, kind, active, at, momentary=momentary, until_told=True)

    def forget_events(self, source: str | None = None) -> None:
        """End what an assigned source, or the recorder, saw: it can't be asked any more."""
        self._events.forget(_RECORDER if source is None else source)

    def sees(self, kind: EventKind) -> bool:
        """Tell whether any source sees something of a kind now."""
        return self._events.states[kind]

    async def set_endpoint(self, endpoint: Endpoint | None, trouble: Trouble | None = None) -> None:
        """Take the endpoint to listen on; None while there is no address, with the trouble if waiting won't help."""
        async with self._lock:
            if endpoint != self._endpoint:
                await self._servers.stop()
                self._endpoint = endpoint
                self._failures = 0
            self._endpoint_trouble = trouble
        if endpoint is not None:
            self._clients.set_network(IPv4Network((endpoint.address, endpoint.prefix_length), strict=False))
        await self._reconcile()

    def rename(self, name: str) -> None:
        """Tell clients a new name."""
        if name != self.name:
            self.name = name
            self._announce()

    def set_location(self, location: str | None) -> None:
        """Tell clients where the camera is."""
        if location != self.location:
            self.location = location
            self._announce()

    def update_channel(self, channel: Channel, recorder: RecorderInfo) -> None:
        """Take what a rescan found; viewers that are connected stay."""
        if (channel, recorder) != (self.channel, self.recorder):
            self.take_channel(channel, recorder)
            self._take_controls()
            self._take_kinds()
            self._announce()
            self._servers.update_sources(self.sources)
            self._servers.update_options(self.served_options)
            self._tell_if_running()
            self._on_change()

    def set_channel_gone(self, gone: bool) -> None:
        """Tell that the recorder lacks the channel; it may be back with the next scan, so the camera stays reachable."""
        self._channel_gone = gone
        self._tell_if_running()

    async def snapshot(self) -> Snapshot:
        """Return a still image of about now; raises `SnapshotUnavailable`."""
        return await self._snapshots.get(self.channel, from_stream=self.raw is None)

    async def close(self) -> None:
        """Stop for good; returns when all ports are free."""
        self._events.close()
        await self._snapshots.close()
        await self.set_enabled(False)

    async def _key_frame(self, timeout: float) -> KeyFrame | None:
        return await self._servers.key_frame(StreamRole.MAIN, timeout=timeout)

    def _take_controls(self) -> None:
        """Have clients steer what the channel has now; a move of before still ends in its time."""
        controls = self._controls_of(self.channel)
        if controls.ptz is None or self.channel.ptz is None:
            self._behind.ptz = None
        else:
            self._ptz_guard = self._ptz_guard or PtzGuard(controls.ptz)
            self._ptz_guard.control = controls.ptz
            self._ptz_guard.max_timeout = min(self.channel.ptz.timeout[1], MAX_MOVE_TIMEOUT)
            self._behind.ptz = self._ptz_guard
        self._behind.imaging = controls.imaging

    def _take_kinds(self) -> None:
        if self.event_kinds != self._broker.kinds:
            self._broker.set_kinds(self.event_kinds)
            for kind in self.event_kinds:
                if self.sees(kind):  # it was gone for a moment only
                    self._broker.publish(kind, True, datetime.now(UTC))
            self._announce()
            self._on_change()

    def _event_changed(self, kind: EventKind, active: bool, at: datetime) -> None:
        self._broker.publish(kind, active, at)
        self._on_event(kind, active)

    def _change_settings(self, **changes: Any) -> None:
        settings = replace(self.settings, **changes)
        if settings != self.settings:
            self.settings = settings
            self._on_settings(settings)

    def _announce(self) -> None:
        if (endpoint := self.endpoint) is None:
            return
        self._servers.update(self.describe(endpoint))

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
                await self._servers.stop()
                self._clients.forget_all()
                self._set_status(CameraState.STOPPED)
            elif self._endpoint is None:
                await self._servers.stop()
                state = CameraState.WAITING_FOR_ADDRESS if self._endpoint_trouble is None else CameraState.ERROR
                self._set_status(state, self._endpoint_trouble)
            else:
                await self._run_servers(self._endpoint)

    async def _run_servers(self, endpoint: Endpoint) -> None:
        if self._lost_port:
            await self._servers.stop()
        if self._servers.endpoint is None:
            try:
                await self._servers.start(self.describe(endpoint), self.sources, self.served_options)
            except (OSError, OverflowError) as error:  # the latter for a stored port that is none
                if self._failures == 0:
                    _LOGGER.warning("%s can't listen on %s: %s", self.name, endpoint.address, error)
                self._set_status(CameraState.ERROR, trouble_of(error))
                self._retry_later()
                return
        self._discovery_trouble = await self._apply_discovery(endpoint)
        self._tell_running()
        if self._discovery_trouble is None:
            self._failures = 0
        else:
            self._retry_later()

    @property
    def _lost_port(self) -> bool:
        """Whether the relay came back without the camera: another program was quicker at its port."""
        trouble = self._servers.relay_trouble
        return trouble is not None and not isinstance(trouble, RelayDown)

    def _tell_if_running(self) -> None:
        if self._servers.endpoint is not None:
            self._tell_running()

    def _tell_running(self) -> None:
        if (trouble := self._servers.relay_trouble) is None:
            refused = Trouble.RAW_REFUSED if self.relay_options.raw and self.raw is None else None
            self._set_status(CameraState.RUNNING, self._discovery_trouble or refused)
        else:
            self._set_status(CameraState.ERROR, trouble_of(trouble))

    def _relay_changed(self) -> None:
        if self._servers.endpoint is None:
            return  # they are being started, or stopped
        self._tell_running()
        if self._lost_port and self._retry is None:
            self._retry_later()
        self._on_activity()

    async def _apply_discovery(self, endpoint: Endpoint) -> Trouble | None:
        try:
            await self._servers.set_discoverable(self.settings.discoverable)
        except OSError as error:
            if self._failures == 0:
                _LOGGER.warning("%s can't be discovered on %s: %s", self.name, endpoint.address, error)
            return Trouble.NO_DISCOVERY
        return None

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
