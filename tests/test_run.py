"""What `scripts/test` makes of tests that fail beside others: real runs of pytest, of small files."""

from pathlib import Path

import pytest

from tests.run import FEW_FAILED, Pytest, judged, notes_in

PASSES = "def test_good(): pass\n"
FAILS = "def test_bad(): assert False\n"
ONCE = """
from pathlib import Path
def fails_once():
    seen = Path(__file__).with_suffix(".seen")
    first, _ = not seen.exists(), seen.touch()
    assert not first
"""
FAILS_ONCE = f"{ONCE}\ndef test_busy(): fails_once()\n"
IS_SET_UP_LATER = f"{ONCE}\nimport pytest\n@pytest.fixture\ndef ready(): fails_once()\ndef test_busy(ready): pass\n"


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what runs here have nothing to do with the run that this is in, and begin at once."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(folder: Path, text: str) -> Pytest:
    """Run what is in a file."""
    (folder / "test_it.py").write_text(text)
    apart = ("-c", "/dev/null", "--rootdir", str(folder), *notes_in(folder / "notes"))
    with Pytest(folder / "run", *apart, "-q", str(folder / "test_it.py")) as it:
        pass
    return it


@pytest.mark.parametrize("text", [FAILS_ONCE, IS_SET_UP_LATER], ids=["fails", "can not be set up"])
def test_what_fails_beside_others_and_passes_alone_has_passed(
    tmp_path: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    runs = list[Pytest]()
    assert judged(run(tmp_path, PASSES + text), runs) == (0, {"passed": 2, "failed": 0, "skipped": 0})
    assert len(runs) == 1
    assert "\n1 failed beside other tests. Alone:\n" in capfd.readouterr().out


def test_what_fails_alone_too_has_failed(tmp_path: Path) -> None:
    runs = list[Pytest]()
    assert judged(run(tmp_path, PASSES + FAILS + FAILS_ONCE), runs) == (1, {"passed": 2, "failed": 1, "skipped": 0})
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (PASSES, 0),
        ("".join(FAILS.replace("bad", f"bad_{number}") for number in range(FEW_FAILED + 1)), 1),
        ("import no_such_module", 2),
    ],
    ids=["passes", "many fail", "can not be read"],
)
def test_what_passes_or_is_wholly_broken_is_not_run_again(tmp_path: Path, text: str, status: int) -> None:
    runs = list[Pytest]()
    assert judged(run(tmp_path, text), runs)[0] == status
    assert not runs
