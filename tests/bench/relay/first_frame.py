"""Joins a stream so often as its argument says, decodes one frame each time, and prints the milliseconds as JSON.

The stream's URI comes by standard input. PyAV is asked to begin with what it gets, as players of live pictures ask it; not
by `nobuffer`, which throws away what it has looked at, the first key frame.
"""

import json
import random
import sys
import time

import av

_OPTIONS = {"rtsp_transport": "tcp", "analyzeduration": "0", "probesize": "32"}


def first_frame_ms(uri: str) -> float:
    """Return the milliseconds from connecting to the first frame."""
    began = time.monotonic()
    with av.open(uri, options=_OPTIONS, timeout=10) as container:
        container.streams.video[0].codec_context.thread_count = 1  # frames would wait for a thread each
        next(container.decode(video=0))
        return 1000 * (time.monotonic() - began)


if __name__ == "__main__":
    URI = sys.stdin.read()
    first_frame_ms(URI)  # loads the decoder
    found = []
    for _ in range(int(sys.argv[1])):
        time.sleep(random.random())
        found.append(first_frame_ms(URI))
    sys.stdout.write(json.dumps(found))
