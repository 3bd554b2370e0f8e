"""Keeps the kernel what the inventory says, and gives up on no interface because of another."""

import asyncio
from collections.abc import Callable, Collection, Mapping
import contextlib
from ipaddress import IPv4Interface
import logging
from pathlib import Path
from types import MappingProxyType
from typing import Self

from .apply import do_steps
from .entry import Entry
from .errors import Fault, InterfaceError, KernelRefused, NotPermitted, RequestRefused
from .events import ADDRESSES, LINKS, ROUTES, RULES, KernelEvents
from .inventory import Inventory
from .kept import KeptInterface
from .kernel import read_snapshot
from .leases import LeaseFile
from .lock import KeeperLock
from .patience import Patience
from .plan import (
    InterfaceSpec,
    existing_specs,
    link_of,
    marked_links,
    plan_cleanup,
    plan_interface,
    plan_leftover_rules,
    plan_removal,
    rules_for,
)
from .privilege import read_privilege
from .release import release_leases
from .state import Rule, Snapshot
from .steps import AddAddress, SetExpiry, Step

_LOGGER = logging.getLogger(__name__)

_GROUPS = LINKS | ADDRESSES | ROUTES | RULES
_UNDONE = "Something else on this host undoes again and again what is set up for it."


class InterfaceKeeper:
    """Makes the interfaces of an inventory, and repairs them as long as it runs; they outlive it.

    The kernel's events only wake it, then everything is read anew: an event that was lost costs nothing.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        lease_file: Path | None = None,
        on_change: Callable[[], None] | None = None,
        debounce: float = 0.2,
        recheck_every: float = 60.0,
        receive_buffer: int | None = None,
    ) -> None:
        """Prepare a keeper.

        Args:
            inventory: What interfaces there should be.
            lease_file: Where leases are remembered; None remembers none.
            on_change: Called in the loop whenever one of `interfaces` is another.
            debounce: Seconds from the first event of a burst to the repair.
            recheck_every: Seconds after which all is looked at without an event: the kernel tells nothing of settings.
            receive_buffer: Bytes of events that the kernel keeps; None for the system's default.
        """
        self._inventory = inventory
        self._on_change = on_change
        self._debounce = debounce
        self._recheck_every = recheck_every
        self._receive_buffer = receive_buffer
        self._leases = LeaseFile(lease_file)
        self._raw = False
        self._entries: dict[int, Entry] = {}
        self._others: dict[int, Entry] = {}
        self._interfaces: Mapping[int, KeptInterface] = MappingProxyType({})
        self._lock: KeeperLock | None = None
        self._events: KernelEvents | None = None
        self._woken = asyncio.Event()
        self._passing = asyncio.Lock()
        self._patience = Patience()
        self._task: asyncio.Task[None] | None = None

    @property
    def inventory(self) -> Inventory:
        """What interfaces there should be."""
        return self._inventory

    @property
    def interfaces(self) -> Mapping[int, KeptInterface]:
        """The interfaces of the inventory by number, as last seen; none before the start."""
        return self._interfaces

    async def start(self) -> None:
        """Make what is missing, and keep it; a second call does nothing. What fails is the state of its interface.

        Raises:
            NotPermitted: This process lacks CAP_NET_ADMIN.
            KeptElsewhere: Another keeper runs on this host.
            KernelRefused: The kernel lets this process see no interfaces.
        """
        if self._lock is not None:
            return
        privilege = await asyncio.to_thread(read_privilege)
        if not privilege.net_admin:
            raise NotPermitted(Fault.NOT_PERMITTED)
        self._raw = privilege.net_raw
        self._lock = KeeperLock()
        try:
            await self._leases.load()
            # Subscribed before the first reading: a change in between wakes it.
            self._events = events = KernelEvents(_GROUPS, self._woken.set, receive_buffer=self._receive_buffer)
            events.start()
            async with self._passing:
                await self._enter()
                await self._pass()
        except BaseException:
            await self.stop()
            raise
        if self._events is not events:  # stopped meanwhile
            return
        self._task = asyncio.create_task(self._keep(), name="onvif_proxy interface keeper")

    async def stop(self) -> None:
        """Keep them no longer, but let them be; a second call does nothing."""
        if self._events is not None:
            self._events.stop()
            self._events = None
        async with self._passing:  # what is being made is made whole
            if (task := self._task) is not None:
                self._task = None
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            for entry in self._entries.values():
                await entry.close()
            self._entries = {}
            await self._leases.written()
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop."""
        await self.stop()

    async def replace(self, inventory: Inventory) -> None:
        """Take another inventory: make what is new, and remove what is no longer in it.

        Raises:
            InterfaceError: Not all that is new could be made; the former inventory counts, and none of it is there.
        """
        async with self._passing:
            if self._lock is None:
                self._inventory = inventory
                return
            try:
                await self._exchange(self._inventory, inventory)
            except InterfaceError:
                await self._pass_or_retry()
                raise
            self._inventory = inventory
            await self._enter()
            await self._pass_or_retry()

    async def repair(self) -> None:
        """Look at everything and repair what can be now, also what is left alone for a while; before the start, do nothing.

        Raises:
            KernelRefused: The kernel does not answer. What it refuses to an interface is the state of that.
        """
        async with self._passing:
            if self._lock is None:
                return
            for entry in (*self._entries.values(), *self._others.values()):
                entry.patience = Patience()
            await self._pass()

    async def _exchange(self, former: Inventory, inventory: Inventory) -> None:
        """Remove interfaces that are no longer asked for, then make the new ones: all, or none of these."""
        kept = {spec.id for spec in inventory.specs if _is_same(spec, former.spec(spec.id))}
        snapshot = await read_snapshot()
        for spec in inventory.specs:
            if spec.id not in kept:
                _check_not_of_others(spec, former, snapshot)
        removed = {spec.id for spec in former.specs} - kept
        await self._release(removed, inventory)
        await do_steps(plan_removal(removed, snapshot))
        snapshot = await read_snapshot()
        steps: list[Step] = []
        for spec in inventory.specs:
            if spec.id not in kept:
                steps += plan_interface(spec, snapshot, ())
        # The steps for a common parent are in the plan of each.
        await do_steps(list(dict.fromkeys(steps)))

    async def _release(self, removed: Collection[int], inventory: Inventory) -> None:
        """Give back the leases of interfaces that go; one that is only made anew asks for its own again."""
        leased = {(spec.mac, spec.parent) for spec in inventory.specs if spec.dhcp}
        going = (entry for number, entry in self._entries.items() if number in removed)
        await asyncio.gather(*(entry.release() for entry in going if (entry.spec.mac, entry.spec.parent) not in leased))

    async def _enter(self) -> None:
        """Look after the interfaces of the inventory; what is remembered of those that stay is kept."""
        former, self._entries = self._entries, {}
        for spec in self._inventory.specs:
            entry = former.get(spec.id)
            if entry is None or not _is_same(spec, entry.spec) or spec.dhcp != entry.spec.dhcp:
                entry = Entry(spec, self._leases, self._woken.set, raw=self._raw)
            else:
                del former[spec.id]
            entry.spec = spec
            self._entries[spec.id] = entry
        for entry in former.values():
            await entry.close()
        self._leases.retain({spec.mac for spec in self._inventory.specs if spec.dhcp})

    async def _keep(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_to_next()):
                    await self._woken.wait()
                await asyncio.sleep(self._debounce)
            self._woken.clear()
            async with self._passing:
                await self._pass_or_retry()

    def _seconds_to_next(self) -> float:
        now = asyncio.get_running_loop().time()
        entries = (*self._entries.values(), *self._others.values())
        waits = [self._patience.seconds(now), *(entry.patience.seconds(now) for entry in entries)]
        return min([self._recheck_every, *(wait for wait in waits if wait > 0)])

    async def _pass_or_retry(self) -> None:
        try:
            await self._pass()
        except KernelRefused as error:
            _LOGGER.warning("%s Tried again soon.", error)
            self._patience.failed(asyncio.get_running_loop().time())
        except Exception:  # a mistake here must not end the repairs of everything else for good
            _LOGGER.exception("The interfaces could not be looked at")
            self._patience.failed(asyncio.get_running_loop().time())
        else:
            self._patience = Patience()

    async def _pass(self) -> None:
        """Look at everything once, and repair what can be."""
        snapshot = await read_snapshot()
        others = {spec.id: spec for spec in existing_specs(snapshot) if spec.id not in self._entries}
        self._others = {
            number: self._others.get(number) or Entry(spec, self._leases, self._woken.set, raw=self._raw)
            for number, spec in others.items()
        }
        raised_parents: set[str] = set()
        repaired = False
        for entry in self._entries.values():
            await entry.settle(snapshot)
            repaired |= await self._repair(entry, snapshot, entry.addresses, raised_parents)
        for number, entry in self._others.items():
            entry.spec = others[number]
            repaired |= await self._repair(entry, snapshot, None, raised_parents)
        if repaired:
            snapshot = await read_snapshot()
            for entry in self._entries.values():
                await entry.settle(snapshot)
        if leftover := plan_leftover_rules(self._wanted_rules(snapshot), snapshot):
            await do_steps(leftover)
        for entry in self._entries.values():
            await entry.serve(snapshot)
        self._tell({number: entry.kept(snapshot) for number, entry in self._entries.items()})

    async def _repair(
        self,
        entry: Entry,
        snapshot: Snapshot,
        addresses: tuple[IPv4Interface, ...] | None,
        raised_parents: set[str],
    ) -> bool:
        """Bring one interface to what it should be; return whether the kernel's state may be another now."""
        spec = entry.planned
        parent = snapshot.link(spec.parent)
        # On a parent that is off nothing can be switched on.
        if parent is None or not parent.enabled:
            entry.reason = None
            return False
        try:
            steps = plan_interface(spec, snapshot, addresses, expires=entry.expires, raised_parents=raised_parents)
        except RequestRefused as error:
            entry.fail(str(error))
            return False
        if not steps:
            entry.reason = None
            return False
        now = asyncio.get_running_loop().time()
        if entry.patience.seconds(now):
            return False
        try:
            await do_steps(steps)
        except KernelRefused as error:
            entry.patience.failed(now)
            entry.fail(str(error))
            return True
        raised_parents.add(spec.parent)
        _LOGGER.debug("%s: %s", spec.name, "; ".join(step.command for step in steps))
        if all(isinstance(step, SetExpiry) for step in steps):  # a lease was renewed; nobody has undone anything
            entry.reason = None
        elif entry.patience.repaired(now):
            entry.fail(_UNDONE)
        else:
            entry.reason = None
        if any(isinstance(step, AddAddress) for step in steps):
            entry.address_was_set()
        return True

    def _wanted_rules(self, snapshot: Snapshot) -> set[Rule]:
        """Return the rules for the addresses that our interfaces have."""
        return {
            rule for number, link in marked_links(snapshot).items() for rule in rules_for(number, link.ip_interfaces)
        }

    def _tell(self, interfaces: Mapping[int, KeptInterface]) -> None:
        if interfaces == self._interfaces:
            return
        self._interfaces = MappingProxyType(dict(interfaces))
        if self._on_change is None:
            return
        try:
            self._on_change()
        except Exception:
            _LOGGER.exception("A change of interfaces could not be handled")


async def remove_interfaces(lease_file: Path | None = None) -> None:
    """Remove all interfaces, routes and rules of ours, and give the parents their former settings back.

    Args:
        lease_file: What a keeper remembers; leases in it are given back before.

    Raises:
        KeptElsewhere: A keeper runs on this host, and would make them again.
        KernelRefused: The kernel did not do it.
    """
    with KeeperLock():
        snapshot = await read_snapshot()
        if lease_file is not None:
            await release_leases(marked_links(snapshot).values(), lease_file)
        await do_steps(plan_cleanup(snapshot))


def _is_same(spec: InterfaceSpec, other: InterfaceSpec | None) -> bool:
    """Return whether one interface can go from one specification to the other without being made anew."""
    return other is not None and (spec.name, spec.mac, spec.parent) == (other.name, other.mac, other.parent)


def _check_not_of_others(spec: InterfaceSpec, former: Inventory, snapshot: Snapshot) -> None:
    """Refuse to take what an interface of ours has that is in no inventory."""
    for number, link in marked_links(snapshot).items():
        if former.spec(number) is not None or link_of(spec, snapshot) is link:
            continue
        if number == spec.id or link.name == spec.name or link.mac == spec.mac:
            raise RequestRefused(Fault.NUMBER_TAKEN, other=link.name, number=number, mac=link.mac)
