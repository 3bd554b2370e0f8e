"""Asking by ARP who has an address, many at a time and for a bounded while."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address
import logging
from typing import NamedTuple

from .arp import find_holder
from .privilege import read_privilege

_LOGGER = logging.getLogger(__name__)

Probe = Callable[[str, str, IPv4Address], Awaitable[str | None]]
"""Asks on an interface, from its MAC, who has an address; returns the MAC of who answers, None when nobody does."""


class Question(NamedTuple):
    """Who, on the LAN of an interface, has this address?"""

    interface: str
    mac: str
    """The interface's."""
    address: IPv4Address


async def available_probe() -> Probe | None:
    """Return the probe by ARP where this process may send frames, None elsewhere."""
    privilege = await asyncio.to_thread(read_privilege)
    return find_holder if privilege.net_raw else None


async def ask_all(probe: Probe, questions: Sequence[Question], *, timeout: float) -> dict[Question, str]:
    """Return the MACs of those who answered within `timeout` seconds."""
    if not questions:
        return {}
    tasks = [asyncio.ensure_future(probe(*question)) for question in questions]
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    answers = {}
    for question, task, result in zip(questions, tasks, results, strict=True):
        if isinstance(result, OSError):
            # The interface went down or away meanwhile.
            _LOGGER.debug("Nobody could be asked for %s on %s: %s", question.address, question.interface, result)
        elif isinstance(result, str):
            answers[question] = result
        elif task in done and result is not None:
            raise result
    return answers
