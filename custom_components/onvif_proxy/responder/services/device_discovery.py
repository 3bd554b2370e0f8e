"""What the camera is found by, and whether it is (ONVIF Core, device service: discovery).

Clients may add scopes of their own, such as a location, and switch discovery off; both is kept over a restart.
"""

from collections.abc import Iterable
from typing import Final

from ..errors import InvalidArgument, ReceiverFault, SenderFault
from ..names import expand
from ..scopes import InvalidScope, fixed_scopes, is_reserved, normalize_scope
from ..xmltree import Element, child_text, node
from .base import Context

MAX_ADDED_SCOPES: Final = 16
MAX_ADDED_BYTES: Final = 1024
"""Of all added scopes together: they travel in each answer of WS-Discovery."""

_MODES = {"Discoverable": True, "NonDiscoverable": False}


def get_scopes(context: Context, _request: Element) -> Element:
    """List the scopes: those that say what the camera is, which are fixed, and those that clients have added."""
    description = context.description
    return node(
        "tds:GetScopesResponse",
        *(_scope("Fixed", scope) for scope in fixed_scopes(description)),
        *(_scope("Configurable", scope) for scope in description.scopes),
    )


def _scope(definition: str, scope: str) -> Element:
    return node("tds:Scopes", node("tt:ScopeDef", definition), node("tt:ScopeItem", scope))


async def set_scopes(context: Context, request: Element) -> Element:
    """Take other scopes in place of those that clients had added."""
    await context.camera.settings.set_scopes(_addition(context, (), _asked_scopes(request, "tds:Scopes")))
    return node("tds:SetScopesResponse")


async def add_scopes(context: Context, request: Element) -> Element:
    """Take more scopes."""
    asked = _asked_scopes(request, "tds:ScopeItem")
    await context.camera.settings.set_scopes(_addition(context, context.description.scopes, asked))
    return node("tds:AddScopesResponse")


async def remove_scopes(context: Context, request: Element) -> Element:
    """Forget scopes that clients have added: all that are named, or none."""
    asked = _asked_scopes(request, "tds:ScopeItem")
    fixed, added = fixed_scopes(context.description), context.description.scopes
    for scope in asked:
        if scope in fixed:
            raise SenderFault("A scope is fixed", "ter:OperationProhibited", "ter:FixedScope")
        if scope not in added:
            raise InvalidArgument("There is no such scope", "ter:NoScope")
    await context.camera.settings.set_scopes(tuple(scope for scope in added if scope not in asked))
    return node("tds:RemoveScopesResponse", *(node("tds:ScopeItem", scope) for scope in asked))


def _asked_scopes(request: Element, name: str) -> tuple[str, ...]:
    """Return the scopes of a request, each once, as they are kept."""
    try:
        return tuple(dict.fromkeys(normalize_scope(element.text or "") for element in request.iterfind(expand(name))))
    except InvalidScope as error:
        raise InvalidArgument(f"A scope is not a URI of at most {error.max_bytes} bytes") from error


def _addition(context: Context, present: Iterable[str], asked: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes to be kept.

    A client may send the fixed ones along, as it read them; but nobody else says what the camera is, called and known by.
    """
    fixed = fixed_scopes(context.description)
    new = [scope for scope in asked if scope not in fixed]
    if any(is_reserved(scope) for scope in new):
        raise SenderFault("A scope would contradict a fixed one", "ter:OperationProhibited", "ter:ScopeOverwrite")
    kept = tuple(dict.fromkeys((*present, *new)))
    if len(kept) > MAX_ADDED_SCOPES or sum(map(len, kept)) > MAX_ADDED_BYTES:
        raise ReceiverFault("There are too many scopes", "ter:Action", "ter:TooManyScopes")
    return kept


def get_discovery_mode(context: Context, _request: Element) -> Element:
    """Tell whether WS-Discovery is answered."""
    mode = next(name for name, discoverable in _MODES.items() if discoverable == context.discoverable)
    return node("tds:GetDiscoveryModeResponse", node("tds:DiscoveryMode", mode))


async def set_discovery_mode(context: Context, request: Element) -> Element:
    """Answer WS-Discovery from now on, or keep silent."""
    discoverable = _MODES.get(child_text(request, "tds:DiscoveryMode") or "")
    if discoverable is None:
        raise InvalidArgument("The discovery mode is Discoverable or NonDiscoverable")
    await context.camera.settings.set_discoverable(discoverable)
    return node("tds:SetDiscoveryModeResponse")


def get_endpoint_reference(context: Context, _request: Element) -> Element:
    """Tell the endpoint reference of WS-Discovery."""
    return node("tds:GetEndpointReferenceResponse", node("tds:GUID", f"urn:uuid:{context.description.identity.uuid}"))
