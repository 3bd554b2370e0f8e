"""Which messages a content filter lets through."""

from datetime import UTC, datetime

import pytest

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.responder.events.content_filter import ITEM_FILTER, parse_content_expression
from custom_components.onvif_proxy.responder.events.errors import InvalidMessageContent
from custom_components.onvif_proxy.responder.events.notification import Notification, PropertyOperation
from custom_components.onvif_proxy.responder.events.topics import TOPICS

NAMESPACES = {"tt": "http://www.onvif.org/ver10/schema", "other": "http://other.invalid"}
CELL_MOTION = TOPICS[EventKind.MOTION][1]
"""From VideoSourceConfiguration_1, with IsMotion."""
SOURCE = '//tt:SimpleItem[@Name="VideoSourceConfigurationToken" and @Value="VideoSourceConfiguration_1"]'
MOVES = '//tt:SimpleItem[@Name="IsMotion" and @Value="true"]'
INSIDE = '//tt:SimpleItem[@Name="IsInside"]'


def passes(text: str, *, active: bool = True) -> bool:
    notification = Notification(CELL_MOTION, PropertyOperation.CHANGED, active, datetime(2026, 11, 21, tzinfo=UTC))
    return parse_content_expression(text, ITEM_FILTER, NAMESPACES)(notification)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"boolean({SOURCE})", True),
        (f"boolean({MOVES})", True),
        (f"boolean({INSIDE})", False),
        (f"not(boolean({INSIDE}))", True),
        (f" not ( boolean( {SOURCE} ) ) ", False),
        (f"boolean({SOURCE}) and boolean({MOVES})", True),
        (f"boolean({SOURCE}) and boolean({INSIDE})", False),
        (f"boolean({INSIDE}) or boolean({MOVES})", True),
        (f"boolean({MOVES}) or boolean({INSIDE}) and boolean({INSIDE})", True),
        (f"(boolean({MOVES}) or boolean({INSIDE})) and boolean({INSIDE})", False),
        (f"boolean({INSIDE}) or boolean({INSIDE}) or boolean({MOVES})", True),
        ("boolean(//SimpleItem[@Name='IsMotion'])", True),
        ('boolean(//tt:SimpleItem[@Value="true"])', True),
        ('boolean(//tt:SimpleItem[@Name="IsMotion" or @Name="State"])', True),
        ('boolean(//tt:SimpleItem[not(@Name="IsMotion") and @Value="true"])', False),
        ('boolean(//tt:SimpleItem[(@Name="IsMotion" or @Name="State") and @Value="true"])', True),
        ('boolean(//tt:SimpleItem[@Name="Rule" and @Value="true"])', False),
        ('boolean(//tt:ElementItem[@Name="IsMotion"])', False),
        ('not(boolean(//tt:SimpleItem[@Name="and" or @Name="not("]))', True),
    ],
)
def test_expressions(text: str, expected: bool) -> None:
    assert passes(text) is expected


def test_the_state_of_the_message_counts() -> None:
    assert not passes(f"boolean({MOVES})", active=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "boolean()",
        "boolean(//tt:SimpleItem)",
        "true()",
        f"boolean({SOURCE}",
        f"boolean({SOURCE}))",
        f"boolean({SOURCE}) boolean({SOURCE})",
        f"boolean({SOURCE}) and",
        f"not boolean({SOURCE})",
        'boolean(//tt:Message[@Name="x"])',
        'boolean(//other:SimpleItem[@Name="x"])',
        'boolean(/tt:SimpleItem[@Name="x"])',
        'boolean(//tt:SimpleItem[@UtcTime="x"])',
        'boolean(//tt:SimpleItem[@Name!="x"])',
        'boolean(//tt:SimpleItem[@Name="x])',
        "boolean(//tt:SimpleItem[@Name=x])",
        "(" * 1000,
        f"{'not(' * 17}boolean({SOURCE}){')' * 17}",
        f"boolean({SOURCE})" + " " * 5000 + "x",
        " or ".join([f"boolean({SOURCE})"] * 100),
    ],
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(InvalidMessageContent):
        passes(text)


@pytest.mark.parametrize("dialect", [None, "", "http://www.w3.org/TR/1999/REC-xpath-19991116"])
def test_another_dialect(dialect: str | None) -> None:
    with pytest.raises(InvalidMessageContent):
        parse_content_expression(f"boolean({SOURCE})", dialect, NAMESPACES)
