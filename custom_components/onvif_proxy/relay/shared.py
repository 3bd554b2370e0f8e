"""What all relays of an event loop share."""

from dataclasses import dataclass, field
import weakref

from .login_retry import LoginRetry
from .plane import Plane, running_plane
from .strangers import Strangers


@dataclass(slots=True, weakref_slot=True)
class Shared:
    """Sockets, accounts that recorders refused, and who has not logged in."""

    plane: Plane
    login_retry: LoginRetry = field(default_factory=LoginRetry)
    strangers: Strangers = field(default_factory=Strangers)


_SHARED: weakref.WeakKeyDictionary[Plane, Shared] = weakref.WeakKeyDictionary()


def shared() -> Shared:
    """Return what belongs to the running event loop."""
    plane = running_plane()
    return _SHARED.setdefault(plane, Shared(plane))
