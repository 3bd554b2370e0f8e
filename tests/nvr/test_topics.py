"""What topics mean, whatever their prefixes."""

import pytest

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.nvr.topics import (
    DEVICE_TOPICS,
    ONVIF_TOPICS,
    TOPICS,
    Reading,
    canonical_topic,
    interpret,
    kinds_of,
)

HIKVISION = "http://www.hikvision.com/2011/event/topics"
MOTION_ALARM = "VideoSource/MotionAlarm"
INSIDE = "RuleEngine/FieldDetector/ObjectsInside"
CROSSED = "RuleEngine/LineDetector/Crossed"
OBJECT = "RuleEngine/ObjectDetection/Object"


@pytest.mark.parametrize(
    ("text", "namespaces", "expected"),
    [
        ("tns1:VideoSource/MotionAlarm", {"tns1": ONVIF_TOPICS}, MOTION_ALARM),
        ("x:VideoSource/MotionAlarm", {"x": ONVIF_TOPICS}, MOTION_ALARM),
        ("x:VideoSource/x:MotionAlarm", {"x": ONVIF_TOPICS}, MOTION_ALARM),
        ("tns1:VideoSource/MotionAlarm", {}, MOTION_ALARM),
        ("VideoSource/MotionAlarm", {}, MOTION_ALARM),
        (" tns1:VideoSource / MotionAlarm /.", {"tns1": ONVIF_TOPICS}, MOTION_ALARM),
        ("tns1:VideoSource/MotionAlarm//.", {"tns1": ONVIF_TOPICS}, MOTION_ALARM),
        ("tns1:VideoSource/MotionAlarm", {"tns1": HIKVISION}, "vendor:VideoSource/MotionAlarm"),
        (
            "tns1:Device/Trigger/tnshik:AlarmIn",
            {"tns1": ONVIF_TOPICS, "tnshik": HIKVISION},
            "Device/Trigger/vendor:AlarmIn",
        ),
        ("tns1:Device/Trigger/tnshik:AlarmIn", {"tns1": ONVIF_TOPICS}, "Device/Trigger/vendor:AlarmIn"),
        ("", {}, ""),
    ],
)
def test_topics_are_known_by_their_expanded_names(text: str, namespaces: dict[str | None, str], expected: str) -> None:
    """A prefix is anything; a vendor's word is not ONVIF's."""
    assert canonical_topic(text, namespaces) == expected


@pytest.mark.parametrize(
    ("value", "active"),
    [("true", True), ("True", True), ("1", True), (" TRUE ", True), ("false", False), ("0", False), ("False", False)],
)
def test_truth_has_many_spellings(value: str, active: bool) -> None:
    """Recorders write them all."""
    assert interpret(MOTION_ALARM, (), [("State", value)], "Changed") == (Reading(EventKind.MOTION, active),)


@pytest.mark.parametrize("value", ["", "maybe", "2", "null"])
def test_what_is_no_truth_value_tells_nothing(value: str) -> None:
    """Nothing is made up."""
    assert interpret(MOTION_ALARM, (), [("State", value)], "Changed") == ()


def test_items_come_in_any_order() -> None:
    """A number that is no state is passed over."""
    data = [("ObjectId", "1"), ("Count", "0"), ("IsMotion", "0")]

    assert interpret("RuleEngine/CellMotionDetector/Motion", (), data, "") == (Reading(EventKind.MOTION, False),)


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("Human", EventKind.PERSON),
        ("vehicle", EventKind.VEHICLE),
        ("MyFieldDetector1", EventKind.MOTION),
        (None, EventKind.MOTION),
    ],
)
def test_the_name_of_a_field_rule_tells_what_it_looks_for(rule: str | None, kind: EventKind) -> None:
    """Hikvision's and Dahua's way; others say motion."""
    source = [("VideoSourceConfigurationToken", "v")] + ([("Rule", rule)] if rule else [])

    assert interpret(INSIDE, source, [("IsInside", "true")], "Changed") == (Reading(kind, True),)
    assert interpret(INSIDE, source, [], "Deleted") == (Reading(kind, False),)


def test_a_line_crossing_without_a_state_is_momentary() -> None:
    """Its end is never told; and an initial state of it is long over."""
    data = [("ObjectId", "1")]

    assert interpret(CROSSED, (), data, "Changed") == (Reading(EventKind.LINE_CROSSING, None),)
    assert interpret(CROSSED, (), (), "") == (Reading(EventKind.LINE_CROSSING, None),)
    assert interpret(CROSSED, (), data, "Initialized") == ()
    assert interpret("RuleEngine/CellMotionDetector/LineCross", (), [("IsLineCross", "false")], "") == (
        Reading(EventKind.LINE_CROSSING, False),
    )


def test_classes_of_objects_are_all_told() -> None:
    """What is in view, and what no longer is."""
    readings = interpret(OBJECT, (), [("ClassTypes", "Human Vehical")], "Changed")

    assert {reading.kind: reading.active for reading in readings} == {
        EventKind.PERSON: True,
        EventKind.VEHICLE: True,
        EventKind.ANIMAL: False,
        EventKind.FACE: False,
    }
    assert not any(reading.active for reading in interpret(OBJECT, (), [("ClassTypes", "")], "Changed"))
    assert interpret(OBJECT, (), [("Other", "true")], "Changed") == ()


def test_the_name_of_an_item_can_tell_the_kind() -> None:
    """TP-Link's smart events come under one topic."""
    topic = "RuleEngine/TPSmartEventDetector/TPSmartEvent"

    assert interpret(topic, (), [("IsVehicle", "true")], "Changed") == (Reading(EventKind.VEHICLE, True),)
    assert interpret(topic, (), [("IsTPSmartEvent", "true")], "Changed") == (Reading(EventKind.MOTION, True),)


def test_a_property_that_is_gone_is_not_active() -> None:
    """PropertyOperation Deleted."""
    assert interpret(MOTION_ALARM, (), [("State", "true")], "Deleted") == (Reading(EventKind.MOTION, False),)


@pytest.mark.parametrize("topic", [*sorted(DEVICE_TOPICS), "Monitoring/ProcessorUsage", "", "vendor:VideoSource/X"])
def test_other_topics_tell_nothing_of_channels(topic: str) -> None:
    """Contacts of the recorder are not of a channel."""
    assert interpret(topic, (), [("State", "true")], "Changed") == ()


def test_kinds_come_in_a_fixed_order() -> None:
    """Two scans are equal, in whatever order a recorder lists its topics."""
    topics = ["RuleEngine/MyRuleDetector/Visitor", MOTION_ALARM, "RuleEngine/CellMotionDetector/Motion", "Other/Topic"]

    assert kinds_of(topics) == kinds_of(reversed(topics)) == (EventKind.MOTION, EventKind.DOORBELL)
    assert EventKind.DIGITAL_INPUT not in {kind for kinds in TOPICS.values() for kind in kinds}
