"""Findings about the interfaces as repair issues: made when something is wrong, gone by themselves when it is cured."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_track_time_interval

from .const import DOMAIN, LOGGER
from .interfaces import (
    Check,
    Finding,
    InterfaceError,
    Inventory,
    InventoryFile,
    diagnose,
    is_in_container_network,
    read_interfaces,
)
from .wording import Texts, async_texts, fault_text

CHECK_INTERVAL = timedelta(seconds=60)
HOST_INVENTORY = Path("/etc/onvif_proxy/interfaces.json")
"""What the host's service keeps; out of sight in a container."""

_PREFIX = "interface_"
_OTHER_REMEDY_ON_HOST = frozenset({Check.PARENT_GONE, Check.PARENT_REFUSED, Check.NO_ADDRESS})
"""Besides what the host's service repairs by itself."""
_HARMLESS = frozenset({Check.LEFTOVER, Check.GATEWAY_UNREACHABLE, Check.IPV6_ADDRESSES, Check.RP_FILTER})
"""The cameras work all the same, for the clients in their own network at least."""


class InterfaceHealth:
    """Looks at the interfaces every minute, and keeps the issues in step.

    Where Home Assistant keeps the interfaces all of them count, and it can repair them. Elsewhere those that cameras use do,
    and the issues say what to do on the host.
    """

    def __init__(self, hass: HomeAssistant, kept: Callable[[], Inventory | None]) -> None:
        """Look at nothing yet; `kept` returns what is kept here, None where the host's service, or nobody, keeps interfaces."""
        self._hass = hass
        self._kept = kept
        self._users: list[Callable[[], Mapping[str, str]]] = []
        self._unsubscribe: CALLBACK_TYPE | None = None

    @callback
    def async_watch(self, used: Callable[[], Mapping[str, str]]) -> CALLBACK_TYPE:
        """Look from now on; `used` returns the names of cameras by the MAC of their interface. Returns what ends it.

        With the last of them the issues go, as nobody looks any more whether they are true.
        """
        self._users.append(used)
        if self._unsubscribe is None:
            self._unsubscribe = async_track_time_interval(
                self._hass, self.async_check, CHECK_INTERVAL, cancel_on_shutdown=True
            )

        @callback
        def leave() -> None:
            self._users.remove(used)
            if not self._users and self._unsubscribe is not None:
                self._unsubscribe()
                self._unsubscribe = None
                self._async_sync((), {}, on_host=False)

        return leave

    async def async_check(self, _now: datetime | None = None) -> None:
        """Look, and bring the issues up to date."""
        inventory = self._kept()
        try:
            findings = await (self._async_look_at_host() if inventory is None else diagnose(inventory))
        except InterfaceError as error:
            LOGGER.debug("The interfaces could not be examined: %s", error)
            return
        texts = await async_texts(self._hass)
        if self._users:  # else it was ended while it looked
            self._async_sync(findings, texts, on_host=inventory is None)

    async def _async_look_at_host(self) -> list[Finding]:
        """Return what is wrong with the interfaces of the cameras; all that are missing are one finding."""
        used = {mac: name for names in self._users for mac, name in names().items()}
        inventory = await self._hass.async_add_executor_job(_read_host_inventory)
        findings = await diagnose(inventory, macs=used.keys())
        present = {interface.mac for interface in await read_interfaces()}
        known = present | {spec.mac for spec in inventory.specs}
        missing = {finding.facts["mac"] for finding in findings if finding.check is Check.INTERFACE_MISSING}
        missing |= used.keys() - known
        findings = [finding for finding in findings if finding.check is not Check.INTERFACE_MISSING]
        # Where this process is not in the host's network nothing is to be seen, and there is nothing to do about that there.
        if missing and not await is_in_container_network():
            findings.append(_missing({mac: used[mac] for mac in missing}))
        return findings

    @callback
    def _async_sync(self, findings: Collection[Finding], texts: Texts, *, on_host: bool) -> None:
        wanted = {issue_id(finding): finding for finding in findings}
        registry = ir.async_get(self._hass)
        for domain, known in list(registry.issues):
            if domain == DOMAIN and known.startswith(_PREFIX) and known not in wanted:
                ir.async_delete_issue(self._hass, DOMAIN, known)
        for wanted_id, finding in wanted.items():
            ir.async_create_issue(
                self._hass,
                DOMAIN,
                wanted_id,
                is_fixable=finding.fixable and not on_host,
                is_persistent=False,
                severity=ir.IssueSeverity.WARNING if finding.check in _HARMLESS else ir.IssueSeverity.ERROR,
                translation_key=_translation_key(finding, on_host=on_host),
                translation_placeholders=_placeholders(finding, texts),
            )


def issue_id(finding: Finding) -> str:
    """Return the id of a finding's issue: the same for the same trouble."""
    return f"{_PREFIX}{finding.check}_{finding.interface or ''}"


def _translation_key(finding: Finding, *, on_host: bool) -> str:
    key = f"{_PREFIX}{finding.check}"
    if on_host:
        return f"{key}_host" if finding.fixable or finding.check in _OTHER_REMEDY_ON_HOST else key
    return f"{key}_fixable" if finding.fixable else key


def _placeholders(finding: Finding, texts: Texts) -> dict[str, str]:
    """Return the facts for the issue's text; why a parent is refused in the words of the config flow."""
    placeholders = {"interface": finding.interface or "-", **finding.facts}
    if (refusal := finding.facts.get("refusal")) is not None:
        placeholders["reason"] = texts[f"refusal_{refusal}"]
    if (fault := finding.facts.get("fault")) is not None:
        placeholders["reason"] = fault_text(texts, fault, finding.facts)
    return placeholders


def _read_host_inventory() -> Inventory:
    """Return what the host's service is to keep; without it, interfaces are judged by what they are."""
    try:
        return InventoryFile(HOST_INVENTORY).load()
    except InterfaceError as error:
        LOGGER.debug("The host's inventory is of no use: %s", error)
        return Inventory()


def _missing(cameras: Mapping[str, str]) -> Finding:
    names: Sequence[str] = [f"{name} ({mac})" for mac, name in sorted(cameras.items(), key=lambda one: one[::-1])]
    facts = {"cameras": ", ".join(names)}
    return Finding(check=Check.INTERFACE_MISSING, interface=None, facts=facts, fixable=True)
