"""SOAP calls to one recorder: onvif-zeep-async's messages and schema over a transport of ours.

The library's services build requests (with a WS-UsernameToken in the recorder's time) and decode answers. The transport
puts limits on what a recorder may do, answers HTTP digest challenges, which the library does not, and never leaves the
configured host. What blocks (reading WSDL files, decoding an answer) runs in a worker thread.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from lxml import etree
import onvif  # type: ignore[import-untyped]  # the library ships no types
from onvif.definition import SERVICES  # type: ignore[import-untyped]  # the library ships no types
from zeep import Settings

from ..model import Credentials
from .addresses import join_host_port
from .errors import RecorderRefused
from .fault import refusal
from .http_login import HttpLogin
from .translation import recorder_errors

MAX_ANSWER = 8 * 1024 * 1024
"""Bytes: 64 channels with three profiles each make about one million."""
MAX_PARALLEL = 8
TIMEOUT = 10.0
"""Seconds for one request."""

# The library's names of services; a pull point and its subscription are one address with two interfaces.
DEVICE = "devicemgmt"
MEDIA = "media"
EVENTS = "events"
PULL_POINT = "pullpoint"
SUBSCRIPTION = "subscription"
PTZ = "ptz"
IMAGING = "imaging"
DEVICE_IO = "deviceio"

_WSDL_FOLDER = Path(onvif.__file__).parent / "wsdl"
# A connection that was kept alive may be dead before the request went out; then it is sent once more.
_DEAD_CONNECTION = (aiohttp.ServerDisconnectedError, aiohttp.ClientConnectionResetError)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What zeep reads of an HTTP response."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    encoding: str | None = None


async def read_capped(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body of at most `limit` bytes, counted after decompression; raises RecorderRefused above."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > limit:
            response.close()
            raise RecorderRefused(f"answer of more than {limit} bytes")
    return bytes(content)


@dataclass(slots=True)
class _Transport:
    """zeep's transport, as far as it is used for calls."""

    session: aiohttp.ClientSession
    timeout: float
    max_answer: int
    middlewares: tuple[aiohttp.ClientMiddlewareType, ...]
    cache: None = None

    async def post_xml(self, address: str, envelope: etree._Element, headers: dict[str, str]) -> HttpAnswer:
        """Send an envelope; follows no redirect."""
        message = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        try:
            return await self._post(address, message, headers)
        except _DEAD_CONNECTION:
            return await self._post(address, message, headers)

    async def _post(self, address: str, message: bytes, headers: dict[str, str]) -> HttpAnswer:
        async with self.session.post(
            address,
            data=message,
            headers={**headers, "Accept-Encoding": "identity"},
            allow_redirects=False,
            middlewares=self.middlewares,
            timeout=aiohttp.ClientTimeout(total=self.timeout),
        ) as response:
            content = await read_capped(response, self.max_answer)
            return HttpAnswer(response.status, response.headers, content, response.charset)

    async def aclose(self) -> None:
        """Leave the session alone: it is the caller's."""


def _answer_settings() -> Settings:
    # Not strict: some recorders' answers are not well-formed. Raw: so that decoding can be moved off the loop.
    return Settings(strict=False, raw_response=True, xml_huge_tree=False, forbid_dtd=True, forbid_external=True)


def _binding_name(service_name: str) -> str:
    definition = SERVICES[service_name]
    return f"{{{definition['ns']}}}{definition['binding']}"


def _accepted(operation: str, answer: HttpAnswer) -> HttpAnswer:
    """Return an answer, or raise what it refuses with."""
    if error := refusal(operation, answer.status_code, answer.content):
        raise error
    return answer


@dataclass(slots=True, kw_only=True)
class SoapClient:
    """Calls operations of a recorder's services. Raises `RecorderError` subclasses only."""

    host: str
    port: int
    credentials: Credentials
    session: aiohttp.ClientSession
    timeout: float = TIMEOUT
    max_parallel: int = MAX_PARALLEL
    max_answer: int = MAX_ANSWER
    clock_offset: timedelta | None = None
    """How far the recorder's clock is ahead; added to the time that logins are signed with."""
    addresses: dict[str, str] = field(default_factory=dict)
    """URL of each service; the device service's is fixed by the Core specification section 5.1.3."""
    patience: dict[str, float] = field(default_factory=dict)
    """Seconds that a service may take longer, since its answers wait for something; those don't count as parallel."""
    _services: dict[str, Any] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _slots: asyncio.Semaphore = field(init=False)
    _login: HttpLogin = field(init=False)

    def __post_init__(self) -> None:
        """Derive what depends on the arguments."""
        self._slots = asyncio.Semaphore(self.max_parallel)
        self._login = HttpLogin(self.credentials)
        self.addresses[DEVICE] = f"http://{join_host_port(self.host, self.port)}/onvif/device_service"

    async def call(
        self, service_name: str, operation: str, parameters: Mapping[str, Any] | None = None, *, login: bool = True
    ) -> Any:
        """Call an operation and return zeep's object of the answer, None for an answer without content."""
        async with self._slots:
            with recorder_errors(operation):
                client, answer = await self._send(service_name, operation, parameters or {}, login=login)
                binding = client.wsdl.bindings[_binding_name(service_name)]

                def decode() -> Any:
                    return binding.process_reply(client, binding.get(operation), _accepted(operation, answer))

                return await asyncio.to_thread(decode)

    async def read[T](
        self,
        service_name: str,
        operation: str,
        reader: Callable[[bytes], T],
        parameters: Mapping[str, Any] | None = None,
        *,
        headers: Sequence[etree._Element] = (),
    ) -> T:
        """Call an operation with SOAP headers and return what `reader` makes of the envelope of the answer.

        For what zeep can't decode: text with prefixes in it, and answers in old namespaces.
        """
        async with nullcontext() if service_name in self.patience else self._slots:
            with recorder_errors(operation):
                sent = {**(parameters or {}), "_soapheaders": list(headers)} if headers else parameters or {}
                _, answer = await self._send(service_name, operation, sent)
                return await asyncio.to_thread(lambda: reader(_accepted(operation, answer).content))

    async def _send(
        self, service_name: str, operation: str, parameters: Mapping[str, Any], *, login: bool = True
    ) -> tuple[Any, HttpAnswer]:
        """Return zeep's client that has sent a request, and the answer."""
        service = await self._service(service_name)
        client = service.zeep_client if login else service.zeep_client_authless
        if login:
            client.wsse.dt_diff = self.clock_offset
        send = getattr(service, operation if login else f"authless_{operation}")
        return client, await send(dict(parameters))

    async def close(self) -> None:
        """Forget the library's services, which hold nothing open; a later call makes them again."""
        self._services.clear()

    async def _service(self, name: str) -> Any:
        """Return the library's service, made at its first use and again when its address changed."""
        async with self._lock:
            if name not in self.addresses:
                raise RecorderRefused(f"the recorder names no {name} service")
            service = self._services.get(name)
            if service is not None and service.xaddr == self.addresses[name]:
                return service
            service = onvif.ONVIFService(
                self.addresses[name],
                self.credentials.username,
                self.credentials.password,
                str(_WSDL_FOLDER / SERVICES[name]["wsdl"]),
                no_cache=True,
                binding_name=_binding_name(name),
            )
            try:
                # Loads the WSDL in a worker thread, once a process.
                await service.setup()
            finally:
                # Each service opens a session of its own, which nobody would close who is cancelled or late.
                await service.close()
            timeout = self.timeout + self.patience.get(name, 0.0)
            for client, middlewares in ((service.zeep_client, (self._login,)), (service.zeep_client_authless, ())):
                client.settings = _answer_settings()
                client.transport = _Transport(self.session, timeout, self.max_answer, middlewares)
            self._services[name] = service
            return service
