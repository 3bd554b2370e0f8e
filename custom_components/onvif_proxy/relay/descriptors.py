"""File descriptors: as many as the system allows this process, and some of them kept from viewers.

A viewer that can't be taken is one that tries again later; a recorder that can't be connected to is a camera that is dark.
"""

import errno
import os
import resource

from .limits import Limits

KEPT = 512
"""For recorders, ports and files; a quarter of all where there are few."""


def allow_descriptors(limits: Limits) -> None:
    """Have this process allowed as many as viewers may take and those that are kept, as far as it may choose."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.max_descriptors + KEPT
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def viewers_may_have(descriptor: int, limits: Limits) -> bool:
    """Tell whether enough are left when a viewer has this one, which is new: it is the lowest that was free (POSIX 2.14)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = limits.max_descriptors
    if soft != resource.RLIM_INFINITY:
        allowed = min(allowed, soft - min(KEPT, soft // 4))
    return descriptor < allowed


def require_descriptors(open_one: int, limits: Limits) -> None:
    """Raise OSError where viewers may have no more; `open_one` is any that is open."""
    probe = os.dup(open_one)
    os.close(probe)
    if not viewers_may_have(probe, limits):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
