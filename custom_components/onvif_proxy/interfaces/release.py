"""Giving leases back before their interfaces are removed (RFC 2131, 4.4.6); one that is not ends by itself."""

import asyncio
from collections.abc import Iterable
import logging
from pathlib import Path
import random
import struct

from pyroute2.dhcp.dhcp4msg import dhcp4msg  # type: ignore[import-untyped]  # pyroute2 ships no types
from pyroute2.dhcp.enums import bootp, dhcp  # type: ignore[import-untyped]  # as above
from pyroute2.dhcp.messages import SentDHCPMessage  # type: ignore[import-untyped]  # as above

from .dhcp_socket import DhcpSocket
from .leases import Lease, LeaseFile
from .state import Link

_LOGGER = logging.getLogger(__name__)

_ETHERNET = 1  # htype, as the client identifies itself to pyroute2's client's requests


async def release_lease(interface: str, mac: str, lease: Lease, *, within: float = 1.0) -> None:
    """Tell the server that a lease is over, once, from the interface that has it; what prevents that is only logged.

    Args:
        interface: Its name.
        mac: Its MAC.
        lease: The lease.
        within: Seconds to be done in.
    """
    message = dhcp4msg(
        {
            "op": bootp.MessageType.BOOTREQUEST,
            "flags": bootp.Flag.UNICAST,
            "xid": random.getrandbits(32),
            "ciaddr": str(lease.address.ip),
            "options": {
                "message_type": dhcp.MessageType.RELEASE,
                "server_id": str(lease.server),
                "client_id": {"type": _ETHERNET, "key": mac},
            },
        }
    )
    to_server = SentDHCPMessage(
        dhcp=message, eth_dst=lease.server_mac, ip_dst=str(lease.server), ip_src=str(lease.address.ip)
    )
    try:
        async with asyncio.timeout(within), DhcpSocket(interface, mac) as opened:
            await opened.put(to_server)
            if opened.failed.done():
                _LOGGER.debug("%s: its lease is not given back: %s", interface, opened.failed.result())
    except (OSError, ValueError, struct.error) as error:  # the latter for a MAC that is none, of a file
        _LOGGER.debug("%s: its lease is not given back: %s", interface, error)


async def release_leases(links: Iterable[Link], lease_file: Path) -> None:
    """Give back the leases that a file remembers of interfaces and that these have still; the file is not changed.

    Who keeps the interfaces forgets leases of what is in no inventory.
    """
    leases = LeaseFile(lease_file)
    await leases.load()
    held = ((link, lease) for link in links if (lease := leases.get(link.mac)) is not None)
    await asyncio.gather(
        *(
            release_lease(link.name, link.mac, lease)
            for link, lease in held
            if lease.is_valid and lease.address in link.ip_interfaces
        )
    )
