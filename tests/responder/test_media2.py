"""The Media2 service: the same camera as in the media service, with words for H.265."""

from collections.abc import Callable
from dataclasses import replace

import aiohttp
from lxml import etree
import pytest

from custom_components.onvif_proxy.model import AudioEncoding, Channel, StreamRole, VideoEncoding
from custom_components.onvif_proxy.responder import OnvifServer

from .conftest import G711, Client, make_camera, make_description
from .envelopes import NS
from .media_requests import H265, NO_CONFIG, NO_PROFILE, PTZ, UNKNOWN, facts, make_channel

CONFLICT = (500, ["env:Receiver", "ter:Action", "ter:ConfigurationConflict"])
CONFIG_MODIFY = (400, ["env:Sender", "ter:InvalidArgVal", "ter:ConfigModify"])
MAIN_10 = replace(H265, codec_profile="Main10")

type Valid = Callable[[etree._Element], None]


def use(client: Client, channel: Channel, *, media2: bool = True) -> None:
    client.server.update(replace(make_description(channel=channel), media2=media2))


def profile_token(token: str) -> str:
    return f"<tr2:ProfileToken>{token}</tr2:ProfileToken>"


def configuration_token(token: str) -> str:
    return f"<tr2:ConfigurationToken>{token}</tr2:ConfigurationToken>"


def reference(kind: str, token: str | None = None) -> str:
    told = "" if token is None else f"<tr2:Token>{token}</tr2:Token>"
    return f"<tr2:Configuration><tr2:Type>{kind}</tr2:Type>{told}</tr2:Configuration>"


def types(*kinds: str) -> str:
    return "".join(f"<tr2:Type>{kind}</tr2:Type>" for kind in kinds)


@pytest.fixture
def steered(client: Client) -> Client:
    """Return a client of a camera with H.265, sound and PTZ."""
    use(client, make_channel(main=H265, ptz=PTZ))
    return client


class TestProfiles:
    """GetProfiles tells as much as is asked for."""

    @pytest.mark.parametrize(
        ("content", "main", "sub"),
        [
            ("", None, None),
            (types("All"), "VideoSource AudioSource VideoEncoder AudioEncoder PTZ", "VideoSource VideoEncoder PTZ"),
            (types("VideoEncoder"), "VideoEncoder", "VideoEncoder"),
            (types("AudioEncoder", "VideoSource"), "VideoSource AudioEncoder", "VideoSource"),
            (types("Metadata"), "", ""),
            (types("Surprise"), "", ""),
        ],
    )
    async def test_types(
        self, steered: Client, content: str, main: str | None, sub: str | None, assert_valid: Valid
    ) -> None:
        response = (await steered.ask("tr2:GetProfiles", content)).response
        assert_valid(response)
        assert [(profile.get("token"), profile.get("fixed")) for profile in response] == [
            ("main", "true"),
            ("sub", "true"),
        ]
        for profile, expected in zip(response, (main, sub), strict=True):
            configurations = profile.find("tr2:Configurations", NS)
            if expected is None:
                assert configurations is None
            else:
                assert configurations is not None
                assert [etree.QName(child).localname for child in configurations] == expected.split()

    async def test_one(self, steered: Client) -> None:
        (profile,) = (await steered.ask("tr2:GetProfiles", f"<tr2:Token>sub</tr2:Token>{types('All')}")).response
        assert profile.get("token") == "sub"
        assert (await steered.ask("tr2:GetProfiles", "<tr2:Token>other</tr2:Token>")).fault == NO_PROFILE

    async def test_the_same_tokens_as_in_media1(self, steered: Client) -> None:
        one = (await steered.ask("trt:GetProfiles")).response
        two = (await steered.ask("tr2:GetProfiles", types("All"))).response
        hidden = {"VideoEncoder_main"}  # H.265 has no place in Media1
        assert {element.get("token") for element in two.iter()} - {
            element.get("token") for element in one.iter()
        } == hidden

    async def test_nothing_of_the_recorder_shows(self, steered: Client) -> None:
        content = (await steered.ask("tr2:GetProfiles", types("All"))).content
        assert b"Recorder" not in content
        assert b"recorder.invalid" not in content


class TestEncoders:
    """Encoders by media type."""

    async def test_h265(self, steered: Client, assert_valid: Valid) -> None:
        response = (await steered.ask("tr2:GetVideoEncoderConfigurations")).response
        assert_valid(response)
        main, sub = response
        assert dict(main.attrib) == {"token": "VideoEncoder_main", "GovLength": "30", "Profile": "Main"}
        assert facts(main) == {
            "Name": "VideoEncoder_main",
            "UseCount": "1",
            "Encoding": "H265",
            "Resolution/Width": "3840",
            "Resolution/Height": "2160",
            "RateControl/FrameRateLimit": "15",
            "RateControl/BitrateLimit": "6144",
            "Quality": "5",
        }
        assert facts(sub)["RateControl/FrameRateLimit"] == "12.5"

    @pytest.mark.parametrize(
        ("video", "encoding", "attributes"),
        [
            (H265, "H265", {"GovLength": "30", "Profile": "Main"}),
            (MAIN_10, "H265", {"GovLength": "30", "Profile": "Main10"}),
            (replace(H265, codec_profile="High"), "H265", {"GovLength": "30", "Profile": "Main"}),
            (UNKNOWN, "H264", {"GovLength": "50", "Profile": "Main"}),
            (replace(UNKNOWN, codec_profile="Baseline"), "H264", {"GovLength": "50", "Profile": "Baseline"}),
            (replace(UNKNOWN, codec="JPEG"), "JPEG", {}),
            (replace(UNKNOWN, codec="MPEG4"), "MPV4-ES", {"GovLength": "50", "Profile": "Simple"}),
            (
                replace(UNKNOWN, codec="MPEG4", codec_profile="ASP"),
                "MPV4-ES",
                {"GovLength": "50", "Profile": "AdvancedSimple"},
            ),
        ],
    )
    async def test_codecs(
        self, client: Client, video: VideoEncoding, encoding: str, attributes: dict[str, str], assert_valid: Valid
    ) -> None:
        use(client, make_channel(main=video))
        response = (await client.ask("tr2:GetVideoEncoderConfigurations", profile_token("main"))).response
        assert_valid(response)
        assert facts(response[0])["Encoding"] == encoding
        assert dict(response[0].attrib) == {"token": "VideoEncoder_main"} | attributes
        options = (await client.ask("tr2:GetVideoEncoderConfigurationOptions", profile_token("main"))).response
        assert_valid(options)
        assert options[0].get("ProfilesSupported") == attributes.get("Profile")

    async def test_options_by_codec(self, steered: Client, assert_valid: Valid) -> None:
        response = (await steered.ask("tr2:GetVideoEncoderConfigurationOptions")).response
        assert_valid(response)
        h265, h264 = response
        assert dict(h265.attrib) == {
            "GovLengthRange": "30 30",
            "FrameRatesSupported": "15",
            "ProfilesSupported": "Main",
            "ConstantBitRateSupported": "false",
        }
        assert facts(h265) == {
            "Encoding": "H265",
            "QualityRange/Min": "5",
            "QualityRange/Max": "5",
            "ResolutionsAvailable/Width": "3840",
            "ResolutionsAvailable/Height": "2160",
            "BitrateRange/Min": "6144",
            "BitrateRange/Max": "6144",
        }
        assert facts(h264)["Encoding"] == "H264"

    async def test_options_of_one_codec_in_both_streams(self, client: Client, assert_valid: Valid) -> None:
        use(client, make_channel())
        (options,) = (await client.ask("tr2:GetVideoEncoderConfigurationOptions")).response
        assert dict(options.attrib) == {
            "GovLengthRange": "25 40",
            "FrameRatesSupported": "20 12.5",
            "ProfilesSupported": "High Main",
            "ConstantBitRateSupported": "false",
        }

    @pytest.mark.parametrize(
        ("audio", "encoding"),
        [
            (G711, "PCMU"),
            (AudioEncoding(codec="AAC"), "MP4A-LATM"),
            (AudioEncoding(codec="G726"), "G726"),
        ],
    )
    async def test_sound(self, client: Client, audio: AudioEncoding, encoding: str, assert_valid: Valid) -> None:
        use(client, make_channel(main=H265, main_audio=audio))
        for name in ("GetAudioEncoderConfigurations", "GetAudioEncoderConfigurationOptions"):
            response = (await client.ask(f"tr2:{name}")).response
            assert_valid(response)
            assert facts(response[0])["Encoding"] == encoding

    async def test_silence(self, client: Client) -> None:
        use(client, make_channel(main=H265, main_audio=None))
        for kind in ("AudioSource", "AudioEncoder"):
            assert len((await client.ask(f"tr2:Get{kind}Configurations")).response) == 0
            reply = await client.ask(f"tr2:Get{kind}ConfigurationOptions")
            assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported", "ter:AudioNotSupported"])

    async def test_instances(self, steered: Client, assert_valid: Valid) -> None:
        token = configuration_token("VideoSourceConfiguration_1")
        reply = await steered.ask("tr2:GetVideoEncoderInstances", token)
        assert_valid(reply.response)
        assert reply.texts(".//tr2:Encoding") == ["H265", "H264"]
        assert reply.texts(".//tr2:Number") == ["1", "1"]
        assert reply.text(".//tr2:Total") == "2"
        reply = await steered.ask("tr2:GetVideoEncoderInstances", configuration_token("VideoEncoder_main"))
        assert reply.fault == NO_CONFIG


class TestConfigurations:
    """By token, by profile, or all."""

    @pytest.mark.parametrize(
        ("kind", "content", "tokens"),
        [
            ("VideoEncoder", "", ["VideoEncoder_main", "VideoEncoder_sub"]),
            ("VideoEncoder", configuration_token("VideoEncoder_sub"), ["VideoEncoder_sub"]),
            ("VideoEncoder", profile_token("main"), ["VideoEncoder_main"]),
            ("VideoSource", "", ["VideoSourceConfiguration_1"]),
            ("AudioSource", "", ["AudioSourceConfiguration_1"]),
            ("AudioEncoder", profile_token("sub"), []),
            ("Metadata", "", []),
            ("Analytics", "", []),
            ("AudioOutput", "", []),
            ("AudioDecoder", "", []),
        ],
    )
    async def test_which(
        self, steered: Client, kind: str, content: str, tokens: list[str], assert_valid: Valid
    ) -> None:
        response = (await steered.ask(f"tr2:Get{kind}Configurations", content)).response
        assert_valid(response)
        assert [element.get("token") for element in response] == tokens

    @pytest.mark.parametrize("kind", ["VideoSource", "VideoEncoder", "AudioSource", "AudioEncoder", "Metadata"])
    @pytest.mark.parametrize("suffix", ["s", "Options"])
    async def test_unknown_tokens(self, steered: Client, kind: str, suffix: str) -> None:
        operation = f"tr2:Get{kind}Configuration{suffix}"
        assert (await steered.ask(operation, configuration_token("other"))).fault == NO_CONFIG
        assert (await steered.ask(operation, profile_token("other"))).fault == NO_PROFILE

    @pytest.mark.parametrize(
        ("kind", "token"),
        [
            ("VideoSource", "VideoSourceConfiguration_1"),
            ("VideoEncoder", "VideoEncoder_main"),
            ("AudioSource", "AudioSourceConfiguration_1"),
            ("AudioEncoder", "AudioEncoder_main"),
        ],
    )
    async def test_set_to_what_it_is(self, steered: Client, kind: str, token: str, assert_valid: Valid) -> None:
        (read,) = (await steered.ask(f"tr2:Get{kind}Configurations", configuration_token(token))).response
        reply = await steered.ask(f"tr2:Set{kind}Configuration", written(read))
        assert_valid(reply.response)
        name = read.find("tt:Name", NS)
        assert name is not None
        name.text = "Mine"
        assert (await steered.ask(f"tr2:Set{kind}Configuration", written(read))).fault == CONFIG_MODIFY

    @pytest.mark.parametrize(("attribute", "value"), [("GovLength", "60"), ("Profile", "High"), ("Signed", "true")])
    async def test_set_an_attribute(self, steered: Client, attribute: str, value: str) -> None:
        (read,) = (
            await steered.ask("tr2:GetVideoEncoderConfigurations", configuration_token("VideoEncoder_main"))
        ).response
        read.set(attribute, value)
        assert (await steered.ask("tr2:SetVideoEncoderConfiguration", written(read))).fault == CONFIG_MODIFY


def written(read: etree._Element) -> str:
    """Return a configuration that was read as one to be set."""
    text = etree.tostring(read).decode()
    return text.replace("<tr2:Configurations", "<tr2:Configuration").replace(
        "</tr2:Configurations", "</tr2:Configuration"
    )


class TestChanges:
    """What is so already succeeds, anything else fails as the specification says."""

    async def test_profiles(self, steered: Client) -> None:
        reply = await steered.ask("tr2:CreateProfile", "<tr2:Name>SynoProfile</tr2:Name>")
        assert reply.fault == (500, ["env:Receiver", "ter:Action", "ter:MaxNVTProfiles"])
        reply = await steered.ask("tr2:DeleteProfile", "<tr2:Token>sub</tr2:Token>")
        assert reply.fault == (400, ["env:Sender", "ter:Action", "ter:DeletionOfFixedProfile"])
        assert (await steered.ask("tr2:DeleteProfile", "<tr2:Token>other</tr2:Token>")).fault == NO_PROFILE

    @pytest.mark.parametrize(
        ("references", "fault"),
        [
            ("", None),
            (reference("VideoEncoder", "VideoEncoder_main"), None),
            (reference("PTZ", "PTZConfiguration_1") + reference("VideoSource", "VideoSourceConfiguration_1"), None),
            (reference("All"), None),
            ("<tr2:Name>MainStream</tr2:Name>", None),
            ("<tr2:Name>Mine</tr2:Name>", CONFLICT),
            (reference("VideoEncoder", "VideoEncoder_sub"), CONFLICT),
            (reference("VideoEncoder", "other"), NO_CONFIG),
            (reference("VideoEncoder"), NO_CONFIG),
            (reference("Metadata", "other"), NO_CONFIG),
            (reference("Surprise", "other"), NO_CONFIG),
        ],
    )
    async def test_add(
        self, steered: Client, references: str, fault: tuple[int, list[str]] | None, assert_valid: Valid
    ) -> None:
        reply = await steered.ask("tr2:AddConfiguration", profile_token("main") + references)
        if fault is None:
            assert_valid(reply.response)
        else:
            assert reply.fault == fault

    @pytest.mark.parametrize(
        ("references", "fault"),
        [
            (reference("Metadata"), None),
            (reference("AudioEncoder"), None),
            (reference("Surprise"), None),
            (reference("VideoEncoder"), CONFLICT),
            (reference("All"), CONFLICT),
        ],
    )
    async def test_remove(
        self, steered: Client, references: str, fault: tuple[int, list[str]] | None, assert_valid: Valid
    ) -> None:
        reply = await steered.ask("tr2:RemoveConfiguration", profile_token("sub") + references)
        if fault is None:
            assert_valid(reply.response)
        else:
            assert reply.fault == fault

    @pytest.mark.parametrize("operation", ["AddConfiguration", "RemoveConfiguration"])
    async def test_unknown_profile(self, steered: Client, operation: str) -> None:
        reply = await steered.ask(f"tr2:{operation}", profile_token("other") + reference("Metadata", "any"))
        assert reply.fault == NO_PROFILE


class TestUris:
    """The same as in the media service."""

    @pytest.mark.parametrize("protocol", ["RtspUnicast", "RTSP", ""])
    @pytest.mark.parametrize("token", ["main", "sub"])
    async def test_stream(self, steered: Client, protocol: str, token: str, assert_valid: Valid) -> None:
        reply = await steered.ask("tr2:GetStreamUri", f"<tr2:Protocol>{protocol}</tr2:Protocol>{profile_token(token)}")
        assert_valid(reply.response)
        assert reply.text("tr2:Uri") == f"rtsp://127.0.0.1:8554/{token}"

    @pytest.mark.parametrize("protocol", ["RtspOverHttp", "RtspMulticast", "RtspsUnicast", "carrier pigeon"])
    async def test_other_protocols(self, steered: Client, protocol: str) -> None:
        content = f"<tr2:Protocol>{protocol}</tr2:Protocol>{profile_token('main')}"
        reply = await steered.ask("tr2:GetStreamUri", content)
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup"])

    async def test_over_http_where_somebody_serves_it(
        self, session: aiohttp.ClientSession, assert_valid: Valid
    ) -> None:
        async with OnvifServer(make_description(), make_camera(), tunnels=lambda *_: None) as server:
            client = Client(session, server)
            use(client, make_channel())
            content = f"<tr2:Protocol>RtspOverHttp</tr2:Protocol>{profile_token('sub')}"
            reply = await client.ask("tr2:GetStreamUri", content)
            assert_valid(reply.response)
            assert reply.text("tr2:Uri") == client.url("/sub")

    @pytest.mark.parametrize("protocol", ["RTSP", "", "RtspUnicast", "RtspOverHttp"])
    async def test_what_is_passed_on_to_the_recorder_comes_over_tcp_alone(
        self, session: aiohttp.ClientSession, protocol: str
    ) -> None:
        paths = {StreamRole.MAIN: "/101?profile=1", StreamRole.SUB: "/102"}
        description = replace(make_description(), media2=True, raw_paths=paths)
        async with OnvifServer(description, make_camera(), tunnels=lambda *_: None) as server:
            content = f"<tr2:Protocol>{protocol}</tr2:Protocol>{profile_token('main')}"
            reply = await Client(session, server).ask("tr2:GetStreamUri", content)
        if protocol in ("RTSP", ""):
            assert reply.text("tr2:Uri") == "rtsp://127.0.0.1:8554/101?profile=1"
        else:
            assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal", "ter:InvalidStreamSetup"])

    async def test_snapshot(self, steered: Client) -> None:
        reply = await steered.ask("tr2:GetSnapshotUri", profile_token("sub"))
        assert reply.text("tr2:Uri") == steered.url("/snapshot")
        use(steered, make_channel(main=H265, snapshot_uri=None))
        reply = await steered.ask("tr2:GetSnapshotUri", profile_token("sub"))
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported"])

    @pytest.mark.parametrize("operation", ["GetStreamUri", "GetSnapshotUri"])
    async def test_unknown_profile(self, steered: Client, operation: str) -> None:
        assert (await steered.ask(f"tr2:{operation}", profile_token("other"))).fault == NO_PROFILE


class TestOffer:
    """It is listed where the description says so, and nowhere else."""

    @pytest.mark.parametrize("media2", [True, False])
    async def test_listed(self, client: Client, media2: bool) -> None:
        use(client, make_channel(main=H265), media2=media2)
        namespaces = (await client.ask("tds:GetServices")).texts(".//tds:Namespace")
        assert (NS["tr2"] in namespaces) is media2

    async def test_capabilities(self, steered: Client, assert_valid: Valid) -> None:
        response = (await steered.ask("tr2:GetServiceCapabilities")).response
        assert_valid(response)
        profiles = response.find(".//tr2:ProfileCapabilities", NS)
        assert profiles is not None
        assert dict(profiles.attrib) == {
            "MaximumNumberOfProfiles": "2",
            "ConfigurationsSupported": "VideoSource AudioSource VideoEncoder AudioEncoder PTZ",
        }

    @pytest.mark.parametrize("content", ["", configuration_token("VideoSourceConfiguration_1")])
    async def test_nothing_over_the_picture(self, steered: Client, content: str, assert_valid: Valid) -> None:
        for operation in ("GetOSDs", "GetMasks"):
            response = (await steered.ask(f"tr2:{operation}", content)).response
            assert_valid(response)
            assert len(response) == 0
        for unknown in ("<tr2:OSDToken>a</tr2:OSDToken>", configuration_token("other")):
            assert (await steered.ask("tr2:GetOSDs", unknown)).fault == NO_CONFIG
        assert (await steered.ask("tr2:GetMasks", configuration_token("other"))).fault == NO_CONFIG
        reply = await steered.ask("tr2:GetOSDOptions", configuration_token("VideoSourceConfiguration_1"))
        assert_valid(reply.response)
