"""The PTZ service (ONVIF PTZ, ver20/ptz)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .channels import SimulatedChannel
from .ptz_spaces import DEFAULT_TIMEOUT, TIMEOUTS, ptz_configuration, spaces_of, spaces_xml
from .ptz_unit import PAN_TILT, ZOOM, Place, PresetsFullError, PtzUnit
from .service import Call, Handler, Recorder, seconds, timestamp
from .soap import SoapFault, attribute, invalid_argument, not_supported, text

MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class _Vector:
    """What a tt:PTZVector or tt:PTZSpeed says: as it was sent, and in the generic spaces."""

    sent: Place
    generic: Place


class PtzService:
    """Nodes, moves and presets of the channels that have a head."""

    def __init__(self, recorder: Recorder) -> None:
        """Answer for a recorder."""
        self._recorder = recorder
        self._channels = recorder.channels
        self._vendor = recorder.channels.vendor
        self._manner = self._vendor.ptz
        self._spaces = spaces_of(self._vendor)
        self.operations: dict[str, Handler] = {
            "tptz:GetServiceCapabilities": self._service_capabilities,
            "tptz:GetNodes": self._nodes,
            "tptz:GetNode": self._node,
            "tptz:GetConfigurations": self._configurations,
            "tptz:GetConfiguration": self._configuration,
            "tptz:GetConfigurationOptions": self._configuration_options,
            "tptz:GetCompatibleConfigurations": self._compatible_configurations,
            "tptz:GetStatus": self._status,
            "tptz:GetPresets": self._presets,
            "tptz:ContinuousMove": self._acting(self._continuous_move),
            "tptz:Stop": self._acting(self._stop),
            "tptz:SetPreset": self._set_preset,
            "tptz:RemovePreset": self._acting(self._remove_preset),
            "tptz:GotoPreset": self._acting(self._go_to_preset),
        }
        if self._manner.positions:
            self.operations["tptz:AbsoluteMove"] = self._acting(self._absolute_move)
            self.operations["tptz:RelativeMove"] = self._acting(self._relative_move)
        if self._manner.home:
            self.operations["tptz:GotoHomePosition"] = self._acting(self._go_home)
            self.operations["tptz:SetHomePosition"] = self._acting(self._set_home)
        if self._manner.auxiliary:
            self.operations["tptz:SendAuxiliaryCommand"] = self._auxiliary

    def _acting(self, act: Callable[[Call, PtzUnit], Awaitable[None]]) -> Handler:
        """Return a handler whose answer is an empty element."""

        async def handler(call: Call) -> str:
            await act(call, self._unit(call)[1])
            return f"<tptz:{call.request.name}Response/>"

        return handler

    def _units(self) -> list[tuple[SimulatedChannel, PtzUnit]]:
        return [(channel, channel.ptz) for channel in self._channels if channel.ptz is not None]

    def _unit(self, call: Call) -> tuple[SimulatedChannel, PtzUnit]:
        """Return what the ProfileToken names."""
        token = call.request.value("ProfileToken")
        stream = self._channels.profile(token) if token else None
        if stream is None:
            raise invalid_argument("NoProfile", "The requested profile token does not exist")
        channel = self._channels.channel(stream.number)
        if channel.ptz is None:
            raise invalid_argument("NoPTZProfile", "The requested profile has no PTZ configuration")
        return channel, channel.ptz

    async def _service_capabilities(self, call: Call) -> str:
        status = ' MoveStatus="true"' if self._manner.move_status else ' MoveStatus="false"'
        position = ' StatusPosition="true"' if self._manner.positions else ' StatusPosition="false"'
        return (
            '<tptz:GetServiceCapabilitiesResponse><tptz:Capabilities EFlip="false" Reverse="false" '
            f'GetCompatibleConfigurations="true"{status}{position}/></tptz:GetServiceCapabilitiesResponse>'
        )

    def _node_xml(self, channel: SimulatedChannel) -> str:
        manner = self._manner
        commands = "".join(f"<tt:AuxiliaryCommands>{text(one)}</tt:AuxiliaryCommands>" for one in manner.auxiliary)
        return (
            f'<tptz:PTZNode token={attribute(manner.node_token(channel.number))} FixedHomePosition="false">'
            f"<tt:Name>PTZNode_{channel.number}</tt:Name>{spaces_xml(self._vendor, 'tt:SupportedPTZSpaces')}"
            f"<tt:MaximumNumberOfPresets>{manner.max_presets}</tt:MaximumNumberOfPresets>"
            f"<tt:HomeSupported>{'true' if manner.home else 'false'}</tt:HomeSupported>{commands}</tptz:PTZNode>"
        )

    async def _nodes(self, call: Call) -> str:
        nodes = "".join(self._node_xml(channel) for channel, _ in self._units())
        return f"<tptz:GetNodesResponse>{nodes}</tptz:GetNodesResponse>"

    async def _node(self, call: Call) -> str:
        token = call.request.value("NodeToken")
        for channel, _ in self._units():
            if self._manner.node_token(channel.number) == token:
                return f"<tptz:GetNodeResponse>{self._node_xml(channel)}</tptz:GetNodeResponse>"
        raise invalid_argument("NoEntity", "No such PTZ node on the device")

    def _configuration_xml(self, channel: SimulatedChannel) -> str:
        return ptz_configuration(channel, self._vendor, "tptz:PTZConfiguration")

    async def _configurations(self, call: Call) -> str:
        found = "".join(self._configuration_xml(channel) for channel, _ in self._units())
        return f"<tptz:GetConfigurationsResponse>{found}</tptz:GetConfigurationsResponse>"

    def _find_configuration(self, token: str | None) -> SimulatedChannel:
        for channel, _ in self._units():
            if self._manner.token(channel.number) == token:
                return channel
        raise invalid_argument("NoConfig", "The requested configuration does not exist")

    async def _configuration(self, call: Call) -> str:
        channel = self._find_configuration(call.request.value("PTZConfigurationToken"))
        return f"<tptz:GetConfigurationResponse>{self._configuration_xml(channel)}</tptz:GetConfigurationResponse>"

    async def _configuration_options(self, call: Call) -> str:
        self._find_configuration(call.request.value("ConfigurationToken"))
        low, high = TIMEOUTS
        return (
            "<tptz:GetConfigurationOptionsResponse><tptz:PTZConfigurationOptions>"
            f"{spaces_xml(self._vendor, 'tt:Spaces')}<tt:PTZTimeout><tt:Min>PT{low:g}S</tt:Min>"
            f"<tt:Max>PT{high:g}S</tt:Max></tt:PTZTimeout></tptz:PTZConfigurationOptions>"
            "</tptz:GetConfigurationOptionsResponse>"
        )

    async def _compatible_configurations(self, call: Call) -> str:
        channel, _ = self._unit(call)
        found = self._configuration_xml(channel)
        return f"<tptz:GetCompatibleConfigurationsResponse>{found}</tptz:GetCompatibleConfigurationsResponse>"

    def _position_xml(self, tag: str, place: Place) -> str:
        pan_tilt = self._spaces["AbsolutePanTiltPositionSpace"][0].uri
        zoom = self._spaces["AbsoluteZoomPositionSpace"][0].uri
        return (
            f'<{tag}><tt:PanTilt x="{place["pan"]:.6f}" y="{place["tilt"]:.6f}" space="{pan_tilt}"/>'
            f'<tt:Zoom x="{place["zoom"]:.6f}" space="{zoom}"/></{tag}>'
        )

    async def _status(self, call: Call) -> str:
        _, unit = self._unit(call)
        position = self._position_xml("tt:Position", unit.position) if self._manner.positions else ""
        moves = error = ""
        if self._manner.move_status:
            states = {"PanTilt": unit.moves(PAN_TILT), "Zoom": unit.moves(ZOOM)}
            told = "".join(
                f"<tt:{name}>{'MOVING' if moving else 'IDLE'}</tt:{name}>" for name, moving in states.items()
            )
            moves = f"<tt:MoveStatus>{told}</tt:MoveStatus>"
        if self._manner.error:
            error = f"<tt:Error>{text(self._manner.error)}</tt:Error>"
        return (
            f"<tptz:GetStatusResponse><tptz:PTZStatus>{position}{moves}{error}"
            f"<tt:UtcTime>{timestamp(self._recorder.now())}</tt:UtcTime></tptz:PTZStatus></tptz:GetStatusResponse>"
        )

    def _vector(self, call: Call, name: str, group: str, subcode: str) -> _Vector:
        """Read Position, Translation, Velocity or Speed; `group` says which spaces it is in, `subcode` what is wrong."""
        sent: Place = {}
        generic: Place = {}
        for tag, axes in (("PanTilt", PAN_TILT), ("Zoom", ZOOM)):
            element = call.request.find(name, tag)
            if element is None:
                continue
            spaces = {space.uri: space for space in self._spaces[group.format(tag)]}
            space = spaces.get(element.get("space") or next(iter(spaces)))
            if space is None:
                raise invalid_argument("SpaceNotSupported", "The PTZ node does not know the space")
            for axis, coordinate in zip(axes, ("x", "y"), strict=False):
                try:
                    number = float(element.get(coordinate, ""))
                except ValueError:
                    raise invalid_argument(subcode, f"{name} has no {coordinate}") from None
                if not space.low <= number <= space.high:
                    raise invalid_argument(subcode, f"{name} is out of bounds")
                sent[axis], generic[axis] = number, number * space.part
        return _Vector(sent, generic)

    def _speed(self, call: Call) -> Place:
        return self._vector(call, "Speed", "{}SpeedSpace", "InvalidSpeed").generic

    async def _continuous_move(self, call: Call, unit: PtzUnit) -> None:
        velocity = self._vector(call, "Velocity", "Continuous{}VelocitySpace", "InvalidVelocity")
        given = call.request.value("Timeout")
        timeout = DEFAULT_TIMEOUT if given is None else seconds(given)
        if timeout is None or not TIMEOUTS[0] <= timeout <= TIMEOUTS[1]:
            raise invalid_argument("TimeoutNotSupported", "The timeout is not within the supported range")
        unit.note("ContinuousMove", velocity.sent | ({} if given is None else {"timeout": timeout}))
        unit.run(velocity.generic, timeout)

    async def _absolute_move(self, call: Call, unit: PtzUnit) -> None:
        position = self._vector(call, "Position", "Absolute{}PositionSpace", "InvalidPosition")
        speed = self._speed(call)
        unit.note("AbsoluteMove", position.sent)
        unit.go(position.generic, speed)

    async def _relative_move(self, call: Call, unit: PtzUnit) -> None:
        translation = self._vector(call, "Translation", "Relative{}TranslationSpace", "InvalidTranslation")
        speed = self._speed(call)
        unit.note("RelativeMove", translation.sent)
        unit.go_by(translation.generic, speed)

    async def _stop(self, call: Call, unit: PtzUnit) -> None:
        axes: tuple[str, ...] = ()
        for tag, names in (("PanTilt", PAN_TILT), ("Zoom", ZOOM)):
            if call.request.value(tag) not in {"false", "0"}:
                axes += names
        unit.note("Stop", dict.fromkeys(axes, 0.0))
        unit.stop(axes)

    def _find_preset(self, call: Call, unit: PtzUnit) -> str:
        token = call.request.value("PresetToken")
        if token is None or token not in unit.presets:
            raise invalid_argument("NoToken", "The requested preset token does not exist")
        return token

    async def _presets(self, call: Call) -> str:
        _, unit = self._unit(call)
        presets = []
        for token, preset in unit.presets.items():
            position = self._position_xml("tt:PTZPosition", preset.place) if self._manner.positions else ""
            presets.append(
                f"<tptz:Preset token={attribute(token)}><tt:Name>{text(preset.name)}</tt:Name>{position}</tptz:Preset>"
            )
        return f"<tptz:GetPresetsResponse>{''.join(presets)}</tptz:GetPresetsResponse>"

    async def _set_preset(self, call: Call) -> str:
        _, unit = self._unit(call)
        name = call.request.value("PresetName")
        if name and len(name) > MAX_NAME:
            raise invalid_argument("InvalidPresetName", "The preset name is too long")
        token = self._find_preset(call, unit) if call.request.value("PresetToken") else None
        if unit.moving:
            raise SoapFault("Receiver", "Action", "MovingPTZ", reason="The PTZ unit is moving")
        try:
            made = unit.set_preset(token, name)
        except PresetsFullError:
            raise SoapFault("Receiver", "Action", "TooManyPresets", reason="No more presets") from None
        unit.note("SetPreset", {"preset": made} | ({"name": name} if name else {}))
        return f"<tptz:SetPresetResponse><tptz:PresetToken>{made}</tptz:PresetToken></tptz:SetPresetResponse>"

    async def _remove_preset(self, call: Call, unit: PtzUnit) -> None:
        token = self._find_preset(call, unit)
        unit.note("RemovePreset", {"preset": token})
        del unit.presets[token]

    async def _go_to_preset(self, call: Call, unit: PtzUnit) -> None:
        token = self._find_preset(call, unit)
        speed = self._speed(call)
        unit.note("GotoPreset", {"preset": token})
        unit.go(unit.presets[token].place, speed)

    async def _go_home(self, call: Call, unit: PtzUnit) -> None:
        speed = self._speed(call)
        unit.note("GotoHomePosition", {})
        unit.go(unit.home, speed)

    async def _set_home(self, call: Call, unit: PtzUnit) -> None:
        unit.note("SetHomePosition", {})
        unit.home = unit.position

    async def _auxiliary(self, call: Call) -> str:
        _, unit = self._unit(call)
        command = call.request.value("AuxiliaryData") or ""
        if command not in self._manner.auxiliary:
            raise not_supported()
        unit.note("SendAuxiliaryCommand", {"command": command})
        return (
            f"<tptz:SendAuxiliaryCommandResponse><tptz:AuxiliaryResponse>{text(command)}</tptz:AuxiliaryResponse>"
            "</tptz:SendAuxiliaryCommandResponse>"
        )
