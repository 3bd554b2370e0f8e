"""File descriptors: those that are there are shared out so that recorders have theirs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import replace
import errno
import json
import os
from pathlib import Path
import resource
import socket
import sys
from unittest.mock import patch

import pytest

from custom_components.onvif_proxy.relay import Limits
from custom_components.onvif_proxy.relay.descriptors import KEPT, require_descriptors, viewers_may_have

from .conftest import QUICK, relaying, until
from .rtsp_client import VIEWER, RtspClient
from .scripted_recorder import ScriptedRecorder
from .test_program import ISOLATED, RELAY
from .test_raw import HELLO, FarEnd, ended, passing_on, viewing
from .test_tunnel import everything, hand_over
from .test_udp import ports, set_up


@asynccontextmanager
async def program(recorder: ScriptedRecorder, limits: str) -> AsyncIterator[tuple[int, int]]:
    """Run the relay in a shell that has set limits; give its number and port."""
    account = {"username": "admin", "password": "RecorderSecret"}
    camera = {
        "address": "127.0.0.1",
        "port": 0,
        "credentials": {"username": VIEWER.username, "password": VIEWER.password},
        "sources": {"main": {"uri": recorder.base, "credentials": account}},
    }
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, *ISOLATED, str(RELAY), "--config", "-")
    shell = ("sh", "-c", f'{limits} && exec "$@"', "sh", *command)
    process = await asyncio.create_subprocess_exec(*shell, stdin=pipe, stdout=pipe)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([camera]).encode())
        process.stdin.close()
        yield process.pid, json.loads(await asyncio.wait_for(process.stdout.readline(), 10))["port"]
    finally:
        process.terminate()
        await process.wait()


def allowed(pid: int) -> list[str]:
    """Return how many open files a process may have, and may choose to have."""
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    return next(line for line in limits if line.startswith("Max open files")).split()[3:5]


async def test_the_program_has_itself_allowed_what_it_may() -> None:
    async with ScriptedRecorder() as recorder, program(recorder, "ulimit -Sn 64 && ulimit -Hn 512") as (pid, _):
        assert allowed(pid) == ["512", "512"]


async def test_it_wants_no_more_than_it_needs() -> None:
    needed = Limits().max_descriptors + KEPT
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < needed:
        pytest.skip("this system allows fewer")
    async with ScriptedRecorder() as recorder, program(recorder, "ulimit -Sn 64") as (pid, _):
        assert allowed(pid)[0] == str(needed)


async def test_viewers_that_take_all_they_can_leave_the_recorders_theirs() -> None:
    async with (
        ScriptedRecorder() as recorder,
        program(recorder, "ulimit -n 64") as (_, port),
        AsyncExitStack() as stack,
    ):
        viewer = await stack.enter_async_context(RtspClient(port))
        assert (await viewer.request("OPTIONS", "*")).status == 200
        for number in range(60):
            address = f"127.0.0.{2 + number // 15}"
            await stack.enter_async_context(RtspClient(port, local_address=address))
        assert (await viewer.play()).status == 200


def next_descriptor() -> int:
    """Return the one that is made next."""
    descriptor = os.dup(0)
    os.close(descriptor)
    return descriptor


@contextmanager
def no_more() -> Iterator[None]:
    """Let viewers have no more than are taken now, and one."""
    fewest = next_descriptor() + 1
    with patch.object(resource, "getrlimit", lambda _: (fewest * 4 // 3, resource.RLIM_INFINITY)):
        yield


async def test_a_viewer_over_udp_needs_more_of_them() -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        with ports() as mine:
            await viewer.request("DESCRIBE", "/main")
            with no_more():
                assert (await set_up(viewer, mine)).status == 453
            assert (await set_up(viewer, mine)).status == 200


async def test_a_raw_viewer_needs_more_of_them() -> None:
    async with FarEnd() as far, passing_on(far.source) as server, viewing(server) as (reader, writer):
        assert server._camera is not None
        await until(lambda: len(server._camera.viewers) == 1)
        with no_more(), closing(socket.socket()):
            writer.write(HELLO)
            assert await ended(reader)
        assert not far.connections


async def test_the_second_half_of_a_tunnel_needs_one_too() -> None:
    async with relaying(ScriptedRecorder()) as server:
        with await hand_over(server, sending=False) as hearing, no_more(), closing(socket.socket()):
            with await hand_over(server, sending=True) as speaking:
                assert (await everything(speaking)).startswith(b"HTTP/1.0 503 ")
            hearing.close()


def test_more_are_refused_by_the_systems_own_error() -> None:
    free = next_descriptor()
    assert viewers_may_have(free, replace(QUICK, max_descriptors=free + 1))
    require_descriptors(0, replace(QUICK, max_descriptors=free + 1))
    with pytest.raises(OSError) as refused:
        require_descriptors(0, replace(QUICK, max_descriptors=free))
    assert refused.value.errno == errno.EMFILE
