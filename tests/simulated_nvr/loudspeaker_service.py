"""What the media service says of loudspeakers: outputs for sound, and what decodes it (ONVIF Media, ver10/media)."""

from .channels import SimulatedChannel, SimulatedStream
from .service import Call, Handler, Recorder, configuration
from .soap import attribute, invalid_argument, text

OUTPUT_LEVEL = 80
"""Their volume."""


def _output_token(channel: SimulatedChannel) -> str:
    return f"AudioOutput_{channel.number}"


def _decoder_token(stream: SimulatedStream) -> str:
    return f"AudioDecoder_{stream.number}_{stream.index + 1}"


def output_configuration(channel: SimulatedChannel, tag: str) -> str:
    """Return the configuration that ties profiles to their loudspeaker."""
    return configuration(
        tag,
        f"AudioOutputConfig_{channel.number}",
        f"AudioOutputConfig_{channel.number}",
        len(channel.streams),
        f"<tt:OutputToken>{text(_output_token(channel))}</tt:OutputToken>"
        "<tt:SendPrimacy>www.onvif.org/ver20/HalfDuplex/Auto</tt:SendPrimacy>"
        f"<tt:OutputLevel>{OUTPUT_LEVEL}</tt:OutputLevel>",
    )


def decoder_configuration(stream: SimulatedStream, tag: str) -> str:
    """Return the configuration of what decodes sound for the loudspeaker."""
    return configuration(tag, _decoder_token(stream), _decoder_token(stream), 1, "")


def profile_extension(recorder: Recorder, stream: SimulatedStream) -> str:
    """Return what the profile of a camera with a loudspeaker says more."""
    if stream.number not in recorder.options.loudspeakers:
        return ""
    output = output_configuration(recorder.channels.channel(stream.number), "tt:AudioOutputConfiguration")
    return f"<tt:Extension>{output}{decoder_configuration(stream, 'tt:AudioDecoderConfiguration')}</tt:Extension>"


class LoudspeakerService:
    """Audio outputs and decoders; what they take is G.711 with 64 kbit/s at 8 kHz."""

    def __init__(self, recorder: Recorder) -> None:
        """Answer for a recorder."""
        self._recorder = recorder
        self.operations: dict[str, Handler] = {
            "trt:GetAudioOutputs": self._outputs,
            "trt:GetAudioOutputConfigurations": self._output_configurations,
            "trt:GetAudioDecoderConfigurations": self._decoder_configurations,
            "trt:GetAudioDecoderConfigurationOptions": self._decoder_options,
        }

    @property
    def _channels(self) -> list[SimulatedChannel]:
        numbers = self._recorder.options.loudspeakers
        return [channel for channel in self._recorder.channels if channel.number in numbers]

    @property
    def _streams(self) -> list[SimulatedStream]:
        return [stream for channel in self._channels for stream in channel.streams]

    async def _outputs(self, call: Call) -> str:
        found = "".join(f"<trt:AudioOutputs token={attribute(_output_token(one))}/>" for one in self._channels)
        return f"<trt:GetAudioOutputsResponse>{found}</trt:GetAudioOutputsResponse>"

    async def _output_configurations(self, call: Call) -> str:
        found = "".join(output_configuration(channel, "trt:Configurations") for channel in self._channels)
        return f"<trt:GetAudioOutputConfigurationsResponse>{found}</trt:GetAudioOutputConfigurationsResponse>"

    async def _decoder_configurations(self, call: Call) -> str:
        found = "".join(decoder_configuration(stream, "trt:Configurations") for stream in self._streams)
        return f"<trt:GetAudioDecoderConfigurationsResponse>{found}</trt:GetAudioDecoderConfigurationsResponse>"

    async def _decoder_options(self, call: Call) -> str:
        token = call.request.value("ConfigurationToken")
        if token is not None and token not in map(_decoder_token, self._streams):
            raise invalid_argument("NoConfig", "The requested configuration does not exist")
        return (
            "<trt:GetAudioDecoderConfigurationOptionsResponse><trt:Options><tt:G711DecOptions>"
            "<tt:Bitrate><tt:Items>64</tt:Items></tt:Bitrate>"
            "<tt:SampleRateRange><tt:Items>8</tt:Items></tt:SampleRateRange>"
            "</tt:G711DecOptions></trt:Options></trt:GetAudioDecoderConfigurationOptionsResponse>"
        )
