"""PTZ: heads that really move, their presets, and what is refused."""

import asyncio
from datetime import timedelta

import pytest

from tests.simulated_nvr import SimulatedRecorder
from tests.simulated_nvr.ptz_unit import PtzCommand
from tests.simulated_nvr.vendors import VENDORS

from .clients import call, onvif_camera, subcodes, unknown_elements
from .conftest import Recorders

PROFILE = {"ProfileToken": "ProfileToken001"}
TOKEN = "<tptz:ProfileToken>ProfileToken001</tptz:ProfileToken>"
GENERIC = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/"


def _vector(pan: float, tilt: float, zoom: float | None = None) -> dict[str, dict[str, float]]:
    vector = {"PanTilt": {"x": pan, "y": tilt}}
    return vector if zoom is None else vector | {"Zoom": {"x": zoom}}


@pytest.mark.parametrize("vendor", VENDORS)
async def test_zeep_finds_the_head_of_a_profile(start_recorder: Recorders, vendor) -> None:
    recorder = await start_recorder(vendor=vendor, channels=3, ptz=(2,))
    async with onvif_camera(recorder) as camera:
        media = await camera.create_media_service()
        ptz = await camera.create_ptz_service()
        profiles = await media.GetProfiles()
        heads = [profile for profile in profiles if profile.PTZConfiguration is not None]
        assert {profile.VideoSourceConfiguration.SourceToken for profile in heads} == {
            recorder.channels.channel(2).source_token
        }
        assert len(heads) == 2
        token = heads[0].PTZConfiguration.token
        answers = {
            "GetServiceCapabilities": await ptz.GetServiceCapabilities(),
            "GetNodes": await ptz.GetNodes(),
            "GetNode": await ptz.GetNode({"NodeToken": heads[0].PTZConfiguration.NodeToken}),
            "GetConfigurations": await ptz.GetConfigurations(),
            "GetConfiguration": await ptz.GetConfiguration({"PTZConfigurationToken": token}),
            "GetConfigurationOptions": await ptz.GetConfigurationOptions({"ConfigurationToken": token}),
            "GetCompatibleConfigurations": await ptz.GetCompatibleConfigurations({"ProfileToken": heads[1].token}),
            "GetStatus": await ptz.GetStatus({"ProfileToken": heads[0].token}),
            "GetPresets": await ptz.GetPresets({"ProfileToken": heads[0].token}),
        }
    for operation, answer in answers.items():
        assert answer, operation
        assert not unknown_elements(answer), operation
    assert [node.token for node in answers["GetNodes"]] == [answers["GetNode"].token]
    assert [one.token for one in answers["GetConfigurations"]] == [token]
    assert [preset.Name for preset in answers["GetPresets"]] == ["Gate", "Door"]
    spaces = answers["GetConfigurationOptions"].Spaces
    positions = vendor != "reolink"
    assert bool(spaces.AbsolutePanTiltPositionSpace) == bool(spaces.RelativeZoomTranslationSpace) == positions
    assert (answers["GetStatus"].Position is not None) == positions
    assert (answers["GetStatus"].MoveStatus is not None) == (vendor != "hikvision")
    assert spaces.ContinuousPanTiltVelocitySpace[0].XRange.Min == -1.0


async def test_media2_names_the_head_only_when_asked(recorder: SimulatedRecorder) -> None:
    asked = await call(recorder, "media2", "<tr2:GetProfiles><tr2:Type>PTZ</tr2:Type></tr2:GetProfiles>")
    assert asked.text.count("<tr2:PTZ token=") == 2
    other = await call(recorder, "media2", "<tr2:GetProfiles><tr2:Type>VideoSource</tr2:Type></tr2:GetProfiles>")
    assert "<tr2:PTZ" not in other.text


async def test_it_moves_on_until_it_is_stopped(recorder: SimulatedRecorder) -> None:
    head = recorder.ptz(1)
    async with onvif_camera(recorder) as camera:
        ptz = await camera.create_ptz_service()
        await ptz.ContinuousMove(PROFILE | {"Velocity": _vector(1.0, -0.5)})
        assert head.moving
        await asyncio.sleep(0.1)
        await ptz.Stop(PROFILE)
    place = head.position
    assert not head.moving
    assert place["pan"] > 0.05
    assert place["tilt"] == pytest.approx(-place["pan"] / 2, abs=0.01)
    assert place["zoom"] == 0.0
    assert head.position == place
    assert head.commands == [
        PtzCommand("ContinuousMove", {"pan": 1.0, "tilt": -0.5}),
        PtzCommand("Stop", {"pan": 0.0, "tilt": 0.0, "zoom": 0.0}),
    ]


async def test_it_stops_by_itself_after_the_timeout(recorder: SimulatedRecorder) -> None:
    head = recorder.ptz(1)
    async with onvif_camera(recorder) as camera:
        ptz = await camera.create_ptz_service()
        timeout = timedelta(seconds=0.2)
        await ptz.ContinuousMove(PROFILE | {"Velocity": _vector(0.5, 0.0), "Timeout": timeout})
    assert head.commands == [PtzCommand("ContinuousMove", {"pan": 0.5, "tilt": 0.0, "timeout": 0.2})]
    await asyncio.sleep(0.25)
    assert not head.moving
    assert head.position["pan"] == pytest.approx(0.1)


async def test_pan_and_tilt_can_be_stopped_while_it_zooms(recorder: SimulatedRecorder) -> None:
    head = recorder.ptz(1)
    async with onvif_camera(recorder) as camera:
        ptz = await camera.create_ptz_service()
        await ptz.ContinuousMove(PROFILE | {"Velocity": _vector(0.1, 0.1, 0.1)})
        await ptz.Stop(PROFILE | {"PanTilt": True, "Zoom": False})
        assert (head.moves(("pan", "tilt")), head.moves(("zoom",))) == (False, True)
        # A velocity of zero is a stop, too.
        await ptz.ContinuousMove(PROFILE | {"Velocity": {"Zoom": {"x": 0.0}}})
    assert not head.moving


async def test_it_goes_to_a_place_and_by_a_distance(start_recorder: Recorders) -> None:
    recorder = await start_recorder(vendor="dahua", channels=1)
    head, profile = recorder.ptz(1), {"ProfileToken": "MediaProfile00000"}
    async with onvif_camera(recorder) as camera:
        ptz = await camera.create_ptz_service()
        await ptz.AbsoluteMove(profile | {"Position": _vector(0.2, -0.1, 0.05)})
        assert (await ptz.GetStatus(profile)).MoveStatus.PanTilt == "MOVING"
        await asyncio.sleep(0.25)
        status = await ptz.GetStatus(profile)
        assert (status.MoveStatus.PanTilt, status.MoveStatus.Zoom) == ("IDLE", "IDLE")
        assert (status.Position.PanTilt.x, status.Position.PanTilt.y) == pytest.approx((0.2, -0.1))
        assert status.Position.Zoom.x == pytest.approx(0.05)
        await ptz.RelativeMove(profile | {"Translation": _vector(-0.1, 0.0), "Speed": _vector(1.0, 1.0)})
        await asyncio.sleep(0.15)
        assert head.position["pan"] == pytest.approx(0.1)
        by_picture = {"PanTilt": {"x": 1.0, "y": 0.0, "space": f"{GENERIC}TranslationSpaceFov"}}
        await ptz.RelativeMove(profile | {"Translation": by_picture})
        await asyncio.sleep(0.15)
    assert head.position == pytest.approx({"pan": 0.2, "tilt": -0.1, "zoom": 0.05})
    assert [command.name for command in head.commands] == ["AbsoluteMove", "RelativeMove", "RelativeMove"]


async def test_presets_are_kept_visited_and_removed(recorder: SimulatedRecorder) -> None:
    head = recorder.ptz(1)
    async with onvif_camera(recorder) as camera:
        ptz = await camera.create_ptz_service()
        token = await ptz.SetPreset(PROFILE | {"PresetName": "Yard"})
        assert token == "3"
        await ptz.GotoPreset(PROFILE | {"PresetToken": "2", "Speed": _vector(1.0, 1.0, 1.0)})
        await asyncio.sleep(0.35)
        assert head.position == pytest.approx({"pan": 0.3, "tilt": -0.1, "zoom": 0.0})
        assert await ptz.SetPreset(PROFILE | {"PresetToken": token}) == token
        await ptz.RemovePreset(PROFILE | {"PresetToken": "1"})
        presets = {preset.token: preset for preset in await ptz.GetPresets(PROFILE)}
    assert {token: preset.Name for token, preset in presets.items()} == {"2": "Door", "3": "Yard"}
    assert presets["3"].PTZPosition.PanTilt.x == pytest.approx(0.3)
    assert head.commands == [
        PtzCommand("SetPreset", {"preset": "3", "name": "Yard"}),
        PtzCommand("GotoPreset", {"preset": "2"}),
        PtzCommand("SetPreset", {"preset": "3"}),
        PtzCommand("RemovePreset", {"preset": "1"}),
    ]


async def test_home_is_where_it_was_set(recorder: SimulatedRecorder) -> None:
    head = recorder.ptz(1)
    async with onvif_camera(recorder) as camera:
        ptz = await camera.create_ptz_service()
        await ptz.AbsoluteMove(PROFILE | {"Position": _vector(0.1, 0.1)})
        await asyncio.sleep(0.15)
        await ptz.SetHomePosition(PROFILE)
        await ptz.AbsoluteMove(PROFILE | {"Position": _vector(0.0, 0.0)})
        await ptz.GotoHomePosition(PROFILE)
        await asyncio.sleep(0.15)
    assert head.position == pytest.approx({"pan": 0.1, "tilt": 0.1, "zoom": 0.0})


async def test_auxiliary_commands_are_those_of_the_node(start_recorder: Recorders) -> None:
    recorder = await start_recorder(vendor="dahua", channels=1)
    profile = {"ProfileToken": "MediaProfile00000"}
    async with onvif_camera(recorder) as camera:
        ptz = await camera.create_ptz_service()
        [node] = await ptz.GetNodes()
        assert node.AuxiliaryCommands == ["tt:Wiper|On", "tt:Wiper|Off"]
        assert await ptz.SendAuxiliaryCommand(profile | {"AuxiliaryData": "tt:Wiper|On"}) == "tt:Wiper|On"
    assert recorder.ptz(1).commands == [PtzCommand("SendAuxiliaryCommand", {"command": "tt:Wiper|On"})]
    unknown = (
        "<tptz:SendAuxiliaryCommand><tptz:ProfileToken>MediaProfile00000</tptz:ProfileToken>"
        "<tptz:AuxiliaryData>tt:Laser|On</tptz:AuxiliaryData></tptz:SendAuxiliaryCommand>"
    )
    assert subcodes(await call(recorder, "ptz", unknown)) == ["Receiver", "ActionNotSupported"]


def _move(operation: str, name: str, inner: str, rest: str = "") -> str:
    return f"<tptz:{operation}>{TOKEN}<tptz:{name}>{inner}</tptz:{name}>{rest}</tptz:{operation}>"


_TURN = '<tt:PanTilt x="0.5" y="0"/>'


@pytest.mark.parametrize(
    ("operation", "subcode"),
    [
        ("<tptz:GetStatus><tptz:ProfileToken>none</tptz:ProfileToken></tptz:GetStatus>", "NoProfile"),
        ("<tptz:Stop/>", "NoProfile"),
        ("<tptz:Stop><tptz:ProfileToken>ProfileToken002</tptz:ProfileToken></tptz:Stop>", "NoPTZProfile"),
        ("<tptz:GetNode><tptz:NodeToken>none</tptz:NodeToken></tptz:GetNode>", "NoEntity"),
        ("<tptz:GetConfiguration/>", "NoConfig"),
        ("<tptz:GetConfigurationOptions/>", "NoConfig"),
        (_move("AbsoluteMove", "Position", '<tt:PanTilt x="1.1" y="0"/>'), "InvalidPosition"),
        (_move("AbsoluteMove", "Position", '<tt:Zoom x="-0.1"/>'), "InvalidPosition"),
        (_move("AbsoluteMove", "Position", '<tt:PanTilt x="1"/>'), "InvalidPosition"),
        (_move("AbsoluteMove", "Position", '<tt:PanTilt x="NaN" y="0"/>'), "InvalidPosition"),
        (_move("AbsoluteMove", "Position", '<tt:PanTilt x="0" y="0" space="urn:other"/>'), "SpaceNotSupported"),
        (
            _move("AbsoluteMove", "Position", _TURN, '<tptz:Speed><tt:PanTilt x="2" y="0"/></tptz:Speed>'),
            "InvalidSpeed",
        ),
        (_move("RelativeMove", "Translation", '<tt:PanTilt x="-2" y="0"/>'), "InvalidTranslation"),
        (_move("ContinuousMove", "Velocity", '<tt:Zoom x="2"/>'), "InvalidVelocity"),
        (_move("ContinuousMove", "Velocity", _TURN, "<tptz:Timeout>PT0S</tptz:Timeout>"), "TimeoutNotSupported"),
        (_move("ContinuousMove", "Velocity", _TURN, "<tptz:Timeout>PT1H</tptz:Timeout>"), "TimeoutNotSupported"),
        (f"<tptz:GotoPreset>{TOKEN}<tptz:PresetToken>99</tptz:PresetToken></tptz:GotoPreset>", "NoToken"),
        (f"<tptz:RemovePreset>{TOKEN}</tptz:RemovePreset>", "NoToken"),
        (f"<tptz:SetPreset>{TOKEN}<tptz:PresetToken>99</tptz:PresetToken></tptz:SetPreset>", "NoToken"),
        (f"<tptz:SetPreset>{TOKEN}<tptz:PresetName>{'x' * 65}</tptz:PresetName></tptz:SetPreset>", "InvalidPresetName"),
    ],
)
async def test_what_makes_no_sense_is_the_senders_fault(recorder: SimulatedRecorder, operation, subcode) -> None:
    answer = await call(recorder, "ptz", operation)
    assert (answer.status, subcodes(answer)) == (400, ["Sender", "InvalidArgVal", subcode])
    assert (recorder.ptz(1).commands, recorder.ptz(1).moving) == ([], False)


async def test_a_preset_needs_a_head_that_stands(recorder: SimulatedRecorder) -> None:
    recorder.ptz(1).run({"pan": 0.1}, 60.0)
    answer = await call(recorder, "ptz", f"<tptz:SetPreset>{TOKEN}</tptz:SetPreset>")
    assert (answer.status, subcodes(answer)) == (500, ["Receiver", "Action", "MovingPTZ"])


async def test_presets_are_limited(start_recorder: Recorders) -> None:
    recorder = await start_recorder(vendor="reolink", channels=1)
    head = recorder.ptz(1)
    while len(head.presets) < 64:
        head.set_preset(None, None)
    profile = "<tptz:ProfileToken>000</tptz:ProfileToken>"
    answer = await call(recorder, "ptz", f"<tptz:SetPreset>{profile}</tptz:SetPreset>")
    assert (answer.status, subcodes(answer)) == (500, ["Receiver", "Action", "TooManyPresets"])


@pytest.mark.parametrize("operation", ["AbsoluteMove", "RelativeMove", "GotoHomePosition", "SendAuxiliaryCommand"])
async def test_a_simple_head_only_moves_on_and_on(start_recorder: Recorders, operation) -> None:
    recorder = await start_recorder(vendor="reolink", channels=1)
    body = f"<tptz:{operation}><tptz:ProfileToken>000</tptz:ProfileToken></tptz:{operation}>"
    assert subcodes(await call(recorder, "ptz", body)) == ["Receiver", "ActionNotSupported"]


async def test_only_channels_with_a_head_have_one(recorder: SimulatedRecorder) -> None:
    for number in (2, 3):
        with pytest.raises(KeyError):
            recorder.ptz(number)
    assert "tptz:PTZNode " in (await call(recorder, "ptz", "<tptz:GetNodes/>")).text
    assert recorder.requests["PTZ.GetNodes"] == 1
