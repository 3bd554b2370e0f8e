"""Measures one subject, and compares with the limits that the project holds."""

import argparse
from collections.abc import Callable, Iterator, Mapping
import json
import logging
import sys

from . import interfaces, responder
from .figure import Figure, Unmeasured, machine

SUBJECTS: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "interfaces": interfaces.measure,
    "responder": responder.measure,
}
"""What can be measured: each yields its figures as it comes to them."""


def main() -> int:
    """Measure, and print as it comes.

    Returns:
        1 when a limit is missed or something could not be measured, else 0.
    """
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("subject", choices=sorted(SUBJECTS))
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args()
    logging.getLogger().setLevel(logging.WARNING)  # a library that is imported on the way sets it lower
    here = machine()
    _say(", ".join(f"{name} {value}" for name, value in here.items()))
    figures: list[Figure] = []
    short: list[str] = []
    try:
        for figure in SUBJECTS[options.subject]():
            _say(figure.line)
            figures.append(figure)
    except Unmeasured as error:
        short.append(str(error))
    short = [*(sentence for figure in figures if (sentence := figure.short) is not None), *short]
    for sentence in short:
        sys.stderr.write(f"short: {sentence}\n")
    if options.json:
        report = {
            "ok": not short,
            "subject": options.subject,
            "machine": here,
            "figures": {figure.name: round(figure.value, 4) for figure in figures},
            "limits": {figure.name: figure.limit for figure in figures if figure.limit is not None},
            "least": {figure.name: figure.least for figure in figures if figure.least is not None},
            "short": short,
        }
        _say(json.dumps(report))
    return 1 if short else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
