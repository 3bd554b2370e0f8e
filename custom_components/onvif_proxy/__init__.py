"""Every channel of a video recorder as an ONVIF camera of its own: an entry's life."""

from functools import partial
from ipaddress import IPv4Interface

from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME, EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.singleton import singleton
from homeassistant.util.hass_dict import HassKey

from .camera_health import async_forget_foreign_clients, async_tell_not_made
from .const import CONF_ADDRESSES, CONF_PARENT, CONF_REMOVE_INTERFACES, DOMAIN, LOGGER
from .coordinator import RecorderCoordinator
from .data import OnvifProxyConfigEntry, OnvifProxyData
from .fleet import Fleet
from .fleet_camera import camera_identifier
from .interface_manager import Wish, async_get_manager, camera_key
from .interfaces import InterfaceError
from .model import Credentials
from .nvr import OnvifDriver
from .relay_coordinator import RelayCoordinator
from .relay_process import RelayProcess
from .store import async_get_store

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CAMERA,
    Platform.EVENT,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
]

_RELAYS: HassKey[RelayProcess] = HassKey(f"{DOMAIN}.relays")


@singleton(_RELAYS)
def _get_relays(hass: HomeAssistant) -> RelayProcess:
    """Return the one of this Home Assistant; it runs while a camera does."""
    return RelayProcess()


async def async_setup_entry(hass: HomeAssistant, entry: OnvifProxyConfigEntry) -> bool:
    """Connect to the recorder, scan it and start its virtual cameras."""
    store = await async_get_store(hass)
    recorder_credentials = Credentials(username=entry.data[CONF_USERNAME], password=entry.data[CONF_PASSWORD])

    def connect(host: str) -> OnvifDriver:
        return OnvifDriver(host, entry.data[CONF_PORT], recorder_credentials, async_get_clientsession(hass))

    coordinator = RecorderCoordinator(hass, entry, connect, store)
    entry.async_on_unload(coordinator.driver.close)
    if coordinator.knows_channels:
        # The cameras come up with what the last scan found, also while the recorder is off.
        entry.async_create_background_task(hass, coordinator.async_refresh(), f"{DOMAIN} first scan of {entry.title}")
    else:
        await coordinator.async_config_entry_first_refresh()
    _register_recorder(hass, entry, coordinator)

    manager, wish = await async_get_manager(hass), _wish(entry)
    if wish is not None:
        await manager.async_use(entry.entry_id)
        entry.async_on_unload(partial(manager.async_leave, entry.entry_id))
    fleet = Fleet(
        hass,
        entry,
        coordinator,
        store,
        recorder_credentials=recorder_credentials,
        relays=_get_relays(hass),
        interfaces=manager,
        wish=wish,
    )
    entry.runtime_data = OnvifProxyData(
        coordinator=coordinator, fleet=fleet, relay=RelayCoordinator(hass, entry, fleet)
    )
    entry.async_on_unload(fleet.async_stop)

    async def stop(_event: Event) -> None:
        await coordinator.async_stop_listening()
        await fleet.async_stop()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    await fleet.async_start()
    entry.runtime_data.relay.async_start()
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


def _wish(entry: OnvifProxyConfigEntry) -> Wish | None:
    """Return what the user wants to be made for the cameras; None where interfaces come from elsewhere, or none are needed."""
    if CONF_PARENT not in entry.data:
        return None
    return Wish(
        parent=entry.data[CONF_PARENT],
        addresses=tuple(IPv4Interface(address) for address in entry.data[CONF_ADDRESSES]),
    )


async def async_remove_entry(hass: HomeAssistant, entry: OnvifProxyConfigEntry) -> None:
    """Remove the interfaces that were made for the cameras, if the user said so."""
    async_tell_not_made(hass, entry, None)
    async_forget_foreign_clients(hass, entry)
    if entry.data.get(CONF_REMOVE_INTERFACES):
        manager = await async_get_manager(hass)
        try:
            await manager.async_remove(camera_key(entry.unique_id or "", ""))
        except InterfaceError as error:
            LOGGER.error("The interfaces of %s could not be removed: %s", entry.title, error)


def _register_recorder(hass: HomeAssistant, entry: OnvifProxyConfigEntry, coordinator: RecorderCoordinator) -> None:
    """Make the recorder's device before those of its cameras, which link to it."""
    info = coordinator.data.info
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, coordinator.serial_number)},
        connections=set() if info.mac is None else {(dr.CONNECTION_NETWORK_MAC, info.mac)},
        name=entry.title,
        manufacturer=info.manufacturer,
        model=info.model,
        serial_number=info.serial_number,
        sw_version=info.firmware,
        configuration_url=f"http://{entry.data[CONF_HOST]}",
    )


async def async_unload_entry(hass: HomeAssistant, entry: OnvifProxyConfigEntry) -> bool:
    """Unload the entities; the cameras stop after them, in what the setup gave to `async_on_unload`."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, device: dr.DeviceEntry
) -> bool:
    """Let a user delete the device of a channel that the recorder no longer has, or that was left out."""
    coordinator, fleet = entry.runtime_data.coordinator, entry.runtime_data.fleet
    serial_number = coordinator.serial_number
    present = {
        camera_identifier(serial_number, token)
        for token in fleet.cameras
        if coordinator.data.channel(token) is not None
    }
    return not device.identifiers & (present | {(DOMAIN, serial_number)})
