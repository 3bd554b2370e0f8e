"""Setting up a recorder: find or type it, choose channels, addressing and the cameras' login; later: change them."""

import asyncio
from collections.abc import Mapping
import re
from typing import Any, override

from homeassistant.components import network
from homeassistant.config_entries import SOURCE_REAUTH, ConfigFlow, ConfigFlowResult
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.device_registry import format_mac
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
import voluptuous as vol

from .const import (
    CONF_ADDRESS,
    CONF_ADDRESSES,
    CONF_ADDRESSING,
    CONF_ALLOW_NO_CARRIER,
    CONF_CAMERA_PASSWORD,
    CONF_CAMERA_USERNAME,
    CONF_CHANNELS,
    CONF_EXCLUDED_CHANNELS,
    CONF_METHOD,
    CONF_PARENT,
    CONF_REMOVE_INTERFACES,
    DOMAIN,
    LOGGER,
    Addressing,
    Method,
)
from .data import OnvifProxyConfigEntry
from .errors import error_key
from .forms import (
    CREDENTIALS_FIELDS,
    address_field,
    addresses_error,
    can_be_chosen,
    channel_selector,
    credential_errors,
    generate_password,
    host_of,
    local_address_towards,
    parent_error,
    parent_notes,
    parent_option,
)
from .interface_manager import async_get_manager, async_may_make_interfaces, camera_key
from .interfaces import Interface, InterfaceError, Parent, list_parents, propose_addresses, read_interfaces
from .model import Credentials, Recorder, RecorderInfo
from .nvr import FoundRecorder, OnvifDriver, RecorderError, find_recorders
from .options_flow import OnvifProxyOptionsFlow
from .placement import taken_macs
from .ports import DEDICATED_ONVIF_PORTS, DEDICATED_RTSP_PORTS, first_free_port
from .responder import is_own_scope
from .store import async_get_store
from .wording import async_texts

DEFAULT_PORT = 80
DEFAULT_CAMERA_USERNAME = "onvif"
INTERFACE_POLL_SECONDS = 1.0
# Nobody listens here in particular: a port that is taken here is taken by a program that listens on all addresses.
ANY_LOOPBACK_ADDRESS = "127.93.17.5"

_PORT = vol.All(NumberSelector(NumberSelectorConfig(min=1, max=65535, mode=NumberSelectorMode.BOX)), vol.Coerce(int))
_PASSWORD = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password"))
_TEXT = TextSelector()

RECORDER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_HOST): _TEXT,
        vol.Required(CONF_PORT, default=DEFAULT_PORT): _PORT,
        vol.Required(CONF_USERNAME): _TEXT,
        vol.Required(CONF_PASSWORD): _PASSWORD,
    }
)
REAUTH_SCHEMA = vol.Schema({vol.Required(CONF_USERNAME): _TEXT, vol.Required(CONF_PASSWORD): _PASSWORD})


class OnvifProxyConfigFlow(ConfigFlow, domain=DOMAIN):
    """Adds a recorder; and renews its login, or changes where it is."""

    VERSION = 1

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._found: dict[str, FoundRecorder] = {}
        self._data: dict[str, Any] = {}
        self._options: dict[str, Any] = {}
        self._recorder: Recorder | None = None
        self._parent: Parent | None = None
        self._waiting: asyncio.Task[None] | None = None

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: OnvifProxyConfigEntry) -> OnvifProxyOptionsFlow:
        return OnvifProxyOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether to search or to type."""
        return self.async_show_menu(step_id="user", menu_options=["search", "recorder"])

    async def async_step_dhcp(self, discovery_info: DhcpServiceInfo) -> ConfigFlowResult:
        """Hear where a device with the MAC of a recorder that is set up is now. Those of our own cameras are told, too."""
        mac = format_mac(discovery_info.macaddress)
        entries: list[OnvifProxyConfigEntry] = self.hass.config_entries.async_loaded_entries(DOMAIN)
        for entry in entries:
            coordinator = entry.runtime_data.coordinator
            if coordinator.data.info.mac == mac:
                coordinator.async_seen_at(discovery_info.ip)
        return self.async_abort(reason="already_configured")

    async def async_step_search(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the user pick a recorder that answers WS-Discovery."""
        if user_input is not None:
            found = self._found[user_input[CONF_HOST]]
            self._data = {CONF_HOST: found.host, CONF_PORT: found.port}
            return await self.async_step_recorder()
        configured = {(entry.data[CONF_HOST], entry.data[CONF_PORT]) for entry in self._async_current_entries()}
        self._found = {
            f"{found.host}:{found.port}": found
            for found in await find_recorders(interface_addresses=await self._local_addresses(), ignore=is_own_scope)
            if (found.host, found.port) not in configured
        }
        if not self._found:
            return self._show_recorder_form({"base": "no_recorders_found"})
        options = [
            SelectOptionDict(value=key, label=f"{found.name or found.hardware or key} ({key})")
            for key, found in self._found.items()
        ]
        return self.async_show_form(
            step_id="search",
            data_schema=vol.Schema({vol.Required(CONF_HOST): SelectSelector(SelectSelectorConfig(options=options))}),
        )

    async def _local_addresses(self) -> list[str]:
        """Return the addresses of the network adapters that the user lets Home Assistant use."""
        addresses = await network.async_get_enabled_source_ips(self.hass)
        return [str(address) for address in addresses if address.version == 4]

    async def async_step_recorder(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask where the recorder is and how to log in; scan it."""
        if user_input is None:
            return self._show_recorder_form({})
        self._data = user_input | {CONF_HOST: host_of(user_input[CONF_HOST])}
        async with self._driver(self._data) as driver:
            try:
                recorder = await driver.scan()
            except RecorderError as error:
                return self._show_recorder_form({"base": error_key(error)})
        await self.async_set_unique_id(recorder.info.serial_number)
        self._abort_if_unique_id_configured()
        self._recorder = recorder
        return await self.async_step_channels()

    def _show_recorder_form(self, errors: dict[str, str]) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="recorder",
            data_schema=self.add_suggested_values_to_schema(RECORDER_SCHEMA, self._data),
            errors=errors,
        )

    async def async_step_channels(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the user choose which channels become cameras."""
        assert self._recorder is not None
        errors: dict[str, str] = {}
        tokens = [channel.token for channel in self._recorder.channels]
        if user_input is not None:
            if chosen := user_input[CONF_CHANNELS]:
                self._options[CONF_EXCLUDED_CHANNELS] = [token for token in tokens if token not in chosen]
                return await self.async_step_addressing()
            errors["base"] = "no_channel_chosen"
        names = {token: str(number) for number, token in enumerate(tokens, 1)}
        schema = vol.Schema({vol.Required(CONF_CHANNELS): channel_selector(self._recorder.channels, names)})
        return self.async_show_form(
            step_id="channels",
            data_schema=self.add_suggested_values_to_schema(schema, user_input or {CONF_CHANNELS: tokens}),
            errors=errors,
            description_placeholders={"recorder": self._recorder.info.name},
        )

    async def async_step_addressing(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask whether the cameras share the host's address or have their own."""
        return self.async_show_menu(step_id="addressing", menu_options=[mode.value for mode in Addressing])

    async def async_step_shared(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the host's address that all cameras share."""
        if user_input is not None:
            self._data |= {CONF_ADDRESSING: Addressing.SHARED.value, CONF_ADDRESS: user_input[CONF_ADDRESS]}
            return await self.async_step_credentials()
        suggested = await local_address_towards(self._data[CONF_HOST])
        return self.async_show_form(
            step_id="shared",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(await address_field()), {CONF_ADDRESS: suggested}
            ),
        )

    async def async_step_dedicated(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Lead to where the interfaces come from: made here, made on the host by a command, or there already."""
        self._data[CONF_ADDRESSING] = Addressing.DEDICATED.value
        enough = len(await self._free_interfaces()) >= self._needed
        if await async_may_make_interfaces(self.hass):
            if not enough:
                return await self.async_step_make_interfaces()
            return self.async_show_menu(step_id="dedicated", menu_options=["make_interfaces", "existing_interfaces"])
        return await (self.async_step_existing_interfaces() if enough else self.async_step_host_interfaces())

    @property
    def _needed(self) -> int:
        """How many cameras were chosen."""
        assert self._recorder is not None
        return len(self._recorder.channels) - len(self._options[CONF_EXCLUDED_CHANNELS])

    async def async_step_make_interfaces(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the network interface that carries those of the cameras, and how they get their addresses."""
        parents = await list_parents()
        offered = [parent for parent in parents if can_be_chosen(parent)]
        errors = {} if offered else {"base": "no_parent"}
        if user_input is not None:
            static = user_input[CONF_METHOD] == Method.STATIC
            allow_no_carrier = user_input.get(CONF_ALLOW_NO_CARRIER, False)
            self._parent = next((one for one in offered if one.name == user_input[CONF_PARENT]), None)
            if error := parent_error(self._parent, static=static, allow_no_carrier=allow_no_carrier):
                errors[CONF_PARENT] = error
            else:
                self._data |= {key: user_input[key] for key in (CONF_PARENT, CONF_REMOVE_INTERFACES)}
                if static:
                    return await self.async_step_static_addresses()
                self._data[CONF_ADDRESSES] = []
                return await self.async_step_credentials()
        texts = await async_texts(self.hass)
        schema = vol.Schema(
            {
                vol.Required(CONF_PARENT): SelectSelector(
                    SelectSelectorConfig(options=[parent_option(parent) for parent in offered])
                ),
                vol.Required(CONF_METHOD, default=Method.DHCP.value): SelectSelector(
                    SelectSelectorConfig(
                        options=[method.value for method in Method],
                        mode=SelectSelectorMode.LIST,
                        translation_key=CONF_METHOD,
                    )
                ),
                vol.Required(CONF_REMOVE_INTERFACES, default=True): BooleanSelector(),
            }
        )
        if errors.get(CONF_PARENT) == "no_carrier":
            schema = schema.extend({vol.Required(CONF_ALLOW_NO_CARRIER, default=False): BooleanSelector()})
        suggested = user_input or ({CONF_PARENT: offered[0].name} if offered else {})
        return self.async_show_form(
            step_id="make_interfaces",
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
            description_placeholders={"notes": parent_notes(parents, texts)},
        )

    async def async_step_static_addresses(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for an address a camera; free ones are proposed."""
        assert self._parent is not None
        errors: dict[str, str] = {}
        if user_input is None:
            proposed = await propose_addresses(self._parent, self._needed, await self._reserved_addresses())
            user_input = {CONF_ADDRESSES: ", ".join(proposed)}
        else:
            addresses = re.split(r"[\s,;]+", user_input[CONF_ADDRESSES].strip())
            network = self._parent.addresses[0]
            if error := addresses_error(addresses, network, self._needed, await self._reserved_addresses()):
                errors[CONF_ADDRESSES] = error
            else:
                self._data[CONF_ADDRESSES] = [f"{address}/{network.prefix_length}" for address in addresses]
                return await self.async_step_credentials()
        return self.async_show_form(
            step_id="static_addresses",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(CONF_ADDRESSES): TextSelector(TextSelectorConfig(multiline=True))}), user_input
            ),
            errors=errors,
            description_placeholders={"needed": str(self._needed), "parent": self._parent.name},
        )

    async def _reserved_addresses(self) -> list[str]:
        """Return the addresses that interfaces of other cameras have or will have."""
        manager = await async_get_manager(self.hass)
        own = camera_key(self.unique_id or "", "")  # of this recorder when it was here before
        return [
            str(spec.address.ip)
            for spec in manager.inventory.specs
            if spec.address is not None and not spec.camera.startswith(own)
        ]

    async def async_step_host_interfaces(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the command for the host, and go on when the interfaces are there."""
        if self._waiting is None:
            self._waiting = self.hass.async_create_task(self._async_wait_for_interfaces())
        if not self._waiting.done():
            return self.async_show_progress(
                step_id="host_interfaces",
                progress_action="wait_for_interfaces",
                progress_task=self._waiting,
                description_placeholders=await self._host_command(),
            )
        self._waiting = None  # if others take them before the user goes on, the next wait begins
        return self.async_show_progress_done(next_step_id="existing_interfaces")

    async def _async_wait_for_interfaces(self) -> None:
        while True:
            try:
                if len(await self._free_interfaces()) >= self._needed:
                    return
            except InterfaceError as error:
                LOGGER.debug("The interfaces could not be read: %s", error)
            await asyncio.sleep(INTERFACE_POLL_SECONDS)

    async def _host_command(self) -> dict[str, str]:
        """Return the command that makes the interfaces, filled in with what this host suggests."""
        parent = next((one for one in await list_parents() if one.refusal is None), None)
        if parent is None:
            arguments = f"--count {self._needed}"
        else:
            proposed = await propose_addresses(parent, self._needed, await self._reserved_addresses())
            first = proposed[0] if proposed else "ADDRESS"
            prefix = parent.addresses[0].prefix_length
            arguments = f"--parent {parent.name} --count {self._needed} --static {first}/{prefix}"
        return {"needed": str(self._needed), "command": f"sudo ./setup_interfaces.sh {arguments}"}

    async def async_step_existing_interfaces(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the interfaces that the cameras get."""
        free = await self._free_interfaces()
        if user_input is not None:
            if len(free) >= self._needed:
                return await self.async_step_credentials()
            return await self.async_step_dedicated()
        return self.async_show_form(
            step_id="existing_interfaces",
            data_schema=vol.Schema({}),
            description_placeholders={
                "needed": str(self._needed),
                "interfaces": ", ".join(interface.name for interface in free),
            },
        )

    async def _free_interfaces(self) -> list[Interface]:
        """Return the macvlan interfaces that no camera of another recorder has."""
        store = await async_get_store(self.hass)
        taken = taken_macs(self.hass, store, but=self.unique_id)
        return [one for one in await read_interfaces() if one.kind == "macvlan" and one.mac not in taken]

    async def async_step_credentials(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the login that clients need for the cameras, to keep or to change."""
        assert self._recorder is not None
        errors: dict[str, str] = {}
        if user_input is not None:
            if not (errors := credential_errors(user_input)):
                return self.async_create_entry(
                    title=self._recorder.info.name, data=self._data, options=self._options | user_input
                )
        else:
            store = await async_get_store(self.hass)
            # A recorder that was here before: clients may still know its cameras by that login.
            former = store.recorder(self._recorder.info.serial_number).credentials
            user_input = {
                CONF_CAMERA_USERNAME: former.username if former else DEFAULT_CAMERA_USERNAME,
                CONF_CAMERA_PASSWORD: former.password if former else generate_password(),
            }
        return self.async_show_form(
            step_id="credentials",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(CREDENTIALS_FIELDS), user_input),
            errors=errors,
            description_placeholders={"ports": await self._port_note()},
        )

    async def _port_note(self) -> str:
        """Say which of the usual ports the cameras will not get, as another program has them on all addresses."""
        if self._data[CONF_ADDRESSING] != Addressing.DEDICATED:
            return ""
        texts = await async_texts(self.hass)
        chosen = {
            ports[0]: first_free_port(ANY_LOOPBACK_ADDRESS, ports)
            for ports in (DEDICATED_ONVIF_PORTS, DEDICATED_RTSP_PORTS)
        }
        return "\n".join(
            texts["port_taken"].format(port=usual, instead=instead or "-")
            for usual, instead in chosen.items()
            if instead != usual
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """The recorder refused the login."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the recorder's new user and password."""
        return await self._async_change_recorder("reauth_confirm", REAUTH_SCHEMA, user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask where the recorder is now, and on which address the cameras are."""
        schema = RECORDER_SCHEMA
        if self._get_reconfigure_entry().data.get(CONF_ADDRESSING) == Addressing.SHARED:
            schema = schema.extend(await address_field())
        return await self._async_change_recorder("reconfigure", schema, user_input)

    async def _async_change_recorder(
        self, step_id: str, schema: vol.Schema, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        """Check changed connection data against the same recorder, and store them."""
        entry = self._get_reauth_entry() if self.source == SOURCE_REAUTH else self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            if CONF_HOST in user_input:
                user_input |= {CONF_HOST: host_of(user_input[CONF_HOST])}
            try:
                info = await self._async_identify(entry.data | user_input)
            except RecorderError as error:
                errors["base"] = error_key(error)
            else:
                await self.async_set_unique_id(info.serial_number)
                self._abort_if_unique_id_mismatch(reason="another_recorder")
                return self.async_update_reload_and_abort(entry, data_updates=user_input)
        values = {key: value for key, value in entry.data.items() if key != CONF_PASSWORD} | (user_input or {})
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, values),
            errors=errors,
            description_placeholders={"recorder": entry.title},
        )

    async def _async_identify(self, data: Mapping[str, Any]) -> RecorderInfo:
        async with self._driver(data) as driver:
            return await driver.identify()

    def _driver(self, data: Mapping[str, Any]) -> OnvifDriver:
        credentials = Credentials(username=data[CONF_USERNAME], password=data[CONF_PASSWORD])
        return OnvifDriver(data[CONF_HOST], data[CONF_PORT], credentials, async_get_clientsession(self.hass))
