"""Trouble of cameras that a user can end, as repair issues: there while it lasts."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .camera_status import Trouble
from .const import DOMAIN
from .virtual_camera import VirtualCamera

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


@callback
def async_tell_foreign_clients(hass: HomeAssistant, entry: ConfigEntry, cameras: Iterable[VirtualCamera]) -> None:
    """Make the issue that clients reach cameras of an entry over a router, or take it back."""
    issue_id = _foreign_clients_id(entry)
    concerned = [camera for camera in cameras if camera.foreign_clients]
    if not concerned:
        issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
        # One that the user ignores stays, and is not shown: without it nobody would know that it is to be ignored.
        if issue is not None and issue.dismissed_version is None:
            ir.async_delete_issue(hass, DOMAIN, issue_id)
        return
    clients = sorted(frozenset[IPv4Address]().union(*(camera.foreign_clients for camera in concerned)))
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key="foreign_clients",
        translation_placeholders={
            "recorder": entry.title,
            "clients": ", ".join(map(str, clients)),
            "cameras": ", ".join(camera.name for camera in concerned),
        },
    )


@callback
def async_forget_foreign_clients(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Take the issue back for good, ignored or not."""
    ir.async_delete_issue(hass, DOMAIN, _foreign_clients_id(entry))


def _foreign_clients_id(entry: ConfigEntry) -> str:
    return f"foreign_clients_{entry.entry_id}"
