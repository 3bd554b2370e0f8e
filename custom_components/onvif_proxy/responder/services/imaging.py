"""The imaging service (ONVIF Imaging, ver20/imaging/wsdl): the picture's settings, and the focus.

What is asked is checked against what the recorder says is possible, and passed on. There are no imaging presets.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from lxml import etree

from ...controls import IMAGING_FIELDS, ControlProblem, FocusMove, ImagingControl, ImagingOptions, ImagingSettings
from ..auth import Access
from ..errors import ActionNotSupported, InvalidArgument
from ..names import IMAGING_PATH, NAMESPACES, VIDEO_SOURCE, expand
from ..xmltree import Element, child_text, node
from . import imaging_elements as elements
from .base import Context, Operation, Service
from .refusals import Names, lack
from .steering import ask_recorder, name_of, read_flag, read_number

VERSION: Final = (2, 60)

_LACKING: Final[Names] = {
    Access.READ_MEDIA: ("GetPresets", "GetCurrentPreset"),
    Access.ACTUATE: ("SetCurrentPreset",),
}
_NO_IMAGING: Final = "ter:NoImagingForSource"
_SUBCODES: Final = {ControlProblem.NOT_SUPPORTED: _NO_IMAGING}
_SETTINGS_SUBCODES: Final = {**_SUBCODES, ControlProblem.OUT_OF_RANGE: "ter:SettingsInvalid"}
_TT: Final = f"{{{NAMESPACES['tt']}}}"
_XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"


def capabilities(_context: Context) -> Element:
    """Build timg:Capabilities."""
    return node("timg:Capabilities", {"ImageStabilization": False, "Presets": False, "AdaptablePreset": False})


def legacy_capabilities(context: Context) -> Element:
    """Build tt:Imaging of GetCapabilities."""
    return node("tt:Imaging", node("tt:XAddr", context.xaddr(IMAGING)))


def _control_of(context: Context, request: Element) -> ImagingControl:
    """Return what steers the picture of the source that a request names; raises `SoapFault`."""
    if child_text(request, "timg:VideoSourceToken") != VIDEO_SOURCE:
        raise InvalidArgument("There is no video source with this token", "ter:NoSource")
    if context.camera.imaging is None:
        raise ActionNotSupported(name_of(request), _NO_IMAGING)
    return context.camera.imaging


def _done(request: Element, *content: Element) -> Element:
    return node(f"timg:{name_of(request)}Response", *content)


async def get_imaging_settings(context: Context, request: Element) -> Element:
    """Tell the settings."""
    settings = await ask_recorder(request, _control_of(context, request).settings(), _SUBCODES)
    return _done(request, elements.imaging_settings("timg:ImagingSettings", settings))


async def get_options(context: Context, request: Element) -> Element:
    """Tell what the settings may be."""
    options = await ask_recorder(request, _control_of(context, request).options(), _SUBCODES)
    return _done(request, elements.imaging_options("timg:ImagingOptions", options))


async def set_imaging_settings(context: Context, request: Element) -> Element:
    """Change the settings that are given, all or none of them; they persist where the recorder makes them so."""
    control = _control_of(context, request)
    wanted = request.find(expand("timg:ImagingSettings"))
    settings = {} if wanted is None else dict(_read_settings(wanted))
    force_persistence = read_flag(request, "timg:ForcePersistence", default=True)
    if settings:
        _check_settings(settings, await ask_recorder(request, control.options(), _SUBCODES))
        change = control.set_settings(settings, force_persistence=force_persistence)
        await ask_recorder(request, change, _SETTINGS_SUBCODES)
    return _done(request)


def _invalid(reason: str) -> InvalidArgument:
    return InvalidArgument(reason, "ter:SettingsInvalid")


def _read_settings(parent: Element, path: str = "") -> Iterator[tuple[str, float | str]]:
    """Yield the settings in a tt:ImagingSettings20 by path; raises `SoapFault` for what can't be set."""
    for child in parent:
        here = path + str(child.tag).removeprefix(_TT)
        if any(value and not str(name).startswith(_XSI) for name, value in child.items()):
            raise _invalid("The recorder has no such setting")
        if len(child):
            yield from _read_settings(child, f"{here}/")
        elif text := (child.text or "").strip():
            yield here, _read_value(here, text)


def _read_value(path: str, text: str) -> float | str:
    if path not in IMAGING_FIELDS:
        raise _invalid("The recorder has no such setting")
    if IMAGING_FIELDS[path] is str:
        if text not in elements.WORDS[path]:
            raise _invalid(f"{path} has another word")
        return text
    try:
        return read_number(text)
    except ValueError as error:
        raise _invalid(f"{path} is not a number") from error


def _check_settings(settings: ImagingSettings, options: ImagingOptions) -> None:
    """Refuse what is out of range; where the recorder names no range, it decides itself."""
    for path, value in settings.items():
        choices = options.get(path)
        if isinstance(value, str):
            is_possible = choices is None or value in choices
        else:
            bounds = elements.range_of(choices)
            is_possible = bounds is None or bounds[0] <= value <= bounds[1]
        if not is_possible:
            raise _invalid(f"{path} is out of range")


async def get_move_options(context: Context, request: Element) -> Element:
    """Tell how the focus can be moved."""
    options = await ask_recorder(request, _control_of(context, request).focus_options(), _SUBCODES)
    return _done(request, elements.move_options("timg:MoveOptions", options))


async def move(context: Context, request: Element) -> Element:
    """Move the focus in one of the ways that there are."""
    control = _control_of(context, request)
    way, values = _read_move(request)
    options = await ask_recorder(request, control.focus_options(), _SUBCODES)
    if way not in options:
        raise ActionNotSupported(f"{name_of(request)} ({way})")
    for name, value in values.items():
        lowest, highest = options[way].get(name, (value, value))
        if not lowest <= value <= highest:
            raise InvalidArgument(f"{name} is not from {lowest:g} to {highest:g}")
    await ask_recorder(request, control.move_focus(way, values), _SUBCODES)
    return _done(request)


def _read_move(request: Element) -> tuple[FocusMove, Mapping[str, float]]:
    """Read a tt:FocusMove; raises `SoapFault`."""
    focus = request.find(expand("timg:Focus"))
    ways = [] if focus is None else [etree.QName(child).localname for child in focus]
    if focus is None or len(ways) != 1 or ways[0] not in list(FocusMove):
        raise InvalidArgument("The focus is moved in one way: Absolute, Relative or Continuous")
    way = FocusMove(ways[0])
    texts = {name: child_text(focus[0], f"tt:{name}") for name in elements.FOCUS_VALUES[way]}
    required = elements.FOCUS_VALUES[way][0]
    try:
        values = {name: read_number(text) for name, text in texts.items() if text is not None or name == required}
    except ValueError as error:
        raise InvalidArgument(f"{way} has {required}, and all that it has are numbers") from error
    return way, values


async def stop(context: Context, request: Element) -> Element:
    """Stop moving the focus."""
    await ask_recorder(request, _control_of(context, request).stop_focus(), _SUBCODES)
    return _done(request)


async def get_status(context: Context, request: Element) -> Element:
    """Tell where the focus is."""
    status = await ask_recorder(request, _control_of(context, request).focus_status(), _SUBCODES)
    return _done(request, elements.imaging_status("timg:Status", status))


IMAGING: Final = Service(
    prefix="timg",
    path=IMAGING_PATH,
    version=VERSION,
    capabilities=capabilities,
    category="Imaging",
    legacy_capabilities=legacy_capabilities,
    offered=lambda description: description.channel.has_imaging,
    operations={
        "GetImagingSettings": Operation(get_imaging_settings, Access.READ_MEDIA),
        "GetOptions": Operation(get_options, Access.READ_MEDIA),
        "SetImagingSettings": Operation(set_imaging_settings, Access.ACTUATE),
        "GetMoveOptions": Operation(get_move_options, Access.READ_MEDIA),
        "Move": Operation(move, Access.ACTUATE),
        "Stop": Operation(stop, Access.ACTUATE),
        "GetStatus": Operation(get_status, Access.READ_MEDIA),
        **lack(_LACKING),
    },
)
