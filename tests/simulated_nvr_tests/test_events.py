"""Motion of every channel comes out of one subscription, named by source."""

import asyncio
from datetime import UTC, datetime, timedelta
import re

from lxml import etree
from onvif import ONVIFCamera
import pytest

from tests.simulated_nvr import SimulatedRecorder
from tests.simulated_nvr.vendors import VENDORS

from .clients import ENVELOPE, Answer, call, onvif_camera, post, username_token
from .conftest import Recorders

INTERVAL = timedelta(seconds=60)
CREATE = "<tev:CreatePullPointSubscription/>"


async def _pull(recorder: SimulatedRecorder, address: str, operation: str = "") -> Answer:
    operation = operation or (
        "<tev:PullMessages><tev:Timeout>PT0.2S</tev:Timeout><tev:MessageLimit>100</tev:MessageLimit></tev:PullMessages>"
    )
    security = username_token(recorder.options.username, recorder.options.password)
    return await post(address, ENVELOPE.format(security, operation))


async def _subscribe(recorder: SimulatedRecorder, operation: str = CREATE) -> str:
    answer = await call(recorder, "events", operation)
    assert answer.status == 200
    address = etree.fromstring(answer.body).findtext(".//{*}Address")
    assert address is not None
    return address


def _messages(answer: Answer) -> list[tuple[str, str, str, str]]:
    """Return (topic, operation, first source value, data value) of each notification."""
    assert answer.status == 200
    found = []
    for notification in etree.fromstring(answer.body).iter("{*}NotificationMessage"):
        message = notification.find(".//{http://www.onvif.org/ver10/schema}Message")
        assert message is not None
        found.append(
            (
                notification.findtext("{*}Topic") or "",
                message.get("PropertyOperation") or "",
                message.find("{*}Source/{*}SimpleItem").get("Value"),
                message.find("{*}Data/{*}SimpleItem").get("Value"),
            )
        )
    return found


@pytest.mark.parametrize("vendor", VENDORS)
async def test_each_vendor_says_which_channel_moves(start_recorder: Recorders, vendor) -> None:
    recorder = await start_recorder(vendor=vendor, channels=3)
    address = await _subscribe(recorder)
    first = _messages(await _pull(recorder, address))
    states = [topic for topic in recorder.channels.vendor.topics if topic.state is not None]
    assert len(first) == 3 * len(states)
    assert {(operation, value) for _, operation, _, value in first} == {("Initialized", "false")}
    recorder.set_motion(2, active=True)
    changed = _messages(await _pull(recorder, address))
    motion = [topic.name for topic in states if topic.kind == "motion"]
    assert motion
    assert [(topic, operation, value) for topic, operation, _, value in changed] == [
        (topic, "Changed", "true") for topic in motion
    ]
    channel = recorder.channels.channel(2)
    assert {source for _, _, source, _ in changed} <= {channel.source_token, channel.source_configuration_token}
    assert _messages(await _pull(recorder, address)) == []


TOLD = {
    ("hikvision", "tamper"): ("tns1:RuleEngine/TamperDetector/Tamper", "VideoSourceConfigurationToken002"),
    ("hikvision", "intrusion"): ("tns1:RuleEngine/FieldDetector/ObjectsInside", "VideoSourceConfigurationToken002"),
    ("hikvision", "digital_input"): ("tns1:Device/Trigger/tnshik:AlarmIn", "AlarmIn_2"),
    ("dahua", "person"): ("tns1:UserAlarm/IVA/HumanShapeDetect", "00100"),
    ("dahua", "vehicle"): ("tns1:VehicleAlarm/IVB/VehicleDetect", "00100"),
    ("dahua", "tamper"): ("tns1:VideoSource/GlobalSceneChange/ImagingService", "00100"),
    ("dahua", "digital_input"): ("tns1:Device/Trigger/DigitalInput", "00100"),
    ("reolink", "person"): ("tns1:RuleEngine/MyRuleDetector/PeopleDetect", "001"),
    ("reolink", "vehicle"): ("tns1:RuleEngine/MyRuleDetector/VehicleDetect", "001"),
    ("reolink", "animal"): ("tns1:RuleEngine/MyRuleDetector/DogCatDetect", "001"),
    ("reolink", "face"): ("tns1:RuleEngine/MyRuleDetector/FaceDetect", "001"),
    ("reolink", "package"): ("tns1:RuleEngine/MyRuleDetector/Package", "001"),
    ("reolink", "doorbell"): ("tns1:RuleEngine/MyRuleDetector/Visitor", "001"),
    ("uniview", "person"): ("tns1:RuleEngine/FieldDetector/ObjectsInside", "vsconf:00200"),
    ("uniview", "digital_input"): ("tns1:Device/Trigger/DigitalInput", "00200"),
}


@pytest.mark.parametrize(("vendor", "kind"), TOLD)
async def test_each_vendor_tells_what_it_sees_in_its_own_words(start_recorder: Recorders, vendor, kind) -> None:
    recorder = await start_recorder(vendor=vendor, channels=2)
    address = await _subscribe(recorder)
    await _pull(recorder, address)
    topic, source = TOLD[vendor, kind]
    recorder.set_event(2, kind, active=True)
    assert _messages(await _pull(recorder, address)) == [(topic, "Changed", source, "true")]
    recorder.set_event(2, kind, active=False)
    assert _messages(await _pull(recorder, address)) == [(topic, "Changed", source, "false")]


async def test_an_object_in_a_field_has_a_rule_and_a_key(start_recorder: Recorders) -> None:
    recorder = await start_recorder(vendor="uniview", channels=1)
    address = await _subscribe(recorder)
    await _pull(recorder, address)
    recorder.set_event(1, "vehicle", active=True)
    message = etree.fromstring((await _pull(recorder, address)).body).find(
        ".//{http://www.onvif.org/ver10/schema}Message"
    )
    assert message is not None
    assert [(item.get("Name"), item.get("Value")) for item in message.iter("{*}SimpleItem")] == [
        ("VideoSourceConfigurationToken", "vsconf:00100"),
        ("VideoAnalyticsConfigurationToken", "VideoAnalytics_1"),
        ("Rule", "Vehicle"),
        ("ObjectId", "1"),
        ("IsInside", "true"),
    ]
    assert [etree.QName(part).localname for part in message] == ["Source", "Key", "Data"]


async def test_a_crossed_line_only_happens(recorder: SimulatedRecorder) -> None:
    address = await _subscribe(recorder)
    assert "LineDetector" not in (await _pull(recorder, address)).text
    recorder.set_event(1, "line_crossing", active=True)
    recorder.set_event(1, "line_crossing", active=False)
    assert _messages(await _pull(recorder, address)) == [
        ("tns1:RuleEngine/LineDetector/Crossed", "", "VideoSourceConfigurationToken001", "1")
    ]


async def test_what_a_vendor_does_not_tell_is_refused(recorder: SimulatedRecorder) -> None:
    assert "person" not in recorder.event_kinds
    with pytest.raises(ValueError, match="person"):
        recorder.set_event(1, "person", active=True)
    with pytest.raises(KeyError):
        recorder.set_event(3, "motion", active=True)


@pytest.mark.parametrize(
    ("expression", "topics"),
    [
        ("t:VideoSource/MotionAlarm", {"tns1:VideoSource/MotionAlarm"}),
        ("t:Device//.", {"tns1:Device/Trigger/tnshik:AlarmIn"}),
        ("t:Device/Trigger/h:AlarmIn", {"tns1:Device/Trigger/tnshik:AlarmIn"}),
        (
            "t:VideoSource//.|t:RuleEngine/TamperDetector//.",
            {"tns1:VideoSource/MotionAlarm", "tns1:RuleEngine/TamperDetector/Tamper"},
        ),
        ("t:Nothing//.", set()),
    ],
)
async def test_a_filter_lets_only_its_topics_through(recorder: SimulatedRecorder, expression, topics) -> None:
    address = await _subscribe(recorder, _filtered(expression))
    assert {topic for topic, *_ in _messages(await _pull(recorder, address))} == topics


@pytest.mark.parametrize("expression", ["MotionAlarm", "other:Device//.", "t:Device/Trigger/other:AlarmIn"])
async def test_a_filter_of_an_unknown_namespace_is_refused(recorder: SimulatedRecorder, expression) -> None:
    answer = await call(recorder, "events", _filtered(expression))
    assert (answer.status, "InvalidFilterFault" in answer.text) == (400, True)


def _filtered(expression: str) -> str:
    return (
        "<tev:CreatePullPointSubscription><tev:Filter><wsnt:TopicExpression "
        'xmlns:t="http://www.onvif.org/ver10/topics" xmlns:h="http://www.hikvision.com/2011/event/topics" '
        f'xmlns:other="urn:other">{expression}</wsnt:TopicExpression></tev:Filter></tev:CreatePullPointSubscription>'
    )


async def test_a_pull_waits_for_the_first_message(recorder: SimulatedRecorder) -> None:
    address = await _subscribe(recorder)
    await _pull(recorder, address)
    long = "<tev:PullMessages><tev:Timeout>PT30S</tev:Timeout><tev:MessageLimit>1</tev:MessageLimit></tev:PullMessages>"
    waiting = asyncio.create_task(_pull(recorder, address, long))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    recorder.set_motion(1, active=True)
    assert len(_messages(await waiting)) == 1


async def test_a_filter_leaves_the_other_topics_out(recorder: SimulatedRecorder) -> None:
    address = await _subscribe(
        recorder,
        '<tev:CreatePullPointSubscription><tev:Filter><wsnt:TopicExpression xmlns:t="http://www.onvif.org/ver10/topics">'
        "t:VideoSource//.|t:RuleEngine/Other</wsnt:TopicExpression></tev:Filter></tev:CreatePullPointSubscription>",
    )
    assert {topic for topic, *_ in _messages(await _pull(recorder, address))} == {"tns1:VideoSource/MotionAlarm"}


async def test_a_synchronization_point_repeats_the_state(recorder: SimulatedRecorder) -> None:
    recorder.set_motion(2, active=True)
    address = await _subscribe(recorder)
    first = _messages(await _pull(recorder, address))
    assert (await _pull(recorder, address, "<tev:SetSynchronizationPoint/>")).status == 200
    assert _messages(await _pull(recorder, address)) == first
    assert ("tns1:VideoSource/MotionAlarm", "Initialized", "VideoSourceToken002", "true") in first


async def test_more_pull_points_than_allowed_are_refused(start_recorder: Recorders) -> None:
    recorder = await start_recorder(max_pull_points=2)
    addresses = [await _subscribe(recorder), await _subscribe(recorder)]
    assert len(set(addresses)) == 2
    refused = await call(recorder, "events", CREATE)
    assert (refused.status, "SubscribeCreationFailedFault" in refused.text) == (500, True)
    assert (await _pull(recorder, addresses[0], "<wsnt:Unsubscribe/>")).status == 200
    await _subscribe(recorder)
    assert recorder.pull_points == 2


async def test_a_subscription_ends_when_nobody_renews_it(recorder: SimulatedRecorder) -> None:
    address = await _subscribe(
        recorder,
        "<tev:CreatePullPointSubscription><tev:InitialTerminationTime>PT0.2S</tev:InitialTerminationTime>"
        "</tev:CreatePullPointSubscription>",
    )
    renew = "<wsnt:Renew><wsnt:TerminationTime>PT0.3S</wsnt:TerminationTime></wsnt:Renew>"
    assert (await _pull(recorder, address, renew)).status == 200
    await asyncio.sleep(0.35)
    late = await _pull(recorder, address, renew)
    assert (late.status, "ResourceUnknownFault" in late.text) == (500, True)
    assert "http://www.w3.org/2005/08/addressing/soap/fault" in late.text


async def test_forgotten_pull_points_fault(recorder: SimulatedRecorder) -> None:
    address = await _subscribe(recorder)
    recorder.forget_pull_points()
    assert (await _pull(recorder, address)).status == 500


async def test_event_answers_carry_their_action(recorder: SimulatedRecorder) -> None:
    answer = await call(recorder, "events", CREATE)
    action = re.search(r"<wsa:Action>(.*?)</wsa:Action>", answer.text)
    assert action is not None
    assert action[1] == "http://www.onvif.org/ver10/events/wsdl/EventPortType/CreatePullPointSubscriptionResponse"


@pytest.mark.parametrize("vendor", VENDORS)
async def test_event_properties_name_the_vendors_topics(start_recorder: Recorders, vendor) -> None:
    recorder = await start_recorder(vendor=vendor)
    root = etree.fromstring((await call(recorder, "events", "<tev:GetEventProperties/>")).body)
    leaves = root.xpath("//*[@*[local-name()='topic']='true']")
    assert {_topic_of(leaf) for leaf in leaves} == {topic.name for topic in recorder.channels.vendor.topics}
    assert all(leaf.find("{*}MessageDescription") is not None for leaf in leaves)
    lines = [leaf for leaf in leaves if _topic_of(leaf).endswith("/Crossed")]
    assert [leaf.find("{*}MessageDescription").get("IsProperty") for leaf in lines] == ["false"] * len(lines)


def _topic_of(leaf: etree._Element) -> str:
    """Return a topic as its notifications name it, by the leaf of the topic set."""
    steps = [leaf, *leaf.iterancestors()]
    names = [f"{step.prefix}:{etree.QName(step).localname}" if step.prefix else step.tag for step in steps]
    return "/".join(reversed(names[: names.index("wstop:TopicSet")]))


async def test_the_number_of_pull_points_is_told(start_recorder: Recorders) -> None:
    recorder = await start_recorder(max_pull_points=7)
    assert 'MaxPullPoints="7"' in (await call(recorder, "events", "<tev:GetServiceCapabilities/>")).text


@pytest.mark.parametrize(("given", "seconds"), [("PT90S", 90), ("PT1M30S", 90), ("P1DT1H", 90000), (None, 60)])
async def test_a_lifetime_may_be_relative(recorder: SimulatedRecorder, given, seconds) -> None:
    wish = f"<tev:InitialTerminationTime>{given}</tev:InitialTerminationTime>" if given else ""
    answer = await call(
        recorder, "events", f"<tev:CreatePullPointSubscription>{wish}</tev:CreatePullPointSubscription>"
    )
    root = etree.fromstring(answer.body)
    begin, end = [
        datetime.fromisoformat(root.findtext(f".//{{*}}{name}")) for name in ("CurrentTime", "TerminationTime")
    ]
    assert (end - begin).total_seconds() == seconds


@pytest.mark.parametrize(("hours", "status"), [(1, 200), (-1, 400)])
async def test_a_lifetime_may_be_absolute(recorder: SimulatedRecorder, hours, status) -> None:
    moment = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    wish = f"<tev:InitialTerminationTime>{moment}</tev:InitialTerminationTime>"
    answer = await call(
        recorder, "events", f"<tev:CreatePullPointSubscription>{wish}</tev:CreatePullPointSubscription>"
    )
    assert answer.status == status


async def test_push_subscriptions_are_not_there(recorder: SimulatedRecorder) -> None:
    answer = await call(recorder, "events", "<wsnt:Subscribe/>")
    assert "ter:ActionNotSupported" in answer.text


async def _manage(camera: ONVIFCamera, recorder: SimulatedRecorder) -> list[str]:
    """Pull through the library's own manager until motion on channel 2 comes."""

    async def lost() -> None:
        raise AssertionError("the subscription was lost")

    manager = await camera.create_pullpoint_manager(INTERVAL, lost)
    try:
        service = manager.get_service()
        await service.PullMessages({"MessageLimit": 100, "Timeout": INTERVAL})
        recorder.set_motion(2, active=True)
        answer = await service.PullMessages({"MessageLimit": 100, "Timeout": INTERVAL})
        return [message.Topic._value_1 for message in answer.NotificationMessage]
    finally:
        await manager.shutdown()


async def test_zeep_gets_motion_from_a_pull_point(recorder: SimulatedRecorder) -> None:
    async with onvif_camera(recorder) as camera:
        topics = await _manage(camera, recorder)
    assert topics == ["tns1:VideoSource/MotionAlarm", "tns1:RuleEngine/CellMotionDetector/Motion"]
    assert recorder.pull_points == 0


async def test_a_recorder_may_never_say_false(recorder: SimulatedRecorder) -> None:
    recorder.faults.events = "no_end"
    address = await _subscribe(recorder)
    recorder.set_motion(1, active=True)
    recorder.set_motion(1, active=False)
    assert {value for *_, value in _messages(await _pull(recorder, address))} == {"true"}


async def test_a_recorder_may_forget_a_subscription_after_each_pull(recorder: SimulatedRecorder) -> None:
    recorder.faults.events = "forget"
    address = await _subscribe(recorder)
    assert _messages(await _pull(recorder, address))
    lost = await _pull(recorder, address)
    assert (lost.status, "ResourceUnknownFault" in lost.text) == (500, True)
    assert recorder.pull_points == 0


async def test_a_recorder_may_answer_empty_at_once(recorder: SimulatedRecorder) -> None:
    recorder.faults.events = "empty_at_once"
    address = await _subscribe(recorder)
    await _pull(recorder, address)
    long = "<tev:PullMessages><tev:Timeout>PT30S</tev:Timeout><tev:MessageLimit>1</tev:MessageLimit></tev:PullMessages>"
    assert _messages(await _pull(recorder, address, long)) == []


async def test_a_recorder_may_refuse_renew(recorder: SimulatedRecorder) -> None:
    recorder.faults.events = "no_renew"
    address = await _subscribe(recorder)
    renew = "<wsnt:Renew><wsnt:TerminationTime>PT60S</wsnt:TerminationTime></wsnt:Renew>"
    refused = await _pull(recorder, address, renew)
    assert (refused.status, "ter:ActionNotSupported" in refused.text) == (500, True)
    assert _messages(await _pull(recorder, address))


async def test_a_recorder_may_name_another_host_for_its_subscription(recorder: SimulatedRecorder) -> None:
    recorder.faults.events = "foreign_address"
    address = await _subscribe(recorder)
    assert address.startswith(f"http://127.0.0.2:{recorder.port}/")
    assert _messages(await _pull(recorder, address.replace("127.0.0.2", "127.0.0.1")))
