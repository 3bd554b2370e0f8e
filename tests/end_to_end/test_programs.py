"""The programs themselves: what they leave behind when interrupted, and what they make of nothing."""

import asyncio
import os
from pathlib import Path
import signal
import socket
import sys

import pytest

from .home_assistant import DEFAULT_PORT, REPOSITORY, HomeAssistant, reserve_port

pytestmark = pytest.mark.timeout(120)


def processes_with(text: str) -> list[str]:
    """Return the command lines of the processes that have a text in it."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if text in command:
            found.append(command)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked for in /proc")
@pytest.mark.parametrize(
    ("phase", "seconds", "signals", "status"),
    [
        ("Starting a recorder", 0, [signal.SIGTERM], 143),
        ("Starting Home Assistant", 0, [signal.SIGTERM], 143),
        ("Starting Home Assistant", 2, [signal.SIGINT], 130),
        ("Adding the recorder", 0, [signal.SIGHUP], 129),
        ("Ready after", 1, [signal.SIGINT, signal.SIGINT, signal.SIGTERM], 0),
    ],
)
async def test_an_interrupted_demo_leaves_nothing(
    phase: str, seconds: float, signals: list[signal.Signals], status: int, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.end_to_end.demo", "--channels", "1"),
        cwd=REPOSITORY,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        while phase not in (line := (await process.stderr.readline()).decode()):
            assert line, f"the demo ended before {phase}"
        await asyncio.sleep(seconds)
        for number in signals:
            process.send_signal(number)
            await asyncio.sleep(0.2)
        said = (await asyncio.wait_for(process.stderr.read(), 60)).decode()
        assert await process.wait() == status, said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
    assert processes_with(str(tmp_path)) == []


async def test_home_assistant_is_gone_when_even_its_stopping_is_interrupted() -> None:
    deaf = ("sh", "-c", "trap '' TERM; touch \"$4/deaf\"; while :; do sleep 0.1; done")
    home_assistant = HomeAssistant(prefix=deaf)
    task = asyncio.create_task(home_assistant.__aenter__())
    while not (home_assistant.folder / "deaf").exists():
        await asyncio.sleep(0.05)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.2)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not home_assistant.folder.exists()
    assert processes_with(str(home_assistant.folder)) == []


def test_two_demos_at_once_take_different_ports() -> None:
    with reserve_port(DEFAULT_PORT) as one, reserve_port(DEFAULT_PORT) as two:
        assert one.getsockname()[1] != two.getsockname()[1]


def test_a_reserved_port_is_free_to_listen_on_and_again_to_reserve() -> None:
    with reserve_port() as reservation, socket.socket() as server:
        server.bind(reservation.getsockname())
        port = reservation.getsockname()[1]
        reservation.close()
        with reserve_port(port) as other:
            assert other.getsockname()[1] != port
    with reserve_port(port) as again:
        assert again.getsockname()[1] == port
