"""The interfaces of this host that cameras could sit on, why others cannot carry them, and which addresses are free there."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import chain, islice
from pathlib import Path
import re

from .kernel import read_snapshot
from .marks import Mark
from .neighbours import read_neighbours
from .probing import Probe, Question, ask_all, available_probe
from .sentences import HYPERVISOR_SETTINGS, REFUSALS, WARNINGS
from .state import InterfaceAddress, Link, Snapshot

SYSFS = Path("/sys")
CONTAINER_FILES = (Path("/.dockerenv"), Path("/run/.containerenv"))
"""What Docker and Podman put into every container."""

PROBE_SECONDS = 2.5
_ROUND_SECONDS = 1.0
_SPARE_PROBES = 16
_KEPT_CLEAR = 5
_MIN_SIZE_TO_KEEP_CLEAR = 64
_MAX_SPEED = 10_000_000

_CONTAINER_NETWORK = re.compile(
    # The last kind of br- is how Docker names the networks that users make.
    r"docker\d+|docker_gwbridge|hassio|veth.*|podman\d+|cni.*|cali.*|flannel.*|lxcbr\d+|lxdbr\d+|virbr\d+|br-[0-9a-f]{12}"
)
_CONTAINER_PORTS = frozenset({"veth", "tun"})
_MACVLANS = frozenset({"macvlan", "macvtap", "ipvlan"})
_UNWIRED = frozenset({"dummy", "ifb", "tun"})


class Refusal(StrEnum):
    """Why an interface cannot carry cameras."""

    LOOPBACK = "loopback"
    WIRELESS = "wireless"
    CONTAINER_NETWORK = "container_network"
    MACVLAN = "macvlan"
    NOT_ETHERNET = "not_ethernet"
    BRIDGE_PORT = "bridge_port"
    DOWN = "down"
    NO_CARRIER = "no_carrier"
    NO_ADDRESS = "no_address"


class ParentWarning(StrEnum):
    """Why cameras may not be reached although nothing forbids them."""

    VIRTUAL_MACHINE = "virtual_machine"
    CONTAINER_BRIDGE = "container_bridge"


class Hypervisor(StrEnum):
    """What runs this host as a virtual machine, by its name for people."""

    PROXMOX = "Proxmox VE"
    VMWARE = "VMware"
    VIRTUALBOX = "VirtualBox"
    HYPER_V = "Hyper-V"
    XEN = "Xen"
    KVM = "KVM"


_SIGNS: Sequence[tuple[Hypervisor, Mapping[str, str]]] = (
    # Files of /sys/class/dmi/id and how they begin. The firmware that Proxmox ships for UEFI machines names it; its BIOS
    # machines are told from other KVM ones by nothing.
    (Hypervisor.PROXMOX, {"bios_vendor": "Proxmox"}),
    (Hypervisor.VMWARE, {"sys_vendor": "VMware"}),
    (Hypervisor.VIRTUALBOX, {"product_name": "VirtualBox"}),
    # Microsoft's own computers have the vendor, too.
    (Hypervisor.HYPER_V, {"sys_vendor": "Microsoft", "product_name": "Virtual Machine"}),
    (Hypervisor.XEN, {"sys_vendor": "Xen"}),
    (Hypervisor.KVM, {"sys_vendor": "QEMU"}),
    (Hypervisor.KVM, {"product_name": "KVM"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """An interface as a place for cameras."""

    name: str
    mac: str
    addresses: tuple[InterfaceAddress, ...]
    speed_mbit: int | None
    """Of the link; None where it has none, or hides it as virtual ones do."""
    refusal: Refusal | None
    """Why it cannot carry cameras, None when it can."""
    warnings: tuple[ParentWarning, ...] = ()
    """None where it can never carry cameras; a cable that is out makes no difference."""
    hypervisor: str | None = None
    """Its name for people; None on a machine of its own."""
    instead: str | None = None
    """The interface to use in the place of one that is refused, where that is known."""

    @property
    def sentences(self) -> list[str]:
        """Why it is refused, or what to beware of, in English."""
        if self.refusal is not None:
            return [refusal_sentence(self.refusal, self.name, self.instead)]
        return self.warning_sentences

    @property
    def warning_sentences(self) -> list[str]:
        """What to beware of, in English."""
        return [
            WARNINGS[warning].format(
                name=self.name,
                hypervisor=self.hypervisor,
                hypervisor_setting=HYPERVISOR_SETTINGS.get(self.hypervisor or "", ""),
            )
            for warning in self.warnings
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hardware:
    """What only the file system tells."""

    wireless: frozenset[str]
    speeds: Mapping[str, int]
    hypervisor: Hypervisor | None
    contained: bool


async def list_parents(*, sysfs: Path = SYSFS, container_files: Sequence[Path] = CONTAINER_FILES) -> list[Parent]:
    """Return the interfaces of this host but for our own: usable ones first, and of these the one to the router.

    Raises:
        KernelRefused: The kernel does not answer.
    """
    snapshot = await read_snapshot()
    names = [link.name for link in snapshot.links]
    hardware = await asyncio.to_thread(_read_hardware, sysfs, names, container_files)
    parents = [_parent(link, snapshot, hardware) for link in snapshot.links if Mark.of(link) is None]
    return sorted(
        parents,
        key=lambda one: (one.refusal is not None, snapshot.default_gateway(one.name) is None, one.name),
    )


async def is_in_container_network(*, container_files: Sequence[Path] = CONTAINER_FILES) -> bool:
    """Tell whether this process sees a container's network only, to all appearances, and not that of the host.

    Raises:
        KernelRefused: The kernel does not answer.
    """
    if not await asyncio.to_thread(_is_contained, container_files):
        return False
    links = (await read_snapshot()).links
    wired = (link for link in links if link.ethernet and link.enabled and not link.loopback)
    # What such a container has is the end of a virtual cable, or a macvlan whose parent is elsewhere.
    return all(link.kind == "veth" or (link.kind in _MACVLANS and link.parent is None) for link in wired)


def refusal_sentence(refusal: Refusal, name: str, instead: str | None) -> str:
    """Return why an interface cannot carry cameras, in English."""
    return REFUSALS[refusal].format(name=name, instead=f": {instead}" if instead else "")


def structural_refusal(link: Link, snapshot: Snapshot) -> Refusal | None:
    """Return why an interface can never carry cameras, whatever is plugged in or configured; None when it could."""
    if link.loopback:
        return Refusal.LOOPBACK
    if link.wireless:
        return Refusal.WIRELESS
    if _is_container_network(link, snapshot):
        return Refusal.CONTAINER_NETWORK
    if link.kind in _MACVLANS:
        return Refusal.MACVLAN
    if not link.ethernet or link.kind in _UNWIRED:
        return Refusal.NOT_ETHERNET
    if link.master is not None:
        return Refusal.BRIDGE_PORT
    return None


def instead_of(link: Link, refusal: Refusal | None) -> str | None:
    """Return the interface to use in the place of one that is refused, None where that is not known."""
    return {Refusal.BRIDGE_PORT: link.master, Refusal.MACVLAN: link.parent}.get(refusal) if refusal else None


def _is_container_network(link: Link, snapshot: Snapshot) -> bool:
    if _CONTAINER_NETWORK.fullmatch(link.name):
        return True
    if link.kind != "bridge" or snapshot.default_gateway(link.name) is not None:
        return False
    # A bridge to the LAN has a port that is wired to it; to one that joins containers and virtual machines they are all.
    ports = [one for one in snapshot.links if one.master == link.name]
    return bool(ports) and all(port.kind in _CONTAINER_PORTS for port in ports)


def _passing_refusal(link: Link) -> Refusal | None:
    """Return why an interface cannot carry cameras as it is now, None when it can."""
    if not link.enabled:
        return Refusal.DOWN
    if not link.up:
        return Refusal.NO_CARRIER
    return None if link.addresses else Refusal.NO_ADDRESS


def _parent(link: Link, snapshot: Snapshot, hardware: _Hardware) -> Parent:
    structural = Refusal.WIRELESS if link.name in hardware.wireless else structural_refusal(link, snapshot)
    refusal = structural or _passing_refusal(link)
    warnings = []
    if structural is None and hardware.hypervisor is not None:
        warnings.append(ParentWarning.VIRTUAL_MACHINE)
    # With the host's network a container has its real interfaces; one end of a virtual cable says that it has not.
    if structural is None and hardware.contained and link.kind == "veth":
        warnings.append(ParentWarning.CONTAINER_BRIDGE)
    return Parent(
        name=link.name,
        mac=link.mac,
        addresses=link.addresses,
        speed_mbit=hardware.speeds.get(link.name),
        refusal=refusal,
        warnings=tuple(warnings),
        hypervisor=hardware.hypervisor,
        instead=instead_of(link, refusal),
    )


def _read_hardware(sysfs: Path, names: Sequence[str], container_files: Sequence[Path]) -> _Hardware:
    interfaces = {name: sysfs / "class/net" / name for name in names}
    return _Hardware(
        wireless=frozenset(
            name
            for name, folder in interfaces.items()
            if (folder / "wireless").exists() or (folder / "phy80211").exists()
        ),
        speeds={name: speed for name, folder in interfaces.items() if (speed := _speed(folder)) is not None},
        hypervisor=_hypervisor(sysfs),
        contained=_is_contained(container_files),
    )


def _is_contained(container_files: Sequence[Path]) -> bool:
    return any(file.exists() for file in container_files)


def _speed(folder: Path) -> int | None:
    text = _text(folder / "speed")
    # A link that is down, or that has no speed, says -1, or 4294967295 on older kernels.
    return int(text) if text.isdecimal() and 0 < int(text) <= _MAX_SPEED else None


def _hypervisor(sysfs: Path) -> Hypervisor | None:
    dmi = sysfs / "class/dmi/id"
    for hypervisor, signs in _SIGNS:
        if all(_text(dmi / file).startswith(start) for file, start in signs.items()):
            return hypervisor
    # A paravirtual machine has no DMI; Xen's own host has that of its hardware.
    if not _text(dmi / "sys_vendor") and _text(sysfs / "hypervisor/type") == "xen":
        return Hypervisor.XEN
    return None


def _text(file: Path) -> str:
    """Return what a file of sysfs says, nothing where it is missing or refuses, as `speed` does without a link."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


async def propose_addresses(
    parent: Parent, count: int, taken: Collection[str], *, probe: Probe | None = None, timeout: float = PROBE_SECONDS
) -> list[str]:
    """Return addresses in the parent's subnet that nothing seems to use, in ascending order; fewer where it has no more.

    Args:
        parent: Where the cameras are to sit.
        count: How many are wanted.
        taken: Addresses that are promised to others.
        probe: Asks who has an address. None uses ARP where this process may; elsewhere what the kernel knows must do.
        timeout: Seconds for all probes together; an address that nobody has claimed by then is free.

    Raises:
        InterfaceError: The kernel does not answer, or a probe could not be sent.
    """
    if not parent.addresses:
        return []
    network = IPv4Interface((parent.addresses[0].address, parent.addresses[0].prefix_length)).network
    candidates = _candidates(network, {IPv4Address(address) for address in taken} | await _known_addresses())
    probe = probe or await available_probe()
    if probe is None:
        return _ascending(islice(candidates, count))
    free: list[IPv4Address] = []
    deadline = asyncio.get_running_loop().time() + timeout
    while len(free) < count and (left := deadline - asyncio.get_running_loop().time()) > 0:
        # All at once, and some more than needed, so that a second round is rare.
        asked = list(islice(candidates, count - len(free) + _SPARE_PROBES))
        if not asked:
            break
        questions = [Question(parent.name, parent.mac, address) for address in asked]
        claimed = await ask_all(probe, questions, timeout=min(left, _ROUND_SECONDS))
        free += [question.address for question in questions if question not in claimed]
    return _ascending(free[:count])


def _candidates(network: IPv4Network, unusable: Collection[IPv4Address]) -> Iterator[IPv4Address]:
    """Yield the addresses of a subnet in the order of preference.

    From the top down, since DHCP servers hand theirs out from the bottom up or end their range below the top. The very last
    are where routers, switches and access points are put by hand, often switched off just now: they come last.
    """
    first, last = int(network.network_address) + 1, int(network.broadcast_address) - 1
    kept_clear = _KEPT_CLEAR if network.num_addresses >= _MIN_SIZE_TO_KEEP_CLEAR else 0
    numbers = chain(range(last - kept_clear, first - 1, -1), range(last, last - kept_clear, -1))
    return (address for number in numbers if (address := IPv4Address(number)) not in unusable)


async def _known_addresses() -> set[IPv4Address]:
    """Return the addresses that the kernel knows to be in use: this host's, its routers', and whoever answered it by ARP."""
    snapshot = await read_snapshot()
    own = {address.ip for link in snapshot.links for address in link.ip_interfaces}
    routers = {route.gateway for route in snapshot.routes if route.gateway is not None}
    return own | routers | {neighbour.address for neighbour in await read_neighbours() if neighbour.mac}


def _ascending(addresses: Iterable[IPv4Address]) -> list[str]:
    return [str(address) for address in sorted(addresses)]
