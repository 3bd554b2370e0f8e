"""Three cameras' interfaces on the Home Assistant host of a LAN, made by the real script; and ways to ask them something."""

import json
from pathlib import Path
import socket
import subprocess
import sys
from typing import Any

from .bed import NETWORK, Lan

SCRIPT = Path(__file__).parents[2] / "setup_interfaces" / "setup_interfaces.sh"
ADDRESSES = [f"{NETWORK}.101", f"{NETWORK}.102", f"{NETWORK}.103"]
THREE_CAMERAS = ("--parent", "eth0", "--count", "3", "--static", f"{ADDRESSES[0]}/24")
NAMES = ["onvifcam1", "onvifcam2", "onvifcam3"]


def run_script(lan: Lan, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the script on the Home Assistant host; the service, if this machine has one, is none of its business."""
    return lan.run("ha", [SCRIPT, *arguments, "--no-service", "--python", sys.executable], check=check)


def report(lan: Lan, *arguments: str, check: bool = True) -> dict[str, Any]:
    """Run the script and return its JSON object."""
    return dict(json.loads(run_script(lan, *arguments, "--json", check=check).stdout.splitlines()[-1]))


def macs(lan: Lan) -> dict[str, str]:
    """Return the cameras' MACs by address."""
    return {
        address["local"]: link["address"]
        for link in lan.ip_json("ha", "addr")
        if link["ifname"] in NAMES
        for address in link["addr_info"]
    }


def ask_by_tcp(lan: Lan, host: str, address: str) -> None:
    """Connect from a host to a camera's address, which answers with a SYN-ACK."""
    with lan.open_socket("ha", socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((address, 0))
        listener.listen()
        with lan.open_socket(host, socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(5)
            client.connect(listener.getsockname())


def ask_by_udp(lan: Lan, host: str, address: str) -> None:
    """Send a datagram from a host to a camera's address and have it answered."""
    with lan.open_socket("ha", socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 0))
        server.settimeout(5)
        with lan.open_socket(host, socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"ping", server.getsockname())
            server.sendto(b"pong", server.recvfrom(16)[1])
            assert client.recv(16) == b"pong"
