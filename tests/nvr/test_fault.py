"""Refusals of recorders, and what they mean."""

import pytest

from custom_components.onvif_proxy.nvr.errors import Fault, NotOnvif, RecorderError, RecorderRefused, WrongCredentials
from custom_components.onvif_proxy.nvr.fault import read_fault, refusal

from .soap_recorder import CAPTURES, device_information, envelope, fault

OPERATION = "GetDeviceInformation"
SOAP_1_1 = "http://schemas.xmlsoap.org/soap/envelope/"


def soap_1_1(code: str, reason: str) -> bytes:
    """Make a fault of the older SOAP."""
    body = f"<s:Fault><faultcode>{code}</faultcode><faultstring>{reason}</faultstring></s:Fault>"
    return envelope(body, soap=SOAP_1_1).encode()


def fault_text(subcode: str, reason: str) -> bytes:
    """Make a SOAP 1.2 fault."""
    return fault(subcode, reason).text.encode()  # type: ignore[union-attr]  # a response made of text has one


def test_a_fault_of_soap_1_2_has_codes_and_a_reason() -> None:
    """Outermost first, without prefixes."""
    assert read_fault(fault_text("ter:NotAuthorized", "Sender not Authorized")) == Fault(
        ("Sender", "NotAuthorized"), "Sender not Authorized"
    )


def test_a_fault_of_soap_1_1_is_understood() -> None:
    """Some devices answer in the older SOAP."""
    assert read_fault(soap_1_1("SOAP-ENV:Client", "No")) == Fault(("Client",), "No")


@pytest.mark.parametrize("content", [b"", b"\0\0Fault", b"<a>Fault", envelope("<a>Fault</a>").encode(), b"Fault" * 100])
def test_no_fault_where_there_is_none(content: bytes) -> None:
    """Garbage is not one."""
    assert read_fault(content) is None


def test_a_fault_with_a_document_type_is_not_read() -> None:
    """SOAP has none; a hostile recorder's entities read no file of ours, and fill no memory."""
    content = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + soap_1_1("s:Client", "&x;")

    assert read_fault(content) is None
    assert isinstance(refusal(OPERATION, 400, content), RecorderRefused)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (400, fault_text("ter:NotAuthorized", "")),
        (500, fault_text("ter:NotAuthorized", "")),
        (200, fault_text("ter:NotAuthorized", "")),
        (400, fault_text("wsse:FailedAuthentication", "")),
        (400, fault_text("ter:Other", "The action requested requires authorization and the sender is not authorized")),
        (500, soap_1_1("s:Client", "Sender not Authorized")),
        # Undeclared prefix: not well-formed.
        (400, fault_text("ter:NotAuthorized", "").replace(b' xmlns:ter="http://www.onvif.org/ver10/error"', b"")),
        (401, b""),
        (401, b"<html>no</html>"),
        # Dahua's account lock.
        (403, b'{"error": "locked"}'),
        (403, fault_text("ter:Other", "")),
    ],
)
def test_a_refused_login(status: int, content: bytes) -> None:
    """In all its spellings."""
    assert isinstance(refusal(OPERATION, status, content), WrongCredentials)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        # Reolink's answer to what it does not know.
        (400, fault_text("", "Method 'tds:GetEndpointReference' not implemented"), RecorderRefused),
        (500, fault_text("ter:ActionNotSupported", ""), RecorderRefused),
        # Bosch: HTTP 500 with an empty Body.
        (500, envelope("").encode(), RecorderRefused),
        (503, b"", RecorderRefused),
        (200, b"", NotOnvif),
        (200, b"<html><body>Welcome</body></html>", NotOnvif),
        (301, b"", NotOnvif),
        (404, b"Not found", NotOnvif),
        (400, b"The plain HTTP request was sent to HTTPS port", NotOnvif),
        # Half an answer would be half a recorder.
        (200, device_information().encode()[:-20], RecorderRefused),
        (200, envelope("<tds:GetHostnameResponse/>").encode(), RecorderRefused),
        (200, envelope("").encode(), RecorderRefused),
    ],
)
def test_other_refusals(status: int, content: bytes, kind: type[RecorderError]) -> None:
    """What speaks SOAP refused; what does not is no ONVIF device."""
    error = refusal(OPERATION, status, content)

    assert type(error) is kind
    assert str(error).startswith(OPERATION)


def test_an_answer_is_no_refusal() -> None:
    """Also with something behind it."""
    assert refusal(OPERATION, 200, device_information().encode() + b"\r\n\0") is None


def test_a_hostile_reason_is_cut_and_printable() -> None:
    """It ends in our log."""
    error = refusal(OPERATION, 400, fault_text("ter:X", "a\nb" + "x" * 10_000))

    assert str(error).isprintable()
    assert len(str(error)) < 300


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="device captures are not beside this checkout")
def test_a_captured_refusal_and_a_captured_fault() -> None:
    """An unknown vendor's answer to everything, and Hikvision's nested subcodes."""
    refused = CAPTURES / "unknown-vendor-notauthorized" / "GetDeviceInformation.fault400.xml"
    weak = CAPTURES / "hikvision-oem-enp1a14-ir25x" / "Fault.xml"

    assert isinstance(refusal(OPERATION, 400, refused.read_bytes()), WrongCredentials)
    assert read_fault(weak.read_bytes()) == Fault(("Sender", "OperationProhibited", "Password"), "Too weak password.")


def test_a_fault_of_endless_codes_is_told_briefly() -> None:
    """It is logged, and stands in diagnostics."""
    codes = "<s:Value>ter:" + "A" * 500 + "</s:Value>"
    error = refusal(OPERATION, 400, envelope(f"<s:Fault><s:Code>{codes * 10_000}</s:Code></s:Fault>").encode())

    assert isinstance(error, RecorderRefused)
    assert len(str(error)) < 1000
