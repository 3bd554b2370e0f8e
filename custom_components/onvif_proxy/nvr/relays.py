"""The relay outputs of a recorder (Device IO service, or the device service of older ones)."""

from dataclasses import dataclass
from datetime import timedelta

from ..model import RelayOutput
from .control_calls import ControlCalls
from .profiles import get, items_of, read_token, text_of
from .soap import DEVICE, DEVICE_IO, SoapClient

MAX_RELAYS = 64


def read_relays(answer: object) -> tuple[RelayOutput, ...]:
    """Read an answer to GetRelayOutputs."""
    relays: dict[str, RelayOutput] = {}
    for item in items_of(answer)[:MAX_RELAYS]:
        if (token := read_token(get(item, "token"))) is None:
            continue
        delay = get(item, "Properties", "DelayTime")
        relays[token] = RelayOutput(
            token=token,
            monostable=(text_of(get(item, "Properties", "Mode")) or "").lower() == "monostable",
            delay=max(0.0, delay.total_seconds()) if isinstance(delay, timedelta) else 0.0,
            idle_closed=(text_of(get(item, "Properties", "IdleState")) or "").lower() == "closed",
        )
    return tuple(relays.values())


def relay_service(soap: SoapClient) -> str:
    """Return the service that has the relay outputs."""
    return DEVICE_IO if DEVICE_IO in soap.addresses else DEVICE


async def find_relays(soap: SoapClient) -> tuple[RelayOutput, ...]:
    """Ask for the relay outputs; raises `RecorderError`."""
    return read_relays(await soap.call(relay_service(soap), "GetRelayOutputs"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnvifRelays:
    """The relay outputs of a recorder; implements `controls.RelayControl`."""

    calls: ControlCalls

    async def set_relay(self, token: str, *, active: bool) -> None:
        """Switch one; raises `ControlError`."""
        parameters = {"RelayOutputToken": token, "LogicalState": "active" if active else "inactive"}
        await self.calls.call(relay_service(self.calls.soap), "SetRelayOutputState", parameters)
