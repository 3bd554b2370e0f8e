"""The command line: make, complete, show and remove the interfaces of this host."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface
import json
from pathlib import Path
import sys
from typing import Any, NoReturn

from . import doctor_program, inventory_program, keeper_program
from .apply import do_steps
from .errors import InterfaceError, RequestRefused
from .inventory import InventoryFile
from .inventory_program import with_leased_gateways
from .kernel import read_snapshot
from .lock import KeeperLock
from .mac_conflicts import check_macs
from .parents import list_parents
from .plan import InterfaceSpec, existing_specs, link_of, marked_links, plan_apply, plan_cleanup
from .release import release_leases
from .report import Report, columns
from .request import Request, carrier_warnings, specify, warnings
from .state import Interface, Link, Snapshot
from .steps import Step

_MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))

NO_LEASES = (
    "These interfaces are up without an address: leases are got by `run`, from an inventory. Give each one an address by"
    " hand (ip addr add ADDRESS/LENGTH dev NAME noprefixroute, then apply), or use --static."
)


class _UsageError(Exception):
    """The command line is wrong."""


class _Parser(argparse.ArgumentParser):
    """Raises what is wrong instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message[:1].upper()}{message[1:]}; see --help.")


def main() -> int:
    """Run the command that the command line names.

    Returns:
        0; 1 when something falls short; 2 when the command line is wrong.
    """
    options = argparse.Namespace(json="--json" in sys.argv)
    try:
        options = _parser().parse_args()
        report = asyncio.run(_COMMANDS[options.command](options))
    except _UsageError as error:
        report = Report(short=[str(error)], exit_status=2)
    except InterfaceError as error:
        report = Report(short=[str(error)])
    except KeyboardInterrupt:
        report = Report(short=["Interrupted; what this run had done is undone."])
    for line in report.lines:
        sys.stdout.write(f"{line}\n")
    for note in report.notes:
        sys.stderr.write(f"Note: {note}\n")
    for sentence in report.short:
        sys.stderr.write(f"{sentence}\n")
    if options.json:
        sys.stdout.write(
            json.dumps(_as_json(report, dry_run=getattr(options, "dry_run", False)), default=_moment) + "\n"
        )
    return report.exit_status or int(bool(report.short))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="interfaces", description="Network interfaces that give virtual cameras their own MAC and address."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    output = _Parser(add_help=False)
    output.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    change = _Parser(add_help=False, parents=[output])
    change.add_argument("--dry-run", action="store_true", help="print the steps, do none; works without root")
    removal = _Parser(add_help=False, parents=[change])
    removal.add_argument(
        "--leases",
        type=Path,
        metavar="FILE",
        help="where `run` remembers DHCP leases: those of interfaces that are removed are given back before",
    )

    request = _Parser(add_help=False)
    request.add_argument("--parent", required=True, metavar="NAME", help="the wired interface that they sit on: eth0")
    request.add_argument("--count", required=True, type=int, metavar="N", help="how many: one for each camera")
    request.add_argument(
        "--mac-start", metavar="MAC", help="the first MAC, the others count up; else derived from the host"
    )
    addressing = request.add_mutually_exclusive_group(required=True)
    addressing.add_argument(
        "--static",
        type=_address_with_length,
        metavar="ADDRESS/LENGTH",
        help="the first address, the others count up: 192.168.1.201/24",
    )
    addressing.add_argument("--dhcp", action="store_true", help="no address: leases are got by run, from an inventory")
    request.add_argument(
        "--allow-no-carrier",
        action="store_true",
        help="take a parent that is not plugged in, too: at a start of the host, say",
    )
    request.add_argument("--gateway", type=_address, metavar="ADDRESS", help="the router; else the one of the parent")
    commands.add_parser("create", parents=[change, request], help="make interfaces, or complete those that are there")

    listed = _Parser(add_help=False)
    listed.add_argument(
        "--inventory", type=Path, metavar="FILE", help="what interfaces there should be; else those that are there"
    )
    commands.add_parser(
        "apply", parents=[change, listed], help="complete the interfaces that are there, for the addresses they have"
    )
    inventory_program.add_commands(commands, output, removal, request, _host_id)
    keeper_program.add_commands(commands, output)
    commands.add_parser("status", parents=[output, listed], help="show them and what is missing; works without root")
    doctor_program.add_commands(commands, output)
    commands.add_parser("cleanup", parents=[removal], help="remove them and everything else that was made here")
    return parser


def _address_with_length(text: str) -> IPv4Interface:
    try:
        return IPv4Interface(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not an address such as 192.168.1.201/24") from error


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not an address such as 192.168.1.1") from error


async def _create(options: argparse.Namespace) -> Report:
    snapshot = await read_snapshot()
    request = Request(
        parent=options.parent,
        count=options.count,
        mac_start=options.mac_start,
        first_address=options.static,
        gateway=options.gateway,
        allow_no_carrier=options.allow_no_carrier,
    )
    host_id = await asyncio.to_thread(_host_id) if request.mac_start is None else ""
    specs = specify(request, snapshot, host_id)
    await check_macs(specs, snapshot)
    report = await _carry_out(plan_apply(specs, snapshot), dry_run=options.dry_run)
    report.notes += warnings(request, snapshot, await list_parents())
    if request.first_address is None:
        report.notes.append(NO_LEASES)
    if options.dry_run:
        report.interfaces = [
            {"name": spec.name, "mac": spec.mac, "parent": spec.parent, "address": spec.address and str(spec.address)}
            for spec in specs
        ]
        return report
    asked = {spec.mac for spec in specs}
    after = await read_snapshot()
    links = [link for link in marked_links(after).values() if link.mac in asked]
    report.lines += _table(links, after)
    report.interfaces = [_interface(link) for link in links]
    if plan_apply(specs, after):
        report.short.append("Something else on this host changed what was just set up; see status.")
    return report


async def _apply(options: argparse.Namespace) -> Report:
    snapshot = await read_snapshot()
    specs = with_leased_gateways(await _inventory(options), snapshot) or existing_specs(snapshot)
    report = await _carry_out(plan_apply(specs, snapshot), dry_run=options.dry_run)
    report.notes += carrier_warnings((spec.parent for spec in specs), snapshot)
    return report


async def _inventory(options: argparse.Namespace) -> Sequence[InterfaceSpec]:
    if options.inventory is None:
        return ()
    return (await asyncio.to_thread(InventoryFile(options.inventory).load)).specs


async def _cleanup(options: argparse.Namespace) -> Report:
    snapshot = await read_snapshot()
    if options.leases is not None and not options.dry_run:
        with KeeperLock():
            await release_leases(marked_links(snapshot).values(), options.leases)
    return await _carry_out(plan_cleanup(snapshot), dry_run=options.dry_run)


async def _status(options: argparse.Namespace) -> Report:
    snapshot = await read_snapshot()
    links = list(marked_links(snapshot).values())
    report = Report(lines=_table(links, snapshot), interfaces=[_interface(link) for link in links])
    for link in links:
        state = _state(link, snapshot)
        if state != "ready":
            report.short.append(f"{link.name}: {state}.")
    specs = with_leased_gateways(await _inventory(options), snapshot)
    report.short += [f"{spec.name}: missing." for spec in specs if link_of(spec, snapshot) is None]
    try:
        missing = plan_apply(specs or existing_specs(snapshot), snapshot)
    except RequestRefused as error:
        report.short.append(str(error))
        return report
    if missing:
        report.short.append(f"Not all is set up as it must be; apply would do {len(missing)} steps:")
        report.short += [f"  {step.command}" for step in missing]
    return report


_COMMANDS = {
    "create": _create,
    "apply": _apply,
    "enlist": inventory_program.enlist,
    "exchange": inventory_program.exchange,
    "run": keeper_program.run,
    "status": _status,
    "doctor": doctor_program.doctor,
    "parents": doctor_program.parents,
    "cleanup": _cleanup,
}


async def _carry_out(steps: list[Step], *, dry_run: bool) -> Report:
    report = Report(steps=steps, lines=[step.command for step in steps])
    if not dry_run:
        # A keeper may be in the middle of doing the same, and would undo the rest.
        with KeeperLock():
            await do_steps(steps)
    count = f"{len(steps)} step" + ("" if len(steps) == 1 else "s")
    report.lines.append(f"{count} would be done." if dry_run else f"{count} done.")
    return report


def _state(link: Link, snapshot: Snapshot) -> str:
    parent = snapshot.link(link.parent or "")
    if not link.enabled:
        return "switched off"
    if not link.up:
        return f"no carrier on {link.parent}" if parent is not None and parent.enabled else f"{link.parent} is off"
    return "ready" if link.addresses else "waiting for an address"


def _table(links: Sequence[Link], snapshot: Snapshot) -> list[str]:
    if not links:
        return ["There are no camera interfaces on this host."]
    rows = [("NAME", "MAC", "PARENT", "ADDRESS", "STATE")]
    for link in links:
        addresses = " ".join(f"{one.address}/{one.prefix_length}" for one in link.addresses) or "-"
        rows.append((link.name, link.mac, link.parent or "-", addresses, _state(link, snapshot)))
    return columns(rows)


def _interface(link: Interface) -> dict[str, Any]:
    return {
        "name": link.name,
        "mac": link.mac,
        "parent": link.parent,
        "up": link.up,
        "addresses": [asdict(address) for address in link.addresses],
    }


def _moment(value: datetime) -> str:
    """Return a moment for JSON, which has none; all else in a report is of JSON's own kinds."""
    return value.isoformat(timespec="seconds")


def _as_json(report: Report, *, dry_run: bool) -> dict[str, Any]:
    return {
        "interfaces": report.interfaces,
        **report.more,
        "steps": [step.command for step in report.steps],
        "dry_run": dry_run,
        "notes": report.notes,
        "ok": not report.short,
        "short": report.short,
    }


def _host_id() -> str:
    """Return what tells this host from all others and outlives a reboot."""
    for file in _MACHINE_ID_FILES:
        if file.is_file() and (host_id := file.read_text(encoding="ascii").strip()):
            return host_id
    raise RequestRefused("This host has no /etc/machine-id to derive MACs from; give the first one with --mac-start.")
