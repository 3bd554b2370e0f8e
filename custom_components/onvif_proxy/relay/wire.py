"""Dataclasses as JSON and back, checked: the grammar of configurations and of the control channel. No I/O."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
import math
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


class WireError(ValueError):
    """A value is not what its place asks for; the text names the place, and holds no value: it may be a secret."""


def to_wire(value: object) -> Any:
    """Return what `json` can write of a dataclass of plain values, mappings with names and sequences."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {field.name: to_wire(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): to_wire(item) for name, item in value.items()}
    if isinstance(value, (tuple, list, frozenset)):
        return [to_wire(item) for item in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def from_wire[T](kind: type[T], value: object, place: str) -> T:
    """Make a dataclass of what `json` read; raises WireError. Members that are not there take their defaults."""
    read: T = _read(kind, value, place)
    return read


def _read(kind: Any, value: object, place: str) -> Any:
    origin = get_origin(kind)
    if origin is UnionType:
        return _read_optional(kind, value, place)
    if origin is not None and issubclass(origin, Mapping):
        items = get_args(kind)[1]
        members = _expect(dict, value, place).items()
        return {
            _read_text(name, f"{place}, {name!r}"): _read(items, item, f"{place}, {name!r}") for name, item in members
        }
    if origin is tuple:
        items = get_args(kind)[0]
        numbered = enumerate(_expect(list, value, place), start=1)
        return tuple(_read(items, item, f"{place}, number {number}") for number, item in numbered)
    if is_dataclass(kind):
        return _read_dataclass(kind, value, place)
    if kind is float:
        return _read_number(value, place)
    if kind is str:
        return _read_text(value, place)
    if issubclass(kind, (datetime, Enum)):
        text = _expect(str, value, place)
        try:
            return kind.fromisoformat(text) if issubclass(kind, datetime) else kind(text)
        except ValueError as error:
            raise WireError(f"{place} is no {kind.__name__}") from error
    return _expect(kind, value, place)


def _read_number(value: object, place: str) -> float:
    """Take a whole number for one, too; Python reads `NaN`, `Infinity` and numbers without end, which are none."""
    try:
        number = float(_expect(int, value, place)) if isinstance(value, int) else _expect(float, value, place)
    except OverflowError as error:
        raise WireError(f"{place} is too large") from error
    if not math.isfinite(number):
        raise WireError(f"{place} is no number")
    return number


def _read_text(value: object, place: str) -> str:
    """Take what can be sent: JSON has escapes for halves of characters."""
    text = _expect(str, value, place)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise WireError(f"{place} is no text") from error
    return text


def _read_optional(kind: Any, value: object, place: str) -> Any:
    (wanted,) = (one for one in get_args(kind) if one is not NoneType)
    return None if value is None else _read(wanted, value, place)


def _read_dataclass(kind: Any, value: object, place: str) -> Any:
    given = _expect(dict, value, place)
    members = _members(kind)
    for name in given:
        if name not in members:
            raise WireError(f"{place}: {name!r} is unknown")
    read = {}
    for name, (member, needed) in members.items():
        if name in given:
            read[name] = _read(member, given[name], f"{place}, {name}")
        elif needed:
            raise WireError(f"{place}: {name} is missing")
    return kind(**read)


@cache
def _members(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the members of a dataclass: what each holds, and whether it must be given."""
    hints = get_type_hints(kind)
    return {
        field.name: (hints[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(kind)
        if field.init
    }


def _expect[T](kind: type[T], value: object, place: str) -> T:
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise WireError(f"{place} is not {kind.__name__}")
    return value
