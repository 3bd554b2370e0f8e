"""The camera's network, as its endpoint is (ONVIF Core, device service: network)."""

import re
from typing import Final
import unicodedata

from ..xmltree import Element, node
from .base import Context

INTERFACE_TOKEN: Final = "NetworkInterface_1"
_MAX_LABEL_LENGTH = 63


def get_hostname(context: Context, _request: Element) -> Element:
    """Tell the camera's name as a host name label (RFC 1123)."""
    ascii_name = unicodedata.normalize("NFKD", context.description.name).encode("ascii", "ignore").decode().lower()
    label = re.sub("[^a-z0-9]+", "-", ascii_name).strip("-")[:_MAX_LABEL_LENGTH].rstrip("-")
    return node(
        "tds:GetHostnameResponse",
        node(
            "tds:HostnameInformation",
            node("tt:FromDHCP", False),
            node("tt:Name", label or f"camera-{context.description.identity.uuid[:8]}"),
        ),
    )


def get_dns(_context: Context, _request: Element) -> Element:
    """Tell that the camera has no name servers: it looks nothing up."""
    return node("tds:GetDNSResponse", node("tds:DNSInformation", node("tt:FromDHCP", False)))


def get_ntp(_context: Context, _request: Element) -> Element:
    """Tell that the camera has no time servers of its own: the host keeps the clock."""
    return node("tds:GetNTPResponse", node("tds:NTPInformation", node("tt:FromDHCP", False)))


def get_network_interfaces(context: Context, _request: Element) -> Element:
    """Tell the one interface; its hardware address is what UniFi Protect and Home Assistant know the camera by."""
    endpoint = context.description.endpoint
    address = node("tt:Manual", node("tt:Address", endpoint.address), node("tt:PrefixLength", endpoint.prefix_length))
    return node(
        "tds:GetNetworkInterfacesResponse",
        node(
            "tds:NetworkInterfaces",
            {"token": INTERFACE_TOKEN},
            node("tt:Enabled", True),
            node("tt:Info", node("tt:Name", endpoint.interface), node("tt:HwAddress", endpoint.mac)),
            node("tt:IPv4", node("tt:Enabled", True), node("tt:Config", address, node("tt:DHCP", False))),
        ),
    )


def get_network_protocols(context: Context, _request: Element) -> Element:
    """Tell the ports."""
    ports = {"HTTP": context.onvif_port, "RTSP": context.description.endpoint.rtsp_port}
    return node(
        "tds:GetNetworkProtocolsResponse",
        *(
            node("tds:NetworkProtocols", node("tt:Name", name), node("tt:Enabled", True), node("tt:Port", port))
            for name, port in ports.items()
        ),
    )


def get_network_default_gateway(_context: Context, _request: Element) -> Element:
    """Tell that none is configured here: how the host finds its way is its own business."""
    return node("tds:GetNetworkDefaultGatewayResponse", node("tds:NetworkGateway"))
