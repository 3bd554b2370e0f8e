"""Where the video of a path comes from."""

from dataclasses import dataclass, field

from ..model import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A stream of the recorder and the account to fetch it with."""

    uri: str = field(repr=False)
    """`rtsp://host[:port]/...` without credentials; path and query are opaque and sent as they are."""
    credentials: Credentials
    """The recorder's."""
