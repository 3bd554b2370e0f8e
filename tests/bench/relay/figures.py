"""All that is measured, by the name that `--only` takes."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from ...lan.bed import missing_privilege
from ..figure import Unmeasured
from .capacity import capacity, flat, unpaced
from .cost import Found, cost, shared
from .joining import joining
from .loop import loop
from .memory import churn, memory, stall
from .relays import PROGRAM
from .stage import QUICK, THOROUGH, Stage

FIGURES: Mapping[str, Callable[[Stage], Iterator[Found]]] = {
    "cost": cost,
    "shared": shared,
    "joining": joining,
    "capacity": capacity,
    "flat": flat,
    "unpaced": unpaced,
    "memory": memory,
    "churn": churn,
    "loop": loop,
    "stall": stall,
}


def measure(*, quick: bool = False, only: Collection[str] = (), program: Path = PROGRAM) -> Iterator[Found]:
    """Measure everything, or what `only` names; what can't be measured is yielded and the rest goes on.

    Args:
        quick: Shorter windows, one round, fewer peers.
        only: Names of FIGURES; empty for all.
        program: The folder of the relay to measure.

    Raises:
        Unmeasured: There can be no namespaces here, or no recorder and viewers.
    """
    if (reason := missing_privilege()) is not None:
        raise Unmeasured(f"No hosts can be made here: {reason}.")
    with Stage(QUICK if quick else THOROUGH, program) as stage:
        for name, figures in FIGURES.items():
            if not only or name in only:
                try:
                    yield from figures(stage)
                except Unmeasured as error:
                    yield Unmeasured(f"{name} was not measured to its end. {error}")
