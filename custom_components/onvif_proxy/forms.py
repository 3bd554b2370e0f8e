"""What the forms of the config flow are made of: choices, notes, and checks of what was typed."""

import asyncio
from collections.abc import Collection, Mapping
from ipaddress import AddressValueError, IPv4Address, ip_network
import secrets
import socket
import string
from typing import Any
from urllib.parse import urlsplit

from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
import voluptuous as vol

from .const import CONF_ADDRESS, CONF_CAMERA_PASSWORD, CONF_CAMERA_USERNAME
from .interfaces import InterfaceAddress, Parent, Refusal, read_interfaces
from .model import Channel
from .wording import Texts

GENERATED_PASSWORD_LENGTH = 16
MAX_CREDENTIAL_LENGTH = 32
# Clients write them into XML and URIs without escaping.
CREDENTIAL_CHARACTERS = frozenset(string.ascii_letters + string.digits)

CREDENTIALS_FIELDS = {vol.Required(key): TextSelector() for key in (CONF_CAMERA_USERNAME, CONF_CAMERA_PASSWORD)}


def parent_option(parent: Parent) -> SelectOptionDict:
    """Offer a network interface with its addresses and speed."""
    facts = [one.address for one in parent.addresses]
    if parent.speed_mbit is not None:
        facts.append(f"{parent.speed_mbit} Mbit/s")
    return SelectOptionDict(value=parent.name, label=f"{parent.name} ({', '.join(facts)})")


def can_be_chosen(parent: Parent) -> bool:
    """Whether a network interface is offered: also one that only lacks its cable, which is refused unless it is meant."""
    return parent.refusal in {None, Refusal.NO_CARRIER}


def parent_error(parent: Parent | None, *, static: bool, allow_no_carrier: bool) -> str | None:
    """Return the key of what is wrong with a chosen network interface, None when it will do."""
    if parent is None:
        return "parent_refused"  # since it was offered
    if parent.refusal is Refusal.NO_CARRIER and not allow_no_carrier:
        return "no_carrier"
    return "parent_without_address" if static and not parent.addresses else None


def parent_notes(parents: list[Parent], texts: Texts) -> str:
    """Say which interfaces can't carry cameras and why, and what to mind about the others."""
    lines = []
    for parent in parents:
        notes = (
            [f"refusal_{parent.refusal}"]
            if parent.refusal is not None
            else [f"warning_{one}" for one in parent.warnings]
        )
        lines += [f"- {parent.name}: {texts[note].format(hypervisor=parent.hypervisor or '-')}" for note in notes]
    return "\n".join(lines)


def addresses_error(
    addresses: list[str], parent: InterfaceAddress, needed: int, reserved: Collection[str]
) -> str | None:
    """Return the key of what is wrong with typed addresses, None when they will do."""
    network = ip_network(f"{parent.address}/{parent.prefix_length}", strict=False)
    try:
        parsed = [IPv4Address(address) for address in addresses]
    except AddressValueError:
        return "bad_address"
    if len(parsed) < needed or len(set(parsed)) != len(parsed):
        return "too_few_addresses"
    unusable = {network.network_address, network.broadcast_address, IPv4Address(parent.address)}
    if any(address not in network or address in unusable for address in parsed):
        return "address_outside_network"
    if {str(address) for address in parsed} & set(reserved):
        return "address_reserved"
    return None


async def address_field() -> dict[vol.Marker, Any]:
    """Ask for an address of this host."""
    options = [
        SelectOptionDict(value=one.address, label=f"{one.address} ({interface.name})")
        for interface in await read_interfaces()
        for one in interface.addresses
        if interface.kind != "macvlan"
    ]
    selector = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN))
    return {vol.Required(CONF_ADDRESS): selector}


def channel_selector(channels: tuple[Channel, ...], names: Mapping[str, str]) -> SelectSelector:
    """Offer channels by what their streams are, and their name: the recorder's, else that in `names`, by token."""
    options = [
        SelectOptionDict(
            value=channel.token, label=f"{channel.name or names.get(channel.token, '-')}: {_describe_streams(channel)}"
        )
        for channel in channels
    ]
    return SelectSelector(SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST))


def _describe_streams(channel: Channel) -> str:
    return ", ".join(f"{one.video.width}×{one.video.height} {one.video.codec}" for one in channel.streams)


def credential_errors(user_input: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a cameras' login that clients could not send, with the key of the error."""
    return {
        key: "bad_credential"
        for key in (CONF_CAMERA_USERNAME, CONF_CAMERA_PASSWORD)
        if not 0 < len(user_input[key]) <= MAX_CREDENTIAL_LENGTH or set(user_input[key]) - CREDENTIAL_CHARACTERS
    }


def generate_password() -> str:
    """Return a password that nobody guesses and every client can send."""
    alphabet = sorted(CREDENTIAL_CHARACTERS)
    return "".join(secrets.choice(alphabet) for _ in range(GENERATED_PASSWORD_LENGTH))


def host_of(text: str) -> str:
    """Take the host out of what was typed or pasted: a host, or a URL of the recorder's web page."""
    text = text.strip()
    if "://" in text:
        try:
            return urlsplit(text).hostname or text
        except ValueError:  # a URL that is none, such as http://[
            return text
    return text.rstrip("/")


async def local_address_towards(host: str) -> str | None:
    """Return the address from which this host reaches another; sends nothing."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 9, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(found[0][4])
            return str(probe.getsockname()[0])
    except OSError:
        return None
