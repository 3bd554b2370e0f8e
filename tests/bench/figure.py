"""What a bench measures."""

from dataclasses import dataclass
import os
import platform


class Unmeasured(Exception):
    """Something did not happen that was to be measured; the text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value."""

    name: str
    """In JSON."""
    title: str
    """For people."""
    value: float
    unit: str
    limit: float | None = None
    """The most that it may be; None for what is only worth knowing."""

    @property
    def line(self) -> str:
        """Return it as a line of a table."""
        limit = "" if self.limit is None else f"   (limit {self.limit:g} {self.unit})".rstrip()
        return f"{self.title:<58} {self.value:9.3f} {self.unit}".rstrip() + limit

    @property
    def short(self) -> str | None:
        """Return a sentence when it is over its limit."""
        if self.limit is None or self.value <= self.limit:
            return None
        return f"{self.title}: {self.value:.3f} {self.unit}".rstrip() + f", more than {self.limit:g}."


def machine() -> dict[str, str | int | None]:
    """Return what figures depend on."""
    return {
        "cores": os.process_cpu_count(),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
