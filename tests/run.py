"""Runs pytest, and says what falls short of the project's bars."""

import argparse
import json
from pathlib import Path
import subprocess
import sys
import tempfile
from typing import Any
import xml.etree.ElementTree as ET

BRANCH_COVERAGE = 90.0
WHOLLY_COVERED = tuple(f"custom_components/onvif_proxy/{name}.py" for name in ("config_flow", "options_flow"))


def main() -> int:
    """Run the tests; with arguments for pytest, only those, and without the bars for coverage."""
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    arguments, for_pytest = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        report, coverage = Path(folder, "report.xml"), Path(folder, "coverage.json")
        command = [sys.executable, "-m", "pytest", f"--junit-xml={report}", *for_pytest]
        if not for_pytest:
            command += ["--cov", f"--cov-report=json:{coverage}", "--cov-report=term:skip-covered"]
        status = subprocess.run(command, check=False).returncode
        counts = _counts(report)
        short = [f"pytest ended with status {status}."] if status else []
        percent = None
        if not for_pytest and coverage.exists():
            percent, missing = _coverage(json.loads(coverage.read_text()))
            short += missing
    for sentence in short:
        print(f"short: {sentence}", file=sys.stderr)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    if arguments.json:
        print(json.dumps({"ok": not short, **counts, "coverage": percent, "short": short}))
    return 1 if short else 0


def _counts(report: Path) -> dict[str, int]:
    if not report.exists():
        return {"passed": 0, "failed": 0, "skipped": 0}
    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - pytest wrote it just now
    assert suite is not None
    total, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    return {"passed": total - skipped - failed, "failed": failed, "skipped": skipped}


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
