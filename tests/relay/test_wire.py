"""Dataclasses as JSON and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
import json
import math
from typing import Any

import pytest

from custom_components.onvif_proxy.relay.wire import WireError, from_wire, to_wire


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Part:
    name: str
    weight: float = 1.0


@dataclass(frozen=True)
class Whole:
    number: int
    colour: Colour
    at: datetime
    parts: tuple[Part, ...]
    named: Mapping[str, Part | None]
    note: str | None = None
    flags: tuple[bool, ...] = field(default_factory=tuple)


WHOLE = Whole(
    number=1,
    colour=Colour.RED,
    at=datetime(2026, 11, 21, 12, tzinfo=UTC),
    parts=(Part("a"), Part("b", 2.5)),
    named={"x": None, "y": Part("c")},
    flags=(True, False),
)


def test_what_was_written_is_read() -> None:
    text = json.dumps(to_wire(WHOLE))
    assert from_wire(Whole, json.loads(text), "whole") == WHOLE


def test_what_is_left_out_takes_its_default() -> None:
    assert from_wire(Part, {"name": "a"}, "part") == Part("a")


def test_a_whole_number_is_a_number() -> None:
    read = from_wire(Part, {"name": "a", "weight": 2}, "part")
    assert (read.weight, type(read.weight)) == (2.0, float)


def test_what_json_has_no_word_for_is_not_written() -> None:
    with pytest.raises(TypeError, match="bytes"):
        to_wire({"a": b"secret"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": True}, "whole, number is not int"),
        ({"number": 1.0}, "whole, number is not int"),
        ({"number": None}, "whole, number is not int"),
        ({"colour": "blue"}, "whole, colour is no Colour"),
        ({"colour": 1}, "whole, colour is not str"),
        ({"at": "yesterday"}, "whole, at is no datetime"),
        ({"parts": {}}, "whole, parts is not list"),
        ({"parts": [{"name": "a"}, {"name": 1}]}, "whole, parts, number 2, name is not str"),
        ({"named": []}, "whole, named is not dict"),
        ({"named": {"x": {"name": None}}}, "whole, named, 'x', name is not str"),
        ({"note": 1}, "whole, note is not str"),
        ({"flags": [0]}, "whole, flags, number 1 is not bool"),
        ({"parts": [{"name": "a", "weight": 10**400}]}, "whole, parts, number 1, weight is too large"),
        ({"parts": [{"name": "a", "weight": math.inf}]}, "whole, parts, number 1, weight is no number"),
        ({"parts": [{"name": "a", "weight": math.nan}]}, "whole, parts, number 1, weight is no number"),
        ({"note": "\ud800"}, "whole, note is no text"),
        ({"named": {"\ud800": None}}, "whole, named, '\\ud800' is no text"),
        ({"more": 1}, "whole: 'more' is unknown"),
    ],
)
def test_what_is_something_else_is_named_by_its_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WireError) as error:
        from_wire(Whole, to_wire(WHOLE) | changes, "whole")
    assert str(error.value) == message


def test_what_is_missing_is_named() -> None:
    with pytest.raises(WireError, match="part: name is missing"):
        from_wire(Part, {}, "part")
