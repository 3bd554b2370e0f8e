"""Something that is done again when asked: never twice at once, and once more, not more often, for all who asked meanwhile.

Home Assistant's `Debouncer` loses who asks while a run lasts longer than its cooldown: the last change of an interface would be missed.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later


class Repeated:
    """Belongs to a config entry, whose tasks it makes."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, run: Callable[[], Awaitable[None]]) -> None:
        """Do nothing before it is asked."""
        self._hass = hass
        self._entry = entry
        self._run = run
        self._running = False
        self._wanted: float | None = None
        """In how many seconds it is to be done after what is being done now."""
        self._timer: CALLBACK_TYPE | None = None
        self._stopped = False

    @callback
    def async_soon(self) -> None:
        """Do it at once, or when what is being done is over."""
        self._ask(0.0)

    @callback
    def async_later(self, seconds: float) -> None:
        """Do it in so many seconds, counted from the end of what is being done; a time that is set already stays."""
        self._ask(seconds)

    @callback
    def async_stop(self) -> None:
        """Do it no more; what is being done goes on to its end."""
        self._stopped = True
        self._cancel_timer()

    def _ask(self, seconds: float) -> None:
        if self._stopped:
            return
        if self._running:
            self._wanted = seconds if self._wanted is None else min(seconds, self._wanted)
        elif not seconds:
            self._cancel_timer()
            self._begin()
        elif self._timer is None:
            self._timer = async_call_later(self._hass, seconds, self._on_time)

    @callback
    def _on_time(self, _now: datetime) -> None:
        self._timer = None
        self._begin()

    def _begin(self) -> None:
        self._running = True
        self._entry.async_create_task(self._hass, self._async_do())

    async def _async_do(self) -> None:
        try:
            await self._run()
        finally:
            self._running = False
            wanted, self._wanted = self._wanted, None
            if wanted is not None:
                self._ask(wanted)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer()
            self._timer = None
