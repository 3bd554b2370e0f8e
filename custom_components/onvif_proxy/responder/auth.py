"""Who may ask what: ONVIF's access classes, WS-Security user name tokens, and HTTP digest beside them. No I/O."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
import hashlib
import hmac

from ..digest import DigestServer
from ..logins import LoginGuard, LoginProblem, LoginWay
from ..model import Credentials
from .durations import parse_time
from .errors import LoginNeeded, NotAuthorized
from .names import expand
from .xmltree import Element

_PASSWORD_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"

_SECURITY = expand("wsse:Security")
_TOKEN = expand("wsse:UsernameToken")
_USERNAME = expand("wsse:Username")
_PASSWORD = expand("wsse:Password")
_NONCE = expand("wsse:Nonce")
_CREATED = expand("wsu:Created")

FRESHNESS = timedelta(minutes=5)
MAX_NONCE_LENGTH = 128
SAME_MOMENT = timedelta(seconds=1)
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
    """What of an HTTP request its digest is made of, and where it came from."""

    source: str
    """The client's address."""
    authorization: str | None = None
    """None where there is no such header; the rest is then of no use."""
    method: str = ""
    target: str = ""
    """As in the request line."""
    host: str = ""

    @property
    def uris(self) -> tuple[str, str]:
        """The spellings of the request target that clients use."""
        return self.target, f"http://{self.host}{self.target}"


@dataclass(frozen=True, slots=True)
class TokenFailure:
    """Why a user name token is no login."""

    problem: LoginProblem
    seconds_off: int | None = None
    """With `CLOCK_OFF`: how far the client's clock is ahead of ours."""


_MALFORMED = TokenFailure(LoginProblem.MALFORMED)


@dataclass(frozen=True, slots=True)
class _Use:
    """The first use of a token."""

    source: str
    at: datetime
    expires: datetime
    """When the token is too old anyway."""


@dataclass(slots=True, kw_only=True)
class TokenVerifier:
    """Checks user name tokens and remembers the used ones (WS-Security UsernameToken Profile 1.0 section 3.1).

    One for all servers that take the same credentials: what it does not know was not used.
    """

    freshness: timedelta = FRESHNESS
    """How far `Created` may be from our clock, back and ahead: a client's clock may be fast."""
    same_moment: timedelta = SAME_MOMENT
    """For so long after its first use a token is good again for the same client at the same camera.

    libonvif makes a new nonce once a second and writes the time in milliseconds: all that it asks within a millisecond carries
    the same token. A listener who wanted to replay it would have to be quicker, and at the client's own address.
    """
    max_remembered: int = MAX_REMEMBERED_TOKENS
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _used: dict[tuple[bytes, str], _Use] = field(default_factory=dict)
    """By nonce and `Created`: valid tokens, first used first."""

    def check(self, tokens: Sequence[Element], credentials: Credentials, source: str) -> TokenFailure | None:
        """Return why the `wsse:UsernameToken` elements of a request are no login, None when they are; uses them up.

        `source` tells the client's address and the camera that it asks.
        """
        if len(tokens) != 1:
            return _MALFORMED
        parts = {child.tag: child for child in reversed(tokens[0])}  # the first of each counts
        password, nonce, created = parts.get(_PASSWORD), parts.get(_NONCE), parts.get(_CREATED)
        if password is None or nonce is None or created is None or password.get("Type") != _PASSWORD_DIGEST:
            return _MALFORMED
        nonce_text, created_text = (nonce.text or "").strip(), (created.text or "").strip()
        if nonce.get("EncodingType", _BASE64) != _BASE64 or not 0 < len(nonce_text) <= MAX_NONCE_LENGTH:
            return _MALFORMED
        try:
            nonce_bytes = b64decode(nonce_text, validate=True)
            created_at = parse_time(created_text)
            ahead = created_at - self.clock()
        except ValueError, OverflowError:
            return _MALFORMED
        expected = hashlib.sha1(nonce_bytes + created_text.encode() + credentials.password.encode()).digest()
        # Both are compared, whichever is wrong.
        password_right = hmac.compare_digest(b64encode(expected), (password.text or "").strip().encode())
        username = parts.get(_USERNAME)
        given = "" if username is None else (username.text or "").strip()
        user_right = hmac.compare_digest(given.encode(), credentials.username.encode())
        if not user_right:
            # libonvif sends a token without a name first: nobody guesses with that.
            return TokenFailure(LoginProblem.UNKNOWN_USER if given else LoginProblem.NO_CREDENTIALS)
        if not password_right:
            return TokenFailure(LoginProblem.WRONG_PASSWORD)
        if abs(ahead) > self.freshness:
            return TokenFailure(LoginProblem.CLOCK_OFF, round(ahead.total_seconds()))
        if self._use((nonce_bytes, created_text), created_at, source):
            return None
        return TokenFailure(LoginProblem.REPLAYED)

    def _use(self, key: tuple[bytes, str], created: datetime, source: str) -> bool:
        now = self.clock()
        if (former := self._used.get(key)) is not None:
            return former.source == source and now - former.at < self.same_moment
        while self._used:
            oldest, use = next(iter(self._used.items()))
            if use.expires >= now and len(self._used) < self.max_remembered:
                break
            del self._used[oldest]
        self._used[key] = _Use(source, now, created + self.freshness)
        return True


@dataclass(slots=True, kw_only=True)
class Gate:
    """Lets a request pass or raises; default is to deny. Tells the guard who failed and why, and keeps out whom it locked out."""

    digest: DigestServer
    tokens: TokenVerifier
    logins: LoginGuard

    def check_soap(
        self, access: Access | None, headers: Sequence[Element], login: HttpLogin, credentials: Credentials | None
    ) -> None:
        """Raise `LoginNeeded` or `NotAuthorized` unless the login suffices; `access` None is an unknown operation.

        Sent both ways, both must be right, and HTTP is looked at first (ONVIF Core, authentication): a client that has to
        repeat a request for a new HTTP nonce repeats its token, too. A wrong token is answered with HTTP 400 and not with
        a challenge, as npm's onvif takes a 401 for a demand of HTTP digest.
        """
        if credentials is None:
            return
        tokens = [token for block in headers if block.tag == _SECURITY for token in block.iterfind(_TOKEN)]
        if self.logins.is_locked_out(login.source):
            if access is Access.PRE_AUTH:
                return
            self.logins.failed(login.source, LoginWay.SOAP, LoginProblem.LOCKED_OUT)
            raise NotAuthorized if tokens else LoginNeeded
        if access is Access.PRE_AUTH:
            if tokens:
                # What was spent here can't be used again elsewhere.
                self.tokens.check(tokens, credentials, self._place(login))
            return
        if login.authorization is not None or not tokens:
            self._check_digest(login, LoginWay.SOAP, credentials)
        if tokens and (failure := self.tokens.check(tokens, credentials, self._place(login))) is not None:
            self.logins.failed(login.source, LoginWay.SOAP, failure.problem, seconds_off=failure.seconds_off)
            raise NotAuthorized
        self.logins.succeeded(login.source)

    def _place(self, login: HttpLogin) -> str:
        """Return who asks which camera."""
        return f"{login.source} at {self.digest.realm}"

    def check_snapshot(self, login: HttpLogin, credentials: Credentials | None) -> None:
        """Raise `LoginNeeded` unless the Authorization header is right."""
        if credentials is None:
            return
        if self.logins.is_locked_out(login.source):
            self.logins.failed(login.source, LoginWay.SNAPSHOT, LoginProblem.LOCKED_OUT)
            raise LoginNeeded
        self._check_digest(login, LoginWay.SNAPSHOT, credentials)
        self.logins.succeeded(login.source)

    def _check_digest(self, login: HttpLogin, way: LoginWay, credentials: Credentials) -> None:
        if login.authorization is None:
            self.logins.failed(login.source, way, LoginProblem.NO_CREDENTIALS)
            raise LoginNeeded
        result = self.digest.check(login.authorization, login.method, login.uris, credentials)
        if result.problem is not None:
            self.logins.failed(login.source, way, result.problem)
        if not result.ok:
            raise LoginNeeded(stale=result.stale)
