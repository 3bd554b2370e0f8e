"""The PTZ service: what the unit can do, and moves that reach it as they were meant."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lxml import etree
from onvif import ONVIFCamera
import pytest
from zeep.exceptions import Fault

from custom_components.onvif_proxy.controls import (
    ControlError,
    ControlProblem,
    MoveState,
    PtzPreset,
    PtzStatus,
    PtzVector,
)
from custom_components.onvif_proxy.model import PtzAbilities, PtzSpace, PtzSpaceKind
from custom_components.onvif_proxy.responder import Camera, OnvifServer
from custom_components.onvif_proxy.responder.services import steering

from .conftest import Client, Reply, make_camera, make_channel, make_description
from .envelopes import NS, PASSWORD, USERNAME
from .fakes import GENERIC, FakePtz

PATH = "/onvif/ptz_service"
PAN_TILT = f"{GENERIC}/PanTiltSpaces"
ZOOM = f"{GENERIC}/ZoomSpaces"
FOV = f"{PAN_TILT}/TranslationSpaceFov"
DEGREES = f"{PAN_TILT}/SphericalPositionSpaceDegrees"
PTZ = PtzAbilities(
    profile_token="RecorderProfile003_main",
    spaces=(
        PtzSpace(kind=PtzSpaceKind.ABSOLUTE_PAN_TILT, uri=DEGREES, x=(-180, 180), y=(-5, 90)),
        PtzSpace(kind=PtzSpaceKind.ABSOLUTE_PAN_TILT, uri=f"{PAN_TILT}/PositionGenericSpace", x=(-1, 1), y=(-1, 1)),
        PtzSpace(kind=PtzSpaceKind.ABSOLUTE_ZOOM, uri=f"{ZOOM}/PositionGenericSpace", x=(0, 1)),
        PtzSpace(kind=PtzSpaceKind.RELATIVE_PAN_TILT, uri=f"{PAN_TILT}/TranslationGenericSpace", x=(-1, 1), y=(-1, 1)),
        PtzSpace(kind=PtzSpaceKind.RELATIVE_PAN_TILT, uri=FOV, x=(-1, 1), y=(-1, 1)),
        PtzSpace(kind=PtzSpaceKind.CONTINUOUS_PAN_TILT, uri=f"{PAN_TILT}/VelocityGenericSpace", x=(-1, 1), y=(-1, 1)),
        PtzSpace(kind=PtzSpaceKind.CONTINUOUS_ZOOM, uri=f"{ZOOM}/VelocityGenericSpace", x=(-1, 1)),
        PtzSpace(kind=PtzSpaceKind.PAN_TILT_SPEED, uri=f"{PAN_TILT}/GenericSpeedSpace", x=(0, 1)),
    ),
    max_presets=8,
    has_home=True,
    auxiliary_commands=("tt:Wiper|On", "tt:Wiper|Off"),
    timeout=(0.5, 600.0),
    tells_position=True,
    tells_movement=True,
)
CONTINUOUS_ONLY = replace(
    PTZ,
    spaces=tuple(space for space in PTZ.spaces if space.kind is PtzSpaceKind.CONTINUOUS_PAN_TILT),
    has_home=False,
    auxiliary_commands=(),
    tells_position=False,
    tells_movement=False,
)
OK: tuple[int, list[str]] = (200, [])
NOT_SUPPORTED = (500, ["env:Receiver", "ter:ActionNotSupported"])


def invalid(subcode: str | None = None) -> tuple[int, list[str]]:
    return 400, ["env:Sender", "ter:InvalidArgVal", *([] if subcode is None else [f"ter:{subcode}"])]


def outcome(reply: Reply) -> tuple[int, list[str]]:
    return OK if reply.status == 200 else reply.fault


class Unit(FakePtz):
    """A unit that can be out of order."""

    problem: ControlProblem | None = None
    hangs = False
    told = PtzStatus()
    listed: tuple[PtzPreset, ...] | None = None

    async def continuous_move(self, velocity: PtzVector, timeout: float | None) -> None:
        await self._obey()
        await super().continuous_move(velocity, timeout)

    async def absolute_move(self, position: PtzVector, speed: PtzVector | None) -> None:
        await self._obey()
        await super().absolute_move(position, speed)

    async def relative_move(self, translation: PtzVector, speed: PtzVector | None) -> None:
        await self._obey()
        await super().relative_move(translation, speed)

    async def set_preset(self, name: str | None, token: str | None) -> str:
        await self._obey()
        return await super().set_preset(name, token)

    async def presets(self) -> tuple[PtzPreset, ...]:
        return await super().presets() if self.listed is None else self.listed

    async def status(self) -> PtzStatus:
        await self._obey()
        return self.told

    async def _obey(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.problem is not None:
            raise ControlError(self.problem, "secret")


@pytest.fixture
def unit() -> Unit:
    return Unit()


@pytest.fixture
def camera(unit: Unit) -> Camera:
    return make_camera(ptz=unit)


@pytest.fixture
async def server(camera: Camera) -> AsyncIterator[OnvifServer]:
    channel = replace(make_channel(), ptz=PTZ)
    async with OnvifServer(make_description(channel=channel), camera) as running:
        yield running


def use(client: Client, ptz: PtzAbilities | None) -> None:
    client.server.update(make_description(channel=replace(make_channel(), ptz=ptz)))


async def ask(client: Client, name: str, content: str = "", *, profile: str | None = "main") -> Reply:
    token = "" if profile is None else f"<tptz:ProfileToken>{profile}</tptz:ProfileToken>"
    return await client.ask(f"tptz:{name}", token + content, path=PATH)


def vector(name: str, pan_tilt: str = "", zoom: str = "") -> str:
    parts = (f"<tt:PanTilt {pan_tilt}/>" if pan_tilt else "") + (f"<tt:Zoom {zoom}/>" if zoom else "")
    return f"<tptz:{name}>{parts}</tptz:{name}>"


def preset(token: str) -> str:
    return f"<tptz:PresetToken>{token}</tptz:PresetToken>"


def canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)


class TestWhatItCanDo:
    """Nodes, configurations and capabilities say what the recorder's unit can do."""

    async def test_it_is_offered_where_there_is_a_unit(self, client: Client) -> None:
        services = await client.ask("tds:GetServices")
        addresses = dict(zip(services.texts(".//tds:Namespace"), services.texts(".//tds:XAddr"), strict=True))
        assert addresses[NS["tptz"]] == client.url(PATH)
        legacy = await client.ask("tds:GetCapabilities", "<tds:Category>PTZ</tds:Category>")
        assert legacy.text(".//tt:PTZ/tt:XAddr") == client.url(PATH)

        use(client, None)
        assert NS["tptz"] not in (await client.ask("tds:GetServices")).texts(".//tds:Namespace")
        assert (await ask(client, "GetNodes", profile=None)).fault == NOT_SUPPORTED
        assert (await ask(client, "Stop")).fault == NOT_SUPPORTED

    @pytest.mark.parametrize(("ptz", "told"), [(PTZ, "true"), (CONTINUOUS_ONLY, "false")])
    async def test_what_a_status_tells_is_said_before(self, client: Client, ptz: PtzAbilities, told: str) -> None:
        use(client, ptz)
        (capabilities,) = (await client.ask("tptz:GetServiceCapabilities", header="", path=PATH)).response
        assert dict(capabilities.items()) == {
            "EFlip": "false",
            "Reverse": "false",
            "GetCompatibleConfigurations": "true",
            "MoveStatus": told,
            "StatusPosition": told,
        }

    async def test_node(self, client: Client, assert_valid: Callable[[etree._Element], None]) -> None:
        for name, content in (("GetNodes", ""), ("GetNode", "<tptz:NodeToken>PTZNode_1</tptz:NodeToken>")):
            reply = await ask(client, name, content, profile=None)
            assert_valid(reply.response)
            assert reply.texts(".//tt:SupportedPTZSpaces/*/tt:URI") == [space.uri for space in PTZ.spaces]
            assert reply.text(".//tt:AbsolutePanTiltPositionSpace/tt:XRange/tt:Min") == "-180"
            assert reply.text(".//tt:AbsolutePanTiltPositionSpace/tt:YRange/tt:Max") == "90"
            assert reply.text(".//tt:MaximumNumberOfPresets") == "8"
            assert reply.text(".//tt:HomeSupported") == "true"
            assert reply.texts(".//tt:AuxiliaryCommands") == ["tt:Wiper|On", "tt:Wiper|Off"]
        other = await ask(client, "GetNode", "<tptz:NodeToken>other</tptz:NodeToken>", profile=None)
        assert other.fault == invalid("NoEntity")

    async def test_configuration_is_that_of_the_profiles(
        self, client: Client, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        profiles = await client.ask("trt:GetProfiles")
        in_profile = profiles.response.find(".//tt:PTZConfiguration", NS)
        assert in_profile is not None
        token = "<tptz:PTZConfigurationToken>PTZConfiguration_1</tptz:PTZConfigurationToken>"
        for reply in (
            await ask(client, "GetConfigurations", profile=None),
            await ask(client, "GetConfiguration", token, profile=None),
            await ask(client, "GetCompatibleConfigurations"),
        ):
            assert_valid(reply.response)
            (configuration,) = reply.response
            assert [canonical(part) for part in configuration] == [canonical(part) for part in in_profile]
        assert (await ask(client, "GetCompatibleConfigurations", profile="other")).fault == invalid("NoProfile")
        other = await ask(client, "GetConfiguration", token.replace("_1", "_2"), profile=None)
        assert other.fault == invalid("NoConfig")

    async def test_the_generic_space_is_the_default(self, client: Client) -> None:
        """Clients that name no space mean that one."""
        reply = await ask(client, "GetConfigurations", profile=None)
        assert reply.text(".//tt:DefaultAbsolutePantTiltPositionSpace") == f"{PAN_TILT}/PositionGenericSpace"

    async def test_options(self, client: Client, assert_valid: Callable[[etree._Element], None]) -> None:
        token = "<tptz:ConfigurationToken>PTZConfiguration_1</tptz:ConfigurationToken>"
        reply = await ask(client, "GetConfigurationOptions", token, profile=None)
        assert_valid(reply.response)
        assert FOV in reply.texts(".//tt:RelativePanTiltTranslationSpace/tt:URI")
        assert (reply.text(".//tt:PTZTimeout/tt:Min"), reply.text(".//tt:PTZTimeout/tt:Max")) == ("PT0.5S", "PT60S")
        other = await ask(client, "GetConfigurationOptions", token.replace("_1", "_2"), profile=None)
        assert other.fault == invalid("NoConfig")

    async def test_a_configuration_can_be_set_to_what_it_is(self, client: Client) -> None:
        (configuration,) = (await ask(client, "GetConfigurations", profile=None)).response
        same = etree.tostring(configuration).decode()
        other = same.replace(">PT10S<", ">PT11S<")
        persist = "<tptz:ForcePersistence>true</tptz:ForcePersistence>"
        assert other != same
        assert outcome(await ask(client, "SetConfiguration", same + persist, profile=None)) == OK
        assert outcome(await ask(client, "SetConfiguration", other + persist, profile=None)) == invalid("ConfigModify")
        assert outcome(await ask(client, "SetConfiguration", persist, profile=None)) == invalid("NoConfig")
        unknown = same.replace('"PTZConfiguration_1"', '"other"')
        assert outcome(await ask(client, "SetConfiguration", unknown, profile=None)) == invalid("NoConfig")


class TestMoves:
    """Moves are checked against the unit's spaces, and passed on in the recorder's terms."""

    async def test_continuous(self, client: Client, unit: Unit, assert_valid: Callable[[etree._Element], None]) -> None:
        velocity = vector("Velocity", 'x="0.5" y="-1"', 'x="1e-1"')
        reply = await ask(client, "ContinuousMove", f"{velocity}<tptz:Timeout>PT2.5S</tptz:Timeout>", profile="sub")
        assert_valid(reply.response)
        assert unit.calls == [("continuous_move", PtzVector(pan=0.5, tilt=-1.0, zoom=0.1), 2.5)]

    async def test_continuous_without_a_timeout_ends_after_the_default_one(self, client: Client, unit: Unit) -> None:
        default = (await ask(client, "GetConfigurations", profile=None)).text(".//tt:DefaultPTZTimeout")
        await ask(client, "ContinuousMove", vector("Velocity", zoom='x="-1"'))
        assert (default, unit.calls) == ("PT10S", [("continuous_move", PtzVector(zoom=-1.0), 10.0)])

    @pytest.mark.parametrize("timeout", ["PT0.4S", "PT61S", "PT0S", "-PT5S", "P1Y", "5", "", "PT" + "9" * 50 + "S"])
    async def test_timeouts_that_are_not_supported(self, client: Client, unit: Unit, timeout: str) -> None:
        content = vector("Velocity", 'x="0.5" y="0"') + f"<tptz:Timeout>{timeout}</tptz:Timeout>"
        assert (await ask(client, "ContinuousMove", content)).fault == invalid("TimeoutNotSupported")
        assert unit.calls == []

    async def test_relative_in_the_field_of_view(self, client: Client, unit: Unit) -> None:
        """What Frigate follows objects with."""
        speed = vector("Speed", 'x="1" y="1"', 'x="0"')
        content = vector("Translation", f'x="0.25" y="-0.125" space="{FOV}"', 'x="0"') + speed
        assert outcome(await ask(client, "RelativeMove", content)) == OK
        translation = PtzVector(pan=0.25, tilt=-0.125, pan_tilt_space=FOV)
        assert unit.calls == [("relative_move", translation, PtzVector(pan=1.0, tilt=1.0))]

    async def test_absolute(self, client: Client, unit: Unit) -> None:
        """The space is named where there are several, as the recorder's default may be another."""
        await ask(client, "AbsoluteMove", vector("Position", 'x="0.5" y="0.5"', 'x="1"'))
        await ask(client, "AbsoluteMove", vector("Position", f'x="170" y="45" space="{DEGREES}"'))
        generic = f"{PAN_TILT}/PositionGenericSpace"
        assert unit.calls == [
            ("absolute_move", PtzVector(pan=0.5, tilt=0.5, zoom=1.0, pan_tilt_space=generic), None),
            ("absolute_move", PtzVector(pan=170.0, tilt=45.0, pan_tilt_space=DEGREES), None),
        ]

    @pytest.mark.parametrize(
        ("name", "argument", "subcode"),
        [
            ("ContinuousMove", "Velocity", "InvalidVelocity"),
            ("RelativeMove", "Translation", "InvalidTranslation"),
            ("AbsoluteMove", "Position", "InvalidPosition"),
        ],
    )
    @pytest.mark.parametrize(
        "pan_tilt",
        [
            'x="1.01" y="0"',
            'x="0" y="-1.5"',
            'x="NaN" y="0"',
            'x="nan" y="0"',
            'x="INF" y="0"',
            'x="1e999" y="0"',
            'x="0" y="-1e308"',
            'x="1_0" y="0"',
            'x="" y="0"',
            'x="0,5" y="0"',
            'x="&#x661;" y="0"',
            f'x="0.{"0" * 100}" y="0"',
            'y="0.5"',
            'x="0.5"',
        ],
    )
    async def test_numbers_that_are_refused(
        self, client: Client, unit: Unit, name: str, argument: str, subcode: str, pan_tilt: str
    ) -> None:
        assert (await ask(client, name, vector(argument, pan_tilt))).fault == invalid(subcode)
        assert unit.calls == []

    @pytest.mark.parametrize(
        ("name", "subcode"),
        [
            ("ContinuousMove", "InvalidVelocity"),
            ("RelativeMove", "InvalidTranslation"),
            ("AbsoluteMove", "InvalidPosition"),
        ],
    )
    async def test_where_to_must_be_said(self, client: Client, name: str, subcode: str) -> None:
        assert (await ask(client, name)).fault == invalid(subcode)

    @pytest.mark.parametrize(
        "content",
        [
            vector("Translation", 'x="0" y="0" space="urn:unknown"'),
            vector("Translation", f'x="0.5" y="0" space="{DEGREES}"'),
            vector("Translation", zoom='x="0.5"'),
            vector("Translation", 'x="0" y="0"') + vector("Speed", 'x="0.5" y="0.5" space="urn:unknown"'),
        ],
        ids=["unknown", "of another kind", "none for zoom", "of speed"],
    )
    async def test_spaces_that_are_not_supported(self, client: Client, unit: Unit, content: str) -> None:
        assert (await ask(client, "RelativeMove", content)).fault == invalid("SpaceNotSupported")
        assert unit.calls == []

    @pytest.mark.parametrize("speed", ['x="1.5" y="0"', 'x="0" y="-0.5"', 'x="NaN" y="0"'])
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("RelativeMove", vector("Translation", 'x="0" y="0"')),
            ("AbsoluteMove", vector("Position", 'x="0" y="0"')),
            ("GotoPreset", preset("1")),
            ("GotoHomePosition", ""),
        ],
    )
    async def test_speeds_that_are_refused(
        self, client: Client, unit: Unit, name: str, content: str, speed: str
    ) -> None:
        assert (await ask(client, name, content + vector("Speed", speed))).fault == invalid("InvalidSpeed")
        assert unit.calls == []

    async def test_axes_that_the_unit_lacks_may_be_left_alone(self, client: Client, unit: Unit) -> None:
        """Home Assistant sends all axes, and a speed for each."""
        use(client, CONTINUOUS_ONLY)
        assert outcome(await ask(client, "ContinuousMove", vector("Velocity", 'x="1" y="0"', 'x="0"'))) == OK
        assert outcome(await ask(client, "GotoPreset", preset("1") + vector("Speed", 'x="1" y="1"', 'x="1"'))) == OK
        assert unit.calls == [("continuous_move", PtzVector(pan=1.0, tilt=0.0), 10.0), ("go_to_preset", "1", None)]

    async def test_a_vector_that_says_nothing_moves_nothing(self, client: Client, unit: Unit) -> None:
        assert outcome(await ask(client, "ContinuousMove", vector("Velocity"))) == OK
        assert unit.calls == []

    @pytest.mark.parametrize("name", ["AbsoluteMove", "RelativeMove", "GotoHomePosition", "SetHomePosition"])
    async def test_moves_that_the_unit_can_not_make(self, client: Client, unit: Unit, name: str) -> None:
        use(client, CONTINUOUS_ONLY)
        content = vector("Position", 'x="0" y="0"') + vector("Translation", 'x="0" y="0"')
        reply = await ask(client, name, content)
        assert reply.fault == NOT_SUPPORTED
        assert "not implemented" in reply.reason
        assert unit.calls == []

    @pytest.mark.parametrize(
        ("content", "call"),
        [
            ("", ("stop", True, True)),
            ("<tptz:PanTilt>true</tptz:PanTilt>", ("stop", True, True)),
            ("<tptz:PanTilt>1</tptz:PanTilt><tptz:Zoom>0</tptz:Zoom>", ("stop", True, False)),
            ("<tptz:PanTilt>false</tptz:PanTilt>", ("stop", False, True)),
            ("<tptz:PanTilt>false</tptz:PanTilt><tptz:Zoom>false</tptz:Zoom>", None),
        ],
    )
    async def test_stop(self, client: Client, unit: Unit, content: str, call: tuple[object, ...] | None) -> None:
        assert outcome(await ask(client, "Stop", content)) == OK
        assert unit.calls == ([] if call is None else [call])

    async def test_stop_is_yes_or_no(self, client: Client, unit: Unit) -> None:
        assert (await ask(client, "Stop", "<tptz:Zoom>perhaps</tptz:Zoom>")).fault == invalid()
        assert unit.calls == []

    @pytest.mark.parametrize("name", ["ContinuousMove", "Stop", "GetStatus", "GetPresets", "GotoHomePosition"])
    @pytest.mark.parametrize("profile", ["RecorderProfile003_main", None])
    async def test_a_profile_must_be_ours(self, client: Client, unit: Unit, name: str, profile: str | None) -> None:
        reply = await ask(client, name, vector("Velocity", 'x="1" y="1"'), profile=profile)
        assert reply.fault == invalid("NoProfile")
        assert unit.calls == []

    async def test_home(self, client: Client, unit: Unit) -> None:
        assert outcome(await ask(client, "SetHomePosition")) == OK
        assert outcome(await ask(client, "GotoHomePosition", vector("Speed", 'x="0.5" y="0.5"'))) == OK
        assert unit.calls == [("set_home",), ("go_home", PtzVector(pan=0.5, tilt=0.5))]

    async def test_auxiliary_commands(
        self, client: Client, unit: Unit, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        def data(command: str) -> str:
            return f"<tptz:AuxiliaryData>{command}</tptz:AuxiliaryData>"

        assert_valid((await ask(client, "SendAuxiliaryCommand", data("tt:Wiper|On"))).response)
        assert (await ask(client, "SendAuxiliaryCommand", data("tt:Washer|On"))).fault == invalid()
        assert unit.calls == [("send_auxiliary", "tt:Wiper|On")]
        use(client, CONTINUOUS_ONLY)
        assert (await ask(client, "SendAuxiliaryCommand", data("tt:Wiper|On"))).fault == NOT_SUPPORTED

    @pytest.mark.parametrize("name", ["GeoMove", "GetPresetTours", "CreatePresetTour", "MoveAndStartTracking"])
    async def test_what_no_unit_can_do(self, client: Client, name: str) -> None:
        assert (await ask(client, name)).fault == NOT_SUPPORTED


class TestStatus:
    """As far as the recorder tells."""

    async def test_position_and_movement(
        self, client: Client, unit: Unit, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        position = PtzVector(pan=0.801444, tilt=-0.982444, zoom=0.05, zoom_space="urn:zoom")
        unit.told = PtzStatus(position=position, pan_tilt=MoveState.MOVING, zoom=MoveState.IDLE)
        reply = await ask(client, "GetStatus")
        assert_valid(reply.response)
        pan_tilt, zoom = (reply.response.find(f".//tt:Position/tt:{name}", NS) for name in ("PanTilt", "Zoom"))
        assert pan_tilt is not None
        assert zoom is not None
        generic = f"{PAN_TILT}/PositionGenericSpace"
        assert dict(pan_tilt.items()) == {"x": "0.801444", "y": "-0.982444", "space": generic}
        assert dict(zoom.items()) == {"x": "0.05", "space": "urn:zoom"}
        assert (reply.text(".//tt:MoveStatus/tt:PanTilt"), reply.text(".//tt:MoveStatus/tt:Zoom")) == ("MOVING", "IDLE")
        assert reply.text(".//tt:Error") is None
        told = datetime.fromisoformat(reply.text(".//tt:UtcTime") or "")
        assert abs(datetime.now(UTC) - told) < timedelta(seconds=3)

    @pytest.mark.parametrize(("ptz", "axes"), [(PTZ, 2), (CONTINUOUS_ONLY, 1)])
    async def test_what_is_not_told_is_unknown(
        self, client: Client, ptz: PtzAbilities, axes: int, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        use(client, ptz)
        reply = await ask(client, "GetStatus")
        assert_valid(reply.response)
        assert reply.response.find(".//tt:Position", NS) is None
        assert reply.texts(".//tt:MoveStatus/*") == ["UNKNOWN"] * axes
        assert reply.text(".//tt:Error")  # PTZ specification, GetStatus: beside UNKNOWN there is a reason

    async def test_an_error_of_the_unit(self, client: Client, unit: Unit) -> None:
        unit.told = PtzStatus(pan_tilt=MoveState.IDLE, zoom=MoveState.IDLE, error="motor is stuck " * 1000)
        assert (await ask(client, "GetStatus")).text(".//tt:Error") == ("motor is stuck " * 5)[:64].rstrip()


class TestPresets:
    """Their tokens are the recorder's."""

    async def test_list(self, client: Client, assert_valid: Callable[[etree._Element], None]) -> None:
        reply = await ask(client, "GetPresets")
        assert_valid(reply.response)
        (listed,) = reply.response
        assert (listed.get("token"), reply.text(".//tt:Name")) == ("1", "Gate")
        zoom = listed.find("tt:PTZPosition/tt:Zoom", NS)
        assert zoom is not None
        assert dict(zoom.items()) == {"x": "0.25", "space": f"{ZOOM}/PositionGenericSpace"}

    async def test_what_a_recorder_lists_follows_the_schema(
        self, client: Client, unit: Unit, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        unit.listed = (
            PtzPreset(token="t" * 65, name="too long to be a token"),
            PtzPreset(token="", name="no token"),
            PtzPreset(token=" 1 & <2>", name="ü" * 100),
            PtzPreset(token="2", name=""),
        )
        reply = await ask(client, "GetPresets")
        assert_valid(reply.response)
        assert [listed.get("token") for listed in reply.response] == [" 1 & <2>", "2"]
        assert reply.texts(".//tt:Name") == ["ü" * 64]

    async def test_make_move_to_replace_and_remove(self, client: Client, unit: Unit) -> None:
        made = await ask(client, "SetPreset", "<tptz:PresetName>Yard &amp; Gate</tptz:PresetName>")
        token = made.text("tptz:PresetToken") or ""
        assert (await ask(client, "GetPresets")).texts(".//tt:Name") == ["Gate", "Yard & Gate"]
        assert outcome(await ask(client, "GotoPreset", preset(token))) == OK
        replaced = await ask(client, "SetPreset", f"<tptz:PresetName>Yard</tptz:PresetName>{preset(token)}")
        assert replaced.text("tptz:PresetToken") == token
        assert (await ask(client, "GetPresets")).texts(".//tt:Name") == ["Gate", "Yard"]
        assert outcome(await ask(client, "RemovePreset", preset(token))) == OK
        assert outcome(await ask(client, "RemovePreset", preset(token))) == invalid("NoToken")
        assert unit.calls == [("go_to_preset", token, None)]

    @pytest.mark.parametrize("name", ["GotoPreset", "RemovePreset", "SetPreset"])
    @pytest.mark.parametrize("token", ["", "t" * 65, "a&#10;b"])
    async def test_tokens_that_are_none(self, client: Client, unit: Unit, name: str, token: str) -> None:
        assert (await ask(client, name, preset(token))).fault == invalid("NoToken")
        assert unit.calls == []

    @pytest.mark.parametrize("name", ["GotoPreset", "RemovePreset"])
    async def test_a_token_must_be_there(self, client: Client, name: str) -> None:
        assert (await ask(client, name)).fault == invalid("NoToken")
        assert (await ask(client, name, preset("99"))).fault == invalid("NoToken")

    @pytest.mark.parametrize("name", ["n" * 65, "a&#10;b"])
    async def test_names_that_are_refused(self, client: Client, name: str) -> None:
        reply = await ask(client, "SetPreset", f"<tptz:PresetName>{name}</tptz:PresetName>")
        assert reply.fault == invalid("InvalidPresetName")

    async def test_no_more_fit(self, client: Client, unit: Unit) -> None:
        unit.problem = ControlProblem.FULL
        reply = await ask(client, "SetPreset")
        assert reply.fault == (500, ["env:Receiver", "ter:Action", "ter:TooManyPresets"])


class TestTrouble:
    """What goes wrong at the recorder is told, and nobody else waits for it."""

    @pytest.mark.parametrize(
        ("problem", "fault"),
        [
            (ControlProblem.UNREACHABLE, (500, ["env:Receiver", "ter:Action"])),
            (ControlProblem.REFUSED, (500, ["env:Receiver", "ter:Action"])),
            (ControlProblem.NOT_SUPPORTED, NOT_SUPPORTED),
            (ControlProblem.OUT_OF_RANGE, invalid("InvalidPosition")),
        ],
    )
    async def test_problems(
        self, client: Client, unit: Unit, problem: ControlProblem, fault: tuple[int, list[str]]
    ) -> None:
        unit.problem = problem
        reply = await ask(client, "AbsoluteMove", vector("Position", 'x="0" y="0"'))
        assert reply.fault == fault
        assert b"secret" not in reply.content

    @pytest.mark.parametrize(
        ("name", "content", "subcode"),
        [
            ("ContinuousMove", vector("Velocity", 'x="0" y="0"'), "InvalidVelocity"),
            ("RelativeMove", vector("Translation", 'x="0" y="0"'), "InvalidTranslation"),
            ("SetPreset", "", "InvalidPresetName"),
        ],
    )
    async def test_values_that_the_recorder_does_not_take(
        self, client: Client, unit: Unit, name: str, content: str, subcode: str
    ) -> None:
        unit.problem = ControlProblem.OUT_OF_RANGE
        assert (await ask(client, name, content)).fault == invalid(subcode)

    async def test_a_recorder_that_hangs(self, client: Client, unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(steering, "CALL_TIMEOUT", 0.3)
        unit.hangs = True
        waiting = asyncio.create_task(ask(client, "GetStatus"))
        await asyncio.sleep(0.05)
        assert len((await ask(client, "GetPresets")).response) == 1
        assert not waiting.done()
        assert (await waiting).fault == (500, ["env:Receiver", "ter:Action"])

    async def test_a_unit_that_has_just_gone(self, client: Client, camera: Camera) -> None:
        camera.ptz = None
        assert (await ask(client, "Stop")).fault == NOT_SUPPORTED


async def test_a_client_that_is_not_ours(server: OnvifServer, unit: Unit) -> None:
    """onvif-zeep-async, which Home Assistant and Frigate use, and what Frigate looks for."""
    unit.told = PtzStatus(pan_tilt=MoveState.IDLE, zoom=MoveState.IDLE)
    device = ONVIFCamera("127.0.0.1", server.port, USERNAME, PASSWORD)
    try:
        await device.update_xaddrs()
        media, service = await device.create_media_service(), await device.create_ptz_service()
        profile, _ = await media.GetProfiles()
        assert profile.PTZConfiguration.DefaultContinuousPanTiltVelocitySpace == f"{PAN_TILT}/VelocityGenericSpace"
        options = await service.GetConfigurationOptions({"ConfigurationToken": profile.PTZConfiguration.token})
        assert FOV in [space.URI for space in options.Spaces.RelativePanTiltTranslationSpace]
        assert (await service.GetServiceCapabilities())._attr_1["MoveStatus"] == "true"  # its WSDL is older
        status = await service.GetStatus({"ProfileToken": profile.token})
        assert (status.MoveStatus.PanTilt, status.MoveStatus.Zoom) == ("IDLE", "IDLE")
        (listed,) = await service.GetPresets({"ProfileToken": profile.token})
        assert (listed.token, listed.Name, listed.PTZPosition.PanTilt.x) == ("1", "Gate", 0.5)
        move = {"ProfileToken": profile.token, "Velocity": {"PanTilt": {"x": 0.5, "y": 0.0}, "Zoom": {"x": 0.0}}}
        await service.ContinuousMove(move | {"Timeout": timedelta(seconds=1.5)})
        await service.Stop({"ProfileToken": profile.token, "PanTilt": True, "Zoom": False})
        with pytest.raises(Fault) as raised:
            await service.GotoPreset({"ProfileToken": profile.token, "PresetToken": "99"})
        assert [subcode.localname for subcode in raised.value.subcodes] == ["InvalidArgVal", "NoToken"]
    finally:
        await device.close()
    assert unit.calls == [("continuous_move", PtzVector(pan=0.5, tilt=0.0, zoom=0.0), 1.5), ("stop", True, False)]
