"""The device IO service (ONVIF Device IO, ver10/deviceIO) and the device service's copies of its relay operations."""

from .relay import Relay
from .service import Call, Handler, Recorder, seconds
from .soap import attribute, invalid_argument, text

MAX_DELAY = 600.0


class DeviceIoService:
    """The recorder's contacts."""

    def __init__(self, recorder: Recorder) -> None:
        """Answer for a recorder."""
        self._options = recorder.options
        self._channels = recorder.channels
        self._relays = recorder.relays
        # Both services read and switch with the messages of ver10/device; only the settings have two forms.
        shared: dict[str, Handler] = {
            "tds:GetRelayOutputs": self._relay_outputs,
            "tds:SetRelayOutputState": self._set_state,
        }
        self.operations = shared | {
            "tmd:GetServiceCapabilities": self._service_capabilities,
            "tmd:GetVideoSources": self._video_sources,
            "tmd:GetAudioSources": self._audio_sources,
            "tmd:GetDigitalInputs": self._digital_inputs,
            "tmd:SetRelayOutputSettings": self._set_settings,
        }
        self.device_operations = shared | {"tds:SetRelayOutputSettings": self._set_settings_of_device}

    def counts(self) -> dict[str, int]:
        """How many there are of what, by the attributes of tmd:Capabilities."""
        channels = list(self._channels)
        return {
            "VideoSources": len(channels),
            "VideoOutputs": 0,
            "AudioSources": len(channels) if self._options.audio else 0,
            "AudioOutputs": sum(channel.number in self._options.loudspeakers for channel in channels),
            "RelayOutputs": len(self._relays),
            "SerialPorts": 0,
            "DigitalInputs": len(self._input_tokens()),
        }

    def _input_tokens(self) -> list[str]:
        return [channel.input_token for channel in self._channels if channel.input_token is not None]

    async def _service_capabilities(self, call: Call) -> str:
        attributes = " ".join(f'{name}="{count}"' for name, count in self.counts().items())
        return (
            f"<tmd:GetServiceCapabilitiesResponse><tmd:Capabilities {attributes}/></tmd:GetServiceCapabilitiesResponse>"
        )

    def _source_tokens(self) -> str:
        return "".join(f"<tmd:Token>{text(channel.source_token)}</tmd:Token>" for channel in self._channels)

    async def _video_sources(self, call: Call) -> str:
        return f"<tmd:GetVideoSourcesResponse>{self._source_tokens()}</tmd:GetVideoSourcesResponse>"

    async def _audio_sources(self, call: Call) -> str:
        tokens = self._source_tokens() if self._options.audio else ""
        return f"<tmd:GetAudioSourcesResponse>{tokens}</tmd:GetAudioSourcesResponse>"

    async def _digital_inputs(self, call: Call) -> str:
        inputs = "".join(f"<tmd:DigitalInputs token={attribute(token)}/>" for token in self._input_tokens())
        return f"<tmd:GetDigitalInputsResponse>{inputs}</tmd:GetDigitalInputsResponse>"

    async def _relay_outputs(self, call: Call) -> str:
        outputs = "".join(
            f"<tds:RelayOutputs token={attribute(token)}><tt:Properties>"
            f"<tt:Mode>{'Monostable' if relay.monostable else 'Bistable'}</tt:Mode>"
            f"<tt:DelayTime>PT{relay.delay:g}S</tt:DelayTime>"
            f"<tt:IdleState>{'closed' if relay.idle_closed else 'open'}</tt:IdleState></tt:Properties></tds:RelayOutputs>"
            for token, relay in self._relays.items()
        )
        return f"<tds:GetRelayOutputsResponse>{outputs}</tds:GetRelayOutputsResponse>"

    def _relay(self, token: str | None) -> Relay:
        relay = self._relays.get(token or "")
        if relay is None:
            raise invalid_argument("RelayToken", "Unknown relay token reference")
        return relay

    async def _set_state(self, call: Call) -> str:
        relay = self._relay(call.request.value("RelayOutputToken"))
        state = call.request.value("LogicalState")
        if state not in {"active", "inactive"}:
            raise invalid_argument("RelayState", "The logical state is active or inactive")
        relay.switch(state == "active")
        return "<tds:SetRelayOutputStateResponse/>"

    async def _set_settings(self, call: Call) -> str:
        output = call.request.find("RelayOutput")
        self._configure(call, None if output is None else output.get("token"), "RelayOutput", "Properties")
        return "<tmd:SetRelayOutputSettingsResponse/>"

    async def _set_settings_of_device(self, call: Call) -> str:
        self._configure(call, call.request.value("RelayOutputToken"), "Properties")
        return "<tds:SetRelayOutputSettingsResponse/>"

    def _configure(self, call: Call, token: str | None, *path: str) -> None:
        relay = self._relay(token)
        mode, delay, idle = (call.request.value(*path, name) for name in ("Mode", "DelayTime", "IdleState"))
        delay_time = seconds(delay or "")
        if mode not in {"Monostable", "Bistable"} or idle not in {"open", "closed"}:
            raise invalid_argument("ModeError", "Unknown mode or idle state")
        if mode == "Monostable":
            if delay_time is None or delay_time > MAX_DELAY:
                raise invalid_argument("ModeError", "Monostable delay time not valid")
            relay.delay = delay_time
        relay.monostable = mode == "Monostable"
        relay.idle_closed = idle == "closed"
