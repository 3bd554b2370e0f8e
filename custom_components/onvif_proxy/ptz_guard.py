"""Lets no move of a PTZ unit go on for ever: between the clients of a camera and the recorder's unit."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
import logging

from .controls import ControlError, ControlProblem, PtzControl, PtzPreset, PtzStatus, PtzVector

_LOGGER = logging.getLogger(__name__)

DEFAULT_MOVE_TIMEOUT = 10.0
"""Seconds for which a continuous move goes on where its client does not say."""
MAX_MOVE_TIMEOUT = 300.0
"""Seconds for which it goes on at most, whatever its client and the unit say."""
CALL_TIMEOUT = 10.0
"""Seconds that the recorder may take for an answer."""


class _Axis(StrEnum):
    """What moves, and is stopped, apart from the other."""

    PAN_TILT = "pan_tilt"
    ZOOM = "zoom"


class PtzGuard:
    """The PTZ unit of a camera, as its clients steer it: a continuous move ends by itself, and with the camera.

    Its methods are those of `PtzControl`, and raise `ControlError`, also where the recorder takes too long.
    """

    def __init__(
        self,
        control: PtzControl,
        *,
        default_timeout: float = DEFAULT_MOVE_TIMEOUT,
        max_timeout: float = MAX_MOVE_TIMEOUT,
        call_timeout: float = CALL_TIMEOUT,
    ) -> None:
        """Guard a unit that stands still; all times are seconds."""
        self.control = control
        """May be replaced: what moves by the former one is stopped by this."""
        self.max_timeout = max_timeout
        self._default_timeout = default_timeout
        self._call_timeout = call_timeout
        self._ends: dict[_Axis, asyncio.TimerHandle] = {}
        """Of the axes that move."""
        self._stopping: set[asyncio.Task[None]] = set()

    async def continuous_move(self, velocity: PtzVector, timeout: float | None) -> None:
        """Move until `stop`, or for `timeout` seconds, which are cut to what is allowed."""
        seconds = min(self._default_timeout if timeout is None else timeout, self.max_timeout)
        axes = _axes_of(velocity)
        moving = [axis for axis in axes if _speed(velocity, axis)]
        await self._wait_for_stops()
        former = self._ends_of(axes)
        # Before the answer: a move whose answer comes too late may have been obeyed.
        own = {axis: self._end_at(axis, asyncio.get_running_loop().time() + seconds) for axis in moving}
        try:
            await self._call(lambda: self.control.continuous_move(velocity, seconds))
        except ControlError as error:
            if error.problem is not ControlProblem.UNREACHABLE:
                self._forget(own)
                for axis in own.keys() & former.keys() - self._ends.keys():  # what moved before still does
                    self._end_at(axis, former[axis].when())
            raise
        self._forget({axis: end for axis, end in former.items() if axis not in moving})

    async def relative_move(self, translation: PtzVector, speed: PtzVector | None) -> None:
        """Move by a distance."""
        await self._move(_axes_of(translation), lambda: self.control.relative_move(translation, speed))

    async def absolute_move(self, position: PtzVector, speed: PtzVector | None) -> None:
        """Move to a position."""
        await self._move(_axes_of(position), lambda: self.control.absolute_move(position, speed))

    async def stop(self, *, pan_tilt: bool, zoom: bool) -> None:
        """Stop moving; where the recorder does not do it, the move still ends in its time."""
        chosen = {_Axis.PAN_TILT: pan_tilt, _Axis.ZOOM: zoom}
        ends = self._ends_of(axis for axis, is_chosen in chosen.items() if is_chosen)
        await self._call(lambda: self.control.stop(pan_tilt=pan_tilt, zoom=zoom))
        self._forget(ends)

    async def status(self) -> PtzStatus:
        """Tell where the unit is."""
        return await self._call(self.control.status)

    async def presets(self) -> tuple[PtzPreset, ...]:
        """List the presets."""
        return await self._call(self.control.presets)

    async def set_preset(self, name: str | None, token: str | None) -> str:
        """Remember the position as a preset; returns its token."""
        return await self._call(lambda: self.control.set_preset(name, token))

    async def remove_preset(self, token: str) -> None:
        """Forget a preset."""
        await self._call(lambda: self.control.remove_preset(token))

    async def go_to_preset(self, token: str, speed: PtzVector | None) -> None:
        """Move to a preset."""
        await self._move(_Axis, lambda: self.control.go_to_preset(token, speed))

    async def go_home(self, speed: PtzVector | None) -> None:
        """Move to the home position."""
        await self._move(_Axis, lambda: self.control.go_home(speed))

    async def set_home(self) -> None:
        """Make this position the home position."""
        await self._call(self.control.set_home)

    async def send_auxiliary(self, command: str) -> None:
        """Send an auxiliary command."""
        await self._call(lambda: self.control.send_auxiliary(command))

    async def halt(self) -> None:
        """End the moves that go on; returns when the recorder was told, or did not listen."""
        for axis in tuple(self._ends):
            self._end(axis)
        await self._wait_for_stops()

    async def _move(self, axes: Iterable[_Axis], move: Callable[[], Awaitable[None]]) -> None:
        """Begin a move that ends by itself; the end of a former one on these axes must not come amid it."""
        await self._wait_for_stops()
        ends = self._ends_of(axes)
        await self._call(move)
        self._forget(ends)

    def _ends_of(self, axes: Iterable[_Axis]) -> dict[_Axis, asyncio.TimerHandle]:
        return {axis: self._ends[axis] for axis in axes if axis in self._ends}

    def _end_at(self, axis: _Axis, when: float) -> asyncio.TimerHandle:
        """Have a move end at a time of the event loop, in place of a former one."""
        self._forget(self._ends_of([axis]))
        end = self._ends[axis] = asyncio.get_running_loop().call_at(when, self._end, axis)
        return end

    def _forget(self, ends: Mapping[_Axis, asyncio.TimerHandle]) -> None:
        """Let moves not be ended that have ended; others of these axes may have begun since."""
        for axis, end in ends.items():
            end.cancel()
            if self._ends.get(axis) is end:
                del self._ends[axis]

    def _end(self, axis: _Axis) -> None:
        self._forget(self._ends_of([axis]))
        task = asyncio.get_running_loop().create_task(self._stop_axis(axis))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _stop_axis(self, axis: _Axis) -> None:
        try:
            await self._call(lambda: self.control.stop(pan_tilt=axis is _Axis.PAN_TILT, zoom=axis is _Axis.ZOOM))
        except ControlError as error:
            _LOGGER.warning("A move of a PTZ unit (%s) could not be stopped: %s", axis, error)

    async def _wait_for_stops(self) -> None:
        if self._stopping:
            await asyncio.wait(self._stopping)

    async def _call[T](self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._call_timeout):
                return await call()
        except TimeoutError as error:
            raise ControlError(ControlProblem.UNREACHABLE, "the recorder took too long") from error


def _axes_of(vector: PtzVector) -> list[_Axis]:
    """Return what a vector says something of."""
    given = {_Axis.PAN_TILT: vector.pan is not None, _Axis.ZOOM: vector.zoom is not None}
    return [axis for axis, is_given in given.items() if is_given]


def _speed(velocity: PtzVector, axis: _Axis) -> bool:
    """Tell whether an axis is to move: a speed of zero is a way to say stop."""
    return bool(velocity.zoom) if axis is _Axis.ZOOM else bool(velocity.pan or velocity.tilt)
