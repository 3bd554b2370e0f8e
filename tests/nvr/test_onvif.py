"""The ONVIF driver against recorders on loopback: a simulated one that behaves, and a canned one that does not."""

import asyncio
from dataclasses import replace
from datetime import timedelta
import logging
from pathlib import Path
import socket

from aiohttp import web
import pytest

from custom_components.onvif_proxy.model import AudioEncoding, Credentials, Recorder, StreamRole, VideoEncoding
from custom_components.onvif_proxy.nvr import (
    ClockTooFarOff,
    NoChannels,
    NotOnvif,
    RecorderError,
    RecorderRefused,
    Unreachable,
    WrongCredentials,
)
from tests.simulated_nvr import Fault, RecorderOptions, SimulatedRecorder, StreamOptions

from .conftest import DriverFactory
from .rtsp_server import RtspServer, answer, sdp
from .soap_recorder import (
    SoapRecorder,
    date_and_time,
    device_information,
    envelope,
    fault,
    media_uri,
    profile,
    profiles,
    services,
)

WRONG = Credentials(username="admin", password="wrong")
VENDORS = ("hikvision", "dahua", "reolink", "uniview")


def tokens(recorder: Recorder) -> list[str]:
    """Return the source tokens of a scan."""
    return [channel.token for channel in recorder.channels]


# --- A recorder that behaves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", VENDORS)
async def test_every_channel_of_every_vendor_is_found(vendor: str, make_driver: DriverFactory) -> None:
    """With its own source token, main and sub, where they are, and what they are."""
    options = RecorderOptions(channels=3, gaps=(2,), vendor=vendor)
    async with SimulatedRecorder(options) as simulated:
        recorder = await make_driver(simulated).scan()

        assert recorder.info.serial_number == simulated.serial_number
        assert recorder.info.mac == "02:00:5e:10:00:01"
        for channel, truth in zip(recorder.channels, simulated.channels, strict=True):
            assert channel.token == truth.source_token
            assert channel.sub is not None
            assert [stream.role for stream in channel.streams] == [StreamRole.MAIN, StreamRole.SUB]
            for index, stream in enumerate(channel.streams):
                assert stream.profile_token == truth.streams[index].profile_token
                assert stream.uri == simulated.stream_uri(truth.number, index)
            assert channel.main.video.codec == "H264"
            assert (channel.main.video.width, channel.main.video.height) == (1280, 720)
            assert (channel.main.video.frame_rate, channel.main.video.bit_rate) == (15, 2048)
            assert (channel.sub.video.width, channel.sub.video.height) == (640, 360)
            assert channel.main.audio is not None
            assert (channel.main.audio.codec, channel.main.audio.sample_rate) == ("G711", 8)
            assert channel.snapshot_uri == simulated.snapshot_uri(truth.number)
            assert channel.name == ""


async def test_hevc_that_media1_hides_is_told_by_the_streams(make_driver: DriverFactory, tmp_path: Path) -> None:
    """Dahua's way: no Encoding and Resolution for mains, no encoder for subs; the SDP has the picture size."""
    options = RecorderOptions(
        channels=2,
        vendor="dahua",
        media1_hides_h265=True,
        main=StreamOptions(codec="H265", width=640, height=360, frame_rate=5),
        sub=StreamOptions(width=320, height=180, frame_rate=5),
        cache_directory=tmp_path,
    )
    async with SimulatedRecorder(options) as simulated:
        await simulated.prepare()
        recorder = await make_driver(simulated).scan()

    assert len(recorder.channels) == 2
    for channel in recorder.channels:
        assert channel.sub is not None
        assert (channel.main.video.codec, channel.main.video.width, channel.main.video.height) == ("H265", 640, 360)
        assert (channel.sub.video.codec, channel.sub.video.width, channel.sub.video.height) == ("H264", 320, 180)


async def test_names_that_people_gave_are_kept(make_driver: DriverFactory) -> None:
    """Firmware's are not."""
    async with SimulatedRecorder(RecorderOptions(channels=2, names={2: "Back yard"})) as simulated:
        recorder = await make_driver(simulated).scan()

    assert [channel.name for channel in recorder.channels] == ["", "Back yard"]


async def test_two_scans_of_an_unchanged_recorder_are_equal(make_driver: DriverFactory) -> None:
    """A rescan changes nothing by itself."""
    async with SimulatedRecorder(RecorderOptions(channels=5)) as simulated:
        driver = make_driver(simulated)

        assert await driver.scan() == await driver.scan()


async def test_a_rescan_finds_new_channels_and_leaves_the_others(make_driver: DriverFactory) -> None:
    """Also where profile tokens depend on the number of channels."""
    async with SimulatedRecorder(RecorderOptions(channels=2)) as simulated:
        driver = make_driver(simulated)
        before = await driver.scan()
        simulated.add_channel()
        after = await driver.scan()

    assert after.channels[:2] == before.channels
    assert len(after.channels) == 3


@pytest.mark.parametrize("offset", [timedelta(hours=7), timedelta(days=-9000)])
async def test_a_clock_that_is_far_off_does_not_keep_us_out(offset: timedelta, make_driver: DriverFactory) -> None:
    """Logins are signed in the recorder's time."""
    async with SimulatedRecorder(RecorderOptions(channels=1, clock_offset=offset)) as simulated:
        driver = make_driver(simulated)
        recorder = await driver.scan()

    assert len(recorder.channels) == 1
    assert driver.clock_offset is not None
    assert abs(driver.clock_offset - offset) < timedelta(minutes=1)


async def test_a_recorder_that_thinks_it_is_elsewhere_is_reached_where_it_is(make_driver: DriverFactory) -> None:
    """Behind NAT every XAddr and URI is wrong."""
    async with SimulatedRecorder(RecorderOptions(channels=1, wrong_xaddr="203.0.113.9:80")) as simulated:
        recorder = await make_driver(simulated).scan()

        assert recorder.channels[0].main.uri == simulated.stream_uri(1)
        assert "203.0.113" not in repr(recorder)


async def test_identify_logs_in_and_scans_nothing(make_driver: DriverFactory) -> None:
    """For reauthentication and the like."""
    async with SimulatedRecorder(RecorderOptions(channels=1, vendor="reolink")) as simulated:
        info = await make_driver(simulated).identify()

        assert (info.serial_number, info.manufacturer) == (simulated.serial_number, "Reolink")
        assert simulated.requests["GetProfiles"] == 0


async def test_a_recorder_without_cameras_has_no_channels(make_driver: DriverFactory) -> None:
    """And says so."""
    async with SimulatedRecorder(RecorderOptions(channels=0)) as simulated:
        with pytest.raises(NoChannels):
            await make_driver(simulated).scan()


# --- Logins ----------------------------------------------------------------------------------------------------------


async def test_a_wrong_password_is_sent_once(make_driver: DriverFactory) -> None:
    """Nothing else is asked with it: recorders lock accounts."""
    async with SimulatedRecorder(RecorderOptions(channels=1)) as simulated:
        with pytest.raises(WrongCredentials):
            await make_driver(simulated, WRONG).scan()

        assert simulated.authentication_failures.total() <= 2  # the token, and the digest if the recorder asks for one
        assert simulated.requests["GetProfiles"] == 0


async def test_a_refused_login_with_a_clock_far_off_says_that_too(make_driver: DriverFactory) -> None:
    """The user has two things to check."""
    async with SimulatedRecorder(RecorderOptions(channels=1, clock_offset=timedelta(hours=-2))) as simulated:
        with pytest.raises(ClockTooFarOff) as caught:
            await make_driver(simulated, WRONG).identify()

    assert abs(caught.value.offset + timedelta(hours=2)) < timedelta(minutes=1)


async def test_a_recorder_that_refuses_even_its_time_is_logged_in_to(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """Its clock stays unknown."""
    soap_recorder.answers["GetSystemDateAndTime"] = fault("ter:NotAuthorized")
    driver = make_driver(soap_recorder)

    assert (await driver.identify()).serial_number == "SN123456"
    assert driver.clock_offset is None


async def test_wrong_credentials_where_the_time_is_refused_are_only_that(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """No clock, no guess about it."""
    for operation in ("GetSystemDateAndTime", "GetDeviceInformation"):
        soap_recorder.answers[operation] = fault("ter:NotAuthorized")

    with pytest.raises(WrongCredentials):
        await make_driver(soap_recorder).scan()
    assert soap_recorder.calls.total() == 2


@pytest.mark.parametrize("when", ["2026 13 1 0 0 0", "0 0 0 0 0 0", "2026 1 1 25 0 0", "x x x x x x"])
async def test_a_time_that_is_none_is_as_if_not_told(
    when: str, soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """The login decides."""
    soap_recorder.answers["GetSystemDateAndTime"] = date_and_time(when)
    driver = make_driver(soap_recorder)

    assert (await driver.identify()).model == "Box"
    assert driver.clock_offset is None


async def test_no_secret_is_logged(
    soap_recorder: SoapRecorder, make_driver: DriverFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither ours nor the one in the recorder's URIs."""
    caplog.set_level(logging.DEBUG)
    soap_recorder.answers["GetStreamUri"] = media_uri("GetStreamUri", "rtsp://10.0.0.1/user=admin_password=tlJwpbo6_x")
    driver = make_driver(soap_recorder)
    recorder = await driver.scan()
    soap_recorder.answers["GetStreamUri"] = envelope("")
    with pytest.raises(RecorderRefused):
        await driver.scan()

    assert "tlJwpbo6" in recorder.channels[0].main.uri
    for secret in ("Recorder123", "PasswordDigest", "tlJwpbo6"):
        assert secret not in caplog.text


# --- Recorders that misbehave ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "errors"),
    [
        ("hang", (Unreachable,)),
        ("reset", (Unreachable,)),
        ("401", (WrongCredentials,)),
        ("500", (RecorderRefused,)),
        ("empty", (RecorderRefused, NotOnvif)),
        ("garbage", (RecorderRefused, NotOnvif)),
    ],
)
@pytest.mark.parametrize("operation", [None, "GetDeviceInformation", "GetProfiles", "GetStreamUri"])
async def test_every_fault_has_its_error_and_passes(
    kind: str, errors: tuple[type[RecorderError], ...], operation: str | None, make_driver: DriverFactory
) -> None:
    """At any step of a scan; as soon as the fault is gone the same driver scans again."""
    async with SimulatedRecorder(RecorderOptions(channels=2)) as simulated:
        driver = make_driver(simulated, timeout=0.2 if kind == "hang" else 5)
        simulated.faults.onvif = Fault(kind, operation)
        with pytest.raises(RecorderError) as caught:
            await driver.scan()
        simulated.faults.clear()

        assert type(caught.value) in errors
        assert len((await driver.scan()).channels) == 2


async def test_nobody_listens(make_driver: DriverFactory) -> None:
    """Connection refused."""

    class Nobody:
        host = "127.0.0.1"
        port = 1

    with pytest.raises(Unreachable):
        await make_driver(Nobody()).scan()


async def test_something_else_listens(make_driver: DriverFactory) -> None:
    """SSH, say: it speaks first, and not HTTP."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:

        class Ssh:
            host = "127.0.0.1"
            port = server.sockets[0].getsockname()[1]

        with pytest.raises(NotOnvif):
            await make_driver(Ssh()).scan()


async def test_a_scan_ends_even_if_every_answer_comes_just_in_time(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """The whole has a deadline too; nothing is left running."""
    done = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    soap_recorder.answers["GetStreamUri"] = hang
    before = asyncio.all_tasks()

    with pytest.raises(Unreachable, match="not finished in time"):
        await make_driver(soap_recorder, scan_timeout=0.5).scan()
    done.set()
    assert not [task for task in asyncio.all_tasks() - before if "ChannelScan" in repr(task)]


async def test_a_device_that_says_nothing_of_itself_gets_no_identity(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """A made-up one would be another recorder's at the next scan."""
    soap_recorder.answers["GetDeviceInformation"] = envelope("<tds:GetDeviceInformationResponse/>")

    with pytest.raises(RecorderRefused):
        await make_driver(soap_recorder).scan()


async def test_an_identity_that_depends_on_an_answer_waits_for_it(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """A serial number of zeros needs the MAC; when that is not told just now, the scan fails instead of inventing one."""

    async def reset(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    soap_recorder.answers["GetDeviceInformation"] = device_information("000000")
    soap_recorder.answers["GetNetworkInterfaces"] = reset
    with pytest.raises(Unreachable):
        await make_driver(soap_recorder).identify()

    soap_recorder.answers["GetNetworkInterfaces"] = envelope(
        '<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled>'
        "<tt:Info><tt:Name>eth0</tt:Name><tt:HwAddress>44-19-B6-01-02-03</tt:HwAddress></tt:Info>"
        "</tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>"
    )
    assert (await make_driver(soap_recorder).identify()).serial_number == "44:19:b6:01:02:03"


async def test_without_serial_number_and_mac_the_endpoint_identifies(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """It is what WS-Discovery knows it by."""
    soap_recorder.answers["GetDeviceInformation"] = device_information("")
    soap_recorder.answers["GetEndpointReference"] = envelope(
        "<tds:GetEndpointReferenceResponse><tds:GUID>urn:uuid:1419d68a-1dd2</tds:GUID></tds:GetEndpointReferenceResponse>"
    )

    assert (await make_driver(soap_recorder).identify()).serial_number == "1419d68a-1dd2"


async def test_get_capabilities_helps_where_get_services_is_missing(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """Older devices have only that."""
    del soap_recorder.answers["GetServices"]
    soap_recorder.answers["GetCapabilities"] = envelope(
        "<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media>"
        f"<tt:XAddr>http://127.0.0.1:{soap_recorder.port}/onvif/Media</tt:XAddr><tt:StreamingCapabilities/>"
        "</tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>"
    )

    assert tokens(await make_driver(soap_recorder).scan()) == ["s1"]
    assert ("GetProfiles", "/onvif/Media") in {(operation, path) for operation, path, _ in soap_recorder.requests}


@pytest.mark.parametrize("xaddr", ["", "nowhere", "ftp://127.0.0.1/x"])
async def test_a_recorder_without_media_service_is_refused(
    xaddr: str, soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """Nothing is guessed."""
    soap_recorder.answers["GetServices"] = services(xaddr)

    with pytest.raises(RecorderRefused):
        await make_driver(soap_recorder).scan()


async def test_services_are_asked_for_at_the_configured_host_only(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """A hostile XAddr gets path and nothing else; no packet goes there."""
    with socket.socket() as elsewhere:
        elsewhere.bind(("127.0.0.2", 0))
        elsewhere.listen()
        elsewhere.setblocking(False)
        soap_recorder.answers["GetServices"] = services(f"http://127.0.0.2:{elsewhere.getsockname()[1]}/onvif/media")

        assert tokens(await make_driver(soap_recorder).scan()) == ["s1"]
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


async def test_profiles_that_are_listed_and_not_streamed_give_way(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """Bosch: GetStreamUri answers HTTP 500 for some; the next best takes their place."""

    async def stream_uri(request: web.Request) -> web.Response:
        body = await request.text()
        if "big" in body:
            return web.Response(status=500, text=envelope(""), content_type="application/soap+xml")
        return web.Response(text=media_uri("GetStreamUri", "rtsp://127.0.0.1/x"), content_type="application/soap+xml")

    soap_recorder.answers["GetStreamUri"] = stream_uri
    soap_recorder.answers["GetProfiles"] = profiles(
        profile("big", "s1", video=("H264", 3840, 2160)),
        profile("middle", "s1", video=("H264", 1920, 1080)),
        profile("small", "s1", video=("H264", 640, 360)),
        profile("big-too", "s2", video=("H264", 640, 360)),
        profile("metadata", None),
    )
    recorder = await make_driver(soap_recorder).scan()

    assert tokens(recorder) == ["s1"]
    assert [stream.profile_token for stream in recorder.channels[0].streams] == ["middle", "small"]


async def test_a_connection_that_breaks_costs_no_channel(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """It is asked once more; cheap recorders drop some when many come at once."""
    times = 0

    async def break_twice(request: web.Request) -> web.Response:
        nonlocal times
        times += 1
        if times <= 2:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text=media_uri("GetStreamUri", "rtsp://127.0.0.1/x"), content_type="application/soap+xml")

    soap_recorder.answers["GetStreamUri"] = break_twice

    assert tokens(await make_driver(soap_recorder).scan()) == ["s1"]
    assert times == 3


async def test_uris_that_are_none_cost_what_they_were_for(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """A snapshot by RTSP is no snapshot, a stream by HTTP no stream."""
    soap_recorder.answers["GetSnapshotUri"] = media_uri("GetSnapshotUri", "rtsp://127.0.0.1/x")
    driver = make_driver(soap_recorder)
    assert (await driver.scan()).channels[0].snapshot_uri is None

    soap_recorder.answers["GetStreamUri"] = media_uri("GetStreamUri", "http://127.0.0.1/x")
    with pytest.raises(RecorderRefused):
        await driver.scan()
    soap_recorder.answers["GetProfiles"] = profiles(profile("silent", "s1"))
    with pytest.raises(RecorderRefused):
        await driver.scan()


async def test_a_channel_without_snapshot_is_one(soap_recorder: SoapRecorder, make_driver: DriverFactory) -> None:
    """Snapshots are optional."""
    del soap_recorder.answers["GetSnapshotUri"]
    driver = make_driver(soap_recorder)
    [channel] = (await driver.scan()).channels

    assert channel.snapshot_uri is None
    with pytest.raises(RecorderRefused):
        await driver.snapshot(channel)


async def test_the_number_of_channels_is_limited(
    soap_recorder: SoapRecorder, make_driver: DriverFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """And it says so."""
    soap_recorder.answers["GetProfiles"] = profiles(
        *(profile(f"p{number}", f"s{number}", video=("H264", 640, 360)) for number in range(5))
    )

    assert tokens(await make_driver(soap_recorder, max_channels=3).scan()) == ["s0", "s1", "s2"]
    assert "5 channels" in caplog.text


# --- Streams that must be asked --------------------------------------------------------------------------------------


async def test_an_encoder_without_details_in_its_profile_is_asked_for(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """By its token, before any stream is."""
    soap_recorder.answers["GetProfiles"] = profiles(profile("p1", "s1", video=("", 0, 0)))
    soap_recorder.answers["GetVideoEncoderConfiguration"] = envelope(
        '<trt:GetVideoEncoderConfigurationResponse><trt:Configuration token="p1-e"><tt:Name>n</tt:Name>'
        "<tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding>"
        "<tt:Resolution><tt:Width>800</tt:Width><tt:Height>600</tt:Height></tt:Resolution>"
        "</trt:Configuration></trt:GetVideoEncoderConfigurationResponse>"
    )
    [channel] = (await make_driver(soap_recorder).scan()).channels

    assert channel.main.video == VideoEncoding(codec="H264", width=800, height=600)


async def test_silent_profiles_are_asked_by_describe(soap_recorder: SoapRecorder, make_driver: DriverFactory) -> None:
    """What the stream says is taken: codec, size, rate, audio."""
    paths = {"p1": "/main", "p2": "/sub", "p3": "/audio-only"}
    descriptions = {
        "/main": answer(200, sdp(codec="H265", size=(2560, 1440), fps=20)),
        "/sub": answer(200, sdp(size=(704, 576), audio="MPEG4-GENERIC/16000")),
        "/audio-only": answer(200, sdp(codec="")),
    }
    async with RtspServer(descriptions, make_driver(soap_recorder).credentials) as rtsp:

        async def stream_uri(request: web.Request) -> web.Response:
            body = await request.text()
            path = next(path for token, path in paths.items() if f">{token}<" in body)
            uri = f"rtsp://admin:leaked@198.51.100.7:{rtsp.port}{path}"
            return web.Response(text=media_uri("GetStreamUri", uri), content_type="application/soap+xml")

        soap_recorder.answers["GetStreamUri"] = stream_uri
        soap_recorder.answers["GetProfiles"] = profiles(*(profile(token, "s1") for token in paths))
        [channel] = (await make_driver(soap_recorder).scan()).channels

    assert channel.main.video == VideoEncoding(codec="H265", width=2560, height=1440, frame_rate=20)
    assert channel.main.audio == AudioEncoding(codec="G711", sample_rate=8)
    assert channel.sub is not None
    assert channel.sub.video == VideoEncoding(codec="H264", width=704, height=576, frame_rate=12.5)
    assert channel.sub.audio == AudioEncoding(codec="AAC", sample_rate=16)
    assert "leaked" not in repr(channel)


async def test_a_channel_that_nobody_describes_is_left_out(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """One without a size, one that is refused twice; the others stay."""
    async with RtspServer({"/nothing": answer(200, sdp(size=None)), "/busy": answer(453)}) as rtsp:

        async def stream_uri(request: web.Request) -> web.Response:
            body = await request.text()
            path = next(path for path in ("nothing", "busy", "told") if f">{path}<" in body)
            return web.Response(
                text=media_uri("GetStreamUri", rtsp.uri(f"/{path}")), content_type="application/soap+xml"
            )

        soap_recorder.answers["GetStreamUri"] = stream_uri
        soap_recorder.answers["GetProfiles"] = profiles(
            profile("nothing", "s1"), profile("busy", "s2"), profile("told", "s3", video=("H264", 640, 360))
        )

        assert tokens(await make_driver(soap_recorder).scan()) == ["s3"]
        assert sorted(rtsp.described) == ["/busy", "/busy", "/nothing"]


# --- Snapshots -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_snapshot_is_fetched_with_digest(vendor: str, make_driver: DriverFactory, tmp_path: Path) -> None:
    """And is a JPEG."""
    options = RecorderOptions(
        channels=1,
        vendor=vendor,
        main=StreamOptions(width=320, height=180, frame_rate=5),
        sub=None,
        cache_directory=tmp_path,
    )
    async with SimulatedRecorder(options) as simulated:
        driver = make_driver(simulated)
        [channel] = (await driver.scan()).channels
        snapshot = await driver.snapshot(channel)

    assert snapshot.content_type == "image/jpeg"
    assert snapshot.image.startswith(b"\xff\xd8\xff")


async def test_a_refused_snapshot_login_is_not_repeated_at_once(make_driver: DriverFactory) -> None:
    """A dashboard asks every few seconds; the recorder would lock the account."""
    async with SimulatedRecorder(RecorderOptions(channels=2)) as simulated:
        channel, other = (await make_driver(simulated).scan()).channels
        driver = make_driver(simulated, WRONG)
        for _ in range(5):
            with pytest.raises(WrongCredentials):
                await driver.snapshot(channel)

        assert simulated.authentication_failures["snapshot"] == 1
        with pytest.raises(WrongCredentials):
            await driver.snapshot(other)
        assert simulated.authentication_failures["snapshot"] == 2


async def test_a_stored_channel_of_a_recorder_that_moved_is_asked_where_it_is_now(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """The host of a driver is the only one that it connects to."""
    soap_recorder.answers["/one.jpg"] = web.Response(body=b"\xff\xd8\xff\xe0", content_type="image/jpeg")
    driver = make_driver(soap_recorder)
    [channel] = (await driver.scan()).channels
    moved = replace(channel, snapshot_uri=f"http://192.0.2.1:{soap_recorder.port}/one.jpg")

    assert (await driver.snapshot(moved)).image == b"\xff\xd8\xff\xe0"
    with pytest.raises(RecorderRefused):
        await driver.snapshot(replace(channel, snapshot_uri="file:///etc/passwd"))


async def test_a_driver_closes_twice_and_lends_the_session_back(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """As a context manager too."""
    async with make_driver(soap_recorder) as driver:
        await driver.identify()
    await driver.close()

    assert (driver.host, driver.port) == (soap_recorder.host, soap_recorder.port)
