"""Whatever goes wrong becomes a RecorderError."""

import aiohttp
from lxml import etree
from multidict import CIMultiDict, CIMultiDictProxy
from onvif import ONVIFError
import pytest
from yarl import URL
import zeep.exceptions

from custom_components.onvif_proxy.nvr.errors import (
    NotOnvif,
    RecorderError,
    RecorderRefused,
    Unreachable,
    WrongCredentials,
)
from custom_components.onvif_proxy.nvr.translation import recorder_errors
from custom_components.onvif_proxy.rtsp import RtspError
from custom_components.onvif_proxy.sdp import SdpError

_REQUEST = aiohttp.RequestInfo(URL("http://h/secret"), "POST", CIMultiDictProxy(CIMultiDict()), URL("http://h/secret"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("secret"), Unreachable),
        (aiohttp.ServerTimeoutError("secret"), Unreachable),
        (aiohttp.ServerDisconnectedError(), Unreachable),
        (aiohttp.ClientOSError(104, "secret"), Unreachable),
        (aiohttp.ClientPayloadError("secret"), Unreachable),
        (aiohttp.InvalidURL("http://user:secret@h"), Unreachable),
        (ConnectionResetError(104, "secret"), Unreachable),
        (OSError("secret"), Unreachable),
        (EOFError("secret"), Unreachable),
        (aiohttp.ClientResponseError(_REQUEST, (), status=400, message="secret"), NotOnvif),
        (aiohttp.ClientError("secret"), RecorderRefused),
        (zeep.exceptions.XMLParseError("secret"), RecorderRefused),
        (zeep.exceptions.TransportError("secret"), RecorderRefused),
        (zeep.exceptions.DTDForbidden("secret", "", ""), RecorderRefused),
        (ONVIFError("secret"), RecorderRefused),
        (etree.XMLSyntaxError("secret", 1, 1, 1), RecorderRefused),
        (AttributeError("secret"), RecorderRefused),
        (KeyError("secret"), RecorderRefused),
        (IndexError("secret"), RecorderRefused),
        (TypeError("secret"), RecorderRefused),
        (ValueError("secret"), RecorderRefused),
        (ArithmeticError("secret"), RecorderRefused),
        (RecursionError("secret"), RecorderRefused),
        (RtspError("secret"), RecorderRefused),
        (SdpError("secret"), RecorderRefused),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_each_kind_of_error_has_its_meaning_and_keeps_its_text(error: Exception, kind: type[RecorderError]) -> None:
    """Texts of libraries hold addresses and answers: they don't come along, and no traceback shows them."""
    with pytest.raises(RecorderError) as caught, recorder_errors("GetProfiles"):
        raise error

    assert type(caught.value) is kind
    assert "GetProfiles" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_recorder_errors_pass() -> None:
    """They have been translated already."""
    with pytest.raises(WrongCredentials, match="as it was"), recorder_errors("GetProfiles"):
        raise WrongCredentials("as it was")


def test_what_is_not_a_recorders_fault_is_not_hidden() -> None:
    """A defect of ours stays one."""
    with pytest.raises(AssertionError), recorder_errors("GetProfiles"):
        raise AssertionError
