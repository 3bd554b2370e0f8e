"""Times and durations of XML schema."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from custom_components.onvif_proxy.responder.durations import format_duration, format_time, parse_duration, parse_time


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("PT0S", timedelta()),
        ("PT60S", timedelta(seconds=60)),
        ("PT1.5S", timedelta(seconds=1.5)),
        ("PT2M", timedelta(minutes=2)),
        ("PT1H2M3S", timedelta(hours=1, minutes=2, seconds=3)),
        ("P1D", timedelta(days=1)),
        ("P1Y2M3DT4H", timedelta(days=365 + 60 + 3, hours=4)),
        ("-PT5S", timedelta(seconds=-5)),
    ],
)
def test_duration(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "60", "PT1", "1H", "PT1S2M", "PTS", "PT-1S", "PT٣S", "P9999999999Y", f"PT{'9' * 99}S"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [(timedelta(), "PT0S"), (timedelta(minutes=10), "PT600S"), (timedelta(seconds=1.25), "PT1.25S")],
)
def test_duration_as_text(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21T12:00:00Z", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21T12:00:00", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("2026-11-21T12:00:00.250+02:00", datetime(2026, 11, 21, 10, 0, 0, 250000, tzinfo=UTC)),
    ],
)
def test_time(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize("text", ["", "2026-11-21", "noon", "2026-13-01T00:00:00Z", "T" * 100])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


def test_time_as_text() -> None:
    moment = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(moment) == "2026-11-21T10:00:00Z"
    assert format_time(moment, "milliseconds") == "2026-11-21T10:00:00.123Z"
