"""A virtual camera runs when it is switched on and has an endpoint, and recovers alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
import errno
from ipaddress import IPv4Address, IPv4Network
import os
import signal
import socket
from unittest.mock import patch

import aiohttp
import pytest

from custom_components.onvif_proxy.camera_offer import KeptSettings
from custom_components.onvif_proxy.camera_status import CameraState, CameraStatus, Trouble
from custom_components.onvif_proxy.controls import PtzVector
from custom_components.onvif_proxy.logins import LoginFailure, LoginProblem
from custom_components.onvif_proxy.model import (
    AudioEncoding,
    Channel,
    Credentials,
    Endpoint,
    EventKind,
    Identity,
    PtzAbilities,
    RecorderEvent,
    RecorderInfo,
    RelayOutput,
    Snapshot,
    Stream,
    StreamRole,
    VideoEncoding,
)
from custom_components.onvif_proxy.relay.key_frame import KeyFrame
from custom_components.onvif_proxy.relay.options import CameraOptions
from custom_components.onvif_proxy.relay_process import RelayProcess
from custom_components.onvif_proxy.responder import DiscoveryResponder, OnvifServer, SnapshotUnavailable, TokenVerifier
from custom_components.onvif_proxy.virtual_camera import Controls, VirtualCamera
from tests.end_to_end.client import fetch_snapshot, find_cameras, listens, read_camera
from tests.relay.rtsp_client import RtspClient
from tests.relay.scripted_recorder import ScriptedRecorder
from tests.responder.envelopes import envelope, operation, security
from tests.test_ptz_guard import STOP_PAN_TILT, Unit

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

    def __init__(self, own_networks: Callable[[], list[IPv4Network]] | None = None, memory: float = 3600.0) -> None:
        self.told: list[CameraStatus] = []
        self.settings: list[KeptSettings] = []
        self.events: list[tuple[EventKind, bool]] = []
        self.failures: list[LoginFailure] = []
        self.unit = Unit()
        self.told_clients: list[frozenset[IPv4Address]] = []
        self.snapshot: Snapshot | None = Snapshot(image=b"\xff\xd8picture")
        self.relays = RelayProcess(restart_seconds=(0.3, 0.0), grace_seconds=0.1)
        self.camera = VirtualCamera(
            name="Door",
            identity=Identity(uuid="5a5b0d2e-0000-4000-8000-000000000001", serial_number="S1", mac="02:00:00:00:00:01"),
            channel=CHANNEL,
            recorder=RECORDER,
            recorder_credentials=Credentials(username="admin", password="secret"),
            credentials=CREDENTIALS,
            tokens=TokenVerifier(),
            relays=self.relays,
            fetch_snapshot=self.fetch,
            decode=self.decode,
            on_change=self.changed,
            controls_of=lambda channel: Controls(ptz=None if channel.ptz is None else self.unit),
            on_settings=self.settings.append,
            on_event=lambda kind, active: self.events.append((kind, active)),
            on_login_failure=self.failures.append,
            retry_seconds=(0.05,),
            own_networks=own_networks,
            foreign_client_memory=memory,
        )

    def changed(self) -> None:
        self.told.append(self.camera.status)
        self.told_clients.append(self.camera.foreign_clients)

    async def fetch(self, channel: Channel) -> Snapshot:
        if self.snapshot is None:
            raise SnapshotUnavailable("the recorder is off")
        return self.snapshot

    async def decode(self, key_frame: KeyFrame) -> bytes:
        return b"\xff\xd8" + key_frame.data

    async def reaches(self, status: CameraStatus) -> None:
        async with asyncio.timeout(5):
            while self.camera.status != status:
                await asyncio.sleep(0.01)

    @property
    def xaddr(self) -> str:
        assert self.camera.endpoint is not None
        return f"http://{self.camera.endpoint.address}:{self.camera.endpoint.onvif_port}/onvif/device_service"


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    yield made
    await made.camera.close()
    assert made.camera.status == STOPPED
    assert made.relays.state.pid is None


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


async def test_starts_by_itself_when_a_taken_video_port_becomes_free(watched: Watched) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        await watched.camera.set_endpoint(endpoint(rtsp_port=other.getsockname()[1]))
        await watched.camera.set_enabled(True)
        assert watched.camera.status == CameraStatus(state=CameraState.ERROR, trouble=Trouble.PORT_IN_USE)
    await watched.reaches(RUNNING)


def kill_relay(watched: Watched) -> None:
    assert watched.relays.state.pid is not None
    os.kill(watched.relays.state.pid, signal.SIGKILL)


RELAY_DOWN = CameraStatus(state=CameraState.ERROR, trouble=Trouble.RELAY_DOWN)


async def test_a_relay_that_is_away_for_longer_is_told_and_control_goes_on(watched: Watched) -> None:
    await run(watched)
    ports = watched.camera.endpoint
    kill_relay(watched)
    await watched.reaches(RELAY_DOWN)
    watched.camera.set_channel_gone(True)
    assert watched.camera.status == RELAY_DOWN
    assert await watched.camera.relay_statistics() is None
    assert await reads(watched)
    watched.camera.set_channel_gone(False)
    await watched.reaches(RUNNING)
    assert watched.camera.endpoint == ports
    assert await watched.camera.relay_statistics() is not None


async def test_a_relay_that_is_back_at_once_is_not_told(watched: Watched) -> None:
    watched.relays._restart_seconds = (0.0,)
    watched.relays._grace_seconds = 5.0
    await run(watched)
    kill_relay(watched)
    async with asyncio.timeout(5):
        while not (watched.relays.state.restarts and watched.relays.state.pid):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert {status.state for status in watched.told} == {CameraState.RUNNING}


async def test_a_video_port_that_was_lost_with_the_relay_is_told_and_taken_when_it_is_free(watched: Watched) -> None:
    await run(watched)
    assert watched.camera.endpoint is not None
    port = watched.camera.endpoint.rtsp_port
    await watched.camera.set_endpoint(endpoint(rtsp_port=port))
    kill_relay(watched)
    while watched.relays.state.pid is not None:
        await asyncio.sleep(0.001)
    with socket.create_server((LOOPBACK, port)):
        await watched.reaches(CameraStatus(state=CameraState.ERROR, trouble=Trouble.PORT_IN_USE))
    await watched.reaches(RUNNING)
    assert watched.camera.endpoint.rtsp_port == port


async def test_a_relay_that_cannot_start_is_told(watched: Watched) -> None:
    command, watched.relays._command = watched.relays._command, ("/nowhere/python",)
    await watched.camera.set_endpoint(endpoint())
    await watched.camera.set_enabled(True)
    assert watched.camera.status == RELAY_DOWN
    assert await watched.camera.relay_statistics() is None
    watched.relays._command = command
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


async def test_snapshots_come_from_the_recorder_or_the_stream_or_not_at_all(watched: Watched) -> None:
    await watched.camera.set_endpoint(endpoint())
    await watched.camera.set_enabled(True)
    watched.camera._snapshots._max_age = 0.0
    uri = watched.xaddr.replace("/onvif/device_service", "/snapshot")
    assert await fetch_snapshot(uri, CREDENTIALS.username, CREDENTIALS.password) == b"\xff\xd8picture"
    watched.snapshot = None
    with pytest.raises(Exception, match="503"):
        await fetch_snapshot(uri, CREDENTIALS.username, CREDENTIALS.password)
    async with ScriptedRecorder() as recorder:
        watched.camera.update_channel(replace(CHANNEL, main=replace(CHANNEL.main, uri=recorder.base)), RECORDER)
        picture = await fetch_snapshot(uri, CREDENTIALS.username, CREDENTIALS.password)
        assert picture.startswith(b"\xff\xd8")
        assert picture.endswith(b"\x65first")
        await watched.camera.set_enabled(False)


RAW = CameraOptions(raw=True)
ACCOUNT = Credentials(username="admin", password="secret")
RAW_REFUSED = CameraStatus(state=CameraState.RUNNING, trouble=Trouble.RAW_REFUSED)


class TestRawMode:
    """RTSP is passed on to the recorder as it is."""

    async def test_streams_are_the_recorders_at_the_cameras_address(self, watched: Watched) -> None:
        camera = watched.camera
        assert (camera.stream_uri(StreamRole.MAIN), camera.stream_source) == (None, None)
        async with ScriptedRecorder() as recorder:
            main = replace(CHANNEL.main, uri=recorder.base)
            camera.update_channel(replace(CHANNEL, main=main), RECORDER)
            camera.set_relay_options(RAW)
            await run(watched)
            assert camera.endpoint is not None
            address = f"{LOOPBACK}:{camera.endpoint.rtsp_port}"
            path = recorder.base.partition(f":{recorder.port}")[2]
            assert camera.stream_uri(StreamRole.MAIN) == f"rtsp://{address}{path}"
            assert camera.stream_uri(StreamRole.SUB) is None  # it is at another port
            assert camera.stream_source == f"rtsp://{ACCOUNT.username}:{ACCOUNT.password}@{address}{path}"
            (profile,) = (await read_camera(watched.xaddr, CREDENTIALS.username, CREDENTIALS.password)).profiles
            assert profile.stream_uri == f"rtsp://{address}{path}"
            async with RtspClient(camera.endpoint.rtsp_port, credentials=None) as viewer:
                assert (await viewer.ask("DESCRIBE", path)).status == 200
                assert recorder.methods == ["DESCRIBE"]
                await reaches(lambda: camera.viewers == 1)
                statistics = await camera.relay_statistics()
                assert statistics is not None
                assert [one.stream for one in statistics.viewers] == ["raw"]
                camera.set_relay_options(CameraOptions())
                assert await viewer.ended()
            assert camera.stream_source == f"rtsp://{CREDENTIALS.username}:{CREDENTIALS.password}@{address}/main"
            await watched.camera.set_enabled(False)

    async def test_what_would_be_read_from_the_stream_is_not_offered(self, watched: Watched) -> None:
        async with ScriptedRecorder() as recorder:
            main = replace(CHANNEL.main, uri=recorder.base)
            watched.camera.update_channel(replace(CHANNEL, main=main, snapshot_uri=None), RECORDER)
            await run(watched)
            snapshot = watched.snapshot
            watched.snapshot = None
            uri = watched.xaddr.replace("/onvif/device_service", "/snapshot")
            assert await fetch_snapshot(uri, CREDENTIALS.username, CREDENTIALS.password)
            watched.camera.set_relay_options(replace(RAW, audio=False))
            watched.camera._snapshots._max_age = 0.0
            with pytest.raises(Exception, match="503"):
                await fetch_snapshot(uri, CREDENTIALS.username, CREDENTIALS.password)
            with pytest.raises(Exception, match="not implemented"):
                await read_camera(watched.xaddr, CREDENTIALS.username, CREDENTIALS.password)
            watched.snapshot = snapshot
            watched.camera.update_channel(replace(CHANNEL, main=main), RECORDER)
            assert await fetch_snapshot(uri, CREDENTIALS.username, CREDENTIALS.password) == b"\xff\xd8picture"
            await watched.camera.set_enabled(False)

    async def test_sound_is_told_as_the_recorder_has_it(self, watched: Watched) -> None:
        sounding = replace(CHANNEL.main, audio=AudioEncoding(codec="G711"))
        watched.camera.update_channel(replace(CHANNEL, main=sounding), RECORDER)
        watched.camera.set_relay_options(replace(RAW, audio=False))
        await run(watched)
        assert await has_sound(watched)
        watched.camera.set_relay_options(CameraOptions(audio=False))
        assert not await has_sound(watched)

    async def test_a_login_in_the_recorders_uri_is_told_to_nobody(self, watched: Watched) -> None:
        camera = watched.camera
        telling = replace(CHANNEL.main, uri=f"{CHANNEL.main.uri}?user=admin&password={ACCOUNT.password}")
        camera.set_relay_options(RAW)
        await run(watched)
        assert (camera.status, camera.can_be_raw) == (RUNNING, True)
        camera.update_channel(replace(CHANNEL, main=telling), RECORDER)
        assert (camera.status, camera.can_be_raw) == (RAW_REFUSED, False)
        read = await read_camera(watched.xaddr, CREDENTIALS.username, CREDENTIALS.password)
        assert [one.stream_uri for one in read.profiles] == [camera.stream_uri(role) for role in StreamRole]
        assert camera.stream_uri(StreamRole.MAIN) == f"rtsp://{LOOPBACK}:{camera.endpoint.rtsp_port}/main"
        async with RtspClient(camera.endpoint.rtsp_port, CREDENTIALS) as viewer:
            assert (await viewer.request("OPTIONS", "*")).get("Public") is not None  # ours, and no recorder is there
        camera.set_relay_options(CameraOptions())
        assert camera.status == RUNNING
        camera.set_relay_options(RAW)
        assert camera.status == RAW_REFUSED
        camera.update_channel(CHANNEL, RECORDER)
        assert camera.status == RUNNING

    async def test_it_outlives_a_lost_relay(self, watched: Watched) -> None:
        watched.relays._restart_seconds = (0.0,)
        async with ScriptedRecorder() as recorder:
            watched.camera.update_channel(
                replace(CHANNEL, main=replace(CHANNEL.main, uri=recorder.base), sub=None), RECORDER
            )
            watched.camera.set_relay_options(RAW)
            await run(watched)
            kill_relay(watched)
            await reaches(lambda: bool(watched.relays.state.restarts and watched.relays.state.pid))
            assert watched.camera.endpoint is not None
            async with RtspClient(watched.camera.endpoint.rtsp_port, credentials=None) as viewer:
                assert (await viewer.ask("DESCRIBE", "/Streaming/Channels/101")).status == 200
            await watched.camera.set_enabled(False)


async def has_sound(watched: Watched) -> bool:
    """Tell whether the camera says that it has some."""
    request = envelope(
        operation("trt:GetAudioSources"), security(username=CREDENTIALS.username, password=CREDENTIALS.password)
    )
    uri = watched.xaddr.replace("device_service", "media_service")
    async with aiohttp.ClientSession() as session, session.post(uri, data=request) as response:
        assert response.status == 200
        return "AudioSources " in await response.text()


async def reaches(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def run(watched: Watched) -> None:
    await watched.camera.set_endpoint(endpoint())
    await watched.camera.set_enabled(True)


async def reads(watched: Watched, credentials: Credentials = CREDENTIALS) -> bool:
    try:
        return bool((await read_camera(watched.xaddr, credentials.username, credentials.password)).profiles)
    except Exception:  # noqa: BLE001 - whatever the client's library makes of a refusal
        return False


async def test_another_login_is_asked_for_at_once_and_no_server_restarts(watched: Watched) -> None:
    await run(watched)
    ports = watched.camera.endpoint
    other = Credentials(username="viewer", password="Another1")
    watched.camera.set_credentials(other)
    assert (await reads(watched), await reads(watched, other)) == (False, True)
    watched.camera.set_credentials(None)
    assert await reads(watched)
    assert watched.camera.endpoint == ports


async def test_failed_logins_are_told_with_their_reason(watched: Watched) -> None:
    await run(watched)
    assert not await reads(watched, replace(CREDENTIALS, password="wrong"))
    assert {failure.problem for failure in watched.failures} == {LoginProblem.WRONG_PASSWORD}
    assert watched.camera.logins.recent[0].source == LOOPBACK


async def test_what_is_set_is_to_be_kept_once(watched: Watched) -> None:
    await watched.camera.set_discoverable(True)
    await watched.camera.set_discoverable(True)
    await watched.camera.set_scopes(("onvif://www.onvif.org/location/gate",))
    watched.camera.set_media2(True)
    assert watched.settings == [
        KeptSettings(discoverable=True),
        KeptSettings(discoverable=True, scopes=("onvif://www.onvif.org/location/gate",)),
        KeptSettings(discoverable=True, scopes=("onvif://www.onvif.org/location/gate",), media2=True),
    ]


async def test_media2_is_there_where_a_stream_needs_it_or_somebody_wants_it(watched: Watched) -> None:
    camera = watched.camera
    h265 = replace(CHANNEL.main, video=replace(CHANNEL.main.video, codec="H265"))
    assert not camera.media2
    camera.set_media2(True)
    assert camera.media2
    camera.set_media2(False)
    camera.update_channel(replace(CHANNEL, main=h265), RECORDER)
    assert camera.media2
    camera.set_media2(False)
    assert (camera.media2, camera.settings.media2) == (False, False)


def moved(active: bool, kind: EventKind = EventKind.MOTION) -> RecorderEvent:
    return RecorderEvent(channel=CHANNEL.token, kind=kind, active=active, at=datetime.now(UTC))


async def test_recorder_and_assigned_sources_are_one_to_whoever_listens(watched: Watched) -> None:
    camera = watched.camera
    camera.assign_event_kinds([EventKind.DOORBELL, EventKind.MOTION])
    assert camera.event_kinds == (EventKind.MOTION, EventKind.DOORBELL)
    camera.report_from_recorder(moved(True))
    camera.report("pir", EventKind.MOTION, True, datetime.now(UTC))
    camera.report_from_recorder(moved(False))
    assert camera.sees(EventKind.MOTION)
    camera.forget_events("pir")
    assert watched.events == [(EventKind.MOTION, True), (EventKind.MOTION, False)]


async def test_a_kind_that_the_recorder_tells_is_one_of_the_camera_from_then_on(watched: Watched) -> None:
    camera = watched.camera
    camera.report_from_recorder(moved(True, EventKind.PERSON))
    camera.report_from_recorder(moved(True, EventKind.PERSON))
    assert camera.event_kinds == (EventKind.PERSON,)
    assert watched.settings == [KeptSettings(event_kinds=(EventKind.PERSON,))]
    camera.update_channel(replace(CHANNEL, event_kinds=(EventKind.MOTION,)), RECORDER)
    assert camera.event_kinds == (EventKind.MOTION, EventKind.PERSON)


async def test_a_kind_that_was_gone_for_a_moment_is_still_seen(watched: Watched) -> None:
    camera = watched.camera
    sees_motion = replace(CHANNEL, event_kinds=(EventKind.MOTION,))
    camera.update_channel(sees_motion, RECORDER)
    camera.report_from_recorder(moved(True))
    camera.update_channel(CHANNEL, RECORDER)
    camera.update_channel(sees_motion, RECORDER)
    assert camera.sees(EventKind.MOTION)
    assert camera._broker.states == {EventKind.MOTION: True}


MOVABLE = replace(CHANNEL, ptz=PtzAbilities(profile_token="P1", spaces=()))


async def test_a_ptz_unit_stands_still_when_its_camera_is_switched_off(watched: Watched) -> None:
    await run(watched)
    assert watched.camera.can_steer == frozenset()
    watched.camera.update_channel(MOVABLE, RECORDER)
    assert watched.camera.can_steer == {"ptz"}
    assert watched.camera._behind.ptz is not None
    velocity = PtzVector(pan=1.0, tilt=0.0)
    await watched.camera._behind.ptz.continuous_move(velocity, 3600.0)
    assert watched.unit.told == [("continuous_move", velocity, 60.0)]  # as long as the unit allows
    watched.unit.hangs.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watched.camera.set_enabled(False))
        async with asyncio.timeout(5):
            while watched.unit.told[-1] != STOP_PAN_TILT:
                await asyncio.sleep(0)
        assert watched.camera.endpoint is None  # or a client might move it again while it is being stopped
        watched.unit.hangs.set()


async def test_a_ptz_unit_that_was_exchanged_is_stopped_in_place_of_the_former(watched: Watched) -> None:
    watched.camera.update_channel(MOVABLE, RECORDER)
    former = watched.unit
    assert watched.camera._behind.ptz is not None
    await watched.camera._behind.ptz.continuous_move(PtzVector(pan=1.0, tilt=0.0), None)
    watched.unit = Unit()
    watched.camera.update_channel(replace(MOVABLE, name="Gate"), RECORDER)
    await watched.camera.close()
    assert watched.unit.told == [STOP_PAN_TILT]
    assert former.told[-1][0] == "continuous_move"
    watched.camera.update_channel(CHANNEL, RECORDER)
    assert watched.camera.can_steer == frozenset()


async def test_relay_outputs_are_steered_where_they_are_given(watched: Watched) -> None:
    class Relays:
        async def set_relay(self, token: str, *, active: bool) -> None:
            pass

    output = RelayOutput(token="R1", monostable=False, delay=0.0, idle_closed=False)
    relays = Relays()
    watched.camera.set_relays((output,), relays)
    assert watched.camera.can_steer == {"relays"}
    assert watched.camera._behind.relays is relays
    watched.camera.set_relays((), None)
    assert watched.camera.can_steer == frozenset()


# What connects to 127.0.0.2 comes from 127.0.0.1: over a router, if the camera's network is that one address.
ALONE = replace(endpoint(), address="127.0.0.2", prefix_length=32)
CLIENT = IPv4Address(LOOPBACK)
type Make = Callable[..., Awaitable[Watched]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Make running cameras."""
    made: list[Watched] = []

    async def run(where: Endpoint = ALONE, *, own: str | None = "192.0.2.5/32", memory: float = 3600.0) -> Watched:
        networks = None if own is None else lambda: [IPv4Network(own)]
        made.append(one := Watched(networks, memory))
        await one.camera.set_endpoint(where)
        await one.camera.set_enabled(True)
        async with asyncio.timeout(5):
            while any(served.activity is None for served in one.relays._served.values()):
                await asyncio.sleep(0.01)  # the relay's first word of a camera is told, too
        one.told_clients.clear()
        return one

    yield run
    for one in made:
        await one.camera.close()


async def log_in(watched: Watched, password: str = CREDENTIALS.password) -> int:
    """Ask for what needs a login; returns the HTTP status."""
    request = envelope(
        operation("tds:GetDeviceInformation"), security(username=CREDENTIALS.username, password=password)
    )
    async with aiohttp.ClientSession() as session, session.post(watched.xaddr, data=request) as response:
        return response.status


async def test_a_client_of_another_network_is_told_once(make: Make) -> None:
    watched = await make()
    assert await log_in(watched, "wrong") == 400
    assert watched.camera.foreign_clients == frozenset()
    assert [await log_in(watched), await log_in(watched)] == [200, 200]
    assert watched.camera.foreign_clients == {CLIENT}
    assert watched.told_clients == [{CLIENT}]


@pytest.mark.parametrize(
    ("where", "own"),
    [
        pytest.param(replace(ALONE, prefix_length=30), "192.0.2.5/32", id="in the camera's network"),
        pytest.param(ALONE, "127.0.0.1/32", id="this host"),
        pytest.param(ALONE, "127.0.0.0/29", id="on a bridge of this host"),
        pytest.param(ALONE, None, id="where MACs tell nothing"),
    ],
)
async def test_others_are_not_foreign(make: Make, where: Endpoint, own: str | None) -> None:
    watched = await make(where, own=own)
    assert await log_in(watched) == 200
    assert watched.camera.foreign_clients == frozenset()
    assert watched.told_clients == []


async def test_a_foreign_client_that_is_seen_no_more_is_forgotten(make: Make) -> None:
    watched = await make(memory=0.05)
    await log_in(watched)
    async with asyncio.timeout(5):
        while watched.camera.foreign_clients:
            await asyncio.sleep(0.01)
    assert watched.told_clients == [{CLIENT}, frozenset()]


async def test_a_camera_that_moves_into_the_clients_network_forgets_it(make: Make) -> None:
    watched = await make()
    await log_in(watched)
    await watched.camera.set_endpoint(None)
    assert watched.camera.foreign_clients == {CLIENT}  # a lease that is late moves no one
    await watched.camera.set_endpoint(replace(ALONE, address="127.0.0.3"))
    assert watched.camera.foreign_clients == {CLIENT}
    await watched.camera.set_endpoint(endpoint())
    assert watched.camera.foreign_clients == frozenset()
    assert watched.told_clients[-1] == frozenset()


async def test_a_camera_that_is_switched_off_forgets_its_clients(make: Make) -> None:
    watched = await make()
    await log_in(watched)
    await watched.camera.set_enabled(False)
    assert watched.camera.foreign_clients == frozenset()
    assert watched.told_clients[-1] == frozenset()
