"""What a bench prints and how it ends; the figures here are given, not measured."""

from collections.abc import Iterator
from dataclasses import replace
import json
import sys
from typing import Any

import pytest

from tests.bench import __main__ as bench, relay
from tests.bench.figure import Figure, Unmeasured


def figure(value: float, limit: float | None = None) -> Figure:
    """Return a figure."""
    return Figure(name="wait_seconds", title="The wait", value=value, unit="s", limit=limit)


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], figures: Iterator[Figure | Unmeasured]
) -> tuple[int, dict[str, Any], str]:
    """Run a bench that measures these; return its status, its JSON object and what it said on stderr."""
    monkeypatch.setattr(bench, "SUBJECTS", {"waiting": lambda: figures})
    monkeypatch.setattr(sys, "argv", ["bench", "waiting", "--json"])
    status = bench.main()
    printed = capsys.readouterr()
    return status, json.loads(printed.out.splitlines()[-1]), printed.err


@pytest.mark.parametrize("limit", [None, 2, 2.5])
def test_figures_within_their_limits_are_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], limit: float | None
) -> None:
    status, report, said = run(monkeypatch, capsys, iter([figure(2, limit)]))
    assert (status, said) == (0, "")
    assert (report["ok"], report["figures"], report["short"]) == (True, {"wait_seconds": 2}, [])
    assert set(report["machine"]) == {"cores", "architecture", "kernel", "python"}


def test_a_missed_limit_is_a_sentence_and_a_bad_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report, said = run(monkeypatch, capsys, iter([figure(2.1, 2)]))
    assert status == 1
    assert (report["ok"], report["limits"]) == (False, {"wait_seconds": 2})
    assert report["short"] == ["The wait: 2.100 s, more than 2."]
    assert said == "short: The wait: 2.100 s, more than 2.\n"


def test_less_than_the_least_is_short(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    speed = Figure(name="rate", title="The rate", value=0.9, unit="times", least=1)
    assert "(at least 1 times)" in speed.line
    status, report, _ = run(monkeypatch, capsys, iter([speed]))
    assert (status, report["least"], report["short"]) == (1, {"rate": 1}, ["The rate: 0.900 times, less than 1."])
    assert run(monkeypatch, capsys, iter([replace(speed, value=1)]))[0] == 0


def test_what_cannot_be_measured_is_told_with_what_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def figures() -> Iterator[Figure]:
        yield figure(1, 2)
        raise Unmeasured("The second never came.")

    status, report, _ = run(monkeypatch, capsys, figures())
    assert status == 1
    assert (report["figures"], report["short"]) == ({"wait_seconds": 1}, ["The second never came."])


def test_what_was_not_measured_is_told_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report, _ = run(monkeypatch, capsys, iter([Unmeasured("The first never came."), figure(1, 2)]))
    assert (status, report["figures"]) == (1, {"wait_seconds": 1})
    assert report["short"] == ["The first never came."]


def test_the_relay_is_measured_as_far_as_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any]] = []

    def measure(**options: Any) -> Iterator[Figure]:
        asked.append(options)
        return iter([])

    monkeypatch.setattr(relay, "measure", measure)
    monkeypatch.setattr(sys, "argv", ["bench", "relay", "--quick", "--only", "churn", "--only", "stall"])
    assert bench.main() == 0
    assert asked == [{"quick": True, "only": ["churn", "stall"], "program": relay.PROGRAM}]
