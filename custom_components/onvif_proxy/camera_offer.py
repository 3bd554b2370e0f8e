"""What a virtual camera offers: its streams, its kinds of events, its words for both. No I/O."""

from dataclasses import dataclass, replace
from urllib.parse import quote

from .model import (
    CameraDescription,
    Channel,
    Credentials,
    Endpoint,
    EventKind,
    Identity,
    RecorderInfo,
    RelayOutput,
    StreamRole,
)
from .raw_mode import RawOffer, raw_offer
from .relay.options import CameraOptions
from .relay.source import Source
from .snapshots import has_snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSettings:
    """What users, clients and the recorder have changed of a camera, and what is to outlive a restart."""

    discoverable: bool = False
    scopes: tuple[str, ...] = ()
    """Those that clients have added."""
    media2: bool | None = None
    """Whether the ver20 media service is offered; None leaves it to the streams."""
    event_kinds: tuple[EventKind, ...] = ()
    """What the recorder told without having said that it can."""


def silent(channel: Channel) -> Channel:
    """Return a channel without the sound of its streams, and without a loudspeaker."""
    sub = None if channel.sub is None else replace(channel.sub, audio=None, loudspeaker=None)
    return replace(channel, main=replace(channel.main, audio=None, loudspeaker=None), sub=sub)


class CameraOffer:
    """Follows from what is known of the channel and what was chosen for the camera."""

    def __init__(
        self,
        *,
        name: str,
        identity: Identity,
        channel: Channel,
        recorder: RecorderInfo,
        recorder_credentials: Credentials,
        credentials: Credentials | None,
        settings: KeptSettings,
    ) -> None:
        """Take what is known; `credentials` are the clients', None lets everybody in."""
        self.name = name
        self.location: str | None = None
        self.identity = identity
        self.credentials = credentials
        self.settings = settings
        self.relay_options = CameraOptions()
        """What was chosen; raw mode waits until it is possible."""
        self.relay_outputs: tuple[RelayOutput, ...] = ()
        self.assigned_kinds: frozenset[EventKind] = frozenset()
        """What others than the recorder report."""
        self._recorder_credentials = recorder_credentials
        self.take_channel(channel, recorder)

    def take_channel(self, channel: Channel, recorder: RecorderInfo) -> None:
        """Take what a scan found."""
        self.channel = channel
        self.recorder = recorder
        self._possible_raw = raw_offer(channel, self._recorder_credentials)

    @property
    def event_kinds(self) -> tuple[EventKind, ...]:
        """What the camera can tell, in the order of `EventKind`."""
        kinds = {*self.channel.event_kinds, *self.settings.event_kinds, *self.assigned_kinds}
        return tuple(kind for kind in EventKind if kind in kinds)

    @property
    def media2(self) -> bool:
        """Whether the ver20 media service is offered."""
        return self.needs_media2 if self.settings.media2 is None else self.settings.media2

    @property
    def needs_media2(self) -> bool:
        """Whether there is a stream that the ver10 media service has no word for."""
        return any(stream.video.codec == "H265" for stream in self.channel.streams)

    @property
    def can_be_raw(self) -> bool:
        """Whether raw mode is possible: not where clients would be told how to log in to the recorder."""
        return self._possible_raw is not None

    @property
    def raw(self) -> RawOffer | None:
        """What is offered raw; None while raw mode is off, or not possible."""
        return self._possible_raw if self.relay_options.raw else None

    @property
    def served_options(self) -> CameraOptions:
        """How the streams are served."""
        return replace(self.relay_options, raw=self.raw is not None)

    @property
    def offered_channel(self) -> Channel:
        """What clients hear of the channel."""
        if self.raw is not None:
            return self.raw.channel
        return self.channel if self.relay_options.audio else silent(self.channel)

    @property
    def sources(self) -> dict[str, Source]:
        """Where the streams come from, by the names that they have at the relay."""
        return {
            stream.role.value: Source(uri=stream.uri, credentials=self._recorder_credentials)
            for stream in self.channel.streams
        }

    def uri_of(self, endpoint: Endpoint, role: StreamRole) -> str | None:
        """Return where clients find a stream, without the login that it asks for; None where it is not served."""
        path = f"/{role}" if self.raw is None else self.raw.paths.get(role)
        return None if path is None else f"rtsp://{endpoint.address}:{endpoint.rtsp_port}{path}"

    def source_of(self, endpoint: Endpoint) -> str | None:
        """Return where the main stream is, with the login that it asks for: the camera's, in raw mode the recorder's. A secret."""
        login = self.credentials if self.raw is None else self._recorder_credentials
        uri = self.uri_of(endpoint, StreamRole.MAIN)
        if uri is None or login is None:
            return uri
        scheme, _, rest = uri.partition("//")
        return f"{scheme}//{quote(login.username, safe='')}:{quote(login.password, safe='')}@{rest}"

    def describe(self, endpoint: Endpoint) -> CameraDescription:
        """Return all that clients are told."""
        return CameraDescription(
            name=self.name,
            identity=self.identity,
            channel=self.offered_channel,
            endpoint=endpoint,
            credentials=self.credentials,
            manufacturer=self.recorder.manufacturer,
            model=self.recorder.model,
            firmware=self.recorder.firmware,
            scopes=self.settings.scopes,
            location=self.location,
            media2=self.media2,
            event_kinds=self.event_kinds,
            relay_outputs=self.relay_outputs,
            has_snapshot=has_snapshot(self.channel, from_stream=self.raw is None),
            raw_paths=None if self.raw is None else self.raw.paths,
        )
