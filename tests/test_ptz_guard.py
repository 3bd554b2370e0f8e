"""No move of a PTZ unit goes on for ever, whatever clients forget and recorders answer."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from custom_components.onvif_proxy.controls import (
    ControlError,
    ControlProblem,
    PtzControl,
    PtzPreset,
    PtzStatus,
    PtzVector,
)
from custom_components.onvif_proxy.ptz_guard import PtzGuard

LEFT = PtzVector(pan=-0.5, tilt=0.0)
CLOSER = PtzVector(zoom=1.0)
BOTH = PtzVector(pan=0.0, tilt=1.0, zoom=1.0)
SOON = 0.03
STOP_PAN_TILT = ("stop", {"pan_tilt": True, "zoom": False})
STOP_ZOOM = ("stop", {"pan_tilt": False, "zoom": True})


class Unit:
    """A recorder's unit that notes what it is told, and may fail or hang."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.problem: ControlProblem | None = None
        self.hangs = asyncio.Event()
        self.hangs.set()

    async def _note(self, *call: Any) -> None:
        self.told.append(call)
        await self.hangs.wait()
        if self.problem is not None:
            raise ControlError(self.problem)

    async def continuous_move(self, velocity: PtzVector, timeout: float | None) -> None:
        await self._note("continuous_move", velocity, timeout)

    async def relative_move(self, translation: PtzVector, speed: PtzVector | None) -> None:
        await self._note("relative_move", translation, speed)

    async def absolute_move(self, position: PtzVector, speed: PtzVector | None) -> None:
        await self._note("absolute_move", position, speed)

    async def stop(self, *, pan_tilt: bool, zoom: bool) -> None:
        await self._note("stop", {"pan_tilt": pan_tilt, "zoom": zoom})

    async def status(self) -> PtzStatus:
        await self._note("status")
        return PtzStatus(error="none")

    async def presets(self) -> tuple[PtzPreset, ...]:
        await self._note("presets")
        return (PtzPreset(token="7", name="Gate"),)

    async def set_preset(self, name: str | None, token: str | None) -> str:
        await self._note("set_preset", name, token)
        return "8"

    async def remove_preset(self, token: str) -> None:
        await self._note("remove_preset", token)

    async def go_to_preset(self, token: str, speed: PtzVector | None) -> None:
        await self._note("go_to_preset", token, speed)

    async def go_home(self, speed: PtzVector | None) -> None:
        await self._note("go_home", speed)

    async def set_home(self) -> None:
        await self._note("set_home")

    async def send_auxiliary(self, command: str) -> None:
        await self._note("send_auxiliary", command)


@pytest.fixture
async def unit() -> Unit:
    return Unit()


@pytest.fixture
async def guard(unit: Unit) -> PtzGuard:
    return PtzGuard(unit, default_timeout=SOON, max_timeout=2 * SOON, call_timeout=SOON)


async def stops(unit: Unit) -> list[tuple[Any, ...]]:
    """Return the stops that came by themselves, after every time that is allowed here."""
    unit.told.clear()
    await asyncio.sleep(4 * SOON)
    return [call for call in unit.told if call[0] == "stop"]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param(None, SOON, id="a client that does not say"),
        pytest.param(SOON / 2, SOON / 2, id="a client that says"),
        pytest.param(3600.0, 2 * SOON, id="a client that says too much"),
    ],
)
async def test_a_move_that_nobody_stops_ends(unit: Unit, guard: PtzGuard, asked: float | None, given: float) -> None:
    await guard.continuous_move(LEFT, asked)
    assert unit.told == [("continuous_move", LEFT, given)]
    assert await stops(unit) == [STOP_PAN_TILT]


async def test_each_axis_ends_in_its_own_time(unit: Unit, guard: PtzGuard) -> None:
    await guard.continuous_move(CLOSER, 2 * SOON)
    await guard.continuous_move(LEFT, SOON / 2)
    assert await stops(unit) == [STOP_PAN_TILT, STOP_ZOOM]


async def test_a_move_that_goes_on_ends_once(unit: Unit, guard: PtzGuard) -> None:
    await guard.continuous_move(LEFT, None)
    await guard.continuous_move(LEFT, None)
    assert await stops(unit) == [STOP_PAN_TILT]


async def test_a_client_that_stops_is_enough(unit: Unit, guard: PtzGuard) -> None:
    await guard.continuous_move(BOTH, None)
    await guard.stop(pan_tilt=True, zoom=False)
    assert await stops(unit) == [STOP_ZOOM]


async def test_a_speed_of_zero_is_a_stop(unit: Unit, guard: PtzGuard) -> None:
    await guard.continuous_move(LEFT, None)
    await guard.continuous_move(PtzVector(pan=0.0, tilt=0.0), None)
    assert await stops(unit) == []


@pytest.mark.parametrize("stop", [lambda guard: guard.stop(pan_tilt=True, zoom=True), "zero"])
async def test_a_stop_that_the_recorder_missed_is_made_up_for(unit: Unit, guard: PtzGuard, stop: Any) -> None:
    await guard.continuous_move(LEFT, None)
    unit.problem = ControlProblem.UNREACHABLE
    with pytest.raises(ControlError):
        await (guard.continuous_move(PtzVector(pan=0.0, tilt=0.0), None) if stop == "zero" else stop(guard))
    unit.problem = None
    assert await stops(unit) == [STOP_PAN_TILT]


@pytest.mark.parametrize(
    "move",
    [
        lambda guard: guard.relative_move(LEFT, None),
        lambda guard: guard.absolute_move(LEFT, CLOSER),
        lambda guard: guard.go_to_preset("7", None),
        lambda guard: guard.go_home(None),
    ],
)
async def test_a_move_with_an_end_of_its_own_is_not_cut_short(
    unit: Unit, guard: PtzGuard, move: Callable[[PtzGuard], Awaitable[None]]
) -> None:
    await guard.continuous_move(LEFT, None)
    await move(guard)
    assert await stops(unit) == []


async def test_a_move_of_another_axis_leaves_the_end_alone(unit: Unit, guard: PtzGuard) -> None:
    await guard.continuous_move(CLOSER, None)
    await guard.absolute_move(LEFT, None)
    assert await stops(unit) == [STOP_ZOOM]


async def test_the_camera_that_closes_stops_its_moves(unit: Unit, guard: PtzGuard) -> None:
    await guard.continuous_move(BOTH, None)
    unit.told.clear()
    await guard.halt()
    assert sorted(call[1]["zoom"] for call in unit.told) == [False, True]
    assert await stops(unit) == []
    await guard.halt()
    assert unit.told == []


async def test_a_recorder_that_can_not_stop_is_told_of(
    unit: Unit, guard: PtzGuard, caplog: pytest.LogCaptureFixture
) -> None:
    await guard.continuous_move(LEFT, None)
    unit.problem = ControlProblem.REFUSED
    await guard.halt()
    assert "could not be stopped" in caplog.text


async def test_a_move_that_was_refused_needs_no_end(unit: Unit, guard: PtzGuard) -> None:
    unit.problem = ControlProblem.NOT_SUPPORTED
    with pytest.raises(ControlError):
        await guard.continuous_move(LEFT, None)
    assert await stops(unit) == []


async def test_a_move_that_was_refused_leaves_the_end_of_the_one_that_goes_on(unit: Unit, guard: PtzGuard) -> None:
    await guard.continuous_move(LEFT, None)
    unit.problem = ControlProblem.OUT_OF_RANGE
    with pytest.raises(ControlError):
        await guard.continuous_move(BOTH, None)
    unit.problem = None
    assert await stops(unit) == [STOP_PAN_TILT]


@pytest.mark.parametrize("call", ["stop", "relative_move"])
async def test_a_move_that_begins_while_a_former_call_is_answered_ends(unit: Unit, guard: PtzGuard, call: str) -> None:
    await guard.continuous_move(LEFT, None)
    unit.hangs.clear()
    former: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "stop": lambda: guard.stop(pan_tilt=True, zoom=True),
        "relative_move": lambda: guard.relative_move(LEFT, None),
    }
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(former[call]())
        await asyncio.sleep(0)
        tasks.create_task(guard.continuous_move(LEFT, None))
        await asyncio.sleep(0)
        unit.hangs.set()
    assert await stops(unit) == [STOP_PAN_TILT]


async def test_a_move_whose_answer_is_late_has_an_end_all_the_same(unit: Unit, guard: PtzGuard) -> None:
    unit.hangs.clear()
    with pytest.raises(ControlError) as raised:
        await guard.continuous_move(LEFT, 2 * SOON)
    assert raised.value.problem is ControlProblem.UNREACHABLE
    unit.hangs.set()
    assert await stops(unit) == [STOP_PAN_TILT]


async def test_a_new_move_waits_for_the_end_of_the_former(unit: Unit, guard: PtzGuard) -> None:
    await guard.continuous_move(LEFT, 0.0)
    unit.hangs.clear()
    await asyncio.sleep(SOON / 3)
    moving = asyncio.ensure_future(guard.continuous_move(CLOSER, None))
    await asyncio.sleep(0)
    assert unit.told[-1] == STOP_PAN_TILT
    unit.hangs.set()
    await moving
    assert unit.told[-1][:2] == ("continuous_move", CLOSER)
    await guard.halt()


async def test_everything_else_is_passed_on(unit: Unit, guard: PtzGuard) -> None:
    control: PtzControl = guard
    assert (await control.status()).error == "none"
    assert [preset.token for preset in await control.presets()] == ["7"]
    assert await control.set_preset("Gate", None) == "8"
    await control.remove_preset("7")
    await control.set_home()
    await control.send_auxiliary("tt:Wiper|On")
    assert unit.told[2:] == [
        ("set_preset", "Gate", None),
        ("remove_preset", "7"),
        ("set_home",),
        ("send_auxiliary", "tt:Wiper|On"),
    ]
