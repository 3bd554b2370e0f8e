"""Calls that steer something, and what their refusals mean to those who steer."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..controls import ControlError, ControlProblem
from .errors import RecorderError, RecorderRefused, Unreachable, WrongCredentials
from .fault import is_not_supported
from .soap import SoapClient

CONTROL_TIMEOUT = 5.0
"""Seconds for one call, also while a scan keeps the recorder busy: who steers is watching."""
REFUSED_LOGIN_PAUSE = 60.0
"""Seconds in which a call whose login was refused is not made again: recorders lock accounts."""

_PROBLEMS: Final[Mapping[str, ControlProblem]] = {
    "notoken": ControlProblem.NO_SUCH_TOKEN,
    "relaytoken": ControlProblem.NO_SUCH_TOKEN,
    "invalidposition": ControlProblem.OUT_OF_RANGE,
    "invalidtranslation": ControlProblem.OUT_OF_RANGE,
    "invalidvelocity": ControlProblem.OUT_OF_RANGE,
    "invalidspeed": ControlProblem.OUT_OF_RANGE,
    "invalidpresetname": ControlProblem.OUT_OF_RANGE,
    "spacenotsupported": ControlProblem.OUT_OF_RANGE,
    "timeoutnotsupported": ControlProblem.OUT_OF_RANGE,
    "settingsinvalid": ControlProblem.OUT_OF_RANGE,
    "outofrange": ControlProblem.OUT_OF_RANGE,
    "toomanypresets": ControlProblem.FULL,
    "ptznotsupported": ControlProblem.NOT_SUPPORTED,
    "noimagingforsource": ControlProblem.NOT_SUPPORTED,
    "nostatus": ControlProblem.NOT_SUPPORTED,
}
"""By the last subcode, lower case (PTZ specification chapter 5, Imaging chapter 5, Device IO chapter 5)."""


def control_error(error: RecorderError) -> ControlError:
    """Return what an error of the recorder means to somebody who steers."""
    return ControlError(_problem(error), str(error))


def _problem(error: RecorderError) -> ControlProblem:
    if isinstance(error, Unreachable):
        return ControlProblem.UNREACHABLE
    codes = error.fault.codes if isinstance(error, RecorderRefused) and error.fault is not None else ()
    for code in reversed(codes):
        if problem := _PROBLEMS.get(code.lower()):
            return problem
    if is_not_supported(error):
        return ControlProblem.NOT_SUPPORTED
    # Something is wrong with an argument, and nothing says with which.
    return ControlProblem.OUT_OF_RANGE if "InvalidArgVal" in codes else ControlProblem.REFUSED


@dataclass(slots=True, kw_only=True)
class ControlCalls:
    """Calls operations of one recorder; raises `ControlError` only."""

    soap: SoapClient
    timeout: float = CONTROL_TIMEOUT
    refused_login_pause: float = REFUSED_LOGIN_PAUSE
    _refused: dict[tuple[str, str], float] = field(default_factory=dict)

    async def call(self, service: str, operation: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Call an operation and return zeep's object of the answer."""
        now = asyncio.get_running_loop().time()
        if self._refused.get((service, operation), now) > now:
            raise ControlError(ControlProblem.REFUSED, f"{operation}: login was refused a moment ago")
        try:
            async with asyncio.timeout(self.timeout):
                return await self.soap.call(service, operation, parameters)
        except WrongCredentials as error:
            self._refused[service, operation] = now + self.refused_login_pause
            raise control_error(error) from error
        except RecorderError as error:
            raise control_error(error) from error
        except TimeoutError:
            raise ControlError(ControlProblem.UNREACHABLE, f"{operation}: no answer in time") from None
