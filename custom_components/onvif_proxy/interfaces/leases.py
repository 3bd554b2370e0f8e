"""DHCP leases, and the file that remembers them so that a camera asks for its former address after a restart."""

import asyncio
from collections.abc import Mapping, Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface
import json
import logging
from pathlib import Path
import time
from typing import Any

from .files import write_private

_LOGGER = logging.getLogger(__name__)

VERSION = 1
MAX_FILE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a DHCP server has given (RFC 2131)."""

    address: IPv4Interface
    gateway: IPv4Address | None
    server: IPv4Address
    server_mac: str
    obtained: float
    """Seconds since the epoch."""
    seconds: int | None
    """How long it is for, from then on; None for ever."""

    def seconds_left(self, now: float) -> float | None:
        """Return how much of it is left, at most 0 when it is over or from the future; None when it never ends."""
        if self.seconds is None:
            return None
        return self.obtained + self.seconds - now if now >= self.obtained else 0.0

    @property
    def is_valid(self) -> bool:
        """Whether it has not ended yet."""
        left = self.seconds_left(time.time())
        return left is None or left > 0

    @property
    def expires(self) -> datetime | None:
        """When it ends, None for never."""
        return None if self.seconds is None else datetime.fromtimestamp(self.obtained + self.seconds, UTC)


class LeaseFile:
    """Leases by MAC, in memory and in one file. Without the file, or with a full disk, nothing is worse than slower."""

    def __init__(self, path: Path | None) -> None:
        """Name the file; None remembers in memory only."""
        self._path = path
        self._leases: dict[str, Lease] = {}
        self._writing: asyncio.Task[None] | None = None
        self._changed = False
        self._failed = False

    async def load(self) -> None:
        """Read the file; one that is missing or no lease file is an empty one."""
        if self._path is not None:
            self._leases = await asyncio.to_thread(_load, self._path)

    def get(self, mac: str) -> Lease | None:
        """Return the last lease of an interface, however old."""
        return self._leases.get(mac)

    def remember(self, mac: str, lease: Lease) -> None:
        """Keep the lease of an interface; written soon, in a thread."""
        self._leases[mac] = lease
        self._write_soon()

    def forget(self, mac: str) -> None:
        """Keep no lease for an interface."""
        if self._leases.pop(mac, None) is not None:
            self._write_soon()

    def retain(self, macs: AbstractSet[str]) -> None:
        """Keep the leases of these interfaces only."""
        for mac in self._leases.keys() - macs:
            self.forget(mac)

    async def written(self) -> None:
        """Wait until the file has what is remembered, or could not be written."""
        if self._writing is not None:
            await self._writing

    def _write_soon(self) -> None:
        self._changed = True
        if self._path is not None and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write(self._path), name="onvif_proxy lease file")

    async def _write(self, path: Path) -> None:
        while self._changed:
            self._changed = False
            text = json.dumps(_as_json(self._leases), indent=2) + "\n"
            try:
                await asyncio.to_thread(write_private, path, text)
            except OSError as error:
                if not self._failed:
                    _LOGGER.warning(
                        "%s cannot be written: %s. Leases are kept, but not remembered over a restart",
                        path,
                        error.strerror,
                    )
                self._failed = True
            else:
                self._failed = False


def _load(path: Path) -> dict[str, Lease]:
    try:
        with path.open("rb") as file:
            return _parse(file.read(MAX_FILE_BYTES + 1))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        _LOGGER.warning("%s is not used, and will be written anew: %r", path, error)
        return {}


def _parse(data: bytes) -> dict[str, Lease]:
    if len(data) > MAX_FILE_BYTES:
        raise ValueError("too big")
    content = json.loads(data)
    if content["version"] != VERSION:
        raise ValueError("of another version")
    return {str(mac): _lease(one) for mac, one in content["leases"].items()}


def _lease(content: Mapping[str, Any]) -> Lease:
    gateway, seconds = content["gateway"], content["seconds"]
    return Lease(
        address=IPv4Interface(str(content["address"])),
        gateway=None if gateway is None else IPv4Address(str(gateway)),
        server=IPv4Address(str(content["server"])),
        server_mac=str(content["server_mac"]),
        obtained=float(content["obtained"]),
        seconds=None if seconds is None else int(seconds),
    )


def _as_json(leases: Mapping[str, Lease]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "leases": {
            mac: {
                "address": str(lease.address),
                "gateway": None if lease.gateway is None else str(lease.gateway),
                "server": str(lease.server),
                "server_mac": lease.server_mac,
                "obtained": lease.obtained,
                "seconds": lease.seconds,
            }
            for mac, lease in leases.items()
        },
    }
