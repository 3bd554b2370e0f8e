"""SOAP 1.2 envelopes: bytes of a request to its operation, an answer or a fault to bytes. No I/O."""

from dataclasses import dataclass

from lxml import etree

from .errors import MustUnderstand, NotWellFormed, SoapFault, VersionMismatch, XmlError
from .names import NAMESPACES, expand
from .xmltree import Element, XmlLimits, document, node, parse_xml

CONTENT_TYPE = "application/soap+xml"
_OUR_ROLES = (
    None,
    "",
    "http://www.w3.org/2003/05/soap-envelope/role/next",
    "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
)
_UNDERSTOOD_NAMESPACES = (NAMESPACES["wsa"], NAMESPACES["a"])


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """One operation as a client asks for it."""

    operation: str
    """`{namespace}local`: the name of the only child of the body; who may ask is decided on it, and on nothing else."""
    body: Element
    """That child."""
    headers: tuple[Element, ...]


def parse_request(data: bytes, limits: XmlLimits) -> SoapRequest:
    """Read a request; raises a `SoapFault` for what is not a SOAP 1.2 envelope with one operation."""
    try:
        envelope = parse_xml(data, limits)
    except XmlError as error:
        raise NotWellFormed(str(error)) from error
    if envelope.tag != expand("env:Envelope"):
        if etree.QName(envelope).localname == "Envelope":
            raise VersionMismatch("Only SOAP 1.2 is supported")
        raise NotWellFormed("The document is not a SOAP envelope")
    header, body = envelope.find(expand("env:Header")), envelope.find(expand("env:Body"))
    if body is None or len(body) != 1:
        raise NotWellFormed("The SOAP body must hold exactly one element")
    headers = () if header is None else tuple(header)
    for block in headers:
        _check_understood(block)
    return SoapRequest(str(body[0].tag), body[0], headers)


def _check_understood(block: Element) -> None:
    """Refuse a mandatory header for us that we do not know (SOAP 1.2 part 1 section 5.2.3)."""
    mandatory = (block.get(expand("env:mustUnderstand")) or "").strip() in ("1", "true")
    if not mandatory or block.get(expand("env:role")) not in _OUR_ROLES:
        return
    if (namespace := etree.QName(block).namespace) is None:
        raise NotWellFormed("A SOAP header has no namespace")
    if block.tag != expand("wsse:Security") and namespace not in _UNDERSTOOD_NAMESPACES:
        raise MustUnderstand(str(block.tag))


def build_answer(content: Element) -> bytes:
    """Wrap the response element of an operation."""
    return document(node("env:Envelope", node("env:Body", content)), "env", "tt", "tds", "trt")


def build_fault(fault: SoapFault) -> bytes:
    """Write a fault; its text codes have their prefixes declared."""
    code = node("env:Code", node("env:Value", fault.code), _subcode(fault.subcodes))
    reason = node("env:Reason", node("env:Text", {"{http://www.w3.org/XML/1998/namespace}lang": "en"}, fault.reason))
    body = node("env:Body", node("env:Fault", code, reason))
    return document(node("env:Envelope", _fault_header(fault), body), "env", "ter")


def _subcode(subcodes: tuple[str, ...]) -> Element | None:
    if not subcodes:
        return None
    return node("env:Subcode", node("env:Value", subcodes[0]), _subcode(subcodes[1:]))


def _fault_header(fault: SoapFault) -> Element | None:
    """Say what would have been understood (SOAP 1.2 part 1 sections 5.4.7 and 5.4.8)."""
    if isinstance(fault, VersionMismatch):
        return node("env:Header", node("env:Upgrade", node("env:SupportedEnvelope", {"qname": "env:Envelope"})))
    if isinstance(fault, MustUnderstand):
        name = etree.QName(fault.header)
        block = etree.Element(expand("env:NotUnderstood"), nsmap={"header": name.namespace})
        block.set("qname", f"header:{name.localname}")
        return node("env:Header", block)
    return None
