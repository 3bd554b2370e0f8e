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
    least: float | None = None
    """The least that it may be."""

    @property
    def line(self) -> str:
        """Return it as a line of a table."""
        limits = [
            f"{word} {bound:g} {self.unit}".rstrip()
            for word, bound in (("limit", self.limit), ("at least", self.least))
            if bound is not None
        ]
        told = f"   ({', '.join(limits)})" if limits else ""
        return f"{self.title:<58} {self.value:9.3f} {self.unit}".rstrip() + told

    @property
    def short(self) -> str | None:
        """Return a sentence when it is outside of its limits."""
        said = f"{self.title.strip()}: {self.value:.3f} {self.unit}".rstrip()
        if self.limit is not None and self.value > self.limit:
            return f"{said}, more than {self.limit:g}."
        if self.least is not None and self.value < self.least:
            return f"{said}, less than {self.least:g}."
        return None


def machine() -> dict[str, str | int | None]:
    """Return what figures depend on."""
    return {
        "cores": os.process_cpu_count(),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
