"""Fetching a still image by HTTP, with digest (or Basic, where a recorder offers nothing else)."""

import aiohttp

from ..model import Credentials, Snapshot
from .errors import RecorderRefused, WrongCredentials
from .http_login import HttpLogin
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
        async with session.get(
            uri,
            allow_redirects=False,
            middlewares=(HttpLogin(credentials, allow_basic=True),),
            timeout=aiohttp.ClientTimeout(total=timeout),
            # Recorders have self-signed certificates, if any; the login is a digest.
            ssl=False,
        ) as response:
            status, image = response.status, await read_capped(response, max_image)
    if status in (401, 403):
        raise WrongCredentials(f"snapshot: HTTP {status}")
    if status != 200:
        raise RecorderRefused(f"snapshot: HTTP {status}")
    if not image.startswith(JPEG_START):
        raise RecorderRefused("snapshot: not a JPEG image")
    return Snapshot(image=image)
