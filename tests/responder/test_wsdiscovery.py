"""WS-Discovery without sockets: datagrams in, matches and datagrams out."""

from lxml import etree
import pytest

from custom_components.onvif_proxy.responder.wsdiscovery import (
    MAX_DATAGRAM,
    Announcer,
    DiscoveryError,
    Probe,
    Resolve,
    Target,
    parse_datagram,
)

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "d": "http://schemas.xmlsoap.org/ws/2005/04/discovery",
}
DN = "http://www.onvif.org/ver10/network/wsdl"
TDS = "http://www.onvif.org/ver10/device/wsdl"
TARGET = Target(
    endpoint_reference="urn:uuid:1234",
    scopes=("onvif://www.onvif.org/Profile/Streaming", "onvif://www.onvif.org/hardware/D1-566"),
    xaddrs=("http://192.0.2.7/onvif/device_service",),
    metadata_version=5,
)


def target(*scopes: str) -> Target:
    return Target(endpoint_reference="urn:uuid:1234", scopes=scopes, xaddrs=(), metadata_version=1)


def request(
    content: str,
    *,
    action: str = "Probe",
    message_id: str = "urn:uuid:9",
    discovery: str = NS["d"],
    soap: str = NS["s"],
    declare: str = "",
) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{soap}" xmlns:a="{NS["a"]}" xmlns:d="{discovery}" {declare}><s:Header>'
        f"<a:MessageID>{message_id}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
        f"<a:Action>{discovery}/{action}</a:Action></s:Header><s:Body>{content}</s:Body></s:Envelope>"
    ).encode()


def probe(types: str | None = None, scopes: str | None = None, declare: str = "", match_by: str = "") -> Probe:
    rule = f' MatchBy="{match_by}"' if match_by else ""
    content = "" if types is None else f"<d:Types>{types}</d:Types>"
    content += "" if scopes is None else f"<d:Scopes{rule}>{scopes}</d:Scopes>"
    parsed = parse_datagram(request(f"<d:Probe>{content}</d:Probe>", declare=declare))
    assert isinstance(parsed, Probe)
    return parsed


class TestProbe:
    """Who is there?"""

    @pytest.mark.parametrize(
        ("types", "declare"),
        [
            pytest.param(None, "", id="no types"),
            pytest.param("", "", id="empty types"),
            pytest.param("dn:NetworkVideoTransmitter", f'xmlns:dn="{DN}"', id="UniFi Protect"),
            pytest.param("dp0:NetworkVideoTransmitter", f'xmlns:dp0="{DN}"', id="Home Assistant"),
            pytest.param("  t:Device\n", f'xmlns:t="{TDS}"', id="device"),
            pytest.param("a1:NetworkVideoTransmitter b:Device", f'xmlns:a1="{DN}" xmlns:b="{TDS}"', id="both"),
            pytest.param("NetworkVideoTransmitter", f'xmlns="{DN}"', id="default namespace"),
        ],
    )
    def test_types_that_match(self, types: str | None, declare: str) -> None:
        assert probe(types, declare=declare).matches(TARGET)

    @pytest.mark.parametrize(
        ("types", "declare"),
        [
            pytest.param("dn:NetworkVideoTransmitter", f'xmlns:dn="{TDS}"', id="other namespace"),
            pytest.param("dn:NetworkVideoTransmitter", "", id="undeclared prefix"),
            pytest.param("NetworkVideoTransmitter", "", id="no namespace"),
            pytest.param("dn:NetworkVideoDisplay", f'xmlns:dn="{DN}"', id="display"),
            pytest.param("dn:NetworkVideoTransmitter p:Printer", f'xmlns:dn="{DN}" xmlns:p="urn:p"', id="one of two"),
        ],
    )
    def test_types_that_do_not(self, types: str, declare: str) -> None:
        assert not probe(types, declare=declare).matches(TARGET)

    @pytest.mark.parametrize(
        ("scopes", "matches"),
        [
            ("onvif://www.onvif.org/Profile/Streaming", True),
            ("onvif://www.onvif.org/Profile onvif://www.onvif.org/hardware/D1-566", True),
            ("onvif://www.onvif.org/Profile onvif://www.onvif.org/hardware/D2", False),
            ("", True),
        ],
    )
    def test_all_scopes_must_match(self, scopes: str, matches: bool) -> None:
        assert probe(scopes=scopes).matches(TARGET) is matches

    def test_unknown_rule_matches_nothing(self) -> None:
        assert not probe(scopes=TARGET.scopes[0], match_by=f"{NS['d']}/ldap").matches(TARGET)
        assert not probe(scopes="", match_by=f"{NS['d']}/none").matches(TARGET)

    def test_rule_is_read(self) -> None:
        assert probe(scopes=TARGET.scopes[0], match_by=f"{NS['d']}/strcmp0").matches(TARGET)
        assert not probe(scopes="onvif://www.onvif.org/Profile", match_by=f"{NS['d']}/strcmp0").matches(TARGET)


@pytest.mark.parametrize("rule", ["rfc3986", "rfc2396"])
@pytest.mark.parametrize(
    ("wanted", "scope", "matches"),
    [
        ("onvif://www.onvif.org/hardware/D1", "onvif://www.onvif.org/hardware/D1", True),
        ("onvif://www.onvif.org/hardware/D1", "onvif://www.onvif.org/hardware/D1-566", False),
        ("onvif://www.onvif.org/hardware", "onvif://www.onvif.org/hardware/D1-566", True),
        ("onvif://www.onvif.org/hardware/", "onvif://www.onvif.org/hardware/D1-566", True),
        ("onvif://www.onvif.org", "onvif://www.onvif.org/hardware/D1-566", True),
        ("onvif://www.onvif.org/hardware/D1/x", "onvif://www.onvif.org/hardware/D1", False),
        ("ONVIF://WWW.ONVIF.ORG/name", "onvif://www.onvif.org/name/x", True),
        ("onvif://www.onvif.org/NAME", "onvif://www.onvif.org/name/x", False),
        ("onvif://www.onvif.org/name/Front%20Door", "onvif://www.onvif.org/name/Front%20Door", True),
        ("onvif://www.onvif.org/name/%46ront", "onvif://www.onvif.org/name/Front", True),
        ("onvif://www.onvif.org/a%2Fb", "onvif://www.onvif.org/a/b", False),
        ("onvif://www.onvif.org/name?x", "onvif://www.onvif.org/name", True),
        ("onvif://www.onvif.org/./name", "onvif://www.onvif.org/./name", False),
        ("http://www.onvif.org/name", "onvif://www.onvif.org/name", False),
        ("onvif://example.com/name", "onvif://www.onvif.org/name", False),
        ("onvif://[bad/name", "onvif://www.onvif.org/name", False),
    ],
)
def test_scopes_match_by_segments(wanted: str, scope: str, matches: bool, rule: str) -> None:
    assert Probe("", frozenset(), (wanted,), f"{NS['d']}/{rule}").matches(target(scope)) is matches


@pytest.mark.parametrize(
    ("wanted", "scope", "matches"),
    [
        ("uuid:5c9d8a1e-3c1f-4f5e-9a55-0a1b2c3d4e5f", "UUID:5C9D8A1E-3C1F-4F5E-9A55-0A1B2C3D4E5F", True),
        ("uuid:5c9d8a1e-3c1f-4f5e-9a55-0a1b2c3d4e5f", "uuid:5c9d8a1e-3c1f-4f5e-9a55-0a1b2c3d4e50", False),
        ("uuid:5c9d8a1e-3c1f-4f5e-9a55-0a1b2c3d4e5f", "http:5c9d8a1e-3c1f-4f5e-9a55-0a1b2c3d4e5f", False),
        ("onvif://www.onvif.org", "onvif://www.onvif.org", False),
        ("uuid:me", "uuid:me", False),
    ],
)
def test_scopes_match_as_uuids(wanted: str, scope: str, matches: bool) -> None:
    assert Probe("", frozenset(), (wanted,), f"{NS['d']}/uuid").matches(target(scope)) is matches


class TestResolve:
    """Where is it?"""

    @staticmethod
    def resolve(reference: str) -> Resolve:
        address = f"<a:EndpointReference><a:Address>{reference}</a:Address></a:EndpointReference>"
        parsed = parse_datagram(request(f"<d:Resolve>{address}</d:Resolve>", action="Resolve"))
        assert isinstance(parsed, Resolve)
        return parsed

    def test_ours(self) -> None:
        assert self.resolve("urn:uuid:1234").matches(TARGET)

    def test_another(self) -> None:
        assert not self.resolve("urn:uuid:12345").matches(TARGET)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00\x01\x02", id="bytes"),
        pytest.param(b"M-SEARCH * HTTP/1.1\r\n\r\n", id="SSDP, which shares the group"),
        pytest.param(request("<d:Probe/>")[:-5], id="cut off"),
        pytest.param(request("<d:Hello/>", action="Hello"), id="Hello of a neighbour"),
        pytest.param(request("<d:Probe/>", action="Resolve"), id="action and body differ"),
        pytest.param(request("<d:Resolve/>", action="Resolve"), id="nothing to resolve"),
        pytest.param(request("<d:Probe/><d:Probe/>"), id="two"),
        pytest.param(request("<d:Probe/>", message_id=""), id="no message id"),
        pytest.param(request("<d:Probe/>", message_id="x" * 1000), id="endless message id"),
        pytest.param(request("<d:Probe/>", soap="http://schemas.xmlsoap.org/soap/envelope/"), id="SOAP 1.1"),
        pytest.param(
            request("<d:Probe/>", discovery="http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01"), id="version 1.1"
        ),
        pytest.param(b"<!DOCTYPE x>" + request("<d:Probe/>"), id="document type"),
        pytest.param(request("<d:Probe>" + "<x/>" * 200 + "</d:Probe>"), id="many elements"),
        pytest.param(request(f"<d:Probe><d:Types>{'d:a ' * 17}</d:Types></d:Probe>"), id="many types"),
        pytest.param(request(f"<d:Probe><d:Scopes>{'a:b ' * 17}</d:Scopes></d:Probe>"), id="many scopes"),
        pytest.param(request("<d:Probe/>" + " " * MAX_DATAGRAM), id="too large"),
    ],
)
def test_junk(data: bytes) -> None:
    with pytest.raises(DiscoveryError):
        parse_datagram(data)


class TestAnnouncer:
    """What is sent."""

    @staticmethod
    def text(data: bytes, path: str) -> str | None:
        return etree.fromstring(data).findtext(path, namespaces=NS)

    @staticmethod
    def types(data: bytes) -> set[str]:
        element = etree.fromstring(data).find(".//d:Types", NS)
        assert element is not None
        names = [name.split(":") for name in (element.text or "").split()]
        return {f"{{{element.nsmap[prefix]}}}{local}" for prefix, local in names}

    @pytest.mark.parametrize(
        ("asked", "kind"),
        [(Probe("urn:uuid:9", frozenset(), (), ""), "Probe"), (Resolve("urn:uuid:9", "urn:uuid:1234"), "Resolve")],
    )
    def test_answer(self, asked: Probe | Resolve, kind: str) -> None:
        data = Announcer(77).answer(asked, TARGET)
        match = f"s:Body/d:{kind}Matches/d:{kind}Match"
        assert self.text(data, "s:Header/a:RelatesTo") == "urn:uuid:9"
        assert self.text(data, "s:Header/a:To") == f"{NS['a']}/role/anonymous"
        assert self.text(data, "s:Header/a:Action") == f"{NS['d']}/{kind}Matches"
        assert self.text(data, f"{match}/a:EndpointReference/a:Address") == "urn:uuid:1234"
        assert self.text(data, f"{match}/d:XAddrs") == "http://192.0.2.7/onvif/device_service"
        assert self.text(data, f"{match}/d:Scopes") == " ".join(TARGET.scopes)
        assert self.text(data, f"{match}/d:MetadataVersion") == "5"
        assert self.types(data) == {f"{{{DN}}}NetworkVideoTransmitter", f"{{{TDS}}}Device"}

    def test_order_of_a_match_is_that_of_the_schema(self) -> None:
        data = Announcer(77).answer(Probe("urn:uuid:9", frozenset(), (), ""), TARGET)
        match = etree.fromstring(data).find(".//d:ProbeMatch", NS)
        assert match is not None
        names = [etree.QName(child).localname for child in match]
        assert names == ["EndpointReference", "Types", "Scopes", "XAddrs", "MetadataVersion"]

    def test_hello_and_bye(self) -> None:
        announcer = Announcer(77)
        hello, bye = announcer.hello(TARGET), announcer.bye(TARGET)
        for data, kind in ((hello, "Hello"), (bye, "Bye")):
            assert self.text(data, "s:Header/a:To") == "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
            assert self.text(data, "s:Header/a:Action") == f"{NS['d']}/{kind}"
            assert self.text(data, f"s:Body/d:{kind}/a:EndpointReference/a:Address") == "urn:uuid:1234"
        assert self.text(hello, "s:Body/d:Hello/d:XAddrs") == "http://192.0.2.7/onvif/device_service"

    def test_sequence(self) -> None:
        announcer = Announcer(77)
        sequences = [
            dict(element.attrib)
            for data in (announcer.hello(TARGET), announcer.hello(TARGET))
            if (element := etree.fromstring(data).find("s:Header/d:AppSequence", NS)) is not None
        ]
        assert sequences == [
            {"InstanceId": "77", "MessageNumber": "1"},
            {"InstanceId": "77", "MessageNumber": "2"},
        ]

    def test_a_second_announcer_of_a_device_counts_for_itself(self) -> None:
        hello = etree.fromstring(Announcer(77, sequence_id="urn:uuid:5").hello(TARGET))
        sequence = hello.find("s:Header/d:AppSequence", NS)
        assert sequence is not None
        assert dict(sequence.attrib) == {"InstanceId": "77", "SequenceId": "urn:uuid:5", "MessageNumber": "1"}

    def test_message_ids_differ(self) -> None:
        announcer = Announcer(77)
        ids = {self.text(announcer.hello(TARGET), "s:Header/a:MessageID") for _ in range(3)}
        assert len(ids) == 3
