"""The device IO service: sources, contacts, and the recorder's relay outputs; and the device service's copy of these."""

from dataclasses import replace

import pytest

from custom_components.onvif_proxy.controls import ControlError, ControlProblem
from custom_components.onvif_proxy.model import EventKind, RelayOutput
from custom_components.onvif_proxy.responder import Camera

from .conftest import Client, make_channel, make_description
from .envelopes import NS

PATH = "/onvif/deviceio_service"
DOOR = RelayOutput(token="Relay 1", monostable=True, delay=0.5, idle_closed=False)
LIGHT = RelayOutput(token="R2", monostable=False, delay=0.0, idle_closed=True)
WITH_RELAYS = replace(make_description(), relay_outputs=(DOOR, LIGHT))


class Relays:
    """A recorder's contacts; `problem` is raised if set."""

    def __init__(self) -> None:
        """Have all contacts idle."""
        self.states: dict[str, bool] = {}
        self.problem: ControlProblem | None = None

    async def set_relay(self, token: str, *, active: bool) -> None:
        """Switch one."""
        if self.problem is not None:
            raise ControlError(self.problem, "the recorder's words")
        self.states[token] = active


@pytest.fixture
def relays(client: Client, camera: Camera) -> Relays:
    """Return contacts that clients of the camera may switch."""
    camera.relays = relays = Relays()
    client.server.update(WITH_RELAYS)
    return relays


def switch(token: str, state: str) -> str:
    return f"<tds:RelayOutputToken>{token}</tds:RelayOutputToken><tds:LogicalState>{state}</tds:LogicalState>"


class TestLists:
    """What there is."""

    async def test_sources(self, client: Client) -> None:
        assert (await client.ask("tmd:GetVideoSources", path=PATH)).texts("tmd:Token") == ["VideoSource_1"]
        assert (await client.ask("tmd:GetAudioSources", path=PATH)).texts("tmd:Token") == ["AudioSource_1"]

    async def test_tokens_are_those_of_the_media_service(self, client: Client) -> None:
        for kind in ("Video", "Audio"):
            media = (await client.ask(f"trt:Get{kind}Sources")).response
            tokens = (await client.ask(f"tmd:Get{kind}Sources")).texts("tmd:Token")
            assert [source.get("token") for source in media] == tokens

    async def test_a_silent_camera(self, client: Client) -> None:
        client.server.update(make_description(channel=make_channel(main_audio=None)))
        assert len((await client.ask("tmd:GetAudioSources")).response) == 0

    @pytest.mark.parametrize("name", ["GetVideoOutputs", "GetAudioOutputs", "GetSerialPorts", "GetDigitalInputs"])
    async def test_nothing(self, client: Client, name: str) -> None:
        assert len((await client.ask(f"tmd:{name}", path=PATH)).response) == 0

    async def test_digital_input(self, client: Client) -> None:
        client.server.update(replace(make_description(), event_kinds=(EventKind.DIGITAL_INPUT,)))
        inputs = (await client.ask("tmd:GetDigitalInputs")).response
        assert [element.get("token") for element in inputs] == ["DigitalInput_1"]

    @pytest.mark.parametrize("login", ["anonymous", "viewer"])
    async def test_capabilities(self, client: Client, relays: Relays, login: str) -> None:
        client.server.update(replace(WITH_RELAYS, event_kinds=(EventKind.DIGITAL_INPUT,)))
        reply = await client.ask("tmd:GetServiceCapabilities", header="" if login == "anonymous" else None)
        counts = {
            "VideoSources": "1",
            "VideoOutputs": "0",
            "AudioSources": "1",
            "AudioOutputs": "0",
            "RelayOutputs": "2",
        }
        more = {"SerialPorts": "0", "DigitalInputs": "1", "DigitalInputOptions": "false"}
        assert dict(reply.response[0].attrib) == counts | more
        legacy = (await client.ask("tds:GetCapabilities", header="")).response.find(".//tt:Extension/tt:DeviceIO", NS)
        assert legacy is not None
        assert {child.tag.partition("}")[2]: child.text for child in legacy} == {"XAddr": client.url(PATH)} | counts


class TestRelayOutputs:
    """The recorder's, where clients may switch them."""

    @pytest.mark.parametrize("path", [PATH, "/onvif/device_service"])
    async def test_listed(self, client: Client, relays: Relays, path: str) -> None:
        reply = await client.ask("tds:GetRelayOutputs", path=path)
        assert [output.get("token") for output in reply.response] == ["Relay 1", "R2"]
        assert reply.texts(".//tt:Mode") == ["Monostable", "Bistable"]
        assert reply.texts(".//tt:DelayTime") == ["PT0.5S", "PT0S"]
        assert reply.texts(".//tt:IdleState") == ["open", "closed"]

    async def test_not_offered(self, client: Client) -> None:
        assert len((await client.ask("tds:GetRelayOutputs")).response) == 0
        reply = await client.ask("tds:SetRelayOutputState", switch("R2", "active"))
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal", "ter:RelayToken"])

    async def test_options_are_what_they_are(self, client: Client, relays: Relays) -> None:
        reply = await client.ask("tmd:GetRelayOutputOptions", header="", path=PATH)
        assert [options.get("token") for options in reply.response] == ["Relay 1", "R2"]
        assert reply.texts(".//tmd:Mode") == ["Monostable", "Bistable"]
        assert (reply.texts(".//tmd:DelayTimes"), reply.texts(".//tmd:Discrete")) == (["0.5"], ["true"])

    async def test_options_of_one(self, client: Client, relays: Relays) -> None:
        content = "<tmd:RelayOutputToken>R2</tmd:RelayOutputToken>"
        reply = await client.ask("tmd:GetRelayOutputOptions", content, header="")
        assert [options.get("token") for options in reply.response] == ["R2"]
        content = "<tmd:RelayOutputToken>R3</tmd:RelayOutputToken>"
        reply = await client.ask("tmd:GetRelayOutputOptions", content, header="")
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal", "ter:RelayToken"])

    @pytest.mark.parametrize("path", [PATH, "/onvif/device_service"])
    async def test_switched(self, client: Client, relays: Relays, path: str) -> None:
        for state, active in (("active", True), ("inactive", False)):
            reply = await client.ask("tds:SetRelayOutputState", switch("Relay 1", state), path=path)
            assert reply.status == 200
            assert relays.states == {"Relay 1": active}

    @pytest.mark.parametrize(
        ("content", "subcodes"),
        [
            (switch("R3", "active"), ["ter:InvalidArgVal", "ter:RelayToken"]),
            (switch("R2", "on"), ["ter:InvalidArgVal"]),
            ("", ["ter:InvalidArgVal", "ter:RelayToken"]),
        ],
    )
    async def test_wrong_words(self, client: Client, relays: Relays, content: str, subcodes: list[str]) -> None:
        assert (await client.ask("tds:SetRelayOutputState", content)).fault == (400, ["env:Sender", *subcodes])
        assert relays.states == {}

    @pytest.mark.parametrize(
        ("problem", "fault"),
        [
            (ControlProblem.UNREACHABLE, (500, ["env:Receiver", "ter:Action"])),
            (ControlProblem.REFUSED, (500, ["env:Receiver", "ter:Action"])),
            (ControlProblem.FULL, (500, ["env:Receiver", "ter:Action"])),
            (ControlProblem.NOT_SUPPORTED, (500, ["env:Receiver", "ter:ActionNotSupported"])),
            (ControlProblem.OUT_OF_RANGE, (400, ["env:Sender", "ter:InvalidArgVal"])),
            (ControlProblem.NO_SUCH_TOKEN, (400, ["env:Sender", "ter:InvalidArgVal", "ter:RelayToken"])),
        ],
    )
    async def test_the_recorder_fails(
        self, client: Client, relays: Relays, problem: ControlProblem, fault: tuple[int, list[str]]
    ) -> None:
        relays.problem = problem
        reply = await client.ask("tds:SetRelayOutputState", switch("R2", "active"))
        assert reply.fault == fault
        assert "the recorder's words" not in reply.reason

    async def test_the_recorder_is_away(self, client: Client, camera: Camera, relays: Relays) -> None:
        camera.relays = None
        reply = await client.ask("tds:SetRelayOutputState", switch("R2", "active"))
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported"])

    @pytest.mark.parametrize(
        ("operation", "named", "unknown"),
        [
            ("tmd:SetRelayOutputSettings", '<tmd:RelayOutput token="R2"/>', '<tmd:RelayOutput token="R3"/>'),
            (
                "tds:SetRelayOutputSettings",
                "<tds:RelayOutputToken>R2</tds:RelayOutputToken>",
                "<tds:RelayOutputToken>R3</tds:RelayOutputToken>",
            ),
        ],
    )
    async def test_settings_are_the_recorders(
        self, client: Client, relays: Relays, operation: str, named: str, unknown: str
    ) -> None:
        assert (await client.ask(operation, named)).fault == (500, ["env:Receiver", "ter:ActionNotSupported"])
        reply = await client.ask(operation, unknown)
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal", "ter:RelayToken"])


@pytest.mark.parametrize(
    "name", ["GetVideoSourceConfiguration", "SetDigitalInputConfigurations", "GetSerialPortConfiguration"]
)
async def test_what_is_not_there(client: Client, name: str) -> None:
    reply = await client.ask(f"tmd:{name}", path=PATH)
    assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported"])
    assert "not implemented" in reply.reason
