"""What a loaded entry carries."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry

from .coordinator import RecorderCoordinator
from .fleet import Fleet
from .relay_coordinator import RelayCoordinator


@dataclass(slots=True, kw_only=True)
class OnvifProxyData:
    """The run-time data of an entry."""

    coordinator: RecorderCoordinator
    fleet: Fleet
    relay: RelayCoordinator


type OnvifProxyConfigEntry = ConfigEntry[OnvifProxyData]
