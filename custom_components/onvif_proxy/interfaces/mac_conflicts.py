"""Whether a MAC for a new interface is that of another device already: hosts that are clones derive the same ones."""

from collections.abc import Collection, Sequence

from .errors import RequestRefused
from .neighbours import Neighbour, read_neighbours
from .plan import InterfaceSpec
from .probing import Probe, Question, ask_all, available_probe
from .state import Snapshot

PROBE_SECONDS = 1.0


async def check_macs(
    specs: Collection[InterfaceSpec], snapshot: Snapshot, listed: Collection[str] = (), *, probe: Probe | None = None
) -> None:
    """Make sure that no other device has the MACs of new interfaces, as far as this host has heard of one.

    Args:
        specs: What interfaces there are to be; those that there are already are not in question.
        snapshot: The kernel's state.
        listed: MACs that an inventory has already.
        probe: Asks devices whether they are still there. None uses ARP where this process may; elsewhere those count that
            were there within the last half minute.

    Raises:
        RequestRefused: Another device has one.
        InterfaceError: The kernel does not answer, or a probe could not be sent.
    """
    present = {link.mac for link in snapshot.links}.union(listed)
    new = {spec.mac: spec for spec in specs if spec.mac not in present}
    heard_of = [neighbour for neighbour in await read_neighbours() if neighbour.mac in new]
    if not heard_of:
        return
    for neighbour in await _there(heard_of, snapshot, probe or await available_probe()):
        raise RequestRefused(
            f"The MAC {neighbour.mac}, meant for {new[neighbour.mac].name}, is that of another device, {neighbour.address}."
            " Hosts with the same /etc/machine-id, as clones of a virtual machine have it, derive the same MACs. Give the"
            " first of others with --mac-start."
        )


async def _there(heard_of: Sequence[Neighbour], snapshot: Snapshot, probe: Probe | None) -> list[Neighbour]:
    """Return the neighbours that are there now: the kernel remembers some that are long gone, former cameras too."""
    if probe is None:
        return [neighbour for neighbour in heard_of if neighbour.fresh]
    links = {link.index: link for link in snapshot.links}
    questions = {
        Question(link.name, link.mac, neighbour.address): neighbour
        for neighbour in heard_of
        if (link := links.get(neighbour.index)) is not None
    }
    answers = await ask_all(probe, list(questions), timeout=PROBE_SECONDS)
    return [questions[question] for question, mac in answers.items() if mac == questions[question].mac]
