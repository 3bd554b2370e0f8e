"""A key frame for who does not watch: from the stream as it is, else from one that is opened for it."""

import asyncio

from .hub import StreamHub
from .key_frame import KeyFrame

LOOK_SECONDS = 0.05
"""Between two looks at whether the picture is whole."""


class _Asker:
    """Holds the stream while it waits."""

    def __init__(self) -> None:
        """Begin."""
        self.ended = False

    def end(self) -> None:
        self.ended = True


async def fetch_key_frame(hub: StreamHub, *, timeout: float) -> KeyFrame | None:
    """Return the last key frame of a stream; None where it has none in that time, or its encoding isn't known.

    Without a timeout, 0, the stream isn't opened. Raises UpstreamError as the attempt to open it did.
    """
    fanout = hub.fanout
    pictures = fanout.pictures
    frame = fanout.key_frame()
    if frame is not None or timeout <= 0:
        return frame
    asker = _Asker()
    hub.hold(asker)
    try:
        async with asyncio.timeout(timeout):
            await hub.describe(asker)
            while frame is None and not asker.ended:
                # Without another picture there is no other answer.
                if fanout.pictures == pictures:
                    await asyncio.sleep(LOOK_SECONDS)
                else:
                    pictures = fanout.pictures
                    frame = fanout.key_frame()
    except TimeoutError:
        return None
    finally:
        hub.release(asker)
    return frame
