"""What can go wrong between relay and recorder; every text is safe to log and none reaches a viewer."""

PASSED_ON = frozenset({404, 405, 453, 454, 455, 457, 501, 503})
"""Status codes of the recorder that mean the same to the viewer; others become 502."""


class UpstreamError(Exception):
    """The recorder doesn't give what was asked; `status` is what the viewer is answered."""

    status = 502


class UpstreamUnreachable(UpstreamError):
    """No connection to the recorder."""

    status = 503


class UpstreamEnded(UpstreamError):
    """The recorder closed the connection."""

    status = 503


class UpstreamTimeout(UpstreamError):
    """The recorder didn't answer in time."""

    status = 504


class UpstreamNonsense(UpstreamError):
    """What the recorder said isn't RTSP, SDP, or what was asked for."""


class UpstreamRefused(UpstreamError):
    """The recorder answered with an error."""

    def __init__(self, method: str, status: int) -> None:
        """Take the recorder's status code."""
        super().__init__(f"recorder answered {method} with {status}")
        self.status = status if status in PASSED_ON else 502


class UpstreamUnauthorized(UpstreamError):
    """The recorder doesn't accept its credentials; a 401 would tell the viewer that its own are wrong."""

    status = 503
