"""The media 2 service (ONVIF Media2, ver20/media): what tells the truth about H.265."""

from .channels import SimulatedStream
from .media_service import AUDIO, audio_source_configuration, video_source_configuration
from .ptz_spaces import ptz_configuration
from .service import Call, Handler, Recorder, configuration
from .soap import attribute, invalid_argument, text

_AUDIO_NAMES = {"G711": "PCMU", "AAC": "MP4A-LATM"}
"""Media2 names codecs by their IANA media subtype; vendors say PCMU for both laws."""


class Media2Service:
    """Profiles with the configurations that the request's Type asks for, and plain URIs."""

    def __init__(self, recorder: Recorder) -> None:
        """Answer for a recorder."""
        self._recorder = recorder
        self._options = recorder.options
        self._channels = recorder.channels
        self.operations: dict[str, Handler] = {
            "tr2:GetServiceCapabilities": self._service_capabilities,
            "tr2:GetProfiles": self._profiles,
            "tr2:GetVideoSourceConfigurations": self._video_source_configurations,
            "tr2:GetVideoEncoderConfigurations": self._video_encoder_configurations,
            "tr2:GetVideoEncoderConfigurationOptions": self._video_encoder_options,
            "tr2:GetAudioEncoderConfigurations": self._audio_encoder_configurations,
            "tr2:GetStreamUri": self._stream_uri,
            "tr2:GetSnapshotUri": self._snapshot_uri,
        }

    async def _service_capabilities(self, call: Call) -> str:
        return (
            '<tr2:GetServiceCapabilitiesResponse><tr2:Capabilities SnapshotUri="true" Rotation="false">'
            f'<tr2:ProfileCapabilities MaximumNumberOfProfiles="{2 * self._channels.capacity}" '
            'ConfigurationsSupported="VideoSource VideoEncoder AudioSource AudioEncoder PTZ"/>'
            '<tr2:StreamingCapabilities RTSPStreaming="true" RTPMulticast="false" RTP_RTSP_TCP="true"/>'
            "</tr2:Capabilities></tr2:GetServiceCapabilitiesResponse>"
        )

    def _find_profile(self, token: str | None) -> SimulatedStream:
        stream = self._channels.profile(token) if token else None
        if stream is None:
            raise invalid_argument("NoProfile", "The requested profile token does not exist")
        return stream

    def _video_encoder_xml(self, stream: SimulatedStream, tag: str) -> str:
        video = stream.video
        return configuration(
            tag,
            stream.encoder_token,
            f"VideoEncoder_{stream.number}_{stream.index + 1}",
            1,
            f"<tt:Encoding>{video.codec}</tt:Encoding><tt:Resolution><tt:Width>{video.width}</tt:Width>"
            f"<tt:Height>{video.height}</tt:Height></tt:Resolution><tt:RateControl>"
            f"<tt:FrameRateLimit>{video.frame_rate}</tt:FrameRateLimit><tt:BitrateLimit>{video.bit_rate}</tt:BitrateLimit>"
            "</tt:RateControl><tt:Quality>3</tt:Quality>",
            f' GovLength="{video.frame_rate}" Profile="Main"',
        )

    def _audio_encoder_xml(self, stream: SimulatedStream, tag: str) -> str:
        codec = self._options.audio or ""
        bit_rate, sample_rate = AUDIO[codec]
        return configuration(
            tag,
            stream.audio_encoder_token,
            f"AudioEncoder_{stream.number}_{stream.index + 1}",
            1,
            f"<tt:Encoding>{_AUDIO_NAMES[codec]}</tt:Encoding><tt:Bitrate>{bit_rate}</tt:Bitrate>"
            f"<tt:SampleRate>{sample_rate}</tt:SampleRate>",
        )

    def _profile_xml(self, stream: SimulatedStream, types: set[str]) -> str:
        channel = self._channels.channel(stream.number)

        def wanted(kind: str) -> bool:
            return bool(types & {"All", kind})

        parts = []
        if wanted("VideoSource"):
            parts.append(video_source_configuration(channel, "tr2:VideoSource"))
        if wanted("AudioSource") and self._options.audio:
            parts.append(audio_source_configuration(channel, "tr2:AudioSource"))
        if wanted("VideoEncoder"):
            parts.append(self._video_encoder_xml(stream, "tr2:VideoEncoder"))
        if wanted("AudioEncoder") and self._options.audio:
            parts.append(self._audio_encoder_xml(stream, "tr2:AudioEncoder"))
        if wanted("PTZ") and channel.ptz is not None:
            parts.append(ptz_configuration(channel, self._channels.vendor, "tr2:PTZ"))
        configurations = f"<tr2:Configurations>{''.join(parts)}</tr2:Configurations>" if types else ""
        return (
            f'<tr2:Profiles token={attribute(stream.profile_token)} fixed="true">'
            f"<tr2:Name>{text(stream.name)}</tr2:Name>{configurations}</tr2:Profiles>"
        )

    async def _profiles(self, call: Call) -> str:
        types = set(call.request.values("Type"))
        token = call.request.value("Token")
        streams = [self._find_profile(token)] if token else self._channels.streams
        profiles = "".join(self._profile_xml(stream, types) for stream in streams)
        return f"<tr2:GetProfilesResponse>{profiles}</tr2:GetProfilesResponse>"

    async def _video_source_configurations(self, call: Call) -> str:
        found = "".join(video_source_configuration(channel, "tr2:Configurations") for channel in self._channels)
        return f"<tr2:GetVideoSourceConfigurationsResponse>{found}</tr2:GetVideoSourceConfigurationsResponse>"

    def _chosen(self, call: Call, attribute_name: str) -> list[SimulatedStream]:
        """Return the streams that ConfigurationToken or ProfileToken name, all without either."""
        if token := call.request.value("ProfileToken"):
            return [self._find_profile(token)]
        token = call.request.value("ConfigurationToken")
        found = [stream for stream in self._channels.streams if token in {None, getattr(stream, attribute_name)}]
        if token is not None and not found:
            raise invalid_argument("NoConfig", "The requested configuration does not exist")
        return found

    async def _video_encoder_configurations(self, call: Call) -> str:
        found = "".join(
            self._video_encoder_xml(stream, "tr2:Configurations") for stream in self._chosen(call, "encoder_token")
        )
        return f"<tr2:GetVideoEncoderConfigurationsResponse>{found}</tr2:GetVideoEncoderConfigurationsResponse>"

    async def _video_encoder_options(self, call: Call) -> str:
        videos = {stream.video: None for stream in self._chosen(call, "encoder_token")}
        options = "".join(
            f'<tr2:Options GovLengthRange="1 {video.frame_rate}" FrameRatesSupported="{video.frame_rate}" '
            f'ProfilesSupported="Main"><tt:Encoding>{video.codec}</tt:Encoding>'
            "<tt:QualityRange><tt:Min>0</tt:Min><tt:Max>5</tt:Max></tt:QualityRange>"
            f"<tt:ResolutionsAvailable><tt:Width>{video.width}</tt:Width><tt:Height>{video.height}</tt:Height>"
            f"</tt:ResolutionsAvailable><tt:BitrateRange><tt:Min>64</tt:Min><tt:Max>{video.bit_rate}</tt:Max>"
            "</tt:BitrateRange></tr2:Options>"
            for video in videos
        )
        return (
            f"<tr2:GetVideoEncoderConfigurationOptionsResponse>{options}"
            "</tr2:GetVideoEncoderConfigurationOptionsResponse>"
        )

    async def _audio_encoder_configurations(self, call: Call) -> str:
        streams = self._chosen(call, "audio_encoder_token") if self._options.audio else []
        found = "".join(self._audio_encoder_xml(stream, "tr2:Configurations") for stream in streams)
        return f"<tr2:GetAudioEncoderConfigurationsResponse>{found}</tr2:GetAudioEncoderConfigurationsResponse>"

    async def _stream_uri(self, call: Call) -> str:
        stream = self._find_profile(call.request.value("ProfileToken"))
        if call.request.value("Protocol") not in {"RtspUnicast", "RTSP"}:
            raise invalid_argument("InvalidStreamSetup", "Only RtspUnicast and RTSP")
        uri = text(call.rtsp_base + stream.stream_path)
        return f"<tr2:GetStreamUriResponse><tr2:Uri>{uri}</tr2:Uri></tr2:GetStreamUriResponse>"

    async def _snapshot_uri(self, call: Call) -> str:
        stream = self._find_profile(call.request.value("ProfileToken"))
        uri = text(call.http_base + stream.snapshot_path)
        return f"<tr2:GetSnapshotUriResponse><tr2:Uri>{uri}</tr2:Uri></tr2:GetSnapshotUriResponse>"
