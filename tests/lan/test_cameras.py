"""The whole of it on a LAN: a recorder host, a Home Assistant host with three macvlans, and a client on a third host."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.end_to_end.client import Played, ReadCamera, fetch_snapshot, find_cameras, listens, play, read_camera
from tests.end_to_end.home_assistant import REPOSITORY, HomeAssistant

from .bed import HOSTS, NETWORK, Frame, Lan, Sniffer

SCRIPT = REPOSITORY / "setup_interfaces" / "setup_interfaces.sh"
ADDRESSES = [f"{NETWORK}.10{number}" for number in (1, 2, 3)]
XADDRS = [f"http://{address}/onvif/device_service" for address in ADDRESSES]
INTERFACES = ["onvifcam1", "onvifcam2", "onvifcam3"]
RECORDER_PASSWORD = "Recorder123"
START_AFTER_ADDRESS_SECONDS = 2.0

pytestmark = pytest.mark.timeout(180)


@dataclass
class Seen:
    """What happened, gathered in the client's namespace and judged after."""

    waiting: list[str] = field(default_factory=list)
    seconds_from_address_to_running: list[float] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    at_recorder: Mapping[str, set[str]] = field(default_factory=dict)
    """Who spoke TCP with the recorder: MACs by address."""
    discovered: dict[str, str] = field(default_factory=dict)
    read: dict[str, ReadCamera] = field(default_factory=dict)
    played: dict[str, Played] = field(default_factory=dict)
    snapshots: dict[str, bytes] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    status_without_link: str = ""
    listened_without_link: bool = True
    status_with_link_again: str = ""
    complaints: list[str] = field(default_factory=list)


def set_up_interfaces(lan: Lan, *arguments: str) -> None:
    lan.run("ha", [SCRIPT, *arguments, "--python", sys.executable])


def start_recorder(lan: Lan) -> dict[str, Any]:
    program = lan.popen(
        "recorder",
        [
            *(sys.executable, "-m", "tests.simulated_nvr", "--channels", "3", "--json", "--host", HOSTS["recorder"]),
            *("--password", RECORDER_PASSWORD),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert program.stdout is not None
    return dict(json.loads(program.stdout.readline()))


async def act(lan: Lan, recorder: dict[str, Any]) -> Seen:
    """Set Home Assistant up over its API and be the client of its cameras; runs on the client host."""
    seen = Seen()
    prefix = ("ip", "netns", "exec", lan.namespace("ha"))
    async with HomeAssistant(host=HOSTS["ha"], port=8123, prefix=prefix) as home_assistant:
        _, submitted = await home_assistant.add_integration(
            "onvif_proxy",
            {"next_step_id": "recorder"},
            {
                "host": HOSTS["recorder"],
                "port": recorder["port"],
                "username": "admin",
                "password": RECORDER_PASSWORD,
            },
            {},
            {"next_step_id": "dedicated"},
            {"next_step_id": "existing_interfaces"},
            {},
            {},
        )
        login = (submitted["camera_username"], submitted["camera_password"])
        entities = {one["unique_id"]: one["entity_id"] for one in await home_assistant.entities()}
        statuses = [entity for unique_id, entity in sorted(entities.items()) if unique_id.endswith("_status")]
        for status in statuses:
            await home_assistant.wait_for_state(status, "waiting_for_address")
            seen.waiting.append(status)

        for interface, address, status in zip(INTERFACES, ADDRESSES, statuses, strict=True):
            arrived = time.time()
            await run_in_thread(lan.ip, "ha", "addr", "add", f"{address}/24", "dev", interface, "noprefixroute")
            await home_assistant.wait_for_state(status, "running")
            changed = datetime.fromisoformat((await home_assistant.state(status))["last_changed"])
            seen.seconds_from_address_to_running.append(changed.timestamp() - arrived)
        await run_in_thread(set_up_interfaces, lan, "apply")

        with lan.sniffer("client") as sniffer, lan.sniffer("recorder") as at_recorder:
            watching = asyncio.create_task(gather_frames(sniffer, seen.frames))
            found = await find_cameras(HOSTS["client"], wanted=XADDRS)
            await run_in_thread(lan.forget_neighbours, "client")  # or it would know them from their own questions
            seen.discovered = {
                address: xaddr for address, xaddr in zip(ADDRESSES, XADDRS, strict=True) if xaddr in found
            }
            await asyncio.gather(*(adopt(address, xaddr, login, seen) for address, xaddr in seen.discovered.items()))
            watching.cancel()
            await asyncio.wait([watching])
            seen.at_recorder = at_recorder.source_macs("tcp")
        seen.addresses = [
            (await home_assistant.state(entity))["state"]
            for unique_id, entity in sorted(entities.items())
            if unique_id.endswith("_address")
        ]

        await run_in_thread(lan.ip, "ha", "addr", "del", f"{ADDRESSES[0]}/24", "dev", INTERFACES[0])
        await home_assistant.wait_for_state(statuses[0], "waiting_for_address")
        seen.status_without_link = (await home_assistant.state(statuses[1]))["state"]
        seen.listened_without_link = await listens(seen.discovered[ADDRESSES[1]])
        await run_in_thread(lan.ip, "ha", "addr", "add", f"{ADDRESSES[0]}/24", "dev", INTERFACES[0], "noprefixroute")
        await home_assistant.wait_for_state(statuses[0], "running")
        seen.status_with_link_again = (await home_assistant.state(statuses[0]))["state"]
        seen.complaints = home_assistant.complaints()
    return seen


async def gather_frames(sniffer: Sniffer, frames: list[Frame]) -> None:
    """Empty the sniffer before video overflows it."""
    while True:
        frames += [frame for frame in sniffer.frames() if frame.source in ADDRESSES]
        await asyncio.sleep(0.02)


async def adopt(address: str, xaddr: str, login: tuple[str, str], seen: Seen) -> None:
    seen.read[address] = read = await read_camera(xaddr, *login)
    for profile in read.profiles:
        seen.played[f"{address}/{profile.token}"] = await play(profile.stream_uri, *login, seconds=1.0)
    seen.snapshots[address] = await fetch_snapshot(read.profiles[0].snapshot_uri, *login)


async def run_in_thread(function: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(function, *arguments)


def test_a_client_finds_and_plays_three_cameras_with_three_macs(lan: Lan) -> None:
    set_up_interfaces(lan, "--parent", "eth0", "--count", "3", "--dhcp", "--no-service")
    macs = dict(zip(ADDRESSES, (lan.mac("ha", name) for name in INTERFACES), strict=True))
    recorder = start_recorder(lan)

    def script() -> Coroutine[Any, Any, Seen]:
        return act(lan, recorder)

    seen = lan.run_async("client", script)

    assert len(seen.waiting) == 3
    assert max(seen.seconds_from_address_to_running) < START_AFTER_ADDRESS_SECONDS
    assert sorted(seen.discovered) == ADDRESSES
    assert [address.split(":")[0] for address in seen.addresses] == ADDRESSES

    # ARP, the frames of every answer, and GetNetworkInterfaces agree, and no two cameras share a MAC.
    assert len(set(macs.values())) == 3
    assert {address: read.mac.lower() for address, read in seen.read.items()} == macs
    neighbours = lan.neighbours("client")
    assert {address: neighbours[address] for address in ADDRESSES} == macs
    for protocol in ("arp", "tcp", "udp"):
        senders = {(frame.source, frame.source_mac) for frame in seen.frames if frame.protocol == protocol}
        assert senders == set(macs.items()), protocol

    assert sorted(seen.played) == [f"{address}/{role}" for address in ADDRESSES for role in ("main", "sub")]
    assert all(played.frames >= 5 for played in seen.played.values())
    assert all(image.startswith(b"\xff\xd8") for image in seen.snapshots.values())

    # Upstream, for scans, snapshots and video alike, the host is itself.
    assert seen.at_recorder == {HOSTS["ha"]: {lan.mac("ha", "eth0")}}

    assert (seen.status_without_link, seen.listened_without_link) == ("running", True)
    assert seen.status_with_link_again == "running"
    assert seen.complaints == []
