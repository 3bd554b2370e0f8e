"""SOAP 1.2 envelopes: bytes of a request to its operation, an answer or a fault to bytes. No I/O."""

from dataclasses import dataclass

from lxml import etree

from .errors import MustUnderstand, NotWellFormed, SoapFault, VersionMismatch, XmlError
from .names import NAMESPACES, expand
from .xmltree import Element, XmlLimits, document, node, parse_xml

CONTENT_TYPE = "application/soap+xml"
FAULT_ACTION = "http://www.w3.org/2005/08/addressing/soap/fault"
MAX_MESSAGE_ID_LENGTH = 512
_ENVELOPE = expand("env:Envelope")
_HEADER = expand("env:Header")
_BODY = expand("env:Body")
_SECURITY = expand("wsse:Security")
_MESSAGE_ID = expand("wsa:MessageID")
_MUST_UNDERSTAND = expand("env:mustUnderstand")
_ROLE = expand("env:role")
_OUR_ROLES = (
    None,
    "",
    "http://www.w3.org/2003/05/soap-envelope/role/next",
    "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
)
_TEXT_PREFIXES = dict.fromkeys((NAMESPACES["tev"], NAMESPACES["wsnt"]), ("tev", "wsnt", "wstop", "tns1", "xs"))
"""Those of names that stand in text and attributes, by the namespace of an answer: topics, and types of their items."""
_UNDERSTOOD_NAMESPACES = (NAMESPACES["wsa"], NAMESPACES["a"])


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """One operation as a client asks for it."""

    operation: str
    """`{namespace}local`: the name of the only child of the body; who may ask is decided on it, and on nothing else."""
    body: Element
    """That child."""
    headers: tuple[Element, ...]

    @property
    def message_id(self) -> str | None:
        """What the client calls its request (WS-Addressing 1.0); many send none."""
        for block in self.headers:
            if block.tag == _MESSAGE_ID and 0 < len(text := (block.text or "").strip()) <= MAX_MESSAGE_ID_LENGTH:
                return text
        return None


@dataclass(frozen=True, slots=True)
class Addressing:
    """The WS-Addressing header of an answer (WS-Addressing 1.0 Core section 3.4)."""

    action: str
    """Of the answer where there is no fault."""
    relates_to: str | None = None
    """The request's message id."""

    def header(self, *, fault: bool = False) -> tuple[Element, ...]:
        """Return the header blocks."""
        action = node("wsa:Action", FAULT_ACTION if fault else self.action)
        return (action,) if self.relates_to is None else (action, node("wsa:RelatesTo", self.relates_to))


def parse_request(data: bytes, limits: XmlLimits) -> SoapRequest:
    """Read a request; raises a `SoapFault` for what is not a SOAP 1.2 envelope with one operation."""
    try:
        envelope = parse_xml(data, limits)
    except XmlError as error:
        raise NotWellFormed(str(error)) from error
    if envelope.tag != _ENVELOPE:
        if etree.QName(envelope).localname == "Envelope":
            raise VersionMismatch("Only SOAP 1.2 is supported")
        raise NotWellFormed("The document is not a SOAP envelope")
    header, body = envelope.find(_HEADER), envelope.find(_BODY)
    if body is None or len(body) != 1:
        raise NotWellFormed("The SOAP body must hold exactly one element")
    headers = () if header is None else tuple(header)
    for block in headers:
        _check_understood(block)
    return SoapRequest(str(body[0].tag), body[0], headers)


def _check_understood(block: Element) -> None:
    """Refuse a mandatory header for us that we do not know (SOAP 1.2 part 1 section 5.2.3)."""
    mandatory = (block.get(_MUST_UNDERSTAND) or "").strip() in ("1", "true")
    if not mandatory or block.tag == _SECURITY or block.get(_ROLE) not in _OUR_ROLES:
        return
    if (namespace := etree.QName(block).namespace) is None:
        raise NotWellFormed("A SOAP header has no namespace")
    if namespace not in _UNDERSTOOD_NAMESPACES:
        raise MustUnderstand(str(block.tag))


def build_answer(content: Element, addressing: Addressing | None = None) -> bytes:
    """Wrap the response element of an operation; the prefixes that its texts may use are declared."""
    header = None if addressing is None else node("env:Header", *addressing.header())
    prefixes = _TEXT_PREFIXES.get(etree.QName(content).namespace or "", ())
    return document(node("env:Envelope", header, node("env:Body", content)), "env", "tt", *prefixes)


def build_fault(fault: SoapFault, addressing: Addressing | None = None) -> bytes:
    """Write a fault; its text codes have their prefixes declared."""
    code = node("env:Code", node("env:Value", fault.code), _subcode(fault.subcodes))
    reason = node("env:Reason", node("env:Text", {"{http://www.w3.org/XML/1998/namespace}lang": "en"}, fault.reason))
    detail = None if fault.detail is None else node("env:Detail", fault.detail)
    blocks = (*_fault_blocks(fault), *(() if addressing is None else addressing.header(fault=True)))
    header = node("env:Header", *blocks) if blocks else None
    return document(
        node("env:Envelope", header, node("env:Body", node("env:Fault", code, reason, detail))), "env", "ter"
    )


def _subcode(subcodes: tuple[str, ...]) -> Element | None:
    if not subcodes:
        return None
    return node("env:Subcode", node("env:Value", subcodes[0]), _subcode(subcodes[1:]))


def _fault_blocks(fault: SoapFault) -> tuple[Element, ...]:
    """Say what would have been understood (SOAP 1.2 part 1 sections 5.4.7 and 5.4.8)."""
    if isinstance(fault, VersionMismatch):
        return (node("env:Upgrade", node("env:SupportedEnvelope", {"qname": "env:Envelope"})),)
    if isinstance(fault, MustUnderstand):
        name = etree.QName(fault.header)
        block = etree.Element(expand("env:NotUnderstood"), nsmap={"header": name.namespace})
        block.set("qname", f"header:{name.localname}")
        return (block,)
    return ()
