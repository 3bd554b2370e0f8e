"""Home Assistant makes the interfaces of its cameras itself: in the flow, after a reboot, when one is lost, until removal."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.end_to_end.client import Played, ReadCamera, play, read_camera
from tests.end_to_end.home_assistant import HomeAssistant

from .bed import HOSTS, NETWORK, Lan
from .dhcp_server import DhcpServer
from .test_cameras import RECORDER_PASSWORD, run_in_thread, start_recorder

ADDRESSES = [f"{NETWORK}.15{number}" for number in (1, 2, 3)]
INTERFACES = ["onvifcam1", "onvifcam2", "onvifcam3"]
pytestmark = pytest.mark.timeout(240)


@dataclass
class Seen:
    """What happened, gathered in the client's namespace and judged after."""

    addresses: list[str] = field(default_factory=list)
    macs: dict[str, str] = field(default_factory=dict)
    read: dict[str, ReadCamera] = field(default_factory=dict)
    played: list[Played] = field(default_factory=list)
    macs_after_loss: dict[str, str] = field(default_factory=dict)
    macs_after_reboot: dict[str, str] = field(default_factory=dict)
    addresses_after_reboot: list[str] = field(default_factory=list)
    issues: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def macs(lan: Lan) -> dict[str, str]:
    return {one["ifname"]: one["address"] for one in lan.ip_json("ha", "link") if one["ifname"].startswith("onvifcam")}


def forget_as_a_reboot_does(lan: Lan) -> None:
    for name in INTERFACES:
        lan.ip("ha", "link", "del", name)
    for setting in ("arp_ignore", "arp_announce"):
        lan.run("ha", ["sh", "-c", f"echo 0 > /proc/sys/net/ipv4/conf/eth0/{setting}"])


async def states(home_assistant: HomeAssistant, key: str) -> list[str]:
    """Return the states of an entity of each camera, in the order of the cameras."""
    entities = sorted((one["unique_id"], one["entity_id"]) for one in await home_assistant.entities())
    return [
        (await home_assistant.state(entity_id))["state"] for unique_id, entity_id in entities if unique_id.endswith(key)
    ]


async def all_running(home_assistant: HomeAssistant, seconds: float = 40.0) -> list[str]:
    """Wait until the cameras run; returns their addresses."""
    async with asyncio.timeout(seconds):
        while await states(home_assistant, "_status") != ["running"] * 3:
            await asyncio.sleep(0.2)
    return [address.split(":")[0] for address in await states(home_assistant, "_address")]


async def act_with_leases(lan: Lan, recorder: dict[str, Any], answers: tuple[dict[str, Any], ...]) -> Seen:
    with DhcpServer(lan):
        return await act(lan, recorder, answers)


async def act(lan: Lan, recorder: dict[str, Any], answers: tuple[dict[str, Any], ...]) -> Seen:
    seen = Seen()
    prefix = ("ip", "netns", "exec", lan.namespace("ha"))
    async with HomeAssistant(host=HOSTS["ha"], port=8123, prefix=prefix) as home_assistant:
        login = {"username": "admin", "password": RECORDER_PASSWORD}
        result, submitted = await home_assistant.add_integration(
            "onvif_proxy",
            {"next_step_id": "recorder"},
            {"host": HOSTS["recorder"], "port": recorder["port"], **login},
            {},
            {"next_step_id": "dedicated"},
            *answers,
            {},
        )
        seen.addresses = await all_running(home_assistant)
        seen.macs = await run_in_thread(macs, lan)
        user = (submitted["camera_username"], submitted["camera_password"])
        for address in seen.addresses:
            seen.read[address] = read = await read_camera(f"http://{address}/onvif/device_service", *user)
            seen.played.append(await play(read.profiles[0].stream_uri, *user, seconds=0.5))

        await run_in_thread(lan.ip, "ha", "link", "del", INTERFACES[1])
        async with asyncio.timeout(10):
            while len(await run_in_thread(macs, lan)) < 3:
                await asyncio.sleep(0.1)
        await all_running(home_assistant)
        seen.macs_after_loss = await run_in_thread(macs, lan)

        await home_assistant.stop()
        await run_in_thread(forget_as_a_reboot_does, lan)
        await home_assistant.start()
        seen.addresses_after_reboot = await all_running(home_assistant)
        seen.macs_after_reboot = await run_in_thread(macs, lan)
        seen.issues = [
            one["translation_key"]
            for one in (await home_assistant.command("repairs/list_issues"))["issues"]
            if one["domain"] == "onvif_proxy"
        ]
        await home_assistant.request("DELETE", f"/api/config/config_entries/entry/{result['entry_id']}")
        seen.complaints = home_assistant.complaints()
    return seen


def judge(lan: Lan, seen: Seen, before: dict[str, Any]) -> None:
    assert sorted(seen.macs) == INTERFACES
    assert len(set(seen.macs.values())) == 3
    assert {read.mac.lower() for read in seen.read.values()} == set(seen.macs.values())
    assert all(played.frames >= 3 for played in seen.played)
    neighbours = lan.neighbours("client")
    assert {neighbours[address] for address in seen.addresses} == set(seen.macs.values())
    assert seen.macs_after_loss == seen.macs
    assert seen.macs_after_reboot == seen.macs
    assert seen.addresses_after_reboot == seen.addresses
    assert seen.issues == []
    assert seen.complaints == []
    # Removed with the entry, as the flow asked: nothing is left on the host.
    assert lan.state("ha") == before


def test_static_addresses(lan: Lan) -> None:
    before = lan.state("ha")
    recorder = start_recorder(lan)
    wish = {"parent": "eth0", "method": "static", "remove_interfaces": True}

    def script() -> Coroutine[Any, Any, Seen]:
        return act(lan, recorder, (wish, {"addresses": ", ".join(ADDRESSES)}))

    seen = lan.run_async("client", script)
    assert seen.addresses == ADDRESSES
    judge(lan, seen, before)


def test_leases(lan: Lan) -> None:
    before = lan.state("ha")
    recorder = start_recorder(lan)
    wish = {"parent": "eth0", "method": "dhcp", "remove_interfaces": True}

    def script() -> Coroutine[Any, Any, Seen]:
        return act_with_leases(lan, recorder, (wish,))

    seen = lan.run_async("client", script)
    assert sorted(seen.addresses) == [f"{NETWORK}.200", f"{NETWORK}.201", f"{NETWORK}.202"]
    judge(lan, seen, before)
