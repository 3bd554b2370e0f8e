"""Reading a recorder's refusals: SOAP 1.2 and 1.1 faults, and HTTP answers without one. Pure: bytes in, errors out."""

from dataclasses import dataclass
import re

from lxml import etree

from .errors import NotOnvif, RecorderError, RecorderRefused, WrongCredentials
from .names import clean_name


@dataclass(frozen=True, slots=True)
class Fault:
    """What a SOAP fault says."""

    codes: tuple[str, ...]
    """Code and subcodes without their prefixes, outermost first."""
    reason: str


# Devices that leave the subcode out say so in words ("Sender not Authorized", "The action requested requires
# authorization", "Authentication failed"); Hikvision's SOAP 1.1 relatives use FailedAuthentication (WS-Security 12).
_REFUSED_LOGIN_CODES = frozenset({"notauthorized", "failedauthentication", "invalidsecuritytoken", "unauthorized"})
_REFUSED_LOGIN_REASON = re.compile(
    r"not\s+authori[sz]ed|unauthori[sz]ed|requires\s+authori[sz]ation|authenticat|wrong\s+password|account.*locked",
    re.IGNORECASE,
)
_ENVELOPE = re.compile(rb"<(?:[\w.-]+:)?Envelope[\s>]")
_ENVELOPE_END = re.compile(rb"</(?:[\w.-]+:)?Envelope\s*>")


def is_envelope(content: bytes) -> bool:
    """Tell whether an answer is SOAP at all, without parsing it."""
    return _ENVELOPE.search(content[:16384]) is not None


def read_fault(content: bytes) -> Fault | None:
    """Find the fault in an envelope, also in one that is not well-formed; None when it holds none."""
    if b"Fault" not in content:
        return None
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return None
    # Local names: some recorders fault with prefixes that they never declared.
    elements = [] if root is None else root.iter(etree.Element)
    fault = next((element for element in elements if _local(element) == "Fault"), None)
    if fault is None:
        return None
    names = {"Value", "faultcode"}
    codes = [_text(element).rpartition(":")[2] for element in fault.iter(etree.Element) if _local(element) in names]
    reasons = [_text(element) for element in fault.iter(etree.Element) if _local(element) in {"Text", "faultstring"}]
    return Fault(tuple(clean_name(code) for code in codes), clean_name(next(filter(None, reasons), "")))


def refusal(operation: str, status: int, content: bytes) -> RecorderError | None:
    """Return the error that an HTTP answer to a SOAP request means; None when it is a normal answer.

    Faults come with any status, also 200 and 400 (SOAP 1.2 part 2 section 7.5 wants 400 or 500).
    """
    fault = read_fault(content) if is_envelope(content) else None
    if fault is not None:
        said = f"{operation}: {'/'.join(fault.codes)} {fault.reason}".strip()
        codes = {code.lower() for code in fault.codes}
        if status in (401, 403) or codes & _REFUSED_LOGIN_CODES or _REFUSED_LOGIN_REASON.search(fault.reason):
            return WrongCredentials(said)
        return RecorderRefused(said)
    if status in (401, 403):
        return WrongCredentials(f"{operation}: HTTP {status}")
    if not is_envelope(content):
        kind = RecorderRefused if status >= 500 else NotOnvif
        return kind(f"{operation}: HTTP {status} without a SOAP answer")
    if status != 200:
        return RecorderRefused(f"{operation}: HTTP {status}")
    # zeep would decode both as far as they go: channels would be missing, and nobody would know.
    if not _ENVELOPE_END.search(content[-4096:]):
        return RecorderRefused(f"{operation}: answer is cut off")
    if not re.search(rb"<(?:[\w.-]+:)?%bResponse[\s/>]" % operation.encode(), content):
        return RecorderRefused(f"{operation}: answer to something else")
    return None


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()
