"""WS-Discovery of April 2005 as devices speak it: datagrams in, matches and announcements out. No I/O.

Source: WS-Discovery (April 2005) sections 4 to 6; ONVIF Core, device discovery.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

from .errors import XmlError
from .names import expand
from .xmltree import Element, XmlLimits, child_text, document, node, parse_xml

DISCOVERY: Final = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
MULTICAST_TO: Final = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
ANONYMOUS: Final = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"

MAX_DATAGRAM = 8 * 1024
MAX_MESSAGE_ID_LENGTH = 256  # it is echoed
MAX_WANTED = 16
"""Types, and scopes, of a request: each camera compares them with its own, and one datagram reaches all cameras."""
XML_LIMITS = XmlLimits(depth=12, elements=100, attributes=100)

# A virtual camera is both; expanded names, as clients choose their prefixes freely.
TYPES: Final = ("dn:NetworkVideoTransmitter", "tds:Device")
_EXPANDED_TYPES = frozenset(expand(name) for name in TYPES)

_DEFAULT_RULE = f"{DISCOVERY}/rfc3986"
# What must stand in every request to a device, so that all else costs no parsing.
_ACTIONS = (f"{DISCOVERY}/Probe".encode(), f"{DISCOVERY}/Resolve".encode())


class DiscoveryError(ValueError):
    """A datagram that is no request to a device; the text is for a log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is found: a device that tells of itself."""

    endpoint_reference: str
    """`urn:uuid:...`"""
    scopes: tuple[str, ...]
    xaddrs: tuple[str, ...]
    metadata_version: int
    """Raised whenever something else of this changes."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Who is there, of these types and in these scopes?"""

    message_id: str
    types: frozenset[str | None]
    """Expanded names; None for one whose prefix is not declared."""
    scopes: tuple[str, ...]
    match_by: str

    def matches(self, target: Target) -> bool:
        """Tell whether a device has all types and all scopes asked for; by a rule that we lack, nothing matches.

        The lacking ones are `ldap`, of a directory that cameras are not in, and `none`, for devices without scopes.
        """
        rule = _RULES.get(self.match_by)
        return (
            rule is not None
            and self.types <= _EXPANDED_TYPES
            and all(any(map(rule(wanted), target.scopes)) for wanted in self.scopes)
        )


@dataclass(frozen=True, slots=True)
class Resolve:
    """Where is this endpoint?"""

    message_id: str
    endpoint_reference: str

    def matches(self, target: Target) -> bool:
        """Tell whether the device is meant."""
        return self.endpoint_reference == target.endpoint_reference


def _same_string(wanted: str) -> Callable[[str], bool]:
    return lambda scope: scope == wanted


def _same_uuid(wanted: str) -> Callable[[str], bool]:
    """Compare as numbers of 128 bits, both of the scheme `uuid`."""

    def number_of(uri: str) -> UUID | None:
        try:
            return UUID(uri[5:]) if uri[:5].lower() == "uuid:" else None
        except ValueError:
            return None

    number = number_of(wanted)
    return lambda scope: number is not None and number_of(scope) == number


def _uri_prefix(wanted: str) -> Callable[[str], bool]:
    """Compare segment by segment, of which `wanted` may have fewer."""
    parts = _parts_of(wanted)
    if parts is None or not {".", ".."}.isdisjoint(parts[1]):
        return lambda _: False
    authority, prefix = parts

    def begins_so(scope: str) -> bool:
        known = _parts_of_own(scope)
        return known is not None and known[0] == authority and known[1][: len(prefix)] == prefix

    return begins_so


def _parts_of(uri: str) -> tuple[tuple[str, str], list[str]] | None:
    """Return the scheme and the authority, and the segments of the path; None for what is no URI."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    return (parts.scheme.lower(), parts.netloc.lower()), [unquote(part) for part in parts.path.rstrip("/").split("/")]


# Never asked for what strangers want, which would push our own scopes out.
_parts_of_own = lru_cache(1024)(_parts_of)


_RULES: Final[Mapping[str, Callable[[str], Callable[[str], bool]]]] = {
    _DEFAULT_RULE: _uri_prefix,
    f"{DISCOVERY}/rfc2396": _uri_prefix,
    f"{DISCOVERY}/strcmp0": _same_string,
    f"{DISCOVERY}/uuid": _same_uuid,
}
"""How to compare a scope that is wanted with one that there is (section 5.1; ONVIF Core replaces RFC 2396 by RFC 3986)."""


def parse_datagram(data: bytes) -> Probe | Resolve:
    """Read a request; raises `DiscoveryError` for everything else, such as the announcements of other devices."""
    if len(data) > MAX_DATAGRAM:
        raise DiscoveryError("too large")
    if not any(action in data for action in _ACTIONS):
        raise DiscoveryError("neither Probe nor Resolve")
    try:
        envelope = parse_xml(data, XML_LIMITS)
    except XmlError as error:
        raise DiscoveryError(str(error)) from error
    header, body = envelope.find(expand("env:Header")), envelope.find(expand("env:Body"))
    message_id = child_text(header, "a:MessageID")
    if envelope.tag != expand("env:Envelope") or body is None or len(body) != 1:
        raise DiscoveryError("not a SOAP 1.2 envelope")
    if not message_id or len(message_id) > MAX_MESSAGE_ID_LENGTH:
        raise DiscoveryError("no usable message id")
    request = body[0]
    action = child_text(header, "a:Action")
    if request.tag == expand("d:Probe") and action == f"{DISCOVERY}/Probe":
        return _parse_probe(message_id, request)
    if request.tag == expand("d:Resolve") and action == f"{DISCOVERY}/Resolve":
        reference = child_text(request.find(expand("a:EndpointReference")), "a:Address")
        if not reference:
            raise DiscoveryError("nothing to resolve")
        return Resolve(message_id, reference)
    raise DiscoveryError("neither Probe nor Resolve")


def _parse_probe(message_id: str, request: Element) -> Probe:
    types = request.find(expand("d:Types"))
    scopes = request.find(expand("d:Scopes"))
    names, wanted = ((element.text or "").split() if element is not None else [] for element in (types, scopes))
    if max(len(names), len(wanted)) > MAX_WANTED:
        raise DiscoveryError("too many types or scopes")
    namespaces = {} if types is None else types.nsmap
    return Probe(
        message_id,
        frozenset(_expand_by(namespaces, name) for name in names),
        tuple(wanted),
        ("" if scopes is None else scopes.get("MatchBy", "").strip()) or _DEFAULT_RULE,
    )


def _expand_by(namespaces: Mapping[str | None, str], name: str) -> str | None:
    prefix, _, local = name.rpartition(":")
    namespace = namespaces.get(prefix or None)
    return None if namespace is None else f"{{{namespace}}}{local}"


@dataclass(slots=True)
class Announcer:
    """Builds what a device sends, numbered in sequence (appendix I)."""

    instance_id: int
    """Must be higher than at the last start."""
    sequence_id: str | None = None
    """A URI, where others announce the same device, too."""
    _sent: int = field(default=0)

    def hello(self, target: Target) -> bytes:
        """Announce that the device is there, or has changed."""
        return self._build("Hello", MULTICAST_TO, None, node("d:Hello", *_facts(target)))

    def bye(self, target: Target) -> bytes:
        """Announce that the device leaves."""
        return self._build("Bye", MULTICAST_TO, None, node("d:Bye", _reference(target)))

    def answer(self, request: Probe | Resolve, target: Target) -> bytes:
        """Answer a request that matches."""
        kind = "Probe" if isinstance(request, Probe) else "Resolve"
        match = node(f"d:{kind}Matches", node(f"d:{kind}Match", *_facts(target)))
        return self._build(f"{kind}Matches", ANONYMOUS, request.message_id, match)

    def _build(self, action: str, to: str, relates_to: str | None, content: Element) -> bytes:
        self._sent += 1
        envelope = node(
            "env:Envelope",
            node(
                "env:Header",
                node("a:MessageID", uuid4().urn),
                None if relates_to is None else node("a:RelatesTo", relates_to),
                node("a:To", to),
                node("a:Action", f"{DISCOVERY}/{action}"),
                node(
                    "d:AppSequence",
                    {"InstanceId": self.instance_id},
                    None if self.sequence_id is None else {"SequenceId": self.sequence_id},
                    {"MessageNumber": self._sent},
                ),
            ),
            node("env:Body", content),
        )
        return document(envelope, "env", "a", "d", *(name.partition(":")[0] for name in TYPES))


def _reference(target: Target) -> Element:
    return node("a:EndpointReference", node("a:Address", target.endpoint_reference))


def _facts(target: Target) -> tuple[Element, ...]:
    return (
        _reference(target),
        node("d:Types", " ".join(TYPES)),
        node("d:Scopes", " ".join(target.scopes)),
        node("d:XAddrs", " ".join(target.xaddrs)),
        node("d:MetadataVersion", target.metadata_version),
    )
