"""How a client's program and scripts/interop talk: JSON objects, one a line. For any Python from 3.11 on.

The program gets one on standard input: host, port, username, password, wrong_password, discover (whether it may look for
cameras), media2 (whether the camera offers it) and stream (an RTSP URI that an earlier client was told, or null). It prints
`{"step", "ok", "seen"}` after each step, and `{"ask": "motion", "active"}` for what the camera is to see next.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import json
import sys
from typing import Any

MOTION_TOPICS = ("VideoSource/MotionAlarm", "CellMotionDetector/Motion")


class Failed(Exception):
    """The camera answered, but not what was to be."""


class Seen:
    """What a step has to tell; set in its block."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.text = ""
        self.more: dict[str, Any] = {}

    def __call__(self, text: str, **more: Any) -> None:
        """Tell it; `more` is for the program that reads it: stream and snapshot, the URIs."""
        self.text, self.more = text, more


def read_job() -> dict[str, Any]:
    """Return what is to be done."""
    return dict(json.loads(sys.stdin.readline()))


@contextmanager
def step(name: str) -> Iterator[Seen]:
    """Do a step in the block; an exception is its failure, and the next steps are still tried."""
    seen = Seen()
    try:
        yield seen
    except Exception as error:  # noqa: BLE001 - whatever a library raises is what the table is to show
        _print({"step": name, "ok": False, "seen": f"{type(error).__name__}: {error}"})
    else:
        _print({"step": name, "ok": True, "seen": seen.text, **seen.more})


def ask_for_motion(active: bool) -> None:
    """Have the camera see motion, or its end, from now on."""
    _print({"ask": "motion", "active": active})


def _print(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)
