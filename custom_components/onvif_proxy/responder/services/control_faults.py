"""What clients are told when something could not be steered."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import logging
from types import MappingProxyType

from ...controls import ControlError, ControlProblem
from ..errors import ActionNotSupported, InvalidArgument, ReceiverFault, SoapFault

_LOGGER = logging.getLogger(__name__)

_NO_SUBCODES: Mapping[ControlProblem, str] = MappingProxyType({})

_INVALID = {
    ControlProblem.OUT_OF_RANGE: "The recorder does not take this value",
    ControlProblem.NO_SUCH_TOKEN: "There is nothing with this token",
}
_FAILED = {
    ControlProblem.UNREACHABLE: "The recorder does not answer",
    ControlProblem.REFUSED: "The recorder refused",
    ControlProblem.FULL: "No more fit into the recorder",
}


def control_fault(
    problem: ControlProblem, operation: str, subcodes: Mapping[ControlProblem, str] = _NO_SUBCODES
) -> SoapFault:
    """Return the fault for a problem; `subcodes` are the innermost ones of the service's specification."""
    subcode = subcodes.get(problem)
    if problem in _INVALID:
        return InvalidArgument(_INVALID[problem], subcode)
    if problem in _FAILED:
        return ReceiverFault(_FAILED[problem], "ter:Action", *(() if subcode is None else (subcode,)))
    return ActionNotSupported(operation, subcode)


@contextmanager
def control_faults(operation: str, subcodes: Mapping[ControlProblem, str] = _NO_SUBCODES) -> Iterator[None]:
    """Turn a `ControlError` into the fault that the client of an operation is to get."""
    try:
        yield
    except ControlError as error:
        _LOGGER.debug("%s failed: %s", operation, error)
        raise control_fault(error.problem, operation, subcodes) from error
