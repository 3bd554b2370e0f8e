"""Who may ask what: ONVIF's access classes, WS-Security user name tokens, and HTTP digest beside them. No I/O."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
import hashlib
import hmac
import logging

from ..digest import DigestServer
from ..model import Credentials
from .errors import LoginNeeded, NotAuthorized
from .names import expand
from .xmltree import Element, child_text

_LOGGER = logging.getLogger(__name__)

_PASSWORD_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"

FRESHNESS = timedelta(minutes=5)
MAX_NONCE_LENGTH = 128
MAX_CREATED_LENGTH = 64
MAX_REMEMBERED_TOKENS = 16384
"""Of all cameras that share a verifier."""


class Access(StrEnum):
    """The access class of an operation (ONVIF Core, default access policy).

    The one user of a virtual camera is an administrator; so all but the first just need a login.
    """

    PRE_AUTH = "PRE_AUTH"
    READ_SYSTEM = "READ_SYSTEM"
    READ_SYSTEM_SENSITIVE = "READ_SYSTEM_SENSITIVE"
    READ_SYSTEM_SECRET = "READ_SYSTEM_SECRET"
    WRITE_SYSTEM = "WRITE_SYSTEM"
    UNRECOVERABLE = "UNRECOVERABLE"
    READ_MEDIA = "READ_MEDIA"
    ACTUATE = "ACTUATE"


@dataclass(frozen=True, slots=True)
class HttpLogin:
    """What of an HTTP request its digest is made of."""

    authorization: str | None
    method: str
    target: str
    """As in the request line."""
    host: str

    @property
    def uris(self) -> tuple[str, str]:
        """The spellings of the request target that clients use."""
        return self.target, f"http://{self.host}{self.target}"


@dataclass(slots=True, kw_only=True)
class TokenVerifier:
    """Checks user name tokens and remembers the used ones (WS-Security UsernameToken Profile 1.0 section 3.1).

    One for all servers that take the same credentials: what it does not know was not used.
    """

    freshness: timedelta = FRESHNESS
    """How far `Created` may be from our clock, back and ahead: a client's clock may be fast."""
    max_remembered: int = MAX_REMEMBERED_TOKENS
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _used: dict[tuple[bytes, str], datetime] = field(default_factory=dict)
    """Nonce and `Created` of valid tokens to the time when they are too old anyway, first used first."""

    def failure(self, tokens: list[Element], credentials: Credentials) -> str | None:
        """Return why the `wsse:UsernameToken` elements of a request are no login, None when they are; for a log."""
        if len(tokens) != 1:
            return "more than one user name token"
        password = tokens[0].find(expand("wsse:Password"))
        nonce = tokens[0].find(expand("wsse:Nonce"))
        created = child_text(tokens[0], "wsu:Created")
        if password is None or nonce is None or not created:
            return "password, nonce or time of creation is missing"
        if password.get("Type") != _PASSWORD_DIGEST:
            return "the password is not a digest"
        nonce_text = (nonce.text or "").strip()
        if nonce.get("EncodingType", _BASE64) != _BASE64 or not 0 < len(nonce_text) <= MAX_NONCE_LENGTH:
            return "the nonce is empty, too long or not base64"
        try:
            nonce_bytes = b64decode(nonce_text, validate=True)
            created_at = _parse_time(created)
            age = self.clock() - created_at
        except ValueError, OverflowError:
            return "nonce or time of creation can't be read"
        expected = hashlib.sha1(nonce_bytes + created.encode() + credentials.password.encode()).digest()
        right = hmac.compare_digest(b64encode(expected), (password.text or "").strip().encode())
        username = child_text(tokens[0], "wsse:Username") or ""
        right &= hmac.compare_digest(username.encode(), credentials.username.encode())
        if not right:
            return "wrong user or password"
        if abs(age) > self.freshness:
            return f"created {age.total_seconds():.0f} s ago"
        return None if self._use((nonce_bytes, created), created_at) else "used before"

    def _use(self, key: tuple[bytes, str], created: datetime) -> bool:
        if key in self._used:
            return False
        now = self.clock()
        while self._used:
            oldest, expiry = next(iter(self._used.items()))
            if expiry >= now and len(self._used) < self.max_remembered:
                break
            del self._used[oldest]
        self._used[key] = created + self.freshness
        return True


def _parse_time(text: str) -> datetime:
    """Read an xs:dateTime; UTC when it has no zone. Raises ValueError."""
    if len(text) > MAX_CREATED_LENGTH:
        raise ValueError("too long")
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Gate:
    """Lets a request pass or raises; default is to deny."""

    digest: DigestServer
    tokens: TokenVerifier

    def check_soap(
        self, access: Access | None, headers: tuple[Element, ...], login: HttpLogin, credentials: Credentials | None
    ) -> None:
        """Raise `LoginNeeded` or `NotAuthorized` unless the login suffices; `access` None is an unknown operation.

        Sent both ways, both must be right (ONVIF Core, authentication). A wrong token is answered with HTTP 400 and not
        with a challenge, as npm's onvif takes a 401 for a demand of HTTP digest.
        """
        if credentials is None:
            return
        tokens = [
            token
            for block in headers
            if block.tag == expand("wsse:Security")
            for token in block.iterfind(expand("wsse:UsernameToken"))
        ]
        failure = self.tokens.failure(tokens, credentials) if tokens else None
        if access is Access.PRE_AUTH:
            return  # after the check: a token that was spent here can't be used again elsewhere
        if login.authorization is not None or not tokens:
            self.check_http(login, credentials)
        if failure is not None:
            _LOGGER.debug("Login refused: %s", failure)
            raise NotAuthorized

    def check_http(self, login: HttpLogin, credentials: Credentials | None) -> None:
        """Raise `LoginNeeded` unless the Authorization header is right."""
        if credentials is None:
            return
        if login.authorization is None:
            raise LoginNeeded
        result = self.digest.check(login.authorization, login.method, login.uris, credentials)
        if not result.ok:
            _LOGGER.debug("Login refused: %s", result.reason)
            raise LoginNeeded(stale=result.stale)
