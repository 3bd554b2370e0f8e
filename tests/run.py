"""Runs pytest, and says what falls short of the project's bars.

The tests on a LAN of namespaces mostly wait: they run beside the others, in a pytest of their own.
"""

import argparse
from collections.abc import Iterable
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
from typing import Any, Self
import xml.etree.ElementTree as ET

BRANCH_COVERAGE = 90.0
WHOLLY_COVERED = tuple(f"custom_components/onvif_proxy/{name}.py" for name in ("config_flow", "options_flow"))
LAN_TESTS = "tests/lan"

_SUMMARY = "short test summary info"


class Pytest:
    """A running pytest; as a context manager it has ended after."""

    def __init__(self, folder: Path, *arguments: str, quiet: bool = False) -> None:
        """Start it.

        Args:
            folder: For its files; made here.
            arguments: What it is given besides.
            quiet: Whether its output goes into a file instead of to ours.
        """
        folder.mkdir()
        self.coverage_data = folder / "coverage-data"
        self._report = folder / "report.xml"
        self._output = folder / "output"
        command = [sys.executable, "-m", "pytest", f"--junit-xml={self._report}", *arguments]
        environment = os.environ | {"COVERAGE_FILE": str(self.coverage_data)}
        if quiet:
            with self._output.open("wb") as output:
                self._process = subprocess.Popen(
                    command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
                )
        else:
            self._process = subprocess.Popen(command, env=environment)

    def __enter__(self) -> Self:
        """Let it run."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait for its end: what interrupts this program has interrupted it, too, and it removes what it made."""
        self._process.wait()

    def status(self) -> int:
        """Wait for its end, and return its exit status."""
        return self._process.wait()

    def output(self) -> str:
        """Return what it printed, if it was quiet: all when it failed, else its summary."""
        text = self._output.read_text(errors="replace")
        if self.status():
            return text
        lines = text.splitlines(keepends=True)
        start = next((number for number, line in enumerate(lines) if _SUMMARY in line), len(lines) - 1)
        return "".join(lines[start:])

    def counts(self) -> dict[str, int]:
        """Return how many tests passed, failed and were skipped."""
        if not self._report.exists():
            return {"passed": 0, "failed": 0, "skipped": 0}
        suite = ET.parse(self._report).getroot().find("testsuite")  # noqa: S314 - pytest wrote it just now
        assert suite is not None
        total, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
        failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
        return {"passed": total - skipped - failed, "failed": failed, "skipped": skipped}


def main() -> int:
    """Run the tests; with arguments for pytest, only those, and without the bars for coverage."""
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    arguments, for_pytest = parser.parse_known_args()
    percent: float | None = None
    with tempfile.TemporaryDirectory() as folder:
        if for_pytest:
            counts, short = _run(Path(folder), for_pytest)
        else:
            counts, short, percent = _run_all(Path(folder))
    for sentence in short:
        print(f"short: {sentence}", file=sys.stderr)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    if arguments.json:
        print(json.dumps({"ok": not short, **counts, "coverage": percent, "short": short}))
    return 1 if short else 0


def _run(folder: Path, for_pytest: list[str]) -> tuple[dict[str, int], list[str]]:
    """Run what is asked for: counts, what falls short."""
    with Pytest(folder / "asked", *for_pytest) as asked:
        status = asked.status()
    return asked.counts(), [f"pytest ended with status {status}."] if status else []


def _run_all(folder: Path) -> tuple[dict[str, int], list[str], float | None]:
    """Run everything: counts, what falls short, coverage in percent."""
    measured = ("--cov", "--cov-report=")
    with (
        # Two that keep notes on the last run in one folder would overwrite each other's.
        Pytest(folder / "lan", *measured, "-p", "no:cacheprovider", LAN_TESTS, quiet=True) as lan,
        Pytest(folder / "others", *measured, f"--ignore={LAN_TESTS}") as others,
    ):
        runs = {"": others, f" of {LAN_TESTS}": lan}
        short = [
            f"pytest{which} ended with status {status}." for which, run in runs.items() if (status := run.status())
        ]
    print(f"\n{LAN_TESTS}:\n{lan.output()}", flush=True)
    counts = {key: count + lan.counts()[key] for key, count in others.counts().items()}
    report = _combined(folder / "coverage.json", (run.coverage_data for run in runs.values()))
    if report is None:
        return counts, [*short, "The coverage could not be measured."], None
    percent, missing = _coverage(report)
    return counts, [*short, *missing], percent


def _combined(file: Path, data: Iterable[Path]) -> dict[str, Any] | None:
    """Print what all runs covered together, and return it as coverage.py tells it."""
    coverage = (sys.executable, "-m", "coverage")
    # Not where somebody wants his own, who runs this while he is measured himself.
    environment = os.environ | {"COVERAGE_FILE": str(file.with_suffix(".data"))}
    for command in (
        ("combine", "--quiet", *(str(one) for one in data if one.exists())),
        ("report", "--skip-covered"),
        ("json", "--quiet", "-o", str(file)),
    ):
        if subprocess.run([*coverage, *command], env=environment, check=False).returncode:
            return None
    return dict(json.loads(file.read_text()))


def _coverage(report: dict[str, Any]) -> tuple[float, list[str]]:
    """Return the coverage of lines and branches together in percent, and what falls short."""
    percent = round(report["totals"]["percent_covered"], 1)
    short = [] if percent >= BRANCH_COVERAGE else [f"The coverage is {percent} %, not {BRANCH_COVERAGE} %."]
    for name in WHOLLY_COVERED:
        covered = report["files"][name]["summary"]["percent_covered"]
        if covered < 100:
            short.append(f"{name} is covered to {covered:.1f} %, not 100 %.")
    return percent, short


if __name__ == "__main__":
    sys.exit(main())
