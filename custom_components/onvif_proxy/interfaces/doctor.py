"""What is wrong with the interfaces, found without privilege: what a snapshot shows, and what the kernel says when asked."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from .examination import Camera, Examination, examine
from .findings import Check, Finding
from .inventory import Inventory
from .kernel import read_snapshot
from .marks import routing_table
from .neighbours import read_neighbours
from .probing import Probe, Question, ask_all, available_probe
from .reach import Hop, Way, answering, leaving_interfaces
from .state import DEFAULT_ROUTE, Snapshot

PROBE_SECONDS = 3.0
GATEWAY_SECONDS = 3.5

_REMOTE = IPv4Address("192.0.2.1")
"""Stands for all that lies behind the router (RFC 5737); nothing is sent there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """A camera's interface in use, by its first address."""

    camera: Camera
    index: int
    address: IPv4Address
    network: IPv4Network
    gateway: IPv4Address | None
    """None where there is none in its network, or this host is it."""


async def diagnose(
    inventory: Inventory,
    *,
    macs: Collection[str] | None = None,
    probe: Probe | None = None,
    gateway_seconds: float = GATEWAY_SECONDS,
) -> list[Finding]:
    """Return what is wrong with the interfaces that the inventory names, and with those of ours that it does not.

    Args:
        inventory: What the interfaces should be.
        macs: Those of the only interfaces that count; None for all, and what is left of former ones.
        probe: Asks who else has an address. None uses ARP where this process may, and leaves the question out elsewhere.
        gateway_seconds: How long a router may take to answer; the kernel needs three to be sure that it does not.

    Raises:
        KernelRefused: The kernel does not answer.
    """
    snapshot = await read_snapshot()
    examination = await asyncio.to_thread(examine, inventory.specs, snapshot, macs)
    served = [one for camera in examination.sound if (one := _served(camera, snapshot)) is not None]
    misrouted = await _misrouted(served, snapshot)
    faulty = {finding.id for finding in misrouted}
    served = [one for one in served if one.camera.spec.id not in faulty]
    found = await asyncio.gather(
        _unanswered(served, snapshot, gateway_seconds),
        _claimed_elsewhere(examination, served, probe or await available_probe()),
        _macs_elsewhere(served, snapshot),
    )
    others = [*misrouted, *(finding for several in found for finding in several)]
    # An address that is missing because another device has it is no fault of its own.
    claimed = {finding.id for finding in others if finding.check is Check.DUPLICATE_ADDRESS}
    findings = [one for one in examination.findings if one.check is not Check.NO_ADDRESS or one.id not in claimed]
    findings += others
    if not findings and examination.leftovers:
        steps = "; ".join(step.command for step in examination.leftovers)
        findings.append(Finding(check=Check.LEFTOVER, interface=None, facts={"steps": steps}, fixable=True))
    return findings


def _served(camera: Camera, snapshot: Snapshot) -> _Served | None:
    link = camera.link
    if link is None or not link.addresses:
        return None
    address = link.ip_interfaces[0]
    gateway = camera.spec.gateway or snapshot.default_gateway(link.name, routing_table(camera.spec.id))
    if gateway not in address.network or gateway in _own_addresses(snapshot):
        gateway = None
    return _Served(camera=camera, index=link.index, address=address.ip, network=address.network, gateway=gateway)


def _own_addresses(snapshot: Snapshot) -> set[IPv4Address]:
    return {address.ip for link in snapshot.links for address in link.ip_interfaces}


async def _misrouted(served: Sequence[_Served], snapshot: Snapshot) -> list[Finding]:
    """Tell which replies leave by another interface, because of a missing route or of somebody else's rule."""
    own = _own_addresses(snapshot)
    ways: list[tuple[_Served, Way, str]] = []
    for one in served:
        neighbour = next((host for host in one.network.hosts() if host not in own and host != one.gateway), None)
        if missing := one.camera.missing_routes:
            route = missing[0]
            sample = _REMOTE if route.destination == DEFAULT_ROUTE else neighbour
            text = "other networks" if route.destination == DEFAULT_ROUTE else str(route.destination)
            targets = [(sample, text)]
        else:
            targets = [(target, str(target)) for target in (neighbour, one.gateway)]
        ways += [(one, Way(one.address, target), text) for target, text in targets if target is not None]
    leaving = await leaving_interfaces({way for _, way, _ in ways})
    names = {link.index: link.name for link in snapshot.links}
    findings: dict[int, Finding] = {}
    for one, way, text in ways:
        fixable = bool(one.camera.missing_routes)
        if (index := leaving[way]) != one.index or fixable:
            device = "no interface" if index is None else names.get(index, str(index))
            finding = one.camera.finding(
                Check.REPLY_ROUTE, fixable=fixable, address=one.address, destination=text, device=device
            )
            findings.setdefault(one.camera.spec.id, finding)
    return list(findings.values())


async def _unanswered(served: Sequence[_Served], snapshot: Snapshot, timeout: float) -> list[Finding]:
    """Tell which routers do not answer: nobody on a parent, or only some cameras, whose frames are lost on the way then."""
    findings: list[Finding] = []
    hops = {
        one.camera.spec.id: Hop(index=one.index, source=one.address, gateway=one.gateway)
        for one in served
        if one.gateway is not None
    }
    places = {(one.camera.spec.parent, one.gateway) for one in served if one.gateway is not None}
    of_parents = {place: hop for place in places if (hop := _parent_hop(*place, snapshot)) is not None}
    answers = await answering([*hops.values(), *of_parents.values()], timeout=timeout)
    for parent, gateway in sorted(places):
        cameras = [one.camera for one in served if (one.camera.spec.parent, one.gateway) == (parent, gateway)]
        silent = [camera for camera in cameras if answers.get(hops[camera.spec.id]) is False]
        anyone = [hops[camera.spec.id] for camera in cameras] + [of_parents[parent, gateway]] * (
            (parent, gateway) in of_parents
        )
        if any(answers.get(hop) for hop in anyone):
            findings += [
                camera.finding(Check.FRAMES_LOST, fixable=False, gateway=gateway, mac=camera.spec.mac)
                for camera in silent
            ]
        elif silent:
            facts = {"gateway": str(gateway), "cameras": ", ".join(camera.spec.name for camera in silent)}
            findings.append(Finding(check=Check.GATEWAY_UNREACHABLE, interface=parent, facts=facts, fixable=False))
    return findings


def _parent_hop(parent: str, gateway: IPv4Address, snapshot: Snapshot) -> Hop | None:
    link = snapshot.link(parent)
    if link is None:
        return None
    sources = [address.ip for address in link.ip_interfaces if gateway in address.network]
    return Hop(index=link.index, source=sources[0], gateway=gateway) if sources else None


async def _claimed_elsewhere(examination: Examination, served: Sequence[_Served], probe: Probe | None) -> list[Finding]:
    """Tell which addresses another device on the LAN has, be they in use here as well or not for that very reason."""
    if probe is None:
        return []
    asking = {Question(one.camera.spec.name, one.camera.spec.mac, one.address): one.camera for one in served}
    for camera in examination.without_address:
        if camera.spec.address is not None:
            asking[Question(camera.spec.name, camera.spec.mac, camera.spec.address.ip)] = camera
    answers = await ask_all(probe, list(asking), timeout=PROBE_SECONDS)
    return [
        asking[question].finding(Check.DUPLICATE_ADDRESS, fixable=False, address=question.address, other=mac)
        for question, mac in answers.items()
    ]


async def _macs_elsewhere(served: Collection[_Served], snapshot: Snapshot) -> list[Finding]:
    """Tell which MACs another device on the LAN has, too, as far as this host has talked to one lately."""
    own = _own_addresses(snapshot)
    cameras = {one.camera.spec.mac: one.camera for one in served}
    findings: dict[str, Finding] = {}
    for neighbour in await read_neighbours():
        camera = cameras.get(neighbour.mac)
        if camera is not None and neighbour.fresh and neighbour.address not in own:
            findings[neighbour.mac] = camera.finding(
                Check.DUPLICATE_MAC, fixable=False, mac=neighbour.mac, other=neighbour.address
            )
    return list(findings.values())
