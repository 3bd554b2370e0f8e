"""Scans of real devices' answers, replayed. Skipped where the captures are not beside the checkout."""

from pathlib import Path
import re

from aiohttp import web
import pytest

from custom_components.onvif_proxy.model import (
    AudioDecoding,
    AudioEncoding,
    Channel,
    Loudspeaker,
    Recorder,
    VideoEncoding,
)
from custom_components.onvif_proxy.nvr import WrongCredentials

from .conftest import CREDENTIALS, DriverFactory
from .rtsp_server import RtspServer, answer, sdp
from .soap_recorder import CAPTURES, SoapRecorder, envelope, fault, media_uri

pytestmark = pytest.mark.skipif(not CAPTURES.is_dir(), reason="device captures are not beside this checkout")

_DEVICE_OPERATIONS = (
    "GetSystemDateAndTime",
    "GetDeviceInformation",
    "GetServices",
    "GetScopes",
    "GetHostname",
    "GetNetworkInterfaces",
)
_ENVELOPE = re.compile(rb"<\?xml(?:(?!<\?xml).)*$", re.DOTALL)


def replay(recorder: SoapRecorder, folder: str) -> None:
    """Answer with what a captured device answered; its per-profile answers by the token asked for."""
    path = CAPTURES / folder
    for operation in _DEVICE_OPERATIONS:
        recorder.answers.pop(operation, None)
        if (file := path / f"{operation}.xml").is_file():
            recorder.answers[operation] = file.read_bytes()
    for operation in ("GetProfiles", "GetStreamUri", "GetSnapshotUri"):
        files = sorted(path.glob(f"{operation}@*.xml")) or [
            file for name in (f"{operation}.xml", f"Media1-{operation}.xml") if (file := path / name).is_file()
        ]
        if files:
            recorder.answers[operation] = _by_token(files)


def _by_token(files: list[Path]) -> object:
    contents = {file.stem.partition("@")[2]: file.read_bytes() for file in files}

    async def handler(request: web.Request) -> web.Response:
        body = await request.text()
        content = next((content for token, content in contents.items() if not token or f">{token}<" in body), None)
        if content is None:
            return fault()
        # Some were published with the client's log before them.
        found = _ENVELOPE.search(content)
        return web.Response(body=found[0] if found else content, content_type="application/soap+xml")

    return handler


async def scan(recorder: SoapRecorder, folder: str, make_driver: DriverFactory) -> Recorder:
    """Scan a captured device."""
    replay(recorder, folder)
    return await make_driver(recorder).scan()


async def test_hikvision_oem(soap_recorder: SoapRecorder, make_driver: DriverFactory) -> None:
    """Media1 says H265; the third profile has no encoder; the service is under /onvif/Media."""
    recorder = await scan(soap_recorder, "hikvision-oem-enp1a14-ir25x", make_driver)
    [channel] = recorder.channels

    assert recorder.info.serial_number == "ENP1A14-IR/25X20190430AAWRD14878498W"
    assert recorder.info.name == "ENP1A14-IR/25X"
    assert channel.token == "VideoSource_1"
    assert channel.name == ""
    assert channel.main.video == VideoEncoding(
        codec="H265", width=2560, height=1440, frame_rate=25, bit_rate=8192, quality=3.0
    )
    assert channel.main.audio == AudioEncoding(codec="G711", bit_rate=64, sample_rate=8)
    assert channel.main.uri == "rtsp://127.0.0.1:554/Streaming/Channels/101?transportmode=mcast&profile=Profile_1"
    assert channel.snapshot_uri == "http://127.0.0.1:80/onvif-http/snapshot?Profile_1"
    assert channel.sub is not None
    assert channel.sub.profile_token == "Profile_2"


async def test_reolink_e1(soap_recorder: SoapRecorder, make_driver: DriverFactory) -> None:
    """Its serial number is its address; ONVIF on 8000, snapshots on 80; the main's URI is bare."""
    recorder = await scan(soap_recorder, "reolink-e1-zoom", make_driver)
    [channel] = recorder.channels

    assert recorder.info.serial_number == "ec:71:db:46:5a:f7"
    assert recorder.info.name == "IPC-BO"
    assert channel.main.uri == "rtsp://127.0.0.1:554/"
    assert channel.main.video == VideoEncoding(
        codec="H264", width=2048, height=1536, frame_rate=15, bit_rate=1024, gov_length=30, codec_profile="Main"
    )
    assert channel.main.audio == AudioEncoding(codec="AAC", bit_rate=16, sample_rate=16)
    assert channel.sub is not None
    assert channel.sub.uri == "rtsp://127.0.0.1:554/h264Preview_01_sub"
    assert channel.snapshot_uri == "http://127.0.0.1:80/cgi-bin/api.cgi?cmd=onvifSnapPic&channel=0"


async def test_axis(soap_recorder: SoapRecorder, make_driver: DriverFactory) -> None:
    """One address for all services; a JPEG profile larger than the video; no limit of the bit rate."""
    recorder = await scan(soap_recorder, "axis-p3818-pve", make_driver)
    [channel] = recorder.channels

    assert recorder.info.name == "AXIS P3818-PVE"
    assert channel.main.profile_token == "profile_1_h264"
    assert channel.main.video.bit_rate is None
    assert channel.sub is None


async def test_xmeye(soap_recorder: SoapRecorder, make_driver: DriverFactory) -> None:
    """The path of the stream looks like a login and stays; that of the snapshot too."""
    replay(soap_recorder, "xmeye-xm530-sunba405")
    stream = (
        "rtsp://192.168.15.40:554/user=admin_password=_channel=1_stream=0&protocol=unicast&onvif=ture.sdp?real_stream"
    )
    # The capture holds the request in place of this answer; the URI is the one of its Media2 twin.
    soap_recorder.answers["GetStreamUri"] = media_uri("GetStreamUri", stream)
    [channel] = (await make_driver(soap_recorder).scan()).channels

    assert channel.main.uri == stream.replace("192.168.15.40", "127.0.0.1")
    assert channel.snapshot_uri is not None
    assert channel.snapshot_uri.startswith("http://127.0.0.1:80/webcapture.jpg?command=snap&channel=1")
    assert (channel.main.video.width, channel.main.video.codec) == (2592, "H264")


async def test_an_unknown_vendor_that_refuses_everything(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """Even its time: HTTP 400 with NotAuthorized."""
    for file in (CAPTURES / "unknown-vendor-notauthorized").glob("*.fault400.xml"):
        response = web.Response(status=400, body=file.read_bytes(), content_type="application/soap+xml")
        soap_recorder.answers[file.name.partition(".")[0]] = response

    with pytest.raises(WrongCredentials):
        await make_driver(soap_recorder).scan()
    assert soap_recorder.calls == {"GetSystemDateAndTime": 1, "GetDeviceInformation": 1}


async def test_all_twelve_channels_of_a_dahua_recorder(soap_recorder: SoapRecorder, make_driver: DriverFactory) -> None:
    """36 profiles: mains whose encoder says nothing, subs without one. Only the streams tell what they are."""
    soap_recorder.answer_from("dahua-nvr-36profiles", GetProfiles="GetProfiles.xml")
    kinds = [
        sdp(codec="H265", size=(2048, 1536), fps=20, audio="PCMA/8000"),
        sdp(codec="H264", size=(704, 480), fps=15, audio="PCMA/8000"),
        sdp(codec="H264", size=(352, 240), fps=10, audio="PCMA/8000"),
    ]
    path = "/cam/realmonitor?channel={}&subtype={}&unicast=true&proto=Onvif"
    descriptions = {path.format(n, s): answer(200, kinds[s]) for n in range(1, 13) for s in range(3)}
    async with RtspServer(descriptions, CREDENTIALS) as rtsp:

        async def stream_uri(request: web.Request) -> web.Response:
            found = re.search(r">MediaProfile(\d{3})(\d\d)<", await request.text())
            assert found
            uri = f"rtsp://192.168.1.108:{rtsp.port}{path.format(int(found[1]) + 1, int(found[2]))}"
            return web.Response(text=media_uri("GetStreamUri", uri), content_type="application/soap+xml")

        soap_recorder.answers["GetStreamUri"] = stream_uri
        # Of this there is no capture; the profiles say that each channel has a loudspeaker.
        soap_recorder.answers["GetAudioDecoderConfigurationOptions"] = envelope(
            "<trt:GetAudioDecoderConfigurationOptionsResponse><trt:Options><tt:G711DecOptions><tt:Bitrate>"
            "<tt:Items>64</tt:Items></tt:Bitrate><tt:SampleRateRange><tt:Items>8</tt:Items></tt:SampleRateRange>"
            "</tt:G711DecOptions></trt:Options></trt:GetAudioDecoderConfigurationOptionsResponse>"
        )
        channels = (await make_driver(soap_recorder).scan()).channels

        # Four at once; the server notices the end of one a little later.
        assert rtsp.most_at_once <= 2 * 4
        assert rtsp.refused == 36  # the challenge, answered at once

    assert [channel.token for channel in channels] == [f"{n:03}00" for n in range(12)]
    takes = (AudioDecoding(codec="G711", bit_rates=(64,), sample_rates=(8,)),)
    assert {channel.main.loudspeaker for channel in channels} == {Loudspeaker(takes=takes, level=50)}
    for number, channel in enumerate(channels):
        _check_dahua(channel, number)


def _check_dahua(channel: Channel, number: int) -> None:
    assert channel.name == ""
    assert channel.main.profile_token == f"MediaProfile{number:03}00"
    assert channel.main.video == VideoEncoding(codec="H265", width=2048, height=1536, frame_rate=20)
    # The bit rate only Media1 knows.
    assert channel.main.audio == AudioEncoding(codec="G711", bit_rate=32, sample_rate=8)
    assert channel.sub is not None
    assert channel.sub.profile_token == f"MediaProfile{number:03}01"
    assert channel.sub.video == VideoEncoding(codec="H264", width=704, height=480, frame_rate=15)
