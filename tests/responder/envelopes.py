"""Requests as clients write them, by hand: nothing here uses the code under test."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
import hashlib
import secrets

NS = {
    "env": "http://www.w3.org/2003/05/soap-envelope",
    "ter": "http://www.onvif.org/ver10/error",
    "tt": "http://www.onvif.org/ver10/schema",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tns1": "http://www.onvif.org/ver10/topics",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "wsrf-r": "http://docs.oasis-open.org/wsrf/r-2",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
}
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
PASSWORD_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
PASSWORD_TEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"

USERNAME = "viewer"
PASSWORD = "Sesame4711"


def zulu(age: timedelta = timedelta()) -> str:
    """Return the time some while ago, as clients write it."""
    return (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def security(
    *,
    username: str = USERNAME,
    password: str = PASSWORD,
    created: str | None = None,
    age: timedelta = timedelta(),
    zone: str = "Z",
    nonce: bytes | None = None,
    password_type: str = PASSWORD_DIGEST,
    encoding: str | None = BASE64,
    prefixed: bool = True,
    value: str | None = None,
) -> str:
    """Write a wsse:Security header; unprefixed is how npm's onvif and so UniFi Protect writes it."""
    created = zulu(age).replace("Z", zone) if created is None else created
    nonce = secrets.token_bytes(16) if nonce is None else nonce
    if value is None:
        value = b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    p = "wsse:" if prefixed else ""
    xmlns = f'xmlns:wsse="{WSSE}"' if prefixed else f'xmlns="{WSSE}"'
    encoding_type = "" if encoding is None else f' EncodingType="{encoding}"'
    return (
        f'<{p}Security env:mustUnderstand="1" {xmlns}><{p}UsernameToken>'
        f"<{p}Username>{username}</{p}Username>"
        f'<{p}Password Type="{password_type}">{value}</{p}Password>'
        f"<{p}Nonce{encoding_type}>{b64encode(nonce).decode()}</{p}Nonce>"
        f'<Created xmlns="{WSU}">{created}</Created>'
        f"</{p}UsernameToken></{p}Security>"
    )


def envelope(body: str, header: str = "") -> str:
    """Write a SOAP 1.2 envelope; the prefixes of `NS` are declared."""
    declarations = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NS.items())
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<env:Envelope {declarations}><env:Header>{header}</env:Header><env:Body>{body}</env:Body></env:Envelope>"
    )


def operation(name: str, content: str = "") -> str:
    """Write the element of an operation."""
    return f"<{name}>{content}</{name}>"
