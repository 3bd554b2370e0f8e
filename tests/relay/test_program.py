"""The relay as a program of its own, without Home Assistant and without any installed package."""

import ast
import asyncio
from dataclasses import fields
import json
from pathlib import Path
import shutil
import signal
import sys

import pytest

from custom_components.onvif_proxy.relay import CameraOptions, program

from .conftest import until
from .rtsp_client import VIEWER, RtspClient
from .scripted_recorder import FIRST, ScriptedRecorder

RELAY = Path(program.__file__).parent
ISOLATED = ("-I", "-S", "-E")
"""No environment, no site-packages, no current folder."""


def camera(**changes: object) -> dict[str, object]:
    """Return a camera's configuration."""
    account = {"username": "admin", "password": "RecorderSecret"}
    return {
        "address": "127.0.0.1",
        "port": 0,
        "credentials": {"username": VIEWER.username, "password": VIEWER.password},
        "sources": {"main": {"uri": "rtsp://192.0.2.1/a", "credentials": account}},
        **changes,
    }


async def start(
    *arguments: str, options: tuple[str, ...] = ISOLATED, relay: Path = RELAY
) -> asyncio.subprocess.Process:
    """Start the program."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, *options, str(relay), *arguments, stdin=pipe, stdout=pipe, stderr=pipe, cwd="/"
    )


async def run(
    *arguments: str, text: str = "", options: tuple[str, ...] = ISOLATED, relay: Path = RELAY
) -> tuple[int, str, str]:
    """Run the program to its end: exit status, standard output, standard error."""
    process = await start(*arguments, options=options, relay=relay)
    output, errors = await asyncio.wait_for(process.communicate(text.encode()), 20)
    return process.returncode or 0, output.decode(), errors.decode()


@pytest.mark.parametrize("options", [(), ISOLATED, ("-S",)], ids=["plain", "isolated", "without packages"])
async def test_it_explains_itself_without_home_assistant(options: tuple[str, ...]) -> None:
    status, output, errors = await run("--help", options=options)
    assert (status, errors) == (0, "")
    assert "--config FILE" in output
    assert "--control" in output
    for option in fields(CameraOptions):
        assert f'"{option.name}": ' in output
        assert f"\n  {option.name} " in output


async def test_a_python_that_is_too_old_is_told_in_a_sentence() -> None:
    """Of such a Python the test has the version alone, and its grammar."""
    ast.parse((RELAY / "__main__.py").read_text(), feature_version=(3, 8))
    code = f"import runpy, sys; sys.version_info = (3, 13, 9); runpy.run_path({str(RELAY)!r}, run_name='__main__')"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, output) == (1, b"")
    assert errors.decode().startswith("relay: this needs Python 3.14 or newer; this is ")
    assert errors.count(b"\n") == 1


async def test_it_needs_the_ground_floor_and_the_standard_library_alone(tmp_path: Path) -> None:
    """Names of the standard library in its own folders don't disturb it, and the package itself is never imported."""
    package = tmp_path / "onvif_proxy"
    shutil.copytree(RELAY, package / "relay")
    for name in ("model.py", "digest.py", "logins.py", "rtsp.py", "sdp.py", "sps.py"):
        shutil.copy(RELAY.parent / name, package)
    for trap in ("__init__.py", "select.py", "relay/select.py", "relay/json.py"):
        (package / trap).write_text("raise SystemExit('imported by mistake')")
    status, output, errors = await run("--config", "-", text="[]", relay=package / "relay")
    assert (status, output, errors) == (2, "", "relay: -: not a list of cameras\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_relays_until_a_signal_and_gives_sessions_back(number: signal.Signals, tmp_path: Path) -> None:
    async with ScriptedRecorder() as recorder:
        source = {"uri": recorder.base, "credentials": {"username": "admin", "password": "RecorderSecret"}}
        config = json.dumps([camera(sources={"main": source}), camera(sources={"sub": source})])
        if number is signal.SIGINT:
            process = await start("--config", "-")
            assert process.stdin is not None
            process.stdin.write(config.encode())
            process.stdin.close()
        else:
            file = tmp_path / "cameras.json"
            file.write_text(config)
            process = await start("--config", str(file))
        assert process.stdout is not None
        ports = []
        for _ in range(2):
            line = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
            assert line["address"] == "127.0.0.1"
            ports.append(line["port"])
        async with RtspClient(ports[0]) as viewer, RtspClient(ports[1]) as other:
            assert (await viewer.play("main")).status == 200
            assert await viewer.frame() == (0, FIRST)
            assert (await other.request("DESCRIBE", "/sub")).status == 200
            process.send_signal(number)
            output, errors = await asyncio.wait_for(process.communicate(), 10)
        assert (process.returncode, output, errors) == (0, b"", b"")
        await until(lambda: recorder.open_connections == 0)
        assert "TEARDOWN" in recorder.methods


async def test_a_port_that_is_taken_is_said() -> None:
    async with ScriptedRecorder() as recorder:
        status, _, errors = await run("--config", "-", text=json.dumps([camera(port=recorder.port)]))
    assert status == 1
    assert "Address already in use" in errors
    assert "Secret" not in errors


@pytest.mark.parametrize(
    "arguments", [("--config", "/nowhere/at.all"), ("--config", "-"), (), ("--config", "-", "--control")]
)
async def test_a_configuration_that_cannot_be_used_is_said(arguments: tuple[str, ...]) -> None:
    status, output, errors = await run(*arguments, text="{")
    assert (status, output) == (2, "")
    assert "Traceback" not in errors
    assert errors.startswith(("relay: ", "usage: "))
