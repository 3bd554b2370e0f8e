"""The main job in one command: a recorder, a Home Assistant with the integration, and its virtual cameras."""

import argparse
import asyncio
from collections.abc import Awaitable, Coroutine
import contextlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
import json
import signal
import sys
import time
from typing import Any

import aiohttp
import av

from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from .client import Played, fetch_snapshot, find_cameras, listens, play, read_camera
from .home_assistant import HomeAssistant, HomeAssistantFailed

LOOPBACK = "127.0.0.1"
MIN_FRAMES = 10
MIN_SNAPSHOT_BYTES = 1000


@dataclass(slots=True, kw_only=True)
class DemoCamera:
    """A virtual camera of the demo, as Home Assistant shows it."""

    name: str
    address: str
    entities: dict[str, str]
    """Entity id by the last part of its unique id."""

    @property
    def xaddr(self) -> str:
        """Where its device service is."""
        return f"http://{self.address}/onvif/device_service"


@dataclass(slots=True, kw_only=True)
class Demo:
    """What runs."""

    recorder: SimulatedRecorder
    home_assistant: HomeAssistant
    username: str
    password: str
    cameras: list[DemoCamera]


def say(text: str) -> None:
    """Show progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


class Interrupted(Exception):
    """A signal ended the program before its own end; nothing of it is left."""

    def __init__(self, number: int) -> None:
        """`number` is the signal's."""
        super().__init__(f"Interrupted by {signal.Signals(number).name}.")
        self.exit_status = 128 + number


def run_interruptibly[T](program: Coroutine[Any, Any, T]) -> T:
    """Run a program; a signal cancels it, and those after it are ignored while it cleans up. Raises Interrupted."""
    received: list[int] = []

    async def interruptible() -> T:
        task = asyncio.current_task()
        assert task is not None

        def interrupt(number: int) -> None:
            if not received:
                received.append(number)
                say("\nStopping ...")
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, interrupt, number)
        return await program

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        if not received:
            raise
        raise Interrupted(received[0]) from None


async def start_demo(
    stack: AsyncExitStack,
    *,
    channels: int,
    port: int | None,
    vendor: str,
    host: str = LOOPBACK,
    configuration: str = "",
    **recorder_options: Any,
) -> Demo:
    """Start everything; it ends with the stack. Recorder and cameras are on `host`; `configuration` is Home Assistant's."""
    say(f"Starting a recorder with {channels} channels ...")
    options = RecorderOptions(channels=channels, vendor=vendor, host=host, **recorder_options)
    recorder = await stack.enter_async_context(SimulatedRecorder(options))
    say("Starting Home Assistant ...")
    home_assistant = await stack.enter_async_context(HomeAssistant(port=port, configuration=configuration))
    say("Adding the recorder through the integration's config flow ...")
    _result, submitted = await home_assistant.add_integration(
        "onvif_proxy",
        {"next_step_id": "recorder"},
        {
            "host": recorder.host,
            "port": recorder.port,
            "username": options.username,
            "password": options.password,
        },
        {},
        {"next_step_id": "shared"},
        {},
        {},
    )
    say("Waiting for the virtual cameras ...")
    cameras = await wait_for_cameras(home_assistant, channels)
    return Demo(
        recorder=recorder,
        home_assistant=home_assistant,
        username=submitted["camera_username"],
        password=submitted["camera_password"],
        cameras=cameras,
    )


async def wait_for_cameras(home_assistant: HomeAssistant, wanted: int) -> list[DemoCamera]:
    """Wait until that many cameras run; returns them by name."""
    by_device: dict[str, dict[str, str]] = {}
    for entity in await home_assistant.entities():
        by_device.setdefault(entity["device_id"], {})[entity["unique_id"].rpartition("_")[2]] = entity["entity_id"]
    names = {
        device["id"]: device["name_by_user"] or device["name"]
        for device in await home_assistant.command("config/device_registry/list")
    }
    cameras = []
    for device_id, entities in by_device.items():
        if "running" in entities:
            await home_assistant.wait_for_state(entities["status"], "running")
            address = (await home_assistant.state(entities["address"]))["state"]
            cameras.append(DemoCamera(name=names[device_id], address=address, entities=entities))
    if len(cameras) != wanted:
        raise HomeAssistantFailed(f"{len(cameras)} virtual cameras instead of {wanted}")
    return sorted(cameras, key=lambda camera: camera.name)


async def show(demo: Demo) -> None:
    """Print what a person needs to look around, and wait to be interrupted."""
    home_assistant = demo.home_assistant
    print(f"\nHome Assistant  {home_assistant.url}")
    print(f"                user {home_assistant.username}, password {home_assistant.password}\n")
    for camera in demo.cameras:
        read = await read_camera(camera.xaddr, demo.username, demo.password)
        print(camera.name)
        print(f"  ONVIF  {camera.xaddr}")
        for profile in read.profiles:
            print(f"  RTSP   {profile.stream_uri}  ({profile.width}x{profile.height} {profile.codec})")
        print(f"  user {demo.username}, password {demo.password}\n")
    print("Ctrl-C stops everything.", flush=True)
    with contextlib.suppress(asyncio.CancelledError):  # this is how it is meant to end
        await asyncio.Event().wait()


@dataclass(slots=True)
class Check:
    """What a client saw; `short` are sentences on what was missing."""

    cameras: int = 0
    frames: dict[str, int] = field(default_factory=dict)
    snapshot_bytes: dict[str, int] = field(default_factory=dict)
    seconds_to_first_frame: float | None = None
    short: list[str] = field(default_factory=list)

    def expect(self, true: bool, otherwise: str) -> None:
        """Note a shortfall."""
        if not true:
            self.short.append(otherwise)

    def result(self) -> dict[str, Any]:
        """Return what is printed as the last line."""
        return {
            "ok": not self.short,
            "cameras": self.cameras,
            "frames": self.frames,
            "snapshot_bytes": self.snapshot_bytes,
            "seconds_to_first_frame": self.seconds_to_first_frame,
            "short": self.short,
        }


async def check_demo(demo: Demo, check: Check) -> None:
    """Act as a client of every camera, and as a person at Home Assistant's switches."""
    say("Looking for the cameras with WS-Discovery ...")
    xaddrs = {camera.name: camera.xaddr for camera in demo.cameras}
    found = await find_cameras(LOOPBACK, wanted=xaddrs.values())
    check.cameras = len(found)
    for name, xaddr in xaddrs.items():
        check.expect(xaddr in found, f"{name} was not discovered at {xaddr}.")

    say("Logging in, playing main and sub of every camera, taking a picture ...")
    await asyncio.gather(*(_check_camera(demo, camera, check) for camera in demo.cameras))

    say("Switching ...")
    camera = demo.cameras[0]
    await _check_switches(demo, camera, check)
    for line in demo.home_assistant.complaints():
        check.short.append(f"Home Assistant complains: {line}")


async def _check_camera(demo: Demo, camera: DemoCamera, check: Check) -> None:
    try:
        read = await read_camera(camera.xaddr, demo.username, demo.password)
        check.expect(len(read.profiles) == 2, f"{camera.name} has {len(read.profiles)} profiles instead of 2.")
        plays: list[Awaitable[Played]] = [
            play(profile.stream_uri, demo.username, demo.password) for profile in read.profiles
        ]
        for profile, played in zip(read.profiles, await asyncio.gather(*plays), strict=True):
            stream = f"{camera.name} {profile.token}"
            check.frames[stream] = played.frames
            check.expect(played.frames >= MIN_FRAMES, f"{stream} gave only {played.frames} frames in 2 seconds.")
            check.expect(
                (played.width, played.height) == (profile.width, profile.height),
                f"{stream} is {played.width}x{played.height}, but ONVIF says {profile.width}x{profile.height}.",
            )
            slowest = max(check.seconds_to_first_frame or 0.0, played.seconds_to_first_frame)
            check.seconds_to_first_frame = slowest
        image = await fetch_snapshot(read.profiles[0].snapshot_uri, demo.username, demo.password)
        check.snapshot_bytes[camera.name] = len(image)
        check.expect(
            image.startswith(b"\xff\xd8") and len(image) >= MIN_SNAPSHOT_BYTES,
            f"The snapshot of {camera.name} is no JPEG of a useful size ({len(image)} bytes).",
        )
    except (aiohttp.ClientError, av.FFmpegError, OSError, TimeoutError) as error:
        check.short.append(f"{camera.name}: {type(error).__name__}: {error}")


async def _check_switches(demo: Demo, camera: DemoCamera, check: Check) -> None:
    home_assistant, xaddr = demo.home_assistant, camera.xaddr
    switch, status = camera.entities["running"], camera.entities["status"]
    await home_assistant.call_action("switch.turn_off", switch)
    await home_assistant.wait_for_state(status, "stopped")
    check.expect(not await listens(xaddr), f"{camera.name} still listens after it was switched off.")
    await home_assistant.call_action("switch.turn_on", switch)
    await home_assistant.wait_for_state(status, "running")
    check.expect(await listens(xaddr), f"{camera.name} does not listen after it was switched on again.")
    discovery = camera.entities["discovery"]
    await home_assistant.call_action("switch.turn_off", discovery)
    all_cameras = [one.xaddr for one in demo.cameras]
    found = await find_cameras(LOOPBACK, wanted=all_cameras, seconds=2.0)
    check.expect(xaddr not in found, f"{camera.name} is discovered though its discovery is off.")
    others = len(all_cameras) - 1
    check.expect(len(found) == others, f"Only {len(found)} of the {others} other cameras were discovered.")
    await home_assistant.call_action("switch.turn_on", discovery)
    found = await find_cameras(LOOPBACK, wanted=all_cameras)
    check.expect(xaddr in found, f"{camera.name} is not discovered after its discovery was switched on again.")


async def run(arguments: argparse.Namespace) -> int:
    """Run the demo or its check; returns the exit status."""
    check = Check()
    started = time.monotonic()
    try:
        async with AsyncExitStack() as stack:
            demo = await start_demo(stack, channels=arguments.channels, port=arguments.port, vendor=arguments.vendor)
            say(f"Ready after {time.monotonic() - started:.0f} s.")
            if arguments.check:
                await check_demo(demo, check)
            else:
                await show(demo)
    except (HomeAssistantFailed, aiohttp.ClientError, OSError, TimeoutError) as error:
        check.short.append(f"{type(error).__name__}: {error}")
    for sentence in check.short:
        say(f"short: {sentence}")
    if arguments.check:
        print(json.dumps(check.result()))
    return 1 if check.short else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--check", "--json", action="store_true", help="act as a client, print one JSON line, exit")
    parser.add_argument("--channels", type=int, default=4, help="channels of the recorder (default: 4)")
    parser.add_argument("--port", type=int, help="of Home Assistant (default: 8123, or a free one if that is taken)")
    parser.add_argument("--vendor", default="hikvision", help="whose conventions the recorder follows")
    arguments = parser.parse_args()
    try:
        return run_interruptibly(run(arguments))
    except Interrupted as error:
        if arguments.check:
            print(json.dumps(Check(short=[str(error)]).result()))
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
