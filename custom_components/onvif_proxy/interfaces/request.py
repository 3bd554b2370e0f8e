"""From what a person asks for to specifications of interfaces, with everything refused that could not work."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from .errors import RequestRefused
from .macs import DOCKER_PREFIX, LOCALLY_ADMINISTERED, MAC, MULTICAST, derive_mac
from .marks import MAX_ID
from .parents import Parent, Refusal, instead_of, refusal_sentence, structural_refusal
from .plan import InterfaceSpec, marked_links
from .state import Link, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for: a number of interfaces on a parent."""

    parent: str
    count: int
    mac_start: str | None = None
    """The first MAC, the others count up from it; None derives them from the host."""
    first_address: IPv4Interface | None = None
    """The others count up from it; None gives no address."""
    gateway: IPv4Address | None = None
    """None takes the parent's, where it is in the subnet."""
    allow_no_carrier: bool = False
    """Whether a parent that is not plugged in will do."""


def specify(
    request: Request, snapshot: Snapshot, host_id: str, listed_parents: Collection[str] = ()
) -> list[InterfaceSpec]:
    """Return what each interface should be; the same request gives the same MACs on the same host, always.

    Args:
        request: What is asked for.
        snapshot: The kernel's state.
        host_id: What tells this host from all others, for MACs that are derived.
        listed_parents: Those that an inventory has already: like those that carry interfaces already, they had a carrier
            once, and were good enough.

    Raises:
        RequestRefused: It cannot work; the message says why.
    """
    if not 1 <= request.count <= MAX_ID:
        raise RequestRefused(f"The number of interfaces must be from 1 to {MAX_ID}.")
    carrying = {link.parent for link in marked_links(snapshot).values()}
    in_use = request.parent in carrying.union(listed_parents)
    parent = _checked_parent(request.parent, snapshot, in_use=in_use)
    if not in_use:
        _check_carrier(request, parent)
    macs = _macs(request, host_id)
    addresses = _addresses(request, macs, snapshot)
    gateway = request.gateway or snapshot.default_gateway(parent.name)
    _check_gateway(request, addresses)

    ours = marked_links(snapshot)
    numbers = {link.mac: number for number, link in ours.items()}
    free = iter(number for number in range(1, MAX_ID + 1) if number not in ours)
    specs = []
    for mac, address in zip(macs, addresses, strict=True):
        number = numbers.get(mac) or next(free, None)
        if number is None:
            raise RequestRefused(f"This host has {MAX_ID} interfaces of this program already.")
        name = ours[number].name if number in ours else f"onvifcam{number}"
        in_subnet = address is None or (gateway is not None and gateway in address.network)
        specs.append(
            InterfaceSpec(
                id=number,
                name=name,
                mac=mac,
                parent=parent.name,
                address=address,
                gateway=gateway if in_subnet else None,
            )
        )
    return specs


def _checked_parent(name: str, snapshot: Snapshot, *, in_use: bool) -> Link:
    """Return the link that interfaces are to sit on.

    Raises:
        RequestRefused: It cannot carry them; the message says why.
    """
    link = snapshot.link(name)
    if link is None:
        names = ", ".join(link.name for link in snapshot.links if structural_refusal(link, snapshot) is None) or "none"
        raise RequestRefused(f"There is no interface {name} on this host. Possible parents: {names}.")
    refusal = structural_refusal(link, snapshot)
    # What joins containers is told by its name and its ports: good enough to refuse a choice, not to undo one.
    if refusal is not None and not (in_use and refusal is Refusal.CONTAINER_NETWORK):
        raise RequestRefused(refusal_sentence(refusal, name, instead_of(link, refusal)))
    return link


def warnings(request: Request, snapshot: Snapshot, parents: Iterable[Parent]) -> list[str]:
    """Return what may be wrong with a request that is not refused, each a sentence."""
    parent = snapshot.link(request.parent)
    networks = [] if parent is None else [address.network for address in parent.ip_interfaces]
    found = carrier_warnings([request.parent], snapshot)
    if request.first_address is not None and networks and request.first_address.network not in networks:
        names = ", ".join(str(network) for network in networks)
        found.append(
            f"{request.first_address.network} is not the network of {request.parent} ({names}); "
            "only devices that have an address in it will find the cameras."
        )
    return [*found, *(sentence for one in parents if one.name == request.parent for sentence in one.warning_sentences)]


def carrier_warnings(parents: Iterable[str], snapshot: Snapshot) -> list[str]:
    """Return which of these parents let nothing through now, and what to do about it, each a sentence."""
    links = (snapshot.link(name) for name in dict.fromkeys(parents))
    return [sentence for link in links if link is not None and (sentence := _missing_carrier(link)) is not None]


def _missing_carrier(parent: Link) -> str | None:
    name = parent.name
    if not parent.enabled:
        return f"{name} is switched off; nothing reaches cameras on it. Switch it on: ip link set {name} up."
    if not parent.up:
        return (
            f"{name} has no carrier; nothing reaches cameras on it. Check its cable, and the switch at its other end."
        )
    return None


def _check_carrier(request: Request, parent: Link) -> None:
    """Refuse a parent that is chosen now and cannot work now: most likely it is the wrong one."""
    sentence = _missing_carrier(parent)
    # On a parent that is off nothing can be switched on, whoever allows it.
    if sentence is None or (parent.enabled and request.allow_no_carrier):
        return
    go_on = " To make the interfaces all the same, add --allow-no-carrier." if parent.enabled else ""
    raise RequestRefused(f"{sentence}{go_on}")


def derived_mac(host_id: str, parent: str, number: int) -> str:
    """Return the MAC of the interface `number` (from 1) on a parent: locally administered, the same on every run."""
    return derive_mac(host_id, f"{parent}/{number}")


def _macs(request: Request, host_id: str) -> list[str]:
    if request.mac_start is None:
        return [derived_mac(host_id, request.parent, number) for number in range(1, request.count + 1)]
    start = request.mac_start.lower().replace("-", ":")
    if not MAC.fullmatch(start):
        raise RequestRefused(f"{request.mac_start} is not a MAC address such as 02:00:00:00:00:01.")
    first = int(start.replace(":", ""), 16)
    # Beyond the last there would be a seventh byte, which is a mistake as well.
    macs = [(first + offset).to_bytes(7, "big") for offset in range(request.count)]
    for mac in macs:
        if mac[0] or mac[1] & (MULTICAST | LOCALLY_ADMINISTERED) != LOCALLY_ADMINISTERED:
            raise RequestRefused(
                f"{mac[1:].hex(':')} is not a locally administered MAC: its second digit must be 2, 6, a or e."
            )
        if mac[1:].hex(":").startswith(DOCKER_PREFIX):
            raise RequestRefused(f"{mac[1:].hex(':')} is in Docker's range {DOCKER_PREFIX}...; choose another start.")
    return [mac[1:].hex(":") for mac in macs]


def _addresses(request: Request, macs: list[str], snapshot: Snapshot) -> list[IPv4Interface | None]:
    first = request.first_address
    if first is None:
        return [None] * request.count
    network = first.network
    if network.prefixlen > 30:
        raise RequestRefused(f"{first} leaves no room for other devices; give the LAN's own prefix, such as /24.")
    taken = {address.ip: link.name for link in snapshot.links if link.mac not in macs for address in link.ip_interfaces}
    addresses: list[IPv4Interface | None] = []
    for offset in range(request.count):
        if int(first.ip) + offset >= int(network.broadcast_address):
            raise RequestRefused(f"{request.count} addresses from {first.ip} on do not fit into {network}.")
        address = first.ip + offset
        if address == network.network_address:
            raise RequestRefused(f"{address} is the address of the network {network} itself.")
        if address in taken:
            raise RequestRefused(f"{address} is used on this host already, by {taken[address]}.")
        if address == request.gateway or address in {route.gateway for route in snapshot.routes}:
            raise RequestRefused(f"{address} is the gateway's address.")
        addresses.append(IPv4Interface((address, network.prefixlen)))
    return addresses


def _check_gateway(request: Request, addresses: list[IPv4Interface | None]) -> None:
    if request.gateway is None or (first := addresses[0]) is None:
        return
    if request.gateway not in first.network:
        raise RequestRefused(f"The gateway {request.gateway} is not in {first.network}.")
