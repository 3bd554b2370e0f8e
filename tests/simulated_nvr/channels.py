"""The channels of a simulated recorder and what everything of theirs is called."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .options import RecorderOptions, StreamOptions
from .picture_settings import Picture
from .ptz_unit import PtzUnit
from .vendors import VENDORS, Vendor

_CAPACITIES = (8, 16, 32, 64, 128, 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedStream:
    """One encoding of a channel."""

    number: int
    """Of its channel, from 1."""
    index: int
    """0 main, 1 sub."""
    name: str
    profile_token: str
    encoder_token: str
    audio_encoder_token: str
    video: StreamOptions
    stream_path: str
    """RTSP path and query."""
    snapshot_path: str
    """HTTP path and query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedChannel:
    """One camera behind the recorder."""

    number: int
    source_token: str
    source_configuration_token: str
    streams: tuple[SimulatedStream, ...]
    """Main, then sub where there is one."""
    analytics_token: str
    input_token: str | None
    """Of its alarm contact, None without one."""
    ptz: PtzUnit | None
    picture: Picture

    @property
    def tokens(self) -> dict[str, str]:
        """What its events name it by: source, configuration, analytics and, where there is one, input."""
        tokens = {
            "source": self.source_token,
            "configuration": self.source_configuration_token,
            "analytics": self.analytics_token,
        }
        return tokens if self.input_token is None else tokens | {"input": self.input_token}


class Channels:
    """The recorder's channels; they may come and go while it runs."""

    def __init__(self, options: RecorderOptions) -> None:
        """Lay out the channels that the options ask for."""
        self._options = options
        if options.vendor not in VENDORS:
            raise ValueError(f"vendor {options.vendor!r} is not one of {', '.join(VENDORS)}")
        self.vendor: Vendor = VENDORS[options.vendor]
        numbers: list[int] = []
        number = 1
        while len(numbers) < options.channels:
            if number not in options.gaps:
                numbers.append(number)
            number += 1
        # The unit has room for more: its capacity, not the number of cameras, is what tokens are counted with.
        self.capacity = next(capacity for capacity in _CAPACITIES if capacity > max(numbers, default=0))
        self._channels = {number: self._make(number) for number in numbers}

    def __iter__(self) -> Iterator[SimulatedChannel]:
        """Channels by rising number."""
        return iter([self._channels[number] for number in sorted(self._channels)])

    def __contains__(self, number: object) -> bool:
        """Whether a camera is on that number."""
        return number in self._channels

    @property
    def streams(self) -> list[SimulatedStream]:
        """All streams in the order in which the vendor lists its profiles."""
        streams = [stream for channel in self for stream in channel.streams]
        return sorted(streams, key=lambda stream: stream.index) if self.vendor.mains_first else streams

    @property
    def highest_number(self) -> int:
        """The last number with a camera, 0 without any."""
        return max(self._channels, default=0)

    def add(self, number: int | None = None) -> SimulatedChannel:
        """Connect a camera, by default at the first free number after the last."""
        number = self.highest_number + 1 if number is None else number
        if number in self._channels:
            raise ValueError(f"channel {number} has a camera already")
        if not 1 <= number <= self.capacity:
            raise ValueError(f"the recorder has room for channels 1 to {self.capacity}")
        self._channels[number] = self._make(number)
        return self._channels[number]

    def remove(self, number: int) -> None:
        """Disconnect a camera; raises KeyError when there is none."""
        del self._channels[number]

    def set_sub(self, number: int, present: bool) -> None:
        """Switch a camera's sub stream on or off; raises KeyError when there is none, ValueError where it has no sub stream."""
        streams = self._make(number).streams
        if len(streams) < 2:
            raise ValueError("the recorder's cameras have no sub streams")
        self._channels[number] = replace(self._channels[number], streams=streams[: 1 + present])

    def stream(self, number: int, index: int) -> SimulatedStream | None:
        """Return a stream by channel number and index, None when there is none."""
        channel = self._channels.get(number)
        return channel.streams[index] if channel and 0 <= index < len(channel.streams) else None

    def profile(self, token: str) -> SimulatedStream | None:
        """Return the stream of a profile token, None when there is none."""
        return next((stream for stream in self.streams if stream.profile_token == token), None)

    def channel(self, number: int) -> SimulatedChannel:
        """Return a channel; raises KeyError when there is none."""
        return self._channels[number]

    def _make(self, number: int) -> SimulatedChannel:
        options, vendor = self._options, self.vendor
        main = replace(options.main, codec=options.codecs.get(number, options.main.codec))
        kinds = [main] if options.sub is None else [main, options.sub]
        streams = []
        for index, video in enumerate(kinds):
            token = vendor.profile_token(number, index, self.capacity)
            streams.append(
                SimulatedStream(
                    number=number,
                    index=index,
                    name=options.names.get(number) or vendor.profile_name(number, index),
                    profile_token=token,
                    encoder_token=vendor.encoder_token(number, index),
                    audio_encoder_token=f"A{vendor.encoder_token(number, index)}",
                    video=video,
                    stream_path=vendor.stream(number, index, token),
                    snapshot_path=vendor.snapshot(number, index, token),
                )
            )
        return SimulatedChannel(
            number=number,
            source_token=vendor.source_token(number),
            source_configuration_token=vendor.source_configuration_token(number),
            streams=tuple(streams),
            analytics_token=f"VideoAnalytics_{number}",
            input_token=vendor.input_token(number) if vendor.input_token else None,
            ptz=PtzUnit(vendor.ptz.max_presets) if number in options.ptz else None,
            picture=Picture(vendor.picture, motor_focus=number in options.ptz),
        )
