"""What the tests of the relay share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from custom_components.onvif_proxy.relay import CameraOptions, Limits, RelayServer
from custom_components.onvif_proxy.relay.plane import PlaneLoop

from .rtsp_client import VIEWER
from .scripted_recorder import ScriptedRecorder


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run these tests in the loop that relays need."""
    return {"plane": PlaneLoop}


QUICK = Limits(
    handshake_timeout=2.0,
    session_timeout=5.0,
    play_timeout=0.3,
    key_timeout=0.5,
    upstream_timeout=0.5,
    media_timeout=30.0,
    retry_first=0.1,
    retry_longest=0.4,
    retry_asked=0.0,
    login_retry_first=0.3,
    login_retry_longest=0.6,
    teardown_timeout=0.3,
    write_timeout=0.5,
    linger_timeout=0.3,
)
"""Like the defaults, for people who wait."""


AT_ONCE = CameraOptions(keep_seconds=0.0)
"""The recorder's session ends with the last viewer."""


@asynccontextmanager
async def relaying(
    recorder: ScriptedRecorder, limits: Limits = QUICK, options: CameraOptions = AT_ONCE
) -> AsyncIterator[RelayServer]:
    """Run recorder and relay; at the end nothing of either may be left."""
    async with recorder:
        async with RelayServer(
            "127.0.0.1",
            0,
            credentials=VIEWER,
            sources={"main": recorder.source, "sub": recorder.source},
            options=options,
            limits=limits,
        ) as server:
            yield server
        await until(lambda: recorder.open_connections == 0)


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition; fails when it doesn't come."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail("what was waited for didn't happen")
