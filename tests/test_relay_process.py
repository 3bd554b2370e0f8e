"""The relay process: real ones, that are killed, stopped and kept from starting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
import errno
import logging
import os
from pathlib import Path
import signal
import socket
import sys
from typing import Any

import pytest

from custom_components.onvif_proxy.logins import LoginFailure, LoginGuard, LoginProblem, LoginWay
from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay.config import CameraConfig
from custom_components.onvif_proxy.relay.messages import AddCamera, Command
from custom_components.onvif_proxy.relay.options import CameraOptions
from custom_components.onvif_proxy.relay.source import Source
from custom_components.onvif_proxy.relay.statistics import StreamState
from custom_components.onvif_proxy.relay_child import COMMAND, RelayChild, RelayDown, Timing
from custom_components.onvif_proxy.relay_process import RelayProcess, ServedCamera
from tests.relay.conftest import until
from tests.relay.rtsp_client import VIEWER, RtspClient
from tests.relay.scripted_recorder import FIRST, ScriptedRecorder

LOOPBACK = "127.0.0.1"
OTHER_VIEWER = Credentials(username="viewer", password="OtherViewerSecret")
RECORDER = Credentials(username="admin", password="RecorderSecret")
QUICK = Timing(ping=0.1, stop=1.0)


def config(recorder: ScriptedRecorder | None = None, *, port: int = 0, **changes: Any) -> CameraConfig:
    """Return a camera."""
    uri = "rtsp://127.0.0.1:1/secret-path" if recorder is None else recorder.base
    sources = {name: Source(uri=uri, credentials=RECORDER) for name in ("main", "sub")}
    given: dict[str, Any] = {"credentials": VIEWER, "sources": sources, **changes}
    return CameraConfig(address=LOOPBACK, port=port, **given)


class Served:
    """A camera, and what it told."""

    def __init__(self, camera: CameraConfig, **guard: Any) -> None:
        self.config = camera
        self.failures: list[LoginFailure] = []
        self.logins = LoginGuard(self.failures.append, **guard)
        self.troubles: list[OSError | None] = []

    async def by(self, relays: RelayProcess) -> ServedCamera:
        """Have it served."""
        self.handle = await relays.serve(self.config, logins=self.logins, on_change=self._changed)
        return self.handle

    def _changed(self) -> None:
        self.troubles.append(self.handle.trouble)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


@pytest.fixture
async def make(stack: AsyncExitStack) -> Callable[..., RelayProcess]:
    """Make relay processes; when a test ends, its cameras are stopped and no process may be left."""

    def made(**options: Any) -> RelayProcess:
        relays = RelayProcess(**{"timing": QUICK, "grace_seconds": 0.2, **options})
        pids: set[int] = set()

        async def end() -> None:
            if relays.state.pid is not None:
                pids.add(relays.state.pid)
            for served in tuple(relays._served.values()):
                await served.stop()
            assert relays.state.pid is None
            assert not [pid for pid in pids if is_alive(pid)]

        stack.push_async_callback(end)
        return relays

    return made


@pytest.fixture
async def relays(make: Callable[..., RelayProcess]) -> RelayProcess:
    return make()


def pid_of(relays: RelayProcess) -> int:
    assert relays.state.pid is not None
    return relays.state.pid


def is_alive(pid: int) -> bool:
    """Whether there is such a process, or what is left of one that nobody waited for."""
    return Path(f"/proc/{pid}").exists()


async def lost(relays: RelayProcess, pid: int) -> None:
    """Wait for another process to be up."""
    await until(lambda: relays.state.pid not in (None, pid), 10)


async def logs_in(port: int, credentials: Credentials = VIEWER) -> bool:
    async with RtspClient(port, credentials) as viewer:
        # A source that there is not: no recorder is asked.
        return (await viewer.request("DESCRIBE", "/nothing")).status == 404


class TestServing:
    async def test_it_starts_with_the_first_camera_and_ends_with_the_last(self, relays: RelayProcess) -> None:
        assert relays.state.pid is None
        first, second = await asyncio.gather(Served(config()).by(relays), Served(config()).by(relays))
        pid = pid_of(relays)
        assert first.port != second.port
        assert await logs_in(first.port) and await logs_in(second.port)
        await first.stop()
        assert relays.state.pid == pid
        with pytest.raises(ConnectionRefusedError):
            await logs_in(first.port)
        await second.stop()
        await second.stop()
        assert relays.state.pid is None
        assert not is_alive(pid)
        again = await Served(config(port=first.port)).by(relays)
        assert again.port == first.port
        assert await logs_in(first.port)

    async def test_viewers_are_told_and_counted(self, relays: RelayProcess) -> None:
        async with ScriptedRecorder() as recorder:
            served = Served(config(recorder))
            camera = await served.by(relays)
            assert [one.name for one in (await camera.statistics()).streams] == ["main", "sub"]
            async with RtspClient(camera.port) as viewer:
                assert (await viewer.play()).status == 200
                assert await viewer.frame() == (0, FIRST)
                await until(lambda: camera.viewers == 1)
                (seen,) = (await camera.statistics()).viewers
                assert (seen.address, seen.stream) == (LOOPBACK, "main")
                assert camera.activity is not None
                assert camera.activity.streams["main"] is not StreamState.IDLE
                frame = await camera.key_frame("main")
                assert frame is not None
                assert (frame.codec, frame.data[-10:]) == ("H264", b"\0\0\0\1\x65first")
            await until(lambda: camera.viewers == 0)
            await until(lambda: len(served.troubles) >= 2)

    async def test_a_stream_that_is_not_live_has_no_key_frame(self, relays: RelayProcess) -> None:
        camera = await Served(config()).by(relays)
        assert await camera.key_frame("sub") is None
        assert await camera.key_frame("nothing") is None
        with pytest.raises(OSError, match="recorder"):
            await camera.key_frame("main", timeout=5.0)

    async def test_a_stream_that_nobody_watches_is_opened_for_its_key_frame(self, relays: RelayProcess) -> None:
        async with ScriptedRecorder() as recorder:
            camera = await Served(config(recorder)).by(relays)
            frame = await camera.key_frame("main", timeout=5.0)
            assert frame is not None
            assert frame.data.endswith(b"\0\0\0\1\x65first")

    async def test_changes_hold_at_once_and_in_the_next_process(self, relays: RelayProcess) -> None:
        camera = await Served(config()).by(relays)
        camera.update(credentials=OTHER_VIEWER, options=CameraOptions(audio=False))
        camera.update(sources={})
        assert (await camera.statistics()).streams == ()  # what was told before it is done, too
        assert [await logs_in(camera.port, one) for one in (VIEWER, OTHER_VIEWER)] == [False, True]
        pid = pid_of(relays)
        os.kill(pid, signal.SIGKILL)
        camera.update(credentials=VIEWER)
        await lost(relays, pid)
        assert [await logs_in(camera.port, one) for one in (VIEWER, OTHER_VIEWER)] == [True, False]

    async def test_a_camera_without_a_login_lets_everybody_in(self, relays: RelayProcess) -> None:
        camera = await Served(config(credentials=None)).by(relays)
        async with RtspClient(camera.port, None) as viewer:
            assert (await viewer.request("DESCRIBE", "/nothing")).status == 404

    async def test_why_a_camera_cannot_listen_is_said_as_by_the_system(self, relays: RelayProcess) -> None:
        with socket.socket() as other:
            other.bind((LOOPBACK, 0))
            other.listen()
            with pytest.raises(OSError) as taken:
                await Served(config(port=other.getsockname()[1])).by(relays)
        assert taken.value.errno == errno.EADDRINUSE
        with pytest.raises(OSError) as gone:
            await relays.serve(
                CameraConfig(address="192.0.2.1", port=0, credentials=None, sources={}),
                logins=LoginGuard(),
                on_change=lambda: None,
            )
        assert gone.value.errno == errno.EADDRNOTAVAIL
        with pytest.raises(OSError, match="0-65535"):
            await Served(config(port=70000)).by(relays)
        assert relays.state.pid is None

    async def test_being_told_to_stop_while_it_starts_leaves_nothing(self, relays: RelayProcess) -> None:
        starting = asyncio.create_task(Served(config()).by(relays))
        await asyncio.sleep(0.02)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert relays._supervisor is None


class TestWhoIsLockedOut:
    async def guess(self, camera: ServedCamera, times: int) -> None:
        for _ in range(times):
            assert not await logs_in(camera.port, Credentials(username="viewer", password="guess"))

    async def test_who_guesses_at_the_relay_is_locked_out_at_the_other_servers(self, relays: RelayProcess) -> None:
        served = Served(config())
        camera = await served.by(relays)
        await self.guess(camera, 1)
        await until(lambda: bool(served.failures))
        (failure,) = served.failures
        assert (failure.source, failure.way, failure.problem) == (LOOPBACK, LoginWay.RTSP, LoginProblem.WRONG_PASSWORD)
        assert served.logins.recent == (failure,)
        assert not served.logins.is_locked_out(LOOPBACK)
        await self.guess(camera, 9)
        await until(lambda: served.logins.is_locked_out(LOOPBACK))
        assert not await logs_in(camera.port)

    async def test_a_listener_that_fails_costs_neither_the_relay_nor_the_next_failure(
        self, relays: RelayProcess
    ) -> None:
        served = Served(config(credentials=VIEWER))
        handle = await served.by(relays)
        pid = pid_of(relays)
        heard: list[LoginFailure] = []

        def fail(failure: LoginFailure) -> None:
            heard.append(failure)
            raise ValueError("a defect of a listener")

        served.logins.on_failure = fail
        defects: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: defects.append(context))
        assert not await logs_in(handle.port, OTHER_VIEWER)
        assert not await logs_in(handle.port, replace(VIEWER, username="nobody"))
        await until(lambda: len(heard) == 2)
        await until(lambda: len(defects) == 2)
        assert pid_of(relays) == pid
        assert await logs_in(handle.port)
        assert relays.state.restarts == 0

    async def test_who_guesses_elsewhere_is_locked_out_at_the_relay_whatever_happens_to_it(
        self, relays: RelayProcess
    ) -> None:
        served = Served(config(), max_failures=2)
        camera = await served.by(relays)
        assert await logs_in(camera.port)
        for _ in range(2):
            served.logins.failed(LOOPBACK, LoginWay.SOAP, LoginProblem.WRONG_PASSWORD)
        await camera.statistics()
        assert not await logs_in(camera.port)
        pid = pid_of(relays)
        os.kill(pid, signal.SIGKILL)
        await lost(relays, pid)
        await camera.statistics()
        assert not await logs_in(camera.port)


class TestLosingTheProcess:
    async def test_thirty_two_viewers_play_again_within_five_seconds_and_nobody_is_told(
        self, make: Callable[..., RelayProcess]
    ) -> None:
        relays = make(grace_seconds=5.0)
        async with ScriptedRecorder() as recorder:
            cameras = [Served(config(recorder)) for _ in range(8)]
            ports = [(await camera.by(relays)).port for camera in cameras]
            pid = pid_of(relays)
            playing = asyncio.Semaphore(0)

            async def watch(port: int, sessions: int = 2) -> None:
                while sessions:
                    try:
                        async with RtspClient(port) as viewer:
                            assert (await viewer.play()).status == 200
                            await viewer.frame()
                            playing.release()
                            sessions -= 1
                            if sessions:
                                assert await viewer.ended()
                    except ConnectionError, asyncio.IncompleteReadError:
                        await asyncio.sleep(0.02)

            viewers = [asyncio.create_task(watch(port)) for port in ports for _ in range(4)]
            for _ in viewers:
                await playing.acquire()
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(5):
                await asyncio.gather(*viewers)
            assert relays.state.restarts == 1
            assert relays.state.pid != pid
            assert not is_alive(pid)
            assert [trouble for camera in cameras for trouble in camera.troubles if trouble is not None] == []

    async def test_one_that_hangs_is_replaced(self, relays: RelayProcess) -> None:
        camera = await Served(config()).by(relays)
        pid = pid_of(relays)
        os.kill(pid, signal.SIGSTOP)
        await lost(relays, pid)
        assert not is_alive(pid)
        assert await logs_in(camera.port)

    async def test_one_that_hangs_can_be_stopped(self, relays: RelayProcess) -> None:
        camera = await Served(config()).by(relays)
        pid = pid_of(relays)
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(5):
            await camera.stop()
        assert not is_alive(pid)

    async def test_who_asks_it_meanwhile_is_told(self, make: Callable[..., RelayProcess]) -> None:
        relays = make(restart_seconds=(0.3,))
        camera = await Served(config()).by(relays)
        pid = pid_of(relays)
        os.kill(pid, signal.SIGSTOP)
        asked = asyncio.create_task(camera.statistics())
        with pytest.raises(RelayDown):
            await asked
        await until(lambda: relays.state.pid is None)
        with pytest.raises(RelayDown):
            await camera.statistics()
        with pytest.raises(RelayDown):
            await Served(config()).by(relays)
        await lost(relays, pid)
        assert (await camera.statistics()).viewers == ()

    async def test_a_camera_that_is_given_up_meanwhile_does_not_come_back(
        self, make: Callable[..., RelayProcess]
    ) -> None:
        relays = make(restart_seconds=(0.2,))
        staying, leaving = await Served(config()).by(relays), await Served(config()).by(relays)
        pid = pid_of(relays)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: relays.state.pid is None)
        await leaving.stop()
        await lost(relays, pid)
        assert await logs_in(staying.port)
        with pytest.raises(ConnectionRefusedError):
            await logs_in(leaving.port)

    async def test_a_port_that_another_program_took_meanwhile_is_told(self, make: Callable[..., RelayProcess]) -> None:
        relays = make(restart_seconds=(0.3,), grace_seconds=5.0)
        unlucky, lucky = Served(config()), Served(config())
        port = (await unlucky.by(relays)).port
        await lucky.by(relays)
        pid = pid_of(relays)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: relays.state.pid is None)
        with socket.create_server((LOOPBACK, port)):
            await lost(relays, pid)
            await until(lambda: unlucky.handle.trouble is not None)
            assert unlucky.handle.trouble is not None
            assert unlucky.handle.trouble.errno == errno.EADDRINUSE
            assert lucky.handle.trouble is None

    async def test_one_that_ends_again_and_again_is_started_less_and_less_often_and_recovers(
        self, make: Callable[..., RelayProcess], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        broken = tmp_path / "broken"
        code = (
            f"import os, sys; sys.exit(3) if os.path.exists({str(broken)!r}) else os.execv({COMMAND[0]!r}, {COMMAND!r})"
        )
        relays = make(
            command=(sys.executable, "-S", "-E", "-c", code), restart_seconds=(0.0, 0.1, 0.3), grace_seconds=0.2
        )
        served = Served(config())
        camera = await served.by(relays)
        broken.touch()
        os.kill(pid_of(relays), signal.SIGKILL)
        await until(lambda: relays.state.restarts >= 4)
        assert isinstance(camera.trouble, RelayDown)
        with pytest.raises(RelayDown):
            await Served(config()).by(relays)
        broken.unlink()
        await until(lambda: camera.trouble is None)
        assert await logs_in(camera.port)
        told = [one.getMessage() for one in caplog.records if "starting it again" in one.getMessage()]
        assert told[:4] == [
            "The relay ended by signal 9; starting it again in 0 s",
            "The relay ended with status 3; starting it again in 0.1 s",
            "The relay ended with status 3; starting it again in 0.3 s",
            "The relay ended with status 3; starting it again in 0.3 s",
        ]
        assert isinstance(served.troubles[0], RelayDown)

    async def test_one_that_lived_long_is_started_again_at_once(self, make: Callable[..., RelayProcess]) -> None:
        relays = make(restart_seconds=(0.0, 60.0), stable_seconds=0.0)
        await Served(config()).by(relays)
        for _ in range(3):
            pid = pid_of(relays)
            os.kill(pid, signal.SIGKILL)
            await lost(relays, pid)

    @pytest.mark.parametrize(
        ("program", "said"),
        [
            ("print('no message', flush=True); input()", "not a message"),
            ("print('x' * 3_000_000, flush=True); input()", "limit"),
            ("import time; time.sleep(30)", None),
            ("raise SystemExit('relay: this needs Python 3.14')", "relay: this needs Python 3.14"),
        ],
        ids=["no message", "endless line", "silent", "too old"],
    )
    async def test_one_that_is_none_is_not_waited_for(
        self, make: Callable[..., RelayProcess], program: str, said: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        relays = make(command=(sys.executable, "-c", program), timing=Timing(start=0.5, stop=0.2))
        with pytest.raises(RelayDown):
            await Served(config()).by(relays)
        assert said is None or said in caplog.text

    async def test_a_python_that_is_not_there_is_said(self, make: Callable[..., RelayProcess]) -> None:
        with pytest.raises(RelayDown):
            await Served(config()).by(make(command=("/nowhere/python",)))

    async def test_it_ends_with_whoever_started_it(self) -> None:
        program = f"""
import asyncio, sys, types
package = sys.modules["onvif_proxy"] = types.ModuleType("onvif_proxy")
package.__path__ = [{str(Path(COMMAND[3]).parent)!r}]
from onvif_proxy.logins import LoginGuard
from onvif_proxy.relay.config import CameraConfig
from onvif_proxy.relay_process import RelayProcess

async def main():
    relays = RelayProcess()
    camera = CameraConfig(address="127.0.0.1", port=0, credentials=None, sources={{}})
    await relays.serve(camera, logins=LoginGuard(), on_change=print)
    print(relays.state.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
        # Without Home Assistant and any other package: this side of the relay needs neither.
        parent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-E", "-c", program), stdout=asyncio.subprocess.PIPE
        )
        assert parent.stdout is not None
        pid = int(await asyncio.wait_for(parent.stdout.readline(), 30))
        assert is_alive(pid)
        parent.kill()
        await parent.wait()
        await until(lambda: not is_alive(pid))


class Held:
    """Keeps a process that replaces another from having restored all of its cameras."""

    def __init__(self, relays: RelayProcess, monkeypatch: pytest.MonkeyPatch) -> None:
        self.relays = relays
        self.child: RelayChild | None = None
        """The one that restores."""
        self._id: int | None = None
        self._reached = asyncio.Event()
        self._goes_on = asyncio.Event()
        ask = RelayChild.ask

        async def slow(child: RelayChild, command: Command, answer: type[Any]) -> Any:
            answered = await ask(child, command, answer)
            if isinstance(command, AddCamera) and command.id == self._id:
                self.child = child
                self._reached.set()
                await self._goes_on.wait()
            return answered

        monkeypatch.setattr(RelayChild, "ask", slow)

    async def lose(self, last: ServedCamera) -> None:
        """Lose the process; returns when another one serves its cameras, and is about to say so of the last."""
        self._id = last.id
        os.kill(pid_of(self.relays), signal.SIGKILL)
        async with asyncio.timeout(10):
            await self._reached.wait()
        assert self.relays.state.pid is None

    async def go_on(self, camera: ServedCamera) -> None:
        """Let it be restored; returns when it is, and has done what it was told before."""
        self._goes_on.set()
        await until(lambda: self.relays.state.pid is not None)
        await camera.statistics()


class TestChangesWhileItIsRestored:
    @pytest.fixture
    async def held(self, relays: RelayProcess, monkeypatch: pytest.MonkeyPatch) -> Held:
        return Held(relays, monkeypatch)

    async def test_a_new_login_holds(self, relays: RelayProcess, held: Held) -> None:
        ready, late = await Served(config()).by(relays), await Served(config()).by(relays)
        await held.lose(late)
        for camera in (ready, late):
            camera.update(credentials=OTHER_VIEWER)
        await held.go_on(ready)
        for camera in (ready, late):
            assert [await logs_in(camera.port, one) for one in (VIEWER, OTHER_VIEWER)] == [False, True]

    async def test_other_streams_and_options_hold(self, relays: RelayProcess, held: Held) -> None:
        ready, late = await Served(config()).by(relays), await Served(config()).by(relays)
        await held.lose(late)
        async with ScriptedRecorder() as recorder:
            for camera in (ready, late):
                camera.update(sources={"main": recorder.source}, options=CameraOptions(audio=False))
            await held.go_on(ready)
            for camera in (ready, late):
                assert [one.name for one in (await camera.statistics()).streams] == ["main"]
                async with RtspClient(camera.port) as viewer:
                    reply = await viewer.request("DESCRIBE", "/main")
                    assert (reply.status, b"m=audio" in reply.body) == (200, False)

    async def test_who_guesses_elsewhere_stays_locked_out(self, relays: RelayProcess, held: Held) -> None:
        ready, late = Served(config(), max_failures=1), Served(config(), max_failures=1)
        await ready.by(relays)
        await held.lose(await late.by(relays))
        for served in (ready, late):
            served.logins.failed(LOOPBACK, LoginWay.SOAP, LoginProblem.WRONG_PASSWORD)
        await held.go_on(ready.handle)
        assert [await logs_in(served.handle.port) for served in (ready, late)] == [False, False]

    async def test_a_camera_that_is_given_up_leaves_its_port_at_once(self, relays: RelayProcess, held: Held) -> None:
        staying = await Served(config()).by(relays)
        ready, late = await Served(config()).by(relays), await Served(config()).by(relays)
        await held.lose(late)
        for camera in (ready, late):
            await camera.stop()
            socket.create_server((LOOPBACK, camera.port)).close()
        await held.go_on(staying)
        assert await logs_in(staying.port)
        for camera in (ready, late):
            with pytest.raises(ConnectionRefusedError):
                await logs_in(camera.port)

    async def test_with_the_last_camera_the_process_goes(self, relays: RelayProcess, held: Held) -> None:
        cameras = [await Served(config()).by(relays) for _ in range(2)]
        await held.lose(cameras[1])
        assert held.child is not None
        pid = held.child.pid
        assert pid is not None
        await asyncio.gather(*(camera.stop() for camera in cameras))
        assert not is_alive(pid)

    async def test_a_camera_that_comes_is_served_with_the_others(self, relays: RelayProcess, held: Held) -> None:
        former = await Served(config()).by(relays)
        await held.lose(former)
        coming = asyncio.create_task(Served(config()).by(relays))
        leaving = asyncio.create_task(Served(config()).by(relays))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert not coming.done()
        await held.go_on(former)
        new = await coming
        assert [await logs_in(camera.port) for camera in (former, new)] == [True, True]

    async def test_what_changed_outlives_the_end_of_the_one_that_restores(
        self, relays: RelayProcess, held: Held
    ) -> None:
        cameras = [await Served(config()).by(relays) for _ in range(3)]
        await held.lose(cameras[1])
        cameras[0].update(credentials=OTHER_VIEWER)
        cameras[1].update(credentials=OTHER_VIEWER)
        await cameras[2].stop()
        waiting = asyncio.create_task(Served(config()).by(relays))
        await asyncio.sleep(0)
        assert held.child is not None
        pid = held.child.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: held.child is not None and held.child.pid is None)
        await held.go_on(cameras[0])
        assert relays.state.restarts == 2
        for camera in cameras[:2]:
            assert [await logs_in(camera.port, one) for one in (VIEWER, OTHER_VIEWER)] == [False, True]
        with pytest.raises(ConnectionRefusedError):
            await logs_in(cameras[2].port)
        with pytest.raises(RelayDown):
            await waiting


class TestWhatItGivesAway:
    async def test_no_secret_is_in_its_arguments_or_environment_nor_anything_of_ours(
        self, relays: RelayProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SUPERVISOR_TOKEN", "TokenSecret")
        await Served(config()).by(relays)
        process = Path(f"/proc/{pid_of(relays)}")
        arguments, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        assert arguments.split(b"\0")[-4:-2] == [b"--control", b"--tunnels"]
        assert b"Secret" not in arguments + environment

    async def test_its_log_is_ours_at_the_level_that_is_set_without_secrets(
        self, relays: RelayProcess, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, "custom_components.onvif_proxy")
        async with ScriptedRecorder() as recorder:
            camera = await Served(config(recorder)).by(relays)
            await until(lambda: relays.state.health is not None)
            async with RtspClient(camera.port) as viewer:
                assert (await viewer.play()).status == 200
            assert not await logs_in(camera.port, OTHER_VIEWER)
            unreachable = await Served(config()).by(relays)
            async with RtspClient(unreachable.port) as viewer:
                await viewer.request("DESCRIBE", "/main")

            def forwarded() -> list[logging.LogRecord]:
                return [one for one in caplog.records if one.name == "custom_components.onvif_proxy.logins"]

            await until(lambda: bool(forwarded()))
        assert {one.levelno for one in forwarded()} == {logging.DEBUG}
        for secret in ("Secret", "secret-path", "SECRET-SESSION", "Digest username"):
            assert secret not in caplog.text

    async def test_what_it_uses_is_known(self, relays: RelayProcess) -> None:
        await Served(config()).by(relays)
        await until(lambda: relays.state.health is not None)
        state = relays.state
        assert state.health is not None
        assert 4_000_000 < state.health.memory < 100_000_000
        assert state.health.cpu_seconds > 0
        assert state.restarts == 0
        assert state.since is not None
