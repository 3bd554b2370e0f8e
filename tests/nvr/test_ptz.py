"""PTZ units of recorders' channels."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from custom_components.onvif_proxy.controls import (
    ControlError,
    ControlProblem,
    MoveState,
    PtzControl,
    PtzPreset,
    PtzStatus,
    PtzVector,
)
from custom_components.onvif_proxy.model import Channel, PtzSpaceKind
from custom_components.onvif_proxy.nvr.control_calls import ControlCalls
from custom_components.onvif_proxy.nvr.profiles import Profile
from custom_components.onvif_proxy.nvr.ptz import (
    OnvifPtz,
    PtzScan,
    choose_profile,
    read_error,
    read_move_state,
    read_spaces,
    read_vector,
    write_vector,
)
from custom_components.onvif_proxy.nvr.soap import PTZ, SoapClient
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from .conftest import CREDENTIALS, DriverFactory
from .soap_recorder import CAPTURES, SoapRecorder, fault

needs_captures = pytest.mark.skipif(not CAPTURES.is_dir(), reason="device captures are not beside this checkout")


@dataclass
class Head:
    """A simulated head, and what steers it."""

    simulated: SimulatedRecorder
    channel: Channel
    control: PtzControl

    @property
    def commands(self) -> list[tuple[str, dict[str, Any]]]:
        """What it was told."""
        return [(command.name, dict(command.values)) for command in self.simulated.ptz(1).commands]


@pytest.fixture
async def head(make_driver: DriverFactory) -> AsyncIterator[Head]:
    """Hikvision's, with everything."""
    async with SimulatedRecorder(RecorderOptions(channels=2, ptz=(1,))) as simulated:
        driver = make_driver(simulated)
        channel, other = (await driver.scan()).channels
        control = driver.ptz(channel)
        assert control is not None
        assert driver.ptz(other) is None
        yield Head(simulated, channel, control)


async def test_a_scan_tells_what_a_unit_can_do(head: Head) -> None:
    """Spaces, presets, home and how long a move may be; by the main stream's profile."""
    ptz = head.channel.ptz
    assert ptz is not None

    assert ptz.profile_token == head.channel.main.profile_token
    assert {space.kind for space in ptz.spaces} == set(PtzSpaceKind)
    assert all((space.y is None) is ("PanTilt" not in space.kind or "Speed" in space.kind) for space in ptz.spaces)
    assert ptz.max_presets > 0
    assert ptz.timeout[0] < ptz.timeout[1]


async def test_moves_reach_the_head_as_they_were_meant(head: Head) -> None:
    """Velocity with and without a time, distance, position, stop."""
    await head.control.continuous_move(PtzVector(pan=0.5, tilt=-0.25), 10.0)
    await head.control.continuous_move(PtzVector(zoom=-1.0), None)
    await head.control.stop(pan_tilt=True, zoom=False)
    await head.control.relative_move(PtzVector(pan=0.1, tilt=0.0), PtzVector(pan=0.5, tilt=0.5))
    await head.control.absolute_move(PtzVector(pan=0.0, tilt=0.1, zoom=0.2), None)

    assert head.commands == [
        ("ContinuousMove", {"pan": 0.5, "tilt": -0.25, "timeout": 10.0}),
        ("ContinuousMove", {"zoom": -1.0}),
        ("Stop", {"pan": 0.0, "tilt": 0.0}),
        ("RelativeMove", {"pan": 0.1, "tilt": 0.0}),
        ("AbsoluteMove", {"pan": 0.0, "tilt": 0.1, "zoom": 0.2}),
    ]


async def test_spaces_are_passed_on(head: Head) -> None:
    """Those of the field of view too, which Frigate uses."""
    assert head.channel.ptz is not None
    kind = PtzSpaceKind.RELATIVE_PAN_TILT
    space = [space.uri for space in head.channel.ptz.spaces if space.kind is kind][-1]
    await head.control.relative_move(PtzVector(pan=0.5, tilt=0.5, pan_tilt_space=space), None)

    with pytest.raises(ControlError) as caught:
        await head.control.relative_move(PtzVector(pan=0.5, tilt=0.5, pan_tilt_space="urn:unknown"), None)
    assert caught.value.problem is ControlProblem.OUT_OF_RANGE


async def test_a_status_tells_position_and_movement(head: Head) -> None:
    """As far as the recorder does."""
    status = await head.control.status()

    assert status.position is not None
    assert (status.position.pan, status.position.tilt, status.position.zoom) == (0.0, 0.0, 0.0)
    assert status.error is None


async def test_presets_are_kept_replaced_gone_to_and_removed(head: Head) -> None:
    """By the recorder's tokens."""
    before = await head.control.presets()
    token = await head.control.set_preset("Yard", None)
    assert await head.control.set_preset(None, token) == token
    made = next(preset for preset in await head.control.presets() if preset.token == token)
    await head.control.go_to_preset("1", PtzVector(pan=1.0, tilt=1.0))
    await head.control.remove_preset(token)

    assert [(preset.token, preset.name) for preset in before] == [("1", "Gate"), ("2", "Door")]
    assert made.name == "Yard"
    assert await head.control.presets() == before
    assert head.commands[-2:] == [("GotoPreset", {"preset": "1"}), ("RemovePreset", {"preset": token})]


async def test_home_and_auxiliary_commands(head: Head) -> None:
    """Where the unit has them; another is refused."""
    await head.control.set_home()
    await head.control.go_home(None)
    assert head.channel.ptz is not None
    commands = head.channel.ptz.auxiliary_commands
    for command in commands:
        await head.control.send_auxiliary(command)

    assert head.channel.ptz.has_home
    assert [name for name, _ in head.commands[:2]] == ["SetHomePosition", "GotoHomePosition"]
    assert [values for _, values in head.commands[2:]] == [{"command": command} for command in commands]
    with pytest.raises(ControlError) as caught:
        await head.control.send_auxiliary("tt:Coffee|On")
    assert caught.value.problem is ControlProblem.NOT_SUPPORTED


async def test_what_a_recorder_refuses_is_told_apart(head: Head) -> None:
    """So that the client gets the right fault."""
    with pytest.raises(ControlError) as caught:
        await head.control.go_to_preset("999", None)
    assert caught.value.problem is ControlProblem.NO_SUCH_TOKEN
    with pytest.raises(ControlError) as caught:
        await head.control.absolute_move(PtzVector(pan=5.0, tilt=0.0), None)
    assert caught.value.problem is ControlProblem.OUT_OF_RANGE
    with pytest.raises(ControlError) as caught:
        await head.control.continuous_move(PtzVector(pan=1.0, tilt=0.0), 100_000.0)
    assert caught.value.problem is ControlProblem.OUT_OF_RANGE
    assert head.channel.ptz is not None
    gate = head.simulated.ptz(1).presets["1"]
    head.simulated.ptz(1).presets |= {str(number): gate for number in range(1, head.channel.ptz.max_presets + 1)}
    with pytest.raises(ControlError) as caught:
        await head.control.set_preset("one more", None)
    assert caught.value.problem is ControlProblem.FULL


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "reolink", "uniview"])
async def test_units_of_every_vendor(vendor: str, make_driver: DriverFactory) -> None:
    """Found, moved and stopped, whatever else they can."""
    async with SimulatedRecorder(RecorderOptions(channels=2, ptz=(2,), vendor=vendor)) as simulated:
        driver = make_driver(simulated)
        fixed, moving = (await driver.scan()).channels
        control = driver.ptz(moving)
        assert control is not None
        assert fixed.ptz is None
        await control.continuous_move(PtzVector(pan=0.5, tilt=0.0), None)
        await control.stop(pan_tilt=True, zoom=True)
        await control.status()

        assert [command.name for command in simulated.ptz(2).commands] == ["ContinuousMove", "Stop"]


# --- Recorders that misbehave, and real ones -------------------------------------------------------------------------


@pytest.fixture
async def soap(soap_recorder: SoapRecorder, session: Any) -> AsyncIterator[SoapClient]:
    """What calls the canned recorder, with a PTZ service."""
    client = SoapClient(
        host=soap_recorder.host, port=soap_recorder.port, credentials=CREDENTIALS, session=session, timeout=0.3
    )
    client.addresses[PTZ] = f"http://{soap_recorder.host}:{soap_recorder.port}/onvif/PTZ"
    yield client
    await client.close()


def profile(configuration: str, node: str) -> Profile:
    """Make a profile with a unit."""
    return Profile(token="p1", source_token="s1", ptz_configuration=configuration, ptz_node=node)


@needs_captures
async def test_what_captured_units_can_do(soap_recorder: SoapRecorder, soap: SoapClient) -> None:
    """Their nodes are not among the captures: spaces and times come from the options."""
    scan = PtzScan(soap=soap)
    soap_recorder.answer_from("hikvision-oem-enp1a14-ir25x", GetConfigurationOptions="Ptz-GetConfigurationOptions.xml")
    soap_recorder.answers["GetNodes"] = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        '<GetNodesResponse xmlns="http://www.onvif.org/ver20/ptz/wsdl"/></s:Body></s:Envelope>'
    )
    hikvision = (await scan.abilities([profile("PTZToken", "PTZNODETOKEN")]))["s1"]
    soap_recorder.answer_from("xmeye-xm530-sunba405", GetConfigurationOptions="Ptz-GetConfigurationOptions.xml")
    xmeye = (await scan.abilities([profile("000", "000")]))["s1"]

    assert {space.kind for space in hikvision.spaces} == set(PtzSpaceKind)
    assert any(space.uri.endswith("TranslationSpaceFov") for space in hikvision.spaces)
    assert not {space.kind for space in xmeye.spaces} & {PtzSpaceKind.ABSOLUTE_PAN_TILT, PtzSpaceKind.ABSOLUTE_ZOOM}
    assert xmeye.timeout == (1.0, 120.0)
    speed = next(space for space in xmeye.spaces if space.kind is PtzSpaceKind.PAN_TILT_SPEED)
    assert (speed.x, speed.y) == ((1.0, 8.0), None)


@needs_captures
async def test_captured_units_are_steered(soap_recorder: SoapRecorder, soap: SoapClient) -> None:
    """Their own answers are understood."""
    unit = OnvifPtz(calls=ControlCalls(soap=soap), profile_token="p1")
    for operation in ("GetStatus", "GetPresets", "SetPreset", "Stop", "ContinuousMove", "GotoPreset"):
        soap_recorder.answer_from("hikvision-oem-enp1a14-ir25x", **{operation: f"Ptz-{operation}.xml"})
    await unit.continuous_move(PtzVector(pan=0.5, tilt=0.0), 1.5)
    await unit.stop(pan_tilt=True, zoom=True)
    await unit.go_to_preset("1", None)
    status, presets = await unit.status(), await unit.presets()

    assert status.position is not None
    assert (status.position.pan, status.error) == (0.801444, None)
    assert status.pan_tilt is None
    assert presets[0] == PtzPreset(
        token="1", name="MIMBER", position=PtzVector(pan=-0.198778, tilt=-0.982444, zoom=0.05375)
    )
    assert await unit.set_preset("New", None) == "21"
    soap_recorder.answer_from("reolink-e1-zoom", GetStatus="GetStatus@000.xml")
    assert await unit.status() == PtzStatus(pan_tilt=MoveState.IDLE, zoom=MoveState.IDLE)


@needs_captures
@pytest.mark.parametrize(
    ("device", "answer", "told"),
    [
        ("hikvision-oem-enp1a14-ir25x", "Ptz-GetStatus.xml", (True, False)),
        ("reolink-e1-zoom", "GetStatus@000.xml", (False, True)),
    ],
)
async def test_what_a_status_tells_is_learnt_from_one(
    soap_recorder: SoapRecorder, soap: SoapClient, device: str, answer: str, told: tuple[bool, bool]
) -> None:
    """Whether it has a position, whether it moves: clients that track something ask before."""
    scan = PtzScan(soap=soap)
    soap_recorder.answer_from("hikvision-oem-enp1a14-ir25x", GetConfigurationOptions="Ptz-GetConfigurationOptions.xml")
    soap_recorder.answers["GetNodes"] = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        '<GetNodesResponse xmlns="http://www.onvif.org/ver20/ptz/wsdl"/></s:Body></s:Envelope>'
    )
    soap_recorder.answer_from(device, GetStatus=answer)
    ptz = (await scan.abilities([profile("PTZToken", "PTZNODETOKEN")]))["s1"]
    assert (ptz.tells_position, ptz.tells_movement) == told


async def test_options_are_asked_for_once(soap_recorder: SoapRecorder, soap: SoapClient) -> None:
    """A scan is repeated, and a refusal is an answer."""
    scan = PtzScan(soap=soap)
    soap_recorder.answers["GetNodes"] = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema">'
        '<s:Body><t:GetNodesResponse xmlns:t="http://www.onvif.org/ver20/ptz/wsdl"><t:PTZNode token="n">'
        "<tt:SupportedPTZSpaces><tt:ContinuousZoomVelocitySpace><tt:URI>urn:z</tt:URI><tt:XRange><tt:Min>-1</tt:Min>"
        "<tt:Max>1</tt:Max></tt:XRange></tt:ContinuousZoomVelocitySpace></tt:SupportedPTZSpaces>"
        "<tt:MaximumNumberOfPresets>9</tt:MaximumNumberOfPresets><tt:HomeSupported>true</tt:HomeSupported>"
        "<tt:AuxiliaryCommands>tt:Wiper|On</tt:AuxiliaryCommands></t:PTZNode></t:GetNodesResponse></s:Body></s:Envelope>"
    )
    first = await scan.abilities([profile("c", "n")])
    second = await scan.abilities([profile("c", "n")])

    assert first == second
    assert soap_recorder.calls == {"GetNodes": 2, "GetConfigurationOptions": 1, "GetStatus": 1}
    ptz = first["s1"]
    assert [space.uri for space in ptz.spaces] == ["urn:z"]
    assert (ptz.max_presets, ptz.has_home, ptz.auxiliary_commands) == (9, True, ("tt:Wiper|On",))


async def test_a_recorder_without_units_is_not_asked(soap_recorder: SoapRecorder, soap: SoapClient) -> None:
    """Most have none."""
    assert await PtzScan(soap=soap).abilities([]) == {}
    assert soap_recorder.calls == {}


async def test_a_preset_without_a_token_was_not_made(soap_recorder: SoapRecorder, soap: SoapClient) -> None:
    """Nothing is made up."""
    soap_recorder.answers["SetPreset"] = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        '<SetPresetResponse xmlns="http://www.onvif.org/ver20/ptz/wsdl"/></s:Body></s:Envelope>'
    )
    with pytest.raises(ControlError) as caught:
        await OnvifPtz(calls=ControlCalls(soap=soap), profile_token="p1").set_preset("n", None)
    assert caught.value.problem is ControlProblem.REFUSED


async def test_a_refused_login_is_not_repeated_at_once(soap_recorder: SoapRecorder, soap: SoapClient) -> None:
    """Clients ask for the status every second, and recorders lock accounts."""
    soap_recorder.answers["GetStatus"] = fault("ter:NotAuthorized")
    unit = OnvifPtz(calls=ControlCalls(soap=soap, refused_login_pause=60.0), profile_token="p1")
    for _ in range(3):
        with pytest.raises(ControlError) as caught:
            await unit.status()
        assert caught.value.problem is ControlProblem.REFUSED

    assert soap_recorder.calls == {"GetStatus": 1}


# --- Pure ------------------------------------------------------------------------------------------------------------


def test_the_main_streams_profile_steers_where_it_can() -> None:
    """Else another of the channel."""
    main, sub = Profile(token="m", source_token="s"), Profile(token="u", source_token="s", ptz_configuration="c")
    both = Profile(token="m", source_token="s", ptz_configuration="c")

    assert choose_profile([main, sub], "m") is sub
    assert choose_profile([sub, both], "m") is both
    assert choose_profile([main], "m") is None


@pytest.mark.parametrize(
    "bounds", [{}, {"Min": 0.0}, {"Min": 1.0, "Max": 0.0}, {"Min": float("nan"), "Max": 1.0}, {"Min": "0", "Max": "1"}]
)
def test_a_space_without_a_range_is_none(bounds: dict[str, Any]) -> None:
    """Nobody could move in it."""
    space = SimpleNamespace(URI="urn:z", XRange=SimpleNamespace(**bounds))

    assert read_spaces(SimpleNamespace(ContinuousZoomVelocitySpace=[space])) == ()


def test_vectors_go_both_ways() -> None:
    """Axes that are left alone are left out."""
    vector = PtzVector(pan=0.1, tilt=0.2, zoom=0.3, pan_tilt_space="urn:p")
    written = write_vector(vector)
    assert written == {"PanTilt": {"x": 0.1, "y": 0.2, "space": "urn:p"}, "Zoom": {"x": 0.3}}
    read = read_vector(SimpleNamespace(**{name: SimpleNamespace(**axes) for name, axes in written.items()}))

    assert read == vector
    assert write_vector(PtzVector()) is None
    assert read_vector(None) is None
    assert read_vector(SimpleNamespace(PanTilt=SimpleNamespace(x=float("inf"), y=0.0))) is None


@pytest.mark.parametrize(
    ("text", "state"),
    [("IDLE", MoveState.IDLE), ("moving", MoveState.MOVING), ("PARKED", MoveState.UNKNOWN), ("", None), (None, None)],
)
def test_move_states_are_onvifs_words(text: object, state: MoveState | None) -> None:
    """What is none of them is unknown; what is missing is not told."""
    assert read_move_state(text) is state


def test_an_error_that_says_there_is_none_is_none() -> None:
    """Hikvision's."""
    assert read_error("NO error") is read_error("") is read_error(None) is None
    assert read_error("motor is stuck") == "motor is stuck"
