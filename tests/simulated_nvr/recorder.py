"""The simulated recorder as a whole."""

import asyncio
from collections import Counter
from collections.abc import Mapping
import hashlib
from types import TracebackType
from typing import Self
import uuid

from .channels import Channels, SimulatedChannel
from .discovery import DiscoveryResponder
from .faults import Faults
from .loops import Loops
from .onvif_server import OnvifServer
from .options import RecorderOptions
from .ptz_unit import PtzUnit
from .relay import Relay
from .rtsp_server import RtspServer
from .service import Recorder


class SimulatedRecorder:
    """A recorder that runs: `async with SimulatedRecorder(RecorderOptions(channels=8)) as recorder: ...`.

    It may be stopped and started again; ports that were free ones at the first start are taken again.
    """

    def __init__(self, options: RecorderOptions | None = None) -> None:
        """Lay out channels and names; nothing is opened yet. Raises ValueError for an unknown vendor."""
        self.options = options or RecorderOptions()
        self.channels = Channels(self.options)
        seed = f"{self.options.vendor}:{self.options.mac}"
        serial = self.options.serial_number or hashlib.sha256(seed.encode()).hexdigest()[:15].upper()
        self._identity = Recorder(
            options=self.options,
            channels=self.channels,
            serial_number=serial,
            uuid=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}:{serial}")),
            relays={f"AlarmOut_{number + 1}": Relay() for number in range(self.options.relay_outputs)},
        )
        self.faults = Faults()
        self.port = self.options.port
        self.rtsp_port = self.options.rtsp_port
        self._make_servers()
        self._running = False

    def _make_servers(self) -> None:
        self._loops = Loops(self.options, self.channels.vendor.g711_law)
        self._onvif = OnvifServer(self._identity, self._loops, self.faults)
        self._rtsp = RtspServer(self._identity, self._loops, self.faults)
        self._discovery: DiscoveryResponder | None = None

    async def start(self) -> None:
        """Open the ports; raises OSError when one is taken."""
        if self._running:
            return
        self._make_servers()
        self._running = True
        try:
            await self._onvif.start(self.port)
            await self._rtsp.start(self.rtsp_port)
            self.port, self.rtsp_port = self._onvif.port, self._rtsp.port
            self._onvif.rtsp_port = self.rtsp_port
            if self.options.discovery:
                interface = self.options.discovery_interface
                base = self._onvif.bases_at(interface)[0]
                self._discovery = DiscoveryResponder(
                    interface=interface,
                    uuid=self.uuid,
                    scopes=self._onvif.device.scopes(),
                    xaddr=base + self.channels.vendor.paths["device"],
                )
                await self._discovery.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close ports, connections, sessions and threads, at once."""
        if not self._running:
            return
        self._running = False
        self.faults.release()
        if self._discovery is not None:
            await self._discovery.stop()
        await asyncio.gather(self._onvif.stop(), self._rtsp.stop())
        await self._loops.stop()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def prepare(self) -> None:
        """Encode all pictures now, not at a stream's first request; only while it runs."""
        if not self._running:
            raise RuntimeError("the recorder is not running")
        await self._loops.prepare(self.channels.streams)

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self.options.host

    @property
    def url(self) -> str:
        """The true URL of the device service."""
        return f"http://{self.host}:{self.port}{self.channels.vendor.paths['device']}"

    @property
    def serial_number(self) -> str:
        """As in GetDeviceInformation."""
        return self._identity.serial_number

    @property
    def uuid(self) -> str:
        """Of the endpoint reference, without urn:uuid:."""
        return self._identity.uuid

    def stream_uri(self, number: int, index: int = 0) -> str:
        """Return the true RTSP URI of a channel's main (0) or sub (1) stream, without credentials; raises KeyError."""
        path = self.channels.channel(number).streams[index].stream_path
        return f"rtsp://{self.host}:{self.rtsp_port}{path}"

    def snapshot_uri(self, number: int, index: int = 0) -> str:
        """Return the true HTTP URI of a channel's snapshot; raises KeyError."""
        return f"http://{self.host}:{self.port}{self.channels.channel(number).streams[index].snapshot_path}"

    def add_channel(self, number: int | None = None) -> SimulatedChannel:
        """Connect a camera, by default after the last; raises ValueError when there is no room."""
        return self.channels.add(number)

    async def remove_channel(self, number: int) -> None:
        """Disconnect a camera; its streams stop. Raises KeyError."""
        self.channels.remove(number)
        await self._rtsp.end_sessions_of(number)

    def set_sub_stream(self, number: int, present: bool) -> None:
        """Switch the sub stream of a channel on or off; raises KeyError and ValueError."""
        self.channels.set_sub(number, present)

    def set_motion(self, number: int, active: bool) -> None:
        """Start or end motion on a channel; raises KeyError."""
        self.set_event(number, "motion", active)

    def set_event(self, number: int, kind: str, active: bool) -> None:
        """Start or end something on a channel: motion, person, doorbell or another of `topics.KINDS`.

        Raises KeyError for a missing channel, ValueError for a kind that the vendor's recorders don't tell. Of what
        only happens (Crossed of a line) nothing is told at the end.
        """
        self._onvif.events.set_event(number, kind, active)

    @property
    def event_kinds(self) -> tuple[str, ...]:
        """What the vendor's recorders tell."""
        return tuple(dict.fromkeys(topic.kind for topic in self.channels.vendor.topics))

    def ptz(self, number: int) -> PtzUnit:
        """Return a channel's head: its position, whether it is moving, its presets, the commands it got.

        Raises KeyError for a channel that isn't there or has none.
        """
        unit = self.channels.channel(number).ptz
        if unit is None:
            raise KeyError(number)
        return unit

    def picture(self, number: int) -> Mapping[str, float | str]:
        """Return a channel's picture settings by path (`Brightness`, `Exposure/Mode`); raises KeyError."""
        return self.channels.channel(number).picture.values

    @property
    def relays(self) -> Mapping[str, Relay]:
        """The relay outputs by token."""
        return self._identity.relays

    def forget_pull_points(self) -> None:
        """Lose all event subscriptions."""
        self._onvif.events.forget()

    async def drop_rtsp_connections(self) -> None:
        """Reset every RTSP connection; new ones are taken."""
        await self._rtsp.drop_connections()

    @property
    def requests(self) -> Counter[str]:
        """Requests by operation: SOAP names (`GetProfiles`, but `PTZ.GetStatus`), `snapshot`, RTSP methods.

        Before the names of ver20/media, ver20/ptz, ver20/imaging and deviceIO stand `Media2.`, `PTZ.`, `Imaging.`,
        `DeviceIO.`.
        """
        return self._onvif.requests + self._rtsp.requests

    @property
    def authentication_failures(self) -> Counter[str]:
        """Wrong credentials by service (onvif, snapshot, rtsp); requests without any don't count."""
        return self._onvif.authentication_failures + Counter(rtsp=self._rtsp.authentication_failures)

    @property
    def pull_points(self) -> int:
        """Event subscriptions that live."""
        return self._onvif.events.pull_points

    @property
    def rtsp_sessions(self) -> int:
        """RTSP sessions that live."""
        return len(self._rtsp.sessions)

    @property
    def rtsp_sessions_peak(self) -> int:
        """The most RTSP sessions at one time since the start."""
        return self._rtsp.sessions_peak

    def heard(self, number: int) -> list[bytes]:
        """Return the RTP packets that came for the loudspeaker of a channel since the start."""
        return self._rtsp.heard.get(number, [])

    @property
    def rtsp_frames_dropped(self) -> int:
        """Frames that the living sessions dropped, because their clients were too slow."""
        return sum(session.frames_dropped for session in self._rtsp.sessions.values())
