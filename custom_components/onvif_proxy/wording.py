"""What is made of parts, in the user's language: sentences inside others, under `common` in the translations."""

from collections.abc import Mapping

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN
from .interfaces import InterfaceError

type Texts = Mapping[str, str]
"""By key, without what they all begin with."""

_PREFIX = f"component.{DOMAIN}.common."


async def async_texts(hass: HomeAssistant) -> Texts:
    """Return them in the language of this Home Assistant."""
    texts = await async_get_translations(hass, hass.config.language, "common", {DOMAIN})
    return {key.removeprefix(_PREFIX): text for key, text in texts.items()}


async def async_reason(hass: HomeAssistant, error: InterfaceError) -> str:
    """Return why something could not be done with interfaces, and what is left of what was begun."""
    if error.fault is None:
        return str(error)
    texts = await async_texts(hass)
    reason = fault_text(texts, error.fault, error.facts)
    return f"{reason} {texts['left_behind'].format(commands='; '.join(error.left))}" if error.left else reason


def fault_text(texts: Texts, fault: str, facts: Mapping[str, str]) -> str:
    """Return the sentence about a `Fault`."""
    return texts[f"fault_{fault}"].format(**facts)
