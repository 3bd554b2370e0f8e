"""Points and spans of time as XML schema writes them (XML Schema part 2, dateTime and duration)."""

from datetime import UTC, datetime, timedelta
import re
from typing import Final

MAX_LENGTH: Final = 64
_DURATION: Final = re.compile(
    r"(?P<sign>-?)P(?=[0-9T])(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_DAYS_PER_YEAR: Final = 365
_DAYS_PER_MONTH: Final = 30


def parse_duration(text: str) -> timedelta:
    """Read an xs:duration, a year as 365 days and a month as 30; raises ValueError."""
    if len(text) > MAX_LENGTH or (match := _DURATION.fullmatch(text)) is None:
        raise ValueError("not a duration")
    numbers = {name: float(match[name] or 0) for name in ("years", "months", "days", "hours", "minutes", "seconds")}
    days = numbers["years"] * _DAYS_PER_YEAR + numbers["months"] * _DAYS_PER_MONTH + numbers["days"]
    try:
        span = timedelta(days=days, hours=numbers["hours"], minutes=numbers["minutes"], seconds=numbers["seconds"])
    except OverflowError as error:
        raise ValueError("longer than can be counted") from error
    return -span if match["sign"] else span


def format_duration(span: timedelta) -> str:
    """Write an xs:duration in seconds; it must not be negative."""
    return f"PT{span.total_seconds():.3f}".rstrip("0").rstrip(".") + "S"


def parse_time(text: str) -> datetime:
    """Read an xs:dateTime; UTC when it has no zone. Raises ValueError."""
    if len(text) > MAX_LENGTH or "T" not in text:
        raise ValueError("not a time")
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def format_time(moment: datetime, timespec: str = "seconds") -> str:
    """Write an xs:dateTime in UTC with `Z`, as ONVIF Core wants it; `timespec` as in `datetime.isoformat`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"
