"""The cameras that a scan of each vendor's recorder makes: every answer of theirs follows the schema.

What clients steer reaches the recorder and comes back from it.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from lxml import etree
import pytest

from custom_components.onvif_proxy.model import CameraDescription, Channel, Credentials, Endpoint, Identity, Recorder
from custom_components.onvif_proxy.nvr import OnvifDriver
from custom_components.onvif_proxy.responder import EventBroker
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder, StreamOptions
from tests.simulated_nvr.vendors import VENDORS

from .conftest import MAC, UUID, make_camera
from .envelopes import PASSWORD, USERNAME
from .every_operation import running, shortcomings_of

SMALL = StreamOptions(width=320, height=180)
SMALLER = StreamOptions(width=160, height=90, frame_rate=10, bit_rate=256)
H265_CHANNEL = 2


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recorders of this run keep their pictures."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(params=list(VENDORS))
async def recorder(request: pytest.FixtureRequest, pictures: Path) -> AsyncIterator[SimulatedRecorder]:
    """Return a recorder of two channels: the first moves, the second has H.265."""
    options = RecorderOptions(
        vendor=request.param,
        channels=2,
        main=SMALL,
        sub=SMALLER,
        codecs={H265_CHANNEL: "H265"},
        cache_directory=pictures,
    )
    async with SimulatedRecorder(options) as running_recorder:
        yield running_recorder


def description_of(channel: Channel, recorder: Recorder) -> CameraDescription:
    """Return the camera of a channel, on loopback."""
    return CameraDescription(
        name=channel.name or "Camera",
        identity=Identity(uuid=UUID, serial_number="OP-1", mac=MAC),
        channel=channel,
        endpoint=Endpoint(address="127.0.0.1", prefix_length=8, mac=MAC, onvif_port=0, rtsp_port=8554, interface="lo"),
        credentials=Credentials(username=USERNAME, password=PASSWORD),
        manufacturer=recorder.info.manufacturer,
        model=recorder.info.model,
        firmware=recorder.info.firmware,
        media2=any(stream.video.codec == "H265" for stream in channel.streams),
        event_kinds=channel.event_kinds,
        relay_outputs=recorder.relay_outputs,
        has_snapshot=channel.snapshot_uri is not None,
    )


async def test_every_answer_of_every_camera_follows_the_schema(
    recorder: SimulatedRecorder, session: aiohttp.ClientSession, onvif_schema: etree.XMLSchema
) -> None:
    credentials = Credentials(username=recorder.options.username, password=recorder.options.password)
    async with OnvifDriver(recorder.host, recorder.port, credentials, session) as driver:
        scanned = await driver.scan()
        assert len(scanned.channels) == 2
        for channel in scanned.channels:
            description = description_of(channel, scanned)
            events = EventBroker()
            events.set_kinds(description.event_kinds)
            controls: dict[str, Any] = {
                "ptz": driver.ptz(channel),
                "imaging": driver.imaging(channel),
                "relays": driver.relays,
            }
            async with running(description, make_camera(events=events, **controls), session) as client:
                assert await shortcomings_of(client, onvif_schema, whole=True) == []
        assert [channel.main.video.codec for channel in scanned.channels] == ["H264", "H265"]
