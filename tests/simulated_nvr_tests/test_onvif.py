"""ONVIF as clients see it: every vendor's tokens, credentials, clocks and addresses."""

import base64
from datetime import UTC, datetime, timedelta
import hashlib
import re

import aiohttp
from lxml import etree
from onvif.exceptions import ONVIFError
import pytest
from zeep.exceptions import Fault

from tests.simulated_nvr import SimulatedRecorder
from tests.simulated_nvr.vendors import VENDORS

from .clients import ENVELOPE, NAMESPACES, call, get, onvif_camera, post, unknown_elements, username_token
from .conftest import Recorders

TOKENS = {
    "hikvision": (
        ["ProfileToken001", "ProfileToken003", "ProfileToken009", "ProfileToken011"],
        ["VideoSourceToken001", "VideoSourceToken003", "VideoSourceToken001", "VideoSourceToken003"],
        "/Streaming/Channels/301?transportmode=unicast&profile=ProfileToken003",
    ),
    "dahua": (
        ["MediaProfile00000", "MediaProfile00001", "MediaProfile00200", "MediaProfile00201"],
        ["00000", "00000", "00200", "00200"],
        "/cam/realmonitor?channel=3&subtype=0&unicast=true&proto=Onvif",
    ),
    "reolink": (["000", "001", "006", "007"], ["000", "000", "002", "002"], "/Preview_03_main"),
    "uniview": (
        ["token:17/0/0/1/1/s0", "token:17/0/0/1/1/s1", "token:17/0/2/1/3/s0", "token:17/0/2/1/3/s1"],
        ["00100", "00100", "00300", "00300"],
        "/unicast/c3/s0/live",
    ),
}


@pytest.mark.parametrize("vendor", VENDORS)
async def test_zeep_reads_every_profile_with_the_vendors_tokens(start_recorder: Recorders, vendor) -> None:
    recorder = await start_recorder(vendor=vendor, channels=2, gaps=(2,))
    tokens, sources, path = TOKENS[vendor]
    async with onvif_camera(recorder) as camera:
        media = await camera.create_media_service()
        profiles = await media.GetProfiles()
        assert [profile.token for profile in profiles] == tokens
        assert [profile.VideoSourceConfiguration.SourceToken for profile in profiles] == sources
        mains = [profile for profile in profiles if profile.VideoEncoderConfiguration.Resolution.Width == 320]
        assert len(mains) == 2
        assert {profile.VideoEncoderConfiguration.Encoding for profile in profiles} == {"H264"}
        assert {profile.AudioEncoderConfiguration.Encoding for profile in profiles} == {"G711"}
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        answer = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": mains[1].token})
        assert answer.Uri == f"rtsp://127.0.0.1:{recorder.rtsp_port}{path}"
        snapshot = await camera.get_snapshot(mains[1].token)
    assert snapshot is not None
    assert snapshot.startswith(b"\xff\xd8")
    assert recorder.authentication_failures.total() == 0


async def test_a_unit_that_counts_its_sockets_lists_sources_without_camera(start_recorder: Recorders) -> None:
    recorder = await start_recorder(vendor="uniview", channels=2, gaps=(2,))
    async with onvif_camera(recorder) as camera:
        media = await camera.create_media_service()
        assert [source.token for source in await media.GetVideoSources()] == ["00100", "00200", "00300"]


async def test_who_it_is(start_recorder: Recorders) -> None:
    recorder = await start_recorder(mac="02:00:00:00:00:2a")
    async with onvif_camera(recorder) as camera:
        device = await camera.create_devicemgmt_service()
        information = await device.GetDeviceInformation()
        interfaces = await device.GetNetworkInterfaces()
        scopes = [scope.ScopeItem for scope in await device.GetScopes()]
        hostname = await device.GetHostname()
    # Hikvision's recorders do not say Hikvision.
    assert information.Manufacturer == "NETWORK"
    assert information.SerialNumber == recorder.serial_number
    assert interfaces[0].Info.HwAddress == "02:00:00:00:00:2a"
    assert "onvif://www.onvif.org/Profile/Streaming" in scopes
    assert hostname.Name == "hikvision-nvr"


async def test_two_recorders_differ(start_recorder: Recorders) -> None:
    one = await start_recorder(mac="02:00:00:00:00:01")
    two = await start_recorder(mac="02:00:00:00:00:02")
    assert one.serial_number != two.serial_number
    assert one.uuid != two.uuid


MEDIA_OPERATIONS = {
    "GetServiceCapabilities": {},
    "GetVideoSources": {},
    "GetVideoSourceConfigurations": {},
    "GetVideoSourceConfiguration": {"ConfigurationToken": "VideoSourceConfigurationToken001"},
    "GetVideoEncoderConfigurations": {},
    "GetVideoEncoderConfiguration": {"ConfigurationToken": "VideoEncoderToken_101"},
    "GetVideoEncoderConfigurationOptions": {"ConfigurationToken": "VideoEncoderToken_102"},
    "GetAudioSources": {},
    "GetAudioSourceConfigurations": {},
    "GetAudioEncoderConfigurations": {},
    "GetAudioEncoderConfiguration": {"ConfigurationToken": "AVideoEncoderToken_101"},
    "GetAudioEncoderConfigurationOptions": {},
    "GetProfile": {"ProfileToken": "ProfileToken001"},
}


@pytest.mark.parametrize("audio", ["G711", "AAC", None])
async def test_every_media_answer_has_the_shape_of_its_schema(start_recorder: Recorders, audio) -> None:
    recorder = await start_recorder(channels=2, audio=audio)
    async with onvif_camera(recorder) as camera:
        media = await camera.create_media_service()
        for operation, arguments in MEDIA_OPERATIONS.items():
            if audio is None and operation == "GetAudioEncoderConfiguration":
                continue
            answer = await getattr(media, operation)(arguments or None)
            assert not unknown_elements(answer), operation
        audio_sources = await media.GetAudioSources()
    assert len(audio_sources) == (2 if audio else 0)


async def test_device_answers_have_the_shape_of_their_schema(recorder: SimulatedRecorder) -> None:
    async with onvif_camera(recorder) as camera:
        device = await camera.create_devicemgmt_service()
        answers = {
            "GetCapabilities": await device.GetCapabilities({"Category": "All"}),
            "GetServices": await device.GetServices({"IncludeCapability": False}),
        }
        for operation in (
            "GetServiceCapabilities",
            "GetSystemDateAndTime",
            "GetNetworkInterfaces",
            "GetNetworkProtocols",
            "GetDiscoveryMode",
            "GetEndpointReference",
            "GetWsdlUrl",
            "GetUsers",
        ):
            answers[operation] = await getattr(device, operation)()
    for operation, answer in answers.items():
        assert answer is not None, operation
        assert not unknown_elements(answer), operation
    assert answers["GetCapabilities"].Media.XAddr == f"http://127.0.0.1:{recorder.port}/onvif/Media"
    assert {service.Namespace for service in answers["GetServices"]} >= {"http://www.onvif.org/ver20/media/wsdl"}


@pytest.mark.parametrize("vendor", VENDORS)
async def test_capabilities_and_services_name_the_same_addresses(start_recorder: Recorders, vendor) -> None:
    recorder = await start_recorder(vendor=vendor)
    services = etree.fromstring((await call(recorder, "device", "<tds:GetServices/>")).body)
    listed = {service.findtext("{*}Namespace"): service.findtext("{*}XAddr") for service in services.iter("{*}Service")}
    capabilities = etree.fromstring((await call(recorder, "device", "<tds:GetCapabilities/>")).body)
    said = {
        "tds": "Device",
        "tev": "Events",
        "timg": "Imaging",
        "trt": "Media",
        "tptz": "PTZ",
        "tmd": "Extension/{*}DeviceIO",
    }
    # Media2 came after GetCapabilities.
    assert listed.pop(NAMESPACES["tr2"])
    assert listed == {
        NAMESPACES[prefix]: capabilities.findtext(f".//{{*}}Capabilities/{{*}}{name}/{{*}}XAddr")
        for prefix, name in said.items()
    }


@pytest.mark.parametrize(("missing", "prefix"), [({"ptz": ()}, "tptz"), ({"imaging": False}, "timg")])
async def test_services_can_be_missing(start_recorder: Recorders, missing, prefix) -> None:
    recorder = await start_recorder(**missing)
    async with onvif_camera(recorder) as camera:
        device = await camera.create_devicemgmt_service()
        namespaces = {service.Namespace for service in await device.GetServices({"IncludeCapability": False})}
        capabilities = await device.GetCapabilities({"Category": "All"})
    assert NAMESPACES[prefix] not in namespaces
    assert (capabilities.PTZ if prefix == "tptz" else capabilities.Imaging) is None
    answer = await call(recorder, {"tptz": "ptz", "timg": "imaging"}[prefix], f"<{prefix}:GetStatus/>")
    assert "ter:ActionNotSupported" in answer.text


async def test_h265_is_said_in_media1_as_hikvision_does(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=2, codecs={2: "H265"})
    async with onvif_camera(recorder) as camera:
        media = await camera.create_media_service()
        encodings = [profile.VideoEncoderConfiguration.Encoding for profile in await media.GetProfiles()]
    assert encodings == ["H264", "H265", "H264", "H264"]


async def test_h265_is_hidden_in_media1_as_dahua_does(start_recorder: Recorders) -> None:
    recorder = await start_recorder(vendor="dahua", channels=1, codecs={1: "H265"}, media1_hides_h265=True)
    async with onvif_camera(recorder) as camera:
        media = await camera.create_media_service()
        main, sub = await media.GetProfiles()
    assert main.VideoEncoderConfiguration.Encoding is None
    assert main.VideoEncoderConfiguration.Resolution is None
    assert sub.VideoEncoderConfiguration is None
    answer = await call(recorder, "media2", "<tr2:GetProfiles><tr2:Type>All</tr2:Type></tr2:GetProfiles>")
    root = etree.fromstring(answer.body)
    assert [one.text for one in root.findall(".//{*}VideoEncoder/{*}Encoding")] == ["H265", "H264"]


async def test_media2_gives_only_the_configurations_that_are_asked_for(recorder: SimulatedRecorder) -> None:
    bare = await call(recorder, "media2", "<tr2:GetProfiles/>")
    assert "Configurations" not in bare.text
    video = await call(recorder, "media2", "<tr2:GetProfiles><tr2:Type>VideoEncoder</tr2:Type></tr2:GetProfiles>")
    assert "<tr2:VideoEncoder " in video.text
    assert "<tr2:VideoSource " not in video.text
    uri = await call(
        recorder,
        "media2",
        "<tr2:GetStreamUri><tr2:Protocol>RtspUnicast</tr2:Protocol><tr2:ProfileToken>ProfileToken001</tr2:ProfileToken>"
        "</tr2:GetStreamUri>",
    )
    assert recorder.stream_uri(1).replace("&", "&amp;") in uri.text
    assert recorder.requests["Media2.GetProfiles"] == 2
    assert recorder.requests["GetProfiles"] == 0


async def test_media2_can_be_missing(start_recorder: Recorders) -> None:
    recorder = await start_recorder(media2=False)
    assert "ver20/media" not in (await call(recorder, "device", "<tds:GetServices/>")).text.partition("Body")[2]
    answer = await call(recorder, "media2", "<tr2:GetProfiles/>")
    assert (answer.status, "ter:ActionNotSupported" in answer.text) == (500, True)


async def test_a_wrong_address_is_in_every_uri(start_recorder: Recorders) -> None:
    recorder = await start_recorder(wrong_xaddr="192.0.2.10:8899")
    services = await call(recorder, "device", "<tds:GetServices/>")
    assert "http://192.0.2.10:8899/onvif/Media<" in services.text
    assert "127.0.0.1" not in services.text
    snapshot = await call(
        recorder,
        "media",
        "<trt:GetSnapshotUri><trt:ProfileToken>ProfileToken001</trt:ProfileToken></trt:GetSnapshotUri>",
    )
    assert "http://192.0.2.10:8899/onvif-http/snapshot" in snapshot.text
    stream = await call(
        recorder,
        "media",
        "<trt:GetStreamUri><trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol>"
        "</tt:Transport></trt:StreamSetup><trt:ProfileToken>ProfileToken001</trt:ProfileToken></trt:GetStreamUri>",
    )
    assert f"rtsp://192.0.2.10:{recorder.rtsp_port}/Streaming/" in stream.text


async def test_a_wrong_password_is_refused(recorder: SimulatedRecorder) -> None:
    async with onvif_camera(recorder, password="wrong") as camera:
        media = await camera.create_media_service()
        with pytest.raises((Fault, ONVIFError), match="not Authorized"):
            await media.GetProfiles()
    assert recorder.authentication_failures == {"onvif": 1}


async def test_without_credentials_a_challenge_comes(recorder: SimulatedRecorder) -> None:
    answer = await call(recorder, "media", "<trt:GetProfiles/>", security="")
    assert answer.status == 401
    challenges = answer.headers.getall("WWW-Authenticate")
    assert [challenge.startswith("Digest realm=") for challenge in challenges] == [True, True]
    assert "algorithm=MD5" in challenges[0]
    assert recorder.authentication_failures.total() == 0


@pytest.mark.parametrize("operation", ["GetSystemDateAndTime", "GetServices", "GetCapabilities", "GetHostname"])
async def test_what_is_needed_before_login_is_open(recorder: SimulatedRecorder, operation) -> None:
    assert (await call(recorder, "device", f"<tds:{operation}/>", security="")).status == 200


@pytest.mark.parametrize(
    ("service", "prefix"),
    [
        ("device", "tds"),
        ("media", "trt"),
        ("media2", "tr2"),
        ("events", "tev"),
        ("ptz", "tptz"),
        ("imaging", "timg"),
        ("device_io", "tmd"),
    ],
)
async def test_everything_else_is_closed(recorder: SimulatedRecorder, service, prefix) -> None:
    assert (await call(recorder, service, f"<{prefix}:GetAnything/>", security="")).status == 401


async def test_http_digest_is_taken_instead_of_a_token(recorder: SimulatedRecorder) -> None:
    options = recorder.options
    digest = aiohttp.DigestAuthMiddleware(options.username, options.password)
    body = ENVELOPE.format("", "<tds:GetDeviceInformation/>")
    async with (
        aiohttp.ClientSession(middlewares=(digest,)) as session,
        session.post(recorder.url, data=body) as response,
    ):
        assert response.status == 200
        assert recorder.serial_number in await response.text()


async def test_both_credentials_must_be_right_when_both_are_given(recorder: SimulatedRecorder) -> None:
    options = recorder.options
    digest = aiohttp.DigestAuthMiddleware(options.username, options.password)
    body = ENVELOPE.format(username_token(options.username, "wrong"), "<tds:GetDeviceInformation/>")
    async with (
        aiohttp.ClientSession(middlewares=(digest,)) as session,
        session.post(recorder.url, data=body) as response,
    ):
        assert response.status != 200


async def test_a_token_can_be_used_once(recorder: SimulatedRecorder) -> None:
    security = username_token(recorder.options.username, recorder.options.password)
    first = await call(recorder, "device", "<tds:GetScopes/>", security=security)
    second = await call(recorder, "device", "<tds:GetScopes/>", security=security)
    assert (first.status, second.status) == (200, 400)
    assert "ter:NotAuthorized" in second.text


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_an_old_or_early_token_is_refused(recorder: SimulatedRecorder, minutes) -> None:
    created = datetime.now(UTC) + timedelta(minutes=minutes)
    security = username_token(recorder.options.username, recorder.options.password, created=created)
    assert (await call(recorder, "device", "<tds:GetScopes/>", security=security)).status == 400


async def test_a_password_in_clear_is_refused(recorder: SimulatedRecorder) -> None:
    security = username_token(recorder.options.username, recorder.options.password).replace(
        "#PasswordDigest", "#PasswordText"
    )
    assert (await call(recorder, "device", "<tds:GetScopes/>", security=security)).status == 400


async def test_a_wrong_clock_refuses_those_who_do_not_ask_the_time(start_recorder: Recorders) -> None:
    recorder = await start_recorder(clock_offset=timedelta(hours=-3))
    async with onvif_camera(recorder) as camera:
        media = await camera.create_media_service()
        with pytest.raises((Fault, ONVIFError), match="not Authorized"):
            await media.GetProfiles()


async def test_a_wrong_clock_is_no_hindrance_for_those_who_ask(start_recorder: Recorders) -> None:
    recorder = await start_recorder(clock_offset=timedelta(hours=-3))
    async with onvif_camera(recorder, adjust_time=True) as camera:
        media = await camera.create_media_service()
        assert len(await media.GetProfiles()) == 8


async def test_an_unknown_operation_is_not_supported(recorder: SimulatedRecorder) -> None:
    answer = await call(recorder, "device", "<tds:SystemReboot/>")
    assert answer.status == 500
    assert answer.headers["Content-Type"].startswith("application/soap+xml")
    root = etree.fromstring(answer.body)
    assert [value.text for value in root.iter("{*}Value")] == ["env:Receiver", "ter:ActionNotSupported"]
    assert root.find(".//{*}Fault").nsmap["ter"] == "http://www.onvif.org/ver10/error"


async def test_an_operation_at_the_wrong_service_is_not_supported(recorder: SimulatedRecorder) -> None:
    assert (await call(recorder, "device", "<trt:GetProfiles/>")).status == 500


_GET_ENCODER = "GetVideoEncoderConfiguration"
_MULTICAST = (
    "<trt:StreamSetup><tt:Stream>RTP-Multicast</tt:Stream></trt:StreamSetup>"
    "<trt:ProfileToken>ProfileToken001</trt:ProfileToken>"
)


@pytest.mark.parametrize(
    ("operation", "subcode"),
    [
        ("<trt:GetProfile><trt:ProfileToken>none</trt:ProfileToken></trt:GetProfile>", "ter:NoProfile"),
        ("<trt:GetSnapshotUri/>", "ter:NoProfile"),
        (
            f"<trt:{_GET_ENCODER}><trt:ConfigurationToken>x</trt:ConfigurationToken></trt:{_GET_ENCODER}>",
            "ter:NoConfig",
        ),
        (f"<trt:GetStreamUri>{_MULTICAST}</trt:GetStreamUri>", "ter:InvalidStreamSetup"),
    ],
)
async def test_unknown_tokens_and_bad_values_are_the_senders_fault(
    recorder: SimulatedRecorder, operation, subcode
) -> None:
    answer = await call(recorder, "media", operation)
    assert (answer.status, subcode in answer.text) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        ENVELOPE.format("", "").encode(),
        b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><a/></Body></Envelope>',
    ],
)
async def test_nonsense_is_the_senders_fault(recorder: SimulatedRecorder, body) -> None:
    answer = await post(recorder.url, body)
    assert answer.status == 400
    assert etree.fromstring(answer.body).find(".//{*}Fault") is not None


async def test_snapshots_want_http_digest(recorder: SimulatedRecorder) -> None:
    url = recorder.snapshot_uri(2)
    right = await get(url, recorder.options.username, recorder.options.password)
    assert (right.status, right.headers["Content-Type"]) == (200, "image/jpeg")
    assert right.body.startswith(b"\xff\xd8")
    assert right.body.endswith(b"\xff\xd9")
    wrong = await get(url, recorder.options.username, "wrong")
    assert wrong.status == 401
    assert recorder.authentication_failures["snapshot"] >= 1


async def test_a_digest_with_sha256_is_taken(recorder: SimulatedRecorder) -> None:
    url = recorder.snapshot_uri(1)
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as asked:
            _, challenge = asked.headers.getall("WWW-Authenticate")
        assert "algorithm=SHA-256" in challenge
        given = dict(re.findall(r'(\w+)="?([^",]+)', challenge))

        def digest(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        options, path = recorder.options, url.partition(str(recorder.port))[2]
        secret = digest(f"{options.username}:{given['realm']}:{options.password}")
        response = digest(f"{secret}:{given['nonce']}:00000001:c:auth:{digest(f'GET:{path}')}")
        header = (
            f'Digest username="{options.username}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{path}", '
            f'algorithm=SHA-256, qop=auth, nc=00000001, cnonce="c", response="{response}"'
        )
        for status in (200, 401):
            # The second time the count has not risen.
            async with session.get(url, headers={"Authorization": header}) as answer:
                assert answer.status == status
                assert ("stale=true" in answer.headers.get("WWW-Authenticate", "")) == (status == 401)


async def test_basic_authentication_is_not_enough(recorder: SimulatedRecorder) -> None:
    pair = base64.b64encode(f"{recorder.options.username}:{recorder.options.password}".encode()).decode()
    async with aiohttp.ClientSession() as session:
        for url in (recorder.snapshot_uri(1), recorder.snapshot_uri(1).replace("ProfileToken001", "nothing")):
            async with session.get(url, headers={"Authorization": f"Basic {pair}"}) as response:
                assert response.status == (401 if url.endswith("ProfileToken001") else 404)


async def test_a_slow_unit_delays_every_answer(start_recorder: Recorders) -> None:
    recorder = await start_recorder(answer_delay=30.0)
    body = ENVELOPE.format("", "<tds:GetHostname/>")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(0.3)) as session:
        with pytest.raises(TimeoutError):
            await session.post(recorder.url, data=body)
