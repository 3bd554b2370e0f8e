"""A viewer's login: digest and Basic in RTSP (RFC 2326 section 14, RFC 7616, RFC 7617). No I/O."""

import math

from ..digest import DigestResult, DigestServer, basic_challenge, check_basic, is_basic, parse_parameters
from ..logins import LoginGuard, LoginProblem, LoginWay
from ..model import Credentials
from ..rtsp import RtspRequest
from .uris import ViewerTarget, parse_viewer_uri

# MD5 comes last: FFmpeg (6.1 and 9.0 tried) takes the last digest and knows no other. Clients that read the first one alone
# tend to compute MD5 for the same nonce whatever it says. Basic, which sends the password itself, comes after them all: who
# knows a digest takes that.
_ALGORITHMS = ("SHA-256", "MD5")


class ViewerLogin:
    """The login of one connection."""

    def __init__(self, realm: str, guard: LoginGuard) -> None:
        """Nobody is logged in."""
        # The nonces are the connection's own: nobody else can use them up, and they needn't expire in mid-session.
        self._digest = DigestServer(realm, algorithms=_ALGORITHMS, nonce_lifetime=math.inf, max_nonces=4)
        self._realm = realm
        self._guard = guard
        self.failures = 0
        """Wrong ones since the last right one."""
        self.done = False
        """Whether one was right, or none was needed."""

    def check(
        self, request: RtspRequest, target: ViewerTarget | None, credentials: Credentials | None, *, address: str
    ) -> list[str]:
        """Return the challenges to answer a request with, none when its Authorization header is right or none is needed.

        Clients compute the digest for the URI of the stream, of the track, with or without a slash or the port (live555 uses
        the stream's for all of its requests): every spelling of the same source is accepted. A lock-out of the viewer's
        address keeps new viewers out; one that has logged in before may go on.
        """
        if credentials is None:
            self.done = True
            return []
        if not self.done and self._guard.is_locked_out(address):
            self.failures += 1
            self._guard.failed(address, LoginWay.RTSP, LoginProblem.LOCKED_OUT)
            return self._challenges()
        header = request.headers.get("Authorization")
        if header is None:
            self._guard.failed(address, LoginWay.RTSP, LoginProblem.NO_CREDENTIALS)
            return self._challenges()
        if is_basic(header):
            result = DigestResult(check_basic(header, credentials))
        else:
            result = self._check_digest(header, request, target, credentials)
        if result.problem is not None:
            self._guard.failed(address, LoginWay.RTSP, result.problem)
        if result.ok:
            self._guard.succeeded(address)
            self.failures = 0
            self.done = True
            return []
        if not result.stale:
            self.failures += 1
        return self._challenges(stale=result.stale)

    def _check_digest(
        self, header: str, request: RtspRequest, target: ViewerTarget | None, credentials: Credentials
    ) -> DigestResult:
        claimed = parse_parameters(header)[1].get("uri", "")
        claimed_target = parse_viewer_uri(claimed)
        same = target is not None and claimed_target is not None and claimed_target.name == target.name
        uri = claimed if same else request.uri
        return self._digest.check(header, request.method, (uri,), credentials)

    def _challenges(self, *, stale: bool = False) -> list[str]:
        return [*self._digest.challenges(stale=stale), basic_challenge(self._realm)]
