"""The relay outputs, in the messages that the device service and the device IO service share (ONVIF Device IO).

They are the recorder's, and so are their tokens and settings.
"""

from datetime import timedelta

from ...controls import ControlProblem
from ...model import CameraDescription, RelayOutput
from ..durations import format_duration
from ..errors import ActionNotSupported, InvalidArgument
from ..names import expand
from ..xmltree import Element, child_text, node
from .base import Context
from .control_faults import control_faults

_STATES = {"active": True, "inactive": False}
_SUBCODES = {ControlProblem.NO_SUCH_TOKEN: "ter:RelayToken"}


def relay_of(description: CameraDescription, token: str | None) -> RelayOutput:
    """Return the relay output of a token; a fault where there is none."""
    for relay in description.relay_outputs:
        if relay.token == token:
            return relay
    raise InvalidArgument("There is no relay output with this token", "ter:RelayToken")


def get_relay_outputs(context: Context, _request: Element) -> Element:
    """List the relay outputs."""
    return node(
        "tds:GetRelayOutputsResponse",
        *(
            node(
                "tds:RelayOutputs",
                {"token": relay.token},
                node(
                    "tt:Properties",
                    node("tt:Mode", mode_of(relay)),
                    node("tt:DelayTime", format_duration(timedelta(seconds=relay.delay))),
                    node("tt:IdleState", "closed" if relay.idle_closed else "open"),
                ),
            )
            for relay in context.description.relay_outputs
        ),
    )


def mode_of(relay: RelayOutput) -> str:
    """Return a tt:RelayMode."""
    return "Monostable" if relay.monostable else "Bistable"


async def set_relay_output_state(context: Context, request: Element) -> Element:
    """Switch a relay output."""
    relay = relay_of(context.description, child_text(request, "tds:RelayOutputToken"))
    active = _STATES.get(child_text(request, "tds:LogicalState") or "")
    if active is None:
        raise InvalidArgument("The state is active or inactive")
    if context.camera.relays is None:
        raise ActionNotSupported("SetRelayOutputState")
    with control_faults("SetRelayOutputState", _SUBCODES):
        await context.camera.relays.set_relay(relay.token, active=active)
    return node("tds:SetRelayOutputStateResponse")


def set_relay_output_settings(context: Context, request: Element) -> Element:
    """Refuse: the recorder decides how its contacts behave."""
    output = request.find(expand("tmd:RelayOutput"))
    relay_of(
        context.description, child_text(request, "tds:RelayOutputToken") if output is None else output.get("token")
    )
    raise ActionNotSupported("SetRelayOutputSettings")
