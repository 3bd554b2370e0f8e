"""Media2: what the recorder says of its streams there."""

from lxml import etree
import pytest

from .clients import Answer, call
from .conftest import Recorders


def _texts(answer: Answer, path: str) -> list[str | None]:
    assert answer.status == 200
    return [element.text for element in etree.fromstring(answer.body).iterfind(f".//{path}")]


async def test_encoders_are_told_by_configuration_or_profile(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=2, codecs={2: "H265"})
    operation = "tr2:GetVideoEncoderConfigurations"
    everything = await call(recorder, "media2", f"<{operation}/>")
    assert _texts(everything, "{*}Encoding") == ["H264", "H265", "H264", "H264"]
    assert _texts(everything, "{*}Width") == ["320", "320", "160", "160"]
    for argument in (
        "<tr2:ConfigurationToken>VideoEncoderToken_201</tr2:ConfigurationToken>",
        "<tr2:ProfileToken>ProfileToken002</tr2:ProfileToken>",
    ):
        one = await call(recorder, "media2", f"<{operation}>{argument}</{operation}>")
        assert _texts(one, "{*}Encoding") == ["H265"]
        [encoder] = etree.fromstring(one.body).iterfind(".//{*}Configurations")
        assert encoder.get("GovLength") == "15"


async def test_options_are_those_of_the_stream(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=1)
    operation = "tr2:GetVideoEncoderConfigurationOptions"
    argument = "<tr2:ConfigurationToken>VideoEncoderToken_102</tr2:ConfigurationToken>"
    answer = await call(recorder, "media2", f"<{operation}>{argument}</{operation}>")
    assert _texts(answer, "{*}ResolutionsAvailable/{*}Width") == ["160"]


@pytest.mark.parametrize(("audio", "encodings"), [("G711", ["PCMU"] * 2), ("AAC", ["MP4A-LATM"] * 2), (None, [])])
async def test_sound_has_its_media_type_for_a_name(start_recorder: Recorders, audio, encodings) -> None:
    recorder = await start_recorder(channels=1, audio=audio)
    answer = await call(recorder, "media2", "<tr2:GetAudioEncoderConfigurations/>")
    assert _texts(answer, "{*}Encoding") == encodings
    profiles = await call(recorder, "media2", "<tr2:GetProfiles><tr2:Type>AudioEncoder</tr2:Type></tr2:GetProfiles>")
    assert _texts(profiles, "{*}AudioEncoder/{*}Encoding") == encodings


async def test_sources_and_snapshots(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=2)
    sources = await call(recorder, "media2", "<tr2:GetVideoSourceConfigurations/>")
    assert _texts(sources, "{*}SourceToken") == ["VideoSourceToken001", "VideoSourceToken002"]
    operation = "<tr2:GetSnapshotUri><tr2:ProfileToken>ProfileToken002</tr2:ProfileToken></tr2:GetSnapshotUri>"
    assert _texts(await call(recorder, "media2", operation), "{*}Uri") == [recorder.snapshot_uri(2)]
    assert (await call(recorder, "media2", "<tr2:GetServiceCapabilities/>", security="")).status == 200


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("GetStreamUri", {"Protocol": "RtspUnicast", "ProfileToken": "x"}),
        ("GetStreamUri", {"Protocol": "RtspMulticast", "ProfileToken": "ProfileToken001"}),
        ("GetProfiles", {"Token": "x"}),
        ("GetVideoEncoderConfigurations", {"ConfigurationToken": "x"}),
    ],
)
async def test_unknown_tokens_are_the_senders_fault(start_recorder: Recorders, operation, arguments) -> None:
    recorder = await start_recorder(channels=1)
    inner = "".join(f"<tr2:{name}>{value}</tr2:{name}>" for name, value in arguments.items())
    answer = await call(recorder, "media2", f"<tr2:{operation}>{inner}</tr2:{operation}>")
    assert (answer.status, "ter:InvalidArgVal" in answer.text) == (400, True)
