"""The media service (ONVIF Media, ver10/media) of a recorder with many video sources."""

from .channels import SimulatedChannel, SimulatedStream
from .loudspeaker_service import profile_extension
from .ptz_spaces import ptz_configuration
from .service import Call, Handler, Recorder, configuration
from .soap import SoapFault, attribute, invalid_argument, text

_MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
    "<tt:Port>0</tt:Port><tt:TTL>64</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
    "<tt:SessionTimeout>PT60S</tt:SessionTimeout>"
)
AUDIO = {"G711": (64, 8), "AAC": (32, 16)}
"""Bit rate in kbit/s and sample rate in kHz."""


def video_source_configuration(channel: SimulatedChannel, tag: str) -> str:
    """Return the configuration that ties profiles to their video source."""
    main = channel.streams[0].video
    return configuration(
        tag,
        channel.source_configuration_token,
        f"VideoSourceConfig_{channel.number}",
        len(channel.streams),
        f"<tt:SourceToken>{text(channel.source_token)}</tt:SourceToken>"
        f'<tt:Bounds x="0" y="0" width="{main.width}" height="{main.height}"/>',
    )


def audio_source_configuration(channel: SimulatedChannel, tag: str) -> str:
    """Return the configuration that ties profiles to their microphone; its source is named as the video's."""
    return configuration(
        tag,
        f"AudioSourceConfig_{channel.number}",
        f"AudioSourceConfig_{channel.number}",
        len(channel.streams),
        f"<tt:SourceToken>{text(channel.source_token)}</tt:SourceToken>",
    )


class MediaService:
    """Profiles, sources, encoders and URIs."""

    def __init__(self, recorder: Recorder) -> None:
        """Answer for a recorder."""
        self._recorder = recorder
        self._options = recorder.options
        self._channels = recorder.channels
        self.operations: dict[str, Handler] = {
            "trt:GetServiceCapabilities": self._service_capabilities,
            "trt:GetProfiles": self._profiles,
            "trt:GetProfile": self._profile,
            "trt:GetVideoSources": self._video_sources,
            "trt:GetVideoSourceConfigurations": self._video_source_configurations,
            "trt:GetVideoSourceConfiguration": self._video_source_configuration,
            "trt:GetVideoEncoderConfigurations": self._video_encoder_configurations,
            "trt:GetVideoEncoderConfiguration": self._video_encoder_configuration,
            "trt:GetVideoEncoderConfigurationOptions": self._video_encoder_options,
            "trt:GetAudioSources": self._audio_sources,
            "trt:GetAudioSourceConfigurations": self._audio_source_configurations,
            "trt:GetAudioEncoderConfigurations": self._audio_encoder_configurations,
            "trt:GetAudioEncoderConfiguration": self._audio_encoder_configuration,
            "trt:GetAudioEncoderConfigurationOptions": self._audio_encoder_options,
            "trt:GetStreamUri": self._stream_uri,
            "trt:GetSnapshotUri": self._snapshot_uri,
        }

    def _find_profile(self, token: str | None) -> SimulatedStream:
        stream = self._channels.profile(token) if token else None
        if stream is None:
            raise invalid_argument("NoProfile", "The requested profile token does not exist")
        return stream

    def _find_encoder(self, token: str | None, attribute_name: str = "encoder_token") -> SimulatedStream:
        for stream in self._channels.streams:
            if getattr(stream, attribute_name) == token and token:
                return stream
        raise invalid_argument("NoConfig", "The requested configuration does not exist")

    async def _service_capabilities(self, call: Call) -> str:
        return (
            '<trt:GetServiceCapabilitiesResponse><trt:Capabilities SnapshotUri="true" Rotation="false">'
            f'<trt:ProfileCapabilities MaximumNumberOfProfiles="{2 * self._channels.capacity}"/>'
            '<trt:StreamingCapabilities RTPMulticast="false" RTP_TCP="true" RTP_RTSP_TCP="true"/>'
            "</trt:Capabilities></trt:GetServiceCapabilitiesResponse>"
        )

    def _profile_xml(self, stream: SimulatedStream, tag: str) -> str:
        channel = self._channels.channel(stream.number)
        parts = [
            f"<tt:Name>{text(stream.name)}</tt:Name>",
            video_source_configuration(channel, "tt:VideoSourceConfiguration"),
        ]
        if self._options.audio:
            parts.append(audio_source_configuration(channel, "tt:AudioSourceConfiguration"))
        if not self._hides_encoder(stream):
            parts.append(self._video_encoder_xml(stream, "tt:VideoEncoderConfiguration"))
        if self._options.audio:
            parts.append(self._audio_encoder_xml(stream, "tt:AudioEncoderConfiguration"))
        if channel.ptz is not None:
            parts.append(ptz_configuration(channel, self._channels.vendor, "tt:PTZConfiguration"))
        parts.append(profile_extension(self._recorder, stream))
        return f'<{tag} token={attribute(stream.profile_token)} fixed="true">{"".join(parts)}</{tag}>'

    def _hides_encoder(self, stream: SimulatedStream) -> bool:
        return self._options.media1_hides_h265 and stream.index > 0

    def _video_encoder_xml(self, stream: SimulatedStream, tag: str) -> str:
        video = stream.video
        name = f"VideoEncoder_{stream.number}_{stream.index + 1}"
        if self._options.media1_hides_h265 and video.codec == "H265":
            return configuration(tag, stream.encoder_token, name, 1, "")
        h264 = (
            f"<tt:H264><tt:GovLength>{video.frame_rate}</tt:GovLength><tt:H264Profile>Main</tt:H264Profile></tt:H264>"
            if video.codec == "H264"
            else ""
        )
        return configuration(
            tag,
            stream.encoder_token,
            name,
            1,
            # H265 is not in Media1's enumeration; Hikvision says it all the same.
            f"<tt:Encoding>{video.codec}</tt:Encoding><tt:Resolution><tt:Width>{video.width}</tt:Width>"
            f"<tt:Height>{video.height}</tt:Height></tt:Resolution><tt:Quality>3</tt:Quality><tt:RateControl>"
            f"<tt:FrameRateLimit>{video.frame_rate}</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
            f"<tt:BitrateLimit>{video.bit_rate}</tt:BitrateLimit></tt:RateControl>{h264}{_MULTICAST}",
        )

    def _audio_encoder_xml(self, stream: SimulatedStream, tag: str) -> str:
        codec = self._options.audio or ""
        bit_rate, sample_rate = AUDIO[codec]
        return configuration(
            tag,
            stream.audio_encoder_token,
            f"AudioEncoder_{stream.number}_{stream.index + 1}",
            1,
            f"<tt:Encoding>{codec}</tt:Encoding><tt:Bitrate>{bit_rate}</tt:Bitrate>"
            f"<tt:SampleRate>{sample_rate}</tt:SampleRate>{_MULTICAST}",
        )

    async def _profiles(self, call: Call) -> str:
        profiles = "".join(self._profile_xml(stream, "trt:Profiles") for stream in self._channels.streams)
        return f"<trt:GetProfilesResponse>{profiles}</trt:GetProfilesResponse>"

    async def _profile(self, call: Call) -> str:
        stream = self._find_profile(call.request.value("ProfileToken"))
        return f"<trt:GetProfileResponse>{self._profile_xml(stream, 'trt:Profile')}</trt:GetProfileResponse>"

    async def _video_sources(self, call: Call) -> str:
        vendor = self._channels.vendor
        numbers = [channel.number for channel in self._channels]
        if vendor.lists_empty_sources:
            numbers = list(range(1, self._channels.highest_number + 1))
        sources = []
        for number in numbers:
            video = self._channels.channel(number).streams[0].video if number in self._channels else self._options.main
            sources.append(
                f"<trt:VideoSources token={attribute(vendor.source_token(number))}>"
                f"<tt:Framerate>{video.frame_rate}</tt:Framerate><tt:Resolution><tt:Width>{video.width}</tt:Width>"
                f"<tt:Height>{video.height}</tt:Height></tt:Resolution></trt:VideoSources>"
            )
        return f"<trt:GetVideoSourcesResponse>{''.join(sources)}</trt:GetVideoSourcesResponse>"

    async def _video_source_configurations(self, call: Call) -> str:
        found = "".join(video_source_configuration(channel, "trt:Configurations") for channel in self._channels)
        return f"<trt:GetVideoSourceConfigurationsResponse>{found}</trt:GetVideoSourceConfigurationsResponse>"

    async def _video_source_configuration(self, call: Call) -> str:
        token = call.request.value("ConfigurationToken")
        for channel in self._channels:
            if channel.source_configuration_token == token:
                found = video_source_configuration(channel, "trt:Configuration")
                return f"<trt:GetVideoSourceConfigurationResponse>{found}</trt:GetVideoSourceConfigurationResponse>"
        raise invalid_argument("NoConfig", "The requested configuration does not exist")

    async def _video_encoder_configurations(self, call: Call) -> str:
        found = "".join(
            self._video_encoder_xml(stream, "trt:Configurations")
            for stream in self._channels.streams
            if not self._hides_encoder(stream)
        )
        return f"<trt:GetVideoEncoderConfigurationsResponse>{found}</trt:GetVideoEncoderConfigurationsResponse>"

    async def _video_encoder_configuration(self, call: Call) -> str:
        stream = self._find_encoder(call.request.value("ConfigurationToken"))
        if self._hides_encoder(stream):
            raise invalid_argument("NoConfig", "The requested configuration does not exist")
        found = self._video_encoder_xml(stream, "trt:Configuration")
        return f"<trt:GetVideoEncoderConfigurationResponse>{found}</trt:GetVideoEncoderConfigurationResponse>"

    async def _video_encoder_options(self, call: Call) -> str:
        if token := call.request.value("ConfigurationToken"):
            streams = [self._find_encoder(token)]
        elif token := call.request.value("ProfileToken"):
            streams = [self._find_profile(token)]
        else:
            streams = self._channels.streams
        videos = {stream.video: None for stream in streams if stream.video.codec == "H264"}
        sizes = {(video.width, video.height): None for video in videos}
        rate = max((video.frame_rate for video in videos), default=0)
        h264 = ""
        if videos:
            resolutions = "".join(
                f"<tt:ResolutionsAvailable><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height>"
                "</tt:ResolutionsAvailable>"
                for width, height in sizes
            )
            h264 = (
                f"<tt:H264>{resolutions}<tt:GovLengthRange><tt:Min>1</tt:Min><tt:Max>{rate}</tt:Max></tt:GovLengthRange>"
                f"<tt:FrameRateRange><tt:Min>1</tt:Min><tt:Max>{rate}</tt:Max></tt:FrameRateRange>"
                "<tt:EncodingIntervalRange><tt:Min>1</tt:Min><tt:Max>1</tt:Max></tt:EncodingIntervalRange>"
                "<tt:H264ProfilesSupported>Main</tt:H264ProfilesSupported></tt:H264>"
            )
        return (
            "<trt:GetVideoEncoderConfigurationOptionsResponse><trt:Options><tt:QualityRange><tt:Min>0</tt:Min>"
            f"<tt:Max>5</tt:Max></tt:QualityRange>{h264}</trt:Options></trt:GetVideoEncoderConfigurationOptionsResponse>"
        )

    def _audio_streams(self) -> list[SimulatedStream]:
        return self._channels.streams if self._options.audio else []

    async def _audio_sources(self, call: Call) -> str:
        found = "".join(
            f"<trt:AudioSources token={attribute(channel.source_token)}><tt:Channels>1</tt:Channels></trt:AudioSources>"
            for channel in (self._channels if self._options.audio else ())
        )
        return f"<trt:GetAudioSourcesResponse>{found}</trt:GetAudioSourcesResponse>"

    async def _audio_source_configurations(self, call: Call) -> str:
        found = "".join(
            audio_source_configuration(channel, "trt:Configurations")
            for channel in (self._channels if self._options.audio else ())
        )
        return f"<trt:GetAudioSourceConfigurationsResponse>{found}</trt:GetAudioSourceConfigurationsResponse>"

    async def _audio_encoder_configurations(self, call: Call) -> str:
        found = "".join(self._audio_encoder_xml(stream, "trt:Configurations") for stream in self._audio_streams())
        return f"<trt:GetAudioEncoderConfigurationsResponse>{found}</trt:GetAudioEncoderConfigurationsResponse>"

    async def _audio_encoder_configuration(self, call: Call) -> str:
        stream = self._find_encoder(call.request.value("ConfigurationToken"), "audio_encoder_token")
        if not self._options.audio:
            raise invalid_argument("NoConfig", "The requested configuration does not exist")
        found = self._audio_encoder_xml(stream, "trt:Configuration")
        return f"<trt:GetAudioEncoderConfigurationResponse>{found}</trt:GetAudioEncoderConfigurationResponse>"

    async def _audio_encoder_options(self, call: Call) -> str:
        options = ""
        if codec := self._options.audio:
            bit_rate, sample_rate = AUDIO[codec]
            options = (
                f"<tt:Options><tt:Encoding>{codec}</tt:Encoding><tt:BitrateList><tt:Items>{bit_rate}</tt:Items>"
                f"</tt:BitrateList><tt:SampleRateList><tt:Items>{sample_rate}</tt:Items></tt:SampleRateList></tt:Options>"
            )
        return (
            f"<trt:GetAudioEncoderConfigurationOptionsResponse><trt:Options>{options}</trt:Options>"
            "</trt:GetAudioEncoderConfigurationOptionsResponse>"
        )

    async def _stream_uri(self, call: Call) -> str:
        stream = self._find_profile(call.request.value("ProfileToken"))
        kind = call.request.value("StreamSetup", "Stream")
        protocol = call.request.value("StreamSetup", "Transport", "Protocol")
        if kind != "RTP-Unicast" or protocol not in {"UDP", "TCP", "RTSP"}:
            raise SoapFault(
                "Sender", "InvalidArgVal", "InvalidStreamSetup", reason="Only unicast over UDP, TCP or RTSP"
            )
        return self._media_uri("GetStreamUriResponse", call.rtsp_base + stream.stream_path)

    async def _snapshot_uri(self, call: Call) -> str:
        stream = self._find_profile(call.request.value("ProfileToken"))
        return self._media_uri("GetSnapshotUriResponse", call.http_base + stream.snapshot_path)

    def _media_uri(self, tag: str, uri: str) -> str:
        return (
            f"<trt:{tag}><trt:MediaUri><tt:Uri>{text(uri)}</tt:Uri>"
            "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot>"
            f"<tt:Timeout>PT60S</tt:Timeout></trt:MediaUri></trt:{tag}>"
        )
