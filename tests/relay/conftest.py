"""What the tests of the relay share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from custom_components.onvif_proxy.relay import Limits, RelayServer

from .rtsp_client import VIEWER
from .scripted_recorder import ScriptedRecorder

QUICK = Limits(
    handshake_timeout=2.0,
    session_timeout=5.0,
    upstream_timeout=0.5,
    teardown_timeout=0.3,
    write_timeout=0.5,
    linger_timeout=0.3,
)
"""Like the defaults, for people who wait."""


@asynccontextmanager
async def relaying(recorder: ScriptedRecorder, limits: Limits = QUICK) -> AsyncIterator[RelayServer]:
    """Run recorder and relay; at the end nothing of either may be left."""
    async with recorder:
        async with RelayServer(
            "127.0.0.1", 0, credentials=VIEWER, sources={"main": recorder.source, "sub": recorder.source}, limits=limits
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
