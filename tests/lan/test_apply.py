"""Steps done in the kernel from this process: whole, failing in the middle, and cancelled in the middle."""

import asyncio
from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from custom_components.onvif_proxy.interfaces.apply import do_steps
from custom_components.onvif_proxy.interfaces.errors import KernelRefused, RequestRefused
from custom_components.onvif_proxy.interfaces.kernel import read_snapshot
from custom_components.onvif_proxy.interfaces.plan import InterfaceSpec, marked_links, plan_apply, plan_cleanup
from custom_components.onvif_proxy.interfaces.steps import AddLink, RemoveLink, SetLink

from .bed import GATEWAY, NETWORK, Lan


def specs(count: int) -> list[InterfaceSpec]:
    """Ask for interfaces on eth0."""
    return [
        InterfaceSpec(
            id=number,
            name=f"onvifcam{number}",
            mac=f"02:00:00:00:0c:{number:02x}",
            parent="eth0",
            address=IPv4Interface(f"{NETWORK}.{100 + number}/24"),
            gateway=IPv4Interface(GATEWAY).ip,
        )
        for number in range(1, count + 1)
    ]


def test_thirty_two_interfaces_come_are_complete_and_go(lan: Lan) -> None:
    before = lan.state("ha")

    async def scenario() -> None:
        await do_steps(plan_apply(specs(32), await read_snapshot()))
        made = await read_snapshot()
        assert len(marked_links(made)) == 32
        assert plan_apply(specs(32), made) == []
        # As they are in the kernel they need no repair either.
        assert plan_apply([], made) == []
        await do_steps(plan_cleanup(made))

    lan.run_async("ha", scenario)
    assert lan.state("ha") == before


def test_all_that_drifts_is_brought_back(lan: Lan) -> None:
    async def scenario() -> None:
        await do_steps(plan_apply(specs(2), await read_snapshot()))
        lan.ip("ha", "link", "set", "onvifcam1", "down")
        lan.ip("ha", "link", "set", "onvifcam1", "addrgenmode", "eui64")
        lan.ip("ha", "addr", "add", f"{NETWORK}.150/24", "dev", "onvifcam2")
        lan.ip("ha", "link", "set", "onvifcam1", "up")
        await do_steps(plan_apply(specs(2), await read_snapshot()))
        assert plan_apply(specs(2), await read_snapshot()) == []

    lan.run_async("ha", scenario)
    assert f"{NETWORK}.150" not in lan.ip("ha", "addr")


def test_a_cancelled_run_is_undone(lan: Lan) -> None:
    before = lan.state("ha")

    async def scenario() -> None:
        run = asyncio.create_task(do_steps(plan_apply(specs(20), await read_snapshot())))
        while "onvifcam3" not in lan.ip("ha", "link"):
            await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    lan.run_async("ha", scenario)
    assert lan.state("ha") == before


@pytest.mark.parametrize("network", [NETWORK, "10.78.0"])
def test_a_move_to_another_address_that_fails_is_undone(lan: Lan, network: str) -> None:
    async def make() -> None:
        await do_steps(plan_apply(specs(2), await read_snapshot()))

    async def move() -> None:
        moved = [replace(spec, address=IPv4Interface(f"{network}.{110 + spec.id}/24")) for spec in specs(2)]
        with pytest.raises(KernelRefused, match="No such device") as refused:
            await do_steps([*plan_apply(moved, await read_snapshot()), SetLink(name="gone", up=True)])
        assert "Could not be undone" not in str(refused.value)

    lan.run_async("ha", make)
    before = lan.state("ha")
    lan.run_async("ha", move)
    assert lan.state("ha") == before


def test_a_step_that_the_kernel_refuses_names_its_command(lan: Lan) -> None:
    async def scenario() -> None:
        with pytest.raises(KernelRefused, match="`ip link set gone up` failed: No such device"):
            await do_steps([SetLink(name="gone", up=True)])

    lan.run_async("ha", scenario)


def test_what_could_not_be_undone_is_named(lan: Lan) -> None:
    async def scenario() -> None:
        add = AddLink(name="cam", mac="02:00:00:00:0c:01", parent="eth0", alias="")
        # The last step fails as well; by then another has taken away what the first one made.
        with pytest.raises(KernelRefused, match="Could not be undone: ip link del cam"):
            await do_steps([add, RemoveLink(name="cam"), SetLink(name="gone", up=True)])

    lan.run_async("ha", scenario)


def test_a_kernel_that_refuses_the_parent_says_so_in_a_sentence(lan: Lan) -> None:
    lan.ip("ha", "link", "add", "link", "eth0", "name", "alone", "type", "macvlan", "mode", "passthru")

    async def scenario() -> None:
        with pytest.raises(KernelRefused, match="another one on it is in passthru mode"):
            await do_steps(plan_apply(specs(1), await read_snapshot()))

    lan.run_async("ha", scenario)


def test_planning_for_a_parent_that_is_gone_is_refused(lan: Lan) -> None:
    async def scenario() -> None:
        state = await read_snapshot()
        lan.ip("ha", "link", "del", "eth0")
        with pytest.raises(KernelRefused, match="No such device"):
            await do_steps(plan_apply(specs(1), state))
        with pytest.raises(RequestRefused, match="There is no interface eth0"):
            plan_apply(specs(1), await read_snapshot())

    lan.run_async("ha", scenario)
