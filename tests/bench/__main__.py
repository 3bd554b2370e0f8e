"""Measures one subject, and compares with the limits that the project holds."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
import json
import logging
from pathlib import Path
import sys

from . import interfaces, relay, responder
from .figure import Figure, Unmeasured, machine

SUBJECTS: Mapping[str, Callable[[], Iterator[Figure | Unmeasured]]] = {
    "interfaces": interfaces.measure,
    "relay": relay.measure,
    "responder": responder.measure,
}
"""What can be measured: each yields its figures, and what it could not measure, as it comes to them."""


def main() -> int:
    """Measure, and print as it comes.

    Returns:
        1 when a limit is missed or something could not be measured, else 0.
    """
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("subject", choices=sorted(SUBJECTS))
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    of_relay = parser.add_argument_group("relay")
    of_relay.add_argument("--quick", action="store_true", help="shorter and less exact, as a check")
    of_relay.add_argument(
        "--only", action="append", default=[], choices=relay.FIGURES, help="may be given more than once"
    )
    of_relay.add_argument(
        "--program", type=Path, default=relay.PROGRAM, metavar="FOLDER", help="another relay than this checkout's"
    )
    options = parser.parse_args()
    subject = SUBJECTS[options.subject]
    if options.subject == "relay":
        subject = partial(relay.measure, quick=options.quick, only=options.only, program=options.program)
    logging.getLogger().setLevel(logging.WARNING)  # a library that is imported on the way sets it lower
    here = machine()
    _say(", ".join(f"{name} {value}" for name, value in here.items()))
    figures: list[Figure] = []
    short: list[str] = []
    try:
        for figure in subject():
            if isinstance(figure, Unmeasured):
                short.append(str(figure))
                continue
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
