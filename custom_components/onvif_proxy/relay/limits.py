"""How much of everything a relay allows, and how long things may take."""

from dataclasses import dataclass

from .groups import DEFAULT_MAX_GROUP, DEFAULT_MAX_GROUP_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one camera's relay. Bytes and seconds."""

    max_viewers: int = 16
    """Viewers of the camera that hold a stream; one more is answered 453."""
    max_viewers_per_address: int = 8
    max_connections: int = 64
    """TCP connections, logged in or not; one more is closed at once."""
    max_connections_per_address: int = 16
    max_strangers_per_address: int = 256
    """TCP connections to all cameras of the process that have not logged in: who records two streams of 64 cameras begins
    with 128 at once."""
    max_descriptors: int = 8192
    """Of the process, for all cameras, to recorders too; fewer where the system allows fewer. One more viewer is closed at
    once: it takes one to six of them."""
    max_login_bytes: int = 32 * 1024
    """Received of a viewer before it has logged in."""
    max_items_per_read: int = 64
    """Requests and interleaved frames (RTCP) of a viewer that come at once."""
    max_recorder_items_per_read: int = 256
    """Messages, and interleaved frames that are no media (RTCP), of a recorder that come at once."""
    max_pipelined: int = 32
    """Requests of a viewer that wait for their answer."""
    max_unread_answers: int = 64 * 1024
    """Of answers that a viewer does not take before its requests are left unread."""
    max_login_failures: int = 5
    """Wrong answers to a challenge before the connection is closed."""
    handshake_timeout: float = 10.0
    """From the connection to the first request with the right credentials."""
    session_timeout: float = 60.0
    """Without a request or RTCP after which a viewer is gone; announced in `Session`."""
    play_timeout: float = 1.0
    """For the first key frame to come before PLAY is answered without saying where the media begins."""
    key_timeout: float = 10.0
    """For a viewer that waits for a key frame; then it gets what there is."""
    upstream_timeout: float = 10.0
    """For the recorder to be connected to and described, and for each later request to it."""
    media_timeout: float = 10.0
    """Without media after which a session with the recorder is given up; it may take twice as long."""
    teardown_timeout: float = 1.0
    """For the recorder to confirm the end of a session."""
    retry_first: float = 0.5
    """From a lost session to the next attempt; doubles with each that fails, and varies by a quarter."""
    retry_longest: float = 30.0
    retry_asked: float = 1.0
    """From an attempt that failed to the next one for the sake of a viewer that asks; until then it is told what went wrong."""
    login_retry_first: float = 60.0
    """From a login that the recorder refused to the next with the same account, for all of its streams; doubles likewise."""
    login_retry_longest: float = 900.0
    write_timeout: float = 10.0
    """That a peer may take nothing of what waits for it."""
    linger_timeout: float = 1.0
    """For a viewer to read the last answer before its connection is cut."""
    write_buffer: int = 512 * 1024
    """That may wait for a slow viewer beyond what the group buffer holds anyway; with more it loses groups of pictures."""
    max_group: int = DEFAULT_MAX_GROUP
    """Of a group of pictures that is kept for who joins in its middle."""
    max_group_seconds: float = DEFAULT_MAX_GROUP_SECONDS
    udp_first_port: int = 20000
    """Of those that media leaves from; below those that Linux gives to whoever asks for any."""
    udp_last_port: int = 23999
    udp_rate: int = 25_000_000
    """Bytes a second that a viewer gets over UDP at most: 200 Mbit/s."""
    udp_burst: int = 64 * 1024
    """That a viewer gets over UDP at once: a third of what a socket of Linux has room for."""
    max_redirects: int = 3
