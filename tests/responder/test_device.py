"""The device service: who the camera says it is."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.onvif_proxy.responder import is_own_scope

from .conftest import MAC, UUID, Client, make_channel, make_description
from .envelopes import NS


async def test_device_information(client: Client) -> None:
    reply = await client.ask("tds:GetDeviceInformation")
    assert [(element.tag.partition("}")[2], element.text) for element in reply.response] == [
        ("Manufacturer", "ACME & Sons"),
        ("Model", "NVR 5000"),
        ("FirmwareVersion", "4.2"),
        ("SerialNumber", "OP-0003"),
        ("HardwareId", "NVR 5000"),
    ]


async def test_endless_words_of_a_recorder_are_cut(client: Client) -> None:
    client.server.update(make_description(model="M" * 100_000))
    reply = await client.ask("tds:GetDeviceInformation")
    assert reply.text("tds:Model") == reply.text("tds:HardwareId") == "M" * 64


async def test_clock(client: Client) -> None:
    reply = await client.ask("tds:GetSystemDateAndTime", header="")
    numbers = [
        int(reply.text(f".//tt:UTCDateTime/tt:{path}") or "")
        for path in ("Date/tt:Year", "Date/tt:Month", "Date/tt:Day", "Time/tt:Hour", "Time/tt:Minute", "Time/tt:Second")
    ]
    told = datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type, misc]  # six numbers
    assert abs(datetime.now(UTC) - told) < timedelta(seconds=3)
    assert reply.text(".//tt:DateTimeType") == "NTP"  # Home Assistant sets the clock of a device that says Manual
    assert reply.text(".//tt:TZ") == "UTC0"


async def test_network_interface_has_the_mac_of_the_endpoint(client: Client) -> None:
    reply = await client.ask("tds:GetNetworkInterfaces")
    assert reply.texts(".//tt:HwAddress") == [MAC]
    assert reply.text(".//tt:Manual/tt:Address") == "127.0.0.1"
    assert reply.text(".//tt:Manual/tt:PrefixLength") == "8"
    assert reply.text("tds:NetworkInterfaces/tt:Enabled") == "true"


async def test_ports(client: Client) -> None:
    reply = await client.ask("tds:GetNetworkProtocols")
    assert reply.texts(".//tt:Name") == ["HTTP", "RTSP"]
    assert reply.texts(".//tt:Port") == [str(client.server.port), "8554"]


async def test_endpoint_reference(client: Client) -> None:
    assert (await client.ask("tds:GetEndpointReference", header="")).text("tds:GUID") == f"urn:uuid:{UUID}"


async def test_users_are_told_without_password(client: Client) -> None:
    reply = await client.ask("tds:GetUsers")
    assert (reply.texts(".//tt:Username"), reply.texts(".//tt:UserLevel")) == (["viewer"], ["Administrator"])
    assert b"Sesame" not in reply.content


@pytest.mark.parametrize(("discoverable", "mode"), [(True, "Discoverable"), (False, "NonDiscoverable")])
async def test_discovery_mode(client: Client, discoverable: bool, mode: str) -> None:
    client.server.discoverable = discoverable
    assert (await client.ask("tds:GetDiscoveryMode")).text("tds:DiscoveryMode") == mode


@pytest.mark.parametrize(
    ("name", "hostname"),
    [
        ("Front Door", "front-door"),
        ("Küche (oben)", "kuche-oben"),
        ("前门", "camera-5c9d8a1e"),
        ("x" * 80, "x" * 63),
        ("ü" * 12_000, "u" * 63),
        ("--", "camera-5c9d8a1e"),
    ],
)
async def test_hostname(client: Client, name: str, hostname: str) -> None:
    client.server.update(make_description(name=name))
    assert (await client.ask("tds:GetHostname", header="")).text(".//tt:Name") == hostname


async def test_scopes(client: Client) -> None:
    client.server.update(make_description(name="Küche/\x07Tür", channel=make_channel(main_audio=None)))
    scopes = (await client.ask("tds:GetScopes")).texts(".//tt:ScopeItem")
    assert scopes == [
        "onvif://www.onvif.org/type/video_encoder",
        "onvif://www.onvif.org/type/Network_Video_Transmitter",
        "onvif://www.onvif.org/Profile/Streaming",
        "onvif://www.onvif.org/hardware/NVR%205000",
        "onvif://www.onvif.org/name/K%C3%BCche%2F%07T%C3%BCr",
        f"onvif://www.onvif.org/mac/{MAC}",
        "onvif-proxy://virtual-camera",
    ]
    assert is_own_scope(scope or "" for scope in scopes)
    assert not is_own_scope(["onvif://www.onvif.org/Profile/Streaming", "onvif-proxy://virtual-camera-of-others"])


async def test_audio_has_a_scope(client: Client) -> None:
    scopes = (await client.ask("tds:GetScopes")).texts(".//tt:ScopeItem")
    assert "onvif://www.onvif.org/type/audio_encoder" in scopes


class TestServices:
    """What is offered, and where; all ways to ask agree."""

    @staticmethod
    def xaddrs(client: Client) -> dict[str, str]:
        return {NS["tds"]: client.url("/onvif/device_service"), NS["trt"]: client.url("/onvif/media_service")}

    async def test_services(self, client: Client) -> None:
        reply = await client.ask("tds:GetServices", header="")
        namespaces = reply.texts("tds:Service/tds:Namespace")
        assert dict(zip(namespaces, reply.texts("tds:Service/tds:XAddr"), strict=True)) == self.xaddrs(client)
        assert reply.texts("tds:Service/tds:Capabilities") == []

    @pytest.mark.parametrize("prefix", ["tds", "trt"])
    async def test_capabilities_of_a_service(self, client: Client, prefix: str) -> None:
        alone = (await client.ask(f"{prefix}:GetServiceCapabilities", header="")).response[0]
        reply = await client.ask("tds:GetServices", "<tds:IncludeCapability>1</tds:IncludeCapability>", header="")
        listed = reply.response.find(f"tds:Service/tds:Capabilities/{prefix}:Capabilities", NS)
        assert listed is not None
        facts = [(element.tag, dict(element.attrib)) for element in alone.iter()]
        assert facts == [(element.tag, dict(element.attrib)) for element in listed.iter()]

    async def test_capabilities_of_onvif_1(self, client: Client) -> None:
        reply = await client.ask("tds:GetCapabilities", header="")
        assert reply.texts(".//tt:XAddr") == list(self.xaddrs(client).values())
        assert reply.text(".//tt:RTP_RTSP_TCP") == "true"
        assert reply.text(".//tt:RTPMulticast") == "false"
        assert reply.text(".//tt:MaximumNumberOfProfiles") == "2"

    @pytest.mark.parametrize(
        ("categories", "services"),
        [
            (["All"], ["Device", "Media"]),
            (["Device"], ["Device"]),
            (["Media", "Media"], ["Media"]),
            (["Media", "Device"], ["Device", "Media"]),
            (["Media", "All"], ["Device", "Media"]),
        ],
    )
    async def test_category(self, client: Client, categories: list[str], services: list[str]) -> None:
        content = "".join(f"<tds:Category>{category}</tds:Category>" for category in categories)
        reply = await client.ask("tds:GetCapabilities", content, header="")
        assert [element.tag.partition("}")[2] for element in reply.response[0]] == services

    @pytest.mark.parametrize("category", ["PTZ", "Events", "Imaging", "Analytics"])
    async def test_category_of_a_service_that_is_not_there(self, client: Client, category: str) -> None:
        reply = await client.ask("tds:GetCapabilities", f"<tds:Category>{category}</tds:Category>", header="")
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported", "ter:NoSuchService"])

    async def test_unknown_category(self, client: Client) -> None:
        reply = await client.ask("tds:GetCapabilities", "<tds:Category>Coffee</tds:Category>", header="")
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal"])
