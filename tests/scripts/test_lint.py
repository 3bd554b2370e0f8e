"""scripts/lint in a folder of its own, with stand-ins for the tools that it runs."""

import json
from pathlib import Path
import shutil
import subprocess

import pytest

LINT = Path(__file__).parents[2] / "scripts" / "lint"
TOOLS = ("scripts/setup", ".venv/bin/ruff", ".venv/bin/mypy", ".venv/bin/lint-imports")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder where no tool finds a fault."""
    for tool in TOOLS:
        stand_in(tmp_path, tool, "exit 0")
    shutil.copy(LINT, tmp_path / "scripts")
    return tmp_path


def stand_in(folder: Path, tool: str, does: str) -> None:
    """Write what runs in the tool's place."""
    file = folder / tool
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the script: exit status, standard output, standard error."""
    done = subprocess.run([folder / "scripts" / "lint", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_nothing_is_said_where_nothing_is_wrong(checkout: Path) -> None:
    assert run(checkout) == (0, "", "")
    assert run(checkout, "--json") == (0, '{"ok": true, "short": []}\n', "")


@pytest.mark.parametrize(
    ("tool", "does", "sentences"),
    [
        ("scripts/setup", "exit 1", ["The development environment could not be set up."]),
        (".venv/bin/ruff", '[ "$1" != format ]', ["Files are not formatted; run .venv/bin/ruff format ."]),
        (".venv/bin/ruff", '[ "$1" != check ]', ["ruff check finds faults."]),
        (".venv/bin/mypy", "exit 2", ["mypy finds faults."]),
        (".venv/bin/lint-imports", "exit 1", ["Imports break the layers of pyproject.toml."]),
        (
            ".venv/bin/ruff",
            "exit 1",
            ["Files are not formatted; run .venv/bin/ruff format .", "ruff check finds faults."],
        ),
    ],
)
def test_each_step_that_fails_is_a_sentence(checkout: Path, tool: str, does: str, sentences: list[str]) -> None:
    stand_in(checkout, tool, f"echo said by the tool\n{does}")
    status, output, _ = run(checkout)
    assert status == 1
    assert set(output.splitlines()) == {"said by the tool"}
    status, output, _ = run(checkout, "--json")
    assert status == 1
    assert json.loads(output.splitlines()[-1]) == {"ok": False, "short": sentences}


def test_an_unknown_argument_is_refused(checkout: Path) -> None:
    assert run(checkout, "--jason") == (2, "", "usage: scripts/lint [--json]\n")
