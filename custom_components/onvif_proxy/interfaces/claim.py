"""A camera's claim to its address: made when nobody else has it, repeated while it is used, given up in a conflict."""

import asyncio
from collections.abc import Callable
import contextlib
from ipaddress import IPv4Interface
import logging
import random

from .arp import ArpPort

_LOGGER = logging.getLogger(__name__)

_RETRY_OF_ERROR = 1.0


class AddressClaim:
    """Finds out whether an interface may use an address (RFC 5227), and goes on looking while it does."""

    def __init__(
        self,
        interface: str,
        mac: str,
        address: IPv4Interface,
        on_change: Callable[[], None],
        *,
        in_use: bool = False,
        repeat_every: float = 60.0,
        retry_after: float = 30.0,
    ) -> None:
        """Begin to look.

        Args:
            interface: Its name.
            mac: Its MAC.
            address: The address.
            on_change: Called in the loop when `is_free` or `holder` is another.
            in_use: Whether the interface has the address already; it may go on then until a conflict shows.
            repeat_every: Seconds between announcements: switches forget a silent camera after 300.
            retry_after: Seconds from a conflict to the next question.
        """
        self.address = address
        self.is_free = in_use
        """Whether the interface may use it."""
        self.holder: str | None = None
        """The MAC of another device that has it."""
        self._interface = interface
        self._mac = mac
        self._on_change = on_change
        self._repeat_every = repeat_every
        self._retry_after = retry_after
        self._poked = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"onvif_proxy address of {interface}")

    def repeat(self) -> None:
        """Look and announce again now: the address was just set, or the cable was unplugged."""
        self._poked.set()

    async def stop(self) -> None:
        """Claim it no longer."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except OSError as error:  # the interface is down or gone, which the keeper sees by itself
                _LOGGER.debug("%s: %s", self._interface, error)
                await self._pause(_RETRY_OF_ERROR)
            else:
                # Not all cameras at the same moment.
                await self._pause(self._repeat_every * random.uniform(0.8, 1) if self.is_free else self._retry_after)

    async def _look(self) -> None:
        address, in_use = self.address.ip, self.is_free
        holder = None
        async with ArpPort(self._interface, self._mac) as port:
            # One question where all is well; before the first use and in doubt, more.
            if not in_use or await port.find_holder(address, in_use=True, probes=1) is not None:
                holder = await port.find_holder(address, in_use=in_use)
            if in_use and holder is None:
                port.announce(address)
        if (self.is_free, self.holder) != (holder is None, holder):
            if holder is not None:
                _LOGGER.warning("%s: %s has the address %s already", self._interface, holder, address)
            self.is_free, self.holder = holder is None, holder
            self._on_change()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._poked.wait()
        self._poked.clear()
