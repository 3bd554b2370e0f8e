"""What can go wrong between relay and recorder; every text is safe to log and none reaches a viewer."""

from .statistics import StreamReason, StreamTrouble

PASSED_ON = frozenset({404, 405, 453, 454, 455, 457, 501, 503})
"""Status codes of the recorder that mean the same to the viewer; others become 502."""
_REASONS = {
    403: StreamReason.LOGIN_REFUSED,
    404: StreamReason.NOT_FOUND,
    453: StreamReason.BUSY,
    454: StreamReason.CLOSED,
    503: StreamReason.BUSY,
}
"""By the recorder's status codes (RFC 2326 section 7.1.1) what they mean to a person."""


class UpstreamError(Exception):
    """The recorder doesn't give what was asked; `status` is what the viewer is answered, `reason` what a person is told."""

    status = 502
    reason = StreamReason.REFUSED

    @property
    def trouble(self) -> StreamTrouble:
        """What is told of the stream."""
        return StreamTrouble(reason=self.reason, text=str(self))


class UpstreamUnreachable(UpstreamError):
    """No connection to the recorder."""

    status = 503
    reason = StreamReason.UNREACHABLE


class UpstreamEnded(UpstreamError):
    """The recorder closed the connection."""

    status = 503
    reason = StreamReason.CLOSED


class UpstreamSilent(UpstreamEnded):
    """The recorder sends no media any more."""

    reason = StreamReason.NO_MEDIA


class UpstreamTimeout(UpstreamError):
    """The recorder didn't answer in time."""

    status = 504
    reason = StreamReason.NO_ANSWER


class UpstreamNonsense(UpstreamError):
    """What the recorder said isn't RTSP, SDP, or what was asked for."""

    reason = StreamReason.NOT_UNDERSTOOD


class UpstreamRefused(UpstreamError):
    """The recorder answered with an error."""

    def __init__(self, method: str, status: int) -> None:
        """Take the recorder's status code."""
        super().__init__(f"recorder answered {method} with {status}")
        self.status = status if status in PASSED_ON else 502
        self.reason = _REASONS.get(status, StreamReason.REFUSED)


class UpstreamUnauthorized(UpstreamError):
    """The recorder doesn't accept its credentials; a 401 would tell the viewer that its own are wrong."""

    status = 503
    reason = StreamReason.LOGIN_REFUSED
