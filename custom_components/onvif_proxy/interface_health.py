"""Findings about the interfaces as repair issues: made when something is wrong, gone by themselves when it is cured."""

from collections.abc import Callable
from datetime import datetime, timedelta

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval

from .const import DOMAIN, LOGGER
from .interfaces import Finding, InterfaceError, Inventory, diagnose

CHECK_INTERVAL = timedelta(seconds=60)
_PREFIX = "interface_"


class InterfaceHealth:
    """Looks at the interfaces every minute, and keeps the issues in step."""

    def __init__(self, hass: HomeAssistant, inventory: Callable[[], Inventory]) -> None:
        """Look at nothing yet; `inventory` returns what should be there."""
        self._hass = hass
        self._inventory = inventory
        self._unsubscribe: list[CALLBACK_TYPE] = []

    @callback
    def async_start(self) -> None:
        """Begin."""
        if not self._unsubscribe:
            self._unsubscribe = [
                async_track_time_interval(self._hass, self.async_check, CHECK_INTERVAL, cancel_on_shutdown=True)
            ]

    @callback
    def async_stop(self) -> None:
        """End; the issues go, as nobody looks any more whether they are true."""
        while self._unsubscribe:
            self._unsubscribe.pop()()
        self._async_sync({})

    async def async_check(self, _now: datetime | None = None) -> None:
        """Look, and bring the issues up to date."""
        try:
            findings = await diagnose(self._inventory())
        except InterfaceError as error:
            LOGGER.debug("The interfaces could not be examined: %s", error)
            return
        if self._unsubscribe:  # else it was ended while it looked
            self._async_sync({issue_id(finding): finding for finding in findings})

    @callback
    def _async_sync(self, wanted: dict[str, Finding]) -> None:
        registry = ir.async_get(self._hass)
        for domain, known in list(registry.issues):
            if domain == DOMAIN and known.startswith(_PREFIX) and known not in wanted:
                ir.async_delete_issue(self._hass, DOMAIN, known)
        for wanted_id, finding in wanted.items():
            ir.async_create_issue(
                self._hass,
                DOMAIN,
                wanted_id,
                is_fixable=finding.fixable,
                is_persistent=False,
                severity=ir.IssueSeverity.ERROR,
                translation_key=f"{_PREFIX}{finding.check}{'_fixable' if finding.fixable else ''}",
                translation_placeholders={"interface": finding.interface or "-", **finding.facts},
            )


def issue_id(finding: Finding) -> str:
    """Return the id of a finding's issue: the same for the same trouble."""
    return f"{_PREFIX}{finding.check}_{finding.interface or ''}"
