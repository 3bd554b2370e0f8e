"""MAC addresses for cameras: each derived once, so that it is the same for ever."""

from collections.abc import Collection
from hashlib import sha256
import re

LOCALLY_ADMINISTERED = 0x02
"""Of the first byte: no manufacturer's (IEEE 802, 8.2.2)."""
MULTICAST = 0x01
DOCKER_PREFIX = "02:42:"
"""Docker derives MACs of containers from their addresses in this range."""

MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


def derive_mac(instance: str, camera: str, taken: Collection[str] = ()) -> str:
    """Return a locally administered MAC for a camera.

    Args:
        instance: What tells this installation from all others: two on one LAN must not make the same MACs.
        camera: What tells this camera from the others, and never changes.
        taken: MACs that others have; without a clash the answer depends on `instance` and `camera` alone.
    """
    attempt = 0
    while True:
        digest = bytearray(sha256(f"onvif_proxy/{instance}/{camera}/{attempt}".encode()).digest()[:6])
        digest[0] = digest[0] & ~MULTICAST | LOCALLY_ADMINISTERED
        mac = digest.hex(":")
        if mac not in taken and not mac.startswith(DOCKER_PREFIX):
            return mac
        attempt += 1


def is_camera_mac(mac: str) -> bool:
    """Return whether a camera may have this MAC: lower case with colons, unicast, locally administered, not Docker's."""
    if not MAC.fullmatch(mac) or mac.startswith(DOCKER_PREFIX):
        return False
    return int(mac[:2], 16) & (MULTICAST | LOCALLY_ADMINISTERED) == LOCALLY_ADMINISTERED
