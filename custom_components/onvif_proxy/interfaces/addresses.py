"""Which addresses a camera can have."""

from ipaddress import IPv4Interface

LONGEST_PREFIX = 30
"""Of a network that has room for a camera and somebody who looks at it."""


def unusable(address: IPv4Interface) -> str | None:
    """Return why no camera can have an address, the end of a sentence; None when it can."""
    ip, network = address.ip, address.network
    if ip.is_unspecified or ip.is_loopback or ip.is_multicast or ip.is_reserved:
        return f"{ip} is no address of a device on a LAN"
    if network.prefixlen > LONGEST_PREFIX:
        return f"{address} leaves no room for other devices; give the LAN's own prefix"
    if ip in {network.network_address, network.broadcast_address}:
        return f"{ip} is the network's own or its broadcast address"
    return None
