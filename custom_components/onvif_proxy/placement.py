"""Where the cameras of an entry are: which interface, address and ports each gets. No two cameras get the same."""

from collections.abc import Iterable
from datetime import datetime
import ipaddress
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .camera_status import Trouble
from .const import CONF_ADDRESS, CONF_ADDRESSING, DOMAIN, Addressing
from .fleet_camera import FleetCamera
from .interface_manager import InterfaceManager, Wish, camera_key
from .interfaces import Interface, InterfaceWatch
from .model import Endpoint
from .ports import DEDICATED_ONVIF_PORTS, DEDICATED_RTSP_PORTS, SHARED_ONVIF_PORTS, SHARED_RTSP_PORTS, first_free_port
from .store import IdentityStore


class Placement:
    """Chooses once, keeps it in the store, and tells what of it is there now."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        store: IdentityStore,
        watch: InterfaceWatch,
        *,
        serial_number: str,
        manager: InterfaceManager | None,
        wish: Wish | None,
    ) -> None:
        """Place nothing yet; `wish` is for interfaces that `manager` makes, None takes those that somebody else made."""
        self.addressing = Addressing(entry.data[CONF_ADDRESSING])
        self.made_elsewhere = wish is None
        """Whether the cameras take interfaces that are free: made by the service on the host, now or for good."""
        self._hass = hass
        self._entry = entry
        self._store = store
        self._watch = watch
        self._serial_number = serial_number
        self._manager = manager
        self._wish = wish

    async def async_provide(self, fleet_cameras: Iterable[FleetCamera]) -> None:
        """Have the interfaces of cameras made, where that is wished, and give each its own; raises InterfaceError."""
        if self._manager is None or self._wish is None:
            return
        keys = {camera_key(self._serial_number, one.token): one for one in fleet_cameras}
        macs = await self._manager.async_provide(list(keys), self._wish)
        self.made_elsewhere = macs is None
        for key, mac in (macs or {}).items():
            if keys[key].identity.mac is None:
                self._assign(keys[key], mac)

    @callback
    def select_interface(self, fleet_camera: FleetCamera, name: str) -> bool:
        """Give a camera a free interface; False when another camera was quicker, or the interface is gone."""
        chosen = next((one for one in self.free_interfaces() if one.name == name), None)
        if chosen is None:
            return False
        self._assign(fleet_camera, chosen.mac)
        return True

    def free_interfaces(self) -> list[Interface]:
        """Return the macvlan interfaces that no camera has, of any recorder."""
        taken = taken_macs(self._hass, self._store)
        free = (one for one in self._watch.interfaces.values() if one.kind == "macvlan" and one.mac not in taken)
        return sorted(free, key=lambda one: (len(one.name), one.name))

    def interface_of(self, fleet_camera: FleetCamera) -> Interface | None:
        """Return the interface that a camera has in dedicated addressing, None while it is not there."""
        mac = fleet_camera.identity.mac
        return next((one for one in self._watch.interfaces.values() if one.mac == mac and one.kind == "macvlan"), None)

    def lease_expires(self, fleet_camera: FleetCamera) -> datetime | None:
        """Return when the lease of a camera's address ends; None for a fixed address, and without one."""
        interface = self.interface_of(fleet_camera)
        return None if interface is None or not interface.addresses else interface.addresses[0].expires

    @callback
    def endpoint(self, fleet_camera: FleetCamera) -> tuple[Endpoint | None, Trouble | None]:
        """Return the endpoint that the interfaces offer a camera now; without one, the trouble if waiting won't help.

        Chosen without a pause: two cameras must not choose the same interface or port.
        """
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
        if self.addressing is Addressing.SHARED:
            interfaces = self._watch.interfaces.values()
            return next((one for one in interfaces if self._address(one) is not None), None)
        if fleet_camera.identity.mac is None and self.made_elsewhere and (free := self.free_interfaces()):
            self._assign(fleet_camera, free[0].mac)
        return self.interface_of(fleet_camera)

    @callback
    def _assign(self, fleet_camera: FleetCamera, mac: str) -> None:
        """Give a camera its interface; no other camera gets it from now on."""
        self._change_identity(fleet_camera, mac=mac)
        dr.async_get(self._hass).async_update_device(
            fleet_camera.device_id, new_connections={(dr.CONNECTION_NETWORK_MAC, mac)}
        )

    def _address(self, interface: Interface) -> tuple[str, int] | None:
        """Return the address for cameras on an interface, with the length of its prefix."""
        if self.addressing is Addressing.DEDICATED:
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
        if self.addressing is Addressing.DEDICATED:
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
            self._serial_number, fleet_camera.token, self.addressing, **changes
        )


def taken_macs(hass: HomeAssistant, store: IdentityStore, but: str | None = None) -> set[str | None]:
    """Return the MACs of the interfaces that cameras have, except those of one recorder.

    A recorder that was removed holds none: its cameras get free ones when it is added again.
    """
    configured = {entry.unique_id or "" for entry in hass.config_entries.async_entries(DOMAIN)} - {but or ""}
    return {identity.mac for identity in store.identities(Addressing.DEDICATED, configured)}
