"""A virtual camera runs when it is switched on and has an endpoint, and recovers alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
import errno
import socket
from unittest.mock import patch

import pytest

from custom_components.onvif_proxy.model import (
    Channel,
    Credentials,
    Endpoint,
    Identity,
    RecorderInfo,
    Snapshot,
    Stream,
    StreamRole,
    VideoEncoding,
)
from custom_components.onvif_proxy.responder import DiscoveryResponder, OnvifServer, SnapshotUnavailable, TokenVerifier
from custom_components.onvif_proxy.virtual_camera import CameraState, CameraStatus, Trouble, VirtualCamera
from tests.end_to_end.client import fetch_snapshot, find_cameras, listens, read_camera

LOOPBACK = "127.0.0.1"
CREDENTIALS = Credentials(username="onvif", password="Adoption1")
RUNNING = CameraStatus(state=CameraState.RUNNING)
STOPPED = CameraStatus(state=CameraState.STOPPED)
WAITING = CameraStatus(state=CameraState.WAITING_FOR_ADDRESS)
RECORDER = RecorderInfo(serial_number="R1", manufacturer="Maker", model="NVR", firmware="1", name="Attic")


def stream(role: StreamRole, width: int, height: int) -> Stream:
    return Stream(
        role=role,
        profile_token=f"P{width}",
        uri=f"rtsp://127.0.0.1:1/{width}",
        video=VideoEncoding(codec="H264", width=width, height=height),
    )


CHANNEL = Channel(
    token="V1",
    name="Door",
    main=stream(StreamRole.MAIN, 1280, 720),
    sub=stream(StreamRole.SUB, 640, 360),
    snapshot_uri="http://127.0.0.1:1/picture",
)


def endpoint(onvif_port: int = 0, rtsp_port: int = 0) -> Endpoint:
    return Endpoint(
        address=LOOPBACK,
        prefix_length=8,
        mac="02:00:00:00:00:01",
        onvif_port=onvif_port,
        rtsp_port=rtsp_port,
        interface="lo",
    )


class Watched:
    """A camera, and what it told."""

    def __init__(self) -> None:
        self.told: list[CameraStatus] = []
        self.snapshot: Snapshot | None = Snapshot(image=b"\xff\xd8picture")
        self.camera = VirtualCamera(
            name="Door",
            identity=Identity(uuid="5a5b0d2e-0000-4000-8000-000000000001", serial_number="S1", mac="02:00:00:00:00:01"),
            channel=CHANNEL,
            recorder=RECORDER,
            recorder_credentials=Credentials(username="admin", password="secret"),
            credentials=CREDENTIALS,
            tokens=TokenVerifier(),
            fetch_snapshot=self.fetch,
            on_change=self.changed,
            retry_seconds=(0.05,),
        )

    def changed(self) -> None:
        self.told.append(self.camera.status)

    async def fetch(self, channel: Channel) -> Snapshot:
        if self.snapshot is None:
            raise SnapshotUnavailable("the recorder is off")
        return self.snapshot

    async def reaches(self, status: CameraStatus) -> None:
        async with asyncio.timeout(5):
            while self.camera.status != status:
                await asyncio.sleep(0.01)

    @property
    def xaddr(self) -> str:
        assert self.camera.endpoint is not None
        return f"http://{LOOPBACK}:{self.camera.endpoint.onvif_port}/onvif/device_service"


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    yield made
    await made.camera.close()
    assert made.camera.status == STOPPED


async def test_needs_both_the_switch_and_an_endpoint(watched: Watched) -> None:
    camera = watched.camera
    await camera.set_endpoint(endpoint())
    assert (camera.status, camera.endpoint) == (STOPPED, None)
    await camera.set_endpoint(None)
    await camera.set_enabled(True)
    assert camera.status == WAITING
    await camera.set_endpoint(endpoint())
    assert watched.told == [WAITING, RUNNING]
    assert (await read_camera(watched.xaddr, CREDENTIALS.username, CREDENTIALS.password)).name == "Door"


async def test_announces_the_ports_that_are_bound(watched: Watched) -> None:
    await watched.camera.set_endpoint(endpoint())
    await watched.camera.set_enabled(True)
    assert watched.camera.endpoint is not None
    read = await read_camera(watched.xaddr, CREDENTIALS.username, CREDENTIALS.password)
    assert [profile.stream_uri for profile in read.profiles] == [
        f"rtsp://{LOOPBACK}:{watched.camera.endpoint.rtsp_port}/{role}" for role in ("main", "sub")
    ]
    assert watched.camera.viewers == 0


async def test_an_address_that_goes_away_ends_the_servers(watched: Watched) -> None:
    await watched.camera.set_endpoint(endpoint())
    await watched.camera.set_enabled(True)
    former = watched.xaddr
    await watched.camera.set_endpoint(None)
    assert watched.camera.status == WAITING
    assert not await listens(former)
    await watched.camera.set_endpoint(None, Trouble.NO_FREE_PORT)
    assert watched.camera.status == CameraStatus(state=CameraState.ERROR, trouble=Trouble.NO_FREE_PORT)


async def test_starts_by_itself_when_a_taken_port_becomes_free(watched: Watched) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        await watched.camera.set_endpoint(endpoint(onvif_port=other.getsockname()[1]))
        await watched.camera.set_enabled(True)
        assert watched.camera.status == CameraStatus(state=CameraState.ERROR, trouble=Trouble.PORT_IN_USE)
        assert (watched.camera.endpoint, watched.camera.viewers) == (None, 0)
        await asyncio.sleep(0.2)  # it tries again, in vain
        assert watched.camera.status.state is CameraState.ERROR
    await watched.reaches(RUNNING)


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (errno.EACCES, Trouble.NOT_PERMITTED),
        (errno.EADDRNOTAVAIL, Trouble.ADDRESS_GONE),
        (errno.ENOBUFS, Trouble.NETWORK),
    ],
)
async def test_says_why_it_can_not_listen(watched: Watched, number: int, trouble: Trouble) -> None:
    await watched.camera.set_endpoint(endpoint())
    with patch.object(OnvifServer, "start", side_effect=OSError(number, "no")):
        await watched.camera.set_enabled(True)
        assert watched.camera.status == CameraStatus(state=CameraState.ERROR, trouble=trouble)
    await watched.reaches(RUNNING)


async def test_runs_without_discovery_where_the_network_has_none(watched: Watched) -> None:
    await watched.camera.set_endpoint(endpoint())
    with patch.object(DiscoveryResponder, "start", side_effect=OSError(errno.ENODEV, "no multicast")):
        await watched.camera.set_discoverable(True)
        await watched.camera.set_enabled(True)
        assert watched.camera.status == CameraStatus(state=CameraState.RUNNING, trouble=Trouble.NO_DISCOVERY)
        assert await listens(watched.xaddr)
    await watched.reaches(RUNNING)
    assert watched.xaddr in await find_cameras(LOOPBACK, wanted=[watched.xaddr])


async def test_switching_off_ends_the_retries(watched: Watched) -> None:
    await watched.camera.set_endpoint(endpoint())
    with patch.object(OnvifServer, "start", side_effect=OSError(errno.EADDRINUSE, "taken")) as start:
        await watched.camera.set_enabled(True)
        await watched.camera.set_enabled(False)
        tries = start.call_count
        await asyncio.sleep(0.2)
        assert start.call_count == tries
    assert watched.camera.status == STOPPED


async def test_a_new_name_reaches_clients_at_once(watched: Watched) -> None:
    watched.camera.rename("Before the start")
    await watched.camera.set_endpoint(endpoint())
    await watched.camera.set_discoverable(True)
    await watched.camera.set_enabled(True)
    watched.camera.rename("Gate")
    read = await read_camera(watched.xaddr, CREDENTIALS.username, CREDENTIALS.password)
    assert read.name == "Gate"


async def test_a_rescan_changes_what_it_says(watched: Watched) -> None:
    await watched.camera.set_endpoint(endpoint())
    await watched.camera.set_enabled(True)
    watched.camera.update_channel(replace(CHANNEL, main=stream(StreamRole.MAIN, 1920, 1080), sub=None), RECORDER)
    profiles = (await read_camera(watched.xaddr, CREDENTIALS.username, CREDENTIALS.password)).profiles
    assert [(profile.width, profile.height) for profile in profiles] == [(1920, 1080)]


async def test_snapshots_come_from_the_recorder_or_not_at_all(watched: Watched) -> None:
    await watched.camera.set_endpoint(endpoint())
    await watched.camera.set_enabled(True)
    uri = watched.xaddr.replace("/onvif/device_service", "/snapshot")
    assert await fetch_snapshot(uri, CREDENTIALS.username, CREDENTIALS.password) == b"\xff\xd8picture"
    watched.snapshot = None
    with pytest.raises(Exception, match="503"):
        await fetch_snapshot(uri, CREDENTIALS.username, CREDENTIALS.password)
