"""Reading a recorder's refusals: SOAP 1.2 and 1.1 faults, and HTTP answers without one. Pure: bytes in, errors out."""

from itertools import islice
import re

from .envelope import all_named, is_envelope, parse_envelope, text_in
from .errors import Fault, NotOnvif, RecorderError, RecorderRefused, WrongCredentials
from .names import clean_name

# Devices that leave the subcode out say so in words ("Sender not Authorized", "The action requested requires
# authorization", "Authentication failed"); Hikvision's SOAP 1.1 relatives use FailedAuthentication (WS-Security 12).
_REFUSED_LOGIN_CODES = frozenset({"notauthorized", "failedauthentication", "invalidsecuritytoken", "unauthorized"})
_REFUSED_LOGIN_REASON = re.compile(
    r"not\s+authori[sz]ed|unauthori[sz]ed|requires\s+authori[sz]ation|authenticat|wrong\s+password|account.*locked",
    re.IGNORECASE,
)
# Reolink says it in words only, with HTTP 400; gSOAP's servers too.
_NOT_SUPPORTED_CODES = frozenset({"actionnotsupported", "optionalactionnotimplemented"})
_NOT_SUPPORTED_REASON = re.compile(r"not\s+(?:been\s+)?(?:implemented|supported)", re.IGNORECASE)
_ENVELOPE_END = re.compile(rb"</(?:[\w.-]+:)?Envelope\s*>")


MAX_CODES = 8
"""Of a fault: its code and its subcodes, from the outermost on."""


def read_fault(content: bytes) -> Fault | None:
    """Find the fault in an envelope, also in one that is not well-formed; None when it holds none."""
    if b"Fault" not in content or (root := parse_envelope(content)) is None:
        return None
    fault = next(all_named(root, "Fault"), None)
    if fault is None:
        return None
    values = islice(all_named(fault, "Value", "faultcode"), MAX_CODES)
    codes = [text_in(element).rpartition(":")[2] for element in values]
    reasons = [text_in(element) for element in all_named(fault, "Text", "faultstring")]
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
        return RecorderRefused(said, fault)
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


def is_not_supported(error: RecorderError) -> bool:
    """Tell whether an error means that the recorder does not have such an operation."""
    if isinstance(error, NotOnvif):
        return True
    fault = error.fault if isinstance(error, RecorderRefused) else None
    if fault is None:
        return False
    codes = {code.lower() for code in fault.codes}
    return bool(codes & _NOT_SUPPORTED_CODES) or _NOT_SUPPORTED_REASON.search(fault.reason) is not None
