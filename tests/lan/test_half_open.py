"""A recorder that is gone without a word: its cable is pulled, and nothing says that the connection is none any more."""

import asyncio
from dataclasses import replace
import json
from pathlib import Path
import subprocess
import sys

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay import RelayServer, Source, StreamState
from custom_components.onvif_proxy.relay.plane import PlaneLoop
from tests.relay.conftest import AT_ONCE, QUICK, until
from tests.relay.rtsp_client import VIEWER, RtspClient

from .bed import HOSTS, Lan

REPOSITORY = Path(__file__).parents[2]
RECORDER = Credentials(username="admin", password="RecorderSecret")


def start_recorder(lan: Lan) -> Source:
    """Start a recorder on its host; return its stream."""
    arguments = ("-m", "tests.simulated_nvr", "--channels", "1", "--json", "--host", HOSTS["recorder"])
    program = lan.popen(
        "recorder",
        [sys.executable, *arguments, "--password", RECORDER.password],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
    )
    assert program.stdout is not None
    started = json.loads(program.stdout.readline())
    return Source(uri=started["channels"][0]["streams"][0], credentials=RECORDER)


def test_a_recorder_without_a_cable_is_noticed_and_played_again_while_its_viewer_stays(lan: Lan) -> None:
    source = start_recorder(lan)

    async def pull_and_plug() -> None:
        limits = replace(QUICK, media_timeout=0.5)
        async with (
            RelayServer(
                "127.0.0.1", 0, credentials=VIEWER, sources={"main": source}, options=AT_ONCE, limits=limits
            ) as server,
            RtspClient(server.port) as viewer,
        ):
            assert (await viewer.play(tracks=1)).status == 200
            reading = asyncio.create_task(viewer.ended())
            (stream,) = server.statistics().streams
            assert stream.state is StreamState.LIVE

            await asyncio.to_thread(lan.ip, "recorder", "link", "set", "eth0", "down")
            await until(lambda: server.statistics().streams[0].state is StreamState.RETRYING)
            # The session that is given up, and those that are tried for, leave no socket: these are the doors and the viewer.
            assert server._camera is not None
            plane = server._camera.common.plane
            await until(lambda: plane.sockets == 1)
            received = len(viewer.received)

            await asyncio.to_thread(lan.ip, "recorder", "link", "set", "eth0", "up")
            await until(lambda: server.statistics().streams[0].state is StreamState.LIVE, 10)
            assert server.statistics().streams[0].reconnects == 1
            await until(lambda: len(viewer.received) > received + 10_000)
            assert not reading.done()
            assert server.viewers == 1
            reading.cancel()
            await asyncio.wait([reading])

    lan.call("ha", lambda: asyncio.run(pull_and_plug(), loop_factory=PlaneLoop))
