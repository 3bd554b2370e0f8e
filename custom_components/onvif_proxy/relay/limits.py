"""How much of everything a relay allows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one camera's relay."""

    max_viewers: int = 16
    """Viewers that hold a connection to the recorder; one more is answered 453."""
    max_viewers_per_address: int = 8
    max_connections: int = 64
    """TCP connections, logged in or not; one more is closed at once."""
    max_connections_per_address: int = 16
    max_login_bytes: int = 32 * 1024
    """Received of a viewer before it has logged in."""
    max_items_per_read: int = 64
    """Requests and interleaved frames (RTCP) of a viewer that come at once."""
    max_pipelined: int = 32
    """Requests of a viewer that wait for their answer."""
    max_login_failures: int = 5
    """Wrong answers to a challenge before the connection is closed."""
    handshake_timeout: float = 10.0
    """Seconds from the connection to the first request with the right credentials."""
    session_timeout: float = 60.0
    """Seconds without a request or RTCP after which a viewer is gone; announced in `Session`."""
    upstream_timeout: float = 10.0
    """Seconds for the recorder to be connected to and described, and for each later request to it."""
    teardown_timeout: float = 1.0
    """Seconds for the recorder to confirm the end of a session."""
    write_timeout: float = 10.0
    """Seconds that a peer may leave a full write buffer untouched."""
    linger_timeout: float = 1.0
    """Seconds for a viewer to read the last answer before its connection is cut."""
    write_buffer: int = 512 * 1024
    """Bytes that wait for a slow peer before the other side isn't read any more."""
    read_buffer: int = 256 * 1024
    """Bytes taken from a socket at once."""
    max_redirects: int = 3
