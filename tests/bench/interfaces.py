"""The interfaces of cameras, in namespaces: how fast they are made, leased and repaired, and what keeping them costs."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from ipaddress import IPv4Interface
import itertools
import os
from pathlib import Path
import queue
import socket
import struct
import tempfile
import time

from custom_components.onvif_proxy.interfaces import InterfaceError, InterfaceSpec, Inventory, InventoryFile, KeptState
from custom_components.onvif_proxy.interfaces.apply import do_steps
from custom_components.onvif_proxy.interfaces.kernel import read_snapshot
from custom_components.onvif_proxy.interfaces.plan import plan_apply

from ..lan.bed import Lan, Sniffer, missing_privilege
from ..lan.dhcp_server import DhcpServer
from ..lan.test_keeper import rewire
from ..lan.test_keeper_program import Running
from .answering import measure_answering
from .figure import Figure, Unmeasured

USUAL = 32
MANY = 256

MAKE_SECONDS = 1
REPAIR_SECONDS = 2
LEASE_SECONDS = 3
CPU_PERCENT = 1
MEMORY_MIB = 70
GROWTH = 1.5
"""Of the cost of one interface from USUAL to MANY: less is noise, and what grows with their number is eight."""

IDLE_SECONDS = 65
"""One round of all that a keeper does by the clock: it looks at everything, and repeats its claims, once a minute."""
LOOKS = 6
_PATIENCE = 30.0
_ASKED_AT_ONCE = 16
_REST_SECONDS = 0.5
"""More than a keeper waits from an event to what it does about it."""
_MANY_ADDRESSES = IPv4Interface("10.77.4.0/22").network
_CLIENT = f"{_MANY_ADDRESSES[-2]}/{_MANY_ADDRESSES.prefixlen}"

type _Ask = Callable[[Sequence[InterfaceSpec], float], None]
"""Takes the cameras, and the time from which on patience counts."""


def measure() -> Iterator[Figure]:
    """Measure everything.

    Raises:
        Unmeasured: This process can make no namespaces, or something never came to be what it must.
    """
    if (reason := missing_privilege()) is not None:
        raise Unmeasured(f"No LAN can be made here: {reason}.")
    try:
        yield from _making()
        yield from _repairs()
        yield from _leases()
        yield from _keeping()
    except InterfaceError as error:
        raise Unmeasured(str(error)) from error


def _making() -> Iterator[Figure]:
    costs = {}
    for count in (USUAL, MANY):
        with Lan() as lan:
            specs = _specs(count)
            seconds, cost = lan.run_async("ha", partial(_make, specs))
            title = f"{count} interfaces from nothing"
            yield Figure(
                name=f"make_{count}_seconds",
                title=title,
                value=seconds,
                unit="s",
                limit=MAKE_SECONDS if count == USUAL else None,
            )
            steps = lan.run_async("ha", partial(_missing, specs))
            yield Figure(
                name=f"second_run_{count}_steps", title=f"{title}, second run", value=steps, unit="steps", limit=0
            )
            with _client(lan) as ask:
                ask(specs, time.monotonic())
            costs[count] = cost / count
    yield _growth("make", "CPU of making one interface", costs)


async def _make(specs: Sequence[InterfaceSpec]) -> tuple[float, float]:
    """Make interfaces, and return the seconds by the clock and of the CPU."""
    began, cpu_began = time.monotonic(), time.process_time()
    await do_steps(plan_apply(specs, await read_snapshot()))
    return time.monotonic() - began, time.process_time() - cpu_began


async def _missing(specs: Sequence[InterfaceSpec]) -> int:
    return len(plan_apply(specs, await read_snapshot()))


def _repairs() -> Iterator[Figure]:
    specs = _specs(USUAL)
    with Lan() as lan, _kept(lan, specs) as (running, _), _client(lan) as ask:
        _until(running, USUAL, KeptState.UP)
        ask(specs, time.monotonic())
        lan.ip("ha", "link", "set", "eth0", "down")
        _until(running, USUAL, KeptState.NO_CARRIER)
        began = time.monotonic()
        lan.ip("ha", "link", "set", "eth0", "up")
        yield Figure(
            name="repair_after_bounce_seconds",
            title=f"All {USUAL} whole and answering after the parent's bounce",
            value=_seconds_to_whole(lan, specs, ask, began),
            unit="s",
            limit=REPAIR_SECONDS,
        )
        lan.ip("ha", "link", "del", "eth0")
        _until(running, USUAL, KeptState.PARENT_GONE)
        began = time.monotonic()
        rewire(lan)
        yield Figure(
            name="repair_after_return_seconds",
            title=f"All {USUAL} whole and answering after the parent came back",
            value=_seconds_to_whole(lan, specs, ask, began),
            unit="s",
            limit=REPAIR_SECONDS,
        )


def _seconds_to_whole(lan: Lan, specs: Sequence[InterfaceSpec], ask: _Ask, began: float) -> float:
    ask(specs, began)
    while lan.run_async("ha", partial(_missing, specs)):
        if time.monotonic() - began > _PATIENCE:
            raise Unmeasured(f"The keeper did not repair everything in {_PATIENCE:g} s.")
        time.sleep(0.05)
    return time.monotonic() - began


def _leases() -> Iterator[Figure]:
    specs = [_spec(number, dhcp=True) for number in range(1, USUAL + 1)]
    with Lan() as lan:
        yield measure_answering(lan, specs)
    with Lan() as lan:
        yield from asyncio.run(_lease_and_idle(lan, specs))


async def _lease_and_idle(lan: Lan, specs: Sequence[InterfaceSpec]) -> list[Figure]:
    with DhcpServer(lan), _kept(lan, specs) as (running, began):
        await asyncio.to_thread(_until, running, USUAL, KeptState.UP)
        seconds = time.monotonic() - began
        idle_began, cpu_began = time.monotonic(), _cpu_seconds(running)
        await asyncio.sleep(IDLE_SECONDS)
        percent = 100 * (_cpu_seconds(running) - cpu_began) / (time.monotonic() - idle_began)
        return [
            Figure(
                name="lease_seconds",
                title=f"{USUAL} leases, from the keeper's start as a program",
                value=seconds,
                unit="s",
                limit=LEASE_SECONDS,
            ),
            Figure(
                name="keeper_cpu_percent",
                title=f"The keeper's CPU with {USUAL} leases, {IDLE_SECONDS} s idle",
                value=percent,
                unit="% of a core",
                limit=CPU_PERCENT,
            ),
            Figure(
                name="keeper_memory_mib",
                title=f"The keeper's memory with {USUAL} leases (RSS)",
                value=_memory_mib(running),
                unit="MiB",
                limit=MEMORY_MIB,
            ),
        ]


def _keeping() -> Iterator[Figure]:
    costs = {}
    for count in (USUAL, MANY):
        specs = _specs(count)
        with Lan() as lan, _kept(lan, specs) as (running, began):
            _until(running, count, KeptState.UP)
            yield Figure(
                name=f"keep_{count}_seconds",
                title=f"{count} fixed addresses, claimed, from the keeper's start",
                value=time.monotonic() - began,
                unit="s",
            )
            with _client(lan) as ask:
                ask(specs, time.monotonic())
            _until_idle(running)
            cpu_began = _cpu_seconds(running)
            for look in range(LOOKS):
                # An event of somebody else's makes it look at everything.
                lan.ip("ha", "addr", "add", f"198.51.100.{look}/32", "dev", "lo")
                _until_idle(running)
            cost = (_cpu_seconds(running) - cpu_began) / LOOKS
            costs[count] = cost / count
            yield Figure(
                name=f"look_{count}_milliseconds",
                title=f"CPU of a look at {count} interfaces",
                value=1000 * cost,
                unit="ms",
            )
    yield _growth("look", "CPU of a look at one interface", costs)


def _growth(name: str, title: str, costs: dict[int, float]) -> Figure:
    return Figure(
        name=f"{name}_growth",
        title=f"{title}: {MANY} against {USUAL}",
        value=costs[MANY] / costs[USUAL],
        unit="times",
        limit=GROWTH,
    )


def _spec(number: int, *, dhcp: bool = False) -> InterfaceSpec:
    """Ask for an interface with a lease, or with an address of its own."""
    high, low = divmod(number, 256)
    return InterfaceSpec(
        id=number,
        name=f"onvifcam{number}",
        mac=f"02:00:00:0b:{high:02x}:{low:02x}",
        parent="eth0",
        address=None if dhcp else IPv4Interface((_MANY_ADDRESSES[number], _MANY_ADDRESSES.prefixlen)),
        gateway=None,
        dhcp=dhcp,
    )


def _specs(count: int) -> list[InterfaceSpec]:
    """Ask for interfaces with fixed addresses."""
    return [_spec(number) for number in range(1, count + 1)]


@contextmanager
def _kept(lan: Lan, specs: Sequence[InterfaceSpec]) -> Iterator[tuple[Running, float]]:
    """Run the keeper as a service does, and give the time of its start."""
    with tempfile.TemporaryDirectory() as folder:
        file = InventoryFile(Path(folder, "inventory.json"))
        file.save(Inventory(specs=tuple(specs), owner="bench"))
        began = time.monotonic()
        running = Running(lan, file.path, "--json", "--leases", str(Path(folder, "leases.json")))
        yield running, began
        status, said = running.end()
        if status or said:
            raise Unmeasured(f"The keeper ended with {status} and said: {said.strip()}")


def _until(running: Running, count: int, wanted: KeptState) -> None:
    """Wait until the keeper has told of this many interfaces that they have a state."""
    states: dict[str, str] = {}
    try:
        while sum(state == wanted for state in states.values()) < count:
            told = running.next_object()
            states[told["name"]] = told["state"]
    except queue.Empty:
        raise Unmeasured(f"Not all of {count} interfaces came to be {wanted}: {states}") from None


@contextmanager
def _client(lan: Lan) -> Iterator[_Ask]:
    """Give what waits until all cameras have answered the client, each with its own MAC."""
    if _CLIENT not in lan.ip("client", "addr"):
        lan.ip("client", "addr", "add", _CLIENT, "dev", "eth0")
    with (
        lan.sniffer("client") as sniffer,
        lan.open_socket("client", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as asking,
    ):
        yield lambda specs, began: _ask(asking, sniffer, specs, began)


def _ask(asking: socket.socket, sniffer: Sniffer, specs: Sequence[InterfaceSpec], began: float) -> None:
    silent = {str(spec.address.ip): spec.mac for spec in specs if spec.address is not None}
    sniffer.frames()
    while silent:
        # A few at a time: a broadcast question for each address reaches all interfaces, and queues are short.
        for address in itertools.islice(silent, _ASKED_AT_ONCE):
            asking.sendto(_ECHO_REQUEST, (address, 0))
        time.sleep(0.02)
        for address, macs in sniffer.source_macs("icmp").items():
            if silent.get(address) in macs:
                if len(macs) > 1:
                    raise Unmeasured(f"{address} answered with more than its own MAC: {sorted(macs)}.")
                del silent[address]
        if time.monotonic() - began > _PATIENCE:
            raise Unmeasured(f"No answer with its own MAC in {_PATIENCE:g} s from {', '.join(silent)}.")


_ECHO_REQUEST = struct.pack("!BBHHH", 8, 0, 0xF7FF, 0, 0)
"""RFC 792, without data; the checksum is of these bytes."""


def _cpu_seconds(running: Running) -> float:
    """Return what the keeper has used of the CPU, by proc_pid_stat(5)."""
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _until_idle(running: Running) -> None:
    """Wait until the keeper has nothing more to do."""
    used = -1.0
    while used != (used := _cpu_seconds(running)):
        time.sleep(_REST_SECONDS)


def _memory_mib(running: Running) -> float:
    lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
