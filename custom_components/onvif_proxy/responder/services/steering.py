"""What the services that steer something have in common: reading numbers, and asking the recorder.

What they ask is passed on at once and never kept, so none of their answers is constant.
"""

import asyncio
from collections.abc import Awaitable, Mapping
import math
import re
from typing import Final

from lxml import etree

from ...controls import ControlError, ControlProblem
from ..errors import InvalidArgument
from ..xmltree import Element, child_text
from .control_faults import control_faults

CALL_TIMEOUT = 15.0
"""Seconds for what one request asks of the recorder, whatever its driver allows itself."""
MAX_NUMBER_LENGTH: Final = 64
"""Characters."""
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def read_number(text: str | None) -> float:
    """Read an xs:float (XML Schema part 2); raises ValueError, also for NaN and what is infinite."""
    text = (text or "").strip()
    if len(text) > MAX_NUMBER_LENGTH or _NUMBER.fullmatch(text) is None or not math.isfinite(number := float(text)):
        raise ValueError("not a number")
    return number


def read_flag(request: Element, name: str, *, default: bool) -> bool:
    """Read an xs:boolean in a request; raises `SoapFault`."""
    match child_text(request, name):
        case None:
            return default
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise InvalidArgument(f"{name.partition(':')[2]} is true or false")


def name_of(request: Element) -> str:
    """Return the name of the operation that a request asks for."""
    return etree.QName(request).localname


async def ask_recorder[T](request: Element, answer: Awaitable[T], subcodes: Mapping[ControlProblem, str]) -> T:
    """Await the recorder's answer to what a request asks; raises the fault that the specification wants for a problem."""
    with control_faults(name_of(request), subcodes):
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                return await answer
        except TimeoutError as error:
            raise ControlError(ControlProblem.UNREACHABLE, "no answer in time") from error
