"""The commands that look and change nothing: `doctor` and `parents`. Both work without root."""

import argparse
import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .doctor import diagnose
from .findings import Finding
from .inventory import Inventory, InventoryFile
from .kernel import read_snapshot
from .parents import Parent, list_parents
from .plan import marked_links
from .probing import available_probe
from .report import Report, columns

NOT_ASKED = (
    "Whether another device has a camera's address was not asked: that takes root, or the capability CAP_NET_RAW."
)
NO_PARENT = "No interface of this host can carry cameras."


def add_commands(commands: Any, output: argparse.ArgumentParser) -> None:
    """Add the commands to the command line's subparsers; `output` has the options that all have."""
    doctor = commands.add_parser("doctor", parents=[output], help="find faults and say what to do; works without root")
    doctor.add_argument(
        "--inventory", type=Path, metavar="FILE", help="what the interfaces should be; else as they were made"
    )
    commands.add_parser("parents", parents=[output], help="show what cameras can sit on; works without root")


async def doctor(options: argparse.Namespace) -> Report:
    """Tell each fault and its remedy."""
    inventory = Inventory()
    if options.inventory is not None:
        inventory = await asyncio.to_thread(InventoryFile(options.inventory).load)
    findings = await diagnose(inventory)
    report = Report(more={"findings": [_finding(one) for one in findings]})
    report.short += [f"{one.sentence} {one.remedy}" for one in findings]
    if await available_probe() is None:
        report.notes.append(NOT_ASKED)
    if not findings:
        present = marked_links(await read_snapshot())
        report.lines.append(f"No fault found; camera interfaces: {len(present)}.")
    return report


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "interface": finding.interface,
        "id": finding.id,
        "facts": dict(finding.facts),
        "fixable": finding.fixable,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
    }


async def parents(options: argparse.Namespace) -> Report:
    """Show the interfaces that cameras could sit on, and why others cannot carry them."""
    listed = await list_parents()
    rows = [("NAME", "MAC", "ADDRESS", "SPEED", "CAMERAS"), *(_row(one) for one in listed)]
    report = Report(lines=columns(rows), more={"parents": [_parent(one) for one in listed]})
    usable = [one for one in listed if one.refusal is None]
    # The same for all where it is about the host.
    report.notes += dict.fromkeys(sentence for one in usable for sentence in one.sentences)
    if not usable:
        report.short.append(NO_PARENT)
    return report


def _row(parent: Parent) -> tuple[str, ...]:
    addresses = " ".join(f"{one.address}/{one.prefix_length}" for one in parent.addresses) or "-"
    speed = "-" if parent.speed_mbit is None else f"{parent.speed_mbit} Mbit/s"
    return (parent.name, parent.mac or "-", addresses, speed, "yes" if parent.refusal is None else parent.sentences[0])


def _parent(parent: Parent) -> dict[str, Any]:
    return {**asdict(parent), "sentences": parent.sentences}
