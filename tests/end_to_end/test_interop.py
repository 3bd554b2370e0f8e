"""What scripts/interop makes of what clients say and do."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
import subprocess
import sys
from typing import override

import pytest

from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from . import interop_programs
from .clients import CLIENTS, HERE, PLAYERS, Client, Step
from .interop import Adoption, judge
from .interop_environments import FOLDER, Environment, NotInstalled, Npm, Python
from .interop_network import ClientsHost
from .interop_programs import Bed, Cell, Outcome, adopt, untried_row
from .interop_recorders import Recorder, put_behind_relay
from .recorders import RecorderStep
from .recorders.processes import _Program

pytestmark = pytest.mark.timeout(60)


class Nothing(Environment):
    """What a program needs that only needs Python."""

    @override
    def _wanted(self) -> bytes:
        return b""

    @override
    def _install(self) -> None:
        raise NotInstalled("nothing is to be installed")


def client(program: str, *, cannot: dict[Step, str] | None = None) -> Client:
    """Return a client whose program is in Python; `say` prints an object, `job` is what it was told."""
    prelude = f"import sys; sys.path.insert(0, {str(HERE)!r}); from steps import *; job = read_job()\n"
    command = (sys.executable, "-c", prelude + program)
    return Client(name="a client", environment=Nothing("nothing"), command=command, cannot=cannot or {})


@pytest.fixture
async def bed() -> AsyncIterator[Bed]:
    async with SimulatedRecorder(RecorderOptions(channels=1)) as recorder:
        yield Bed(
            recorder=recorder,
            channel=1,
            name="Channel 1",
            xaddr="http://127.0.0.1:8081/onvif/device_service",
            username="user",
            password="password",
            media2=False,
            clients_host=ClientsHost(),
            no_discovery=None,
        )


async def test_a_program_tells_how_each_step_went(bed: Bed) -> None:
    program = """
with step("time") as seen:
    seen(job["host"])
with step("login"):
    raise Failed("no")
"""
    row = await adopt(client(program), bed)
    assert row[Step.TIME] == Cell(Outcome.OK, "127.0.0.1")
    assert row[Step.LOGIN] == Cell(Outcome.FAILED, "Failed: no")


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        ("sys.exit('out of order')", "out of order"),
        ("print('hello')", "hello"),
        ("print('[]')", "[]"),
        ("""print('{"step": "dance"}')""", "dance"),
    ],
)
async def test_what_a_program_does_not_tell_of_has_failed(bed: Bed, program: str, complaint: str) -> None:
    row = await adopt(client(program), bed)
    assert {cell.outcome for cell in row.values()} == {Outcome.FAILED}
    assert complaint in row[Step.TIME].seen


async def test_a_program_that_does_not_start_has_failed(bed: Bed) -> None:
    nowhere = Client(name="nowhere", environment=Nothing("nothing"), command=(Path("/nowhere"),))
    row = await adopt(nowhere, bed)
    assert row[Step.TIME].outcome is Outcome.FAILED
    assert "/nowhere" in row[Step.TIME].seen


async def test_a_program_that_hangs_is_ended_with_those_that_it_has_started(
    bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interop_programs, "CLIENT_SECONDS", 0.5)
    hangs = f"import subprocess; subprocess.run(['sleep', '30'], cwd={str(tmp_path)!r})"
    row = await adopt(client(hangs), bed)
    assert row[Step.TIME] == Cell(Outcome.FAILED, "not done in 0.5 s")
    async with asyncio.timeout(10):  # killed they are, but the system takes its time to bury them
        while [one for one in Path("/proc").glob("[0-9]*") if _folder_of(one) == tmp_path]:
            await asyncio.sleep(0.05)


def _folder_of(process: Path) -> Path | None:
    try:
        return (process / "cwd").readlink()
    except OSError:  # it has just ended
        return None


async def test_what_a_client_has_nothing_for_is_no_success(bed: Bed) -> None:
    claims = 'with step("events"): pass'
    row = await adopt(client(claims, cannot={Step.EVENTS: "it has none"}), bed)
    assert row[Step.EVENTS] == Cell(Outcome.CANNOT, "it has none")


async def test_a_move_counts_only_where_the_head_has_moved(bed: Bed) -> None:
    row = await adopt(client('with step("ptz"): pass'), bed)
    assert row[Step.PTZ].outcome is Outcome.FAILED
    assert "the head was told []" in row[Step.PTZ].seen


async def test_a_uri_counts_only_where_something_is_played(bed: Bed) -> None:
    told = 'with step("uris") as seen: seen("told", stream="rtsp://127.0.0.1:9/main", snapshot="http://127.0.0.1:9/")'
    row = await adopt(client(told), bed)
    outcomes = {step: row[step].outcome for step in (Step.URIS, Step.SNAPSHOT, Step.PLAY)}
    assert outcomes == {Step.URIS: Outcome.OK, Step.SNAPSHOT: Outcome.FAILED, Step.PLAY: Outcome.FAILED}


async def test_motion_begins_when_a_program_asks_for_it_and_ends_with_the_program(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(bed.recorder, "set_motion", lambda _, active: told.append(active))
    await adopt(client("ask_for_motion(True)"), bed)
    assert told == [True, False]


async def test_nobody_looks_for_cameras_where_others_could_hear_it(bed: Bed) -> None:
    bed.no_discovery = "no network of its own"
    looks = 'with step("discover") as seen: seen(str(job["discover"]))'
    row = await adopt(client(looks), bed)
    assert row[Step.DISCOVER] == Cell(Outcome.MISSING, "no network of its own")


async def test_a_recorder_that_does_not_start_has_failed() -> None:
    nothing = _Program(sys.executable, "-c", "raise SystemExit('no port')", environment={})
    nothing._start = partial(nothing._run, {})  # type: ignore[method-assign]  # it has no answer to take
    recorder = Recorder(name="nothing", offers="nothing", environment=Nothing("nothing"), run=lambda: nothing)  # type: ignore[arg-type,return-value]  # nor a stream
    row = await put_behind_relay(recorder)
    assert row == dict.fromkeys(RecorderStep, Cell(Outcome.FAILED, "it does not start: no port\n"))


def test_everything_that_is_red_or_missing_is_a_shortfall() -> None:
    green = Adoption(client="one", camera="a camera", row=dict.fromkeys(Step, Cell(Outcome.OK)))
    missing = Adoption(client="two", camera="a camera", row=untried_row(CLIENTS[0], "not installed"))
    red = Adoption(client="three", camera="a camera", row=green.row | {Step.PTZ: Cell(Outcome.FAILED, "stuck")})
    assert judge([green], allow_missing=False) == []
    assert judge([red], allow_missing=True) == ["three (a camera), ptz: stuck"]
    assert judge([missing], allow_missing=True) == []
    assert len(judge([missing], allow_missing=False)) == len(Step) - len(CLIENTS[0].cannot)
    assert judge([], allow_missing=True) == ["No client met a camera."]


def test_every_client_has_an_environment_of_its_own() -> None:
    folders = {one.environment.folder for one in (*CLIENTS, *PLAYERS)}
    assert len(folders) == len(CLIENTS) + len(PLAYERS)
    assert {folder.parent for folder in folders} == {FOLDER}


def test_lock_files_name_no_registry_and_hash_everything() -> None:
    for one in CLIENTS:
        if isinstance(one.environment, Npm):
            text = one.environment._wanted().decode()
            assert '"resolved"' not in text
            assert text.count('"integrity"') == text.count('"node_modules/')
        if isinstance(one.environment, Python):
            lines = one.environment._lock.read_text().splitlines()
            assert any("--hash=sha256:" in line for line in lines)
            assert not any("://" in line for line in lines)


def test_a_network_of_its_own_has_a_host_for_cameras_and_one_for_clients() -> None:
    program = """
import socket, subprocess
from tests.end_to_end.interop_network import CAMERAS, CLIENTS, NoNetwork, enter_network
try:
    there = enter_network()
except NoNetwork as error:
    raise SystemExit(str(error))
connect = f"import socket; print(socket.create_connection(('{CAMERAS}', 8081), 5).getsockname()[0])"
with socket.create_server((CAMERAS, 8081)) as server:
    said = subprocess.run(there.command("python3", "-c", connect), pass_fds=there.descriptors, capture_output=True)
    assert said.stdout.decode().strip() == CLIENTS, said.stderr
    assert server.accept()[1][0] == CLIENTS
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if "here (" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
