"""The recorder's "Rescan" button."""

from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .data import OnvifProxyConfigEntry
from .entity import RecorderEntity

PARALLEL_UPDATES = 1

RESCAN = ButtonEntityDescription(key="rescan", translation_key="rescan", entity_category=EntityCategory.CONFIG)


async def async_setup_entry(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the button."""
    async_add_entities([RescanButton(entry.runtime_data.coordinator, RESCAN)])


class RescanButton(RecorderEntity, ButtonEntity):
    """Scans now instead of at the next interval."""

    @property
    @override
    def available(self) -> bool:
        return True

    @override
    async def async_press(self) -> None:
        await self.coordinator.async_refresh()
        if not self.coordinator.last_update_success:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="rescan_failed",
                translation_placeholders={"recorder": self.coordinator.name},
            )
