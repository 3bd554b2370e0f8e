"""scripts/setup in a folder of its own, with stand-ins for uv and apt-get that write down what they are asked for."""

import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

SETUP = Path(__file__).parents[2] / "scripts" / "setup"
UV = """\
#!/usr/bin/env bash
echo "$1 $2" >>"$UV_CALLS"
case "$1 $2" in
    "python find") [[ " $* " == *" --system "* && -z "${VIRTUAL_ENV:-}" ]] && echo "$REAL_PYTHON" ;;
    "venv --quiet") exec "$REAL_PYTHON" -m venv --without-pip --clear "${@: -1}" ;;
    "pip sync") sleep "${UV_SECONDS:-0}"; exit "${UV_STATUS:-0}" ;;
    "pip install") exit "${UV_INSTALL_STATUS:-0}" ;;
esac
"""
APT = """\
#!/usr/bin/env bash
echo "apt-get ${@: -1}" >>"$UV_CALLS"
exit 100
"""
VENV_MADE = ["python find", "venv --quiet", "pip sync"]
MADE = [*VENV_MADE, "pip install"]


class Checkout:
    """A folder with the script, which has all for the LAN tests, and what its runs asked of uv and apt-get."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls_file = folder.parent / "calls"
        programs = folder.parent / "programs"
        for made in (folder / "scripts", programs):
            made.mkdir(parents=True)
        shutil.copy(SETUP, folder / "scripts")
        (folder / "requirements-dev.lock").write_text("one==1\n")
        (folder / "requirements-schemas.lock").write_text("schemas==1\n")
        for tool in ("dnsmasq", "network-manager"):
            (folder / ".tools" / tool / "usr").mkdir(parents=True)
        for name, program in {"uv": UV, "apt-get": APT}.items():
            (programs / name).write_text(program)
            (programs / name).chmod(0o755)
        self._environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "REAL_PYTHON": sys.executable,
            "UV_CALLS": str(self.calls_file),
        }

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """Start the script."""
        return subprocess.Popen(
            [self.folder / "scripts" / "setup"],
            env=self._environment | environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **environment: str) -> tuple[int, str, list[str]]:
        """Run the script: exit status, what it said, what it asked for."""
        self.calls_file.write_text("")
        process = self.start(**environment)
        _, errors = process.communicate(timeout=30)
        return process.returncode, errors, self.calls_file.read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a folder whose path has a space."""
    return Checkout(tmp_path / "a folder")


@pytest.fixture
def ready(checkout: Checkout) -> Checkout:
    """Return a folder that is set up."""
    status, errors, calls = checkout.run()
    assert (status, calls) == (0, MADE), errors
    return checkout


def test_the_second_run_asks_for_nothing_and_changes_nothing(ready: Checkout) -> None:
    venv = ready.folder / ".venv"
    before = {path: path.lstat().st_mtime_ns for path in venv.rglob("*")}
    for environment in ({}, {"VIRTUAL_ENV": str(venv)}):
        status, errors, calls = ready.run(**environment)
        assert (status, calls) == (0, []), errors
    assert {path: path.lstat().st_mtime_ns for path in venv.rglob("*")} == before


def test_another_lock_file_is_installed_into_the_same_environment(ready: Checkout) -> None:
    kept = ready.folder / ".venv" / "kept"
    kept.touch()
    (ready.folder / "requirements-dev.lock").write_text("one==2\n")
    assert ready.run()[::2] == (0, ["pip sync"])
    assert kept.exists()
    assert ready.run()[::2] == (0, [])


def test_a_failed_installation_is_said_and_done_again_but_the_environment_stays(ready: Checkout) -> None:
    (ready.folder / "requirements-dev.lock").write_text("one==2\n")
    status, errors, _ = ready.run(UV_STATUS="1")
    assert status == 1
    assert "what to do:" in errors
    assert (ready.folder / ".venv" / "bin" / "python").exists()
    assert ready.run()[::2] == (0, ["pip sync"])


def test_other_schemas_are_installed_beside_the_environment_in_place_of_the_former(ready: Checkout) -> None:
    former = ready.folder / ".tools" / "onvif-schemas" / "former"
    former.touch()
    (ready.folder / "requirements-schemas.lock").write_text("schemas==2\n")
    status, errors, calls = ready.run(UV_INSTALL_STATUS="1")
    assert (status, calls) == (1, ["pip install"] * 2)  # from the cache, then from the network
    assert "what to do:" in errors
    assert not former.exists()
    assert ready.run()[::2] == (0, ["pip install"])
    assert ready.run()[::2] == (0, [])


def test_an_environment_that_does_not_run_is_made_anew(ready: Checkout) -> None:
    python = ready.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert ready.run(VIRTUAL_ENV=str(ready.folder / ".venv"))[::2] == (0, VENV_MADE)
    assert ready.run()[::2] == (0, [])


def test_an_environment_of_a_python_that_is_too_old_is_made_anew(ready: Checkout) -> None:
    python = ready.folder / ".venv" / "bin" / "python"
    python.unlink()
    # It answers the script's question as an old Python would.
    python.write_text(f"""#!/bin/sh
shift; code=$1; shift
exec {sys.executable} -c "import sys; sys.version_info = (3, 13, 9, 'final', 0)
$code" "$@"
""")
    python.chmod(0o755)
    assert ready.run()[::2] == (0, VENV_MADE)


def test_an_environment_that_was_moved_is_made_anew(ready: Checkout) -> None:
    ready.folder = ready.folder.rename(ready.folder.with_name("another folder"))
    assert ready.run()[::2] == (0, VENV_MADE)
    assert ready.run()[::2] == (0, [])


@pytest.mark.skipif(shutil.which("flock") is None, reason="they wait for each other with flock")
def test_two_at_once_do_the_work_once(checkout: Checkout) -> None:
    processes = [checkout.start(UV_SECONDS="0.3") for _ in range(2)]
    said = [process.communicate(timeout=30)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert checkout.calls_file.read_text().splitlines() == MADE
    assert sum("waiting for another setup" in one for one in said) == 1


@pytest.mark.parametrize(
    ("tool", "program", "asked"),
    [
        ("dnsmasq", "dnsmasq", ["apt-get Origin: Debian", "apt-get update"]),
        ("network-manager", "NetworkManager", ["apt-get update"]),
    ],
)
def test_what_lan_tests_need_is_tried_once_with_each_lock_file_and_is_no_failure_when_missing(
    ready: Checkout, tool: str, program: str, asked: list[str]
) -> None:
    if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is not None:
        pytest.skip("it is here")
    if tool == "network-manager" and not Path("/usr/lib/systemd/systemd").exists():
        pytest.skip("there is no systemd for it here")
    folder = ready.folder / ".tools" / tool
    (folder / "usr").rmdir()
    for lock in ("one==2\n", "one==3\n"):
        (ready.folder / "requirements-dev.lock").write_text(lock)
        status, errors, calls = ready.run()
        assert (status, calls) == (0, ["pip sync", *asked]), errors
        assert "it could not be had, which skips some LAN tests" in errors
        assert list(folder.iterdir()) == []
        assert ready.run()[::2] == (0, [])
