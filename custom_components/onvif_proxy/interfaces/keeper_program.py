"""The command `run`: a keeper in the foreground, as a service runs it."""

import argparse
import asyncio
from collections.abc import Mapping
import json
from pathlib import Path
import signal
import sys
from typing import Any

from .errors import InterfaceError, InventoryError, KeptElsewhere, NotPermitted
from .inventory import InventoryFile
from .keeper import InterfaceKeeper
from .kept import KeptInterface
from .report import Report

EXIT_STATUSES: Mapping[type[InterfaceError], int] = {InventoryError: 3, KeptElsewhere: 4, NotPermitted: 5}
"""Refusals that trying again does not cure: a service must not be restarted for them."""

_REMOVED = "removed"


def add_commands(commands: Any, output: argparse.ArgumentParser) -> None:
    """Add the command to the command line's subparsers; `output` has the options that all have."""
    run_parser = commands.add_parser(
        "run",
        parents=[output],
        help="make the interfaces of an inventory and keep them, until SIGTERM; SIGHUP reads it again",
        description="Prints a line for each change. The interfaces stay when it ends.",
        epilog="Exit status: 3 for an inventory that cannot be used, 4 when another program keeps the interfaces of"
        " this host, 5 without CAP_NET_ADMIN.",
    )
    run_parser.add_argument("--inventory", required=True, type=Path, metavar="FILE", help="what interfaces there are")
    run_parser.add_argument("--leases", type=Path, metavar="FILE", help="where DHCP leases are remembered")


async def run(options: argparse.Namespace) -> Report:
    """Keep the interfaces of an inventory until a signal ends it."""
    try:
        await _run(InventoryFile(options.inventory), options.leases, as_json=options.json)
    except tuple(EXIT_STATUSES) as error:
        status = next(status for kind, status in EXIT_STATUSES.items() if isinstance(error, kind))
        return Report(short=[str(error)], exit_status=status)
    return Report()


async def _run(file: InventoryFile, leases: Path | None, *, as_json: bool) -> None:
    told: dict[int, KeptInterface] = {}

    def tell() -> None:
        for line in _changes(told, keeper.interfaces, as_json=as_json):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        told.clear()
        told.update(keeper.interfaces)

    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, signals.put_nowait, number)
    inventory = await asyncio.to_thread(file.load)
    keeper = InterfaceKeeper(inventory, lease_file=leases, on_change=tell)
    async with keeper:
        while await signals.get() is signal.SIGHUP:
            try:
                await keeper.replace(await asyncio.to_thread(file.load))
            except InterfaceError as error:
                sys.stderr.write(f"{error} What was kept before is kept on.\n")


def _changes(former: Mapping[int, KeptInterface], now: Mapping[int, KeptInterface], *, as_json: bool) -> list[str]:
    """Return a line for each interface that is another."""
    lines = []
    for number, one in former.items():
        if number not in now:
            gone = {"id": number, "name": one.spec.name, "state": _REMOVED}
            lines.append(json.dumps(gone) if as_json else f"{one.spec.name}: {_REMOVED}")
    for number, one in now.items():
        if former.get(number) != one:
            lines.append(json.dumps(_as_json(one)) if as_json else _as_text(one))
    return lines


def _as_text(one: KeptInterface) -> str:
    words = [one.state.replace("_", " ")]
    if one.address is not None:
        words.append(f"{one.address}/{one.prefix_length}")
    if one.lease_expires is not None:
        words.append(f"lease until {one.lease_expires.isoformat(timespec='seconds')}")
    if one.conflicting_mac is not None:
        words.append(f"{one.conflicting_mac} has its address")
    if one.reason is not None:
        words.append(one.reason)
    return f"{one.spec.name}: {', '.join(words)}"


def _as_json(one: KeptInterface) -> dict[str, Any]:
    return {
        "id": one.spec.id,
        "name": one.spec.name,
        "mac": one.spec.mac,
        "parent": one.spec.parent,
        "state": one.state,
        "address": one.address,
        "prefix_length": one.prefix_length,
        "gateway": one.gateway,
        "lease_expires": None if one.lease_expires is None else one.lease_expires.isoformat(),
        "link_up": one.link_up,
        "conflicting_mac": one.conflicting_mac,
        "reason": one.reason,
    }
