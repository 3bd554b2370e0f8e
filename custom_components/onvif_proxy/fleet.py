"""The virtual cameras of an entry: a channel and its identity become a VirtualCamera; start, stop, rename, move."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import IPv4Network

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import area_registry as ar, device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.start import async_at_started

from .camera_health import async_sync_issue, async_tell_foreign_clients, async_tell_not_made
from .camera_offer import KeptSettings
from .const import DOMAIN, LOGGER, Addressing
from .coordinator import RecorderCoordinator
from .event_sources import EventSources, kinds_of
from .fleet_camera import FleetCamera, async_area_of, async_register_device, async_remove_kinds
from .foreign_clients import networks_of_host
from .host_search import async_get_host_search
from .interface_manager import InterfaceManager, Wish
from .interfaces import Interface, InterfaceError, InterfaceWatch, KernelRefused
from .listeners import Listeners
from .logins import LoginFailure
from .model import Channel, Credentials, EventKind, Recorder, RecorderEvent, Snapshot
from .nvr import RecorderError
from .options import CameraOptions
from .placement import Placement, taken_macs
from .relay.options import CameraOptions as RelayOptions
from .relay_process import RelayProcess
from .repeated import Repeated
from .responder import SnapshotUnavailable, TokenVerifier
from .snapshots import Decoder
from .store import CameraRecord, IdentityStore
from .virtual_camera import Controls, VirtualCamera
from .wording import async_reason

RETRY_SECONDS = 30.0


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
        relays: RelayProcess,
        interfaces: InterfaceManager | None = None,
        wish: Wish | None = None,
    ) -> None:
        """Make a fleet without cameras.

        `relays` is that of all entries. `wish` is for interfaces that are made here, by `interfaces`; without it those that somebody else made are used.
        """
        self.cameras: dict[str, FleetCamera] = {}
        self.relays = relays
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._store = store
        self._recorder_credentials = recorder_credentials
        self._options = CameraOptions.read(entry.options)
        self._tokens = TokenVerifier()
        self._decoder = Decoder(hass.async_add_executor_job)
        self._manager = interfaces
        self._wish = wish
        self._watch = InterfaceWatch(self._interfaces_changed)
        self.placement = Placement(
            hass,
            entry,
            store,
            self._watch,
            serial_number=coordinator.serial_number,
            manager=interfaces,
            wish=wish,
        )
        self._host_search = async_get_host_search(hass) if self.placement.addressing is Addressing.DEDICATED else None
        self._own_networks: tuple[IPv4Network, ...] = ()
        self._started = False
        self._follow = Repeated(hass, entry, self._async_follow)
        self._retry = Repeated(hass, entry, self._async_watch_and_provide_and_place)
        self.interface_listeners = Listeners[[]]()
        self._new_camera = Listeners[[FleetCamera]]()
        self._unsubscribe: list[CALLBACK_TYPE] = []

    @property
    def serial_number(self) -> str:
        """The recorder's."""
        return self._coordinator.serial_number

    async def async_start(self) -> None:
        """Make the cameras that are known, and run them as soon as Home Assistant has started."""
        self._remember_login()
        self._async_add_cameras()
        self._unsubscribe = [
            self._coordinator.async_add_listener(self._recorder_changed),
            self._coordinator.event_listeners.add(self._recorder_told),
            self._coordinator.event_state_listeners.add(self._event_state_changed),
            async_dispatcher_connect(self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed),
            self._hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._device_changed),
            self._hass.bus.async_listen(ar.EVENT_AREA_REGISTRY_UPDATED, self._area_changed),
            # Not before: Home Assistant's own web server must find its port free.
            async_at_started(self._hass, self._async_run),
        ]
        if self._manager is not None and self.placement.addressing is Addressing.DEDICATED:
            self._unsubscribe.append(self._manager.health.async_watch(self._used_interfaces))

    async def async_stop(self) -> None:
        """Stop all cameras; returns when their ports are free."""
        while self._unsubscribe:
            self._unsubscribe.pop()()
        self._started = False
        self._follow.async_stop()
        self._retry.async_stop()
        for fleet_camera in self.cameras.values():
            fleet_camera.event_sources.async_stop()
        await self._watch.stop()
        results = await asyncio.gather(
            *(fleet_camera.camera.close() for fleet_camera in self.cameras.values()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                LOGGER.error("A camera of %s did not stop cleanly", self._entry.title, exc_info=result)
        if self._host_search is not None:
            await self._host_search.async_leave(self._entry.entry_id)

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
        """Let a camera be discovered or not; it is remembered as what a client sets."""
        await fleet_camera.camera.set_discoverable(discoverable)

    async def async_set_media2(self, fleet_camera: FleetCamera, offered: bool) -> None:
        """Offer the ver20 media service of a camera or not."""
        fleet_camera.camera.set_media2(offered)

    async def async_set_always_on(self, fleet_camera: FleetCamera, always_on: bool) -> None:
        """Keep the recorder's streams of a camera open or not, and remember it."""
        fleet_camera.record.always_on = always_on
        self._keep_relay_options(fleet_camera)

    async def async_set_audio(self, fleet_camera: FleetCamera, audio: bool) -> None:
        """Give viewers of a camera sound or none, and remember it."""
        fleet_camera.record.audio = audio
        self._keep_relay_options(fleet_camera)

    async def async_set_raw(self, fleet_camera: FleetCamera, raw: bool) -> None:
        """Pass connections to a camera on to the recorder as they are or not, and remember it.

        Raises ServiceValidationError where clients would be told how to log in to the recorder.
        """
        if raw and not fleet_camera.camera.can_be_raw:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="raw_refused")
        fleet_camera.record.raw = raw
        self._keep_relay_options(fleet_camera)

    @callback
    def _keep_relay_options(self, fleet_camera: FleetCamera) -> None:
        self._store.async_save()
        self._apply_relay_options(fleet_camera)
        fleet_camera.listeners.notify()

    @callback
    def _entry_changed(self, change: ConfigEntryChange, entry: ConfigEntry) -> None:
        """Bring other options to the cameras while they run; another choice of channels comes with a reload."""
        if entry.entry_id != self._entry.entry_id or change is not ConfigEntryChange.UPDATED:
            return
        options = CameraOptions.read(entry.options)
        if options == self._options:
            return
        self._options = options
        self._remember_login()
        for fleet_camera in self.cameras.values():
            fleet_camera.camera.set_credentials(options.credentials)
            self._apply_options(fleet_camera)
            fleet_camera.listeners.notify()

    def _remember_login(self) -> None:
        self._store.recorder(self.serial_number).credentials = self._options.login
        self._store.async_save()

    def _apply_options(self, fleet_camera: FleetCamera) -> None:
        """Give a camera what is chosen for its streams, its sources of events, and the relay outputs that clients may switch."""
        self._apply_relay_options(fleet_camera)
        sources = self._options.event_sources.get(fleet_camera.token, {})
        former = fleet_camera.camera.event_kinds
        fleet_camera.camera.assign_event_kinds(kinds_of(sources))
        fleet_camera.event_sources.async_set(sources)
        ended = set(former) - set(fleet_camera.camera.event_kinds)
        async_remove_kinds(self._hass, self.serial_number, fleet_camera.token, ended)
        relays = self._coordinator.driver.relays if self._options.clients_switch_relays else None
        fleet_camera.camera.set_relays(() if relays is None else self._coordinator.data.relay_outputs, relays)

    def _apply_relay_options(self, fleet_camera: FleetCamera) -> None:
        record = fleet_camera.record
        fleet_camera.camera.set_relay_options(
            RelayOptions(
                keep_seconds=self._options.keep_seconds, always_on=record.always_on, audio=record.audio, raw=record.raw
            )
        )

    @callback
    def _recorder_told(self, event: RecorderEvent) -> None:
        if (fleet_camera := self.cameras.get(event.channel)) is not None:
            fleet_camera.camera.report_from_recorder(event)

    @callback
    def _event_state_changed(self) -> None:
        """End what the recorder saw when it can't tell any more: it says it anew when it is back."""
        for fleet_camera in self.cameras.values():
            if not self._coordinator.hears_events:
                fleet_camera.camera.forget_events()
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
            self._apply_options(fleet_camera)
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
            if token not in self.cameras and token not in self._options.excluded
        ]
        self.cameras |= {fleet_camera.token: fleet_camera for fleet_camera in added}
        return added

    def _make_camera(self, recorder: Recorder, channel: Channel) -> FleetCamera:
        record = self._store.camera(self.serial_number, channel.token, self.placement.addressing)
        self._remember(record, channel)
        if record.identities[self.placement.addressing].mac in taken_macs(
            self._hass, self._store, but=self.serial_number
        ):
            self._store.change_identity(self.serial_number, channel.token, self.placement.addressing, mac=None)
        identity = record.identities[self.placement.addressing]
        device = async_register_device(self._hass, self._entry, recorder, channel, record, identity)
        listeners = Listeners[[]]()
        activity_listeners = Listeners[[]]()
        event_listeners = Listeners[[EventKind, bool]]()
        login_listeners = Listeners[[LoginFailure]]()
        camera = VirtualCamera(
            name=device.name_by_user or device.name or channel.token,
            identity=identity,
            channel=channel,
            recorder=recorder.info,
            recorder_credentials=self._recorder_credentials,
            credentials=self._options.credentials,
            tokens=self._tokens,
            relays=self.relays,
            fetch_snapshot=self._async_fetch_snapshot,
            decode=self._decoder.decode,
            on_change=listeners.notify,
            settings=KeptSettings(
                discoverable=record.discoverable,
                scopes=record.scopes,
                media2=record.media2,
                event_kinds=record.event_kinds,
            ),
            controls_of=self._controls_of,
            host_discovery=None if self._host_search is None else self._host_search.discovery,
            on_settings=partial(self._settings_changed, record, listeners),
            on_activity=activity_listeners.notify,
            on_event=event_listeners.notify,
            on_login_failure=login_listeners.notify,
            own_networks=(lambda: self._own_networks) if self.placement.addressing is Addressing.DEDICATED else None,
        )
        camera.set_location(async_area_of(self._hass, device.id))
        camera.set_channel_gone(recorder.channel(channel.token) is None)
        listeners.add(partial(async_sync_issue, self._hass, camera))
        listeners.add(self._tell_foreign_clients)
        fleet_camera = FleetCamera(
            token=channel.token,
            device_id=device.id,
            record=record,
            camera=camera,
            event_sources=EventSources(self._hass, camera),
            listeners=listeners,
            activity_listeners=activity_listeners,
            event_listeners=event_listeners,
            login_listeners=login_listeners,
        )
        self._apply_options(fleet_camera)
        return fleet_camera

    @callback
    def _settings_changed(self, record: CameraRecord, listeners: Listeners[[]], settings: KeptSettings) -> None:
        """Keep what was set, by a client or here, and show it."""
        record.discoverable = settings.discoverable
        record.scopes = settings.scopes
        record.media2 = settings.media2
        record.event_kinds = settings.event_kinds
        self._store.async_save()
        listeners.notify()

    def _remember(self, record: CameraRecord, channel: Channel) -> None:
        if channel != record.channel:
            record.channel = channel
            self._store.async_save()

    @callback
    def _device_changed(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        """Rename or relocate a camera when its device was, end it when its device was deleted."""
        device_id = event.data["device_id"]
        fleet_camera = next((one for one in self.cameras.values() if one.device_id == device_id), None)
        if fleet_camera is None:
            return
        if event.data["action"] == "remove":
            del self.cameras[fleet_camera.token]
            fleet_camera.record.channel = None  # it comes back when a scan finds it again, as the same camera
            self._store.async_save()
            fleet_camera.event_sources.async_stop()
            self._entry.async_create_task(self._hass, fleet_camera.camera.close())
        elif (device := dr.async_get(self._hass).async_get(device_id)) is not None:
            fleet_camera.camera.rename(device.name_by_user or device.name or fleet_camera.token)
            fleet_camera.camera.set_location(async_area_of(self._hass, device_id))
        self._tell_foreign_clients()

    @callback
    def _area_changed(self, _event: Event[ar.EventAreaRegistryUpdatedData]) -> None:
        """Tell the new names of areas."""
        for fleet_camera in self.cameras.values():
            fleet_camera.camera.set_location(async_area_of(self._hass, fleet_camera.device_id))

    @callback
    def _tell_foreign_clients(self) -> None:
        async_tell_foreign_clients(self._hass, self._entry, [one.camera for one in self.cameras.values()])

    def _controls_of(self, channel: Channel) -> Controls:
        driver = self._coordinator.driver
        return Controls(ptz=driver.ptz(channel), imaging=driver.imaging(channel))

    async def _async_fetch_snapshot(self, channel: Channel) -> Snapshot:
        try:
            return await self._coordinator.driver.snapshot(channel)
        except RecorderError as error:
            raise SnapshotUnavailable(str(error)) from error

    async def _async_run(self, _hass: HomeAssistant) -> None:
        """Run the cameras that are switched on."""
        self._started = True
        if self._host_search is not None:
            await self._host_search.async_use(self._entry.entry_id)
        if not self._started:
            return  # stopped meanwhile
        await self._async_watch_and_provide()
        await asyncio.gather(*(self._async_run_camera(fleet_camera) for fleet_camera in self.cameras.values()))

    async def _async_watch_and_provide(self) -> None:
        """Follow the interfaces of the host, and have those of the cameras made."""
        try:
            await self._watch.start()
        except KernelRefused as error:
            LOGGER.warning("%s; trying again in %s s", error, RETRY_SECONDS)
            self._retry_later()
        await self._async_provide()

    async def _async_watch_and_provide_and_place(self) -> None:
        await self._async_watch_and_provide()
        await self._async_place_all()

    async def _async_provide(self) -> None:
        """Have the interfaces of all cameras made; try again later where that fails."""
        try:
            await self.placement.async_provide(self.cameras.values())
        except InterfaceError as error:
            if async_tell_not_made(self._hass, self._entry, await async_reason(self._hass, error)):
                LOGGER.error("The interfaces for %s could not be made: %s", self._entry.title, error)
            self._retry_later()
        else:
            async_tell_not_made(self._hass, self._entry, None)
            if self._wish is not None and self.placement.made_elsewhere:
                self._retry_later()  # the service may be gone by then

    async def _async_provide_and_run(self, fleet_camera: FleetCamera) -> None:
        await self._async_provide()
        await self._async_run_camera(fleet_camera)

    async def _async_run_camera(self, fleet_camera: FleetCamera) -> None:
        await self._async_place(fleet_camera)
        # The fleet may have been stopped meanwhile.
        await fleet_camera.camera.set_enabled(fleet_camera.record.running and self._started)

    def _used_interfaces(self) -> dict[str, str]:
        """Return the names of the cameras that are switched on, by the MAC of their interface."""
        running = (one for one in self.cameras.values() if one.record.running)
        return {one.identity.mac: one.camera.name for one in running if one.identity.mac is not None}

    @callback
    def _interfaces_changed(self, interfaces: Mapping[str, Interface]) -> None:
        self._own_networks = networks_of_host(interfaces.values())
        self.interface_listeners.notify()
        if self._started:
            self._follow.async_soon()

    async def _async_follow(self) -> None:
        """Do what follows from the interfaces that there are now."""
        work = [self._async_place_all()]
        if self._host_search is not None:
            work.append(self._host_search.async_set_interfaces(list(self._watch.interfaces.values())))
        await asyncio.gather(*work)

    async def _async_place_all(self) -> None:
        await asyncio.gather(*(self._async_place(fleet_camera) for fleet_camera in self.cameras.values()))

    async def _async_place(self, fleet_camera: FleetCamera) -> None:
        """Give a camera the endpoint that the interfaces offer now."""
        if not self._started:
            return
        endpoint, trouble = self.placement.endpoint(fleet_camera)
        await fleet_camera.camera.set_endpoint(endpoint, trouble)
        if trouble is not None:
            self._retry_later()

    async def async_select_interface(self, fleet_camera: FleetCamera, name: str) -> bool:
        """Move a camera to a free interface; False when another camera was quicker, or the interface is gone."""
        if not self.placement.select_interface(fleet_camera, name):
            return False
        await self._async_place(fleet_camera)
        self.interface_listeners.notify()  # what is free is another choice for all cameras
        return True

    def _retry_later(self) -> None:
        """Try everything again in a while that may have failed, unless the fleet is stopped before."""
        if self._started:
            self._retry.async_later(RETRY_SECONDS)
