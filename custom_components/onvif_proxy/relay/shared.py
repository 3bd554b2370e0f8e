"""What all relays of an event loop share."""

import asyncio
from dataclasses import dataclass, field
import weakref

from .login_retry import LoginRetry
from .plane import Plane


@dataclass(slots=True, weakref_slot=True)
class Shared:
    """Sockets, and accounts that recorders refused."""

    plane: Plane = field(default_factory=Plane)
    login_retry: LoginRetry = field(default_factory=LoginRetry)


_SHARED: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Shared] = weakref.WeakKeyDictionary()


def shared() -> Shared:
    """Return what belongs to the running event loop."""
    return _SHARED.setdefault(asyncio.get_running_loop(), Shared())
