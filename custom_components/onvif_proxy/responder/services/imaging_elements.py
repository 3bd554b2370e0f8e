"""The imaging service's nouns as elements of ver10/schema: the picture's settings, what they may be, and the focus.

A recorder may use words that the schema lacks, and settings without the mode that the schema wants beside them. Neither
can be told, so they are left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ...controls import IMAGING_FIELDS, FocusMove, FocusOptions, FocusStatus, ImagingOptions, ImagingSettings
from ..texts import shorten
from ..xmltree import Element, node
from .ptz_elements import number_range

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "BacklightCompensation/Mode": ("OFF", "ON"),
    "Exposure/Mode": ("AUTO", "MANUAL"),
    "Exposure/Priority": ("LowNoise", "FrameRate"),
    "Focus/AutoFocusMode": ("AUTO", "MANUAL"),
    "IrCutFilter": ("ON", "OFF", "AUTO"),
    "WideDynamicRange/Mode": ("OFF", "ON"),
    "WhiteBalance/Mode": ("AUTO", "MANUAL"),
}
"""What the schema knows, by path in tt:ImagingSettings20."""
FOCUS_VALUES: Final[Mapping[FocusMove, tuple[str, ...]]] = {
    FocusMove.ABSOLUTE: ("Position", "Speed"),
    FocusMove.RELATIVE: ("Distance", "Speed"),
    FocusMove.CONTINUOUS: ("Speed",),
}
"""What each way to move a focus takes; the first is required."""

_REQUIRED_SETTINGS: Final = {
    "BacklightCompensation": "Mode",
    "Exposure": "Mode",
    "Focus": "AutoFocusMode",
    "WideDynamicRange": "Mode",
    "WhiteBalance": "Mode",
}
_REQUIRED_OPTIONS: Final = {group: name for group, name in _REQUIRED_SETTINGS.items() if group != "Focus"}
_OPTION_NAMES: Final = {
    "Focus/AutoFocusMode": "AutoFocusModes",
    "IrCutFilter": "IrCutFilterModes",
    "WhiteBalance/CrGain": "YrGain",
    "WhiteBalance/CbGain": "YbGain",
}
"""Where tt:ImagingOptions20 has other names than tt:ImagingSettings20."""


def _grouped(name: str, leaves: Iterable[tuple[str, Element]], required: Mapping[str, str]) -> Element:
    """Put elements, each with its path and in the schema's order, into their groups; without groups that lack something."""
    groups: dict[str, dict[str, list[Element]]] = {}
    for path, leaf in leaves:
        group, _, last = path.partition("/")
        groups.setdefault(group, {}).setdefault(last, []).append(leaf)
    parent = node(name)
    for group, fields in groups.items():
        elements = [element for field in fields.values() for element in field]
        if "" in fields:
            parent.extend(elements)
        elif group not in required or required[group] in fields:
            parent.append(node(f"tt:{group}", elements))
    return parent


def _settings(settings: ImagingSettings) -> Iterator[tuple[str, Element]]:
    for path in IMAGING_FIELDS:
        value = settings.get(path)
        if value is None or (path in WORDS and value not in WORDS[path]):
            continue
        yield path, node(f"tt:{path.rpartition('/')[2]}", value)


def imaging_settings(name: str, settings: ImagingSettings) -> Element:
    """Build a tt:ImagingSettings20."""
    return _grouped(name, _settings(settings), _REQUIRED_SETTINGS)


def _options(options: ImagingOptions) -> Iterator[tuple[str, Element]]:
    for path in IMAGING_FIELDS:
        element = f"tt:{_OPTION_NAMES.get(path, path.rpartition('/')[2])}"
        for choice in options.get(path, ()) if path in WORDS else ():
            if choice in WORDS[path]:
                yield path, node(element, choice)
        if path not in WORDS and (bounds := range_of(options.get(path))) is not None:
            yield path, number_range(element, bounds)


def range_of(choices: tuple[float, float] | tuple[str, ...] | None) -> tuple[float, float] | None:
    """Return the lowest and highest of a number, None where they are not told."""
    if choices is None or len(choices) != 2:
        return None
    lowest, highest = choices
    return None if isinstance(lowest, str) or isinstance(highest, str) else (lowest, highest)


def imaging_options(name: str, options: ImagingOptions) -> Element:
    """Build a tt:ImagingOptions20."""
    return _grouped(name, _options(options), _REQUIRED_OPTIONS)


def move_options(name: str, options: FocusOptions) -> Element:
    """Build a tt:MoveOptions20."""
    return node(
        name,
        *(
            node(f"tt:{move}", *(number_range(f"tt:{value}", ranges[value]) for value in values if value in ranges))
            for move, values in FOCUS_VALUES.items()
            if values[0] in (ranges := options.get(move, {}))
        ),
    )


def imaging_status(name: str, focus: FocusStatus | None) -> Element:
    """Build a tt:ImagingStatus20."""
    if focus is None:
        return node(name)
    return node(
        name,
        node(
            "tt:FocusStatus20",
            node("tt:Position", focus.position),
            node("tt:MoveStatus", focus.state),
            None if focus.error is None else node("tt:Error", shorten(focus.error)),
        ),
    )
