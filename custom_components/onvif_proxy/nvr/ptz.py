"""The PTZ units of a recorder's channels (ONVIF PTZ service, ver20)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
import math
from typing import Any

from ..controls import ControlError, ControlProblem, MoveState, PtzPreset, PtzStatus, PtzVector
from ..model import PtzAbilities, PtzSpace, PtzSpaceKind
from .control_calls import ControlCalls
from .errors import RecorderError, Unreachable
from .names import clean_name
from .parallel import all_of
from .profiles import Profile, get, items_of, read_token, text_of
from .soap import PTZ, SoapClient

MAX_SPACES = 64
MAX_AUXILIARY_COMMANDS = 64
MAX_PRESETS = 1024
"""Of one unit."""
DEFAULT_TIMEOUT = (1.0, 60.0)
"""Seconds, where the recorder does not tell how long a continuous move may be."""
MAX_TIMEOUT = 86400.0

_PAN_TILT_KINDS = {kind for kind in PtzSpaceKind if "PanTilt" in kind and kind is not PtzSpaceKind.PAN_TILT_SPEED}


def read_range(value: object) -> tuple[float, float] | None:
    """Read a FloatRange; None when it is none."""
    low, high = get(value, "Min"), get(value, "Max")
    numbers = [bound for bound in (low, high) if isinstance(bound, int | float) and math.isfinite(bound)]
    return (float(low), float(high)) if len(numbers) == 2 and low <= high else None


def read_spaces(value: object) -> tuple[PtzSpace, ...]:
    """Read a PTZSpaces; what is incomplete is left out."""
    return tuple(_spaces(value))[:MAX_SPACES]


def _spaces(value: object) -> Iterator[PtzSpace]:
    for kind in PtzSpaceKind:
        for item in items_of(get(value, kind.value)):
            uri, x, y = text_of(get(item, "URI")), read_range(get(item, "XRange")), read_range(get(item, "YRange"))
            if uri is None or x is None or (kind in _PAN_TILT_KINDS and y is None):
                continue
            yield PtzSpace(kind=kind, uri=uri, x=x, y=y if kind in _PAN_TILT_KINDS else None)


def _read_timeout(value: object) -> tuple[float, float] | None:
    bounds = [get(value, name) for name in ("Min", "Max")]
    seconds = [bound.total_seconds() for bound in bounds if isinstance(bound, timedelta)]
    return (seconds[0], seconds[1]) if len(seconds) == 2 and 0 <= seconds[0] <= seconds[1] <= MAX_TIMEOUT else None


def choose_profile(profiles: Sequence[Profile], preferred: str) -> Profile | None:
    """Choose by which of a channel's profiles its unit is steered: the one preferred, else the first that has one."""
    with_unit = [profile for profile in profiles if profile.ptz_configuration is not None]
    return next((profile for profile in with_unit if profile.token == preferred), next(iter(with_unit), None))


@dataclass(slots=True, kw_only=True)
class PtzScan:
    """Learns what units can do; what was learnt once is not asked again. Raises `RecorderError` subclasses."""

    soap: SoapClient
    _options: dict[str, object] = field(default_factory=dict)
    """Answers to GetConfigurationOptions by configuration; None for those refused."""
    _statuses: dict[str, object] = field(default_factory=dict)
    """Answers to GetStatus by profile; None for those refused."""

    async def abilities(self, profiles: Sequence[Profile]) -> dict[str, PtzAbilities]:
        """Return what can be done by each of these profiles, by source token; without those that can do nothing."""
        if not profiles:
            return {}
        nodes = items_of(await self.soap.call(PTZ, "GetNodes"))
        by_token = {token: node for node in nodes if (token := read_token(get(node, "token")))}
        await all_of(self._learn_options(profile.ptz_configuration) for profile in profiles)
        await all_of(self._learn_status(profile.token) for profile in profiles)
        found: dict[str, PtzAbilities] = {}
        for profile in profiles:
            options, status = self._options.get(profile.ptz_configuration or ""), self._statuses.get(profile.token)
            abilities = _abilities(profile, by_token.get(profile.ptz_node or ""), options, status)
            if abilities.spaces:
                found[profile.source_token] = abilities
        return found

    async def _learn_options(self, configuration: str | None) -> None:
        if configuration is not None and configuration not in self._options:
            parameters = {"ConfigurationToken": configuration}
            self._options[configuration] = await self._ask("GetConfigurationOptions", parameters)

    async def _learn_status(self, profile: str) -> None:
        """Learn what a status tells: not all recorders say so in their capabilities."""
        if profile not in self._statuses:
            self._statuses[profile] = await self._ask("GetStatus", {"ProfileToken": profile})

    async def _ask(self, operation: str, parameters: Mapping[str, Any]) -> object:
        try:
            return await self.soap.call(PTZ, operation, parameters)
        except Unreachable:
            raise
        except RecorderError:
            return None


def _abilities(profile: Profile, node: object, options: object, status: object) -> PtzAbilities:
    presets = get(node, "MaximumNumberOfPresets")
    commands = [clean_name(command) for command in items_of(get(node, "AuxiliaryCommands"))]
    return PtzAbilities(
        profile_token=profile.token,
        # The configuration's may be fewer than the unit's.
        spaces=read_spaces(get(options, "Spaces")) or read_spaces(get(node, "SupportedPTZSpaces")),
        max_presets=min(presets, MAX_PRESETS) if isinstance(presets, int) and presets > 0 else 0,
        has_home=get(node, "HomeSupported") is True,
        auxiliary_commands=tuple(filter(None, commands))[:MAX_AUXILIARY_COMMANDS],
        timeout=_read_timeout(get(options, "PTZTimeout")) or DEFAULT_TIMEOUT,
        tells_position=read_vector(get(status, "Position")) is not None,
        tells_movement=any(
            read_move_state(get(status, "MoveStatus", axis)) in (MoveState.IDLE, MoveState.MOVING)
            for axis in ("PanTilt", "Zoom")
        ),
    )


def write_vector(vector: PtzVector | None) -> dict[str, Any] | None:
    """Make a PTZVector or PTZSpeed; None for one that moves nothing."""
    if vector is None:
        return None
    written: dict[str, Any] = {}
    if vector.pan is not None and vector.tilt is not None:
        written["PanTilt"] = _with_space({"x": vector.pan, "y": vector.tilt}, vector.pan_tilt_space)
    if vector.zoom is not None:
        written["Zoom"] = _with_space({"x": vector.zoom}, vector.zoom_space)
    return written or None


def _with_space(axes: dict[str, Any], space: str | None) -> dict[str, Any]:
    return axes if space is None else {**axes, "space": space}


def read_vector(value: object) -> PtzVector | None:
    """Read a PTZVector; None for an empty one."""
    pan, tilt = _number(get(value, "PanTilt", "x")), _number(get(value, "PanTilt", "y"))
    zoom = _number(get(value, "Zoom", "x"))
    has_pan_tilt = pan is not None and tilt is not None
    if not has_pan_tilt and zoom is None:
        return None
    return PtzVector(
        pan=pan if has_pan_tilt else None,
        tilt=tilt if has_pan_tilt else None,
        zoom=zoom,
        pan_tilt_space=text_of(get(value, "PanTilt", "space")) if has_pan_tilt else None,
        zoom_space=text_of(get(value, "Zoom", "space")),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def read_move_state(value: object) -> MoveState | None:
    """Read a MoveStatus; None where there is none."""
    text = text_of(value)
    return None if text is None else next((state for state in MoveState if state == text.upper()), MoveState.UNKNOWN)


def read_error(value: object) -> str | None:
    """Read the error in a status; Hikvision's "NO error" is none."""
    text = clean_name(value)
    return None if text.lower() in {"", "no error", "noerror", "none", "ok"} else text


@dataclass(frozen=True, slots=True, kw_only=True)
class OnvifPtz:
    """The unit that one profile of a recorder steers; implements `controls.PtzControl`."""

    calls: ControlCalls
    profile_token: str

    async def continuous_move(self, velocity: PtzVector, timeout: float | None) -> None:
        """Move until `stop`, or for `timeout` seconds."""
        duration = {} if timeout is None else {"Timeout": timedelta(seconds=timeout)}
        await self._call("ContinuousMove", Velocity=write_vector(velocity) or {}, **duration)

    async def relative_move(self, translation: PtzVector, speed: PtzVector | None) -> None:
        """Move by a distance."""
        await self._call("RelativeMove", Translation=write_vector(translation) or {}, Speed=write_vector(speed))

    async def absolute_move(self, position: PtzVector, speed: PtzVector | None) -> None:
        """Move to a position."""
        await self._call("AbsoluteMove", Position=write_vector(position) or {}, Speed=write_vector(speed))

    async def stop(self, *, pan_tilt: bool, zoom: bool) -> None:
        """Stop moving."""
        await self._call("Stop", PanTilt=pan_tilt, Zoom=zoom)

    async def status(self) -> PtzStatus:
        """Tell where the unit is."""
        answer = await self._call("GetStatus")
        return PtzStatus(
            position=read_vector(get(answer, "Position")),
            pan_tilt=read_move_state(get(answer, "MoveStatus", "PanTilt")),
            zoom=read_move_state(get(answer, "MoveStatus", "Zoom")),
            error=read_error(get(answer, "Error")),
        )

    async def presets(self) -> tuple[PtzPreset, ...]:
        """List the presets."""
        presets = {
            token: PtzPreset(
                token=token, name=clean_name(get(item, "Name")), position=read_vector(get(item, "PTZPosition"))
            )
            for item in items_of(await self._call("GetPresets"))[:MAX_PRESETS]
            if (token := read_token(get(item, "token")))
        }
        return tuple(presets.values())

    async def set_preset(self, name: str | None, token: str | None) -> str:
        """Remember the position as a new preset, or in place of that with `token`; returns its token."""
        answer = await self._call("SetPreset", PresetName=name, PresetToken=token)
        if (made := read_token(answer) or token) is None:
            raise ControlError(ControlProblem.REFUSED, "SetPreset: no token")
        return made

    async def remove_preset(self, token: str) -> None:
        """Forget a preset."""
        await self._call("RemovePreset", PresetToken=token)

    async def go_to_preset(self, token: str, speed: PtzVector | None) -> None:
        """Move to a preset."""
        await self._call("GotoPreset", PresetToken=token, Speed=write_vector(speed))

    async def go_home(self, speed: PtzVector | None) -> None:
        """Move to the home position."""
        await self._call("GotoHomePosition", Speed=write_vector(speed))

    async def set_home(self) -> None:
        """Make this position the home position."""
        await self._call("SetHomePosition")

    async def send_auxiliary(self, command: str) -> None:
        """Send an auxiliary command."""
        await self._call("SendAuxiliaryCommand", AuxiliaryData=command)

    async def _call(self, operation: str, **parameters: object) -> Any:
        given: Mapping[str, object] = {name: value for name, value in parameters.items() if value is not None}
        return await self.calls.call(PTZ, operation, {"ProfileToken": self.profile_token, **given})
