"""What is compiled and fetched is kept, and anew where it would be another."""

from pathlib import Path
import sys

import pytest

from tests.bench.figure import Unmeasured
from tests.bench.relay import cache


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHE", tmp_path / "bench")


def test_a_folder_is_filled_once_for_the_same_ingredients() -> None:
    filled: list[Path] = []

    def fill(folder: Path) -> None:
        filled.append(folder)
        (folder / "made").write_text(str(len(filled)))

    first = cache.cached("thing", [b"a"], fill)
    assert cache.cached("thing", iter([b"a"]), fill) == first
    assert (first / "made").read_text() == "1"
    second = cache.cached("thing", [b"b"], fill)
    assert (second / "made").read_text() == "2"
    assert [path.name for path in cache.CACHE.iterdir()] == [second.name]


def test_what_could_not_be_filled_leaves_nothing() -> None:
    def fill(folder: Path) -> None:
        (folder / "half").touch()
        cache.run("No thing", sys.executable, "-c", "print('first'); print('because'); raise SystemExit(3)")

    with pytest.raises(Unmeasured, match=r"No thing: .* ended with 3 and said: because"):
        cache.cached("thing", [b"a"], fill)
    assert list(cache.CACHE.iterdir()) == []
