"""Recorders with small pictures, so that nothing here waits for an encoder."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.simulated_nvr import RecorderOptions, SimulatedRecorder, StreamOptions

SMALL = StreamOptions(width=320, height=180)
SMALLER = StreamOptions(width=160, height=90, frame_rate=10, bit_rate=256)

type Recorders = Callable[..., Awaitable[SimulatedRecorder]]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recorders of this run keep their pictures."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
async def start_recorder(pictures: Path) -> AsyncIterator[Recorders]:
    """Start recorders with options; they stop at the end."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> SimulatedRecorder:
            known = {"main": SMALL, "sub": SMALLER, "cache_directory": pictures} | options
            return await stack.enter_async_context(SimulatedRecorder(RecorderOptions(**known)))

        yield start


@pytest.fixture
async def recorder(start_recorder: Recorders) -> SimulatedRecorder:
    """Two channels, Hikvision's way."""
    return await start_recorder(channels=2)
