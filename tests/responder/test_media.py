"""The media service: what the camera says that it streams."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import aiohttp
from lxml import etree
import pytest

from custom_components.onvif_proxy.model import AudioEncoding, StreamRole, VideoEncoding
from custom_components.onvif_proxy.responder import OnvifServer

from .conftest import G711, MAIN_VIDEO, Client, make_camera, make_description
from .envelopes import NS
from .media_requests import (
    H265,
    NO_CONFIG,
    NO_PROFILE,
    PTZ,
    UNKNOWN,
    configuration_token,
    facts,
    make_channel,
    profile_token,
    use,
)


class TestProfiles:
    """One profile a stream."""

    async def test_main_comes_first(self, client: Client) -> None:
        profiles = (await client.ask("trt:GetProfiles")).response
        assert [profile.get("token") for profile in profiles] == ["main", "sub"]
        assert [profile.get("fixed") for profile in profiles] == ["true", "true"]

    async def test_what_is_streamed(self, client: Client) -> None:
        reply = await client.ask("trt:GetProfiles")
        encoders = [facts(element) for element in reply.response.iterfind(".//tt:VideoEncoderConfiguration", NS)]
        main, sub = encoders
        assert main | {"Name": "", "UseCount": ""} == {
            "Name": "",
            "UseCount": "",
            "Encoding": "H264",
            "Resolution/Width": "2560",
            "Resolution/Height": "1440",
            "Quality": "5",
            "RateControl/FrameRateLimit": "20",
            "RateControl/EncodingInterval": "1",
            "RateControl/BitrateLimit": "4096",
            "H264/GovLength": "40",
            "H264/H264Profile": "High",
            "Multicast/Address/Type": "IPv4",
            "Multicast/Address/IPv4Address": "0.0.0.0",
            "Multicast/Port": "0",
            "Multicast/TTL": "0",
            "Multicast/AutoStart": "false",
            "SessionTimeout": "PT60S",
        }
        assert (sub["Resolution/Width"], sub["Resolution/Height"]) == ("640", "360")
        assert (sub["RateControl/FrameRateLimit"], sub["RateControl/BitrateLimit"]) == ("13", "512")

    async def test_one_video_source_for_both(self, client: Client) -> None:
        reply = await client.ask("trt:GetProfiles")
        assert reply.texts(".//tt:VideoSourceConfiguration/tt:SourceToken") == ["VideoSource_1"] * 2
        bounds = [dict(element.attrib) for element in reply.response.iterfind(".//tt:Bounds", NS)]
        assert bounds == [{"x": "0", "y": "0", "width": "2560", "height": "1440"}] * 2
        sources = (await client.ask("trt:GetVideoSources")).response
        assert [source.get("token") for source in sources] == ["VideoSource_1"]
        assert facts(sources[0]) == {"Framerate": "20", "Resolution/Width": "2560", "Resolution/Height": "1440"}

    async def test_nothing_of_the_recorder_shows(self, client: Client) -> None:
        for name in ("trt:GetProfiles", "trt:GetVideoSources", "trt:GetVideoEncoderConfigurations"):
            content = (await client.ask(name)).content
            assert b"Recorder" not in content
            assert b"recorder.invalid" not in content

    @pytest.mark.parametrize("token", ["main", "sub"])
    async def test_by_token(self, client: Client, token: str) -> None:
        reply = await client.ask("trt:GetProfile", profile_token(token))
        profiles = (await client.ask("trt:GetProfiles")).response
        listed = next(profile for profile in profiles if profile.get("token") == token)
        assert reply.response[0].get("token") == token
        assert facts(reply.response[0]) == facts(listed)

    async def test_without_sub_stream(self, client: Client) -> None:
        use(client, make_channel(sub=None))
        assert [profile.get("token") for profile in (await client.ask("trt:GetProfiles")).response] == ["main"]
        assert (await client.ask("trt:GetProfile", profile_token("sub"))).fault == NO_PROFILE
        assert (await client.ask("trt:GetVideoSourceConfigurations")).texts(".//tt:UseCount") == ["1"]

    @pytest.mark.parametrize(
        "operation",
        [
            "GetProfile",
            "GetStreamUri",
            "GetSnapshotUri",
            "GetCompatibleVideoSourceConfigurations",
            "GetCompatibleVideoEncoderConfigurations",
            "GetCompatibleAudioSourceConfigurations",
            "GetCompatibleAudioEncoderConfigurations",
            "GetCompatibleMetadataConfigurations",
            "GetVideoSourceConfigurationOptions",
            "GetVideoEncoderConfigurationOptions",
            "GetAudioSourceConfigurationOptions",
            "GetAudioEncoderConfigurationOptions",
        ],
    )
    @pytest.mark.parametrize("token", ["Main", "RecorderProfile003_main", "", "../main", "&lt;main&gt;"])
    async def test_unknown_token(self, client: Client, operation: str, token: str) -> None:
        assert (await client.ask(f"trt:{operation}", profile_token(token))).fault == NO_PROFILE

    async def test_no_token(self, client: Client) -> None:
        assert (await client.ask("trt:GetProfile")).fault == NO_PROFILE


class TestVideo:
    """Video configurations and options."""

    @pytest.mark.parametrize(
        ("operation", "token"),
        [
            ("VideoSourceConfiguration", "VideoSourceConfiguration_1"),
            ("VideoEncoderConfiguration", "VideoEncoder_main"),
            ("VideoEncoderConfiguration", "VideoEncoder_sub"),
            ("AudioSourceConfiguration", "AudioSourceConfiguration_1"),
            ("AudioEncoderConfiguration", "AudioEncoder_main"),
        ],
    )
    async def test_configuration_by_token(self, client: Client, operation: str, token: str) -> None:
        single = (await client.ask(f"trt:Get{operation}", configuration_token(token))).response[0]
        every = (await client.ask(f"trt:Get{operation}s")).response
        listed = next(element for element in every if element.get("token") == token)
        assert facts(single) == facts(listed)

    @pytest.mark.parametrize(
        "operation",
        [
            "GetVideoSourceConfiguration",
            "GetVideoEncoderConfiguration",
            "GetAudioSourceConfiguration",
            "GetAudioEncoderConfiguration",
            "GetVideoSourceConfigurationOptions",
            "GetVideoEncoderConfigurationOptions",
            "GetAudioSourceConfigurationOptions",
            "GetAudioEncoderConfigurationOptions",
            "GetGuaranteedNumberOfVideoEncoderInstances",
        ],
    )
    async def test_unknown_configuration(self, client: Client, operation: str) -> None:
        assert (await client.ask(f"trt:{operation}", configuration_token("main"))).fault == NO_CONFIG

    @pytest.mark.parametrize(("token", "encoder"), [("main", "VideoEncoder_main"), ("sub", "VideoEncoder_sub")])
    async def test_only_its_own_encoder_fits_a_profile(self, client: Client, token: str, encoder: str) -> None:
        reply = await client.ask("trt:GetCompatibleVideoEncoderConfigurations", profile_token(token))
        assert [element.get("token") for element in reply.response] == [encoder]

    @pytest.mark.parametrize(
        ("parameters", "sizes", "rates"),
        [
            (configuration_token("VideoEncoder_main"), ["2560"], ("20", "20")),
            (configuration_token("VideoEncoder_sub"), ["640"], ("13", "13")),
            (profile_token("sub"), ["640"], ("13", "13")),
            (configuration_token("VideoEncoder_sub") + profile_token("sub"), ["640"], ("13", "13")),
            ("", ["2560", "640"], ("13", "20")),
        ],
    )
    async def test_options_are_what_the_stream_is(
        self, client: Client, parameters: str, sizes: list[str], rates: tuple[str, str]
    ) -> None:
        reply = await client.ask("trt:GetVideoEncoderConfigurationOptions", parameters)
        assert reply.texts(".//tt:H264/tt:ResolutionsAvailable/tt:Width") == sizes
        assert (reply.text(".//tt:FrameRateRange/tt:Min"), reply.text(".//tt:FrameRateRange/tt:Max")) == rates

    async def test_source_options(self, client: Client) -> None:
        reply = await client.ask("trt:GetVideoSourceConfigurationOptions")
        assert facts(reply.response[0]) == {
            "BoundsRange/XRange/Min": "0",
            "BoundsRange/XRange/Max": "0",
            "BoundsRange/YRange/Min": "0",
            "BoundsRange/YRange/Max": "0",
            "BoundsRange/WidthRange/Min": "2560",
            "BoundsRange/WidthRange/Max": "2560",
            "BoundsRange/HeightRange/Min": "1440",
            "BoundsRange/HeightRange/Max": "1440",
            "VideoSourceTokensAvailable": "VideoSource_1",
        }

    async def test_number_of_encoders(self, client: Client) -> None:
        use(client, make_channel(main=H265))
        token = configuration_token("VideoSourceConfiguration_1")
        reply = await client.ask("trt:GetGuaranteedNumberOfVideoEncoderInstances", token)
        assert facts(reply.response) == {"TotalNumber": "2", "JPEG": "0", "H264": "1", "MPEG4": "0"}

    async def test_what_the_recorder_did_not_tell(
        self, client: Client, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        use(client, make_channel(main=UNKNOWN, sub=None, main_audio=AudioEncoding(codec="AAC")))
        reply = await client.ask("trt:GetProfiles")
        assert_valid(reply.response)
        video = facts(reply.response.find(".//tt:VideoEncoderConfiguration", NS))
        assert video["RateControl/FrameRateLimit"] == "25"
        assert video["RateControl/BitrateLimit"] == "4096"
        assert (video["H264/GovLength"], video["H264/H264Profile"]) == ("50", "Main")
        audio = facts(reply.response.find(".//tt:AudioEncoderConfiguration", NS))
        assert (audio["Encoding"], audio["Bitrate"], audio["SampleRate"]) == ("AAC", "32", "16")

    @pytest.mark.parametrize(
        "video", [MAIN_VIDEO, UNKNOWN, replace(UNKNOWN, codec="JPEG"), replace(UNKNOWN, codec="MPEG4")]
    )
    @pytest.mark.parametrize("operation", ["GetProfiles", "GetVideoEncoderConfigurationOptions"])
    async def test_codecs_follow_the_schema(
        self, client: Client, video: VideoEncoding, operation: str, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        use(client, make_channel(main=video))
        reply = await client.ask(f"trt:{operation}")
        assert_valid(reply.response)

    async def test_h265_is_said_as_it_is_where_media2_is_off(self, client: Client) -> None:
        use(client, make_channel(main=H265))
        reply = await client.ask("trt:GetProfiles")
        assert reply.texts(".//tt:VideoEncoderConfiguration/tt:Encoding") == ["H265", "H264"]
        assert len(reply.texts(".//tt:H264")) == 1
        options = await client.ask("trt:GetVideoEncoderConfigurationOptions", profile_token("main"))
        assert [element.tag.partition("}")[2] for element in options.response[0]] == ["QualityRange"]

    async def test_h265_is_left_to_media2_where_that_is_on(
        self, client: Client, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        client.server.update(replace(make_description(channel=make_channel(main=H265)), media2=True))
        reply = await client.ask("trt:GetProfiles")
        assert_valid(reply.response)
        assert [profile.get("token") for profile in reply.response] == ["main", "sub"]
        assert reply.texts(".//tt:VideoEncoderConfiguration/tt:Encoding") == ["H264"]
        assert len(reply.texts(".//tt:VideoSourceConfiguration")) == 2
        listed = (await client.ask("trt:GetVideoEncoderConfigurations")).response
        assert [element.get("token") for element in listed] == ["VideoEncoder_sub"]
        for operation in ("GetVideoEncoderConfiguration", "GetVideoEncoderConfigurationOptions"):
            reply = await client.ask(f"trt:{operation}", configuration_token("VideoEncoder_main"))
            assert reply.fault == NO_CONFIG
        reply = await client.ask("trt:GetCompatibleVideoEncoderConfigurations", profile_token("main"))
        assert len(reply.response) == 0
        options = await client.ask("trt:GetVideoEncoderConfigurationOptions", profile_token("main"))
        assert_valid(options.response)


class TestAudio:
    """Sound is declared where there is sound."""

    async def test_only_one_stream_has_it(self, client: Client) -> None:
        main, sub = (await client.ask("trt:GetProfiles")).response
        assert facts(main.find("tt:AudioEncoderConfiguration", NS))["Encoding"] == "G711"
        assert main.findtext("tt:AudioSourceConfiguration/tt:UseCount", namespaces=NS) == "1"
        assert sub.find("tt:AudioEncoderConfiguration", NS) is None
        assert sub.find("tt:AudioSourceConfiguration", NS) is None

    @pytest.mark.parametrize(("token", "count"), [("main", 1), ("sub", 0)])
    @pytest.mark.parametrize("kind", ["Source", "Encoder"])
    async def test_compatible(self, client: Client, kind: str, token: str, count: int) -> None:
        reply = await client.ask(f"trt:GetCompatibleAudio{kind}Configurations", profile_token(token))
        assert len(reply.response) == count

    async def test_options(self, client: Client) -> None:
        reply = await client.ask("trt:GetAudioEncoderConfigurationOptions")
        assert facts(reply.response[0]) == {
            "Options/Encoding": "G711",
            "Options/BitrateList/Items": "64",
            "Options/SampleRateList/Items": "8",
        }

    async def test_same_in_both_streams(self, client: Client) -> None:
        use(client, make_channel(sub_audio=G711))
        reply = await client.ask("trt:GetAudioEncoderConfigurationOptions")
        assert reply.texts(".//tt:Encoding") == ["G711"]
        assert (await client.ask("trt:GetAudioSourceConfigurations")).texts(".//tt:UseCount") == ["2"]

    async def test_silent_camera(self, client: Client) -> None:
        use(client, make_channel(main_audio=None))
        for name in ("GetAudioSources", "GetAudioSourceConfigurations", "GetAudioEncoderConfigurations"):
            assert len((await client.ask(f"trt:{name}")).response) == 0
        reply = await client.ask("trt:GetAudioSourceConfigurationOptions")
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported", "ter:AudioNotSupported"])
        for operation, token in (("Source", "AudioSourceConfiguration_1"), ("Encoder", "AudioEncoder_main")):
            for suffix in ("", "Options"):
                reply = await client.ask(f"trt:GetAudio{operation}Configuration{suffix}", configuration_token(token))
                assert reply.fault == NO_CONFIG


class TestUris:
    """Where streams and still image are: always here, never at the recorder."""

    @pytest.mark.parametrize("token", ["main", "sub"])
    @pytest.mark.parametrize("protocol", ["RTSP", "UDP", "TCP"])
    async def test_stream(self, client: Client, token: str, protocol: str) -> None:
        reply = await client.ask("trt:GetStreamUri", stream_setup(protocol=protocol) + profile_token(token))
        assert reply.text(".//tt:Uri") == f"rtsp://127.0.0.1:8554/{token}"

    @pytest.mark.parametrize("setup", [{"protocol": "HTTP"}, {"protocol": "carrier pigeon"}, {"kind": "RTP-Multicast"}])
    async def test_other_transports(self, client: Client, setup: dict[str, str]) -> None:
        reply = await client.ask("trt:GetStreamUri", stream_setup(**setup) + profile_token("main"))
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup"])

    @pytest.mark.parametrize("token", ["main", "sub"])
    async def test_over_http_where_somebody_serves_it(self, session: aiohttp.ClientSession, token: str) -> None:
        async with OnvifServer(make_description(), make_camera(), tunnels=lambda *_: None) as server:
            client = Client(session, server)
            reply = await client.ask("trt:GetStreamUri", stream_setup(protocol="HTTP") + profile_token(token))
            assert reply.text(".//tt:Uri") == client.url(f"/{token}")

    async def test_clients_that_leave_out_the_transport(self, client: Client) -> None:
        reply = await client.ask("trt:GetStreamUri", profile_token("main"))
        assert reply.text(".//tt:Uri") == "rtsp://127.0.0.1:8554/main"

    async def test_default_port_is_left_out(self, client: Client) -> None:
        description = make_description()
        client.server.update(replace(description, endpoint=replace(description.endpoint, rtsp_port=554)))
        reply = await client.ask("trt:GetStreamUri", profile_token("main"))
        assert reply.text(".//tt:Uri") == "rtsp://127.0.0.1/main"

    @pytest.mark.parametrize("token", ["main", "sub"])
    async def test_snapshot(self, client: Client, token: str) -> None:
        reply = await client.ask("trt:GetSnapshotUri", profile_token(token))
        assert reply.text(".//tt:Uri") == client.url("/snapshot")

    async def test_no_snapshot(self, client: Client) -> None:
        use(client, make_channel(snapshot_uri=None))
        reply = await client.ask("trt:GetSnapshotUri", profile_token("main"))
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported"])
        capabilities = (await client.ask("trt:GetServiceCapabilities")).response[0]
        assert capabilities.get("SnapshotUri") == "false"

    async def test_snapshot_is_announced(self, client: Client) -> None:
        capabilities = (await client.ask("trt:GetServiceCapabilities")).response[0]
        assert capabilities.get("SnapshotUri") == "true"


RAW_PATHS = {StreamRole.MAIN: "/cam/realmonitor?channel=3&subtype=0", StreamRole.SUB: ""}


class TestRawUris:
    """Where RTSP is passed on to the recorder, streams are here, by the recorder's paths, and come over TCP alone."""

    @pytest.fixture
    async def raw(self, session: aiohttp.ClientSession) -> AsyncIterator[Client]:
        description = replace(make_description(), raw_paths=RAW_PATHS)
        async with OnvifServer(description, make_camera(), tunnels=lambda *_: None) as server:
            yield Client(session, server)

    @pytest.mark.parametrize("token", ["main", "sub"])
    @pytest.mark.parametrize("protocol", ["RTSP", "TCP"])
    async def test_paths_are_the_recorders(self, raw: Client, token: str, protocol: str) -> None:
        reply = await raw.ask("trt:GetStreamUri", stream_setup(protocol=protocol) + profile_token(token))
        assert reply.text(".//tt:Uri") == f"rtsp://127.0.0.1:8554{RAW_PATHS[StreamRole(token)]}"

    async def test_clients_that_leave_out_the_transport(self, raw: Client) -> None:
        reply = await raw.ask("trt:GetStreamUri", profile_token("sub"))
        assert reply.text(".//tt:Uri") == "rtsp://127.0.0.1:8554"

    @pytest.mark.parametrize("protocol", ["UDP", "udp", "HTTP"])
    async def test_what_can_not_come_through_is_refused(self, raw: Client, protocol: str) -> None:
        reply = await raw.ask("trt:GetStreamUri", stream_setup(protocol=protocol) + profile_token("main"))
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup"])

    async def test_an_answer_of_before_is_not_kept(self, raw: Client) -> None:
        asked = "trt:GetStreamUri", profile_token("main")
        await raw.ask(*asked)
        raw.server.update(make_description())
        assert (await raw.ask(*asked)).text(".//tt:Uri") == "rtsp://127.0.0.1:8554/main"


def stream_setup(*, kind: str = "RTP-Unicast", protocol: str = "RTSP") -> str:
    transport = f"<tt:Transport><tt:Protocol>{protocol}</tt:Protocol></tt:Transport>"
    return f"<trt:StreamSetup><tt:Stream>{kind}</tt:Stream>{transport}</trt:StreamSetup>"


class TestPtz:
    """Clients take a profile with a PTZ configuration for one that can be steered."""

    async def test_in_all_profiles(self, client: Client, assert_valid: Callable[[etree._Element], None]) -> None:
        use(client, make_channel(ptz=PTZ))
        reply = await client.ask("trt:GetProfiles")
        assert_valid(reply.response)
        first, second = reply.response.iterfind(".//tt:PTZConfiguration", NS)
        assert first.get("token") == second.get("token") == "PTZConfiguration_1"
        assert facts(first) == {
            "Name": "PTZConfiguration_1",
            "UseCount": "2",
            "NodeToken": "PTZNode_1",
            "DefaultAbsolutePantTiltPositionSpace": "abs:pan",
            "DefaultContinuousPanTiltVelocitySpace": "generic:pan",
            "DefaultContinuousZoomVelocitySpace": "generic:zoom",
            "DefaultPTZSpeed/PanTilt": None,
            "DefaultPTZTimeout": "PT10S",
            "PanTiltLimits/Range/URI": "abs:pan",
            "PanTiltLimits/Range/XRange/Min": "-1",
            "PanTiltLimits/Range/XRange/Max": "1",
            "PanTiltLimits/Range/YRange/Min": "-0.5",
            "PanTiltLimits/Range/YRange/Max": "0.5",
        }
        speed = first.find("tt:DefaultPTZSpeed/tt:PanTilt", NS)
        assert speed is not None
        assert dict(speed.attrib) == {"x": "1", "y": "1", "space": "speed:pan"}

    async def test_none(self, client: Client) -> None:
        assert (await client.ask("trt:GetProfiles")).texts(".//tt:PTZConfiguration") == []


class TestNotThere:
    """What no camera of ours has: empty lists, and faults where the schema has no word for nothing."""

    @pytest.mark.parametrize("kind", ["Metadata", "VideoAnalytics", "AudioOutput", "AudioDecoder"])
    async def test_lists_are_empty(
        self, client: Client, kind: str, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        for operation, content in (
            (f"Get{kind}Configurations", ""),
            (f"GetCompatible{kind}Configurations", profile_token("main")),
        ):
            response = (await client.ask(f"trt:{operation}", content)).response
            assert_valid(response)
            assert len(response) == 0
        for operation in (f"Get{kind}Configuration", f"Add{kind}Configuration"):
            content = profile_token("main") + configuration_token("any")
            assert (await client.ask(f"trt:{operation}", content)).fault == NO_CONFIG
        content = '<trt:Configuration token="any"/>'
        assert (await client.ask(f"trt:Set{kind}Configuration", content)).fault == NO_CONFIG

    async def test_metadata_options_say_so(
        self, client: Client, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        reply = await client.ask("trt:GetMetadataConfigurationOptions")
        assert_valid(reply.response)
        assert set(facts(reply.response).values()) == {"false"}

    @pytest.mark.parametrize("kind", ["AudioOutput", "AudioDecoder"])
    async def test_other_options(self, client: Client, kind: str) -> None:
        reply = await client.ask(f"trt:Get{kind}ConfigurationOptions")
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported"])

    async def test_texts_over_the_picture(self, client: Client, assert_valid: Callable[[etree._Element], None]) -> None:
        token = configuration_token("VideoSourceConfiguration_1")
        for content in ("", token):
            assert len((await client.ask("trt:GetOSDs", content)).response) == 0
        options = (await client.ask("trt:GetOSDOptions", token)).response
        assert_valid(options)
        assert [element.get("Total") for element in options.iterfind(".//tt:MaximumNumberOfOSDs", NS)] == ["0"]
        for operation in ("GetOSDs", "GetOSDOptions"):
            assert (await client.ask(f"trt:{operation}", configuration_token("main"))).fault == NO_CONFIG


async def test_hikvision_plays_only_where_rtp_can_come_over_tcp(client: Client) -> None:
    capabilities = (await client.ask("trt:GetServiceCapabilities")).response
    streaming = capabilities.find(".//trt:StreamingCapabilities", NS)
    assert streaming is not None
    assert streaming.get("RTP_TCP") == streaming.get("RTP_RTSP_TCP") == "true"
    legacy = await client.ask("tds:GetCapabilities", "<tds:Category>Media</tds:Category>")
    assert legacy.text(".//tt:RTP_TCP") == "true"
