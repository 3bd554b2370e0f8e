"""When an account of a recorder may be tried again after it was refused: recorders lock accounts that fail too often. No I/O."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
import time

from ..model import Credentials
from .source import Source
from .uris import parse_location

MAX_ACCOUNTS = 1024

type Account = tuple[str, int, Credentials]
"""Host, port and account: another password is another account."""


@dataclass(slots=True)
class _Refused:
    delay: float
    until: float


class LoginRetry:
    """Remembers refused accounts for all streams; the one refused longest ago is forgotten where there are too many."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing was refused yet."""
        self._clock = clock
        self._refused: OrderedDict[Account, _Refused] = OrderedDict()

    def seconds_left(self, account: Account) -> float:
        """Return how long to wait; 0 when the account may be tried."""
        known = self._refused.get(account)
        return 0.0 if known is None else max(0.0, known.until - self._clock())

    def refused(self, account: Account, *, first: float, longest: float) -> None:
        """Note a refusal; the delay (seconds) doubles from `first` to `longest`."""
        known = self._refused.pop(account, None)
        delay = first if known is None else min(2 * known.delay, longest)
        self._refused[account] = _Refused(delay, self._clock() + delay)
        if len(self._refused) > MAX_ACCOUNTS:
            self._refused.popitem(last=False)

    def accepted(self, account: Account) -> None:
        """Forget its refusals."""
        self._refused.pop(account, None)


def account_of(source: Source) -> Account:
    """Return who logs in where."""
    try:
        location = parse_location(source.uri)
    except ValueError:
        return "", 0, source.credentials
    return location.host, location.port, source.credentials
