"""The commands `enlist` and `exchange`: change an inventory in a file of its own, then the kernel along with it."""

import argparse
import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .apply import do_steps
from .errors import RequestRefused
from .inventory import Inventory, InventoryFile
from .kernel import read_snapshot
from .lock import KeeperLock
from .mac_conflicts import check_macs
from .marks import routing_table
from .neighbours import read_neighbours
from .parents import list_parents
from .plan import InterfaceSpec, existing_specs, link_of, marked_links, plan_apply, plan_removal
from .release import release_leases
from .report import Report
from .request import Request, derived_mac, specify, warnings
from .state import Snapshot
from .steps import Step

OWNER = "setup_interfaces.sh"


def add_commands(
    commands: Any,
    output: argparse.ArgumentParser,
    removal: argparse.ArgumentParser,
    request: argparse.ArgumentParser,
    host_id: Callable[[], str],
) -> None:
    """Add the commands to the command line's subparsers.

    Args:
        commands: The subparsers.
        output: The options that all have.
        removal: Those of commands that remove interfaces.
        request: Those that say what interfaces are asked for.
        host_id: Returns what tells this host from all others; called in a thread.
    """
    files = argparse.ArgumentParser(add_help=False)
    files.add_argument("--inventory", required=True, type=Path, metavar="FILE", help="what interfaces there are")
    files.add_argument("--into", required=True, type=Path, metavar="FILE", help="where the changed inventory goes")
    enlist_parser = commands.add_parser(
        "enlist", help="write a changed inventory into another file; changes nothing else, works without root"
    )
    enlist_parser.set_defaults(host_id=host_id)
    changes = enlist_parser.add_subparsers(dest="change", required=True, metavar="CHANGE")
    changes.add_parser("present", parents=[output, files], help="add the interfaces that the host has, as they are")
    changes.add_parser("create", parents=[output, files, request], help="have the first N interfaces of a parent")
    changes.add_parser("add", parents=[output, files, request], help="have N further ones")
    remove = changes.add_parser("remove", parents=[output, files], help="have some no longer")
    remove.add_argument("names", nargs="+", metavar="NAME")

    exchange_parser = commands.add_parser(
        "exchange", parents=[removal], help="go from one inventory to another: all of it, or nothing"
    )
    exchange_parser.add_argument("--from", dest="former", required=True, type=Path, metavar="FILE")
    exchange_parser.add_argument("--to", required=True, type=Path, metavar="FILE")


async def enlist(options: argparse.Namespace) -> Report:
    """Write a changed inventory; the file that it is made from stays as it is."""
    former = await asyncio.to_thread(InventoryFile(options.inventory).load)
    snapshot = await read_snapshot()
    report = Report()
    if options.change == "present":
        inventory = _with_present(former, snapshot)
    elif options.change == "remove":
        inventory = _without_names(former, options.names, report)
    else:
        request = _request(options)
        host_id = await asyncio.to_thread(options.host_id) if request.mac_start is None else ""
        others = {neighbour.mac for neighbour in await read_neighbours()}
        inventory = _REQUESTED[options.change](former, request, snapshot, host_id, others, dhcp=options.dhcp)
        await check_macs(inventory.specs, snapshot, {spec.mac for spec in former.specs})
        report.notes += warnings(request, snapshot, await list_parents())
    await asyncio.to_thread(InventoryFile(options.into).save, replace(inventory, owner=former.owner or OWNER))
    report.lines += _differences(former, inventory)
    return report


def _request(options: argparse.Namespace) -> Request:
    return Request(
        parent=options.parent,
        count=options.count,
        mac_start=options.mac_start,
        first_address=options.static,
        gateway=options.gateway,
        allow_no_carrier=options.allow_no_carrier,
    )


def _created(
    former: Inventory, request: Request, snapshot: Snapshot, host_id: str, _others: Collection[str], *, dhcp: bool
) -> Inventory:
    """Return an inventory with the first interfaces of a parent; those that are in it already take what is asked for.

    Whoever else has their MACs, they are always the same: the same request again means the same interfaces.
    """
    asked = [_with_addressing(spec, request, dhcp=dhcp) for spec in _specified(former, request, snapshot, host_id)]
    macs = {spec.mac for spec in asked}
    rest = replace(former, specs=tuple(spec for spec in former.specs if spec.mac not in macs))
    return _numbered(rest, asked, former, snapshot)


def _added(
    former: Inventory, request: Request, snapshot: Snapshot, host_id: str, others: Collection[str], *, dhcp: bool
) -> Inventory:
    """Return an inventory with further interfaces; a fixed address that one of the parent has already is that one.

    MACs that others have are left to them.
    """
    listed = {(spec.parent, spec.address): spec for spec in former.specs if spec.address is not None}
    used = {spec.mac for spec in former.specs}.union((link.mac for link in snapshot.links), others)
    fresh = (
        mac
        for number in range(1, len(used) + request.count + 1)
        if (mac := derived_mac(host_id, request.parent, number)) not in used
    )
    asked = []
    for spec in _specified(former, request, snapshot, host_id):
        if (spec.parent, spec.address) in listed:
            continue
        with_mac = spec if request.mac_start is not None else replace(spec, mac=next(fresh))
        asked.append(_with_addressing(with_mac, request, dhcp=dhcp))
    return _numbered(former, asked, former, snapshot)


_REQUESTED: Mapping[str, Callable[..., Inventory]] = {"create": _created, "add": _added}


def _specified(former: Inventory, request: Request, snapshot: Snapshot, host_id: str) -> list[InterfaceSpec]:
    parents = {spec.parent for spec in former.specs}
    return specify(request, _without_listed(former, snapshot), host_id, parents)


def _with_addressing(spec: InterfaceSpec, request: Request, *, dhcp: bool) -> InterfaceSpec:
    # The router of a lease counts unless another was asked for.
    return replace(spec, dhcp=True, gateway=request.gateway) if dhcp else spec


def _without_listed(former: Inventory, snapshot: Snapshot) -> Snapshot:
    """Return the host's state without the addresses of listed interfaces: whether these clash, the inventory tells."""
    macs = {spec.mac for spec in former.specs}
    return replace(
        snapshot,
        links=tuple(replace(link, addresses=()) if link.mac in macs else link for link in snapshot.links),
    )


def _numbered(rest: Inventory, asked: Sequence[InterfaceSpec], former: Inventory, snapshot: Snapshot) -> Inventory:
    """Return `rest` with what is asked for; an interface that there is already keeps its number and its name."""
    known = {spec.mac: (spec.id, spec.name) for spec in former.specs}
    ours = marked_links(snapshot)
    unlisted = {link.mac: (number, link.name) for number, link in ours.items() if former.spec(number) is None}
    free: Iterator[int] = former.free_ids(taken=ours)
    # Listed ones are left out: whether they clash, the inventory says.
    elsewhere = {address.ip: link for link in snapshot.links for address in link.ip_interfaces if link.mac not in known}
    specs = []
    for spec in asked:
        holder = None if spec.address is None else elsewhere.get(spec.address.ip)
        if holder is not None and holder.mac != spec.mac and spec.address is not None:
            raise RequestRefused(f"{spec.address.ip} is used on this host already, by {holder.name}.")
        number, name = known.get(spec.mac) or unlisted.get(spec.mac) or (next(free, 0), "")
        if not number:
            raise RequestRefused("There is no number left for another interface.")
        specs.append(replace(spec, id=number, name=name or f"onvifcam{number}"))
    return replace(rest, specs=tuple(sorted((*rest.specs, *specs), key=lambda spec: spec.id)))


def _with_present(former: Inventory, snapshot: Snapshot) -> Inventory:
    links = marked_links(snapshot)
    unlisted = [
        replace(spec, address=next(iter(links[spec.id].ip_interfaces), None))
        for spec in existing_specs(snapshot)
        if former.spec(spec.id) is None
    ]
    return former.with_added(*unlisted)


def _without_names(former: Inventory, names: Sequence[str], report: Report) -> Inventory:
    numbers = {spec.name: spec.id for spec in former.specs}
    report.notes += [f"There is no {name} in the inventory." for name in names if name not in numbers]
    return former.without(*(numbers[name] for name in names if name in numbers))


def _differences(former: Inventory, inventory: Inventory) -> list[str]:
    gone = [f"{spec.name}: no longer listed" for spec in former.specs if inventory.spec(spec.id) is None]
    for spec in inventory.specs:
        if (old := former.spec(spec.id)) != spec:
            addressing = "DHCP" if spec.dhcp else str(spec.address or "no address")
            verb = "listed" if old is None else "changed"
            gone.append(f"{spec.name}: {verb}, {spec.mac} on {spec.parent}, {addressing}")
    return gone


async def exchange(options: argparse.Namespace) -> Report:
    """Bring the kernel from one inventory to another; a step that fails undoes those before it."""
    former = await asyncio.to_thread(InventoryFile(options.former).load)
    inventory = await asyncio.to_thread(InventoryFile(options.to).load)
    snapshot = await read_snapshot()
    removed = _removed(former, inventory, snapshot)
    steps = _exchange_steps(inventory, removed, snapshot)
    if steps and not options.dry_run:
        with KeeperLock():
            if options.leases is not None:
                links = marked_links(snapshot)
                await release_leases([links[number] for number in removed], options.leases)
            await do_steps(steps)
    count = f"{len(steps)} step" + ("" if len(steps) == 1 else "s")
    lines = [*(step.command for step in steps), f"{count} would be done." if options.dry_run else f"{count} done."]
    interfaces: list[dict[str, Any]] = [
        {"name": spec.name, "mac": spec.mac, "parent": spec.parent, "address": spec.address and str(spec.address)}
        for spec in inventory.specs
    ]
    return Report(steps=steps, lines=lines, interfaces=interfaces)


def _removed(former: Inventory, inventory: Inventory, snapshot: Snapshot) -> set[int]:
    """Return the numbers of the interfaces that are there and no longer listed."""
    unlisted = {spec.id for spec in former.specs} - {spec.id for spec in inventory.specs}
    return unlisted & marked_links(snapshot).keys()


def _exchange_steps(inventory: Inventory, removed: set[int], snapshot: Snapshot) -> list[Step]:
    # What comes last is what cannot be undone.
    steps = [
        *plan_apply(with_leased_gateways(inventory.specs, snapshot), snapshot),
        *plan_removal(removed, snapshot, inventory.specs),
    ]
    return list(dict.fromkeys(steps))


def with_leased_gateways(specs: Sequence[InterfaceSpec], snapshot: Snapshot) -> list[InterfaceSpec]:
    """Return specifications that keep the routers that leases brought: who keeps the interfaces has set their routes."""
    leased = []
    for spec in specs:
        link = link_of(spec, snapshot)
        if spec.dhcp and spec.gateway is None and link is not None:
            leased.append(replace(spec, gateway=snapshot.default_gateway(link.name, routing_table(spec.id))))
        else:
            leased.append(spec)
    return leased
