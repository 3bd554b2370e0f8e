"""Which MACs of new interfaces are refused, told from what the kernel knows of the LAN and from who answers there."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from custom_components.onvif_proxy.interfaces import mac_conflicts
from custom_components.onvif_proxy.interfaces.errors import RequestRefused
from custom_components.onvif_proxy.interfaces.mac_conflicts import check_macs
from custom_components.onvif_proxy.interfaces.neighbours import Neighbour
from custom_components.onvif_proxy.interfaces.plan import InterfaceSpec
from custom_components.onvif_proxy.interfaces.probing import Probe

from .kernel_state import ETH0, camera_link, snapshot

MAC = "02:00:00:00:00:01"
SPEC = InterfaceSpec(id=1, name="onvifcam1", mac=MAC, parent="eth0")
DEVICE = IPv4Address("192.168.1.77")
HOST = snapshot(ETH0)


def neighbour(*, fresh: bool) -> Neighbour:
    """Return the device that has the MAC, as the kernel remembers it."""
    return Neighbour(index=ETH0.index, address=DEVICE, mac=MAC, asked=False, silent=False, fresh=fresh)


def probe_answered_by(mac: str | None) -> Probe:
    """Return a probe that one device answers, or nobody."""

    async def probe(interface: str, own_mac: str, address: IPv4Address) -> str | None:
        assert (interface, own_mac, address) == ("eth0", ETH0.mac, DEVICE)
        return mac

    return probe


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> list[Neighbour]:
    """The ARP table of a host that may send no frames."""
    entries = [neighbour(fresh=False)]

    async def read() -> list[Neighbour]:
        return entries

    async def none_available() -> None:
        return None

    monkeypatch.setattr(mac_conflicts, "read_neighbours", read)
    monkeypatch.setattr(mac_conflicts, "available_probe", none_available)
    return entries


async def test_one_who_answers_has_it(table: list[Neighbour]) -> None:
    with pytest.raises(RequestRefused, match=r"192\.168\.1\.77.*same /etc/machine-id.*--mac-start"):
        await check_macs([SPEC], HOST, probe=probe_answered_by(MAC))


@pytest.mark.parametrize("answer", [None, "00:11:22:33:44:55"])
async def test_one_who_is_gone_or_has_another_by_now_has_not(table: list[Neighbour], answer: str | None) -> None:
    table[:] = [neighbour(fresh=True)]
    await check_macs([SPEC], HOST, probe=probe_answered_by(answer))


async def test_where_nobody_can_be_asked_those_heard_of_lately_count(table: list[Neighbour]) -> None:
    await check_macs([SPEC], HOST)
    table[:] = [neighbour(fresh=True)]
    with pytest.raises(RequestRefused):
        await check_macs([SPEC], HOST)
    await check_macs([replace(SPEC, mac="02:00:00:00:00:02")], HOST)


async def test_interfaces_that_are_there_or_listed_are_not_in_question(table: list[Neighbour]) -> None:
    answered = probe_answered_by(MAC)
    await check_macs([SPEC], snapshot(ETH0, camera_link()), probe=answered)
    await check_macs([SPEC], HOST, {MAC}, probe=answered)
