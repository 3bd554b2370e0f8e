"""The inventory and its file: what it refuses, what survives, and what a bad disk or a newer version does to it."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
import json
import os
from pathlib import Path
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import (
    InterfaceSpec,
    Inventory,
    InventoryCorrupt,
    InventoryFile,
    InventoryTooNew,
    InventoryUnwritable,
    RequestRefused,
    files,
)

FIXED = InterfaceSpec(
    id=1,
    name="onvifcam1",
    mac="02:00:00:00:00:01",
    parent="eth0",
    address=IPv4Interface("192.168.1.201/24"),
    gateway=IPv4Address("192.168.1.1"),
    camera="recorder/VideoSource_1",
)
LEASED = InterfaceSpec(id=2, name="onvifcam2", mac="02:00:00:00:00:02", parent="eth0", dhcp=True)
BOTH = Inventory(specs=(FIXED, LEASED), owner="Home Assistant")


@pytest.fixture
def file(tmp_path: Path) -> InventoryFile:
    """Return a file that is not there yet."""
    return InventoryFile(tmp_path / "onvif_proxy" / "inventory.json")


def as_written(file: InventoryFile) -> Any:
    """Write an inventory, and return its content."""
    file.save(BOTH)
    return json.loads(file.path.read_text(encoding="utf-8"))


def test_interfaces_are_added_found_and_taken_out() -> None:
    assert Inventory(owner="Home Assistant").with_added(FIXED, LEASED) == BOTH
    assert BOTH.spec(2) == LEASED
    assert BOTH.spec(3) is None
    assert BOTH.without(1).specs == (LEASED,)
    assert BOTH.without(7) == BOTH
    numbers = BOTH.free_ids({3, 5})
    assert (next(numbers), next(numbers)) == (4, 6)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": 1}, "cannot both have 1"),
        ({"name": "onvifcam1"}, "cannot both have onvifcam1"),
        ({"mac": FIXED.mac}, "cannot both have 02:00:00:00:00:01"),
        ({"dhcp": False, "address": IPv4Interface("192.168.1.201/16")}, "cannot both have 192.168.1.201"),
        ({"id": 0}, "must be from 1"),
        ({"id": 1000}, "must be from 1"),
        ({"name": ""}, "cannot be the name"),
        ({"name": "sixteen_letters_"}, "cannot be the name"),
        ({"name": "a/b"}, "cannot be the name"),
        ({"name": "a b"}, "cannot be the name"),
        ({"name": ".."}, "cannot be the name"),
        ({"parent": "eth0:1"}, "cannot be the name"),
        ({"mac": "00:1b:21:00:00:05"}, "not a locally administered"),
        ({"address": IPv4Interface("192.168.1.202/24")}, "both a fixed address and one by DHCP"),
        ({"dhcp": False, "address": IPv4Interface("127.0.0.1/8")}, "no address of a device"),
        ({"dhcp": False, "address": IPv4Interface("224.0.0.1/24")}, "no address of a device"),
        ({"dhcp": False, "address": IPv4Interface("192.168.1.0/24")}, "the network's own"),
        ({"dhcp": False, "address": IPv4Interface("192.168.1.255/24")}, "its broadcast address"),
        ({"dhcp": False, "address": IPv4Interface("192.168.1.202/32")}, "no room for other devices"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestRefused, match=reason):
        Inventory(specs=(FIXED,)).with_added(replace(LEASED, **changes))


def test_what_is_saved_is_loaded_and_nobody_else_can_read_it(file: InventoryFile) -> None:
    assert file.load() == Inventory()
    file.save(BOTH)
    assert file.load() == BOTH
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.save(BOTH.without(1))
    assert file.load().specs == (LEASED,)
    assert [path.name for path in file.path.parent.iterdir()] == ["inventory.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"version": "1"}', b'{"version": true}', b'{"version": 0}',
        b'{"version": 1}', b'{"version": 1, "interfaces": 3, "owner": ""}', b"[" * 100_000, b" " * 1_000_001,
    ],
    ids=lambda content: str(content[:20]),
)  # fmt: skip
def test_a_file_that_is_no_inventory_is_refused_and_kept(file: InventoryFile, content: bytes) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    with pytest.raises(InventoryCorrupt, match="left as it is"):
        file.load()
    assert file.path.read_bytes() == content


@pytest.mark.parametrize(
    ("key", "value"),
    [("id", "1"), ("id", True), ("id", None), ("name", 1), ("mac", "x"), ("parent", None), ("dhcp", 1), ("camera", None),
     ("address", 1), ("address", "192.168.1.300/24"), ("gateway", "router"), ("gateway", 1), ("id", 2)],
)  # fmt: skip
def test_one_bad_interface_makes_the_file_no_inventory(file: InventoryFile, key: str, value: Any) -> None:
    content = as_written(file)
    content["interfaces"][0][key] = value
    file.path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InventoryCorrupt):
        file.load()


def test_a_missing_part_is_named(file: InventoryFile) -> None:
    content = as_written(file)
    del content["interfaces"][1]["mac"]
    file.path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InventoryCorrupt, match="'mac' is missing"):
        file.load()


def test_a_file_of_a_later_version_is_refused_and_kept(file: InventoryFile) -> None:
    file.path.parent.mkdir()
    file.path.write_text('{"version": 2, "new": []}', encoding="utf-8")
    with pytest.raises(InventoryTooNew, match=r"format 2, this one knows 1.*upgrade"):
        file.load()
    assert file.path.read_text(encoding="utf-8") == '{"version": 2, "new": []}'


def test_a_file_that_cannot_be_read_says_why(file: InventoryFile) -> None:
    file.path.mkdir(parents=True)
    with pytest.raises(InventoryCorrupt, match="Is a directory"):
        file.load()


def test_a_folder_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InventoryUnwritable, match="cannot be written"):
        InventoryFile(tmp_path / "file" / "inventory.json").save(BOTH)


def test_a_disk_that_is_full_leaves_the_former_inventory(file: InventoryFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.save(BOTH)

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(InventoryUnwritable, match="No space left on device"):
        file.save(BOTH.without(1))
    assert file.load() == BOTH
    assert [path.name for path in file.path.parent.iterdir()] == ["inventory.json"]
