"""Every operation of every service's WSDL, asked of a camera over real HTTP, and what is wrong with its answers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache, partial

import aiohttp
from lxml import etree

from custom_components.onvif_proxy.model import CameraDescription
from custom_components.onvif_proxy.responder import Camera, OnvifServer
from custom_components.onvif_proxy.responder.services import SERVICES

from .access_classes import PREFIXES
from .conftest import Client, Reply
from .envelopes import NS, envelope, security
from .requests_by_schema import RequestBuilder
from .schemas import WsdlOperation, wsdl_operations

SUBSCRIPTIONS = "http://docs.oasis-open.org/wsn/bw-2"
WSNT = PREFIXES["wsnt"]
TEV = PREFIXES["tev"]
# What is sent to the address of a pull point.
OF_A_SUBSCRIPTION = {
    f"{{{TEV}}}PullMessages",
    f"{{{TEV}}}Seek",
    f"{{{TEV}}}SetSynchronizationPoint",
    f"{{{WSNT}}}Renew",
    f"{{{WSNT}}}Unsubscribe",
}

# What requests say, by the local name of the element or attribute.
VALUES = {
    "ProfileToken": "main",
    "VideoSourceToken": "VideoSource_1",
    "NodeToken": "PTZNode_1",
    "PTZConfigurationToken": "PTZConfiguration_1",
    "PresetToken": "1",
    "RelayOutputToken": "Relay1",
    "AuxiliaryCommand": "tt:Wiper|On",
    "AuxiliaryData": "tt:Wiper|On",
    "InitialTerminationTime": "PT60S",
    "TerminationTime": "PT60S",
    "MessageLimit": "1",
    "Tunnel": "",
}
CONFIGURATIONS = {
    "VideoSource": "VideoSourceConfiguration_1",
    "VideoEncoderInstances": "VideoSourceConfiguration_1",
    "VideoEncoder": "VideoEncoder_sub",
    "AudioSource": "AudioSourceConfiguration_1",
    "AudioEncoder": "AudioEncoder_main",
    "OSD": "VideoSourceConfiguration_1",
    "Mask": "VideoSourceConfiguration_1",
    "PTZ": "PTZConfiguration_1",
}


def walk() -> Iterator[tuple[str, WsdlOperation]]:
    """Yield the operations of all services that there are, with the path of each."""
    for service in SERVICES:
        for operation in wsdl_operations()[service.namespace]:
            yield service.path, operation
        if service.namespace == TEV:
            for operation in wsdl_operations()[SUBSCRIPTIONS]:
                yield service.path, operation


type Requests = dict[tuple[str, bool], str]


@cache
def all_requests() -> Requests:
    """Return the requests by the name of their element: short, and with all that the schema lets be."""
    builder = RequestBuilder()
    return {
        (operation.request, whole): etree.tostring(
            builder.build(operation.request, partial(value_of, operation), whole=whole)
        ).decode()
        for _, operation in walk()
        for whole in (False, True)
    }


def value_of(operation: WsdlOperation, name: str) -> str | None:
    """Return what an element of an operation's request says; None where any value will do."""
    match name:
        case "ConfigurationToken":
            words = (token for word, token in CONFIGURATIONS.items() if word in operation.name)
            return next(words, "VideoSourceConfiguration_1")
        case "Token" | "token" if operation.request.startswith(f"{{{PREFIXES['tr2']}}}"):
            return "main"
        case "Protocol" if operation.request.startswith(f"{{{PREFIXES['tr2']}}}"):
            return "RTSP"
    return VALUES.get(name)


@asynccontextmanager
async def running(
    description: CameraDescription, camera: Camera, session: aiohttp.ClientSession
) -> AsyncIterator[Client]:
    """Run a camera."""
    async with OnvifServer(description, camera) as server:
        yield Client(session, server)


async def subscribe(client: Client) -> str:
    """Make a pull point; returns the path of its address."""
    request = f'<CreatePullPointSubscription xmlns="{TEV}"/>'
    reply = await client.post(envelope(request, security()), path="/onvif/event_service")
    address = reply.response.findtext(".//{http://www.w3.org/2005/08/addressing}Address")
    assert address is not None
    return address.removeprefix(client.url(""))


async def path_of(client: Client, path: str, operation: WsdlOperation) -> str:
    """Return where an operation is to be sent."""
    offered = any(service.namespace == TEV for service in SERVICES)
    return await subscribe(client) if operation.request in OF_A_SUBSCRIPTION and offered else path


def codes_of(reply: Reply) -> list[str]:
    """Return the codes of a fault from the first to the innermost, expanded; each prefix must be declared."""
    codes = []
    for value in reply.body.iterfind(".//env:Value", NS):
        prefix, _, local = (value.text or "").partition(":")
        assert prefix in value.nsmap, f"undeclared prefix {prefix!r}"
        codes.append(f"{{{value.nsmap[prefix]}}}{local}")
    return codes


def is_fault(reply: Reply) -> bool:
    return reply.body.tag == f"{{{NS['env']}}}Fault"


def is_refused(reply: Reply) -> bool:
    """Return whether a login was missing or wrong."""
    return is_fault(reply) and f"{{{NS['ter']}}}NotAuthorized" in codes_of(reply)


def shortcoming(reply: Reply, operation: WsdlOperation, schema: etree.XMLSchema) -> str | None:
    """Return what is wrong with an answer."""
    if reply.headers["Content-Type"] != "application/soap+xml; charset=utf-8":
        return f"content type {reply.headers['Content-Type']}"
    if not is_fault(reply):
        if reply.status != 200:
            return f"status {reply.status} without a fault"
        if reply.body.tag != operation.response:
            return f"{reply.body.tag} in place of {operation.response}"
        return None if schema.validate(reply.body) else str(schema.error_log.last_error)
    return fault_shortcoming(reply)


def fault_shortcoming(reply: Reply) -> str | None:
    """Return what is wrong with a fault (ONVIF Core, generic faults; SOAP 1.2 part 2 section 7.5)."""
    first, *more = codes_of(reply)
    status = {f"{{{NS['env']}}}Sender": 400, f"{{{NS['env']}}}Receiver": 500}.get(first)
    if f"{{{NS['ter']}}}NotAuthorized" in more and reply.status == 401:
        status = 401
    if reply.status != status:
        return f"{first} with status {reply.status}"
    if not more:
        return "no subcode"
    if f"{{{NS['ter']}}}Action" in more and len(more) == 1:
        return "the device failed"
    if f"{{{NS['ter']}}}ActionNotSupported" in more and "not implemented" not in reply.reason:
        return f"Home Assistant reads {reply.reason!r} as a failure"
    return None if reply.reason else "no reason"


async def shortcomings_of(client: Client, schema: etree.XMLSchema, *, whole: bool) -> list[str]:
    """Ask a camera for everything; returns what is wrong with its answers."""
    shortcomings = []
    for path, operation in walk():
        request = all_requests()[operation.request, whole]
        target = await path_of(client, path, operation)
        reply = await client.post(envelope(request, security()), path=target)
        if problem := shortcoming(reply, operation, schema):
            shortcomings.append(f"{operation.request}: {problem} ({request})")
    return shortcomings
