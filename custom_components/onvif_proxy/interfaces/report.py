"""What a command of the command line has to say, and how tables look there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .steps import Step


@dataclass(slots=True, kw_only=True)
class Report:
    """What a command has to say."""

    lines: list[str] = field(default_factory=list)
    """For people."""
    notes: list[str] = field(default_factory=list)
    """Worth knowing, and no failure."""
    short: list[str] = field(default_factory=list)
    """What falls short."""
    steps: list[Step] = field(default_factory=list)
    """What was done, or would be."""
    interfaces: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    """What only this command has in its JSON object."""
    exit_status: int = 0
    """Where it is not that of `short`."""


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
