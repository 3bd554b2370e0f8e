"""What refusals mean to those who steer."""

import asyncio
from typing import Any

from aiohttp import web
import pytest

from custom_components.onvif_proxy.controls import ControlError, ControlProblem
from custom_components.onvif_proxy.nvr.control_calls import ControlCalls, control_error
from custom_components.onvif_proxy.nvr.errors import (
    Fault,
    NotOnvif,
    RecorderError,
    RecorderRefused,
    Unreachable,
    WrongCredentials,
)
from custom_components.onvif_proxy.nvr.soap import DEVICE, PTZ, SoapClient

from .conftest import CREDENTIALS
from .soap_recorder import SoapRecorder


def refused(*codes: str, reason: str = "") -> RecorderRefused:
    """Make a refusal with a fault."""
    return RecorderRefused("said", Fault(codes, reason))


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (Unreachable("x"), ControlProblem.UNREACHABLE),
        (WrongCredentials("x"), ControlProblem.REFUSED),
        (NotOnvif("x"), ControlProblem.NOT_SUPPORTED),
        (RecorderRefused("x"), ControlProblem.REFUSED),
        (refused("Sender", "InvalidArgVal", "NoToken"), ControlProblem.NO_SUCH_TOKEN),
        (refused("Sender", "InvalidArgVal", "RelayToken"), ControlProblem.NO_SUCH_TOKEN),
        (refused("Sender", "InvalidArgVal", "InvalidPosition"), ControlProblem.OUT_OF_RANGE),
        (refused("Sender", "InvalidArgVal", "SettingsInvalid"), ControlProblem.OUT_OF_RANGE),
        (refused("Sender", "InvalidArgVal"), ControlProblem.OUT_OF_RANGE),
        (refused("Receiver", "Action", "TooManyPresets"), ControlProblem.FULL),
        (refused("Receiver", "ActionNotSupported"), ControlProblem.NOT_SUPPORTED),
        (refused("Receiver", "ActionNotSupported", "PTZNotSupported"), ControlProblem.NOT_SUPPORTED),
        (refused("Receiver", reason="Method 'tptz:Stop' not implemented"), ControlProblem.NOT_SUPPORTED),
        (refused("Receiver", "Action", "MovingPTZ"), ControlProblem.REFUSED),
        (refused("Receiver"), ControlProblem.REFUSED),
    ],
)
def test_errors_of_recorders_are_told_apart(error: RecorderError, problem: ControlProblem) -> None:
    """By the last subcode that says something."""
    assert control_error(error).problem is problem


async def test_a_recorder_that_does_not_answer_is_unreachable(soap_recorder: SoapRecorder, session: Any) -> None:
    """Soon: somebody holds the stick."""

    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    soap_recorder.answers["GetScopes"] = never
    client = SoapClient(host=soap_recorder.host, port=soap_recorder.port, credentials=CREDENTIALS, session=session)
    with pytest.raises(ControlError) as caught:
        await ControlCalls(soap=client, timeout=0.1).call(DEVICE, "GetScopes")
    await client.close()

    assert caught.value.problem is ControlProblem.UNREACHABLE


async def test_a_service_that_was_never_named_is_not_called(soap_recorder: SoapRecorder, session: Any) -> None:
    """The channel may come from a store."""
    client = SoapClient(host=soap_recorder.host, port=soap_recorder.port, credentials=CREDENTIALS, session=session)
    with pytest.raises(ControlError):
        await ControlCalls(soap=client).call(PTZ, "GetStatus", {"ProfileToken": "p"})

    assert soap_recorder.calls == {}
