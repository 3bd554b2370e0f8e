"""How a camera says that it can be talked to: audio outputs and decoders, in all services that tell of them."""

from collections.abc import Callable
from dataclasses import replace

from lxml import etree
import pytest

from custom_components.onvif_proxy.model import AudioDecoding, Channel, Loudspeaker

from .conftest import Client, make_description
from .envelopes import NS
from .media_requests import H265, NO_CONFIG, configuration_token, facts, make_channel, profile_token

LOUDSPEAKER = Loudspeaker(
    takes=(
        AudioDecoding(codec="G711", bit_rates=(64,), sample_rates=(8,)),
        AudioDecoding(codec="AAC", bit_rates=(32, 64), sample_rates=(16, 48)),
    ),
    level=80,
)
OTHER = Loudspeaker(takes=(AudioDecoding(codec="G726"),))
NOT_SUPPORTED = (500, ["env:Receiver", "ter:ActionNotSupported"])

type Valid = Callable[[etree._Element], None]


def talking(channel: Channel, *, main: Loudspeaker | None = LOUDSPEAKER, sub: Loudspeaker | None = None) -> Channel:
    assert channel.sub is not None
    return replace(channel, main=replace(channel.main, loudspeaker=main), sub=replace(channel.sub, loudspeaker=sub))


@pytest.fixture
def talked_to(client: Client) -> Client:
    """Return a client of a camera whose main stream has a loudspeaker, and that offers Media2."""
    client.server.update(replace(make_description(channel=talking(make_channel(main=H265))), media2=True))
    return client


def show(client: Client, channel: Channel) -> None:
    client.server.update(replace(make_description(channel=channel), media2=True))


class TestMedia:
    """ver10."""

    async def test_it_is_in_the_extension_of_the_profile(self, client: Client, assert_valid: Valid) -> None:
        show(client, talking(make_channel()))
        reply = await client.ask("trt:GetProfiles")
        assert_valid(reply.response)
        main, sub = reply.response
        output = main.find("tt:Extension/tt:AudioOutputConfiguration", NS)
        decoder = main.find("tt:Extension/tt:AudioDecoderConfiguration", NS)
        assert output is not None and decoder is not None
        assert (output.get("token"), decoder.get("token")) == ("AudioOutputConfiguration_1", "AudioDecoder_main")
        assert facts(output) == {
            "Name": "AudioOutputConfiguration_1",
            "UseCount": "1",
            "OutputToken": "AudioOutput_1",
            "OutputLevel": "80",
        }
        assert facts(decoder) == {"Name": "AudioDecoder_main", "UseCount": "1"}
        assert sub.find("tt:Extension", NS) is None

    async def test_both_streams_share_the_output(self, client: Client, assert_valid: Valid) -> None:
        show(client, talking(make_channel(), sub=OTHER))
        outputs = (await client.ask("trt:GetAudioOutputConfigurations")).response
        decoders = (await client.ask("trt:GetAudioDecoderConfigurations")).response
        for response in (outputs, decoders):
            assert_valid(response)
        assert [(one.get("token"), facts(one)["UseCount"]) for one in outputs] == [("AudioOutputConfiguration_1", "2")]
        assert [one.get("token") for one in decoders] == ["AudioDecoder_main", "AudioDecoder_sub"]

    async def test_the_output(self, talked_to: Client, assert_valid: Valid) -> None:
        outputs = (await talked_to.ask("trt:GetAudioOutputs")).response
        assert_valid(outputs)
        assert [one.get("token") for one in outputs] == ["AudioOutput_1"]
        options = (await talked_to.ask("trt:GetAudioOutputConfigurationOptions")).response
        assert_valid(options)
        assert facts(options) == {
            "Options/OutputTokensAvailable": "AudioOutput_1",
            "Options/OutputLevelRange/Min": "80",
            "Options/OutputLevelRange/Max": "80",
        }

    async def test_what_it_takes(self, talked_to: Client, assert_valid: Valid) -> None:
        for content in ("", configuration_token("AudioDecoder_main"), profile_token("main")):
            options = (await talked_to.ask("trt:GetAudioDecoderConfigurationOptions", content)).response
            assert_valid(options)
            for codec, bit_rates, sample_rates in (("AAC", ["32", "64"], ["16", "48"]), ("G711", ["64"], ["8"])):
                told = options.find(f"trt:Options/tt:{codec}DecOptions", NS)
                assert told is not None
                assert [item.text for item in told.iterfind("tt:Bitrate/tt:Items", NS)] == bit_rates
                assert [item.text for item in told.iterfind("tt:SampleRateRange/tt:Items", NS)] == sample_rates
            assert options.find(".//tt:G726DecOptions", NS) is None

    async def test_a_recorder_that_is_silent_of_rates(self, client: Client, assert_valid: Valid) -> None:
        show(client, talking(make_channel(), main=OTHER))
        assert_valid((await client.ask("trt:GetAudioDecoderConfigurationOptions")).response)
        assert_valid((await client.ask("tr2:GetAudioDecoderConfigurationOptions")).response)
        assert (await client.ask("trt:GetAudioOutputConfigurations")).text(".//tt:OutputLevel") == "50"

    @pytest.mark.parametrize(
        ("kind", "token"), [("AudioOutput", "AudioOutputConfiguration_1"), ("AudioDecoder", "AudioDecoder_main")]
    )
    async def test_one_and_compatible_ones(self, talked_to: Client, kind: str, token: str, assert_valid: Valid) -> None:
        one = (await talked_to.ask(f"trt:Get{kind}Configuration", configuration_token(token))).response
        assert_valid(one)
        assert one[0].get("token") == token
        compatible = await talked_to.ask(f"trt:GetCompatible{kind}Configurations", profile_token("main"))
        assert_valid(compatible.response)
        assert [each.get("token") for each in compatible.response] == [token]
        silent = await talked_to.ask(f"trt:GetCompatible{kind}Configurations", profile_token("sub"))
        assert len(silent.response) == 0
        assert (await talked_to.ask(f"trt:Get{kind}Configuration", configuration_token("other"))).fault == NO_CONFIG
        added = profile_token("main") + configuration_token(token)
        assert_valid((await talked_to.ask(f"trt:Add{kind}Configuration", added)).response)
        options = await talked_to.ask(f"trt:Get{kind}ConfigurationOptions", profile_token("sub"))
        assert options.fault == NOT_SUPPORTED


class TestMedia2:
    """ver20."""

    async def test_it_is_in_the_profile_and_among_the_capabilities(
        self, talked_to: Client, assert_valid: Valid
    ) -> None:
        reply = await talked_to.ask(
            "tr2:GetProfiles", "<tr2:Type>AudioOutput</tr2:Type><tr2:Type>AudioDecoder</tr2:Type>"
        )
        assert_valid(reply.response)
        main, sub = reply.response
        assert [child.get("token") for child in main.find("tr2:Configurations", NS)] == [
            "AudioOutputConfiguration_1",
            "AudioDecoder_main",
        ]
        assert len(sub.find("tr2:Configurations", NS)) == 0
        capabilities = (await talked_to.ask("tr2:GetServiceCapabilities")).response
        profiles = capabilities.find(".//tr2:ProfileCapabilities", NS)
        assert profiles is not None
        assert {"AudioOutput", "AudioDecoder"} <= set((profiles.get("ConfigurationsSupported") or "").split())

    async def test_what_it_takes_is_said_by_media_type(self, talked_to: Client, assert_valid: Valid) -> None:
        reply = await talked_to.ask("tr2:GetAudioDecoderConfigurationOptions")
        assert_valid(reply.response)
        assert reply.texts(".//tt:Encoding") == ["PCMU", "MP4A-LATM"]
        assert reply.texts(".//tt:BitrateList/tt:Items") == ["64", "32", "64"]
        assert reply.texts(".//tt:SampleRateList/tt:Items") == ["8", "16", "48"]

    @pytest.mark.parametrize(
        ("kind", "token"), [("AudioOutput", "AudioOutputConfiguration_1"), ("AudioDecoder", "AudioDecoder_main")]
    )
    async def test_configurations(self, talked_to: Client, kind: str, token: str, assert_valid: Valid) -> None:
        reply = await talked_to.ask(f"tr2:Get{kind}Configurations")
        assert_valid(reply.response)
        assert [one.get("token") for one in reply.response] == [token]


async def test_device_io_counts_and_names_it(talked_to: Client, assert_valid: Valid) -> None:
    reply = await talked_to.ask("tmd:GetAudioOutputs")
    assert_valid(reply.response)
    assert reply.texts("tmd:Token") == ["AudioOutput_1"]
    assert (await talked_to.ask("tmd:GetServiceCapabilities")).response[0].get("AudioOutputs") == "1"
    legacy = await talked_to.ask("tds:GetCapabilities")
    assert legacy.text(".//tt:DeviceIO/tt:AudioOutputs") == "1"
