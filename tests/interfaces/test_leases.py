"""Leases, and what a lease file survives."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface
import json
import logging
from pathlib import Path
import time

import pytest

from custom_components.onvif_proxy.interfaces.leases import Lease, LeaseFile

MAC = "02:00:00:00:00:01"
LEASE = Lease(
    address=IPv4Interface("192.168.1.201/24"),
    gateway=IPv4Address("192.168.1.1"),
    server=IPv4Address("192.168.1.2"),
    server_mac="00:1b:21:00:00:05",
    obtained=1_000_000.5,
    seconds=3600,
)
FOREVER = Lease(
    address=LEASE.address, gateway=None, server=LEASE.server, server_mac=LEASE.server_mac, obtained=0, seconds=None
)


async def loaded(path: Path | None) -> LeaseFile:
    """Return a lease file that was read."""
    file = LeaseFile(path)
    await file.load()
    return file


def test_a_lease_ends_when_its_time_is_over() -> None:
    assert LEASE.expires == datetime.fromtimestamp(1_003_600.5, UTC)
    assert LEASE.seconds_left(1_000_001.5) == 3599
    assert LEASE.seconds_left(1_003_601.5) == -1
    assert not LEASE.is_valid


def test_a_lease_from_the_future_is_over_since_the_clock_was_wrong() -> None:
    assert LEASE.seconds_left(5) == 0


def test_a_lease_for_ever_never_ends() -> None:
    assert FOREVER.expires is None
    assert FOREVER.seconds_left(time.time()) is None
    assert FOREVER.is_valid


async def test_leases_are_there_after_a_restart_and_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "state" / "leases.json"
    file = await loaded(path)
    assert file.get(MAC) is None
    file.remember(MAC, LEASE)
    file.remember("02:00:00:00:00:02", FOREVER)
    file.remember("02:00:00:00:00:03", FOREVER)
    file.forget("02:00:00:00:00:03")
    file.forget("02:00:00:00:00:04")
    await file.written()
    again = await loaded(path)
    assert [again.get(f"02:00:00:00:00:0{number}") for number in (1, 2, 3)] == [LEASE, FOREVER, None]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_without_a_file_leases_are_remembered_in_memory() -> None:
    file = await loaded(None)
    file.remember(MAC, LEASE)
    await file.written()
    assert file.get(MAC) == LEASE


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"\xff", b'{"version": 2, "leases": {}}', b'{"version": 1}', b'{"version": 1, "leases": []}',
        b'{"version": 1, "leases": {"02:00:00:00:00:01": {"address": "x"}}}', b" " * 1_000_001, b"[" * 100_000,
    ],
    ids=lambda content: str(content[:40]),
)  # fmt: skip
async def test_a_file_that_is_no_use_is_replaced(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "leases.json"
    path.write_bytes(content)
    file = await loaded(path)
    assert "will be written anew" in caplog.text
    file.remember(MAC, LEASE)
    await file.written()
    assert list(json.loads(path.read_bytes())["leases"]) == [MAC]


async def test_a_file_that_cannot_be_written_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    file = LeaseFile(tmp_path / "file" / "leases.json")
    for _ in range(3):
        file.remember(MAC, LEASE)
        await file.written()
    assert file.get(MAC) == LEASE
    assert [record.levelno for record in caplog.records if "cannot be written" in record.message] == [logging.WARNING]
