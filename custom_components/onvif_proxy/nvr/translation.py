"""The one place where what libraries and sockets raise becomes a `RecorderError`.

zeep raises its own exceptions for answers that break the schema, and plain Python ones for those that its decoding did not
expect. Their texts hold addresses and parts of answers, so only the kind of error is kept.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp
from lxml import etree
from onvif import ONVIFError  # type: ignore[import-untyped]  # the library ships no types
import zeep.exceptions

from ..rtsp import RtspError
from ..sdp import SdpError
from .errors import NotOnvif, RecorderError, RecorderRefused, Unreachable

type _Kinds = tuple[type[Exception], ...]

# What zeep and the ONVIF library raise themselves, and what decoding raises where an answer lacks what the schema promises,
# has text for numbers, or nests without end.
_MALFORMED: _Kinds = (
    zeep.exceptions.Error,
    ONVIFError,
    etree.LxmlError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

_TRANSLATIONS: tuple[tuple[_Kinds, Callable[[str], RecorderError]], ...] = (
    # Also asyncio's and aiohttp's time-outs, which are subclasses.
    ((TimeoutError,), lambda what: Unreachable(f"{what}: no answer in time")),
    # Answers that aren't HTTP. Before ClientConnectionError's siblings: all are ClientErrors.
    ((aiohttp.ClientResponseError,), lambda what: NotOnvif(f"{what}: not an HTTP server")),
    (
        (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, aiohttp.InvalidURL, OSError, EOFError),
        lambda what: Unreachable(f"{what}: no connection, or it broke"),
    ),
    # Other things aiohttp does not put up with, such as a digest challenge without a nonce.
    ((aiohttp.ClientError,), lambda what: RecorderRefused(f"{what}: malformed HTTP")),
    ((RtspError, SdpError), lambda what: RecorderRefused(f"{what}: malformed RTSP")),
    (_MALFORMED, lambda what: RecorderRefused(f"{what}: malformed answer")),
)


@contextmanager
def recorder_errors(what: str) -> Iterator[None]:
    """Raise a `RecorderError` for whatever goes wrong with a recorder inside; `what` is named in its text."""
    try:
        yield
    except RecorderError:
        raise
    except Exception as error:
        for kinds, translate in _TRANSLATIONS:
            if isinstance(error, kinds):
                # Without the cause, whose text may hold a URI with a password.
                raise translate(f"{what} ({type(error).__name__})") from None
        raise
