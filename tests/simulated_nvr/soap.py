"""SOAP 1.2: reads requests, writes answers and faults. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape as _escape, quoteattr

from lxml import etree

NAMESPACES = {
    "env": "http://www.w3.org/2003/05/soap-envelope",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "ter": "http://www.onvif.org/ver10/error",
    "tns1": "http://www.onvif.org/ver10/topics",
    "tnshik": "http://www.hikvision.com/2011/event/topics",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "wsrf-r": "http://docs.oasis-open.org/wsrf/r-2",
}
_PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}
_DECLARATIONS = " ".join(
    f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items() if prefix not in {"wsse", "wsu"}
)
CONTENT_TYPE = "application/soap+xml"
PASSWORD_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"


def text(value: object) -> str:
    """Return a value as XML text."""
    return _escape(str(value))


def attribute(value: object) -> str:
    """Return a value as a quoted XML attribute."""
    return quoteattr(str(value))


class SoapFault(Exception):
    """An answer that refuses; `code` is Sender or Receiver, the subcodes are names in the ter namespace."""

    def __init__(self, code: str, *subcodes: str, reason: str, detail: str = "") -> None:
        """Receiver faults become HTTP 500, Sender faults 400 (SOAP 1.2 part 2 section 7.5.2.2)."""
        super().__init__(reason)
        self.code = code
        self.subcodes = subcodes
        self.reason = reason
        self.detail = detail

    @property
    def status(self) -> int:
        """HTTP's status."""
        return 400 if self.code == "Sender" else 500


def not_supported() -> SoapFault:
    """Return the fault for operations that the recorder doesn't have."""
    return SoapFault("Receiver", "ActionNotSupported", reason="Optional Action Not Implemented")


def not_authorized() -> SoapFault:
    """Return the fault for wrong credentials."""
    return SoapFault("Sender", "NotAuthorized", reason="Sender not Authorized")


def invalid_argument(subcode: str, reason: str) -> SoapFault:
    """Return the fault for an unknown token or a bad value."""
    return SoapFault("Sender", "InvalidArgVal", subcode, reason=reason)


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """What a request's UsernameToken says; empty strings for what is missing."""

    username: str
    password: str
    password_type: str
    nonce: str
    created: str


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """A parsed request: the first child of Body and the UsernameToken."""

    element: etree._Element
    namespace: str
    name: str
    token: UsernameToken | None

    @property
    def prefix(self) -> str:
        """The usual prefix of the operation's namespace, empty when unknown."""
        return _PREFIXES.get(self.namespace, "")

    def find(self, *names: str) -> etree._Element | None:
        """Return a descendant by its chain of local names, None when it is missing."""
        element = self.element
        for name in names:
            found = next((child for child in children(element) if local_name(child) == name), None)
            if found is None:
                return None
            element = found
        return element

    def value(self, *names: str) -> str | None:
        """Return the text of a descendant by its chain of local names, None when it is missing."""
        found = self.find(*names)
        return None if found is None else (found.text or "").strip()

    def values(self, name: str) -> list[str]:
        """Return the texts of all children of a local name."""
        return [(child.text or "").strip() for child in children(self.element) if local_name(child) == name]

    def namespaces_of(self, name: str) -> dict[str | None, str]:
        """Return the prefixes in scope at the first descendant of a local name."""
        found = next((one for one in self.element.iter("{*}" + name)), None)
        return {} if found is None else dict(found.nsmap)


def children(parent: etree._Element) -> Iterator[etree._Element]:
    """Return the elements right below one."""
    return parent.iterchildren(tag=etree.Element)


def local_name(element: etree._Element) -> str:
    """Return an element's name without its namespace."""
    return etree.QName(element).localname


def parse(body: bytes) -> SoapRequest:
    """Read a request; raises SoapFault."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError, ValueError:
        raise SoapFault("Sender", "WellFormed", reason="Well-formed Error") from None
    env = NAMESPACES["env"]
    if root.getroottree().docinfo.internalDTD is not None or root.tag != f"{{{env}}}Envelope":
        raise SoapFault("Sender", "Namespace", reason="Not a SOAP 1.2 envelope")
    operation = next((children(part) for part in children(root) if part.tag == f"{{{env}}}Body"), iter(()))
    element = next(operation, None)
    if element is None:
        raise SoapFault("Sender", "UnknownAction", reason="Empty Body")
    name = etree.QName(element)
    return SoapRequest(element, name.namespace or "", name.localname, _username_token(root))


def _username_token(root: etree._Element) -> UsernameToken | None:
    spaces = {prefix: NAMESPACES[prefix] for prefix in ("env", "wsse", "wsu")}
    token = root.find("env:Header/wsse:Security/wsse:UsernameToken", spaces)
    if token is None:
        return None
    password = token.find("wsse:Password", spaces)
    return UsernameToken(
        username=token.findtext("wsse:Username", "", spaces),
        password="" if password is None else password.text or "",
        password_type="" if password is None else password.get("Type", ""),
        nonce=token.findtext("wsse:Nonce", "", spaces),
        created=token.findtext("wsu:Created", "", spaces),
    )


def envelope(body: str, action: str | None = None) -> bytes:
    """Wrap a body's XML; `action` becomes the WS-Addressing header that event answers need."""
    header = f"<env:Header><wsa:Action>{text(action)}</wsa:Action></env:Header>" if action else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<env:Envelope {_DECLARATIONS}>{header}'
        f"<env:Body>{body}</env:Body></env:Envelope>"
    ).encode()


def fault_envelope(fault: SoapFault, action: str | None = None) -> bytes:
    """Return a fault's envelope."""
    subcodes = ""
    for subcode in reversed(fault.subcodes):
        subcodes = f"<env:Subcode><env:Value>ter:{subcode}</env:Value>{subcodes}</env:Subcode>"
    detail = f"<env:Detail>{fault.detail}</env:Detail>" if fault.detail else ""
    return envelope(
        f"<env:Fault><env:Code><env:Value>env:{fault.code}</env:Value>{subcodes}</env:Code>"
        f'<env:Reason><env:Text xml:lang="en">{text(fault.reason)}</env:Text></env:Reason>{detail}</env:Fault>',
        action,
    )
