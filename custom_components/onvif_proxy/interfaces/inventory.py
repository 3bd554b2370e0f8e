"""What interfaces there should be, and the file that says so."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface
import json
from pathlib import Path
import re
from typing import Any, Self

from .addresses import unusable
from .errors import Fault, InventoryCorrupt, InventoryTooNew, InventoryUnwritable, RequestRefused
from .files import write_private
from .macs import is_camera_mac
from .marks import MAX_ID
from .plan import InterfaceSpec

VERSION = 1
MAX_FILE_BYTES = 1_000_000

_NAME = re.compile(r"[^\s/:]{1,15}")
"""Of an interface: the kernel's dev_valid_name()."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What interfaces there should be; no two of them share a number, a name, a MAC or an address."""

    specs: tuple[InterfaceSpec, ...] = ()
    owner: str = ""
    """Who wrote it, for people."""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            RequestRefused: An interface cannot be, or two of them clash.
        """
        seen: dict[object, str] = {}
        for spec in self.specs:
            _check(spec)
            address = None if spec.address is None else spec.address.ip
            for value in (spec.id, spec.name, spec.mac, address):
                if value is not None and value in seen:
                    raise RequestRefused(Fault.SAME_TWICE, first=seen[value], second=spec.name, value=value)
                if value is not None:
                    seen[value] = spec.name

    def with_added(self, *specs: InterfaceSpec) -> Self:
        """Return an inventory that has these as well.

        Raises:
            RequestRefused: One cannot be, or clashes with another.
        """
        return replace(self, specs=(*self.specs, *specs))

    def without(self, *ids: int) -> Self:
        """Return an inventory that has these no longer."""
        return replace(self, specs=tuple(spec for spec in self.specs if spec.id not in ids))

    def spec(self, number: int) -> InterfaceSpec | None:
        """Return the interface of a number."""
        return next((spec for spec in self.specs if spec.id == number), None)

    def free_ids(self, taken: Collection[int] = ()) -> Iterator[int]:
        """Yield the numbers that a further interface can have, apart from those that are taken on the host."""
        used = {spec.id for spec in self.specs} | set(taken)
        return (number for number in range(1, MAX_ID + 1) if number not in used)


class InventoryFile:
    """An inventory on disk. Everything here reads or writes files: call it in a thread."""

    def __init__(self, path: Path) -> None:
        """Name the file."""
        self.path = path

    def load(self) -> Inventory:
        """Read it; an empty inventory when there is no file.

        Raises:
            InventoryCorrupt: It cannot be read, or is no inventory.
            InventoryTooNew: A later version wrote it.
        """
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return Inventory()
        except OSError as error:
            raise InventoryCorrupt(Fault.FILE_UNREADABLE, path=self.path, reason=error.strerror) from error
        if len(data) > MAX_FILE_BYTES:
            raise InventoryCorrupt(Fault.FILE_TOO_BIG, path=self.path)
        return self._parse(data)

    def save(self, inventory: Inventory) -> None:
        """Write it: the file has the old inventory or the new one, never a part.

        Raises:
            InventoryUnwritable: The old one is still there.
        """
        try:
            write_private(self.path, json.dumps(_as_json(inventory), indent=2) + "\n")
        except OSError as error:
            raise InventoryUnwritable(Fault.FILE_UNWRITABLE, path=self.path, reason=error.strerror) from error

    def _parse(self, data: bytes) -> Inventory:
        try:
            content = json.loads(data)
            version = content["version"]
            if not isinstance(version, int) or isinstance(version, bool) or version < 1:
                raise ValueError("it has no version")  # noqa: TRY301  # one way out for all that is wrong
            if version > VERSION:
                raise InventoryTooNew(Fault.FILE_TOO_NEW, path=self.path, format=version, known=VERSION)
            return _from_json(content)
        except (ValueError, KeyError, TypeError, RecursionError, RequestRefused) as error:
            # A KeyError's text is the bare key.
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
            raise InventoryCorrupt(Fault.FILE_CORRUPT, path=self.path, reason=reason) from error


def _as_json(inventory: Inventory) -> dict[str, Any]:
    return {
        "version": VERSION,
        "owner": inventory.owner,
        "interfaces": [
            {
                "id": spec.id,
                "name": spec.name,
                "mac": spec.mac,
                "parent": spec.parent,
                "dhcp": spec.dhcp,
                "address": None if spec.address is None else str(spec.address),
                "gateway": None if spec.gateway is None else str(spec.gateway),
                "camera": spec.camera,
            }
            for spec in inventory.specs
        ],
    }


def _from_json(content: Any) -> Inventory:
    specs = []
    for one in content["interfaces"]:
        for key, kind in (("id", int), ("name", str), ("mac", str), ("parent", str), ("dhcp", bool), ("camera", str)):
            if type(one[key]) is not kind:
                raise ValueError(f"{key} of an interface is not of type {kind.__name__}")
        address, gateway = one["address"], one["gateway"]
        spec = InterfaceSpec(
            id=one["id"],
            name=one["name"],
            mac=one["mac"],
            parent=one["parent"],
            dhcp=one["dhcp"],
            address=None if address is None else IPv4Interface(_text(address)),
            gateway=None if gateway is None else IPv4Address(_text(gateway)),
            camera=one["camera"],
        )
        specs.append(spec)
    return Inventory(specs=tuple(specs), owner=_text(content["owner"]))


def _text(value: Any) -> str:
    # A number would be an address, too: 1 is 0.0.0.1.
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004  # one way out for all that is wrong
    return value


def _check(spec: InterfaceSpec) -> None:
    if not 1 <= spec.id <= MAX_ID:
        raise RequestRefused(f"The number of an interface must be from 1 to {MAX_ID}, not {spec.id}.")
    for name in (spec.name, spec.parent):
        if not _NAME.fullmatch(name) or name in {".", ".."}:
            raise RequestRefused(f"{name!r} cannot be the name of an interface: 1 to 15 characters, no space, / or :.")
    if not is_camera_mac(spec.mac):
        raise RequestRefused(f"{spec.mac!r} is not a locally administered unicast MAC in lower case outside 02:42.")
    if spec.dhcp and spec.address is not None:
        raise RequestRefused(f"{spec.name} cannot have both a fixed address and one by DHCP.")
    if spec.address is not None and (reason := unusable(spec.address)) is not None:
        raise RequestRefused(f"{spec.name}: {reason}.")
