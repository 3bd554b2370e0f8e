"""The event service (ONVIF Core chapter 9, ver10/events): pull points with the events of every channel in one stream."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import time
from urllib.parse import urlsplit

from .channels import SimulatedChannel
from .faults import Faults
from .service import Call, Handler, Recorder, seconds, timestamp
from .soap import SoapFault, not_supported, text
from .topics import DIALECT, KINDS, Topic, topic_set, topics_of

DEFAULT_TERMINATION = timedelta(seconds=60)
MAX_PULL_SECONDS = 300.0
MAX_QUEUED = 1000
FOREIGN_HOST = "127.0.0.2"
"""Where nobody listens, for addresses that lead elsewhere; loopback, so that no test talks to a stranger."""
_PORT_TYPES = {
    "CreatePullPointSubscription": "http://www.onvif.org/ver10/events/wsdl/EventPortType",
    "GetEventProperties": "http://www.onvif.org/ver10/events/wsdl/EventPortType",
    "GetServiceCapabilities": "http://www.onvif.org/ver10/events/wsdl/EventPortType",
    "PullMessages": "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription",
    "SetSynchronizationPoint": "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription",
    "Renew": "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager",
    "Unsubscribe": "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager",
}
FAULT_ACTION = "http://www.w3.org/2005/08/addressing/soap/fault"


def action(operation: str) -> str | None:
    """Return the wsa:Action of an event operation's answer, None for other operations."""
    return f"{_PORT_TYPES[operation]}/{operation}Response" if operation in _PORT_TYPES else None


@dataclass(slots=True, eq=False)
class PullPoint:
    """One subscription: what waits for its client, and until when it lives."""

    expires: float
    """Monotonic seconds."""
    topics: frozenset[str] | None
    """Expanded topic names of its filter; None: all."""
    messages: deque[str] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, topic: str, message: str) -> None:
        """Queue a notification that the filter lets through; the oldest goes when the client never pulls."""
        if self.topics is not None and topic not in self.topics:
            return
        if len(self.messages) >= MAX_QUEUED:
            self.messages.popleft()
        self.messages.append(message)
        self.arrived.set()


def _base_fault(tag: str) -> str:
    """Return the detail of a WS-BaseNotification fault (WS-BaseFaults: a Timestamp is required)."""
    moment = timestamp(datetime.now(UTC))
    return f'<{tag} xmlns:wsrf-bf="http://docs.oasis-open.org/wsrf/bf-2"><wsrf-bf:Timestamp>{moment}</wsrf-bf:Timestamp></{tag}>'


def _unknown_subscription() -> SoapFault:
    return SoapFault("Receiver", reason="No such subscription", detail=_base_fault("wsrf-r:ResourceUnknownFault"))


class EventService:
    """Pull points and what the channels see."""

    def __init__(self, recorder: Recorder, faults: Faults) -> None:
        """Answer for a recorder."""
        self._faults = faults
        self._recorder = recorder
        self._options = recorder.options
        self._channels = recorder.channels
        self._vendor = recorder.channels.vendor
        self._pull_points: dict[str, PullPoint] = {}
        self._made = 0
        self._active: set[tuple[int, str]] = set()
        """Channel number and kind of what goes on."""
        self._closed = False
        self.operations: dict[str, Handler] = {
            "tev:GetServiceCapabilities": self._service_capabilities,
            "tev:GetEventProperties": self._event_properties,
            "tev:CreatePullPointSubscription": self._create,
            "tev:PullMessages": self._pull,
            "tev:SetSynchronizationPoint": self._synchronize,
            "wsnt:Renew": self._renew,
            "wsnt:Unsubscribe": self._unsubscribe,
        }

    @property
    def pull_points(self) -> int:
        """How many subscriptions live."""
        self._expire()
        return len(self._pull_points)

    def set_event(self, number: int, kind: str, active: bool) -> None:
        """Begin or end something on a channel.

        Raises KeyError when there is no such channel and ValueError for a kind that the vendor's recorders don't tell.
        """
        channel = self._channels.channel(number)
        topics = [topic for topic in self._vendor.topics if topic.kind == kind]
        if not topics:
            raise ValueError(f"{self._vendor.name} recorders don't tell {kind!r}; all kinds are {', '.join(KINDS)}")
        if active:
            self._active.add((number, kind))
        else:
            self._active.discard((number, kind))
        self._expire()
        for topic in topics:
            # What is no state only has a beginning.
            if topic.state is not None or active:
                for pull_point in self._pull_points.values():
                    self._put(pull_point, topic, channel, "Changed")

    def forget(self) -> None:
        """Lose all subscriptions, as a recorder that restarts."""
        for pull_point in self._pull_points.values():
            pull_point.expires = 0.0
            pull_point.arrived.set()
        self._pull_points.clear()

    def close(self) -> None:
        """End what waits, for good."""
        self._closed = True
        self.forget()

    def _expire(self) -> None:
        now = time.monotonic()
        for key in [key for key, point in self._pull_points.items() if point.expires <= now]:
            self._pull_points.pop(key).arrived.set()

    def _put(self, pull_point: PullPoint, topic: Topic, channel: SimulatedChannel, operation: str) -> None:
        """Queue what is to say of a channel in one topic."""
        active = (channel.number, topic.kind) in self._active
        if not active and self._faults.events.kind == "no_end":
            return
        moment = timestamp(self._recorder.now())
        message = topic.notification(channel.tokens, active=active, operation=operation, moment=moment)
        pull_point.put(topic.name, message)

    def _initialize(self, pull_point: PullPoint) -> None:
        for channel in self._channels:
            for topic in self._vendor.topics:
                if topic.state is not None:
                    self._put(pull_point, topic, channel, "Initialized")

    async def _service_capabilities(self, call: Call) -> str:
        limit = self._options.max_pull_points
        attributes = "" if limit is None else f' MaxPullPoints="{limit}"'
        return (
            '<tev:GetServiceCapabilitiesResponse><tev:Capabilities WSSubscriptionPolicySupport="false" '
            f'WSPullPointSupport="true" MaxNotificationProducers="0"{attributes}/></tev:GetServiceCapabilitiesResponse>'
        )

    async def _event_properties(self, call: Call) -> str:
        return (
            "<tev:GetEventPropertiesResponse>"
            "<tev:TopicNamespaceLocation>http://www.onvif.org/onvif/ver10/topics/topicns.xml</tev:TopicNamespaceLocation>"
            f"<wsnt:FixedTopicSet>true</wsnt:FixedTopicSet><wstop:TopicSet>{topic_set(self._vendor.topics)}</wstop:TopicSet>"
            f"<wsnt:TopicExpressionDialect>{DIALECT}</wsnt:TopicExpressionDialect>"
            "<wsnt:TopicExpressionDialect>http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
            "</wsnt:TopicExpressionDialect><tev:MessageContentFilterDialect>"
            "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter</tev:MessageContentFilterDialect>"
            "<tev:MessageContentSchemaLocation>http://www.onvif.org/onvif/ver10/schema/onvif.xsd"
            "</tev:MessageContentSchemaLocation></tev:GetEventPropertiesResponse>"
        )

    def _lifetime(self, given: str | None) -> timedelta:
        """Read an absolute or relative termination time, by the recorder's own clock."""
        if not given:
            return DEFAULT_TERMINATION
        if duration := seconds(given):
            return timedelta(seconds=duration)
        try:
            left = datetime.fromisoformat(given) - self._recorder.now()
        except ValueError, TypeError:
            left = timedelta()
        if left <= timedelta():
            raise SoapFault("Sender", "InvalidArgVal", reason="Unacceptable termination time")
        return left

    async def _create(self, call: Call) -> str:
        self._expire()
        limit = self._options.max_pull_points
        if limit is not None and len(self._pull_points) >= limit:
            raise SoapFault(
                "Receiver",
                "Action",
                reason="The maximum number of pull points is reached",
                detail=_base_fault("wsnt:SubscribeCreationFailedFault"),
            )
        lifetime = self._lifetime(call.request.value("InitialTerminationTime"))
        self._made += 1
        key = self._vendor.paths["events"] + self._vendor.subscription.format(self._made)
        pull_point = PullPoint(time.monotonic() + lifetime.total_seconds(), self._filter(call))
        self._pull_points[key] = pull_point
        self._initialize(pull_point)
        base = call.http_base
        if self._faults.events.kind == "foreign_address":
            base = f"http://{FOREIGN_HOST}:{urlsplit(base).port}"
        return (
            "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
            f"<wsa:Address>{text(base + key)}</wsa:Address></tev:SubscriptionReference>"
            f"{self._times('wsnt', lifetime)}</tev:CreatePullPointSubscriptionResponse>"
        )

    def _times(self, prefix: str, lifetime: timedelta) -> str:
        now = self._recorder.now()
        return (
            f"<{prefix}:CurrentTime>{timestamp(now)}</{prefix}:CurrentTime>"
            f"<{prefix}:TerminationTime>{timestamp(now + lifetime)}</{prefix}:TerminationTime>"
        )

    def _find(self, call: Call) -> PullPoint:
        self._expire()
        pull_point = self._pull_points.get(call.path)
        if pull_point is None:
            raise _unknown_subscription()
        return pull_point

    async def _pull(self, call: Call) -> str:
        pull_point = self._find(call)
        timeout = min(seconds(call.request.value("Timeout") or "") or 1.0, MAX_PULL_SECONDS)
        try:
            limit = max(1, int(call.request.value("MessageLimit") or "1"))
        except ValueError:
            raise SoapFault("Sender", "InvalidArgVal", reason="MessageLimit is no number") from None
        pull_point.expires = max(pull_point.expires, time.monotonic() + timeout + DEFAULT_TERMINATION.total_seconds())
        if not pull_point.messages and self._faults.events.kind != "empty_at_once":
            pull_point.arrived.clear()
            try:
                async with asyncio.timeout(timeout):
                    await pull_point.arrived.wait()
            except TimeoutError:
                pass
        if call.path not in self._pull_points:
            raise _unknown_subscription()
        messages = [pull_point.messages.popleft() for _ in range(min(limit, len(pull_point.messages)))]
        if self._faults.events.kind == "forget":
            del self._pull_points[call.path]
        left = timedelta(seconds=pull_point.expires - time.monotonic())
        return f"<tev:PullMessagesResponse>{self._times('tev', left)}{''.join(messages)}</tev:PullMessagesResponse>"

    async def _synchronize(self, call: Call) -> str:
        self._initialize(self._find(call))
        return "<tev:SetSynchronizationPointResponse/>"

    async def _renew(self, call: Call) -> str:
        if self._faults.events.kind == "no_renew":
            raise not_supported()
        pull_point = self._find(call)
        lifetime = self._lifetime(call.request.value("TerminationTime"))
        pull_point.expires = time.monotonic() + lifetime.total_seconds()
        now = self._recorder.now()
        return (
            f"<wsnt:RenewResponse><wsnt:TerminationTime>{timestamp(now + lifetime)}</wsnt:TerminationTime>"
            f"<wsnt:CurrentTime>{timestamp(now)}</wsnt:CurrentTime></wsnt:RenewResponse>"
        )

    async def _unsubscribe(self, call: Call) -> str:
        self._find(call)
        self._pull_points.pop(call.path).arrived.set()
        return "<wsnt:UnsubscribeResponse/>"

    def _filter(self, call: Call) -> frozenset[str] | None:
        """Return the topics that the request asks for, None without a filter."""
        expression = call.request.value("Filter", "TopicExpression")
        if not expression:
            return None
        try:
            return topics_of(expression, call.request.namespaces_of("TopicExpression"), self._vendor.topics)
        except ValueError as error:
            detail = _base_fault("wsnt:InvalidFilterFault")
            raise SoapFault("Sender", "InvalidArgVal", reason=str(error), detail=detail) from None
