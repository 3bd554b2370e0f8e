"""Clients that are not ours adopt the demo's virtual cameras: a table of who could do what."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
import json
from pathlib import Path
import shutil
import sys
import time
from urllib.parse import urlsplit

import aiohttp
import av

from .client import fetch_snapshot, play, read_camera
from .demo import Demo, DemoCamera, Interrupted, run_interruptibly, say, start_demo
from .home_assistant import HomeAssistantFailed

NPM = Path(__file__).parent / "npm"
NODE_SECONDS = 30.0
ROW = "{:<36}{:<24}{:<8}{}"


class ClientFailed(Exception):
    """A client could not do what it came for; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One row of the table."""

    client: str
    camera: str
    ok: bool
    seen: str


async def with_zeep(demo: Demo, camera: DemoCamera) -> str:
    """onvif-zeep-async, the library of Home Assistant and Frigate; strict about schemas."""
    read = await read_camera(camera.xaddr, demo.username, demo.password)
    if read.name != camera.name.replace(" ", "%20"):
        raise ClientFailed(f"it is called {read.name}")
    image = await fetch_snapshot(read.profiles[0].snapshot_uri, demo.username, demo.password)
    return f"{len(read.profiles)} profiles, MAC {read.mac}, snapshot {len(image)} bytes"


async def with_npm_onvif(demo: Demo, camera: DemoCamera) -> str:
    """Read with npm `onvif` 0.7.4, whose requests are those of UniFi Protect."""
    url = urlsplit(camera.xaddr)
    if (node := shutil.which("node")) is None:
        raise ClientFailed("node is not installed")
    process = await asyncio.create_subprocess_exec(
        *(node, "client.js", str(url.hostname), str(url.port or 80)),
        cwd=NPM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    login = f"{demo.username}\n{demo.password}\n".encode()
    output, errors = await asyncio.wait_for(process.communicate(login), NODE_SECONDS)
    if process.returncode:
        raise ClientFailed(errors.decode(errors="replace").strip()[-300:])
    seen = json.loads(output)
    played = await play(seen["profiles"][0]["stream"], demo.username, demo.password, seconds=1.0)
    return f"{len(seen['profiles'])} profiles, MAC {seen['mac']}, {played.frames} frames"


async def with_home_assistant(demo: Demo, camera: DemoCamera) -> str:
    """Home Assistant's own onvif integration, set up through its config flow; its camera entity shows a picture."""
    url = urlsplit(camera.xaddr)
    home_assistant = demo.home_assistant
    result, _ = await home_assistant.add_integration(
        "onvif",
        {"auto": False},
        {
            "name": camera.name,
            "host": url.hostname,
            "port": url.port,
            "username": demo.username,
            "password": demo.password,
        },
    )
    deadline = time.monotonic() + 30.0
    while (state := await _entry_state(demo, result["entry_id"])) != "loaded":
        if time.monotonic() > deadline:
            raise ClientFailed(f"its entry is {state}: {home_assistant.log_tail(3)}")
        await asyncio.sleep(0.2)
    cameras = [
        entity
        for entity in await home_assistant.entities("onvif")
        if entity["entity_id"].startswith("camera.") and entity["config_entry_id"] == result["entry_id"]
    ]
    if len(cameras) != 2:
        raise ClientFailed(f"it made {len(cameras)} camera entities instead of 2")
    image = await home_assistant.image(cameras[0]["entity_id"])
    return f"entry loaded, {len(cameras)} camera entities, still image {len(image)} bytes"


async def _entry_state(demo: Demo, entry_id: str) -> str:
    entries = await demo.home_assistant.request("GET", "/api/config/config_entries/entry?domain=onvif")
    return str(next(entry["state"] for entry in entries if entry["entry_id"] == entry_id))


CLIENTS: dict[str, Callable[[Demo, DemoCamera], Awaitable[str]]] = {
    "onvif-zeep-async 4.3.0": with_zeep,
    "npm onvif 0.7.4": with_npm_onvif,
    "Home Assistant's onvif integration": with_home_assistant,
}


async def adopt(demo: Demo, client: str, camera: DemoCamera) -> Outcome:
    """Let a client adopt a camera."""
    try:
        seen = await CLIENTS[client](demo, camera)
    except (ClientFailed, HomeAssistantFailed, aiohttp.ClientError, av.FFmpegError, OSError, TimeoutError) as error:
        return Outcome(client=client, camera=camera.name, ok=False, seen=f"{type(error).__name__}: {error}")
    return Outcome(client=client, camera=camera.name, ok=True, seen=seen)


async def run(channels: int) -> list[Outcome]:
    """Start the demo, and let every client adopt every camera."""
    async with AsyncExitStack() as stack:
        demo = await start_demo(stack, channels=channels, port=None, vendor="hikvision")
        return [await adopt(demo, client, camera) for client in CLIENTS for camera in demo.cameras]


def judge(outcomes: Sequence[Outcome]) -> tuple[dict[str, bool], list[str]]:
    """Return of each client whether it adopted every camera, and a sentence on each shortfall; none adopted is one too."""
    adopted = {}
    short = []
    for client in CLIENTS:
        own = [one for one in outcomes if one.client == client]
        adopted[client] = bool(own) and all(one.ok for one in own)
        short += [f"{client} could not adopt {one.camera}: {one.seen}" for one in own if not one.ok]
        if not own:
            short.append(f"{client} met no camera.")
    return adopted, short


def main() -> int:
    """Read the command line, print the table."""
    parser = argparse.ArgumentParser(prog="scripts/interop", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--channels", type=int, default=2, help="cameras that each client adopts (default: 2)")
    arguments = parser.parse_args()
    short: list[str] = []
    outcomes: list[Outcome] = []
    status = 1
    try:
        outcomes = run_interruptibly(run(arguments.channels))
    except Interrupted as error:
        short.append(str(error))
        status = error.exit_status
    except (HomeAssistantFailed, aiohttp.ClientError, OSError, TimeoutError) as error:
        short.append(f"The demo did not start: {error}")
    print(ROW.format("client", "camera", "", "seen"))
    for outcome in outcomes:
        print(ROW.format(outcome.client, outcome.camera, "ok" if outcome.ok else "FAILED", outcome.seen))
    adopted, missing = judge(outcomes)
    short += missing
    for sentence in short:
        say(f"short: {sentence}")
    if arguments.json:
        print(json.dumps({"ok": not short, "clients": adopted, "short": short}))
    return status if short else 0


if __name__ == "__main__":
    sys.exit(main())
