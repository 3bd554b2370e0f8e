"""Every answer of every vendor is valid by ONVIF's schemas, but for what recorders in the field get wrong on purpose."""

from pathlib import Path

from lxml import etree
import pytest

from tests.responder.schemas import load_schema
from tests.simulated_nvr import SimulatedRecorder
from tests.simulated_nvr.vendors import VENDORS

from .clients import ENVELOPE, Answer, call, post, username_token
from .conftest import Recorders


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> etree.XMLSchema:
    """ONVIF's schemas."""
    folder: Path = tmp_path_factory.mktemp("schemas")
    return load_schema(folder)


def _requests(recorder: SimulatedRecorder) -> list[tuple[str, str]]:
    """Return services and requests: all that only read, and one of each sort of answer to what acts."""
    channel = recorder.channels.channel(1)
    main, vendor = channel.streams[0], recorder.channels.vendor
    setup = (
        "<trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
        "</trt:StreamSetup>"
    )
    profile = f"ProfileToken>{main.profile_token}</"
    source = f"<timg:VideoSourceToken>{channel.source_token}</timg:VideoSourceToken>"
    ptz_profile = f"<tptz:{profile}tptz:ProfileToken>"
    by_prefix = {
        ("device", "tds"): {
            "GetSystemDateAndTime": "",
            "GetServices": "",
            "GetCapabilities": "",
            "GetServiceCapabilities": "",
            "GetDeviceInformation": "",
            "GetScopes": "",
            "GetHostname": "",
            "GetNetworkInterfaces": "",
            "GetNetworkProtocols": "",
            "GetDiscoveryMode": "",
            "GetEndpointReference": "",
            "GetWsdlUrl": "",
            "GetUsers": "",
            "GetRelayOutputs": "",
            "SetRelayOutputState": "<tds:RelayOutputToken>AlarmOut_1</tds:RelayOutputToken>"
            "<tds:LogicalState>active</tds:LogicalState>",
        },
        ("media", "trt"): {
            "GetServiceCapabilities": "",
            "GetProfiles": "",
            "GetVideoSources": "",
            "GetVideoSourceConfigurations": "",
            "GetVideoEncoderConfigurations": "",
            "GetVideoEncoderConfigurationOptions": "",
            "GetAudioSources": "",
            "GetAudioSourceConfigurations": "",
            "GetAudioEncoderConfigurations": "",
            "GetAudioEncoderConfigurationOptions": "",
            "GetAudioOutputs": "",
            "GetAudioOutputConfigurations": "",
            "GetAudioDecoderConfigurations": "",
            "GetAudioDecoderConfigurationOptions": "",
            "GetStreamUri": f"{setup}<trt:{profile}trt:ProfileToken>",
            "GetSnapshotUri": f"<trt:{profile}trt:ProfileToken>",
        },
        ("media2", "tr2"): {
            "GetServiceCapabilities": "",
            "GetProfiles": "<tr2:Type>All</tr2:Type>",
            "GetVideoSourceConfigurations": "",
            "GetVideoEncoderConfigurations": "",
            "GetVideoEncoderConfigurationOptions": "",
            "GetAudioEncoderConfigurations": "",
            "GetStreamUri": f"<tr2:Protocol>RTSP</tr2:Protocol><tr2:{profile}tr2:ProfileToken>",
        },
        ("events", "tev"): {"GetServiceCapabilities": "", "GetEventProperties": "", "CreatePullPointSubscription": ""},
        ("ptz", "tptz"): {
            "GetServiceCapabilities": "",
            "GetNodes": "",
            "GetNode": f"<tptz:NodeToken>{vendor.ptz.node_token(1)}</tptz:NodeToken>",
            "GetConfigurations": "",
            "GetConfiguration": f"<tptz:PTZConfigurationToken>{vendor.ptz.token(1)}</tptz:PTZConfigurationToken>",
            "GetConfigurationOptions": f"<tptz:ConfigurationToken>{vendor.ptz.token(1)}</tptz:ConfigurationToken>",
            "GetCompatibleConfigurations": ptz_profile,
            "GetStatus": ptz_profile,
            "GetPresets": ptz_profile,
            "SetPreset": ptz_profile,
            "Stop": ptz_profile,
        },
        ("imaging", "timg"): {
            "GetServiceCapabilities": "",
            "GetImagingSettings": source,
            "SetImagingSettings": source,
            "GetOptions": source,
            "GetMoveOptions": source,
            "Stop": source,
            "GetStatus": source,
        },
        ("device_io", "tmd"): {
            "GetServiceCapabilities": "",
            "GetVideoSources": "",
            "GetAudioSources": "",
            "GetDigitalInputs": "",
        },
    }
    return [
        (service, f"<{prefix}:{name}>{inner}</{prefix}:{name}>")
        for (service, prefix), operations in by_prefix.items()
        for name, inner in operations.items()
    ]


def _complaints(schema: etree.XMLSchema, answer: Answer) -> list[str]:
    body = etree.fromstring(answer.body).find("{*}Body")
    assert body is not None
    # As a document of its own, with the prefixes that stood around it.
    if schema.validate(etree.ElementTree(etree.fromstring(etree.tostring(body[0])))):
        return []
    return [f"{error.message}" for error in schema.error_log]


@pytest.mark.parametrize("vendor", VENDORS)
async def test_answers_are_valid(start_recorder: Recorders, schema, vendor) -> None:
    recorder = await start_recorder(vendor=vendor, channels=2, loudspeakers=(1,))
    wrong = {}
    for service, request in _requests(recorder):
        answer = await call(recorder, service, request)
        assert answer.status == 200, request
        if complaints := _complaints(schema, answer):
            wrong[request] = complaints
    assert wrong == {}


@pytest.mark.parametrize("vendor", VENDORS)
async def test_notifications_are_valid(start_recorder: Recorders, schema, vendor) -> None:
    recorder = await start_recorder(vendor=vendor, channels=1)
    created = await call(recorder, "events", "<tev:CreatePullPointSubscription/>")
    for kind in recorder.event_kinds:
        recorder.set_event(1, kind, active=True)
    pull = (
        "<tev:PullMessages><tev:Timeout>PT1S</tev:Timeout><tev:MessageLimit>100</tev:MessageLimit></tev:PullMessages>"
    )
    address = etree.fromstring(created.body).findtext(".//{*}Address") or ""
    security = username_token(recorder.options.username, recorder.options.password)
    pulled = await post(address, ENVELOPE.format(security, pull))
    assert "Changed" in pulled.text
    assert _complaints(schema, pulled) == []


async def test_h265_is_what_media1_has_no_word_for(start_recorder: Recorders, schema) -> None:
    recorder = await start_recorder(channels=1, codecs={1: "H265"})
    complaints = _complaints(schema, await call(recorder, "media", "<trt:GetProfiles/>"))
    assert complaints
    assert all("H265" in complaint for complaint in complaints)
