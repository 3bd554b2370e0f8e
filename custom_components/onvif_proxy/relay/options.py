"""What is chosen for one camera."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraOptions:
    """How its streams are served."""

    keep_seconds: float = 10.0
    """A session with the recorder outlives its last viewer by this."""
    always_on: bool = False
    """Sessions are kept without viewers."""
    audio: bool = True
    """Whether viewers get sound."""
    raw: bool = False
    """Whether connections are passed on to the recorder as they are, for one whose streams can't be read; nothing above holds then."""
    tick: float = 0.002
    """Seconds for which small packets are gathered; 0 for none."""
