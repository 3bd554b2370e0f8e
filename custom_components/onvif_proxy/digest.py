"""HTTP digest access authentication (RFC 7616, with RFC 2617's MD5), for HTTP and RTSP, both sides of it. No I/O.

`DigestServer` makes challenges and checks answers; `DigestClient` answers a challenge. Both work on header values.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
import hashlib
import hmac
import re
import secrets
import time

from .logins import LoginProblem
from .model import Credentials

ALGORITHMS: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}

# A name is tried from its first character only, or a long one would be scanned as often as it is long.
_PARAMETER = re.compile(r'(?<![A-Za-z0-9_*-])([A-Za-z0-9_*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_NONCE_COUNT = re.compile(r"[0-9a-fA-F]{8}")
MAX_HEADER_LENGTH = 4096
_BASIC = "basic "


def parse_parameters(header: str) -> tuple[str, dict[str, str]]:
    """Split `Scheme name=value, name="value"` into the lower-case scheme and its parameters (RFC 9110 section 11.4)."""
    scheme, _, rest = header[:MAX_HEADER_LENGTH].strip().partition(" ")
    parameters = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted or not token else token
        for name, quoted, token in _PARAMETER.findall(rest)
    }
    return scheme.lower(), parameters


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bytes(text: str) -> bytes:
    """Encode what may have come from a header in no known encoding; what is not UTF-8 matches nothing."""
    return text.encode("utf-8", "replace")


def _response(
    digest: Callable[[bytes], str],
    credentials: Credentials,
    realm: str,
    method: str,
    uri: str,
    nonce: str,
    qop: tuple[str, str] | None,
) -> str:
    """Compute `response` (RFC 7616 section 3.4.1); `qop` is (nc, cnonce), None for RFC 2069's form without qop."""
    secret = digest(_bytes(f"{credentials.username}:{realm}:{credentials.password}"))
    request = digest(_bytes(f"{method}:{uri}"))
    middle = nonce if qop is None else f"{nonce}:{qop[0]}:{qop[1]}:auth"
    return digest(_bytes(f"{secret}:{middle}:{request}"))


@dataclass(frozen=True, slots=True)
class DigestResult:
    """What was wrong with an Authorization header, if anything."""

    problem: LoginProblem | None = None
    stale: bool = False
    """The password was right, but the nonce is used up: a new one will do."""

    @property
    def ok(self) -> bool:
        """Whether it was right."""
        return self.problem is None and not self.stale


@dataclass(slots=True)
class _Nonce:
    expires: float
    used: int = 0


@dataclass(slots=True)
class DigestServer:
    """Challenges and checks for one realm; keeps the nonces it gave out, bounded in number and age."""

    realm: str
    algorithms: tuple[str, ...] = ("MD5", "SHA-256")
    """MD5 first: many clients read only the first challenge."""
    nonce_lifetime: float = 300.0
    """Seconds."""
    max_nonces: int = 1024
    clock: Callable[[], float] = time.monotonic
    _nonces: dict[str, _Nonce] = field(default_factory=dict)

    def challenges(self, *, stale: bool = False) -> list[str]:
        """Return one WWW-Authenticate value an algorithm, all for one new nonce."""
        while len(self._nonces) >= self.max_nonces:
            del self._nonces[next(iter(self._nonces))]
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = _Nonce(self.clock() + self.nonce_lifetime)
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm={_quote(self.realm)}, nonce="{nonce}", algorithm={algorithm}, qop="auth"{tail}'
            for algorithm in self.algorithms
        ]

    def check(self, header: str, method: str, uris: Iterable[str], credentials: Credentials) -> DigestResult:
        """Check an Authorization header value; `uris` are the spellings of the request target that are accepted.

        A nonce may be used again with a rising `nc`; without qop (RFC 2069, common in RTSP) it may be used until it expires.
        """
        scheme, given = parse_parameters(header)
        algorithm = given.get("algorithm", "MD5").upper()
        if scheme != "digest" or algorithm not in self.algorithms or given.get("uri") not in set(uris):
            return DigestResult(LoginProblem.MALFORMED)
        qop = None
        if "qop" in given:
            if given["qop"].lower() != "auth" or not _NONCE_COUNT.fullmatch(given.get("nc", "")):
                return DigestResult(LoginProblem.MALFORMED)
            qop = (given["nc"], given.get("cnonce", ""))
        nonce = self._nonces.get(given.get("nonce", ""))
        expected = _response(
            ALGORITHMS[algorithm], credentials, self.realm, method, given["uri"], given.get("nonce", ""), qop
        )
        # Both are compared, whichever is wrong.
        password_right = hmac.compare_digest(_bytes(expected), _bytes(given.get("response", "").lower()))
        user_right = hmac.compare_digest(_bytes(given.get("username", "")), _bytes(credentials.username))
        if not user_right:
            return DigestResult(LoginProblem.UNKNOWN_USER)
        if not password_right:
            return DigestResult(LoginProblem.WRONG_PASSWORD)
        if nonce is None or nonce.expires < self.clock():
            return DigestResult(stale=True)
        if qop is not None:
            count = int(qop[0], 16)
            if count <= nonce.used:
                return DigestResult(LoginProblem.REPLAYED, stale=True)
            nonce.used = count
        return DigestResult()


def basic_challenge(realm: str) -> str:
    """Return the WWW-Authenticate value for who knows no digest (RFC 7617)."""
    return f'Basic realm={_quote(realm)}, charset="UTF-8"'


def is_basic(header: str) -> bool:
    """Tell whether an Authorization header value has the password itself."""
    return header[: len(_BASIC)].lower() == _BASIC


def check_basic(header: str, credentials: Credentials) -> LoginProblem | None:
    """Return what is wrong with an Authorization header value of that kind, if anything (RFC 7617 section 2)."""
    try:
        username, colon, password = b64decode(header[len(_BASIC) :].strip(), validate=True).partition(b":")
    except ValueError:
        return LoginProblem.MALFORMED
    # Both are compared, whichever is wrong.
    password_right = hmac.compare_digest(password, _bytes(credentials.password))
    user_right = hmac.compare_digest(username, _bytes(credentials.username))
    if not colon:
        return LoginProblem.MALFORMED
    if not user_right:
        return LoginProblem.UNKNOWN_USER
    return None if password_right else LoginProblem.WRONG_PASSWORD


@dataclass(slots=True)
class DigestClient:
    """Answers a server's challenges with one user's credentials; Basic only when `allow_basic` and no digest is offered."""

    credentials: Credentials
    allow_basic: bool = False
    _challenge: dict[str, str] = field(default_factory=dict)
    _count: int = 0
    _basic: bool = False

    def take_challenges(self, headers: Iterable[str]) -> bool:
        """Remember the strongest challenge that can be answered; return False when there is none."""
        offers: dict[str, dict[str, str]] = {}
        basic = False
        for header in headers:
            scheme, parameters = parse_parameters(header)
            algorithm = parameters.get("algorithm", "MD5").upper()
            if scheme == "digest" and algorithm in ALGORITHMS and "nonce" in parameters:
                offers.setdefault(algorithm, parameters)
            basic |= scheme == "basic"
        self._challenge = offers.get("SHA-256") or offers.get("MD5") or {}
        self._count = 0
        self._basic = not self._challenge and basic and self.allow_basic
        return bool(self._challenge) or self._basic

    def authorization(self, method: str, uri: str) -> str | None:
        """Return the Authorization value of a request, None before a challenge was taken."""
        if self._basic:
            pair = f"{self.credentials.username}:{self.credentials.password}"
            return "Basic " + b64encode(pair.encode()).decode()
        if not (challenge := self._challenge):
            return None
        algorithm = challenge.get("algorithm", "MD5").upper()
        realm, nonce = challenge.get("realm", ""), challenge["nonce"]
        offered = [option.strip().lower() for option in challenge.get("qop", "").split(",")]
        qop = None
        if "auth" in offered:
            self._count += 1
            qop = (f"{self._count:08x}", secrets.token_hex(8))
        response = _response(ALGORITHMS[algorithm], self.credentials, realm, method, uri, nonce, qop)
        parts = [
            f"username={_quote(self.credentials.username)}",
            f"realm={_quote(realm)}",
            f"nonce={_quote(nonce)}",
            f"uri={_quote(uri)}",
            f'response="{response}"',
        ]
        if "algorithm" in challenge:
            parts.append(f"algorithm={challenge['algorithm']}")
        if "opaque" in challenge:
            parts.append(f"opaque={_quote(challenge['opaque'])}")
        if qop is not None:
            parts += ["qop=auth", f"nc={qop[0]}", f'cnonce="{qop[1]}"']
        return "Digest " + ", ".join(parts)
