"""What all relays of an event loop share."""

from dataclasses import dataclass, field
import weakref

from .login_retry import LoginRetry
from .plane import Plane, running_plane


@dataclass(slots=True, weakref_slot=True)
class Shared:
    """Sockets, and accounts that recorders refused."""

    plane: Plane
    login_retry: LoginRetry = field(default_factory=LoginRetry)


_SHARED: weakref.WeakKeyDictionary[Plane, Shared] = weakref.WeakKeyDictionary()


def shared() -> Shared:
    """Return what belongs to the running event loop."""
    plane = running_plane()
    return _SHARED.setdefault(plane, Shared(plane))
