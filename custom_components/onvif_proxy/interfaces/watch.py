"""The interfaces as they are now, and a call at every change; needs no privilege."""

import asyncio
from collections.abc import Callable, Mapping
import contextlib
import logging
from types import MappingProxyType
from typing import Self

from .errors import KernelRefused
from .events import ADDRESSES, LINKS, KernelEvents
from .kernel import read_interfaces
from .state import Interface, same_expiry

_LOGGER = logging.getLogger(__name__)


class InterfaceWatch:
    """Keeps the interfaces of this host by name, and tells each change.

    The kernel's events only wake it, then everything is read anew: an event that was lost therefore costs nothing.
    """

    def __init__(
        self,
        on_change: Callable[[Mapping[str, Interface]], None],
        *,
        debounce: float = 0.1,
        retry_after: float = 2.0,
        receive_buffer: int | None = None,
    ) -> None:
        """Prepare a watch.

        Args:
            on_change: Called in the loop with all interfaces by name: at start, and whenever one of them is another.
            debounce: Seconds from the first event of a burst to the reading.
            retry_after: Seconds until the next reading after one that failed.
            receive_buffer: Bytes of events that the kernel keeps; None for the system's default.
        """
        self._on_change = on_change
        self._debounce = debounce
        self._retry_after = retry_after
        self._receive_buffer = receive_buffer
        self._interfaces: Mapping[str, Interface] = MappingProxyType({})
        self._events: KernelEvents | None = None
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def interfaces(self) -> Mapping[str, Interface]:
        """The interfaces by name, as last read."""
        return self._interfaces

    async def start(self) -> None:
        """Read the interfaces, tell them, and watch from then on; a second call does nothing.

        Raises:
            KernelRefused: The kernel lets this process see no interfaces.
        """
        if self._events is not None:
            return
        # Subscribed before the first reading: a change in between wakes the watch, instead of being missed.
        groups = LINKS | ADDRESSES
        self._events = events = KernelEvents(groups, self._woken.set, receive_buffer=self._receive_buffer)
        try:
            first = await self._read()
        except BaseException:
            await self.stop()
            raise
        if self._events is not events:  # stopped meanwhile
            return
        events.start()
        self._tell(first)
        self._task = asyncio.create_task(self._watch(), name="onvif_proxy interface watch")

    async def stop(self) -> None:
        """Watch no longer; a second call does nothing."""
        if self._events is not None:
            self._events.stop()
            self._events = None
        if (task := self._task) is not None:
            self._task = None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop."""
        await self.stop()

    async def _read(self) -> dict[str, Interface]:
        return {interface.name: interface for interface in await read_interfaces()}

    async def _watch(self) -> None:
        while True:
            await self._woken.wait()
            await asyncio.sleep(self._debounce)
            self._woken.clear()
            try:
                interfaces = await self._read()
            except KernelRefused as error:
                _LOGGER.warning("%s; trying again in %s s", error, self._retry_after)
                await asyncio.sleep(self._retry_after)
                self._woken.set()
                continue
            if _differ(interfaces, self._interfaces):
                self._tell(interfaces)

    def _tell(self, interfaces: Mapping[str, Interface]) -> None:
        self._interfaces = MappingProxyType(dict(interfaces))
        try:
            self._on_change(self._interfaces)
        except Exception:
            _LOGGER.exception("A change of interfaces could not be handled")


def _differ(now: Mapping[str, Interface], before: Mapping[str, Interface]) -> bool:
    """Tell whether something changed: a renewed lease did, the seconds that went by didn't."""
    return now != before or not all(
        same_expiry(one.expires, other.expires)
        for name, interface in now.items()
        for one, other in zip(interface.addresses, before[name].addresses, strict=True)
    )
