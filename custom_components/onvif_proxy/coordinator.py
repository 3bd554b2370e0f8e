"""The recorder as Home Assistant sees it: whether it is there, its channels, and what it tells of them."""

import asyncio
from collections.abc import Callable
import contextlib
from datetime import timedelta
from typing import override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util.network import is_ip_address

from .const import DOMAIN, LOGGER
from .errors import error_key
from .listeners import Listeners
from .model import Recorder, RecorderEvent
from .nvr import ClockTooFarOff, RecorderDriver, RecorderError, WrongCredentials
from .store import IdentityStore

SCAN_INTERVAL = timedelta(minutes=5)
MOST_LOOKS = 6
"""Scans at which the recorder is looked for where its MAC was seen: half an hour, for one that is starting."""


class RecorderCoordinator(DataUpdateCoordinator[Recorder]):
    """Scans the recorder and listens to it; while it is off, `data` is the last scan that worked."""

    config_entry: ConfigEntry

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, connect: Callable[[str], RecorderDriver], store: IdentityStore
    ) -> None:
        """Begin with the stored scan, if there is one. `connect` returns a driver for a host, which connects when it is used."""
        assert entry.unique_id is not None
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=SCAN_INTERVAL,
            always_update=False,
        )
        self.driver = connect(entry.data[CONF_HOST])
        self.serial_number = entry.unique_id
        self._connect = connect
        self._store = store
        self._seen_at: str | None = None
        """Where the recorder may be if it is not where it was."""
        self._looks_left = 0
        record = store.recorder(self.serial_number)
        self.knows_channels = record.recorder is not None
        self.has_tried = False
        """Whether a scan has ended, well or not, since the start: before, nobody knows if the recorder is there."""
        if record.recorder is not None:
            self.data = record.recorder
        self.event_listeners = Listeners[[RecorderEvent]]()
        self.event_state_listeners = Listeners[[]]()
        """Told when `hears_events` has changed."""
        self.hears_events = False
        """Whether the recorder tells its events now."""
        self.event_trouble: RecorderError | None = None
        """Why it was not listened to any more after the last scan."""
        self.unknown_channel_events = 0
        """Events of channels that no scan has found."""
        self._listening: asyncio.Task[None] | None = None

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
        except RecorderError as error:
            followed = await self._async_follow()
            key = error_key(error)
            # Where it was may be another device now, which refuses the login: nobody is asked for one, and scans go on, while
            # there is another place to look.
            if isinstance(error, WrongCredentials | ClockTooFarOff) and not followed and self._seen_at is None:
                raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key=key) from error
            raise UpdateFailed(translation_domain=DOMAIN, translation_key=key) from error
        if recorder.info.serial_number != self.serial_number:
            await self._async_follow()
            raise UpdateFailed(translation_domain=DOMAIN, translation_key="another_recorder")
        record = self._store.recorder(self.serial_number)
        if recorder != record.recorder:
            record.recorder = recorder
            self._store.async_save()
        self._async_listen()
        return recorder

    @callback
    def async_seen_at(self, address: str) -> None:
        """Hear that the recorder's MAC has this address now.

        Anybody in the network can say so: it counts only where the recorder is not found as it was set up.
        """
        host = self.config_entry.data[CONF_HOST]
        # Whoever gave a name means whatever address it has.
        self._seen_at = address if is_ip_address(host) and address != host else None
        if self._seen_at is not None:
            self._looks_left = MOST_LOOKS
            self.config_entry.async_create_background_task(
                self.hass, self.async_request_refresh(), f"{DOMAIN} look for {self.name}"
            )

    async def _async_follow(self) -> bool:
        """Go on where the recorder was seen, if it is the same one; tell whether it is."""
        address, self._seen_at = self._seen_at, None
        if address is None:
            return False
        async with self._connect(address) as driver:
            try:
                info = await driver.identify()
            except RecorderError as error:
                LOGGER.debug("%s is not found at %s: %s", self.name, address, error)
                self._looks_left -= 1
                if self._looks_left > 0 and not isinstance(error, WrongCredentials | ClockTooFarOff):
                    # It may just be starting. Who refuses the login is not asked again: recorders lock accounts.
                    self._seen_at = self._seen_at or address
                return False
        if info.serial_number != self.serial_number:
            return False
        LOGGER.info("%s has moved from %s to %s", self.name, self.config_entry.data[CONF_HOST], address)
        self.hass.config_entries.async_update_entry(
            self.config_entry, data=self.config_entry.data | {CONF_HOST: address}
        )
        self.hass.config_entries.async_schedule_reload(self.config_entry.entry_id)
        return True

    @callback
    def _async_listen(self) -> None:
        """Listen, unless that goes on; a recorder that can't, or refuses, is asked again after each scan."""
        if not self._shutdown_requested and (self._listening is None or self._listening.done()):
            # Not a background task of the entry's: those are waited for by whoever waits for all work to be done.
            self._listening = self.hass.loop.create_task(
                self._async_keep_listening(), name=f"{DOMAIN} events {self.name}"
            )

    async def _async_keep_listening(self) -> None:
        self.event_trouble = None
        try:
            await self.driver.listen(self._heard, self._set_hears_events)
        except RecorderError as error:
            self.event_trouble = error
            LOGGER.debug("%s tells no events: %s", self.name, error)
        except Exception:  # noqa: BLE001 - a mistake in a driver costs the events, and nothing else
            LOGGER.exception("Listening to %s has ended", self.name)
        finally:
            self._set_hears_events(False)

    @callback
    def _heard(self, event: RecorderEvent) -> None:
        if self.data.channel(event.channel) is None:
            self.unknown_channel_events += 1
        else:
            self.event_listeners.notify(event)

    @callback
    def _set_hears_events(self, hears_events: bool) -> None:
        if hears_events != self.hears_events:
            self.hears_events = hears_events
            self.event_state_listeners.notify()

    async def async_stop_listening(self) -> None:
        """Listen no more; returns when the recorder was told."""
        if self._listening is not None:
            listening, self._listening = self._listening, None
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    @override
    async def async_shutdown(self) -> None:
        await super().async_shutdown()
        await self.async_stop_listening()
