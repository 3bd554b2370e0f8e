"""A client behind a gateway is told from those that see the camera's MAC."""

import asyncio
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from custom_components.onvif_proxy.foreign_clients import networks_of_host
from custom_components.onvif_proxy.interfaces import InventoryFile
from custom_components.onvif_proxy.interfaces.kernel import read_interfaces
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
from tests.end_to_end.client import read_camera

from .bed import NETWORK, PREFIX_LENGTH, Lan
from .test_keeper import inventory, spec
from .test_keeper_program import Running
from .test_many import FAR, HOSTS, set_up_container, set_up_gateway

SPEC = spec(1)
ADDRESS = f"{NETWORK}.101"
XADDR = f"http://{ADDRESS}/onvif/device_service"
CREDENTIALS = Credentials(username="onvif", password="Adoption1")


@pytest.fixture
def routed_lan(lan_possible: None, tmp_path: Path) -> Iterator[Lan]:
    """A camera's interface that the keeper keeps, a client behind a gateway, and a container on the host."""
    file = InventoryFile(tmp_path / "inventory.json")
    file.save(inventory(SPEC))
    with Lan(HOSTS) as lan:
        set_up_gateway(lan)
        set_up_container(lan)
        running = Running(lan, file.path)
        running.until(f"onvifcam1: up, {SPEC.address}")
        yield lan
        assert running.end() == (0, "")


async def no_snapshot(_channel: Channel) -> Snapshot:
    raise SnapshotUnavailable("there is no recorder here")


async def no_picture(_frame: KeyFrame) -> Snapshot:
    raise SnapshotUnavailable("there is no recorder here")


async def make_camera() -> VirtualCamera:
    """Make a camera on the host that this is called on."""
    own_networks = networks_of_host(await read_interfaces())
    return VirtualCamera(
        name="Door",
        identity=Identity(uuid="5a5b0d2e-0000-4000-8000-000000000001", serial_number="S1", mac=SPEC.mac),
        channel=Channel(
            token="V1",
            name="Door",
            main=Stream(
                role=StreamRole.MAIN,
                profile_token="P1",
                uri=f"rtsp://{HOSTS['recorder']}/1",
                video=VideoEncoding(codec="H264", width=1280, height=720),
            ),
            sub=None,
            snapshot_uri=f"http://{HOSTS['recorder']}/picture",
        ),
        recorder=RecorderInfo(serial_number="R1", manufacturer="Maker", model="NVR", firmware="1", name="Attic"),
        recorder_credentials=Credentials(username="admin", password="secret"),
        credentials=CREDENTIALS,
        tokens=TokenVerifier(),
        relays=RelayProcess(),
        fetch_snapshot=no_snapshot,
        decode=no_picture,
        on_change=lambda: None,
        own_networks=lambda: own_networks,
    )


def adopt(lan: Lan, host: str) -> str:
    """Log in from a host, and read the camera; returns the MAC that the camera says it has."""
    return lan.run_async(host, lambda: read_camera(XADDR, CREDENTIALS.username, CREDENTIALS.password)).mac


async def adopt_from_each(lan: Lan) -> dict[str, set[IPv4Address]]:
    """Run the camera; returns the foreign clients that it knew after each host had adopted it."""
    known: dict[str, set[IPv4Address]] = {}
    camera = await make_camera()
    await camera.set_endpoint(
        Endpoint(
            address=ADDRESS,
            prefix_length=PREFIX_LENGTH,
            mac=SPEC.mac,
            onvif_port=80,
            rtsp_port=554,
            interface=SPEC.name,
        )
    )
    await camera.set_enabled(True)
    try:
        for host in ("client", "ha", "container", "far"):
            assert (await asyncio.to_thread(adopt, lan, host)).lower() == SPEC.mac
            known[host] = set(camera.foreign_clients)
    finally:
        await camera.close()
    return known


def test_a_camera_knows_who_comes_over_the_gateway(routed_lan: Lan) -> None:
    known = routed_lan.run_async("ha", lambda: adopt_from_each(routed_lan))
    assert known == {"client": set(), "ha": set(), "container": set(), "far": {IPv4Address(FAR)}}
    # What the client behind the gateway sees of it, and why it matters: no MAC of the camera.
    assert SPEC.mac not in routed_lan.neighbours("far").values()
    assert routed_lan.neighbours("client")[ADDRESS] == SPEC.mac
