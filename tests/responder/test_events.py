"""The event service, by raw HTTP."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import time
from typing import Any

from lxml import etree
import pytest

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.responder import Camera, EventBroker, OnvifServer

from .conftest import Client, Reply, make_camera, make_description
from .envelopes import NS, envelope, operation, security

EVENTS = "/onvif/event_service"
CREATE, PULL, SYNCHRONIZE = (
    "tev:CreatePullPointSubscription",
    "tev:PullMessages",
    "tev:SetSynchronizationPoint",
)
RENEW, UNSUBSCRIBE = "wsnt:Renew", "wsnt:Unsubscribe"
MOTION, PERSON = EventKind.MOTION, EventKind.PERSON
MOTION_ALARM = "tns1:VideoSource/MotionAlarm"
CELL_MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
PEOPLE = "tns1:RuleEngine/MyRuleDetector/PeopleDetect"
CONCRETE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
ITEM_FILTER = "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"
FAULT_ACTION = "http://www.w3.org/2005/08/addressing/soap/fault"
EVENT_ACTIONS = "http://www.onvif.org/ver10/events/wsdl"


def topic_filter(text: str, dialect: str = CONCRETE_SET) -> str:
    return f'<tev:Filter><wsnt:TopicExpression Dialect="{dialect}">{text}</wsnt:TopicExpression></tev:Filter>'


def content_filter(text: str, dialect: str = ITEM_FILTER) -> str:
    return f'<tev:Filter><wsnt:MessageContent Dialect="{dialect}">{text}</wsnt:MessageContent></tev:Filter>'


def initial_time(text: str) -> str:
    return f"<tev:InitialTerminationTime>{text}</tev:InitialTerminationTime>"


def moment(reply: Reply, path: str) -> datetime:
    text = reply.text(path)
    assert text is not None
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def lifetime(reply: Reply) -> float:
    """Return how many seconds an answer grants."""
    prefix = "tev" if reply.response.tag.endswith("PullMessagesResponse") else "wsnt"
    span = moment(reply, f"{prefix}:TerminationTime") - moment(reply, f"{prefix}:CurrentTime")
    return span.total_seconds()


def header_text(reply: Reply, name: str) -> str | None:
    return etree.fromstring(reply.content).findtext(f"env:Header/{name}", namespaces=NS)


def detail(reply: Reply) -> etree._Element:
    (element,) = reply.body.iterfind("env:Detail/*", NS)
    return element


@dataclass(slots=True)
class Message:
    """One notification."""

    topic: str
    operation: str
    state: str
    source: dict[str, str]
    at: datetime


def messages(reply: Reply) -> list[Message]:
    read = []
    for holder in reply.response.iterfind("wsnt:NotificationMessage", NS):
        topic, message = holder.find("wsnt:Topic", NS), holder.find("wsnt:Message/tt:Message", NS)
        assert topic is not None
        assert message is not None
        assert topic.get("Dialect") == CONCRETE_SET
        assert topic.nsmap["tns1"] == NS["tns1"]
        (data,) = message.iterfind("tt:Data/tt:SimpleItem", NS)
        assert message.attrib["UtcTime"].endswith("Z")
        read.append(
            Message(
                str(topic.text),
                message.attrib["PropertyOperation"],
                data.attrib["Value"],
                {item.attrib["Name"]: item.attrib["Value"] for item in message.iterfind("tt:Source/tt:SimpleItem", NS)},
                datetime.fromisoformat(message.attrib["UtcTime"]),
            )
        )
    return read


def told(reply: Reply) -> list[tuple[str, str, str]]:
    return [(message.topic, message.operation, message.state) for message in messages(reply)]


@dataclass(slots=True)
class PullPoint:
    """A pull point, from its client's side."""

    client: Client
    path: str

    async def ask(self, name: str, content: str = "", **more: Any) -> Reply:
        return await self.client.ask(name, content, path=self.path, **more)

    async def pull(self, *, timeout: str = "PT1M", limit: int = 100) -> Reply:
        content = f"<tev:Timeout>{timeout}</tev:Timeout><tev:MessageLimit>{limit}</tev:MessageLimit>"
        return await self.ask(PULL, content)

    async def renew(self, text: str) -> Reply:
        return await self.ask(RENEW, f"<wsnt:TerminationTime>{text}</wsnt:TerminationTime>")


async def subscribe(client: Client, content: str = "") -> PullPoint:
    reply = await client.ask(CREATE, content, path=EVENTS)
    address = reply.text("tev:SubscriptionReference/wsa:Address")
    assert address is not None
    origin, path = address.split("/onvif/")
    assert origin == f"http://127.0.0.1:{client.server.port}"
    return PullPoint(client, f"/onvif/{path}")


@pytest.fixture
def monotonic() -> list[float]:
    """Return the seconds of the broker's clock, as a list so that tests can set them."""
    return [0.0]


@pytest.fixture
def broker(monotonic: list[float]) -> EventBroker:
    made = EventBroker(monotonic=lambda: monotonic[0])
    made.set_kinds([MOTION, PERSON])
    return made


@pytest.fixture
def camera(broker: EventBroker) -> Camera:
    return make_camera(events=broker)


def publish(broker: EventBroker, kind: EventKind, active: bool) -> None:
    broker.publish(kind, active, datetime.now(UTC))


async def until_waiting(broker: EventBroker) -> None:
    """Return when a pull waits at the only pull point."""
    async with asyncio.timeout(5):
        while not any(one.on_news for one in broker._subscriptions.values()):
            await asyncio.sleep(0.001)


class TestProperties:
    async def test_topics(self, client: Client, assert_valid: Callable[[etree._Element], None]) -> None:
        reply = await client.ask("tev:GetEventProperties", path=EVENTS)
        assert_valid(reply.response)
        assert reply.text("wsnt:FixedTopicSet") == "false"
        assert reply.texts("wsnt:TopicExpressionDialect") == [CONCRETE, CONCRETE_SET]
        assert reply.texts("tev:MessageContentFilterDialect") == [ITEM_FILTER]
        topic_set = reply.response.find("wstop:TopicSet", NS)
        assert topic_set is not None
        topics = {
            topic_set.getroottree().getelementpath(topic).split("}TopicSet/")[1].replace(f"{{{NS['tns1']}}}", "tns1:")
            for topic in topic_set.iter()
            if topic.get(f"{{{NS['wstop']}}}topic") == "true"
        }
        assert topics == {MOTION_ALARM, CELL_MOTION, PEOPLE}

    async def test_messages_are_described(self, client: Client) -> None:
        reply = await client.ask("tev:GetEventProperties", path=EVENTS)
        description = reply.response.find(
            "wstop:TopicSet/tns1:RuleEngine/CellMotionDetector/Motion/tt:MessageDescription", NS
        )
        assert description is not None
        assert description.get("IsProperty") == "true"
        items = {
            str(item.get("Name")): str(item.get("Type"))
            for item in description.iterfind(".//tt:SimpleItemDescription", NS)
        }
        assert items == {
            "VideoSourceConfigurationToken": "tt:ReferenceToken",
            "VideoAnalyticsConfigurationToken": "tt:ReferenceToken",
            "Rule": "xs:string",
            "IsMotion": "xs:boolean",
        }
        assert description.nsmap["tt"] == NS["tt"]
        assert description.nsmap["xs"] == "http://www.w3.org/2001/XMLSchema"

    async def test_a_camera_that_can_tell_nothing(
        self, client: Client, broker: EventBroker, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        broker.set_kinds([])
        reply = await client.ask("tev:GetEventProperties", path=EVENTS)
        assert_valid(reply.response)
        assert reply.response.findall("wstop:TopicSet/*", NS) == []
        assert told(await (await subscribe(client)).pull(timeout="PT0S")) == []

    async def test_every_kind_has_valid_topics_and_messages(
        self, client: Client, broker: EventBroker, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        broker.set_kinds(EventKind)
        properties = await client.ask("tev:GetEventProperties", path=EVENTS)
        assert_valid(properties.response)
        described = properties.response.findall(".//tt:MessageDescription", NS)
        reply = await (await subscribe(client)).pull()
        assert_valid(reply.response)
        for message in reply.response.iterfind(".//tt:Message", NS):
            assert_valid(etree.fromstring(etree.tostring(message)))
        assert len(messages(reply)) == len(described) == 12

    async def test_capabilities(self, client: Client, assert_valid: Callable[[etree._Element], None]) -> None:
        reply = await client.ask("tev:GetServiceCapabilities", path=EVENTS)
        assert_valid(reply.response)
        capabilities = reply.response.find("tev:Capabilities", NS)
        assert capabilities is not None
        assert capabilities.attrib["MaxPullPoints"] == "8"
        assert capabilities.attrib["MaxNotificationProducers"] == "0"
        assert capabilities.attrib["PersistentNotificationStorage"] == "false"
        assert header_text(reply, "wsa:Action") == f"{EVENT_ACTIONS}/EventPortType/GetServiceCapabilitiesResponse"

    async def test_capabilities_of_onvif_1(self, client: Client) -> None:
        reply = await client.ask("tds:GetCapabilities", "<tds:Category>Events</tds:Category>")
        assert reply.text(".//tt:Events/tt:XAddr") == client.url(EVENTS)
        assert reply.text(".//tt:Events/tt:WSPullPointSupport") == "true"


class TestPulling:
    async def test_it_begins_with_what_is_the_case(
        self, client: Client, broker: EventBroker, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        publish(broker, MOTION, True)
        reply = await (await subscribe(client)).pull()
        assert_valid(reply.response)
        assert told(reply) == [
            (MOTION_ALARM, "Initialized", "true"),
            (CELL_MOTION, "Initialized", "true"),
            (PEOPLE, "Initialized", "false"),
        ]
        assert [message.source for message in messages(reply)[:2]] == [
            {"Source": "VideoSource_1"},
            {
                "VideoSourceConfigurationToken": "VideoSourceConfiguration_1",
                "VideoAnalyticsConfigurationToken": "VideoAnalyticsConfiguration_1",
                "Rule": "MotionRule",
            },
        ]

    async def test_sources_are_those_of_the_media_service(self, client: Client) -> None:
        reply = await (await subscribe(client)).pull()
        profile = (await client.ask("trt:GetProfiles")).response.find(".//tt:VideoSourceConfiguration", NS)
        assert profile is not None
        first, second, _ = messages(reply)
        assert first.source["Source"] == profile.findtext("tt:SourceToken", namespaces=NS)
        assert second.source["VideoSourceConfigurationToken"] == profile.get("token")

    async def test_a_waiting_client_is_told_at_once(self, client: Client, broker: EventBroker) -> None:
        point = await subscribe(client, topic_filter(MOTION_ALARM))
        await point.pull()
        for active in (True, False):
            waiting = asyncio.create_task(point.pull(timeout="PT1M"))
            await until_waiting(broker)
            began = time.monotonic()
            at = datetime.now(UTC)
            broker.publish(MOTION, active, at)
            reply = await waiting
            assert time.monotonic() - began < 0.2
            assert told(reply) == [(MOTION_ALARM, "Changed", str(active).lower())]
            assert abs(messages(reply)[0].at - at) < timedelta(milliseconds=1)

    async def test_no_empty_answer_before_the_time(self, client: Client) -> None:
        point = await subscribe(client)
        await point.pull()
        began = time.monotonic()
        assert told(await point.pull(timeout="PT0.2S")) == []
        assert time.monotonic() - began >= 0.2

    async def test_no_more_than_the_limit_and_the_rest_later(self, client: Client) -> None:
        point = await subscribe(client)
        replies = [await point.pull(limit=limit) for limit in (1, 2_000_000_000)]
        assert [len(messages(reply)) for reply in replies] == [1, 2]

    async def test_timeout_and_limit_may_be_missing(self, client: Client) -> None:
        assert len(messages(await (await subscribe(client)).ask(PULL))) == 3

    async def test_two_clients_get_everything(self, client: Client, broker: EventBroker) -> None:
        points = [await subscribe(client), await subscribe(client)]
        for point in points:
            await point.pull()
        publish(broker, PERSON, True)
        assert [told(await point.pull()) for point in points] == [[(PEOPLE, "Changed", "true")]] * 2

    async def test_a_client_that_breaks_off_loses_nothing(self, client: Client, broker: EventBroker) -> None:
        point = await subscribe(client, topic_filter(PEOPLE))
        await point.pull()
        waiting = asyncio.create_task(point.pull())
        await until_waiting(broker)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        publish(broker, PERSON, True)
        publish(broker, PERSON, False)
        assert told(await point.pull()) == [(PEOPLE, "Changed", "true"), (PEOPLE, "Changed", "false")]

    async def test_an_answer_that_cannot_be_sent_is_not_lost(self, client: Client, broker: EventBroker) -> None:
        """The connection breaks after the messages were taken, and before they were written."""
        point = await subscribe(client, topic_filter(PEOPLE))
        await point.pull()
        content = "<tev:Timeout>PT1M</tev:Timeout><tev:MessageLimit>10</tev:MessageLimit>"
        body = envelope(operation(PULL, content), security()).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", client.server.port)
        writer.write(
            f"POST {point.path} HTTP/1.1\r\nHost: camera\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        await until_waiting(broker)
        (connection,) = [handler for handler in client.server._server.connections if handler._request_in_progress]  # type: ignore[union-attr]  # it runs
        connection.transport.close()  # type: ignore[union-attr]  # it is connected
        publish(broker, PERSON, True)
        assert await reader.read() == b""
        writer.close()
        assert told(await point.pull()) == [(PEOPLE, "Changed", "true")]

    async def test_a_synchronization_says_anew_what_is_the_case(
        self, client: Client, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        point = await subscribe(client, topic_filter(MOTION_ALARM))
        await point.pull()
        reply = await point.ask(SYNCHRONIZE)
        assert_valid(reply.response)
        assert told(await point.pull()) == [(MOTION_ALARM, "Initialized", "false")]

    @pytest.mark.parametrize(
        "content",
        [
            "<tev:Timeout>soon</tev:Timeout>",
            "<tev:Timeout>-PT1S</tev:Timeout>",
            "<tev:MessageLimit>0</tev:MessageLimit>",
            "<tev:MessageLimit>-1</tev:MessageLimit>",
            "<tev:MessageLimit>many</tev:MessageLimit>",
            f"<tev:MessageLimit>{'9' * 5000}</tev:MessageLimit>",
        ],
    )
    async def test_nonsense(self, client: Client, content: str) -> None:
        reply = await (await subscribe(client)).ask(PULL, content)
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal"])
        assert header_text(reply, "wsa:Action") == FAULT_ACTION

    async def test_a_timeout_that_is_too_long(
        self, client: Client, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        reply = await (await subscribe(client)).pull(timeout="PT601S")
        assert reply.fault == (500, ["env:Receiver"])
        fault = detail(reply)
        assert_valid(fault)
        assert fault.findtext("tev:MaxTimeout", namespaces=NS) == "PT600S"


class TestFilters:
    @pytest.mark.parametrize(
        ("content", "topics"),
        [
            (topic_filter(PEOPLE, CONCRETE), [PEOPLE]),
            (topic_filter(f"{MOTION_ALARM}|{PEOPLE}"), [MOTION_ALARM, PEOPLE]),
            (topic_filter("tns1:RuleEngine//."), [CELL_MOTION, PEOPLE]),
            (topic_filter(f"{MOTION_ALARM}|tns1:Device/Trigger/DigitalInput"), [MOTION_ALARM]),
            (
                content_filter('boolean(//tt:SimpleItem[@Name="Source" and @Value="VideoSource_1"])'),
                [MOTION_ALARM, PEOPLE],
            ),
            (
                topic_filter("tns1:RuleEngine//.").replace("</tev:Filter>", "")
                + content_filter('boolean(//tt:SimpleItem[@Name="IsMotion"])').replace("<tev:Filter>", ""),
                [CELL_MOTION],
            ),
            ("<tev:Filter/>", [MOTION_ALARM, CELL_MOTION, PEOPLE]),
        ],
    )
    async def test_what_passes(self, client: Client, content: str, topics: list[str]) -> None:
        reply = await (await subscribe(client, content)).pull()
        assert [message.topic for message in messages(reply)] == topics

    @pytest.mark.parametrize("depth", [1, 2])
    async def test_changes_only(self, client: Client, broker: EventBroker, depth: int) -> None:
        policy = f"{'<tev:SubscriptionPolicy>' * depth}<tev:ChangedOnly/>{'</tev:SubscriptionPolicy>' * depth}"
        point = await subscribe(client, policy)
        assert told(await point.pull(timeout="PT0S")) == []
        publish(broker, PERSON, True)
        assert told(await point.pull()) == [(PEOPLE, "Changed", "true")]

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (topic_filter("tns1:Nothing//."), "wsnt:TopicNotSupportedFault"),
            (topic_filter("not a topic"), "wsnt:InvalidTopicExpressionFault"),
            (topic_filter(PEOPLE, "http://unknown.invalid"), "wsnt:TopicExpressionDialectUnknownFault"),
            (content_filter("boolean("), "wsnt:InvalidMessageContentExpressionFault"),
            (content_filter("boolean(1)", "http://unknown.invalid"), "wsnt:InvalidMessageContentExpressionFault"),
            (
                '<tev:Filter><wsnt:ProducerProperties Dialect="x">y</wsnt:ProducerProperties></tev:Filter>',
                "wsnt:InvalidProducerPropertiesExpressionFault",
            ),
            ("<tev:Filter><tt:Something/></tev:Filter>", "wsnt:SubscribeCreationFailedFault"),
            (
                f"<tev:Filter>{topic_filter(PEOPLE)[12:-13] * 17}</tev:Filter>",
                "wsnt:SubscribeCreationFailedFault",
            ),
            (
                "<tev:SubscriptionPolicy><wsnt:UseRaw/></tev:SubscriptionPolicy>",
                "wsnt:UnrecognizedPolicyRequestFault",
            ),
            (initial_time("-PT1S"), "wsnt:UnacceptableInitialTerminationTimeFault"),
            (initial_time("PT0S"), "wsnt:UnacceptableInitialTerminationTimeFault"),
            (initial_time("2020-01-01T00:00:00Z"), "wsnt:UnacceptableInitialTerminationTimeFault"),
        ],
    )
    async def test_faults(
        self,
        client: Client,
        broker: EventBroker,
        assert_valid: Callable[[etree._Element], None],
        content: str,
        name: str,
    ) -> None:
        reply = await client.ask(CREATE, content, path=EVENTS)
        assert reply.fault == (500, ["env:Receiver"])
        assert header_text(reply, "wsa:Action") == FAULT_ACTION
        fault = etree.fromstring(etree.tostring(detail(reply)))
        prefix, local = name.split(":")
        assert fault.tag == f"{{{NS[prefix]}}}{local}"
        assert_valid(fault)
        assert broker.subscribers == {}

    async def test_an_initial_time_that_is_none(self, client: Client) -> None:
        reply = await client.ask(CREATE, initial_time("later"), path=EVENTS)
        assert reply.fault == (400, ["env:Sender", "ter:InvalidArgVal"])


class TestLifetime:
    @pytest.mark.parametrize(
        ("content", "seconds"),
        [
            ("", 300),
            ("<tev:InitialTerminationTime/>", 300),
            (initial_time("PT1M"), 60),
            (initial_time("P1Y"), 86400),
        ],
    )
    async def test_of_a_new_one(
        self, client: Client, assert_valid: Callable[[etree._Element], None], content: str, seconds: int
    ) -> None:
        reply = await client.ask(CREATE, content, path=EVENTS)
        assert_valid(reply.response)
        assert lifetime(reply) == seconds
        assert abs(moment(reply, "wsnt:CurrentTime") - datetime.now(UTC)) < timedelta(seconds=5)

    async def test_until_a_time(self, client: Client) -> None:
        until = (datetime.now(UTC) + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
        reply = await client.ask(CREATE, initial_time(until), path=EVENTS)
        assert 595 <= lifetime(reply) <= 600

    async def test_it_ends(self, client: Client, monotonic: list[float]) -> None:
        point = await subscribe(client, initial_time("PT1M"))
        monotonic[0] += 59
        assert (await point.ask(SYNCHRONIZE)).status == 200
        monotonic[0] += 1
        for name in (PULL, SYNCHRONIZE, RENEW, UNSUBSCRIBE):
            reply = await point.ask(name)
            assert reply.fault == (500, ["env:Receiver"])
            assert detail(reply).tag == f"{{{NS['wsrf-r']}}}ResourceUnknownFault"

    async def test_a_pull_tells_how_long_it_lives_on(self, client: Client, monotonic: list[float]) -> None:
        point = await subscribe(client, initial_time("PT10S"))
        monotonic[0] += 9
        assert lifetime(await point.pull(timeout="PT1M")) >= 60
        monotonic[0] += 60
        assert (await point.ask(SYNCHRONIZE)).status == 200

    async def test_renewal(
        self, client: Client, monotonic: list[float], assert_valid: Callable[[etree._Element], None]
    ) -> None:
        point = await subscribe(client, initial_time("PT1M"))
        monotonic[0] += 50
        reply = await point.renew("PT2M")
        assert_valid(reply.response)
        assert lifetime(reply) == 120
        assert header_text(reply, "wsa:RelatesTo") is None
        monotonic[0] += 119
        assert (await point.ask(SYNCHRONIZE)).status == 200

    async def test_renewal_by_a_client_that_names_its_request(self, client: Client) -> None:
        point = await subscribe(client)
        header = f"{security()}<wsa:MessageID>urn:uuid:1</wsa:MessageID>"
        reply = await point.ask(RENEW, "<wsnt:TerminationTime>PT2M</wsnt:TerminationTime>", header=header)
        assert header_text(reply, "wsa:RelatesTo") == "urn:uuid:1"

    async def test_renewal_into_the_past(self, client: Client, assert_valid: Callable[[etree._Element], None]) -> None:
        point = await subscribe(client)
        reply = await point.renew("2020-01-01T00:00:00Z")
        assert reply.fault == (500, ["env:Receiver"])
        fault = etree.fromstring(etree.tostring(detail(reply)))
        assert fault.tag == f"{{{NS['wsnt']}}}UnacceptableTerminationTimeFault"
        assert_valid(fault)
        assert (await point.ask(SYNCHRONIZE)).status == 200

    async def test_unsubscribing(
        self, client: Client, broker: EventBroker, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        point = await subscribe(client)
        reply = await point.ask(UNSUBSCRIBE)
        assert_valid(reply.response)
        assert broker.subscribers == {}
        assert (await point.pull()).fault == (500, ["env:Receiver"])

    async def test_unsubscribing_ends_the_wait(self, client: Client, broker: EventBroker) -> None:
        point = await subscribe(client)
        await point.pull()
        waiting = asyncio.create_task(point.pull())
        await until_waiting(broker)
        await point.ask(UNSUBSCRIBE)
        assert (await waiting).fault == (500, ["env:Receiver"])

    async def test_a_client_that_leaks_pull_points_always_gets_a_new_one(
        self, client: Client, broker: EventBroker
    ) -> None:
        points = [await subscribe(client) for _ in range(17)]
        assert broker.subscribers == {"127.0.0.1": 8}
        assert (await points[8].pull()).fault == (500, ["env:Receiver"])
        publish(broker, PERSON, True)
        assert told(await points[-1].pull())[-1] == (PEOPLE, "Changed", "true")

    async def test_pull_points_outlive_the_server(self, client: Client, camera: Camera, broker: EventBroker) -> None:
        point = await subscribe(client, topic_filter(PEOPLE))
        await point.pull()
        await client.server.stop()
        publish(broker, PERSON, True)
        async with OnvifServer(make_description(), camera) as server:
            again = PullPoint(Client(client.session, server), point.path)
            assert told(await again.pull()) == [(PEOPLE, "Changed", "true")]

    async def test_a_server_that_stops_does_not_wait_for_its_clients(self, client: Client, broker: EventBroker) -> None:
        point = await subscribe(client)
        await point.pull()
        waiting = asyncio.create_task(point.pull())
        await until_waiting(broker)
        async with asyncio.timeout(2):
            await client.server.stop()
        await asyncio.gather(waiting, return_exceptions=True)


class TestAddressing:
    @pytest.mark.parametrize(
        ("name", "action"),
        [
            ("tev:GetEventProperties", f"{EVENT_ACTIONS}/EventPortType/GetEventPropertiesResponse"),
            (CREATE, f"{EVENT_ACTIONS}/EventPortType/CreatePullPointSubscriptionResponse"),
            (PULL, f"{EVENT_ACTIONS}/PullPointSubscription/PullMessagesResponse"),
            (SYNCHRONIZE, f"{EVENT_ACTIONS}/PullPointSubscription/SetSynchronizationPointResponse"),
            (RENEW, "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/RenewResponse"),
            (UNSUBSCRIBE, "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/UnsubscribeResponse"),
        ],
    )
    async def test_answers_say_what_they_are(self, client: Client, name: str, action: str) -> None:
        reply = await (await subscribe(client)).ask(name)
        assert reply.status == 200
        assert header_text(reply, "wsa:Action") == action

    @pytest.mark.parametrize("namespace", [NS["wsa"], "http://schemas.xmlsoap.org/ws/2004/08/addressing"])
    async def test_a_client_that_says_in_a_header_which_pull_point_it_means(
        self, client: Client, namespace: str
    ) -> None:
        point = await subscribe(client)
        header = f'{security()}<To xmlns="{namespace}">{client.url(point.path)}</To>'
        reply = await client.ask(PULL, header=header, path=EVENTS)
        assert len(messages(reply)) == 3

    @pytest.mark.parametrize("path", [EVENTS, "/onvif/subscription/unknown"])
    async def test_a_pull_point_that_is_not_there(
        self, client: Client, path: str, assert_valid: Callable[[etree._Element], None]
    ) -> None:
        reply = await client.ask(PULL, path=path)
        assert reply.fault == (500, ["env:Receiver"])
        assert header_text(reply, "wsa:Action") == FAULT_ACTION
        fault = etree.fromstring(etree.tostring(detail(reply)))
        assert fault.tag == f"{{{NS['wsrf-r']}}}ResourceUnknownFault"
        assert_valid(fault)

    async def test_nothing_is_sent_to_addresses_of_others(self, client: Client) -> None:
        content = "<wsnt:ConsumerReference><wsa:Address>http://127.0.0.1:1/</wsa:Address></wsnt:ConsumerReference>"
        reply = await client.ask("wsnt:Subscribe", content, path=EVENTS)
        assert reply.fault == (500, ["env:Receiver", "ter:ActionNotSupported"])
        assert "not implemented" in reply.reason
        assert header_text(reply, "wsa:Action") == FAULT_ACTION

    @pytest.mark.parametrize("name", ["tev:GetEventProperties", CREATE, PULL, SYNCHRONIZE, RENEW, UNSUBSCRIBE])
    async def test_a_login_is_needed(self, client: Client, broker: EventBroker, name: str) -> None:
        point = await subscribe(client)
        for header, status in (("", 401), (security(password="wrong"), 400)):
            assert (await point.ask(name, header=header)).fault == (status, ["env:Sender", "ter:NotAuthorized"])
        assert broker.subscribers == {"127.0.0.1": 1}
