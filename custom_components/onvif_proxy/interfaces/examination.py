"""The faults that a snapshot of the kernel shows: pure, nothing is asked or changed.

What an interface lacks is taken from the plan that would mend it, so that all that is called fixable is repaired by applying
the inventory. Of a fault and its consequences only the fault is told.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .errors import RequestRefused
from .findings import Check, Finding
from .parents import Refusal, instead_of, refusal_sentence, structural_refusal
from .plan import InterfaceSpec, existing_specs, link_of, plan_interface, plan_leftover_rules, rules_for
from .state import MAIN_TABLE, Link, Route, Snapshot
from .steps import AddRoute, AddRule, RemoveRoute, SetIPv6Generation, SetLink, SetSettings, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera's interface as it should be, as it is, and the steps in between."""

    spec: InterfaceSpec
    link: Link | None
    """None when it is not there, or another one is in its place."""
    steps: Sequence[Step]

    @property
    def missing_routes(self) -> list[Route]:
        """The routes that it should have."""
        return [step.route for step in self.steps if isinstance(step, AddRoute)]

    def finding(self, check: Check, *, fixable: bool, **facts: object) -> Finding:
        """Return a fault of it."""
        texts = {key: str(value) for key, value in facts.items()}
        return Finding(check=check, interface=self.spec.name, id=self.spec.id, facts=texts, fixable=fixable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a snapshot shows."""

    findings: tuple[Finding, ...]
    sound: tuple[Camera, ...]
    """The interfaces of which nothing is told, on a parent that works. Routes may yet be missing: only the kernel tells which
    way replies go instead."""
    without_address: tuple[Camera, ...]
    """The interfaces that are on, but have no address."""
    leftovers: tuple[Step, ...]
    """What applying would do besides repairing the findings and making the missing routes."""


def examine(named: Sequence[InterfaceSpec], snapshot: Snapshot, macs: Collection[str] | None = None) -> Examination:
    """Look at the interfaces that an inventory names, and at those of ours that it does not.

    With `macs` only at those that have one of them, and not at what is left of others.
    """
    specs = [spec for spec in (*named, *_unnamed(named, snapshot)) if macs is None or spec.mac in macs]
    findings = list(_parent_faults(specs, snapshot))
    unusable = {finding.interface for finding in findings}
    cameras: list[Camera] = []
    for spec in specs:
        link = link_of(spec, snapshot)
        found = list(_duplicates(spec, link, snapshot))
        if not found and snapshot.link(spec.parent) is not None:
            addresses = None if spec.address is None else (spec.address,)
            try:
                steps = plan_interface(spec, snapshot, addresses)
            except RequestRefused as error:
                found = [_refused(spec, error)]
            else:
                camera = Camera(spec=spec, link=link, steps=steps)
                cameras.append(camera)
                found = list(_faults(camera, parent_usable=spec.parent not in unusable))
        findings += found
    findings += _parent_settings(cameras)
    faulty = {finding.id for finding in findings}
    sound = [camera for camera in cameras if camera.spec.id not in faulty and camera.spec.parent not in unusable]
    return Examination(
        findings=tuple(findings),
        sound=tuple(sound),
        without_address=tuple(
            camera for camera in cameras if camera.link is not None and camera.link.up and not camera.link.addresses
        ),
        leftovers=tuple(_leftovers(cameras, snapshot) if macs is None and not findings else ()),
    )


def _unnamed(named: Iterable[InterfaceSpec], snapshot: Snapshot) -> list[InterfaceSpec]:
    known = {value for spec in named for value in (spec.id, spec.name, spec.mac)}
    # Without a parent it was moved here from another namespace, where whoever did that looks after it.
    existing = (spec for spec in existing_specs(snapshot) if spec.parent)
    return [spec for spec in existing if known.isdisjoint((spec.id, spec.name, spec.mac))]


def _parent_faults(specs: Sequence[InterfaceSpec], snapshot: Snapshot) -> Iterator[Finding]:
    for name in dict.fromkeys(spec.parent for spec in specs):
        facts = {"cameras": ", ".join(spec.name for spec in specs if spec.parent == name)}
        check = None
        if (parent := snapshot.link(name)) is None:
            check = Check.PARENT_GONE
        # What joins containers is told by its name and its ports: good enough to advise, not to alarm.
        elif (refusal := structural_refusal(parent, snapshot)) not in {None, Refusal.CONTAINER_NETWORK}:
            check = Check.PARENT_REFUSED
            facts |= {"refusal": refusal, "reason": refusal_sentence(refusal, name, instead_of(parent, refusal))}
        elif not parent.enabled:
            check = Check.PARENT_DOWN
        elif not parent.up:
            check = Check.NO_CARRIER
        if check is not None:
            yield Finding(check=check, interface=name, facts=facts, fixable=False)


def _duplicates(spec: InterfaceSpec, link: Link | None, snapshot: Snapshot) -> Iterator[Finding]:
    """Tell which other interfaces of this host have the MAC, or an address."""
    # A VLAN on top of an interface has its MAC by right.
    others = [other for other in snapshot.links if other != link and spec.name not in {other.name, other.parent}]
    addresses = {one.ip for one in (link.ip_interfaces if link is not None else ())}
    if spec.address is not None:
        addresses = {spec.address.ip}
    same_mac = [other.name for other in others if other.mac == spec.mac]
    same_address = [other for other in others if addresses & {one.ip for one in other.ip_interfaces}]
    if same_mac:
        facts = {"mac": spec.mac, "other": ", ".join(same_mac)}
        yield Finding(check=Check.DUPLICATE_MAC, interface=spec.name, id=spec.id, facts=facts, fixable=False)
    if same_address:
        shared = addresses & {one.ip for other in same_address for one in other.ip_interfaces}
        facts = {
            "address": ", ".join(str(address) for address in sorted(shared)),
            "other": ", ".join(other.name for other in same_address),
        }
        yield Finding(check=Check.DUPLICATE_ADDRESS, interface=spec.name, id=spec.id, facts=facts, fixable=False)


def _refused(spec: InterfaceSpec, error: RequestRefused) -> Finding:
    facts = {**error.facts, "reason": str(error)} | ({} if error.fault is None else {"fault": error.fault})
    return Finding(check=Check.INTERFACE_REFUSED, interface=spec.name, id=spec.id, facts=facts, fixable=False)


def _faults(camera: Camera, *, parent_usable: bool) -> Iterator[Finding]:
    spec, link = camera.spec, camera.link
    if link is None:
        yield camera.finding(Check.INTERFACE_MISSING, fixable=True, mac=spec.mac, parent=spec.parent)
        return
    for step in camera.steps:
        if isinstance(step, SetSettings) and step.name == link.name:
            yield from _setting_faults(camera, step)
        elif isinstance(step, SetIPv6Generation):
            yield camera.finding(Check.IPV6_ADDRESSES, fixable=True)
    if any(isinstance(step, SetLink) for step in camera.steps):
        # Its routes went with it.
        yield camera.finding(Check.LINK_DOWN, fixable=True)
    else:
        yield from _address_faults(camera, link, parent_usable=parent_usable)


def _setting_faults(camera: Camera, step: SetSettings) -> Iterator[Finding]:
    wrong = dict(step.before)
    if (value := wrong.pop("rp_filter", None)) is not None:
        yield camera.finding(Check.RP_FILTER, fixable=True, value=value, wanted=step.values["rp_filter"])
    if wrong:
        yield camera.finding(Check.ARP_SETTINGS, fixable=True, settings=_settings(wrong))


def _address_faults(camera: Camera, link: Link, *, parent_usable: bool) -> Iterator[Finding]:
    spec, present = camera.spec, link.ip_interfaces
    if not present and spec.dhcp:
        if parent_usable:
            yield camera.finding(Check.LEASE_LOST, fixable=False, mac=spec.mac)
    elif not present:
        yield camera.finding(Check.NO_ADDRESS, fixable=spec.address is not None)
    elif spec.address is not None and present != (spec.address,):
        addresses = ", ".join(str(address) for address in present)
        yield camera.finding(Check.WRONG_ADDRESS, fixable=True, address=addresses, wanted=spec.address)
    elif missing := {step.rule.source for step in camera.steps if isinstance(step, AddRule)}:
        addresses = ", ".join(str(address) for address in sorted(missing))
        yield camera.finding(Check.RULE_MISSING, fixable=True, address=addresses)
    removed = [step.route for step in camera.steps if isinstance(step, RemoveRoute)]
    if foreign := [route for route in removed if route.table == MAIN_TABLE]:
        destinations = ", ".join(str(route.destination) for route in foreign)
        yield camera.finding(Check.MAIN_ROUTE, fixable=True, destination=destinations)


def _parent_settings(cameras: Iterable[Camera]) -> Iterator[Finding]:
    """Tell what is wrong with the settings of parents that carry something; one without gets them with its first interface."""
    steps = {
        camera.spec.parent: step
        for camera in cameras
        if camera.link is not None
        for step in camera.steps
        if isinstance(step, SetSettings) and step.name == camera.spec.parent
    }
    for name, step in steps.items():
        facts = {"settings": _settings(step.before)}
        yield Finding(check=Check.ARP_SETTINGS, interface=name, facts=facts, fixable=True)


def _settings(values: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _leftovers(cameras: Sequence[Camera], snapshot: Snapshot) -> Iterator[Step]:
    wanted = [
        rule
        for camera in cameras
        if camera.link is not None
        for rule in rules_for(camera.spec.id, camera.link.ip_interfaces)
    ]
    yield from plan_leftover_rules(wanted, snapshot)
    for camera in cameras:
        if not camera.missing_routes:
            yield from camera.steps
