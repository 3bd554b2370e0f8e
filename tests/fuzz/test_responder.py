"""What clients of the web services and of discovery send."""

from collections.abc import Hashable, Iterator
import contextlib
from datetime import timedelta

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.responder.auth import TokenVerifier
from custom_components.onvif_proxy.responder.durations import MAX_LENGTH, format_duration, parse_duration, parse_time
from custom_components.onvif_proxy.responder.errors import NotAuthorized, SoapFault
from custom_components.onvif_proxy.responder.names import expand
from custom_components.onvif_proxy.responder.scopes import MAX_SCOPE_BYTES, InvalidScope, is_reserved, normalize_scope
from custom_components.onvif_proxy.responder.soap import Addressing, build_fault, parse_request
from custom_components.onvif_proxy.responder.wsdiscovery import (
    MAX_MESSAGE_ID_LENGTH,
    Announcer,
    DiscoveryError,
    Target,
    parse_datagram,
)
from custom_components.onvif_proxy.responder.xmltree import XmlLimits, parse_xml

from .corpus import DATAGRAMS, ENVELOPES, TOKEN_PASSWORD, TOKEN_TIME
from .harness import holds
from .inputs import texts, variants

VIEWER = Credentials(username="viewer", password=TOKEN_PASSWORD)
TARGET = Target(
    endpoint_reference="urn:uuid:1234",
    scopes=("onvif://www.onvif.org/Profile/Streaming", "uuid:12345678-1234-1234-1234-123456789abc"),
    xaddrs=("http://192.0.2.7/onvif/device_service",),
    metadata_version=5,
)
LIMITS = XmlLimits()


def login(data: bytes) -> tuple[str | None, ...]:
    """Return what counts of a document's first user name token."""
    token = next(parse_xml(data, LIMITS).iter(expand("wsse:UsernameToken")))
    names = ("wsse:Username", "wsse:Password", "wsse:Nonce", "wsu:Created")
    return tuple((token.findtext(expand(name)) or "").strip() for name in names)


@holds(found=variants(*ENVELOPES))
def test_a_request_has_an_operation_and_perhaps_a_login_or_is_a_fault(found: list[bytes]) -> Iterator[Hashable]:
    for data in found:
        yield data
        verifier = TokenVerifier(clock=lambda: TOKEN_TIME + timedelta(seconds=2))
        try:
            request = parse_request(data, LIMITS)
        except SoapFault as fault:
            parse_xml(build_fault(fault), LIMITS)
            continue
        assert request.operation
        parse_xml(build_fault(NotAuthorized(), Addressing("urn:x", request.message_id)), LIMITS)
        tokens = [
            token
            for block in request.headers
            if block.tag == expand("wsse:Security")
            for token in block.iterfind(expand("wsse:UsernameToken"))
        ]
        if verifier.check(tokens, VIEWER, "192.0.2.1") is None:
            assert login(data) == login(ENVELOPES[0])
            assert verifier.check(tokens, VIEWER, "192.0.2.2") is not None


@holds(found=variants(*DATAGRAMS, longest=8300))
def test_a_datagram_is_a_request_or_none(found: list[bytes]) -> Iterator[Hashable]:
    for data in found:
        yield data
        try:
            request = parse_datagram(data)
        except DiscoveryError:
            continue
        assert 0 < len(request.message_id) <= MAX_MESSAGE_ID_LENGTH
        if request.matches(TARGET):
            parse_xml(Announcer(1).answer(request, TARGET), LIMITS)


@holds(found=texts("P1Y2M3DT4H5M6.7S", "PT60S", "-PT0S", "2026-11-21T12:00:00Z", "2026-11-21T12:00:00.123456+07:00"))
def test_times_and_durations(found: list[str]) -> Iterator[Hashable]:
    for text in found:
        yield text
        with contextlib.suppress(ValueError):
            span = parse_duration(text)
            assert len(text) <= MAX_LENGTH
            if span >= timedelta():
                again = parse_duration(format_duration(span))
                assert abs(again - span) < timedelta(seconds=1)
        with contextlib.suppress(ValueError):
            assert parse_time(text).tzinfo is not None


@holds(found=texts("onvif://www.onvif.org/location/Garten Süd", "onvif://www.onvif.org/mac/00:11", "urn:x%20y"))
def test_scopes(found: list[str]) -> Iterator[Hashable]:
    for text in found:
        yield text
        try:
            scope = normalize_scope(text)
        except InvalidScope:
            continue
        assert scope.isascii()
        assert len(scope) <= MAX_SCOPE_BYTES
        assert not any(character.isspace() for character in scope)
        assert normalize_scope(scope) == scope
        assert is_reserved(scope) in (True, False)
