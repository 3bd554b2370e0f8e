"""The imaging service: the picture's settings and the focus, in the recorder's ranges."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace

from lxml import etree
from onvif import ONVIFCamera
import pytest
from zeep.exceptions import Fault

from custom_components.onvif_proxy.controls import (
    IMAGING_FIELDS,
    ControlError,
    ControlProblem,
    FocusMove,
    FocusOptions,
    FocusStatus,
    ImagingOptions,
    ImagingSettings,
    MoveState,
)
from custom_components.onvif_proxy.responder import Camera, OnvifServer
from custom_components.onvif_proxy.responder.services import steering
from custom_components.onvif_proxy.responder.services.imaging_elements import WORDS

from .conftest import Client, Reply, make_camera, make_channel, make_description
from .envelopes import NS, PASSWORD, USERNAME
from .fakes import FakeImaging
from .media_requests import facts

PATH = "/onvif/imaging_service"
OK: tuple[int, list[str]] = (200, [])
NOT_SUPPORTED = (500, ["env:Receiver", "ter:ActionNotSupported"])
NO_IMAGING = (500, ["env:Receiver", "ter:ActionNotSupported", "ter:NoImagingForSource"])
FAILED = (500, ["env:Receiver", "ter:Action"])
INVALID = (400, ["env:Sender", "ter:InvalidArgVal"])
SETTINGS_INVALID = (400, ["env:Sender", "ter:InvalidArgVal", "ter:SettingsInvalid"])
NO_SOURCE = (400, ["env:Sender", "ter:InvalidArgVal", "ter:NoSource"])
WITH_SOURCE = ["GetImagingSettings", "GetOptions", "SetImagingSettings", "GetMoveOptions", "Move", "Stop", "GetStatus"]


class Picture(FakeImaging):
    """A picture that notes what it was told, and can be out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[object, ...]] = []
        self.ranges: ImagingOptions | None = None
        self.focus: FocusStatus | None = FocusStatus(position=0.5, state=MoveState.IDLE)
        self.problem: ControlProblem | None = None
        self.hangs = False

    async def settings(self) -> ImagingSettings:
        if self.hangs:
            await asyncio.Event().wait()
        if self.problem is not None:
            raise ControlError(self.problem, "secret")
        return await super().settings()

    async def options(self) -> ImagingOptions:
        return await super().options() if self.ranges is None else self.ranges

    async def set_settings(self, settings: ImagingSettings, *, force_persistence: bool) -> None:
        if self.problem is not None:
            raise ControlError(self.problem, "secret")
        self.calls.append((dict(settings), force_persistence))

    async def focus_options(self) -> FocusOptions:
        return {
            FocusMove.CONTINUOUS: {"Speed": (-1.0, 1.0)},
            FocusMove.ABSOLUTE: {"Speed": (0.0, 1.0), "Position": (0.0, 1.0)},
            FocusMove.RELATIVE: {"Speed": (0.0, 1.0)},  # without a distance it is of no use
        }

    async def move_focus(self, move: FocusMove, values: Mapping[str, float]) -> None:
        self.calls.append((move, dict(values)))

    async def stop_focus(self) -> None:
        self.calls.append(("stop",))

    async def focus_status(self) -> FocusStatus | None:
        return self.focus


@pytest.fixture
def picture() -> Picture:
    return Picture()


@pytest.fixture
def camera(picture: Picture) -> Camera:
    return make_camera(imaging=picture)


@pytest.fixture
async def server(camera: Camera) -> AsyncIterator[OnvifServer]:
    channel = replace(make_channel(), has_imaging=True)
    async with OnvifServer(make_description(channel=channel), camera) as running:
        yield running


async def ask(client: Client, name: str, content: str = "", *, source: str | None = "VideoSource_1") -> Reply:
    token = "" if source is None else f"<timg:VideoSourceToken>{source}</timg:VideoSourceToken>"
    return await client.ask(f"timg:{name}", token + content, path=PATH)


def outcome(reply: Reply) -> tuple[int, list[str]]:
    return OK if reply.status == 200 else reply.fault


def wanted(content: str, more: str = "") -> str:
    return f"<timg:ImagingSettings>{content}</timg:ImagingSettings>{more}"


class TestService:
    """Where it is offered, and what it is about."""

    async def test_it_is_offered_where_there_are_settings(self, client: Client) -> None:
        services = await client.ask("tds:GetServices")
        addresses = dict(zip(services.texts(".//tds:Namespace"), services.texts(".//tds:XAddr"), strict=True))
        assert addresses[NS["timg"]] == client.url(PATH)
        legacy = await client.ask("tds:GetCapabilities", "<tds:Category>Imaging</tds:Category>")
        assert legacy.text(".//tt:Imaging/tt:XAddr") == client.url(PATH)

        client.server.update(make_description())
        assert NS["timg"] not in (await client.ask("tds:GetServices")).texts(".//tds:Namespace")
        assert (await ask(client, "GetOptions")).fault == NOT_SUPPORTED

    async def test_capabilities(self, client: Client) -> None:
        (capabilities,) = (await client.ask("timg:GetServiceCapabilities", header="", path=PATH)).response
        assert dict(capabilities.items()) == dict.fromkeys(
            ("ImageStabilization", "Presets", "AdaptablePreset"), "false"
        )

    @pytest.mark.parametrize("name", WITH_SOURCE)
    @pytest.mark.parametrize("source", ["RecorderSource003", "", None])
    async def test_the_source_must_be_ours(
        self, client: Client, picture: Picture, name: str, source: str | None
    ) -> None:
        assert (await ask(client, name, source=source)).fault == NO_SOURCE
        assert picture.calls == []

    @pytest.mark.parametrize("name", WITH_SOURCE)
    async def test_settings_that_have_just_gone(self, client: Client, camera: Camera, name: str) -> None:
        camera.imaging = None
        assert (await ask(client, name)).fault == NO_IMAGING

    @pytest.mark.parametrize("name", ["GetPresets", "GetCurrentPreset", "SetCurrentPreset"])
    async def test_there_are_no_presets(self, client: Client, name: str) -> None:
        assert (await ask(client, name)).fault == NOT_SUPPORTED


class TestSettings:
    """Read and changed."""

    async def test_read(self, client: Client, picture: Picture, assert_valid: Callable[[etree._Element], None]) -> None:
        picture.values = {
            path: WORDS[path][0] if kind is str else float(number) + 0.5
            for number, (path, kind) in enumerate(IMAGING_FIELDS.items())
        }
        reply = await ask(client, "GetImagingSettings")
        assert_valid(reply.response)
        told = facts(reply.response[0])
        assert {path: str(value) for path, value in picture.values.items()} == told

    async def test_what_a_recorder_says_follows_the_schema(
        self, client: Client, picture: Picture, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        """Words that are none are left out, and settings whose mode is."""
        picture.values = {
            "Brightness": 50.0,
            "IrCutFilter": "SMART",
            "Exposure/Mode": "SHUTTER",
            "Exposure/Gain": 3.0,
            "WideDynamicRange/Level": 4.0,
            "WhiteBalance/Mode": "AUTO",
            "WhiteBalance/CbGain": 5.0,
            "Surprise": 1.0,
        }
        picture.ranges = {
            "Brightness": (0.0, 100.0),
            "IrCutFilter": ("SMART", "AUTO"),
            "Exposure/Mode": ("SHUTTER",),
            "Exposure/Gain": (0.0, 30.0),
            "WhiteBalance/Mode": ("MANUAL", "AUTO"),
            "WhiteBalance/CrGain": (0.0, 10.0),
            "WhiteBalance/CbGain": (0.0, 20.0),
            "Focus/NearLimit": (0.1, 3.0),
            "Surprise": (0.0, 1.0),
        }
        settings, options = await ask(client, "GetImagingSettings"), await ask(client, "GetOptions")
        assert_valid(settings.response)
        assert_valid(options.response)
        assert facts(settings.response[0]) == {
            "Brightness": "50",
            "WhiteBalance/Mode": "AUTO",
            "WhiteBalance/CbGain": "5",
        }
        assert facts(options.response[0]) == {
            "Brightness/Min": "0",
            "Brightness/Max": "100",
            "Focus/NearLimit/Min": "0.1",
            "Focus/NearLimit/Max": "3",
            "IrCutFilterModes": "AUTO",
            "WhiteBalance/Mode": "AUTO",  # the last of two
            "WhiteBalance/YrGain/Min": "0",
            "WhiteBalance/YrGain/Max": "10",
            "WhiteBalance/YbGain/Min": "0",
            "WhiteBalance/YbGain/Max": "20",
        }
        assert options.texts(".//tt:WhiteBalance/tt:Mode") == ["MANUAL", "AUTO"]

    async def test_all_options(
        self, client: Client, picture: Picture, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        picture.ranges = {path: WORDS[path] if kind is str else (0.0, 1.0) for path, kind in IMAGING_FIELDS.items()}
        reply = await ask(client, "GetOptions")
        assert_valid(reply.response)
        assert len(reply.texts(".//tt:Max")) == sum(kind is float for kind in IMAGING_FIELDS.values())
        assert reply.texts(".//tt:IrCutFilterModes") == ["ON", "OFF", "AUTO"]
        assert reply.texts(".//tt:AutoFocusModes") == ["AUTO", "MANUAL"]

    async def test_change(
        self, client: Client, picture: Picture, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        content = "<tt:Brightness>1e2</tt:Brightness><tt:Exposure><tt:Mode>MANUAL</tt:Mode></tt:Exposure>"
        persist = "<timg:ForcePersistence>{}</timg:ForcePersistence>"
        assert_valid((await ask(client, "SetImagingSettings", wanted(content))).response)
        no = wanted("<tt:IrCutFilter>OFF</tt:IrCutFilter>", persist.format("false"))
        assert outcome(await ask(client, "SetImagingSettings", no)) == OK
        assert picture.calls == [
            ({"Brightness": 100.0, "Exposure/Mode": "MANUAL"}, True),
            ({"IrCutFilter": "OFF"}, False),
        ]
        perhaps = wanted("<tt:IrCutFilter>OFF</tt:IrCutFilter>", persist.format("perhaps"))
        assert (await ask(client, "SetImagingSettings", perhaps)).fault == INVALID

    async def test_what_was_read_can_be_written(self, client: Client, picture: Picture) -> None:
        """As many clients do to change one of them; of what has no range, the recorder decides."""
        picture.values |= {"Exposure/Priority": "LowNoise", "Exposure/Gain": 12.5}
        read = etree.tostring((await ask(client, "GetImagingSettings")).response[0]).decode()
        empty = read.replace("</tt:Exposure>", "<tt:Window/></tt:Exposure><tt:Extension> </tt:Extension>")
        assert outcome(await ask(client, "SetImagingSettings", empty)) == OK
        assert picture.calls == [(picture.values, True)]

    @pytest.mark.parametrize("content", ["", wanted("")], ids=["nothing", "no settings"])
    async def test_nothing_is_to_change(self, client: Client, picture: Picture, content: str) -> None:
        assert outcome(await ask(client, "SetImagingSettings", content)) == OK
        assert picture.calls == []

    @pytest.mark.parametrize(
        "content",
        [
            "<tt:Brightness>100.5</tt:Brightness>",
            "<tt:Brightness>-1</tt:Brightness>",
            "<tt:Brightness>NaN</tt:Brightness>",
            "<tt:Brightness>INF</tt:Brightness>",
            "<tt:Brightness>1e999</tt:Brightness>",
            "<tt:Brightness>bright</tt:Brightness>",
            "<tt:IrCutFilter>auto</tt:IrCutFilter>",
            "<tt:IrCutFilter>1</tt:IrCutFilter>",
            "<tt:Exposure>MANUAL</tt:Exposure>",
            "<tt:Exposure><tt:Window bottom='1' top='0' right='1' left='0'/></tt:Exposure>",
            "<tt:Focus AFMode='OnceAfterMove'><tt:AutoFocusMode>AUTO</tt:AutoFocusMode></tt:Focus>",
            "<tt:Extension><tt:ImageStabilization><tt:Mode>ON</tt:Mode></tt:ImageStabilization></tt:Extension>",
            "<tt:Surprise>1</tt:Surprise>",
            "<timg:Brightness>50</timg:Brightness>",
            "<tt:Contrast>50</tt:Contrast><tt:Brightness>101</tt:Brightness>",
        ],
    )
    async def test_settings_that_are_refused(self, client: Client, picture: Picture, content: str) -> None:
        assert (await ask(client, "SetImagingSettings", wanted(content))).fault == SETTINGS_INVALID
        assert picture.calls == []


class TestFocus:
    """Moved in the ways that the recorder has."""

    async def test_options(self, client: Client, assert_valid: Callable[[etree._Element], None]) -> None:
        reply = await ask(client, "GetMoveOptions")
        assert_valid(reply.response)
        assert facts(reply.response[0]) == {
            "Absolute/Position/Min": "0",
            "Absolute/Position/Max": "1",
            "Absolute/Speed/Min": "0",
            "Absolute/Speed/Max": "1",
            "Continuous/Speed/Min": "-1",
            "Continuous/Speed/Max": "1",
        }

    @pytest.mark.parametrize(
        ("content", "call"),
        [
            ("<tt:Absolute><tt:Position>0.25</tt:Position></tt:Absolute>", (FocusMove.ABSOLUTE, {"Position": 0.25})),
            (
                "<tt:Absolute><tt:Position>1</tt:Position><tt:Speed>0.5</tt:Speed></tt:Absolute>",
                (FocusMove.ABSOLUTE, {"Position": 1.0, "Speed": 0.5}),
            ),
            ("<tt:Continuous><tt:Speed>-1</tt:Speed></tt:Continuous>", (FocusMove.CONTINUOUS, {"Speed": -1.0})),
        ],
    )
    async def test_move_and_stop(
        self, client: Client, picture: Picture, content: str, call: tuple[object, ...]
    ) -> None:
        assert outcome(await ask(client, "Move", f"<timg:Focus>{content}</timg:Focus>")) == OK
        assert outcome(await ask(client, "Stop")) == OK
        assert picture.calls == [call, ("stop",)]

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "<timg:Focus/>",
            "<timg:Focus><tt:Sideways/></timg:Focus>",
            "<timg:Focus><tt:Absolute/></timg:Focus>",
            "<timg:Focus><tt:Absolute><tt:Position>0</tt:Position></tt:Absolute><tt:Continuous/></timg:Focus>",
            "<timg:Focus><tt:Continuous><tt:Speed>NaN</tt:Speed></tt:Continuous></timg:Focus>",
            "<timg:Focus><tt:Continuous><tt:Speed>1.5</tt:Speed></tt:Continuous></timg:Focus>",
        ],
    )
    async def test_moves_that_are_refused(self, client: Client, picture: Picture, content: str) -> None:
        assert (await ask(client, "Move", content)).fault == INVALID
        assert picture.calls == []

    async def test_a_way_that_it_has_not(self, client: Client, camera: Camera) -> None:
        camera.imaging = FakeImaging()
        content = "<timg:Focus><tt:Relative><tt:Distance>0.1</tt:Distance></tt:Relative></timg:Focus>"
        assert (await ask(client, "Move", content)).fault == NOT_SUPPORTED

    async def test_status(
        self, client: Client, picture: Picture, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        picture.focus = FocusStatus(position=0.25, state=MoveState.MOVING, error="stuck" * 100)
        reply = await ask(client, "GetStatus")
        assert_valid(reply.response)
        assert facts(reply.response[0]) == {
            "FocusStatus20/Position": "0.25",
            "FocusStatus20/MoveStatus": "MOVING",
            "FocusStatus20/Error": ("stuck" * 100)[:64],
        }
        picture.focus = None
        reply = await ask(client, "GetStatus")
        assert_valid(reply.response)
        assert facts(reply.response[0]) == {}


class TestTrouble:
    """What goes wrong at the recorder is told, and nobody else waits for it."""

    @pytest.mark.parametrize(
        ("problem", "fault"),
        [
            (ControlProblem.UNREACHABLE, FAILED),
            (ControlProblem.REFUSED, FAILED),
            (ControlProblem.NOT_SUPPORTED, NO_IMAGING),
            (ControlProblem.OUT_OF_RANGE, SETTINGS_INVALID),
        ],
    )
    async def test_problems(
        self, client: Client, picture: Picture, problem: ControlProblem, fault: tuple[int, list[str]]
    ) -> None:
        picture.problem = problem
        reply = await ask(client, "SetImagingSettings", wanted("<tt:Brightness>10</tt:Brightness>"))
        assert reply.fault == fault
        assert b"secret" not in reply.content

    async def test_a_recorder_that_hangs(
        self, client: Client, picture: Picture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(steering, "CALL_TIMEOUT", 0.3)
        picture.hangs = True
        waiting = asyncio.create_task(ask(client, "GetImagingSettings"))
        await asyncio.sleep(0.05)
        assert outcome(await ask(client, "GetOptions")) == OK
        assert not waiting.done()
        assert (await waiting).fault == FAILED


async def test_a_client_that_is_not_ours(server: OnvifServer, picture: Picture) -> None:
    """onvif-zeep-async, with what Home Assistant's switches set."""
    device = ONVIFCamera("127.0.0.1", server.port, USERNAME, PASSWORD)
    source = {"VideoSourceToken": "VideoSource_1"}
    try:
        await device.update_xaddrs()
        service = await device.create_imaging_service()
        settings = await service.GetImagingSettings(source)
        assert (settings.Brightness, settings.Exposure.Mode, settings.IrCutFilter) == (50.0, "AUTO", "AUTO")
        options = await service.GetOptions(source)
        assert (options.Brightness.Max, options.IrCutFilterModes) == (100.0, ["ON", "OFF", "AUTO"])
        await service.SetImagingSettings(source | {"ImagingSettings": {"IrCutFilter": "ON"}})
        with pytest.raises(Fault) as raised:
            await service.SetImagingSettings(source | {"ImagingSettings": {"Brightness": 101}})
        assert [subcode.localname for subcode in raised.value.subcodes] == ["InvalidArgVal", "SettingsInvalid"]
    finally:
        await device.close()
    assert picture.calls == [({"IrCutFilter": "ON"}, True)]
