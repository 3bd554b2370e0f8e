"""Fetching a still image by HTTP, with digest (or Basic, where a recorder offers nothing else)."""

from base64 import b64encode

import aiohttp

from ..digest import parse_parameters
from ..model import Credentials, Snapshot
from .errors import RecorderRefused, WrongCredentials
from .soap import read_capped
from .translation import recorder_errors

MAX_IMAGE = 8 * 1024 * 1024
"""Bytes."""
TIMEOUT = 15.0
"""Seconds: recorders encode the image when they are asked."""
JPEG_START = b"\xff\xd8\xff"


async def fetch_snapshot(
    session: aiohttp.ClientSession,
    uri: str,
    credentials: Credentials,
    *,
    timeout: float = TIMEOUT,
    max_image: int = MAX_IMAGE,
) -> Snapshot:
    """Fetch a JPEG from a URI on the recorder; follows no redirect. Raises `RecorderError` subclasses.

    Raises:
        WrongCredentials: The recorder wants another login.
        RecorderRefused: It sends something else than a JPEG, or one that is too large.
        Unreachable: It does not answer.
    """
    with recorder_errors("snapshot"):
        middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = ()
        if ":" not in credentials.username:
            middlewares = (aiohttp.DigestAuthMiddleware(credentials.username, credentials.password),)
        status, challenges, image = await _get(session, uri, {}, middlewares, timeout, max_image)
        if status == 401 and {parse_parameters(challenge)[0] for challenge in challenges} == {"basic"}:
            pair = b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
            status, _, image = await _get(session, uri, {"Authorization": f"Basic {pair}"}, (), timeout, max_image)
    if status in (401, 403):
        raise WrongCredentials(f"snapshot: HTTP {status}")
    if status != 200:
        raise RecorderRefused(f"snapshot: HTTP {status}")
    if not image.startswith(JPEG_START):
        raise RecorderRefused("snapshot: not a JPEG image")
    return Snapshot(image=image)


async def _get(
    session: aiohttp.ClientSession,
    uri: str,
    headers: dict[str, str],
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...],
    timeout: float,
    max_image: int,
) -> tuple[int, list[str], bytes]:
    """Return status, challenges and body."""
    async with session.get(
        uri,
        headers=headers,
        allow_redirects=False,
        middlewares=middlewares,
        timeout=aiohttp.ClientTimeout(total=timeout),
        # Recorders have self-signed certificates, if any; the login is a digest.
        ssl=False,
    ) as response:
        return response.status, response.headers.getall("WWW-Authenticate", []), await read_capped(response, max_image)
