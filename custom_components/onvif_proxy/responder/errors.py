"""What can go wrong while answering: SOAP faults as exceptions, and a still image that can't be had."""

from typing import ClassVar

from lxml.etree import _Element as Element


class SnapshotUnavailable(Exception):
    """The recorder gave no still image now; the text is for logs and never holds a secret."""


class XmlError(ValueError):
    """A document that is not well-formed, or is larger or deeper than allowed; the text may be sent to its author."""


class SoapFault(Exception):
    """An answer that says no (SOAP 1.2 part 1 section 5.4; ONVIF Core, generic faults).

    `subcodes` are nested in the order given, as prefixed names: `ter:InvalidArgVal`, `ter:NoProfile`.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    """HTTP, after SOAP 1.2 part 2 section 7.5."""

    def __init__(self, reason: str, *subcodes: str, detail: Element | None = None) -> None:
        """Make a fault; `reason` is a sentence for people, `detail` the content of env:Detail."""
        super().__init__(reason)
        self.reason = reason
        self.subcodes = subcodes
        self.detail = detail


class SenderFault(SoapFault):
    """The request is at fault."""

    code = "env:Sender"
    status = 400


class ReceiverFault(SoapFault):
    """The request was fine, but it can't be served."""

    code = "env:Receiver"
    status = 500


class VersionMismatch(SoapFault):
    """The envelope is not one of SOAP 1.2."""

    code = "env:VersionMismatch"
    status = 500


class MustUnderstand(SoapFault):
    """A header that must be understood is not; `header` is its expanded name."""

    code = "env:MustUnderstand"
    status = 500

    def __init__(self, header: str) -> None:
        """Make a fault that names the header."""
        super().__init__("A mandatory header is not understood")
        self.header = header


class NotWellFormed(SenderFault):
    """The request is not the XML of one SOAP operation."""

    def __init__(self, reason: str) -> None:
        """Make a fault."""
        super().__init__(reason, "ter:WellFormed")


class TooLarge(NotWellFormed):
    """The request has more bytes than are read."""

    status = 413


class TooSlow(NotWellFormed):
    """The request did not arrive in time."""

    status = 408


class NotAuthorized(SenderFault):
    """Credentials in the SOAP header are wrong."""

    def __init__(self, *, stale: bool = False) -> None:
        """Make a fault; `stale` says that only the HTTP nonce was too old."""
        super().__init__("The sender is not authorized", "ter:NotAuthorized")
        self.stale = stale


class LoginNeeded(NotAuthorized):
    """Credentials are missing, or the HTTP ones are wrong: answered with a challenge."""

    status = 401


class InvalidArgument(SenderFault):
    """A parameter has a value that names nothing here; `subcode` as in the service's specification."""

    def __init__(self, reason: str, subcode: str | None = None) -> None:
        """Make a fault."""
        super().__init__(reason, "ter:InvalidArgVal", *(() if subcode is None else (subcode,)))


class ActionNotSupported(ReceiverFault):
    """The operation is not one of ours.

    Home Assistant's onvif integration goes on without an operation only when it reads "not implemented".
    """

    def __init__(self, operation: str, subcode: str | None = None) -> None:
        """Make a fault; `operation` without namespace."""
        super().__init__(
            f"{operation} is not implemented by this device",
            "ter:ActionNotSupported",
            *(() if subcode is None else (subcode,)),
        )
