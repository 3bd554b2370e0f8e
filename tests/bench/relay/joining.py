"""How soon one who comes late sees something."""

from collections.abc import Iterator
import json
from pathlib import Path
import random
import statistics
import subprocess
import sys
import time

from ..figure import Figure, Unmeasured
from .cache import REPOSITORY
from .cost import Found
from .load import CREDENTIALS, Stream, stream
from .relays import FIRST_PORT
from .stage import Stage
from .wires import RECORDER, RELAY

FIRST_FRAME_MS = 150

_PATIENCE = 60.0
_RTSP_PORT = 8554
_KEY_FRAME_SECONDS = 2.0


def joining(stage: Stage) -> Iterator[Found]:
    """Measure the first whole key frame on the wire, then the first frame that PyAV decodes, while somebody else watches."""
    watched = stream(0)
    with stage.ours([watched]) as relay, stage.watching(relay, [watched]):
        found = []
        for _ in range(stage.effort.joins):
            found.append(float(stage.viewers.ask(f"join 1 {relay.where(watched)}")["ms"]))
            stage.viewers.ask("close 1")
            time.sleep(random.random() * _KEY_FRAME_SECONDS / 2)
    title = "A late joiner's first key frame on the wire, half"
    yield Figure(name="join_key_ms", title=title, value=statistics.median(found), unit="ms")
    yield from _decoding(stage)


def _decoding(stage: Stage) -> Iterator[Figure]:
    real = Stream("/Streaming/Channels/101", _RTSP_PORT)
    recorder = stage.wires.popen(
        "recorder",
        [
            *(sys.executable, "-m", "tests.simulated_nvr", "--json", "--channels", "1", "--no-sub", "--audio", "none"),
            *("--host", RECORDER, "--rtsp-port", str(_RTSP_PORT), "--main", "1280x720@20"),
            *("--username", CREDENTIALS.username, "--password", CREDENTIALS.password),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )
    assert recorder.stdout is not None
    try:
        if not recorder.stdout.readline():
            raise Unmeasured("The simulated recorder did not start.")
        with stage.ours([real]) as relay, stage.watching(relay, [real]):
            uri = f"rtsp://{CREDENTIALS.username}:{CREDENTIALS.password}@{RELAY}:{FIRST_PORT}/main"
            done = stage.wires.run(
                "client",
                [sys.executable, Path(__file__).with_name("first_frame.py"), str(stage.effort.joins)],
                input=uri,
                timeout=_PATIENCE,
                check=False,
            )
    finally:
        recorder.terminate()
        recorder.wait()
    if done.returncode:
        raise Unmeasured(f"PyAV decoded nothing: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    found = [float(value) for value in json.loads(done.stdout)]
    title = "A late joiner's first frame decoded by PyAV (720p), half"
    yield Figure(name="join_decoded_ms", title=title, value=statistics.median(found), unit="ms", limit=FIRST_FRAME_MS)
    yield Figure(
        name="join_decoded_most_ms", title="  the latest of them", value=max(found), unit="ms", limit=FIRST_FRAME_MS
    )
