"""Which topics a topic expression matches."""

import pytest

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.responder.events.errors import InvalidTopicExpression, TopicDialectUnknown
from custom_components.onvif_proxy.responder.events.topic_filter import CONCRETE, CONCRETE_SET, parse_topic_expression
from custom_components.onvif_proxy.responder.events.topics import topics_of

NAMESPACES = {
    "tns1": "http://www.onvif.org/ver10/topics",
    "topic": "http://www.onvif.org/ver10/topics",
    "vendor": "http://vendor.invalid/topics",
    None: "http://docs.oasis-open.org/wsn/b-2",
}
MOTION_ALARM = "tns1:VideoSource/MotionAlarm"
CELL_MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
PEOPLE = "tns1:RuleEngine/MyRuleDetector/PeopleDetect"
VEHICLES = "tns1:RuleEngine/MyRuleDetector/VehicleDetect"
TOPICS = topics_of([EventKind.MOTION, EventKind.PERSON, EventKind.VEHICLE])


def matched(text: str, dialect: str | None = CONCRETE_SET) -> list[str]:
    matches = parse_topic_expression(text, dialect, NAMESPACES)
    return [topic.text for topic in TOPICS if matches(topic)]


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        (MOTION_ALARM, [MOTION_ALARM]),
        (f"  {MOTION_ALARM}\n", [MOTION_ALARM]),
        ("topic:VideoSource/MotionAlarm", [MOTION_ALARM]),
        ("tns1:VideoSource/tns1:MotionAlarm", [MOTION_ALARM]),
        (f"{MOTION_ALARM} | {PEOPLE}", [MOTION_ALARM, PEOPLE]),
        ("tns1:RuleEngine//.", [CELL_MOTION, PEOPLE, VEHICLES]),
        ("tns1:RuleEngine/MyRuleDetector//.", [PEOPLE, VEHICLES]),
        (f"{PEOPLE}//.", [PEOPLE]),
        ("tns1:VideoSource//.|tns1:RuleEngine/CellMotionDetector//.", [MOTION_ALARM, CELL_MOTION]),
        ("tns1:RuleEngine", []),
        ("tns1:RuleEngine/MyRule//.", []),
        ("vendor:VideoSource/MotionAlarm", []),
        ("tns1:VideoSource/vendor:MotionAlarm", []),
        ("VideoSource/MotionAlarm", []),
    ],
)
def test_sets(text: str, topics: list[str]) -> None:
    assert matched(text) == topics
    assert matched(text, None) == topics


def test_the_usual_prefix_need_not_be_declared() -> None:
    assert parse_topic_expression(PEOPLE, CONCRETE_SET, {})(TOPICS[2])


def test_one_concrete_topic() -> None:
    assert matched(CELL_MOTION, CONCRETE) == [CELL_MOTION]


@pytest.mark.parametrize("text", [f"{MOTION_ALARM}|{PEOPLE}", "tns1:RuleEngine//."])
def test_the_concrete_dialect_has_no_sets(text: str) -> None:
    with pytest.raises(InvalidTopicExpression):
        matched(text, CONCRETE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|",
        f"{MOTION_ALARM}|",
        "tns1:",
        "tns1:VideoSource/",
        "/MotionAlarm",
        "tns1:*",
        "tns1:VideoSource//MotionAlarm",
        "//.",
        "tns1:1",
        "a:b:c",
        "unknown:VideoSource/MotionAlarm",
        "x" * 5000,
    ],
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(InvalidTopicExpression):
        matched(text)


def test_another_dialect() -> None:
    with pytest.raises(TopicDialectUnknown):
        matched(MOTION_ALARM, "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Full")
