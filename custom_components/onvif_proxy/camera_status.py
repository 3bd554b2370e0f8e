"""What a virtual camera is doing, and what troubles it."""

from dataclasses import dataclass
from enum import StrEnum
import errno

from .relay_child import RelayDown


class CameraState(StrEnum):
    """What a virtual camera is doing."""

    STOPPED = "stopped"
    WAITING_FOR_ADDRESS = "waiting_for_address"
    RUNNING = "running"
    ERROR = "error"


class Trouble(StrEnum):
    """Why a camera is in error, or what it has to do without while it runs."""

    PORT_IN_USE = "port_in_use"
    NOT_PERMITTED = "not_permitted"
    ADDRESS_GONE = "address_gone"
    NO_FREE_PORT = "no_free_port"
    NETWORK = "network"
    NO_DISCOVERY = "no_discovery"
    CHANNEL_GONE = "channel_gone"
    RELAY_DOWN = "relay_down"
    RAW_REFUSED = "raw_refused"


_TROUBLE_OF_ERRNO = {
    errno.EADDRINUSE: Trouble.PORT_IN_USE,
    errno.EACCES: Trouble.NOT_PERMITTED,
    errno.EPERM: Trouble.NOT_PERMITTED,
    errno.EADDRNOTAVAIL: Trouble.ADDRESS_GONE,
    errno.ENODEV: Trouble.ADDRESS_GONE,
}


def trouble_of(error: Exception) -> Trouble:
    """Return what kept the servers from listening."""
    if isinstance(error, RelayDown):
        return Trouble.RELAY_DOWN
    number = error.errno if isinstance(error, OSError) else None
    return _TROUBLE_OF_ERRNO.get(number or 0, Trouble.NETWORK)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraStatus:
    """The state of a camera, and its trouble if it has one."""

    state: CameraState
    trouble: Trouble | None = None
