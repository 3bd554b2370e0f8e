"""Trouble of cameras that a user can end, as repair issues: there while it lasts."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .virtual_camera import Trouble, VirtualCamera

_PORT_TROUBLES = (Trouble.PORT_IN_USE, Trouble.NOT_PERMITTED)


@callback
def async_sync_issue(hass: HomeAssistant, camera: VirtualCamera) -> None:
    """Make the issue of a camera that can't use its port, or take it back."""
    issue_id = f"camera_port_{camera.identity.uuid}"
    if camera.status.trouble not in _PORT_TROUBLES:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key="camera_port",
        translation_placeholders={"camera": camera.name, "address": camera.wanted_address or "-"},
    )


@callback
def async_tell_not_made(hass: HomeAssistant, entry: ConfigEntry, reason: str | None) -> bool:
    """Make the issue that the interfaces of an entry could not be made, or take it back; returns whether it is news."""
    issue_id = f"interfaces_not_made_{entry.entry_id}"
    if reason is None:
        ir.async_delete_issue(hass, DOMAIN, issue_id)
        return False
    news = ir.async_get(hass).async_get_issue(DOMAIN, issue_id) is None
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key="interfaces_not_made",
        translation_placeholders={"recorder": entry.title, "reason": reason},
    )
    return news
