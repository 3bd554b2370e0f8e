"""A viewer's login: digest in RTSP (RFC 2326 section 14, RFC 7616). No I/O."""

import logging
import math

from ..digest import DigestServer, parse_parameters
from ..model import Credentials
from ..rtsp import RtspRequest
from .uris import ViewerTarget, parse_viewer_uri

_LOGGER = logging.getLogger(__name__)

# Digest only: Basic would send the password in clear text. MD5 comes last: FFmpeg (6.1 and 9.0 tried) takes the last challenge
# and knows no other. Clients that read the first one alone tend to compute MD5 for the same nonce whatever it says.
_ALGORITHMS = ("SHA-256", "MD5")


class ViewerLogin:
    """The login of one connection."""

    def __init__(self, realm: str) -> None:
        """Nobody is logged in."""
        # The nonces are the connection's own: nobody else can use them up, and they needn't expire in mid-session.
        self._digest = DigestServer(realm, algorithms=_ALGORITHMS, nonce_lifetime=math.inf, max_nonces=4)
        self.failures = 0
        """Wrong ones since the last right one."""
        self.done = False
        """Whether one was right."""

    def check(
        self, request: RtspRequest, target: ViewerTarget | None, credentials: Credentials, *, address: str
    ) -> list[str]:
        """Return the challenges to answer a request with, none when its Authorization header is right; `address` is logged.

        Clients compute the digest for the URI of the stream, of the track, with or without a slash or the port (live555 uses
        the stream's for all of its requests): every spelling of the same source is accepted.
        """
        header = request.headers.get("Authorization")
        if header is None:
            return self._digest.challenges()
        claimed = parse_parameters(header)[1].get("uri", "")
        claimed_target = parse_viewer_uri(claimed)
        same = target is not None and claimed_target is not None and claimed_target.name == target.name
        uri = claimed if same else request.uri
        result = self._digest.check(header, request.method, (uri,), credentials)
        if result.ok:
            self.failures = 0
            self.done = True
            return []
        if not result.stale:
            self.failures += 1
            _LOGGER.debug("Viewer %s refused: %s", address, result.reason)
        return self._digest.challenges(stale=result.stale)
