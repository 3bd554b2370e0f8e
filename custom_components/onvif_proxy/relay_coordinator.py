"""What the relay does with the cameras of an entry: asked when something has changed, and again and again while video flows."""

from datetime import timedelta
from functools import partial
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from .const import LOGGER
from .fleet import Fleet
from .fleet_camera import FleetCamera
from .relay.statistics import CameraStatistics, StreamState

INTERVAL = timedelta(seconds=15)
"""From one look at cameras that are watched to the next."""
COOLDOWN_SECONDS = 1.0
"""From one look at what has just changed to the next."""


class RelayCoordinator(DataUpdateCoordinator[dict[str, CameraStatistics]]):
    """Its data are by channel token; a camera that does not run has none. Idle cameras cost nothing."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, fleet: Fleet) -> None:
        """Know nothing yet."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=f"Relay of {entry.title}",
            update_interval=INTERVAL,
            request_refresh_debouncer=Debouncer(hass, LOGGER, cooldown=COOLDOWN_SECONDS, immediate=True),
            always_update=False,
        )
        self.data = {}
        self._fleet = fleet
        self._changed: set[str] = set()
        """Tokens of cameras with viewers or streams that came or went since the last look."""

    @callback
    def async_start(self) -> None:
        """Follow the cameras that the fleet has made, and will make."""
        assert self.config_entry is not None
        self.config_entry.async_on_unload(self._fleet.async_on_new_camera(self._follow))

    @callback
    def _follow(self, fleet_camera: FleetCamera) -> None:
        """Look anew when a camera says that something is another."""
        for listeners in (fleet_camera.listeners, fleet_camera.activity_listeners):
            listeners.add(partial(self._camera_changed, fleet_camera.token))
        self._camera_changed(fleet_camera.token)

    @callback
    def _camera_changed(self, token: str) -> None:
        assert self.config_entry is not None
        self._changed.add(token)
        self.config_entry.async_create_task(self.hass, self.async_request_refresh())

    @override
    async def _async_update_data(self) -> dict[str, CameraStatistics]:
        changed, self._changed = self._changed, set()
        known: dict[str, CameraStatistics] = {}
        for token, fleet_camera in tuple(self._fleet.cameras.items()):
            statistics = self.data.get(token)
            if token in changed or self._goes_on(fleet_camera):
                # One after the other: an answer for many would hold up the video, and our own loop, for milliseconds.
                statistics = await fleet_camera.camera.relay_statistics()
            if statistics is not None:
                known[token] = statistics
        return known

    def _goes_on(self, fleet_camera: FleetCamera) -> bool:
        former = self.data.get(fleet_camera.token)
        return fleet_camera.camera.streaming or (
            former is not None
            and (bool(former.viewers) or any(stream.state is not StreamState.IDLE for stream in former.streams))
        )
