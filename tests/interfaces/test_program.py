"""The package as a program of its own: without Home Assistant, and on the oldest Python that a host may have."""

import ast
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys

import pyroute2
import pytest

PACKAGE = Path(__file__).parents[2] / "custom_components" / "onvif_proxy" / "interfaces"
OLDEST_PYTHON = (3, 11)


def run(*arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the package by its folder, from elsewhere."""
    command = [sys.executable, *options, PACKAGE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd="/")


def test_help_names_the_commands() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for command in ("create", "apply", "status", "cleanup"):
        assert command in shown.stdout


def test_it_runs_without_home_assistant() -> None:
    shown = run("status", options=("-X", "importtime"))
    assert "onvif_proxy.interfaces.request" in shown.stderr
    assert "homeassistant" not in shown.stderr


def test_a_python_without_pyroute2_is_told_in_a_sentence() -> None:
    refused = run("status", "--json", options=("-I", "-S"))
    assert refused.returncode == 1
    answer = json.loads(refused.stdout)
    assert answer["ok"] is False
    assert answer["short"][0].startswith("pyroute2 is missing. Run: ")
    assert refused.stderr == f"{answer['short'][0]}\n"


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda file: file.name)
def test_its_files_are_those_of_the_oldest_python(file: Path) -> None:
    ast.parse(file.read_text(encoding="utf-8"), feature_version=OLDEST_PYTHON)


def test_it_runs_on_the_oldest_python() -> None:
    # Parsing finds no annotation that only a later Python leaves unevaluated.
    python = "python{}.{}".format(*OLDEST_PYTHON)
    found = shutil.which(python)
    if found is None or subprocess.run([found, "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} is not installed")
    environment = {**os.environ, "PYTHONPATH": str(Path(pyroute2.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    shown = subprocess.run(
        [found, PACKAGE, "--help"], capture_output=True, text=True, timeout=30, check=False, cwd="/", env=environment
    )
    assert shown.returncode == 0, shown.stderr
    assert "run" in shown.stdout


def test_a_refused_request_says_why_and_exits_with_1() -> None:
    refused = run("create", "--parent", "lo", "--count", "1", "--dhcp", "--dry-run", "--json")
    assert refused.returncode == 1
    answer = json.loads(refused.stdout.splitlines()[-1])
    assert answer["ok"] is False
    assert answer["short"][0].startswith("lo is the loopback interface")
    assert answer["short"][0] in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "required: COMMAND"),
        (["create", "--parent", "eth0", "--count", "1"], "arguments --static --dhcp is required"),
        (["create", "--parent", "eth0", "--count", "1", "--static", "192.168.1.300/24"], "is not an address such as"),
        (["create", "--parent", "eth0", "--count", "1", "--dhcp", "--gateway", "router"], "is not an address such as"),
        (["create", "--parent", "eth0", "--count", "1", "--dhcp", "--static", "192.168.1.9/24"], "not allowed with"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong_and_exits_with_2(arguments: list[str], reason: str) -> None:
    refused = run(*arguments)
    assert refused.returncode == 2
    assert reason in refused.stderr


def test_a_wrong_command_line_is_told_in_json_too() -> None:
    refused = run("create", "--json")
    assert refused.returncode == 2
    assert json.loads(refused.stdout.splitlines()[-1])["ok"] is False
