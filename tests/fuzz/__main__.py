"""Tries all properties for long: `scripts/fuzz`."""

import argparse
from importlib import import_module
import json
import math
from pathlib import Path
import secrets
import sys
import traceback

from .harness import PROPERTIES, Property, Tally

DEFAULT_INPUTS = 1_000_000


def main() -> int:
    """Try as many inputs as wanted, split over the properties by their shares; an input counts once, however often it is drawn."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=DEFAULT_INPUTS, help="different ones, of all properties together")
    parser.add_argument("--only", metavar="NAME", help="properties whose name contains this")
    parser.add_argument("--seed", type=int, help="of a former run, to repeat it")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    arguments = parser.parse_args()
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        import_module(f"{__package__}.{file.stem}")
    chosen = [one for one in PROPERTIES if (arguments.only or "") in one.name]
    if not chosen:
        parser.error("no property has such a name")
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    print(
        f"seed {seed}\n{'inputs':>9} {'tried':>9} {'examples':>9} {'seconds':>8} {'slowest':>9}  property", flush=True
    )
    unit = arguments.inputs / sum(one.share for one in chosen)
    tallies = {one.name: Tally() for one in chosen}
    failed = [one.name for one in chosen if not _holds(one, tallies[one.name], math.ceil(unit * one.share), seed)]
    total = sum(len(tally.distinct) for tally in tallies.values())
    print(f"{total} inputs, {len(failed)} of {len(chosen)} properties do not hold")
    if arguments.json:
        inputs = {name: len(tally.distinct) for name, tally in tallies.items()}
        print(json.dumps({"ok": not failed, "inputs": total, "seed": seed, "failed": failed, "by_property": inputs}))
    return 1 if failed else 0


def _holds(tried: Property, tally: Tally, wanted: int, seed: int) -> bool:
    """Try a property until it has seen so many inputs, or does not hold; print what came of it."""
    failure = None
    try:
        tried.run_long(tally, wanted, seed)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        # With the values of what is on the stack: the input that was tried last.
        told = traceback.TracebackException.from_exception(error, limit=-2, capture_locals=True)
        failure = "".join(told.format())
    print(
        f"{len(tally.distinct):9} {tally.tried:9} {tally.examples:9} {tally.seconds:8.1f}"
        f" {tally.slowest * 1000:6.0f} ms  {tried.name}\n{failure or ''}",
        end="",
        flush=True,
    )
    return failure is None


if __name__ == "__main__":
    sys.exit(main())
