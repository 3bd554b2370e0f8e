"""The virtual cameras of an entry: a channel and its identity become a VirtualCamera; start, stop, rename, move."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
import ipaddress
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.start import async_at_started

from .camera_health import async_sync_issue, async_tell_foreign_clients, async_tell_not_made
from .const import CONF_ADDRESS, CONF_ADDRESSING, DOMAIN, LOGGER, Addressing
from .coordinator import RecorderCoordinator
from .foreign_clients import networks_of_host
from .interface_manager import InterfaceManager, Wish, camera_key
from .interfaces import Interface, InterfaceError, InterfaceWatch, KeptInterface, KernelRefused
from .listeners import Listeners
from .model import Channel, Credentials, Endpoint, Identity, Recorder, Snapshot
from .nvr import RecorderError
from .ports import DEDICATED_ONVIF_PORTS, DEDICATED_RTSP_PORTS, SHARED_ONVIF_PORTS, SHARED_RTSP_PORTS, first_free_port
from .responder import SnapshotUnavailable, TokenVerifier
from .store import CameraRecord, IdentityStore
from .virtual_camera import Trouble, VirtualCamera

RETRY_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class FleetCamera:
    """A virtual camera with its record and those who want to know of its changes."""

    token: str
    device_id: str
    record: CameraRecord
    camera: VirtualCamera
    listeners: Listeners[[]]

    @property
    def identity(self) -> Identity:
        """What clients remember of the camera, in the addressing of its entry."""
        return self.camera.identity


class Fleet:
    """Keeps the virtual cameras in step with the scan, the interfaces, the switches and the device registry."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        coordinator: RecorderCoordinator,
        store: IdentityStore,
        *,
        recorder_credentials: Credentials,
        credentials: Credentials,
        excluded: frozenset[str],
        interfaces: InterfaceManager | None = None,
        wish: Wish | None = None,
    ) -> None:
        """Make a fleet without cameras.

        `excluded` are the tokens of channels that the user left out; `wish` is for interfaces that are made here, by
        `interfaces`; without it those that somebody else made are used.
        """
        self.cameras: dict[str, FleetCamera] = {}
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._store = store
        self._recorder_credentials = recorder_credentials
        self._credentials = credentials
        self._tokens = TokenVerifier()
        self._excluded = excluded
        self._manager = interfaces
        self._wish = wish
        self._addressing = Addressing(entry.data[CONF_ADDRESSING])
        self._watch = InterfaceWatch(self._interfaces_changed)
        self._own_networks: tuple[ipaddress.IPv4Network, ...] = ()
        self._started = False
        self._retry: CALLBACK_TYPE | None = None
        self._endpoint_lock = asyncio.Lock()
        self.interface_listeners = Listeners[[]]()
        self._new_camera = Listeners[[FleetCamera]]()
        self._unsubscribe: list[CALLBACK_TYPE] = []

    @property
    def serial_number(self) -> str:
        """The recorder's."""
        return self._coordinator.serial_number

    async def async_start(self) -> None:
        """Make the cameras that are known, and run them as soon as Home Assistant has started."""
        self._async_add_cameras()
        self._unsubscribe = [
            self._coordinator.async_add_listener(self._recorder_changed),
            self._hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._device_changed),
            # Not before: Home Assistant's own web server must find its port free.
            async_at_started(self._hass, self._async_run),
        ]
        if self._manager is not None:
            self._unsubscribe.append(self._manager.listeners.add(self.interface_listeners.notify))

    async def async_stop(self) -> None:
        """Stop all cameras; returns when their ports are free."""
        while self._unsubscribe:
            self._unsubscribe.pop()()
        self._started = False
        if self._retry is not None:
            self._retry()
            self._retry = None
        await self._watch.stop()
        async with self._endpoint_lock:
            results = await asyncio.gather(
                *(fleet_camera.camera.close() for fleet_camera in self.cameras.values()), return_exceptions=True
            )
        for result in results:
            if isinstance(result, BaseException):
                LOGGER.error("A camera of %s did not stop cleanly", self._entry.title, exc_info=result)

    @callback
    def async_on_new_camera(self, listener: Callable[[FleetCamera], None]) -> CALLBACK_TYPE:
        """Call `listener` for each camera that is there, and each that a rescan adds; returns what ends that."""
        for fleet_camera in self.cameras.values():
            listener(fleet_camera)
        return self._new_camera.add(listener)

    async def async_set_running(self, fleet_camera: FleetCamera, running: bool) -> None:
        """Switch a camera on or off, and remember it."""
        fleet_camera.record.running = running
        self._store.async_save()
        await fleet_camera.camera.set_enabled(running and self._started)
        fleet_camera.listeners.notify()

    async def async_set_discoverable(self, fleet_camera: FleetCamera, discoverable: bool) -> None:
        """Let a camera be discovered or not, and remember it."""
        fleet_camera.record.discoverable = discoverable
        self._store.async_save()
        await fleet_camera.camera.set_discoverable(discoverable)
        fleet_camera.listeners.notify()

    @callback
    def _recorder_changed(self) -> None:
        """Bring what a rescan found to the cameras."""
        recorder = self._coordinator.data
        for token, fleet_camera in self.cameras.items():
            channel = recorder.channel(token)
            fleet_camera.camera.set_channel_gone(channel is None)
            if channel is not None:
                fleet_camera.camera.update_channel(channel, recorder.info)
                self._remember(fleet_camera.record, channel)
        for fleet_camera in self._async_add_cameras():
            self._new_camera.notify(fleet_camera)
            if self._started:
                self._entry.async_create_task(self._hass, self._async_provide_and_run(fleet_camera))

    @callback
    def _async_add_cameras(self) -> list[FleetCamera]:
        """Make a camera for each channel that has none, also for those that were there once and may come back."""
        recorder = self._coordinator.data
        known = self._store.recorder(self.serial_number).cameras
        channels = {token: record.channel for token, record in known.items() if record.channel is not None}
        channels |= {channel.token: channel for channel in recorder.channels}
        added = [
            self._make_camera(recorder, channel)
            for token, channel in channels.items()
            if token not in self.cameras and token not in self._excluded
        ]
        self.cameras |= {fleet_camera.token: fleet_camera for fleet_camera in added}
        return added

    def _make_camera(self, recorder: Recorder, channel: Channel) -> FleetCamera:
        record = self._store.camera(self.serial_number, channel.token, self._addressing)
        self._remember(record, channel)
        if record.identities[self._addressing].mac in taken_macs(self._hass, self._store, but=self.serial_number):
            self._store.change_identity(self.serial_number, channel.token, self._addressing, mac=None)
        device = self._register_device(recorder, channel, record)
        listeners = Listeners[[]]()
        camera = VirtualCamera(
            name=device.name_by_user or device.name or channel.token,
            identity=record.identities[self._addressing],
            channel=channel,
            recorder=recorder.info,
            recorder_credentials=self._recorder_credentials,
            credentials=self._credentials,
            tokens=self._tokens,
            fetch_snapshot=self._async_fetch_snapshot,
            on_change=listeners.notify,
            own_networks=(lambda: self._own_networks) if self._addressing is Addressing.DEDICATED else None,
        )
        camera.set_channel_gone(recorder.channel(channel.token) is None)
        listeners.add(partial(async_sync_issue, self._hass, camera))
        listeners.add(self._tell_foreign_clients)
        return FleetCamera(token=channel.token, device_id=device.id, record=record, camera=camera, listeners=listeners)

    def _remember(self, record: CameraRecord, channel: Channel) -> None:
        if channel != record.channel:
            record.channel = channel
            self._store.async_save()

    def _register_device(self, recorder: Recorder, channel: Channel, record: CameraRecord) -> dr.DeviceEntry:
        # A recorder without a name for the channel gets a translated one with its number.
        named: dict[str, Any] = (
            {"name": channel.name}
            if channel.name
            else {"translation_key": "channel", "translation_placeholders": {"number": str(record.number)}}
        )
        identity = record.identities[self._addressing]
        return dr.async_get(self._hass).async_get_or_create(
            config_entry_id=self._entry.entry_id,
            identifiers={camera_identifier(self.serial_number, channel.token)},
            connections=set() if identity.mac is None else {(dr.CONNECTION_NETWORK_MAC, identity.mac)},
            manufacturer=recorder.info.manufacturer,
            model=recorder.info.model,
            serial_number=identity.serial_number,
            sw_version=recorder.info.firmware,
            via_device_id=dr.async_get_device_id_by_identifier(
                self._hass, (DOMAIN, self.serial_number), config_entry_id=self._entry.entry_id
            ),
            **named,
        )

    @callback
    def _device_changed(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        """Rename a camera when its device was renamed, end it when its device was deleted."""
        device_id = event.data["device_id"]
        fleet_camera = next((one for one in self.cameras.values() if one.device_id == device_id), None)
        if fleet_camera is None:
            return
        if event.data["action"] == "remove":
            del self.cameras[fleet_camera.token]
            fleet_camera.record.channel = None  # it comes back when a scan finds it again, as the same camera
            self._store.async_save()
            self._entry.async_create_task(self._hass, fleet_camera.camera.close())
        elif (device := dr.async_get(self._hass).async_get(device_id)) is not None:
            fleet_camera.camera.rename(device.name_by_user or device.name or fleet_camera.token)
        self._tell_foreign_clients()

    @callback
    def _tell_foreign_clients(self) -> None:
        async_tell_foreign_clients(self._hass, self._entry, [one.camera for one in self.cameras.values()])

    async def _async_fetch_snapshot(self, channel: Channel) -> Snapshot:
        try:
            return await self._coordinator.driver.snapshot(channel)
        except RecorderError as error:
            raise SnapshotUnavailable(str(error)) from error

    async def _async_run(self, _hass: HomeAssistant) -> None:
        """Run the cameras that are switched on."""
        self._started = True
        try:
            await self._watch.start()
        except KernelRefused as error:
            LOGGER.warning("%s; trying again in %s s", error, RETRY_SECONDS)
            self._retry_later(partial(self._async_run, _hass))
        await self._async_provide(list(self.cameras.values()))
        await asyncio.gather(*(self._async_run_camera(fleet_camera) for fleet_camera in self.cameras.values()))

    async def _async_provide(self, fleet_cameras: list[FleetCamera]) -> None:
        """Have the interfaces of cameras made, where that is wished, and give each camera its own."""
        if self._manager is None or self._wish is None:
            return
        keys = {camera_key(self.serial_number, one.token): one for one in fleet_cameras}
        try:
            macs = await self._manager.async_provide(list(keys), self._wish)
        except InterfaceError as error:
            if async_tell_not_made(self._hass, self._entry, str(error)):
                LOGGER.error("The interfaces for %s could not be made: %s", self._entry.title, error)
            self._retry_later(partial(self._async_run, self._hass))
            return
        async_tell_not_made(self._hass, self._entry, None)
        if macs is None:
            # Somebody else makes them on this host: the cameras take those that are free.
            self._wish = None
            return
        for key, mac in macs.items():
            if keys[key].identity.mac is None:
                self._assign(keys[key], mac)

    async def _async_provide_and_run(self, fleet_camera: FleetCamera) -> None:
        await self._async_provide([fleet_camera])
        await self._async_run_camera(fleet_camera)

    async def _async_run_camera(self, fleet_camera: FleetCamera) -> None:
        record, camera = fleet_camera.record, fleet_camera.camera
        await camera.set_discoverable(record.discoverable)
        await self._async_place(fleet_camera)
        await camera.set_enabled(record.running and self._started)  # the fleet may have been stopped meanwhile

    @callback
    def _interfaces_changed(self, interfaces: Mapping[str, Interface]) -> None:
        self._own_networks = networks_of_host(interfaces.values())
        self.interface_listeners.notify()
        if self._started:
            self._entry.async_create_task(self._hass, self._async_place_all())

    async def _async_place_all(self) -> None:
        await asyncio.gather(*(self._async_place(fleet_camera) for fleet_camera in self.cameras.values()))

    async def _async_place(self, fleet_camera: FleetCamera) -> None:
        """Give a camera the endpoint that the interfaces offer now."""
        async with self._endpoint_lock:  # two cameras must not choose the same interface or port
            if not self._started:
                return
            endpoint, trouble = self._endpoint(fleet_camera)
        await fleet_camera.camera.set_endpoint(endpoint, trouble)
        if trouble is not None:
            self._retry_later(self._async_place_all)

    def _retry_later(self, retry: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Try something again in a while, unless the fleet is stopped before."""

        @callback
        def again(_now: datetime) -> None:
            self._retry = None
            if self._started:
                self._entry.async_create_task(self._hass, retry())

        if self._retry is None:
            self._retry = async_call_later(self._hass, RETRY_SECONDS, again)

    def _endpoint(self, fleet_camera: FleetCamera) -> tuple[Endpoint | None, Trouble | None]:
        if (interface := self._interface(fleet_camera)) is None:
            return None, None
        address = self._address(interface)
        mac = fleet_camera.identity.mac
        if address is None or mac is None:
            return None, None
        try:
            ports = self._ports(fleet_camera, address[0])
        except OSError:
            return None, None  # the address went away again; the watch will tell
        if ports is None:
            return None, Trouble.NO_FREE_PORT
        return (
            Endpoint(
                address=address[0],
                prefix_length=address[1],
                mac=mac,
                onvif_port=ports[0],
                rtsp_port=ports[1],
                interface=interface.name,
            ),
            None,
        )

    def _interface(self, fleet_camera: FleetCamera) -> Interface | None:
        """Return the interface that carries a camera, choosing a free one for a camera that has none yet."""
        interfaces = self._watch.interfaces.values()
        if self._addressing is Addressing.SHARED:
            return next((one for one in interfaces if self._address(one) is not None), None)
        if fleet_camera.identity.mac is None and self._wish is None and (free := self.free_interfaces()):
            self._assign(fleet_camera, free[0].mac)
        mac = fleet_camera.identity.mac
        return next((one for one in interfaces if one.mac == mac and one.kind == "macvlan"), None)

    def free_interfaces(self) -> list[Interface]:
        """Return the macvlan interfaces that no camera has, of any recorder."""
        taken = taken_macs(self._hass, self._store)
        free = (one for one in self._watch.interfaces.values() if one.kind == "macvlan" and one.mac not in taken)
        return sorted(free, key=lambda one: (len(one.name), one.name))

    def interface_of(self, fleet_camera: FleetCamera) -> Interface | None:
        """Return the interface that a camera has in dedicated addressing, None while it is not there."""
        mac = fleet_camera.identity.mac
        return next((one for one in self._watch.interfaces.values() if one.mac == mac and one.kind == "macvlan"), None)

    def kept_interface(self, fleet_camera: FleetCamera) -> KeptInterface | None:
        """Return what is known of an interface that is made and kept here, None for all others."""
        if self._manager is None:
            return None
        return self._manager.kept.get(camera_key(self.serial_number, fleet_camera.token))

    async def async_select_interface(self, fleet_camera: FleetCamera, name: str) -> bool:
        """Move a camera to a free interface; False when another camera was quicker, or the interface is gone."""
        async with self._endpoint_lock:
            chosen = next((one for one in self.free_interfaces() if one.name == name), None)
            if chosen is None:
                return False
            self._assign(fleet_camera, chosen.mac)
        await self._async_place(fleet_camera)
        self.interface_listeners.notify()  # what is free is another choice for all cameras
        return True

    def _assign(self, fleet_camera: FleetCamera, mac: str) -> None:
        """Give a camera its interface; no other camera gets it from now on."""
        self._change_identity(fleet_camera, mac=mac)
        dr.async_get(self._hass).async_update_device(
            fleet_camera.device_id, new_connections={(dr.CONNECTION_NETWORK_MAC, mac)}
        )

    def _address(self, interface: Interface) -> tuple[str, int] | None:
        """Return the address for cameras on an interface, with the length of its prefix."""
        if self._addressing is Addressing.DEDICATED:
            return next(((one.address, one.prefix_length) for one in interface.addresses), None)
        wanted = self._entry.data[CONF_ADDRESS]
        for one in interface.addresses:
            network = ipaddress.ip_network(f"{one.address}/{one.prefix_length}", strict=False)
            if one.address == wanted or (network.is_loopback and ipaddress.ip_address(wanted) in network):
                return wanted, one.prefix_length
        return None

    def _ports(self, fleet_camera: FleetCamera, address: str) -> tuple[int, int] | None:
        """Return the camera's ports, chosen at its first start; None when none is free."""
        identity = fleet_camera.identity
        if identity.onvif_port is not None and identity.rtsp_port is not None:
            return identity.onvif_port, identity.rtsp_port
        if self._addressing is Addressing.DEDICATED:
            onvif_port = first_free_port(address, DEDICATED_ONVIF_PORTS)
            rtsp_port = first_free_port(address, DEDICATED_RTSP_PORTS)
        else:
            identities = self._store.identities(Addressing.SHARED)
            onvif_port = first_free_port(address, SHARED_ONVIF_PORTS, {one.onvif_port or 0 for one in identities})
            rtsp_port = first_free_port(address, SHARED_RTSP_PORTS, {one.rtsp_port or 0 for one in identities})
        if onvif_port is None or rtsp_port is None:
            return None
        self._change_identity(fleet_camera, onvif_port=onvif_port, rtsp_port=rtsp_port)
        return onvif_port, rtsp_port

    def _change_identity(self, fleet_camera: FleetCamera, **changes: Any) -> None:
        fleet_camera.camera.identity = self._store.change_identity(
            self.serial_number, fleet_camera.token, self._addressing, **changes
        )


def taken_macs(hass: HomeAssistant, store: IdentityStore, but: str | None = None) -> set[str | None]:
    """Return the MACs of the interfaces that cameras have, except those of one recorder.

    A recorder that was removed holds none: its cameras get free ones when it is added again.
    """
    configured = {entry.unique_id or "" for entry in hass.config_entries.async_entries(DOMAIN)} - {but or ""}
    return {identity.mac for identity in store.identities(Addressing.DEDICATED, configured)}


def camera_identifier(serial_number: str, token: str) -> tuple[str, str]:
    """Return the identifier of a camera's device."""
    return DOMAIN, f"{serial_number}_{token}"
