"""The recorder by ONVIF: device service and Media1 through onvif-zeep-async, RTSP DESCRIBE where Media1 is silent.

Media2 would tell of H.265 too, but onvif-zeep-async has no WSDL of it; DESCRIBE tells the same of every recorder.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
import logging

import aiohttp

from ..controls import ImagingControl, PtzControl, RelayControl
from ..model import Channel, Credentials, Recorder, RecorderEvent, RecorderInfo, Snapshot
from . import media, snapshot, soap
from .abilities import AbilityScan
from .addresses import snapshot_address
from .channel_scan import ChannelScan
from .control_calls import REFUSED_LOGIN_PAUSE, ControlCalls
from .driver import EventCounts, RecorderDriver
from .errors import ClockTooFarOff, NoChannels, RecorderError, RecorderRefused, Unreachable, WrongCredentials
from .events import EventListener
from .identity import is_generic_serial, normal_mac, recorder_info
from .imaging import OnvifImaging
from .names import channel_names, clean_name
from .parallel import all_of
from .profiles import Profile, get, group_by_source, items_of, text_of
from .ptz import OnvifPtz
from .relays import OnvifRelays
from .services import find_services
from .soap import DEVICE, SoapClient
from .sources import SourceMap

_LOGGER = logging.getLogger(__name__)

LOGIN_WINDOW = timedelta(minutes=5)
"""Clocks that differ by more are a likely reason for a refused login (WS-UsernameToken profile 1.1 section 3.1)."""
MAX_CHANNELS = 64
SCAN_TIMEOUT = 60.0
"""Seconds for a whole scan."""


class OnvifDriver(RecorderDriver):
    """One recorder, reached by ONVIF."""

    def __init__(
        self,
        host: str,
        port: int,
        credentials: Credentials,
        session: aiohttp.ClientSession,
        *,
        max_parallel: int = soap.MAX_PARALLEL,
        max_parallel_describes: int = media.MAX_PARALLEL_DESCRIBES,
        max_channels: int = MAX_CHANNELS,
        max_answer: int = soap.MAX_ANSWER,
        max_image: int = snapshot.MAX_IMAGE,
        timeout: float = soap.TIMEOUT,
        scan_timeout: float = SCAN_TIMEOUT,
    ) -> None:
        """Take where the recorder is, who logs in, and limits: bytes and seconds. The session stays the caller's."""
        self._session = session
        self._max_channels = max_channels
        self._max_image = max_image
        self._scan_timeout = scan_timeout
        self._refused_snapshots: dict[str, float] = {}
        self._soap = SoapClient(
            host=host,
            port=port,
            credentials=credentials,
            session=session,
            timeout=timeout,
            max_parallel=max_parallel,
            max_answer=max_answer,
        )
        self._media = media.MediaService(soap=self._soap, max_parallel_describes=max_parallel_describes)
        self._abilities = AbilityScan(soap=self._soap)
        self._calls = ControlCalls(soap=self._soap)
        self._listener = EventListener(soap=self._soap)

    @property
    def host(self) -> str:
        """The host that the user configured; nothing else is ever connected to."""
        return self._soap.host

    @property
    def port(self) -> int:
        """The port of its ONVIF device service."""
        return self._soap.port

    @property
    def credentials(self) -> Credentials:
        """The recorder's user."""
        return self._soap.credentials

    @property
    def clock_offset(self) -> timedelta | None:
        """How far its clock is ahead of ours, None before it told."""
        return self._soap.clock_offset

    async def identify(self) -> RecorderInfo:
        """Log in and ask who it is, nothing more."""
        async with self._deadline():
            return await self._login()

    async def scan(self) -> Recorder:
        """Log in and learn its channels and their streams; `NoChannels` when there is none."""
        async with self._deadline():
            info = await self._login()
            await find_services(self._soap)
            profiles = await self._media.profiles()
            channels = await self._channels(group_by_source(profiles))
        self._listener.sources = SourceMap.of(profiles)
        channels = await self._abilities.run(channels, profiles)
        return Recorder(info=info, channels=channels, relay_outputs=self._abilities.relay_outputs)

    async def snapshot(self, channel: Channel) -> Snapshot:
        """Fetch a still image of a channel as it is now."""
        if channel.snapshot_uri is None:
            raise RecorderRefused("snapshot: the recorder offers none for this channel")
        # Bent to the configured host again: the channel may come from a store, from before the recorder moved.
        if (uri := snapshot_address(channel.snapshot_uri, self.host)) is None:
            raise RecorderRefused("snapshot: not an HTTP address")
        now = asyncio.get_running_loop().time()
        if self._refused_snapshots.get(channel.token, now) > now:
            raise WrongCredentials("snapshot: login was refused a moment ago")
        self._refused_snapshots.pop(channel.token, None)
        try:
            return await snapshot.fetch_snapshot(self._session, uri, self.credentials, max_image=self._max_image)
        except WrongCredentials:
            self._refused_snapshots[channel.token] = now + REFUSED_LOGIN_PAUSE
            raise

    async def listen(self, on_event: Callable[[RecorderEvent], None], on_state: Callable[[bool], None]) -> None:
        """Report events of all channels that the last scan found, until cancelled; once at a time."""
        await self._listener.run(on_event, on_state)

    @property
    def event_counts(self) -> EventCounts:
        """What became of its messages."""
        return self._listener.counts

    def ptz(self, channel: Channel) -> PtzControl | None:
        """Return what steers the PTZ unit of a channel."""
        return None if channel.ptz is None else OnvifPtz(calls=self._calls, profile_token=channel.ptz.profile_token)

    def imaging(self, channel: Channel) -> ImagingControl | None:
        """Return what changes the picture of a channel."""
        return OnvifImaging(calls=self._calls, source_token=channel.token) if channel.has_imaging else None

    @property
    def relays(self) -> RelayControl | None:
        """What switches its relay outputs, None where the last scan found none."""
        return OnvifRelays(calls=self._calls) if self._abilities.relay_outputs else None

    async def close(self) -> None:
        """Let go of everything; may be called again."""
        await self._soap.close()

    @asynccontextmanager
    async def _deadline(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._scan_timeout):
                yield
        except TimeoutError:
            raise Unreachable("scan: not finished in time") from None

    async def _login(self) -> RecorderInfo:
        """Read its clock, log in once, and put together who it is."""
        await self._read_clock()
        try:
            device = await self._soap.call(DEVICE, "GetDeviceInformation")
        except WrongCredentials as error:
            offset = self.clock_offset
            if offset is not None and abs(offset) > LOGIN_WINDOW:
                raise ClockTooFarOff(offset) from error
            raise
        if not any(text_of(get(device, name)) for name in ("Manufacturer", "Model", "FirmwareVersion", "SerialNumber")):
            raise RecorderRefused("GetDeviceInformation: says nothing")
        scopes, host_name, interfaces = await all_of(
            self._optional(operation) for operation in ("GetScopes", "GetHostname", "GetNetworkInterfaces")
        )
        macs = [get(item, "Info", "HwAddress") for item in items_of(interfaces) if get(item, "Enabled") is not False]
        addresses = [self.host, *_own_addresses(interfaces)]
        serial_number = get(device, "SerialNumber")
        endpoint = None
        if is_generic_serial(clean_name(serial_number), addresses) and not any(map(normal_mac, macs)):
            endpoint = await self._optional("GetEndpointReference")
        return recorder_info(
            serial_number=serial_number,
            manufacturer=get(device, "Manufacturer"),
            model=get(device, "Model"),
            firmware=get(device, "FirmwareVersion"),
            scopes=[get(scope, "ScopeItem") for scope in items_of(scopes)],
            host_name=get(host_name, "Name"),
            macs=macs,
            endpoint=endpoint if isinstance(endpoint, str) else get(endpoint, "GUID"),
            addresses=addresses,
        )

    async def _read_clock(self) -> None:
        """Learn how far its clock is off, so that logins are signed in its time."""
        self._soap.clock_offset = None
        try:
            answer = await self._soap.call(DEVICE, "GetSystemDateAndTime", login=False)
        except WrongCredentials, RecorderRefused:
            # Some recorders want a login even for this. Then the login itself shows whether the clocks agree.
            return
        date, time = get(answer, "UTCDateTime", "Date"), get(answer, "UTCDateTime", "Time")
        try:
            now = datetime(date.Year, date.Month, date.Day, time.Hour, time.Minute, min(time.Second, 59), tzinfo=UTC)
        except AttributeError, TypeError, ValueError:
            _LOGGER.debug("%s tells no valid UTC time", self.host)
            return
        self._soap.clock_offset = now - datetime.now(UTC)

    async def _optional(self, operation: str) -> object:
        """Call an operation that a recorder need not have: None when it refuses it.

        When it does not answer, that is raised: what it is told by must not change with the weather.
        """
        try:
            return await self._soap.call(DEVICE, operation)
        except Unreachable:
            raise
        except RecorderError as error:
            _LOGGER.debug("%s: %s", self.host, error)
            return None

    async def _channels(self, groups: dict[str, list[Profile]]) -> tuple[Channel, ...]:
        """Learn every channel at once; those that fail are left out."""
        if len(groups) > self._max_channels:
            _LOGGER.warning("%s has %d channels, the first %d are used", self.host, len(groups), self._max_channels)
            groups = dict(list(groups.items())[: self._max_channels])
        names = channel_names({token: _name_candidates(profiles) for token, profiles in groups.items()})
        scans = [
            ChannelScan(media=self._media, token=token, name=names[token], profiles=profiles)
            for token, profiles in groups.items()
        ]
        channels = await all_of(scan.run() for scan in scans)
        found = tuple(channel for channel in channels if channel is not None)
        if not found:
            raise next((error for scan in scans for error in scan.errors), NoChannels("no channel with a stream"))
        return found


def _own_addresses(interfaces: object) -> Iterator[str]:
    """Yield the IPv4 addresses that GetNetworkInterfaces tells."""
    for item in items_of(interfaces):
        config = get(item, "IPv4", "Config")
        for entry in (get(config, "FromDHCP"), *items_of(get(config, "Manual"))):
            if address := text_of(get(entry, "Address")):
                yield address


def _name_candidates(profiles: Sequence[Profile]) -> list[object]:
    """Return the names of a channel's profiles: those of the video source before those of the profiles themselves."""
    return [name for names in zip(*(profile.names for profile in profiles), strict=True) for name in names]
