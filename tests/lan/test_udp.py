"""Video over UDP: from the camera's own interface, like everything else that is the camera's."""

import json
from pathlib import Path
import subprocess
import sys
from typing import Any

import av

from .bed import HOSTS, Lan
from .cameras import ADDRESSES, THREE_CAMERAS, macs, run_script

REPOSITORY = Path(__file__).parents[2]
RELAY = REPOSITORY / "custom_components" / "onvif_proxy" / "relay"
RECORDER = {"username": "admin", "password": "RecorderSecret"}
VIEWER = {"username": "viewer", "password": "ViewerSecret"}


def start(lan: Lan, host: str, *arguments: str | Path, said: str = "") -> list[dict[str, Any]]:
    """Start a program of ours, tell it something, and return what it prints until it stands."""
    program = lan.popen(
        host, [sys.executable, *arguments], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(said.encode())
    program.stdin.close()
    return [json.loads(program.stdout.readline()) for _ in range(max(1, said.count('"address"')))]


def play(address: str) -> int:
    """Return how many pictures of a camera were decoded, of ten."""
    url = f"rtsp://{VIEWER['username']}:{VIEWER['password']}@{address}:554/main"
    with av.open(url, options={"rtsp_transport": "udp", "analyzeduration": "500000"}, timeout=10) as container:
        return sum(1 for _, frame in zip(range(10), container.decode(video=0), strict=False))


def test_video_over_udp_carries_the_cameras_own_mac(lan: Lan) -> None:
    run_script(lan, *THREE_CAMERAS)
    made = macs(lan)
    simulated = ("-m", "tests.simulated_nvr", "--channels", "1", "--json", "--host", HOSTS["recorder"])
    (recorder,) = start(lan, "recorder", *simulated, "--password", RECORDER["password"])
    source = {"uri": recorder["channels"][0]["streams"][0], "credentials": RECORDER}
    cameras = [
        {"address": address, "port": 554, "credentials": VIEWER, "sources": {"main": source}} for address in ADDRESSES
    ]
    listening = start(lan, "ha", "-S", "-E", RELAY, "--config", "-", said=json.dumps(cameras))
    assert [camera["address"] for camera in listening] == ADDRESSES
    for address in ADDRESSES:
        with lan.sniffer("client") as sniffer:
            assert lan.call("client", lambda address=address: play(address)) == 10
            assert sniffer.source_macs("udp") == {address: {made[address]}}
