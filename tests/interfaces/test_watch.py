"""The watch of this machine's own interfaces, and what it does when something fails."""

import asyncio
from collections.abc import Mapping
import logging
from pathlib import Path

import pytest

from custom_components.onvif_proxy.interfaces import (
    Interface,
    InterfaceAddress,
    InterfaceWatch,
    KernelRefused,
    read_interfaces,
    watch as watch_module,
)

ETH0 = Interface(name="eth0", mac="02:00:00:00:00:01", kind=None, parent=None, up=True, alias=None, addresses=())


async def test_the_interfaces_of_this_machine_are_read_without_privilege() -> None:
    interfaces = {one.name: one for one in await read_interfaces()}
    assert interfaces.keys() == {path.name for path in Path("/sys/class/net").iterdir() if path.is_dir()}
    assert InterfaceAddress(address="127.0.0.1", prefix_length=8) in interfaces["lo"].addresses


async def test_start_and_stop_can_be_called_again_and_leave_nothing() -> None:
    told: list[Mapping[str, Interface]] = []
    watch = InterfaceWatch(told.append)
    await watch.stop()
    for _ in range(2):
        await watch.start()
        await watch.start()
        await watch.stop()
        await watch.stop()
    assert len(told) == 2
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_reading_that_fails_is_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[list[Interface] | KernelRefused] = [[], KernelRefused("busy"), [ETH0]]

    async def read() -> list[Interface]:
        answer = answers.pop(0)
        if isinstance(answer, KernelRefused):
            raise answer
        return answer

    monkeypatch.setattr(watch_module, "read_interfaces", read)
    told: asyncio.Queue[Mapping[str, Interface]] = asyncio.Queue()
    async with InterfaceWatch(told.put_nowait, debounce=0, retry_after=0.01) as watch, asyncio.timeout(5):
        assert await told.get() == {}
        watch._woken.set()
        assert await told.get() == {"eth0": ETH0}
    assert "busy; trying again" in caplog.text


async def test_a_failing_start_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read() -> list[Interface]:
        raise KernelRefused("no")

    monkeypatch.setattr(watch_module, "read_interfaces", read)
    watch = InterfaceWatch(lambda interfaces: None)
    with pytest.raises(KernelRefused):
        await watch.start()
    assert watch._events is None


async def test_a_handler_that_fails_does_not_end_the_watch(caplog: pytest.LogCaptureFixture) -> None:
    def fail(interfaces: Mapping[str, Interface]) -> None:
        raise ValueError("bad handler")

    async with InterfaceWatch(fail) as watch:
        assert watch._task is not None
        assert not watch._task.done()
    assert [record.levelno for record in caplog.records if "bad handler" in (record.exc_text or "")] == [logging.ERROR]
