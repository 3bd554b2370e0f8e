"""A client that is not ours: onvif-zeep-async, which Home Assistant's onvif integration uses."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from onvif import ONVIFCamera
from onvif.exceptions import ONVIFError
import pytest
from zeep.exceptions import Fault

from custom_components.onvif_proxy.responder import OnvifServer

from .conftest import JPEG, MAC
from .envelopes import PASSWORD, USERNAME


async def connect(server: OnvifServer, password: str = PASSWORD) -> ONVIFCamera:
    client = ONVIFCamera("127.0.0.1", server.port, USERNAME, password)
    await client.update_xaddrs()
    return client


@pytest.fixture
async def client(server: OnvifServer) -> AsyncIterator[ONVIFCamera]:
    connected = await connect(server)
    yield connected
    await connected.close()


async def test_addresses_of_services(client: ONVIFCamera, server: OnvifServer) -> None:
    assert client.xaddrs == {
        "http://www.onvif.org/ver10/device/wsdl": f"http://127.0.0.1:{server.port}/onvif/device_service",
        "http://www.onvif.org/ver10/media/wsdl": f"http://127.0.0.1:{server.port}/onvif/media_service",
        "http://www.onvif.org/ver10/events/wsdl": f"http://127.0.0.1:{server.port}/onvif/event_service",
        "http://www.onvif.org/ver10/deviceIO/wsdl": f"http://127.0.0.1:{server.port}/onvif/deviceio_service",
    }


async def test_device(client: ONVIFCamera) -> None:
    device = await client.create_devicemgmt_service()
    information = await device.GetDeviceInformation()
    assert (information.Manufacturer, information.SerialNumber) == ("ACME & Sons", "OP-0003")
    (interface,) = await device.GetNetworkInterfaces()
    assert (interface.Enabled, interface.Info.HwAddress) == (True, MAC)
    clock = (await device.GetSystemDateAndTime()).UTCDateTime
    date, time = clock.Date, clock.Time
    told = datetime(date.Year, date.Month, date.Day, time.Hour, time.Minute, time.Second, tzinfo=UTC)
    assert abs(datetime.now(UTC) - told) < timedelta(seconds=5)
    assert "onvif://www.onvif.org/Profile/Streaming" in [scope.ScopeItem for scope in await device.GetScopes()]


async def test_media(client: ONVIFCamera) -> None:
    media = await client.create_media_service()
    main, sub = await media.GetProfiles()
    assert (main.token, sub.token) == ("main", "sub")
    video = main.VideoEncoderConfiguration
    assert (video.Encoding, video.Resolution.Width, video.Resolution.Height) == ("H264", 2560, 1440)
    assert (video.RateControl.FrameRateLimit, video.RateControl.BitrateLimit) == (20, 4096)
    assert main.AudioEncoderConfiguration.Encoding == "G711"
    assert sub.AudioEncoderConfiguration is None
    assert main.VideoSourceConfiguration.SourceToken == sub.VideoSourceConfiguration.SourceToken
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    uri = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": "sub"})
    assert uri.Uri == "rtsp://127.0.0.1:8554/sub"
    assert (await media.GetServiceCapabilities()).SnapshotUri


async def test_snapshot(client: ONVIFCamera) -> None:
    await client.create_media_service()
    assert await client.get_snapshot("main") == JPEG


async def test_what_is_not_there(client: ONVIFCamera) -> None:
    device = await client.create_devicemgmt_service()
    with pytest.raises(Fault, match="not implemented") as raised:
        await device.GetDPAddresses()
    assert [subcode.localname for subcode in raised.value.subcodes] == ["ActionNotSupported"]


async def test_wrong_password(server: OnvifServer) -> None:
    client = await connect(server, "wrong")  # all that it has asked so far is open
    device = await client.create_devicemgmt_service()
    with pytest.raises((Fault, ONVIFError), match=r"(?i)not authorized"):
        await device.GetDeviceInformation()
    await client.close()
