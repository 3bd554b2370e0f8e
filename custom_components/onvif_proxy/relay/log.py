"""The relay's log as messages for its parent: without secrets, bounded in size and number. No I/O."""

from collections.abc import Callable, Iterable
import logging
import re
import time
from typing import override
from urllib.parse import quote

from .messages import LogLine

MAX_TEXT = 2000
"""Characters of a line."""
MAX_LINES = 200
"""In each interval; what is more is counted."""
INTERVAL = 10.0
"""Seconds."""
MIN_SECRET = 4
"""Characters. What is shorter stands in texts by chance."""
CUT = "***"

# Of a URI only where it leads: user, path and query of a recorder's may hold its password.
_URI = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?:[^\s/?#]*@)?(?P<host>[^\s/?#@'\"]*)[^\s'\"]*", re.IGNORECASE)
_HEADER = re.compile(r"((?:Proxy-)?Authorization\s*[:=]\s*).*", re.IGNORECASE)


class MessageHandler(logging.Handler):
    """Tells what is logged as `LogLine`s."""

    def __init__(
        self,
        tell: Callable[[LogLine], None],
        secrets: Callable[[], Iterable[str]],
        *,
        package: str,
        max_text: int = MAX_TEXT,
        max_lines: int = MAX_LINES,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`secrets` returns what must not be told; `package` is left away in the names of loggers."""
        super().__init__()
        self._tell = tell
        self._secrets = secrets
        self._prefix = f"{package}."
        self._max_text = max_text
        self._max_lines = max_lines
        self._interval = interval
        self._clock = clock
        self._began = clock()
        self._lines = 0

    @override
    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        if now - self._began >= self._interval:
            left_out, self._began, self._lines = self._lines - self._max_lines, now, 0
            if left_out > 0:
                text = f"{left_out} more lines of the log were left out"
                self._tell(LogLine(level=logging.WARNING, logger="relay", text=text))
        self._lines += 1
        if self._lines > self._max_lines:
            return
        try:
            text = without_secrets(self.format(record), self._secrets())[: self._max_text]
        except Exception as error:  # noqa: BLE001 - a line that can't be formatted must not end what logged it
            # `handleError` would write the arguments as they are.
            text = f"A line of the log could not be formatted: {type(error).__name__}"
        self._tell(LogLine(level=record.levelno, logger=record.name.removeprefix(self._prefix), text=text))


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Cut URIs to where they lead, headers with logins to their name, and replace what is known to be secret."""
    text = _HEADER.sub(rf"\1{CUT}", _URI.sub(_where, text))
    known = {one for secret in secrets for one in (secret, quote(secret, safe="")) if len(secret) >= MIN_SECRET}
    for secret in sorted(known, key=len, reverse=True):  # one may begin with another
        text = text.replace(secret, CUT)
    return text


def _where(match: re.Match[str]) -> str:
    return f"{match['scheme']}{match['host']}/{CUT}"
