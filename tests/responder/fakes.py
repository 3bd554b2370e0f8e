"""What a recorder steers, as far as its answers go: a PTZ unit, a picture's settings, contacts."""

from collections.abc import Mapping

from custom_components.onvif_proxy.controls import (
    ControlError,
    ControlProblem,
    FocusMove,
    FocusOptions,
    FocusStatus,
    ImagingOptions,
    ImagingSettings,
    MoveState,
    PtzPreset,
    PtzStatus,
    PtzVector,
)

GENERIC = "http://www.onvif.org/ver10/tptz"


class FakePtz:
    """A unit with one preset; what it is told is in `calls`."""

    def __init__(self) -> None:
        """Stand still."""
        self.calls: list[tuple[object, ...]] = []
        self._presets = {"1": PtzPreset(token="1", name="Gate", position=PtzVector(pan=0.5, tilt=-0.5, zoom=0.25))}

    async def continuous_move(self, velocity: PtzVector, timeout: float | None) -> None:
        """Note it."""
        self.calls.append(("continuous_move", velocity, timeout))

    async def relative_move(self, translation: PtzVector, speed: PtzVector | None) -> None:
        """Note it."""
        self.calls.append(("relative_move", translation, speed))

    async def absolute_move(self, position: PtzVector, speed: PtzVector | None) -> None:
        """Note it."""
        self.calls.append(("absolute_move", position, speed))

    async def stop(self, *, pan_tilt: bool, zoom: bool) -> None:
        """Note it."""
        self.calls.append(("stop", pan_tilt, zoom))

    async def status(self) -> PtzStatus:
        """Tell where it is."""
        return PtzStatus(
            position=PtzVector(
                pan=0.0,
                tilt=0.0,
                zoom=0.0,
                pan_tilt_space=f"{GENERIC}/PanTiltSpaces/PositionGenericSpace",
                zoom_space=f"{GENERIC}/ZoomSpaces/PositionGenericSpace",
            ),
            pan_tilt=MoveState.IDLE,
            zoom=MoveState.IDLE,
        )

    async def presets(self) -> tuple[PtzPreset, ...]:
        """List them."""
        return tuple(self._presets.values())

    async def set_preset(self, name: str | None, token: str | None) -> str:
        """Remember it."""
        token = token or str(len(self._presets) + 1)
        self._presets[token] = PtzPreset(token=token, name=name or token)
        return token

    async def remove_preset(self, token: str) -> None:
        """Forget it."""
        if self._presets.pop(token, None) is None:
            raise ControlError(ControlProblem.NO_SUCH_TOKEN)

    async def go_to_preset(self, token: str, speed: PtzVector | None) -> None:
        """Note it."""
        if token not in self._presets:
            raise ControlError(ControlProblem.NO_SUCH_TOKEN)
        self.calls.append(("go_to_preset", token, speed))

    async def go_home(self, speed: PtzVector | None) -> None:
        """Note it."""
        self.calls.append(("go_home", speed))

    async def set_home(self) -> None:
        """Note it."""
        self.calls.append(("set_home",))

    async def send_auxiliary(self, command: str) -> None:
        """Note it."""
        self.calls.append(("send_auxiliary", command))


class FakeImaging:
    """A picture whose settings can be changed, and a focus."""

    def __init__(self) -> None:
        """Take a common camera's values."""
        self.values: dict[str, float | str] = {"Brightness": 50.0, "Exposure/Mode": "AUTO", "IrCutFilter": "AUTO"}

    async def settings(self) -> ImagingSettings:
        """Read them."""
        return dict(self.values)

    async def options(self) -> ImagingOptions:
        """Tell what they may be."""
        return {
            "Brightness": (0.0, 100.0),
            "Exposure/Mode": ("AUTO", "MANUAL"),
            "IrCutFilter": ("ON", "OFF", "AUTO"),
        }

    async def set_settings(self, settings: ImagingSettings, *, force_persistence: bool) -> None:
        """Change them."""
        self.values |= settings

    async def focus_options(self) -> FocusOptions:
        """Tell how it can be moved."""
        return {FocusMove.ABSOLUTE: {"Position": (0.0, 1.0)}, FocusMove.CONTINUOUS: {"Speed": (-1.0, 1.0)}}

    async def move_focus(self, move: FocusMove, values: Mapping[str, float]) -> None:
        """Move it."""

    async def stop_focus(self) -> None:
        """Stop it."""

    async def focus_status(self) -> FocusStatus | None:
        """Tell where it is."""
        return FocusStatus(position=0.5, state=MoveState.IDLE)


class FakeRelays:
    """Contacts that remember how they were switched."""

    def __init__(self) -> None:
        """Switch nothing."""
        self.states: dict[str, bool] = {}

    async def set_relay(self, token: str, *, active: bool) -> None:
        """Switch one."""
        self.states[token] = active
