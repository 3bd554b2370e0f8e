"""What a camera offers in raw mode, where RTSP is passed on to the recorder as it is: the recorder's own paths.

Clients log in to the recorder itself. So they are told its paths and queries, and never one that would log them in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
import re
from urllib.parse import unquote, unquote_plus

from .model import Channel, Credentials, StreamRole
from .nvr.addresses import PARAMETER
from .relay.log import MIN_SECRET
from .relay.uris import Location, parse_location

_SECRET_NAME = re.compile(r"pass|pwd|psw|auth|token|secret|credential|session", re.IGNORECASE)
"""In the name of a parameter whose value may let in. It needn't be the password: some recorders take a hash of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawOffer:
    """A channel as clients get it raw."""

    channel: Channel
    """Without a sub stream at another host or port than the main stream's: all connections go there."""
    paths: Mapping[StreamRole, str]
    """Path and query at the recorder; may be empty."""


def raw_offer(channel: Channel, account: Credentials) -> RawOffer | None:
    """Return what is offered of a channel in raw mode; None where clients would be told how to log in to the recorder.

    `account` is the one that Home Assistant has at the recorder.
    """
    main = _location(channel.main.uri)
    if main is None or _lets_in(main.rest, account):
        return None
    paths = {StreamRole.MAIN: main.rest}
    sub = None if channel.sub is None else _location(channel.sub.uri)
    if sub is None or (sub.host, sub.port) != (main.host, main.port) or _lets_in(sub.rest, account):
        return RawOffer(channel=replace(channel, sub=None), paths=paths)
    return RawOffer(channel=channel, paths=paths | {StreamRole.SUB: sub.rest})


def _location(uri: str) -> Location | None:
    try:
        return parse_location(uri)
    except ValueError:
        return None


def _lets_in(rest: str, account: Credentials) -> bool:
    """Tell whether path and query hold a password, or what could be as good as one."""
    password = account.password
    for text in {rest, unquote(rest), unquote_plus(rest)}:
        # A short one may stand there by chance, unless it is all that stands there.
        if len(password) >= MIN_SECRET and password in text:
            return True
        for name, value in PARAMETER.findall(text):
            if value and (value == password or _SECRET_NAME.search(name)):
                return True
    return False
