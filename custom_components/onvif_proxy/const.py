"""Names that several modules share."""

from enum import StrEnum
import logging
from typing import Final

DOMAIN: Final = "onvif_proxy"
LOGGER = logging.getLogger(__package__)

CONF_ADDRESS: Final = "address"
CONF_ADDRESSES: Final = "addresses"
CONF_ADDRESSING: Final = "addressing"
CONF_CAMERA_PASSWORD: Final = "camera_password"
CONF_CAMERA_USERNAME: Final = "camera_username"
CONF_CHANNELS: Final = "channels"
CONF_CLIENTS_SWITCH_RELAYS: Final = "clients_switch_relays"
CONF_EVENT_SOURCES: Final = "event_sources"
CONF_EXCLUDED_CHANNELS: Final = "excluded_channels"
CONF_KEEP_SECONDS: Final = "keep_seconds"
CONF_ALLOW_NO_CARRIER: Final = "allow_no_carrier"
CONF_METHOD: Final = "method"
CONF_NO_AUTHENTICATION: Final = "no_authentication"
CONF_PARENT: Final = "parent"
CONF_REMOVE_INTERFACES: Final = "remove_interfaces"


class Addressing(StrEnum):
    """How the virtual cameras of an entry get their endpoints."""

    SHARED = "shared"
    """All on one address of the host, each on ports of its own."""
    DEDICATED = "dedicated"
    """Each on a macvlan interface with a MAC and an address of its own."""


class Method(StrEnum):
    """How interfaces that are made here get their addresses."""

    DHCP = "dhcp"
    STATIC = "static"
