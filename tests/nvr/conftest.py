"""What the tests of the recorder drivers share."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.nvr import OnvifDriver

from .soap_recorder import SoapRecorder

CREDENTIALS = Credentials(username="admin", password="Recorder123")

type DriverFactory = Callable[..., OnvifDriver]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP session, as Home Assistant would lend one."""
    async with aiohttp.ClientSession() as client_session:
        yield client_session


@pytest.fixture
async def make_driver(session: aiohttp.ClientSession) -> AsyncIterator[DriverFactory]:
    """Makes drivers for recorders and closes them at the end."""
    drivers = []

    def make(recorder: Any, credentials: Credentials = CREDENTIALS, **limits: Any) -> OnvifDriver:
        driver = OnvifDriver(recorder.host, recorder.port, credentials, session, **limits)
        drivers.append(driver)
        return driver

    yield make
    for driver in drivers:
        await driver.close()


@pytest.fixture
async def soap_recorder() -> AsyncIterator[SoapRecorder]:
    """A recorder with one channel and canned answers."""
    async with SoapRecorder() as recorder:
        yield recorder
