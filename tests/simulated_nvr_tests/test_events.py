"""Motion of every channel comes out of one subscription, named by source."""

import asyncio
from datetime import UTC, datetime, timedelta
import re

from lxml import etree
from onvif import ONVIFCamera
import pytest

from tests.simulated_nvr import SimulatedRecorder

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


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "reolink", "uniview"])
async def test_each_vendor_says_which_channel_moves(start_recorder: Recorders, vendor) -> None:
    recorder = await start_recorder(vendor=vendor, channels=3)
    address = await _subscribe(recorder)
    first = _messages(await _pull(recorder, address))
    topics = recorder.channels.vendor.motion_topics
    assert len(first) == 3 * len(topics)
    assert {(operation, value) for _, operation, _, value in first} == {("Initialized", "false")}
    recorder.set_motion(2, active=True)
    changed = _messages(await _pull(recorder, address))
    assert [(topic, operation, value) for topic, operation, _, value in changed] == [
        (topic, "Changed", "true") for topic in topics
    ]
    channel = recorder.channels.channel(2)
    assert {source for _, _, source, _ in changed} <= {channel.source_token, channel.source_configuration_token}
    assert _messages(await _pull(recorder, address)) == []


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


async def test_event_properties_name_the_vendors_topics(start_recorder: Recorders) -> None:
    recorder = await start_recorder(vendor="dahua", max_pull_points=7)
    root = etree.fromstring((await call(recorder, "events", "<tev:GetEventProperties/>")).body)
    leaves = root.xpath("//*[@*[local-name()='topic']='true']")
    assert [etree.QName(leaf).localname for leaf in leaves] == ["MotionAlarm", "Motion"]
    assert all(leaf.find("{*}MessageDescription") is not None for leaf in leaves)
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
