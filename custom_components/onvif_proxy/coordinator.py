"""The recorder as Home Assistant sees it: whether it is there, and its channels."""

from datetime import timedelta
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .const import DOMAIN, LOGGER
from .errors import error_key
from .model import Recorder
from .nvr import ClockTooFarOff, RecorderDriver, RecorderError, WrongCredentials
from .store import IdentityStore

SCAN_INTERVAL = timedelta(minutes=5)


class RecorderCoordinator(DataUpdateCoordinator[Recorder]):
    """Scans the recorder; between scans, and while it is off, `data` is the last scan that worked."""

    config_entry: ConfigEntry

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, driver: RecorderDriver, store: IdentityStore) -> None:
        """Begin with the stored scan, if there is one."""
        assert entry.unique_id is not None
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=SCAN_INTERVAL,
            always_update=False,
        )
        self.driver = driver
        self.serial_number = entry.unique_id
        self._store = store
        record = store.recorder(self.serial_number)
        self.knows_channels = record.recorder is not None
        self.has_tried = False
        """Whether a scan has ended, well or not, since the start: before, nobody knows if the recorder is there."""
        if record.recorder is not None:
            self.data = record.recorder

    @override
    async def _async_update_data(self) -> Recorder:
        try:
            recorder = await self._async_scan()
        finally:
            first, self.has_tried = not self.has_tried, True
        if first and recorder == self.data:
            self.async_update_listeners()  # nothing else has changed for them, but now it is known
        return recorder

    async def _async_scan(self) -> Recorder:
        try:
            recorder = await self.driver.scan()
        except (WrongCredentials, ClockTooFarOff) as error:
            raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key=error_key(error)) from error
        except RecorderError as error:
            raise UpdateFailed(translation_domain=DOMAIN, translation_key=error_key(error)) from error
        if recorder.info.serial_number != self.serial_number:
            raise UpdateFailed(translation_domain=DOMAIN, translation_key="another_recorder")
        record = self._store.recorder(self.serial_number)
        if recorder != record.recorder:
            record.recorder = recorder
            self._store.async_save()
        return recorder
