"""What a developer needs to see of an entry or a device, with nothing in it that lets anybody in.

Redacted twice: by the names of the fields, and then wherever a secret stands in a text that the recorder wrote.
"""

from collections.abc import Mapping
from dataclasses import asdict
import re
from typing import Any
from urllib.parse import quote, urlsplit

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import DeviceEntry

from .const import CONF_ADDRESS, CONF_CAMERA_PASSWORD, CONF_CAMERA_USERNAME, DOMAIN
from .coordinator import RecorderCoordinator
from .data import OnvifProxyConfigEntry
from .fleet_camera import FleetCamera, camera_identifier
from .logins import LoginFailure
from .model import Channel, Endpoint, Recorder
from .nvr.addresses import PARAMETER
from .relay.statistics import CameraStatistics
from .relay_process import RelayState

MIN_SECRET_LENGTH = 4
"""Characters. What is shorter stands in texts by chance, and is redacted by its field only."""

_SECRET_FIELDS = {
    CONF_ADDRESS,
    CONF_CAMERA_PASSWORD,
    CONF_CAMERA_USERNAME,
    CONF_HOST,
    CONF_PASSWORD,
    CONF_USERNAME,
    "mac",
    "serial_number",
}
# A MAC, and every longer run of digits of such kind: UUIDs, hashes, session keys.
_HEX_RUN = r"(?i:(?:[0-9a-f]{2}[:-]?){6,})"
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_URI = re.compile(r"\w+://\S+")
_TELLING_PARAMETERS = {"channel", "profile", "proto", "stream", "subtype", "transportmode", "unicast"}


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: OnvifProxyConfigEntry) -> dict[str, Any]:
    """Return everything of a recorder and its cameras."""
    data = entry.runtime_data
    return _scrub(
        {
            "entry": _entry(entry),
            "coordinator": _coordinator(data.coordinator),
            "recorder": _recorder(data.coordinator.data),
            "relay": _relay(data.fleet.relays.state),
            "cameras": [await _camera(one, data.coordinator.data) for one in data.fleet.cameras.values()],
        },
        _secrets(entry),
    )


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: OnvifProxyConfigEntry, device: DeviceEntry
) -> dict[str, Any]:
    """Return the recorder for its device; for a camera's, its channel and the camera, None where there is none now."""
    coordinator, cameras = entry.runtime_data.coordinator, entry.runtime_data.fleet.cameras
    recorder, serial_number = coordinator.data, coordinator.serial_number
    found: dict[str, Any] = {"entry": _entry(entry), "coordinator": _coordinator(coordinator)}
    if (DOMAIN, serial_number) in device.identifiers:
        found["recorder"] = _recorder(recorder)
    else:
        channels = [
            one for one in recorder.channels if camera_identifier(serial_number, one.token) in device.identifiers
        ]
        those = [one for one in cameras.values() if one.device_id == device.id]
        found |= {
            "recorder": _recorder_info(recorder),
            "channel": _channel(channels[0]) if channels else None,
            "relay": _relay(entry.runtime_data.fleet.relays.state),
            "camera": await _camera(those[0], recorder) if those else None,
        }
    return _scrub(found, _secrets(entry))


def _entry(entry: OnvifProxyConfigEntry) -> dict[str, Any]:
    return {
        "version": f"{entry.version}.{entry.minor_version}",
        "data": async_redact_data(entry.data, _SECRET_FIELDS),
        "options": async_redact_data(entry.options, _SECRET_FIELDS),
    }


def _coordinator(coordinator: RecorderCoordinator) -> dict[str, Any]:
    return {
        "last_update_success": coordinator.last_update_success,
        "last_exception": _exception(coordinator.last_exception),
        "events": {
            "heard": coordinator.hears_events,
            "trouble": _exception(coordinator.event_trouble),
            "messages": asdict(coordinator.driver.event_counts),
            "of_unknown_channels": coordinator.unknown_channel_events,
        },
    }


def _exception(error: BaseException | None) -> dict[str, Any] | None:
    """Describe an exception and what caused it; the last one stays there after a scan that worked."""
    if error is None:
        return None
    return {
        "type": type(error).__name__,
        "text": _URI.sub(REDACTED, _IPV4.sub(REDACTED, str(error))),
        "cause": _exception(error.__cause__),
    }


def _recorder(recorder: Recorder) -> dict[str, Any]:
    return _recorder_info(recorder) | {
        "channels": [_channel(channel) for channel in recorder.channels],
        "relay_outputs": [asdict(output) for output in recorder.relay_outputs],
    }


def _recorder_info(recorder: Recorder) -> dict[str, Any]:
    return async_redact_data(asdict(recorder.info), _SECRET_FIELDS)


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "token": channel.token,
        "name": channel.name,
        "snapshot_uri": None if channel.snapshot_uri is None else uri_shape(channel.snapshot_uri),
        "streams": [asdict(stream) | {"uri": uri_shape(stream.uri)} for stream in channel.streams],
        "event_kinds": list(channel.event_kinds),
        "ptz": None if channel.ptz is None else asdict(channel.ptz),
        "has_imaging": channel.has_imaging,
    }


def _relay(state: RelayState) -> dict[str, Any]:
    return asdict(state) | {"since": None if state.since is None else state.since.isoformat()}


async def _camera(fleet_camera: FleetCamera, recorder: Recorder) -> dict[str, Any]:
    record, camera = fleet_camera.record, fleet_camera.camera
    return {
        "token": fleet_camera.token,
        "channel_is_there": recorder.channel(fleet_camera.token) is not None,
        "state": camera.status.state,
        "trouble": camera.status.trouble,
        "switches": {
            "running": record.running,
            "discovery": record.discoverable,
            "media2": record.media2,
            "always_on": record.always_on,
            "audio": record.audio,
            "raw": record.raw,
        },
        "identity": {
            "mac": None if fleet_camera.identity.mac is None else REDACTED,
            "onvif_port": fleet_camera.identity.onvif_port,
            "rtsp_port": fleet_camera.identity.rtsp_port,
        },
        "endpoint": None if camera.endpoint is None else _endpoint(camera.endpoint),
        "viewers": camera.viewers,
        "video": _video(await camera.relay_statistics()),
        "media2": camera.media2,
        "steered_by_clients": sorted(camera.can_steer),
        "events": {
            "seen": {kind.value: camera.sees(kind) for kind in camera.event_kinds},
            "assigned": sorted(camera.assigned_kinds),
            "subscriptions": camera.subscriptions,
        },
        "asks_for_login": camera.credentials is not None,
        "failed_logins": [_failed_login(failure) for failure in camera.logins.recent],
        "foreign_clients": [_masked(str(client)) for client in sorted(camera.foreign_clients)],
    }


def _video(statistics: CameraStatistics | None) -> dict[str, Any] | None:
    if statistics is None:
        return None
    return {
        "streams": [asdict(stream) | {"since": stream.since.isoformat()} for stream in statistics.streams],
        "viewers": [
            asdict(viewer) | {"address": _masked(viewer.address), "since": viewer.since.isoformat()}
            for viewer in statistics.viewers
        ],
    }


def _failed_login(failure: LoginFailure) -> dict[str, Any]:
    return asdict(failure) | {"source": _masked(failure.source), "at": failure.at.isoformat()}


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    return async_redact_data(asdict(endpoint), _SECRET_FIELDS) | {CONF_ADDRESS: _masked(endpoint.address)}


def _masked(address: str) -> str:
    """Keep the last part of an address: it tells the cameras, or the clients, of a network apart."""
    return f"{REDACTED}.{address.rpartition('.')[2]}"


def uri_shape(uri: str) -> str:
    """Return a URI without its host and user, and without the values of parameters that could tell a secret."""

    def keep_telling(parameter: re.Match[str]) -> str:
        name, value = parameter.groups()
        return f"{name}={value if name.lower() in _TELLING_PARAMETERS or not value else REDACTED}"

    parts = urlsplit(uri)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{REDACTED}{port}" + PARAMETER.sub(keep_telling, _IPV4.sub(REDACTED, target))


def _secrets(entry: OnvifProxyConfigEntry) -> re.Pattern[str]:
    """Match what must not stand in any text.

    The cameras' user is not among it: the recorder doesn't know it, and `onvif`, as it often is, stands in many paths.
    """
    exact = [entry.data[CONF_PASSWORD], entry.data[CONF_USERNAME], entry.options[CONF_CAMERA_PASSWORD]]
    exact += [quote(secret, safe="") for secret in exact]
    any_case = [entry.data[CONF_HOST], entry.runtime_data.coordinator.serial_number]
    return re.compile(
        "|".join(
            [
                # The longest first: one secret may begin with another.
                *(re.escape(one) for one in sorted(exact, key=len, reverse=True) if len(one) >= MIN_SECRET_LENGTH),
                *(f"(?i:{re.escape(one)})" for one in any_case if len(one) >= MIN_SECRET_LENGTH),
                _HEX_RUN,
            ]
        )
    )


def _scrub(tree: dict[str, Any], secrets: re.Pattern[str]) -> dict[str, Any]:
    """Replace every secret in every text of a tree, also in keys: the tokens of channels are among them."""

    def scrub(value: Any) -> Any:
        match value:
            case str():
                return secrets.sub(REDACTED, value)
            case Mapping():
                return {scrub(key): scrub(item) for key, item in value.items()}
            case list() | tuple():
                return [scrub(item) for item in value]
            case _:
                return value

    return {key: scrub(value) for key, value in tree.items()}
