"""Changing what was set up: channels, the cameras' login and streams, what tells them of events, what clients may switch."""

from typing import Any

from homeassistant.components.binary_sensor.const import DOMAIN as BINARY_SENSOR_DOMAIN
from homeassistant.components.event.const import DOMAIN as EVENT_DOMAIN
from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
from homeassistant.const import UnitOfTime
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
)
import voluptuous as vol

from .const import (
    CONF_CHANNELS,
    CONF_CLIENTS_SWITCH_RELAYS,
    CONF_EVENT_SOURCES,
    CONF_EXCLUDED_CHANNELS,
    CONF_KEEP_SECONDS,
    CONF_NO_AUTHENTICATION,
    DOMAIN,
)
from .event_sources import async_entity_ids, async_references
from .fleet_camera import camera_identifier
from .forms import CREDENTIALS_FIELDS, channel_selector, credential_errors
from .model import Channel, EventKind
from .options import DEFAULT_KEEP_SECONDS
from .store import RecorderRecord, async_get_store

CONF_CAMERA = "camera"
CONF_EVERYBODY = "everybody"
MAX_KEEP_SECONDS = 3600
"""Who wants more wants it always: there is a switch for that."""
_SOURCE_DOMAINS = [BINARY_SENSOR_DOMAIN, EVENT_DOMAIN]


class OnvifProxyOptionsFlow(OptionsFlowWithReload):
    """Changes one subject at a time. Cameras take it while they run; only other channels need a reload."""

    def __init__(self) -> None:
        """Nothing is listed or chosen yet."""
        self.automatic_reload = False
        self._channels: tuple[Channel, ...] = ()
        self._numbers: dict[str, str] = {}
        self._login: dict[str, Any] = {}
        self._cameras: dict[str, str] = {}
        self._token = ""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to change."""
        return self.async_show_menu(
            step_id="init", menu_options=["channels", "login", "streams", "choose_camera", "relay_outputs"]
        )

    async def async_step_channels(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the user choose anew which channels are cameras."""
        excluded = self.config_entry.options[CONF_EXCLUDED_CHANNELS]
        errors: dict[str, str] = {}
        if user_input is None:
            await self._async_list_channels()
            chosen = [channel.token for channel in self._channels if channel.token not in excluded]
        else:
            if chosen := user_input[CONF_CHANNELS]:
                listed = [channel.token for channel in self._channels]
                # What was not listed, because its camera is away, stays as it was.
                still = [token for token in excluded if token not in listed]
                self.automatic_reload = True
                return self._save({CONF_EXCLUDED_CHANNELS: still + [token for token in listed if token not in chosen]})
            errors["base"] = "no_channel_chosen"
        schema = vol.Schema({vol.Required(CONF_CHANNELS): channel_selector(self._channels, self._numbers)})
        return self.async_show_form(
            step_id="channels",
            data_schema=self.add_suggested_values_to_schema(schema, {CONF_CHANNELS: chosen}),
            errors=errors,
        )

    async def async_step_login(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the cameras' user and password, or for none to be asked for."""
        errors: dict[str, str] = {}
        options = self.config_entry.options
        if user_input is None:
            user_input = {CONF_NO_AUTHENTICATION: False, **options}
        elif not (errors := credential_errors(user_input)):
            self._login = user_input
            if user_input[CONF_NO_AUTHENTICATION] and not options.get(CONF_NO_AUTHENTICATION):
                return await self.async_step_no_authentication()
            return self._save(user_input)
        schema = vol.Schema({**CREDENTIALS_FIELDS, vol.Required(CONF_NO_AUTHENTICATION): BooleanSelector()})
        return self.async_show_form(
            step_id="login", data_schema=self.add_suggested_values_to_schema(schema, user_input), errors=errors
        )

    async def async_step_no_authentication(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what it means that no login is asked for, and have it confirmed."""
        if user_input is None:
            schema = vol.Schema({vol.Required(CONF_EVERYBODY, default=False): BooleanSelector()})
            return self.async_show_form(step_id="no_authentication", data_schema=schema)
        return self._save(self._login | {CONF_NO_AUTHENTICATION: user_input[CONF_EVERYBODY]})

    async def async_step_streams(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how long a stream of the recorder is kept for the next viewer."""
        if user_input is not None:
            return self._save(user_input)
        selector = NumberSelector(
            NumberSelectorConfig(
                min=0, max=MAX_KEEP_SECONDS, mode=NumberSelectorMode.BOX, unit_of_measurement=UnitOfTime.SECONDS
            )
        )
        schema = vol.Schema({vol.Required(CONF_KEEP_SECONDS): selector})
        chosen = {CONF_KEEP_SECONDS: DEFAULT_KEEP_SECONDS, **self.config_entry.options}
        return self.async_show_form(step_id="streams", data_schema=self.add_suggested_values_to_schema(schema, chosen))

    async def async_step_choose_camera(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the camera whose sources of events are to be changed."""
        if user_input is not None:
            self._token = user_input[CONF_CAMERA]
            return await self.async_step_event_sources()
        self._cameras = await self._async_list_cameras()
        options = [SelectOptionDict(value=token, label=name) for token, name in self._cameras.items()]
        schema = vol.Schema({vol.Required(CONF_CAMERA): SelectSelector(SelectSelectorConfig(options=options))})
        return self.async_show_form(step_id="choose_camera", data_schema=schema)

    async def async_step_event_sources(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the user assign entities to each kind of event of a camera."""
        stored = self.config_entry.options.get(CONF_EVENT_SOURCES, {})
        if user_input is not None:
            sources = {
                kind: async_references(self.hass, entity_ids) for kind, entity_ids in user_input.items() if entity_ids
            }
            others = {token: kept for token, kept in stored.items() if token != self._token}
            return self._save({CONF_EVENT_SOURCES: others | ({self._token: sources} if sources else {})})
        selector = EntitySelector(
            EntitySelectorConfig(
                filter=EntityWithDeviceFilterSelectorConfig(domain=_SOURCE_DOMAINS),
                multiple=True,
                exclude_entities=self._own_entities(),
            )
        )
        chosen = {
            kind: async_entity_ids(self.hass, references) for kind, references in stored.get(self._token, {}).items()
        }
        schema = vol.Schema({vol.Optional(kind.value): selector for kind in EventKind})
        return self.async_show_form(
            step_id="event_sources",
            data_schema=self.add_suggested_values_to_schema(schema, chosen),
            description_placeholders={"camera": self._cameras[self._token]},
        )

    async def async_step_relay_outputs(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether clients may switch the recorder's contacts."""
        if user_input is not None:
            return self._save(user_input)
        recorder = (await self._async_record()).recorder
        schema = vol.Schema({vol.Required(CONF_CLIENTS_SWITCH_RELAYS, default=False): BooleanSelector()})
        return self.async_show_form(
            step_id="relay_outputs",
            data_schema=self.add_suggested_values_to_schema(schema, self.config_entry.options),
            description_placeholders={"count": str(len(recorder.relay_outputs) if recorder else 0)},
        )

    def _save(self, changes: dict[str, Any]) -> ConfigFlowResult:
        return self.async_create_entry(data=self.config_entry.options | changes)

    def _own_entities(self) -> list[str]:
        """Return what this integration tells itself: cameras that tell each other would never come to an end."""
        return [
            entity.entity_id
            for entity in er.async_get(self.hass).entities.values()
            if entity.platform == DOMAIN and entity.domain in _SOURCE_DOMAINS
        ]

    async def _async_record(self) -> RecorderRecord:
        store = await async_get_store(self.hass)
        return store.recorder(self.config_entry.unique_id or "")

    async def _async_list_channels(self) -> None:
        """Take the channels as they are now: one that is found while the form is open was no choice of the user's."""
        record = await self._async_record()
        self._channels = () if record.recorder is None else record.recorder.channels
        self._numbers = {token: str(camera.number) for token, camera in record.cameras.items()}

    async def _async_list_cameras(self) -> dict[str, str]:
        """Return the names of the cameras, by token, as their devices have them."""
        registry = dr.async_get(self.hass)
        entry = self.config_entry
        devices = {
            token: registry.async_get_device_by_identifier(
                camera_identifier(entry.unique_id or "", token), entry.entry_id
            )
            for token in (await self._async_record()).cameras
            if token not in entry.options[CONF_EXCLUDED_CHANNELS]
        }
        return {
            token: device.name_by_user or device.name or token
            for token, device in devices.items()
            if device is not None
        }
