"""Answers of event services, read."""

from lxml import etree
import pytest

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.nvr.envelope import MAX_DECLARATIONS, MAX_MARKUP
from custom_components.onvif_proxy.nvr.errors import RecorderRefused
from custom_components.onvif_proxy.nvr.notifications import (
    MAX_LIFETIME,
    MAX_NOTIFICATIONS,
    read_lifetime,
    read_pulled,
    read_subscription,
    read_topic_set,
)
from custom_components.onvif_proxy.nvr.topics import interpret, kinds_of

from .event_messages import (
    CELL_MOTION,
    MOTION_ALARM,
    WSA_2004,
    event_properties,
    motion,
    notification,
    pulled,
    renewed,
    subscription,
)
from .soap_recorder import CAPTURES

needs_captures = pytest.mark.skipif(not CAPTURES.is_dir(), reason="device captures are not beside this checkout")


def test_a_message_is_read_with_its_items_in_order() -> None:
    """Topic, operation, source and data."""
    source = {"VideoSourceConfigurationToken": "000", "Rule": "r"}
    answer = read_pulled(pulled(notification(CELL_MOTION, source, {"IsMotion": "true"}, "Initialized")).encode())
    [message] = answer.notifications

    assert message.topic == "RuleEngine/CellMotionDetector/Motion"
    assert message.operation == "Initialized"
    assert message.source == (("VideoSourceConfigurationToken", "000"), ("Rule", "r"))
    assert message.data == (("IsMotion", "true"),)
    assert answer.lifetime == 90


def test_a_prefix_may_be_declared_anywhere() -> None:
    """On the topic itself, too; the text decides nothing."""
    text = pulled(
        '<wsnt:NotificationMessage><wsnt:Topic xmlns:q="http://www.onvif.org/ver10/topics">q:VideoSource/MotionAlarm'
        "</wsnt:Topic><wsnt:Message/></wsnt:NotificationMessage>"
    )
    [message] = read_pulled(text.encode()).notifications

    assert message.topic == "VideoSource/MotionAlarm"
    assert (message.operation, message.source, message.data) == ("", (), ())


def test_undeclared_prefixes_of_elements_are_put_up_with() -> None:
    """Some recorders' answers are not well-formed."""
    text = pulled(motion("s1", True)).replace("wsnt:Message", "nope:Message").replace("wsnt:Topic", "nope:Topic")
    [message] = read_pulled(text.encode()).notifications

    assert message.topic == "VideoSource/MotionAlarm"
    assert message.data == (("State", "true"),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<a/>",
        b"\x00\xff junk",
        b'<!DOCTYPE a [<!ENTITY x "y">]>' + pulled(motion("s1", True)).encode(),
    ],
)
def test_junk_holds_no_messages(content: bytes) -> None:
    """And raises nothing."""
    answer = read_pulled(content)

    assert (answer.notifications, answer.lifetime) == ((), None)


def test_messages_are_bounded() -> None:
    """In number, and in what they hold."""
    many = pulled(*[motion("s1", True)] * (MAX_NOTIFICATIONS + 5))
    long = pulled(notification(MOTION_ALARM, {"Source": "x" * 10_000}, {f"n{i}": "1" for i in range(1000)}))
    [message] = read_pulled(long.encode()).notifications

    assert len(read_pulled(many.encode()).notifications) == MAX_NOTIFICATIONS
    assert message.source == ()
    assert len(message.data) == 32


@pytest.mark.parametrize(
    ("times", "lifetime"),
    [
        (("2026-01-01T00:00:00Z", "2026-01-01T00:10:05Z"), 605),
        (("2026-01-01T00:00:00", "2026-01-01T00:01:00"), 60),
        (("2026-01-01T02:00:00+02:00", "2026-01-01T00:01:00Z"), 60),
        (("2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z"), 0),
        (("2026-01-01T00:00:00Z", "9999-01-01T00:00:00Z"), MAX_LIFETIME),
        (("2026-01-01T00:00:00Z", "2026-01-01T00:00:00"), None),
        (("now", "then"), None),
    ],
)
def test_a_lifetime_is_counted_by_the_clock_of_the_recorder(times: tuple[str, str], lifetime: float | None) -> None:
    """Whatever that shows."""
    assert read_lifetime(renewed(times).encode()) == lifetime


def test_a_subscription_of_either_addressing() -> None:
    """Reolink writes WS-Addressing of 2004, and no times."""
    text = subscription("http://10.0.30.4:8000/onvif/event_service?Idx=1", addressing=WSA_2004, times=None)
    reference = read_subscription(text.encode())

    assert reference.address == "http://10.0.30.4:8000/onvif/event_service?Idx=1"
    assert reference.headers == ()
    assert reference.lifetime is None


def test_reference_parameters_become_headers() -> None:
    """Axis has one address for all subscriptions."""
    text = subscription("http://h/onvif/services", parameters='<!-- x --><d:Id xmlns:d="urn:d">7</d:Id>')
    [header] = read_subscription(text.encode()).headers

    assert etree.QName(header).text == "{urn:d}Id"
    assert header.text == "7"
    assert header.get("{http://www.w3.org/2005/08/addressing}IsReferenceParameter") == "true"


@pytest.mark.parametrize(
    "text",
    [
        subscription(""),
        pulled(),
        "<a/>",
        "",
        subscription("http://h/", parameters="<d/>" * 9),
        subscription("http://h/", parameters=f"<d>{'x' * 5000}</d>"),
    ],
)
def test_a_subscription_without_a_usable_reference_is_refused(text: str) -> None:
    """Nothing could be asked of it."""
    with pytest.raises(RecorderRefused):
        read_subscription(text.encode())


def test_a_topic_set_is_read_by_expanded_names() -> None:
    """With or without the attribute, with branches that claim to be topics, and with vendors' words."""
    topics = read_topic_set(
        event_properties(
            '<tns1:VideoSource wstop:topic="true"><MotionAlarm wstop:topic="true"><tt:MessageDescription/></MotionAlarm>'
            "<tns1:GlobalSceneChange><ImagingService/></tns1:GlobalSceneChange></tns1:VideoSource>"
            '<tns1:Device><Trigger><tnshik:AlarmIn wstop:topic="true"/></Trigger></tns1:Device><!-- end -->'
        ).encode()
    )

    assert topics == {
        "VideoSource/MotionAlarm",
        "VideoSource/GlobalSceneChange/ImagingService",
        "Device/Trigger/vendor:AlarmIn",
    }


@pytest.mark.parametrize("depth", [100, 5000])
def test_a_bottomless_topic_set_ends(depth: int) -> None:
    """Hostile recorders nest."""
    deep = event_properties("<a>" * depth + "</a>" * depth)

    assert read_topic_set(deep.encode()) == frozenset()


@needs_captures
def test_topics_of_captured_devices() -> None:
    """Hikvision's, Reolink's and Axis's."""
    found = {
        folder: kinds_of(read_topic_set((CAPTURES / folder / "GetEventProperties.xml").read_bytes()))
        for folder in ("hikvision-fixture", "reolink-e1-zoom", "axis-p3818-pve")
    }

    assert found == {
        "hikvision-fixture": (EventKind.MOTION, EventKind.LINE_CROSSING, EventKind.TAMPER),
        "reolink-e1-zoom": (EventKind.MOTION,),
        "axis-p3818-pve": (EventKind.TAMPER,),
    }


@needs_captures
def test_messages_of_a_captured_hikvision() -> None:
    """Eight states at the beginning: five topics of the camera, and three of its clock."""
    pull = read_pulled((CAPTURES / "hikvision-fixture" / "PullMessages.xml").read_bytes())
    meant = [
        (message.topic, *interpret(message.topic, message.source, message.data, message.operation))
        for message in pull.notifications
    ]
    reference = read_subscription((CAPTURES / "hikvision-fixture" / "CreatePullPointSubscription.xml").read_bytes())

    assert pull.lifetime == 605
    assert {message.operation for message in pull.notifications} == {"Initialized"}
    assert [(topic, reading[0].kind, reading[0].active) for topic, *reading in meant if reading] == [
        ("VideoSource/MotionAlarm", EventKind.MOTION, False),
        ("RuleEngine/CellMotionDetector/Motion", EventKind.MOTION, False),
        ("RuleEngine/TamperDetector/Tamper", EventKind.TAMPER, False),
        ("RuleEngine/FieldDetector/ObjectsInside", EventKind.MOTION, False),
    ]
    assert len(meant) == 8
    assert reference.address.startswith("http://")


def test_messages_inside_messages_are_not_read() -> None:
    """Each would be walked as often as it is deep."""
    inner = notification(CELL_MOTION, {}, {"IsMotion": "true"})
    outer = f"<wsnt:NotificationMessage>{inner}</wsnt:NotificationMessage>"
    [message] = read_pulled(pulled(outer * 3 + "<wsnt:NotificationMessage/>" + inner).encode()).notifications[3:]

    assert message.topic == "RuleEngine/CellMotionDetector/Motion"


@pytest.mark.parametrize(
    "waste", ["<a/>" * MAX_MARKUP, "<a " + " ".join(f'xmlns:p{n}="u"' for n in range(MAX_DECLARATIONS)) + "/>"]
)
def test_an_answer_with_too_much_structure_is_not_walked(waste: str) -> None:
    """It would keep the processor busy for minutes."""
    message = notification(CELL_MOTION, {}, {"IsMotion": "true"})

    assert read_pulled(pulled(message + waste).encode()).notifications == ()
