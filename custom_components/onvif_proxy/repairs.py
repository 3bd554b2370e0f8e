"""Repairs that the integration can do itself, after a click."""

from typing import override

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .interface_manager import async_get_manager
from .interfaces import InterfaceError
from .wording import async_reason


class RepairInterfacesFlow(ConfirmRepairFlow):
    """Brings the interfaces to what they should be."""

    @override
    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        if user_input is not None:
            manager = await async_get_manager(self.hass)
            try:
                await manager.async_repair()
            except InterfaceError as error:
                reason = await async_reason(self.hass, error)
                return self.async_abort(reason="repair_failed", description_placeholders={"reason": reason})
            if ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id) is not None:
                return self.async_abort(reason="still_wrong")
        return await super().async_step_confirm(user_input)


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow that fixes an issue; all fixable ones are of interfaces."""
    return RepairInterfacesFlow()
