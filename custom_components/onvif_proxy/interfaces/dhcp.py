"""A DHCP client (RFC 2131) for one interface: pyroute2's, made to outlive links that go down and servers that lie."""

import asyncio
from collections.abc import Callable
import contextlib
from ipaddress import IPv4Address, IPv4Interface
import logging
import re
import time
from typing import Any

from pyroute2.dhcp.client import AsyncDHCPClient, ClientConfig  # type: ignore[import-untyped]  # pyroute2 ships no types
from pyroute2.dhcp.dhcp4msg import dhcp4msg  # type: ignore[import-untyped]  # as above
from pyroute2.dhcp.enums import bootp, dhcp  # type: ignore[import-untyped]  # as above
from pyroute2.dhcp.hooks import Hook, Trigger  # type: ignore[import-untyped]  # as above
from pyroute2.dhcp.leases import Lease as WireLease  # type: ignore[import-untyped]  # as above
from pyroute2.dhcp.messages import SentDHCPMessage  # type: ignore[import-untyped]  # as above

from .addresses import unusable
from .dhcp_socket import DhcpSocket
from .leases import Lease
from .release import release_lease

_LOGGER = logging.getLogger(__name__)

VENDOR = "onvif_proxy"
"""What servers are told about the client (option 60)."""

_HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?")


class LeaseClient:
    """Gets a lease and keeps it: acquires, renews, rebinds, and begins anew when it has ended. Takes CAP_NET_RAW.

    It changes nothing on the host: the address is its owner's to set.
    """

    def __init__(
        self,
        interface: str,
        mac: str,
        on_lease: Callable[[Lease | None], None],
        *,
        remembered: Lease | None = None,
        answer_within: float = 10.0,
        retry_after: float = 2.0,
        longest_retry: float = 60.0,
        pause_after_decline: float = 10.0,
    ) -> None:
        """Prepare a client.

        Args:
            interface: Its name.
            mac: Its MAC.
            on_lease: Called in the loop with each lease, also a renewed one, and with None when there is none any more.
            remembered: The last lease, asked for first; used while it is valid when no server answers.
            answer_within: Seconds for that answer.
            retry_after: Seconds after a failure of the socket; doubled with each further one.
            longest_retry: Seconds, at most.
            pause_after_decline: Seconds to the next request (RFC 2131, 3.1.5).
        """
        self._interface = interface
        self._mac = mac
        self._on_lease = on_lease
        self._remembered = remembered
        self._answer_within = answer_within
        self._retry_after = retry_after
        self._longest_retry = longest_retry
        self._pause_after_decline = pause_after_decline
        self._lease: Lease | None = None
        self._client: _Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._restart = asyncio.Event()
        self._pause = 0.0
        self._expiry: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None

    @property
    def lease(self) -> Lease | None:
        """The lease in force."""
        return self._lease

    @property
    def seconds_left(self) -> float | None:
        """How long the lease is in force, None for ever; no setting of the clock changes it."""
        if self._expiry is None:
            return None
        return max(0.0, self._expiry.when() - asyncio.get_running_loop().time())

    def adopt(self) -> None:
        """Go on with the remembered lease without asking, when it is valid: the interface has its address still."""
        if self._lease is None and self._remembered is not None and self._remembered.is_valid:
            self._set(self._remembered)

    def start(self) -> None:
        """Ask for a lease; a second call does nothing."""
        if self._task is not None:
            return
        if self._lease is None and self._remembered is not None and self._remembered.is_valid:
            self._patience = asyncio.get_running_loop().call_later(self._answer_within, self._use_remembered)
        self._task = asyncio.create_task(self._run(), name=f"onvif_proxy lease of {self._interface}")

    async def stop(self) -> None:
        """Ask for nothing any more; the lease stays in force until it ends. A second call does nothing."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if (task := self._task) is not None:
            self._task = None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        """Stop, and forget the lease without telling the server: it is asked for again after a restart."""
        await self.stop()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    async def release(self) -> None:
        """Stop, and give the lease back: the interface is about to be removed."""
        await self.stop()
        if (lease := self._lease) is not None:
            await release_lease(self._interface, self._mac, lease)
        self._lose()

    def restart(self) -> None:
        """Have the lease confirmed: the interface was off, and may be on another network now (RFC 2131, 3.7)."""
        self._restart.set()

    async def decline(self) -> None:
        """Tell the server that somebody else has the address, and ask for another one after a while."""
        if (lease := self._lease) is None:
            return
        if self._client is not None:
            await self._client.decline(lease)
        self._pause = self._pause_after_decline
        self._lose()
        self._restart.set()

    async def _run(self) -> None:
        retry = self._retry_after
        while True:
            await asyncio.sleep(self._pause)
            self._pause = 0.0
            self._restart.clear()
            try:
                failure = await self._hold()
            except OSError as error:
                failure = str(error)
            if failure is None:
                retry = self._retry_after
                continue
            _LOGGER.debug("%s: DHCP failed: %s", self._interface, failure)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(retry):
                    await self._restart.wait()
            retry = min(retry * 2, self._longest_retry)

    async def _hold(self) -> str | None:
        """Run pyroute2's client until a restart is asked for; return why it failed before."""
        self._client = client = _Client(self._config(), self._mac)
        restart = asyncio.create_task(self._restart.wait())
        try:
            async with client:
                await client.bootstrap()
                return await client.failed_or(restart)
        finally:
            self._client = None
            restart.cancel()

    def _config(self) -> ClientConfig:
        acquired = {Trigger.BOUND, Trigger.RENEWED, Trigger.REBOUND}
        return ClientConfig(
            interface=self._interface,
            lease_type=_lease_class(self._lease or self._remembered),
            # The end of a lease is this class's own business: pyroute2's client forgets it with a restart.
            hooks=(Hook(func=self._acquired, triggers=acquired), Hook(func=self._refused, triggers={Trigger.UNBOUND})),
            release=False,
            handle_signals=False,
            vendor_id=VENDOR,
            # The host's own name would be taken from it in the LAN's DNS.
            host_name=self._interface if _HOST_NAME.fullmatch(self._interface) else None,
        )

    async def _acquired(self, lease: Any) -> None:
        try:
            one = _from_wire(lease)
        except (ValueError, LookupError) as error:
            _LOGGER.warning("%s: a DHCP server gave a lease that cannot be used: %s", self._interface, error)
            self._pause = self._pause_after_decline
            self._lose()
            self._restart.set()
            return
        self._set(one)

    async def _refused(self, lease: Any) -> None:
        """Be told by the server that the lease is not valid here (DHCPNAK)."""
        del lease
        self._lose()

    def _use_remembered(self) -> None:
        if self._lease is None and self._remembered is not None and self._remembered.is_valid:
            _LOGGER.debug("%s: no DHCP server answers; its last lease is still valid", self._interface)
            self._set(self._remembered)

    def _set(self, lease: Lease) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        left = lease.seconds_left(time.time())
        if left is not None:
            self._expiry = asyncio.get_running_loop().call_later(left, self._lose)
        self._lease = self._remembered = lease
        self._on_lease(lease)

    def _lose(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        self._remembered = None
        if self._lease is not None:
            self._lease = None
            self._on_lease(None)


class _Client(AsyncDHCPClient):  # type: ignore[misc]  # pyroute2 ships no types
    """pyroute2's client with a socket that survives what the LAN sends, and that says when it is of no use any more."""

    def __init__(self, config: ClientConfig, mac: str) -> None:
        super().__init__(config)
        self._sock = DhcpSocket(config.interface, mac)

    async def failed_or(self, other: asyncio.Task[Any]) -> str | None:
        """Wait until the client cannot go on, and return why; None when the other task ended before."""
        failed = self._sock.failed
        await asyncio.wait({failed, self._sender_task, self._receiver_task, other}, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            return str(failed.result())
        return None if other.done() else "it gave up"

    async def decline(self, lease: Lease) -> None:
        """Send a DHCPDECLINE (RFC 2131, 4.4.1), which pyroute2's client has no message for."""
        options = {
            "message_type": dhcp.MessageType.DECLINE,
            "requested_ip": str(lease.address.ip),
            "server_id": str(lease.server),
        }
        message = dhcp4msg({"op": bootp.MessageType.BOOTREQUEST, "flags": bootp.Flag.BROADCAST, "options": options})
        await self._send_message(SentDHCPMessage(dhcp=message))

    async def _process_msg(self, msg: Any) -> None:
        try:
            await super()._process_msg(msg)
        except (LookupError, ValueError, TypeError) as error:  # a message without its type, say
            _LOGGER.debug("%s: a DHCP message makes no sense: %r", self.config.interface, error)


def _lease_class(remembered: Lease | None) -> type:
    """Return a class of leases for pyroute2's client that loads the remembered one; it saves none, the hooks do."""

    class RememberedLease(WireLease):  # type: ignore[misc]  # pyroute2 ships no types
        def dump(self) -> None:
            pass

        @classmethod
        def load(cls, interface: str) -> Any:
            if remembered is None:
                return None
            options = {"subnet_mask": str(remembered.address.netmask), "server_id": str(remembered.server)}
            ack = {"yiaddr": str(remembered.address.ip), "options": options}
            return cls(ack=ack, interface=interface, server_mac=remembered.server_mac, obtained=remembered.obtained)

    return RememberedLease


def _from_wire(lease: Any) -> Lease:
    """Check what a server gave.

    Raises:
        ValueError: No camera can use it.
        LookupError: It lacks an option that is needed.
    """
    address = IPv4Interface(f"{lease.ip}/{lease.subnet_mask}")
    if (reason := unusable(address)) is not None:
        raise ValueError(reason)
    if lease.lease_time == 0:
        raise ValueError("it ends at once")
    try:
        routers = [IPv4Address(router) for router in lease.routers]
    except LookupError:
        routers = []
    return Lease(
        address=address,
        gateway=next((router for router in routers if router in address.network), None),
        server=IPv4Address(lease.server_id),
        server_mac=lease.server_mac,
        obtained=lease.obtained,
        # Negative: all ones is for ever (RFC 2131, 3.3), and pyroute2 reads the number with a sign.
        seconds=None if lease.lease_time < 0 else lease.lease_time,
    )
