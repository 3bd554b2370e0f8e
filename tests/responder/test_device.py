"""The device service: who the camera says it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from xml.sax.saxutils import escape

import pytest

from custom_components.onvif_proxy.model import EventKind, RelayOutput
from custom_components.onvif_proxy.responder import Camera
from custom_components.onvif_proxy.responder.scopes import fixed_scopes

from .conftest import MAC, UUID, Client, FakeSettings, make_description
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


async def test_what_a_camera_lacks_of_a_network(client: Client) -> None:
    """It looks nothing up, asks nobody for the time, and its host finds the way."""
    assert (await client.ask("tds:GetDNS")).text(".//tt:FromDHCP") == "false"
    assert (await client.ask("tds:GetNTP")).text(".//tt:FromDHCP") == "false"
    assert (await client.ask("tds:GetNetworkDefaultGateway")).texts(".//tt:IPv4Address") == []


@pytest.mark.parametrize(
    ("operation", "content", "fault"),
    [
        (
            "GetSystemLog",
            "<tds:LogType>System</tds:LogType>",
            ["env:Sender", "ter:InvalidArgs", "ter:SystemlogUnavailable"],
        ),
        (
            "GetSystemLog",
            "<tds:LogType>Access</tds:LogType>",
            ["env:Sender", "ter:InvalidArgs", "ter:AccesslogUnavailable"],
        ),
        ("GetSystemLog", "<tds:LogType>Sea</tds:LogType>", ["env:Sender", "ter:InvalidArgVal"]),
        ("GetSystemSupportInformation", "", ["env:Sender", "ter:InvalidArgs", "ter:SupportInformationUnavailable"]),
        ("GetAccessPolicy", "", ["env:Receiver", "ter:Action", "ter:EmptyPolicy"]),
        ("SetSystemDateAndTime", "", ["env:Sender", "ter:OperationProhibited"]),
        ("SetNetworkInterfaces", "", ["env:Sender", "ter:OperationProhibited"]),
        ("CreateUsers", "", ["env:Sender", "ter:OperationProhibited"]),
        ("SystemReboot", "", ["env:Sender", "ter:OperationProhibited"]),
        ("SetSystemFactoryDefault", "", ["env:Sender", "ter:OperationProhibited"]),
        ("UpgradeSystemFirmware", "", ["env:Sender", "ter:OperationProhibited"]),
        ("GetDynamicDNS", "", ["env:Receiver", "ter:ActionNotSupported"]),
        ("GetCertificates", "", ["env:Receiver", "ter:ActionNotSupported"]),
        ("GetDot11Capabilities", "", ["env:Receiver", "ter:ActionNotSupported", "ter:InvalidDot11"]),
        ("GetRemoteUser", "", ["env:Receiver", "ter:ActionNotSupported", "ter:NotRemoteUser"]),
    ],
)
async def test_what_is_refused(client: Client, operation: str, content: str, fault: list[str]) -> None:
    reply = await client.ask(f"tds:{operation}", content)
    assert reply.fault == (400 if fault[0] == "env:Sender" else 500, fault)
    # Home Assistant goes on only after this text.
    assert ("not implemented" in reply.reason) is ("ter:ActionNotSupported" in fault)


async def test_who_asks_is_looked_at_before_what_is_asked(client: Client) -> None:
    assert (await client.ask("tds:SystemReboot", header="")).status == 401


class TestScopes:
    """What clients may add to what the camera is found by."""

    LOCATION = "onvif://www.onvif.org/location/garden"
    STREAMING = "onvif://www.onvif.org/Profile/Streaming"

    @pytest.fixture
    def settings(self, camera: Camera) -> FakeSettings:
        assert isinstance(camera.settings, FakeSettings)
        return camera.settings

    @staticmethod
    def items(name: str, *scopes: str) -> str:
        return "".join(f"<tds:{name}>{escape(scope)}</tds:{name}>" for scope in scopes)

    @staticmethod
    def have(client: Client, *scopes: str) -> None:
        client.server.update(replace(make_description(), scopes=scopes))

    async def test_read(self, client: Client) -> None:
        self.have(client, self.LOCATION)
        reply = await client.ask("tds:GetScopes")
        kinds = reply.texts("tds:Scopes/tt:ScopeDef")
        assert list(zip(reply.texts("tds:Scopes/tt:ScopeItem"), kinds, strict=True)) == [
            *((scope, "Fixed") for scope in fixed_scopes(make_description())),
            (self.LOCATION, "Configurable"),
        ]

    async def test_set_replaces_those_that_were_added(self, client: Client, settings: FakeSettings) -> None:
        self.have(client, "urn:example:old")
        reply = await client.ask("tds:SetScopes", self.items("Scopes", self.LOCATION, "urn:example:a b", self.LOCATION))
        assert reply.status == 200
        assert settings.scopes == (self.LOCATION, "urn:example:a%20b")

    async def test_all_that_was_read_can_be_set_with_more(self, client: Client, settings: FakeSettings) -> None:
        """As clients do that know one list only."""
        scopes = self.items("Scopes", *fixed_scopes(make_description()), self.LOCATION)
        assert (await client.ask("tds:SetScopes", scopes)).status == 200
        assert settings.scopes == (self.LOCATION,)

    async def test_set_none(self, client: Client, settings: FakeSettings) -> None:
        self.have(client, self.LOCATION)
        assert (await client.ask("tds:SetScopes")).status == 200
        assert settings.scopes == ()

    async def test_add(self, client: Client, settings: FakeSettings) -> None:
        self.have(client, "urn:example:old")
        await client.ask("tds:AddScopes", self.items("ScopeItem", self.LOCATION, "urn:example:old"))
        assert settings.scopes == ("urn:example:old", self.LOCATION)

    async def test_remove(self, client: Client, settings: FakeSettings) -> None:
        self.have(client, "urn:example:a", self.LOCATION, "urn:example:b")
        content = self.items("ScopeItem", "urn:example:b", "urn:example:a")
        reply = await client.ask("tds:RemoveScopes", content)
        assert reply.texts("tds:ScopeItem") == ["urn:example:b", "urn:example:a"]
        assert settings.scopes == (self.LOCATION,)

    @pytest.mark.parametrize(("operation", "item"), [("SetScopes", "Scopes"), ("AddScopes", "ScopeItem")])
    @pytest.mark.parametrize(
        ("scopes", "fault"),
        [
            (
                ["onvif://www.onvif.org/Profile/T"],
                (400, ["env:Sender", "ter:OperationProhibited", "ter:ScopeOverwrite"]),
            ),
            (["onvif://www.onvif.org/mac/00"], (400, ["env:Sender", "ter:OperationProhibited", "ter:ScopeOverwrite"])),
            (["urn:a:b", "garden"], (400, ["env:Sender", "ter:InvalidArgVal"])),
            (["urn:a:" + "x" * 1000], (400, ["env:Sender", "ter:InvalidArgVal"])),
            ([f"urn:a:{n}" for n in range(17)], (500, ["env:Receiver", "ter:Action", "ter:TooManyScopes"])),
            ([f"urn:{n}:" + "x" * 240 for n in "abcde"], (500, ["env:Receiver", "ter:Action", "ter:TooManyScopes"])),
        ],
    )
    async def test_not_taken(
        self,
        client: Client,
        settings: FakeSettings,
        operation: str,
        item: str,
        scopes: list[str],
        fault: tuple[int, list[str]],
    ) -> None:
        assert (await client.ask(f"tds:{operation}", self.items(item, *scopes))).fault == fault
        assert settings.scopes is None

    async def test_added_to_too_many(self, client: Client, settings: FakeSettings) -> None:
        self.have(client, *(f"urn:a:{n}" for n in range(16)))
        reply = await client.ask("tds:AddScopes", self.items("ScopeItem", self.LOCATION))
        assert reply.fault == (500, ["env:Receiver", "ter:Action", "ter:TooManyScopes"])
        assert settings.scopes is None

    @pytest.mark.parametrize(
        ("scopes", "subcodes"),
        [
            ([LOCATION, STREAMING], ["ter:OperationProhibited", "ter:FixedScope"]),
            ([LOCATION, "urn:example:unknown"], ["ter:InvalidArgVal", "ter:NoScope"]),
        ],
    )
    async def test_removed_are_all_or_none(
        self, client: Client, settings: FakeSettings, scopes: list[str], subcodes: list[str]
    ) -> None:
        self.have(client, self.LOCATION)
        reply = await client.ask("tds:RemoveScopes", self.items("ScopeItem", *scopes))
        assert reply.fault == (400, ["env:Sender", *subcodes])
        assert settings.scopes is None


class TestDiscoveryMode:
    """Whether the camera is found."""

    MODES = pytest.mark.parametrize(("discoverable", "mode"), [(True, "Discoverable"), (False, "NonDiscoverable")])

    @MODES
    async def test_read(self, client: Client, discoverable: bool, mode: str) -> None:
        client.server.discoverable = discoverable
        assert (await client.ask("tds:GetDiscoveryMode")).text("tds:DiscoveryMode") == mode

    @MODES
    async def test_set(self, client: Client, camera: Camera, discoverable: bool, mode: str) -> None:
        reply = await client.ask("tds:SetDiscoveryMode", f"<tds:DiscoveryMode>{mode}</tds:DiscoveryMode>")
        assert reply.status == 200
        assert isinstance(camera.settings, FakeSettings)
        assert camera.settings.discoverable is discoverable

    async def test_set_to_nonsense(self, client: Client, camera: Camera) -> None:
        reply = await client.ask("tds:SetDiscoveryMode", "<tds:DiscoveryMode>Shy</tds:DiscoveryMode>")
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal"])
        assert isinstance(camera.settings, FakeSettings)
        assert camera.settings.discoverable is None


class TestServices:
    """What is offered, and where; all ways to ask agree."""

    PATHS: ClassVar = {
        "tds": "/onvif/device_service",
        "trt": "/onvif/media_service",
        "tev": "/onvif/event_service",
        "tmd": "/onvif/deviceio_service",
    }
    """Of a camera that neither turns its head nor lets its picture be set."""

    async def test_services(self, client: Client) -> None:
        reply = await client.ask("tds:GetServices", header="")
        told = zip(reply.texts("tds:Service/tds:Namespace"), reply.texts("tds:Service/tds:XAddr"), strict=True)
        assert dict(told) == {NS[prefix]: client.url(path) for prefix, path in self.PATHS.items()}
        assert reply.texts("tds:Service/tds:Capabilities") == []

    @pytest.mark.parametrize("prefix", PATHS)
    async def test_capabilities_of_a_service(self, client: Client, prefix: str) -> None:
        alone = (await client.ask(f"{prefix}:GetServiceCapabilities", header="")).response[0]
        reply = await client.ask("tds:GetServices", "<tds:IncludeCapability>1</tds:IncludeCapability>", header="")
        listed = reply.response.find(f"tds:Service/tds:Capabilities/{prefix}:Capabilities", NS)
        assert listed is not None
        facts = [(element.tag, dict(element.attrib)) for element in alone.iter()]
        assert facts == [(element.tag, dict(element.attrib)) for element in listed.iter()]

    async def test_what_is_settled_in_home_assistant(self, client: Client) -> None:
        system = (await client.ask("tds:GetServiceCapabilities", header="")).response.find(".//tds:System", NS)
        assert system is not None
        not_supported = {
            name for name, value in system.attrib.items() if str(name).endswith("NotSupported") and value == "true"
        }
        assert not_supported == {"NetworkConfigNotSupported", "UserConfigNotSupported"}

    async def test_capabilities_of_onvif_1(self, client: Client) -> None:
        reply = await client.ask("tds:GetCapabilities", header="")
        assert sorted(map(str, reply.texts(".//tt:XAddr"))) == sorted(map(client.url, self.PATHS.values()))
        assert reply.text(".//tt:RTP_RTSP_TCP") == "true"
        assert reply.text(".//tt:RTPMulticast") == "false"
        assert reply.text(".//tt:MaximumNumberOfProfiles") == "2"
        assert reply.text(".//tt:InputConnectors") == reply.text(".//tt:IO/tt:RelayOutputs") == "0"

    async def test_contacts_in_capabilities_of_onvif_1(self, client: Client) -> None:
        relay = RelayOutput(token="R", monostable=False, delay=0, idle_closed=False)
        contacts = replace(make_description(), event_kinds=(EventKind.DIGITAL_INPUT,), relay_outputs=(relay, relay))
        client.server.update(contacts)
        reply = await client.ask("tds:GetCapabilities", header="")
        assert (reply.text(".//tt:InputConnectors"), reply.text(".//tt:IO/tt:RelayOutputs")) == ("1", "2")

    @pytest.mark.parametrize(
        ("categories", "services"),
        [
            (["All"], ["Device", "Events", "Media", "Extension"]),
            ([], ["Device", "Events", "Media", "Extension"]),
            (["Device"], ["Device"]),
            (["Media", "Media"], ["Media"]),
            (["Media", "Device"], ["Device", "Media"]),
            (["Media", "All"], ["Device", "Events", "Media", "Extension"]),
        ],
    )
    async def test_category(self, client: Client, categories: list[str], services: list[str]) -> None:
        content = "".join(f"<tds:Category>{category}</tds:Category>" for category in categories)
        reply = await client.ask("tds:GetCapabilities", content, header="")
        assert [element.tag.partition("}")[2] for element in reply.response[0]] == services

    @pytest.mark.parametrize("category", ["PTZ", "Imaging", "Analytics"])
    async def test_category_of_a_service_that_is_not_there(self, client: Client, category: str) -> None:
        reply = await client.ask("tds:GetCapabilities", f"<tds:Category>{category}</tds:Category>", header="")
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported", "ter:NoSuchService"])

    async def test_unknown_category(self, client: Client) -> None:
        reply = await client.ask("tds:GetCapabilities", "<tds:Category>Coffee</tds:Category>", header="")
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal"])
