"""scripts/test's runner in a folder of its own, with a few tests, a LAN's among them."""

import json
import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

RUNNER = Path(__file__).parents[1] / "run.py"
CONFIGURATION = """\
[tool.coverage.run]
branch = true
source = ["custom_components/onvif_proxy"]
parallel = true
[tool.pytest.ini_options]
pythonpath = ["."]
testpaths = ["tests"]
addopts = "-ra"
"""
SUBJECT = """\
def choose(one):
    if one:
        return "one"
    return "other"
"""
TEST = """\
from custom_components.onvif_proxy.config_flow import choose

def test_{name}():
    assert choose({one}) == {said!r}
"""
MEETING = """\
from pathlib import Path
import time

def test_{name}():
    Path("{name}").touch()
    end = time.monotonic() + 60
    while not Path("{other}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
"""


class Checkout:
    """A project with one subject and the tests that are written into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("pyproject.toml", CONFIGURATION)
        self.write("custom_components/onvif_proxy/__init__.py", "")
        self.write("custom_components/onvif_proxy/config_flow.py", SUBJECT)
        self.write("custom_components/onvif_proxy/options_flow.py", "")
        self.write("tests/__init__.py", "")
        shutil.copy(RUNNER, folder / "tests")

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def write_tests(self, *, lan: str = "other", others: str = "one") -> None:
        """Write a test on a LAN, and another: what each expects."""
        self.write("tests/lan/test_lan.py", TEST.format(name="lan", one=False, said=lan))
        self.write("tests/test_others.py", TEST.format(name="others", one=True, said=others))

    def run(self, *arguments: str) -> tuple[int, list[str], str]:
        """Run the runner: exit status, lines that it printed, what it complained of."""
        plain = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p pytest_cov"}
        done = subprocess.run(
            [sys.executable, "-m", "tests.run", *arguments],
            cwd=self.folder,
            env=os.environ | plain,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a project without tests."""
    return Checkout(tmp_path)


def test_counts_and_coverage_are_those_of_both_runs_together(checkout: Checkout) -> None:
    checkout.write_tests()
    checkout.write("tests/lan/test_skipped.py", "import pytest\n@pytest.mark.skip(reason='no LAN here')\ndef test(): 1")
    status, lines, errors = checkout.run("--json")
    # Each covers one of the subject's two ways.
    assert json.loads(lines[-1]) == {
        "ok": True,
        "passed": 2,
        "failed": 0,
        "skipped": 1,
        "coverage": 100.0,
        "short": [],
    }
    assert (status, lines[-2], errors) == (0, "2 passed, 0 failed, 1 skipped", "")
    assert [line for line in lines if "no LAN here" in line]


def test_the_lan_run_is_quiet_while_it_succeeds_and_whole_when_it_fails(checkout: Checkout) -> None:
    checkout.write_tests()
    shown = "tests/lan/test_lan.py"
    assert shown not in "\n".join(checkout.run()[1])

    checkout.write_tests(lan="something else")
    status, lines, errors = checkout.run()
    text = "\n".join(lines)
    assert (status, lines[-1]) == (1, "1 passed, 1 failed, 0 skipped")
    assert "short: pytest of tests/lan ended with status 1." in errors
    assert text.index("tests/test_others.py") < text.index(shown)
    assert "assert 'other' == 'something else'" in text


def test_a_failure_of_the_others_and_uncovered_code_fall_short(checkout: Checkout) -> None:
    checkout.write_tests(others="something else", lan="other")
    checkout.write("tests/lan/test_lan.py", "def test_nothing(): pass")
    status, lines, errors = checkout.run("--json")
    report = json.loads(lines[-1])
    assert (status, report["ok"], report["failed"], report["passed"]) == (1, False, 1, 1)
    assert report["coverage"] < 90
    assert len(report["short"]) == 3
    assert [f"short: {sentence}" for sentence in report["short"]] == errors.splitlines()


def test_both_run_at_the_same_time(checkout: Checkout) -> None:
    checkout.write_tests()
    checkout.write("tests/lan/test_meeting.py", MEETING.format(name="lan", other="others"))
    checkout.write("tests/test_meeting_too.py", MEETING.format(name="others", other="lan"))
    assert checkout.run()[1][-1] == "4 passed, 0 failed, 0 skipped"


def test_arguments_make_it_one_plain_pytest(checkout: Checkout) -> None:
    checkout.write_tests()
    status, lines, _ = checkout.run("--json", "-v", "tests/lan")
    assert status == 0
    assert [line for line in lines if line.startswith("tests/lan/test_lan.py::test_lan PASSED")]
    report = json.loads(lines[-1])
    assert (report["passed"], report["coverage"]) == (1, None)
