"""HTTP digest (RFC 2617, RFC 7616) for HTTP and RTSP, and WS-UsernameToken: the server's side. No I/O."""

import base64
import binascii
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from enum import Enum
import hashlib
import hmac
import secrets
import time
from urllib.request import parse_http_list, parse_keqv_list

MAX_NONCES = 1000
TOKEN_FRESHNESS = timedelta(minutes=5)


class Verdict(Enum):
    """What an Authorization header is worth."""

    RIGHT = "right"
    STALE = "stale"
    """Right, but for its nonce: ask again."""
    WRONG = "wrong"


class DigestRealm:
    """Challenges and checks for one user in one realm."""

    def __init__(
        self,
        realm: str,
        username: str,
        password: str,
        *,
        qop: bool = True,
        sha256: bool = False,
        nonce_lifetime: float = 300.0,
    ) -> None:
        """With `qop` off the challenge is RFC 2069's; with `sha256` a second challenge offers SHA-256."""
        self._realm = realm
        self._username = username
        self._password = password
        self._qop = qop
        self._algorithms = {"MD5": hashlib.md5} | ({"SHA-256": hashlib.sha256} if sha256 else {})
        self._nonce_lifetime = nonce_lifetime
        self._nonces: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def challenges(self, *, stale: bool = False) -> list[str]:
        """Return the WWW-Authenticate values."""
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = (time.monotonic() + self._nonce_lifetime, 0)
        while len(self._nonces) > MAX_NONCES:
            self._nonces.popitem(last=False)
        base = f'Digest realm="{self._realm}", nonce="{nonce}"' + (", stale=true" if stale else "")
        if not self._qop:
            return [base]
        return [f'{base}, qop="auth", algorithm={name}' for name in self._algorithms]

    def check(self, header: str, method: str, uri: str) -> Verdict:
        """Judge an Authorization value for a method and the URI exactly as requested."""
        scheme, _, rest = header.partition(" ")
        if scheme.lower() != "digest":
            return Verdict.WRONG
        try:
            given = {name.lower(): value for name, value in parse_keqv_list(parse_http_list(rest)).items()}
            count = int(given["nc"], 16) if "qop" in given else None
        except ValueError, KeyError:
            return Verdict.WRONG
        algorithm = self._algorithms.get(given.get("algorithm", "MD5").upper())
        if algorithm is None or given.get("uri") != uri:
            return Verdict.WRONG
        if given.get("username") != self._username or given.get("realm") != self._realm:
            return Verdict.WRONG

        def digest(text: str) -> str:
            return algorithm(text.encode()).hexdigest()

        middle = [given.get("nonce", "")]
        if count is not None:
            if not self._qop or given["qop"] != "auth" or len(given["nc"]) != 8 or not given.get("cnonce"):
                return Verdict.WRONG
            middle += [given["nc"], given["cnonce"], "auth"]
        secret = digest(f"{self._username}:{self._realm}:{self._password}")
        expected = digest(":".join([secret, *middle, digest(f"{method}:{uri}")]))
        if not hmac.compare_digest(expected.encode(), given.get("response", "").encode()):
            return Verdict.WRONG
        return self._use(given.get("nonce", ""), count)

    def _use(self, nonce: str, count: int | None) -> Verdict:
        expires, used = self._nonces.get(nonce, (0.0, 0))
        if expires < time.monotonic() or (count is not None and count <= used):
            return Verdict.STALE
        self._nonces[nonce] = (expires, used if count is None else count)
        return Verdict.RIGHT


class UsernameTokens:
    """Checks WS-UsernameToken digests (OASIS UsernameToken Profile 1.0 section 3.1) and remembers used nonces."""

    def __init__(self, username: str, password: str) -> None:
        """Check for one user."""
        self._username = username
        self._password = password
        self._used: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, username: str, digest: str, nonce: str, created: str, now: datetime) -> str | None:
        """Return None when right, else the reason. `nonce` and `digest` are base64, `now` the recorder's own clock."""
        try:
            made = datetime.fromisoformat(created)
            raw_nonce = base64.b64decode(nonce, validate=True)
        except ValueError, binascii.Error:
            return "Created or Nonce can't be read"
        if made.tzinfo is None or not created.endswith("Z"):
            # Hikvision refuses numeric offsets.
            return "Created is not in Zulu time"
        if not raw_nonce:
            return "no Nonce"
        secret = raw_nonce + created.encode() + self._password.encode()
        expected = base64.b64encode(hashlib.sha1(secret, usedforsecurity=False).digest())
        if username != self._username or not hmac.compare_digest(expected, digest.encode()):
            return "wrong user or password"
        if abs(now - made.astimezone(UTC)) > TOKEN_FRESHNESS:
            return "Created is too far from the recorder's time"
        if (nonce, created) in self._used:
            return "Nonce was used before"
        self._used[nonce, created] = None
        while len(self._used) > MAX_NONCES:
            self._used.popitem(last=False)
        return None
