"""The imaging service (ONVIF Imaging, ver20/imaging)."""

from collections.abc import Mapping

from .picture_settings import Picture, Setting
from .service import Call, Handler, Recorder
from .soap import SoapFault, children, invalid_argument, local_name, text

FULL_SPEED = 1.0
_ENDLESS = 3600.0
_SPANS = {
    "Absolute": {"Position": (0.0, 1.0), "Speed": (0.0, FULL_SPEED)},
    "Relative": {"Distance": (-1.0, 1.0), "Speed": (0.0, FULL_SPEED)},
    "Continuous": {"Speed": (-FULL_SPEED, FULL_SPEED)},
}
"""The ways to move the focus, and what each takes; Speed is optional but in the last."""


def _nested(parts: Mapping[str, str]) -> str:
    """Return XML of paths of one or two elements; those with the same first follow each other."""
    found: dict[str, str] = {}
    for path, content in parts.items():
        outer, _, inner = path.partition("/")
        found[outer] = found.get(outer, "") + content.replace("{}", inner or outer)
    return "".join(
        f"<tt:{outer}>{content}</tt:{outer}>" if any(path.startswith(f"{outer}/") for path in parts) else content
        for outer, content in found.items()
    )


def _value(value: float | str) -> str:
    return text(f"{value:g}" if isinstance(value, float) else value)


def _range(low: float, high: float) -> str:
    return f"<tt:Min>{low:g}</tt:Min><tt:Max>{high:g}</tt:Max>"


def _options(setting: Setting) -> str:
    if setting.span is not None:
        return f"<tt:{{}}>{_range(*setting.span)}</tt:{{}}>"
    return "".join(f"<tt:{{}}>{word}</tt:{{}}>" for word in setting.words)


class ImagingService:
    """Settings and focus of every channel."""

    def __init__(self, recorder: Recorder) -> None:
        """Answer for a recorder."""
        self._channels = recorder.channels
        self.operations: dict[str, Handler] = {
            "timg:GetServiceCapabilities": self._service_capabilities,
            "timg:GetImagingSettings": self._settings,
            "timg:SetImagingSettings": self._set_settings,
            "timg:GetOptions": self._options,
            "timg:GetMoveOptions": self._move_options,
            "timg:Move": self._move,
            "timg:Stop": self._stop,
            "timg:GetStatus": self._status,
        }

    def _picture(self, call: Call) -> Picture:
        token = call.request.value("VideoSourceToken")
        for channel in self._channels:
            if channel.source_token == token:
                return channel.picture
        raise invalid_argument("NoSource", "The requested video source does not exist")

    async def _service_capabilities(self, call: Call) -> str:
        return (
            '<timg:GetServiceCapabilitiesResponse><timg:Capabilities ImageStabilization="false"/>'
            "</timg:GetServiceCapabilitiesResponse>"
        )

    async def _settings(self, call: Call) -> str:
        values = {path: f"<tt:{{}}>{_value(value)}</tt:{{}}>" for path, value in self._picture(call).values.items()}
        return (
            f"<timg:GetImagingSettingsResponse><timg:ImagingSettings>{_nested(values)}</timg:ImagingSettings>"
            "</timg:GetImagingSettingsResponse>"
        )

    async def _options(self, call: Call) -> str:
        settings = self._picture(call).settings.values()
        options = _nested({setting.options_path or setting.path: _options(setting) for setting in settings})
        return (
            f"<timg:GetOptionsResponse><timg:ImagingOptions>{options}</timg:ImagingOptions></timg:GetOptionsResponse>"
        )

    async def _set_settings(self, call: Call) -> str:
        picture = self._picture(call)
        given = {}
        element = call.request.find("ImagingSettings")
        for outer in () if element is None else children(element):
            inner = list(children(outer))
            for one in inner or [outer]:
                path = f"{local_name(outer)}/{local_name(one)}" if inner else local_name(outer)
                given[path] = (one.text or "").strip()
        try:
            picture.change(given)
        except ValueError as error:
            raise invalid_argument("SettingsInvalid", f"The requested settings are incorrect: {error}") from None
        return "<timg:SetImagingSettingsResponse/>"

    async def _move_options(self, call: Call) -> str:
        options = ""
        if self._picture(call).focus is not None:
            options = "".join(
                f"<tt:{way}>{''.join(f'<tt:{name}>{_range(*span)}</tt:{name}>' for name, span in spans.items())}</tt:{way}>"
                for way, spans in _SPANS.items()
            )
        return (
            f"<timg:GetMoveOptionsResponse><timg:MoveOptions>{options}</timg:MoveOptions></timg:GetMoveOptionsResponse>"
        )

    async def _move(self, call: Call) -> str:
        picture = self._picture(call)
        if picture.focus is None:
            raise SoapFault("Receiver", "ActionNotSupported", "NoImagingForSource", reason="The focus has no motor")
        way = next((way for way in _SPANS if call.request.find("Focus", way) is not None), None)
        if way is None:
            raise invalid_argument("SettingsInvalid", "No focus movement")
        values = self._movement(call, way)
        if way == "Continuous":
            picture.focus.run(values["Speed"], _ENDLESS)
        else:
            target = values["Position"] if way == "Absolute" else picture.focus.position + values["Distance"]
            picture.focus.go(target, values.get("Speed", FULL_SPEED))
        picture.values["Focus/AutoFocusMode"] = "MANUAL"
        return "<timg:MoveResponse/>"

    def _movement(self, call: Call, way: str) -> dict[str, float]:
        values = {}
        for name, (low, high) in _SPANS[way].items():
            given = call.request.value("Focus", way, name)
            if given is None and name == "Speed" and way != "Continuous":
                continue
            try:
                values[name] = float(given or "")
            except ValueError:
                raise invalid_argument("SettingsInvalid", f"{name} is no number") from None
            if not low <= values[name] <= high:
                raise invalid_argument("SettingsInvalid", f"{name} is out of bounds")
        return values

    async def _stop(self, call: Call) -> str:
        picture = self._picture(call)
        if picture.focus is not None:
            picture.focus.stop()
        return "<timg:StopResponse/>"

    async def _status(self, call: Call) -> str:
        focus = self._picture(call).focus
        status = ""
        if focus is not None:
            status = (
                f"<tt:FocusStatus20><tt:Position>{focus.position:.6f}</tt:Position>"
                f"<tt:MoveStatus>{'MOVING' if focus.moving else 'IDLE'}</tt:MoveStatus></tt:FocusStatus20>"
            )
        return f"<timg:GetStatusResponse><timg:Status>{status}</timg:Status></timg:GetStatusResponse>"
