"""The keeper on a host where everything that can happen to interfaces happens."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Interface
import logging
from typing import Any

import pytest

from custom_components.onvif_proxy.interfaces import (
    InterfaceError,
    InterfaceKeeper,
    InterfaceSpec,
    Inventory,
    KeptElsewhere,
    KeptInterface,
    KeptState,
    KernelRefused,
    keeper as keeper_module,
    remove_interfaces,
)
from custom_components.onvif_proxy.interfaces.errors import RequestRefused
from custom_components.onvif_proxy.interfaces.kernel import read_snapshot
from custom_components.onvif_proxy.interfaces.plan import plan_interface

from .bed import GATEWAY, NETWORK, Lan

REPAIR_SECONDS = 2


def spec(number: int, **changes: Any) -> InterfaceSpec:
    """Ask for an interface on eth0."""
    values: dict[str, Any] = {
        "id": number,
        "name": f"onvifcam{number}",
        "mac": f"02:00:00:00:0d:{number:02x}",
        "parent": "eth0",
        "address": IPv4Interface(f"{NETWORK}.{100 + number}/24"),
        "gateway": IPv4Interface(GATEWAY).ip,
    }
    return InterfaceSpec(**{**values, **changes})


def inventory(*specs: InterfaceSpec) -> Inventory:
    """Return an inventory: of two interfaces unless others are given."""
    return Inventory(specs=specs or (spec(1), spec(2)), owner="test")


class Kept:
    """A keeper, and a way to wait for what it tells."""

    def __init__(self, asked: Inventory, **options: Any) -> None:
        """Prepare the keeper."""
        self._changed = asyncio.Event()
        self.keeper = InterfaceKeeper(asked, on_change=self._changed.set, **options)

    async def until(
        self, condition: Callable[[Mapping[int, KeptInterface]], bool], seconds: float = REPAIR_SECONDS
    ) -> None:
        """Wait until what the keeper tells meets a condition."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(self.keeper.interfaces):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not in {seconds} s: {self.keeper.interfaces}") from None

    async def until_states(self, *states: KeptState, seconds: float = REPAIR_SECONDS) -> None:
        """Wait until the interfaces, by number, have these states."""
        await self.until(lambda kept: [one.state for _, one in sorted(kept.items())] == list(states), seconds)


@asynccontextmanager
async def keeping(asked: Inventory | None = None, **options: Any) -> Any:
    """Run a keeper until all its interfaces are up."""
    kept = Kept(asked or inventory(), **options)
    async with kept.keeper:
        await kept.until_states(*[KeptState.UP] * len(kept.keeper.inventory.specs), seconds=5)
        yield kept


async def until_whole(specs: Sequence[InterfaceSpec]) -> None:
    """Wait until the kernel has all that these interfaces need."""
    async with asyncio.timeout(REPAIR_SECONDS):
        while await missing(specs):
            await asyncio.sleep(0.05)


async def missing(specs: Sequence[InterfaceSpec]) -> list[str]:
    """Return the commands for what the kernel lacks; when a lease ends is what it ends with."""
    snapshot = await read_snapshot()
    ends = {link.name: one.expires for link in snapshot.links for one in link.addresses}
    try:
        return [
            step.command
            for one in specs
            if one.address
            for step in plan_interface(one, snapshot, (one.address,), expires=ends.get(one.name) if one.dhcp else None)
        ]
    except RequestRefused as error:
        # The keeper has just made a link, and not marked it yet: for the plan it is somebody else's.
        return [str(error)]


def test_interfaces_are_made_told_left_alone_by_a_stop_and_taken_over_by_the_next_start(lan: Lan) -> None:
    async def scenario() -> None:
        async with keeping() as kept:
            one = kept.keeper.interfaces[1]
            assert (one.address, one.prefix_length, one.gateway) == (f"{NETWORK}.101", 24, GATEWAY)
            assert one.link_up
            assert one.spec == spec(1)
            await kept.keeper.start()
        made = lan.state("ha")
        async with keeping():
            pass
        assert lan.state("ha") == made
        assert await missing([spec(1), spec(2)]) == []
        await remove_interfaces()

    before = lan.state("ha")
    lan.run_async("ha", scenario)
    assert lan.state("ha") == before


@pytest.mark.parametrize(
    "damage",
    [
        [("link", "set", "onvifcam1", "down"), ("link", "set", "onvifcam1", "up")],
        [("link", "set", "onvifcam1", "down")],
        [("rule", "del", "priority", "7600")],
        [("rule", "flush"), ("rule", "add", "lookup", "main", "priority", "32766")],
        [("route", "flush", "table", "7701")],
        [("addr", "flush", "dev", "onvifcam1")],
        [("addr", "add", f"{NETWORK}.150/24", "dev", "onvifcam1")],
        [("link", "del", "onvifcam1")],
        [("link", "del", "onvifcam1"), ("link", "del", "onvifcam2")],
        [("link", "set", "eth0", "down"), ("link", "set", "eth0", "up")],
    ],
    ids=lambda damage: " && ".join(" ".join(command) for command in damage),
)
def test_what_is_broken_is_repaired_within_two_seconds(lan: Lan, damage: list[tuple[str, ...]]) -> None:
    async def scenario() -> None:
        async with keeping() as kept:
            for command in damage:
                lan.ip("ha", *command)
            await until_whole([spec(1), spec(2)])
            await kept.until_states(KeptState.UP, KeptState.UP)

    lan.run_async("ha", scenario)
    assert f"{NETWORK}.150" not in lan.ip("ha", "addr")


def rewire(lan: Lan) -> None:
    """Give the host an eth0 again."""
    lan.ip("switch", "link", "add", "ha", "type", "veth", "peer", "name", "eth0", "netns", lan.namespace("ha"))
    lan.ip("switch", "link", "set", "ha", "master", "br0", "up")
    lan.ip("ha", "link", "set", "eth0", "addrgenmode", "none", "up")
    lan.ip("ha", "addr", "add", f"{lan.hosts['ha']}/24", "broadcast", "+", "dev", "eth0")
    lan.ip("ha", "route", "add", "default", "via", GATEWAY)


def test_a_parent_that_goes_and_comes_back_has_its_interfaces_again(lan: Lan) -> None:
    async def scenario() -> None:
        async with keeping() as kept:
            lan.ip("ha", "link", "del", "eth0")
            await kept.until_states(KeptState.PARENT_GONE, KeptState.PARENT_GONE)
            assert kept.keeper.interfaces[1].address is None
            assert "from" in lan.ip("ha", "rule")
            assert f"{NETWORK}.101" not in lan.ip("ha", "rule")
            rewire(lan)
            await until_whole([spec(1), spec(2)])
            await kept.until_states(KeptState.UP, KeptState.UP)
        await remove_interfaces()

    lan.run_async("ha", scenario)
    assert {name: values["arp_ignore"] for name, values in lan.settings("ha").items()}["eth0"] == 0


def test_an_unplugged_cable_is_told_and_costs_no_address(lan: Lan) -> None:
    async def scenario() -> None:
        async with keeping() as kept:
            lan.ip("switch", "link", "set", "ha", "down")
            await kept.until_states(KeptState.NO_CARRIER, KeptState.NO_CARRIER)
            assert kept.keeper.interfaces[1].address == f"{NETWORK}.101"
            assert not kept.keeper.interfaces[1].link_up
            lan.ip("switch", "link", "set", "ha", "up")
            await kept.until_states(KeptState.UP, KeptState.UP)

    lan.run_async("ha", scenario)


def test_one_that_fails_leaves_the_others_running_and_comes_when_its_cause_is_gone(lan: Lan) -> None:
    lan.ip("ha", "link", "add", "link", "eth0", "name", "onvifcam1", "type", "macvlan", "mode", "bridge")
    asked = inventory(spec(1), spec(2, parent="eth9"), spec(3))

    async def scenario() -> None:
        kept = Kept(asked)
        async with kept.keeper:
            await kept.until_states(KeptState.FAILED, KeptState.PARENT_GONE, KeptState.UP, seconds=5)
            assert "There is an interface onvifcam1 already" in (kept.keeper.interfaces[1].reason or "")
            lan.ip("ha", "link", "del", "onvifcam1")
            await kept.until_states(KeptState.UP, KeptState.PARENT_GONE, KeptState.UP)
            assert kept.keeper.interfaces[1].reason is None

    lan.run_async("ha", scenario)


def test_what_the_kernel_refuses_is_tried_again_ever_more_rarely_and_logged_once(
    lan: Lan, caplog: pytest.LogCaptureFixture
) -> None:
    # Another namespace's interface has its MAC: the kernel notices when it is switched on.
    lan.ip(
        "ha", "link", "add", "link", "eth0", "name", "x", "address", spec(1).mac, "type", "macvlan", "mode", "bridge"
    )
    lan.ip("ha", "link", "set", "x", "netns", lan.namespace("client"))
    lan.ip("client", "link", "set", "x", "up")

    async def scenario() -> None:
        kept = Kept(inventory())
        async with kept.keeper:
            await kept.until_states(KeptState.FAILED, KeptState.UP, seconds=5)
            await asyncio.sleep(1.5)
            assert kept.keeper.interfaces[1].state is KeptState.FAILED
            lan.ip("client", "link", "del", "x")
            await kept.until_states(KeptState.UP, KeptState.UP, seconds=5)

    lan.run_async("ha", scenario)
    assert len([record for record in caplog.records if "another interface on the same parent" in record.message]) == 1


def test_another_inventory_makes_what_is_new_and_removes_what_is_gone(lan: Lan) -> None:
    async def scenario() -> None:
        async with keeping() as kept:
            moved = spec(2, address=IPv4Interface(f"{NETWORK}.150/24"))
            await kept.keeper.replace(inventory(moved, spec(3)))
            await kept.until_states(KeptState.UP, KeptState.UP)
            assert await missing([moved, spec(3)]) == []
            assert set(kept.keeper.interfaces) == {2, 3}
            assert "onvifcam1" not in lan.ip("ha", "link")
            await kept.keeper.replace(Inventory())
            assert kept.keeper.interfaces == {}

    before = lan.state("ha")
    lan.run_async("ha", scenario)
    assert lan.state("ha") == before


@pytest.mark.parametrize(
    "bad", [spec(4, parent="eth9"), spec(4, mac="02:00:00:00:0e:01"), spec(7)], ids=["parent", "mac", "number"]
)
def test_new_interfaces_come_all_or_none_and_the_former_ones_stay(lan: Lan, bad: InterfaceSpec) -> None:
    lan.ip("ha", "link", "add", "link", "eth0", "name", "x", "address", "02:00:00:00:0e:01", "type", "macvlan")
    others = ("link", "add", "link", "eth0", "name", "onvifcam9", "address", "02:00:00:00:0e:09", "type", "macvlan")
    lan.ip("ha", *others, "mode", "bridge")
    lan.ip("ha", "link", "set", "onvifcam9", "alias", "onvif_proxy:7 parent arp_ignore=0 arp_announce=0")

    async def scenario() -> None:
        async with keeping() as kept:
            with pytest.raises(InterfaceError):
                await kept.keeper.replace(kept.keeper.inventory.without(1).with_added(spec(3), bad))
            assert kept.keeper.inventory == inventory()
            await until_whole([spec(1), spec(2)])
            assert "onvifcam3" not in lan.ip("ha", "link")
            assert "onvifcam9" in lan.ip("ha", "link")

    lan.run_async("ha", scenario)


def test_only_one_keeper_runs_on_a_host_and_nothing_else_removes_what_it_keeps(lan: Lan) -> None:
    async def scenario() -> None:
        async with keeping():
            with pytest.raises(KeptElsewhere, match="Only one of them may"):
                await InterfaceKeeper(inventory()).start()
            with pytest.raises(KeptElsewhere):
                await remove_interfaces()
        async with keeping():
            pass

    async def elsewhere() -> None:
        async with InterfaceKeeper(Inventory()):
            pass

    lan.run_async("ha", scenario)
    lan.run_async("client", elsewhere)


def test_what_others_have_stays_as_it_is(lan: Lan) -> None:
    lan.ip("ha", "link", "add", "link", "eth0", "name", "docker1", "type", "macvlan", "mode", "bridge")
    lan.ip("ha", "rule", "add", "from", f"{NETWORK}.77", "lookup", "100", "priority", "7600")
    lan.ip("ha", "route", "add", "192.168.9.0/24", "dev", "eth0", "table", "7701")
    asked = inventory(spec(2))
    before = lan.state("ha")

    async def scenario() -> None:
        async with keeping(asked):
            lan.ip("ha", "link", "set", "onvifcam2", "down")
            await until_whole(asked.specs)
        await remove_interfaces()

    lan.run_async("ha", scenario)
    assert lan.state("ha") == before


def test_thirty_two_interfaces_are_up_soon(lan: Lan) -> None:
    asked = inventory(*(spec(number) for number in range(1, 33)))

    async def scenario() -> None:
        async with keeping(asked):
            assert await missing(asked.specs) == []

    lan.run_async("ha", scenario)


def test_lost_events_are_made_up_for(lan: Lan, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="custom_components.onvif_proxy.interfaces.events")

    async def scenario() -> None:
        async with keeping(receive_buffer=1) as kept:
            # The loop stands still meanwhile, and more events come than the kernel keeps.
            for number in range(120, 140):
                lan.ip("ha", "addr", "add", f"{NETWORK}.{number}/32", "dev", "eth0")
            lan.ip("ha", "rule", "del", "priority", "7600")
            await until_whole([spec(1), spec(2)])
            lan.ip("ha", "link", "del", "onvifcam1")
            await until_whole([spec(1), spec(2)])
            await kept.until_states(KeptState.UP, KeptState.UP)

    lan.run_async("ha", scenario)
    assert "Events of interfaces were lost" in caplog.text


def test_who_undoes_everything_again_and_again_is_not_fought_for_ever(
    lan: Lan, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with keeping(inventory(spec(1)), debounce=0) as kept:
            repairs = 0
            while kept.keeper.interfaces[1].state is not KeptState.FAILED:
                if f"from {NETWORK}.101 " in lan.ip("ha", "rule", "show", "priority", "7600"):
                    lan.ip("ha", "rule", "del", "priority", "7600")
                    repairs += 1
                await asyncio.sleep(0.01)
                assert repairs < 20
            assert "again and again" in (kept.keeper.interfaces[1].reason or "")
            # Who is asked for a repair in person does not wait.
            if await missing([spec(1)]) == []:
                lan.ip("ha", "rule", "del", "priority", "7600")
            assert await missing([spec(1)]) != []
            await kept.keeper.repair()
            assert await missing([spec(1)]) == []

    lan.run_async("ha", scenario)
    assert len([record for record in caplog.records if "again and again" in record.message]) == 1


@pytest.mark.parametrize("error", [KernelRefused("busy"), ZeroDivisionError("a mistake")], ids=["kernel", "mistake"])
def test_a_look_that_fails_is_repeated(
    lan: Lan, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def scenario() -> None:
        async with keeping():
            with monkeypatch.context() as patched:
                patched.setattr(keeper_module, "read_snapshot", fail)
                lan.ip("ha", "rule", "del", "priority", "7600")
                async with asyncio.timeout(2):
                    while str(error) not in caplog.text:
                        await asyncio.sleep(0.05)
            await until_whole([spec(1), spec(2)])

    async def fail() -> None:
        raise error

    lan.run_async("ha", scenario)
