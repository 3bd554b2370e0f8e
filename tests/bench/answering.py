"""From a camera's address to its first answer: leases, the watch of interfaces and the cameras themselves in one loop."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
import subprocess
import threading
import time

from custom_components.onvif_proxy.interfaces import (
    Interface,
    InterfaceKeeper,
    InterfaceSpec,
    InterfaceWatch,
    Inventory,
)
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
from custom_components.onvif_proxy.relay.key_frame import KeyFrame
from custom_components.onvif_proxy.relay_process import RelayProcess
from custom_components.onvif_proxy.responder import SnapshotUnavailable, TokenVerifier
from custom_components.onvif_proxy.virtual_camera import VirtualCamera

from ..lan.bed import Lan
from ..lan.dhcp_server import DhcpServer
from ..responder.envelopes import envelope, operation, security
from .figure import Figure, Unmeasured

ANSWER_SECONDS = 2
_PATIENCE = 30.0
_ASK_EVERY = 0.02
_ONVIF_PORT = 80
_RTSP_PORT = 554
_CREDENTIALS = Credentials(username="onvif", password="Adoption1")
_RECORDER = RecorderInfo(serial_number="R1", manufacturer="Maker", model="NVR", firmware="1", name="Bench")


def measure_answering(lan: Lan, specs: Sequence[InterfaceSpec]) -> Figure:
    """Have cameras with leases started as their addresses come, and asked by the client from that moment on.

    Raises:
        Unmeasured: Not all of them have answered in time.
    """
    arrivals = _Arrivals(lan)
    answers = asyncio.run(_answers(lan, specs, arrivals))
    return Figure(
        name="answer_seconds",
        title=f"Slowest of {len(specs)} cameras to answer once it has its address",
        value=max(answered - arrivals.seen[address] for address, answered in answers.items()),
        unit="s",
        limit=ANSWER_SECONDS,
    )


class _Arrivals:
    """When the cameras' addresses came to be on the host, as the kernel tells another program."""

    def __init__(self, lan: Lan) -> None:
        self.seen: dict[str, float] = {}
        self._begun = threading.Event()
        self._monitor = lan.popen("ha", ["ip", "-4", "-oneline", "monitor", "address"], stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()
        while not self._begun.wait(0.05):
            lan.ip("ha", "addr", "replace", "198.51.100.1/32", "dev", "lo")

    def _read(self) -> None:
        assert self._monitor.stdout is not None
        for line in self._monitor.stdout:
            _, interface, _, address, *_ = line.decode().split()
            if interface.startswith("onvifcam"):
                self.seen.setdefault(address.partition("/")[0], time.monotonic())
            self._begun.set()


async def _answers(lan: Lan, specs: Sequence[InterfaceSpec], arrivals: _Arrivals) -> dict[str, float]:
    """Return when each camera answered first, by address."""
    asked = threading.Event()
    with DhcpServer(lan):
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(lan.run_async, "ha", partial(_run_cameras, specs, asked)))
            try:
                return await asyncio.to_thread(lan.run_async, "client", partial(_ask_all, len(specs), arrivals))
            finally:
                asked.set()


async def _run_cameras(specs: Sequence[InterfaceSpec], asked: threading.Event) -> None:
    """Run the interfaces and their cameras until these have been asked."""
    tokens = TokenVerifier()
    relays = RelayProcess()
    cameras = {spec.mac: _camera(spec, tokens, relays) for spec in specs}
    moves: set[asyncio.Task[None]] = set()

    def place(interfaces: Mapping[str, Interface]) -> None:
        for interface in interfaces.values():
            camera = cameras.get(interface.mac)
            if camera is None or not interface.addresses or camera.wanted_address is not None:
                continue
            move = asyncio.create_task(camera.set_endpoint(_endpoint(interface)))
            moves.add(move)
            move.add_done_callback(moves.discard)

    try:
        for camera in cameras.values():
            await camera.set_discoverable(True)
            await camera.set_enabled(True)
        async with InterfaceWatch(place), InterfaceKeeper(Inventory(specs=tuple(specs), owner="bench")):
            await asyncio.to_thread(asked.wait)
    finally:
        for camera in cameras.values():
            await camera.close()


def _camera(spec: InterfaceSpec, tokens: TokenVerifier, relays: RelayProcess) -> VirtualCamera:
    video = VideoEncoding(codec="H264", width=1920, height=1080)
    main = Stream(role=StreamRole.MAIN, profile_token="P", uri="rtsp://10.77.0.10/1", video=video)
    return VirtualCamera(
        name=spec.name,
        identity=Identity(uuid=f"00000000-0000-4000-8000-{spec.id:012}", serial_number=f"S{spec.id}", mac=spec.mac),
        channel=Channel(token=f"V{spec.id}", name=spec.name, main=main),
        recorder=_RECORDER,
        recorder_credentials=Credentials(username="admin", password="secret"),
        credentials=_CREDENTIALS,
        tokens=tokens,
        relays=relays,
        fetch_snapshot=_no_snapshot,
        decode=_no_picture,
        on_change=lambda: None,
    )


async def _no_snapshot(channel: Channel) -> Snapshot:
    raise SnapshotUnavailable(channel.name)


async def _no_picture(frame: KeyFrame) -> Snapshot:
    raise SnapshotUnavailable(frame.codec)


def _endpoint(interface: Interface) -> Endpoint:
    return Endpoint(
        address=interface.addresses[0].address,
        prefix_length=interface.addresses[0].prefix_length,
        mac=interface.mac,
        onvif_port=_ONVIF_PORT,
        rtsp_port=_RTSP_PORT,
        interface=interface.name,
    )


async def _ask_all(count: int, arrivals: _Arrivals) -> dict[str, float]:
    """Ask each address from its arrival on until it has answered well; return when that was."""
    tasks: dict[str, asyncio.Task[float]] = {}
    try:
        async with asyncio.timeout(_PATIENCE):
            while len(tasks) < count:
                for address in arrivals.seen.keys() - tasks.keys():
                    tasks[address] = asyncio.create_task(_first_answer(address))
                await asyncio.sleep(_ASK_EVERY)
            return {address: await task for address, task in tasks.items()}
    except TimeoutError:
        silent = [address for address, task in tasks.items() if not task.done()]
        raise Unmeasured(
            f"{len(tasks)} of {count} cameras had an address in {_PATIENCE:g} s; no answer from {silent}."
        ) from None
    finally:
        for task in tasks.values():
            task.cancel()


async def _first_answer(address: str) -> float:
    while not await _answers_well(address):
        await asyncio.sleep(_ASK_EVERY)
    return time.monotonic()


async def _answers_well(address: str) -> bool:
    """Ask who the camera is, with its login."""
    header = security(username=_CREDENTIALS.username, password=_CREDENTIALS.password)
    body = envelope(operation("tds:GetDeviceInformation"), header).encode()
    head = (
        f"POST /onvif/device_service HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"
        f"Content-Type: application/soap+xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection(address, _ONVIF_PORT)
    except OSError:
        return False
    try:
        writer.write(head.encode() + body)
        answer = await reader.read()
    except OSError:
        return False
    finally:
        writer.close()
    return answer.startswith(b"HTTP/1.1 200 ") and b"GetDeviceInformationResponse" in answer
