"""Answering a recorder's HTTP login challenge."""

from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, hdrs

from ..digest import DigestClient
from ..model import Credentials


class HttpLogin:
    """An aiohttp client middleware that answers a challenge once, and brings the answer along from then on.

    Not aiohttp's own, which reads only the first of several challenges: recorders that offer Basic before Digest would keep
    us out. Only for requests to the recorder itself.
    """

    def __init__(self, credentials: Credentials, *, allow_basic: bool = False) -> None:
        """Basic is given only when it is allowed and no digest is offered."""
        self._login = DigestClient(credentials, allow_basic)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send a request, and once more when it is challenged."""
        self._authorize(request)
        response = await handler(request)
        if response.status != 401 or not self._login.take_challenges(
            response.headers.getall(hdrs.WWW_AUTHENTICATE, [])
        ):
            return response
        response.release()
        self._authorize(request)
        return await handler(request)

    def _authorize(self, request: ClientRequest) -> None:
        if authorization := self._login.authorization(request.method, request.url.raw_path_qs):
            request.headers[hdrs.AUTHORIZATION] = authorization
