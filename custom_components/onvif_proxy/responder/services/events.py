"""The event service (ONVIF Core, event handling; ver10/events/wsdl): pull points for what the camera sees.

Events are fetched, never sent: nobody can have this camera post to an address of their choice.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from lxml import etree

from ..auth import Access
from ..durations import format_time, parse_duration, parse_time
from ..errors import ActionNotSupported, InvalidArgument
from ..events.content_filter import ITEM_FILTER, ContentFilter, parse_content_expression
from ..events.errors import (
    InvalidProducerProperties,
    PolicyUnrecognized,
    PullTooLong,
    SubscribeFailed,
    SubscriptionUnknown,
    TopicNotSupported,
    UnacceptableInitialTime,
    UnacceptableTime,
)
from ..events.messages import notification_message, topic_set
from ..events.pull import pull
from ..events.subscription import MAX_QUEUE, Interest, Subscription
from ..events.topic_filter import DIALECTS, TopicFilter, parse_topic_expression
from ..events.topics import topics_of
from ..names import EVENTS_PATH, SUBSCRIPTION_PATH, expand
from ..xmltree import Element, child_text, node
from .base import Context, Operation, Service

VERSION: Final = (2, 60)
TOPIC_NAMESPACE_URL: Final = "http://www.onvif.org/onvif/ver10/topics/topicns.xml"
SCHEMA_URL: Final = "http://www.onvif.org/ver10/schema/onvif.xsd"

DEFAULT_LIFETIME: Final = timedelta(minutes=5)
MAX_LIFETIME: Final = timedelta(hours=24)
DEFAULT_PULL_TIMEOUT: Final = timedelta(minutes=1)
MAX_PULL_TIMEOUT: Final = timedelta(minutes=10)
MAX_FILTERS: Final = 16

_EVENT_ACTIONS: Final = "http://www.onvif.org/ver10/events/wsdl/EventPortType"
_PULL_POINT_ACTIONS: Final = "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription"
_MANAGER_ACTIONS: Final = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager"
_PRODUCER_ACTIONS: Final = "http://docs.oasis-open.org/wsn/bw-2/NotificationProducer"


def capabilities(context: Context) -> Element:
    """Build tev:Capabilities. MaxPullPoints is what one client may have."""
    return node(
        "tev:Capabilities",
        {
            "WSSubscriptionPolicySupport": True,
            "WSPullPointSupport": True,
            "WSPausableSubscriptionManagerInterfaceSupport": False,
            "MaxNotificationProducers": 0,
            "MaxPullPoints": context.camera.events.max_subscriptions_per_client,
            "PersistentNotificationStorage": False,
        },
    )


def legacy_capabilities(context: Context) -> Element:
    """Build tt:Events of GetCapabilities."""
    return node(
        "tt:Events",
        node("tt:XAddr", context.xaddr(EVENTS)),
        node("tt:WSSubscriptionPolicySupport", True),
        node("tt:WSPullPointSupport", True),
        node("tt:WSPausableSubscriptionManagerInterfaceSupport", False),
    )


def get_event_properties(context: Context, _request: Element) -> Element:
    """Describe the topics. They are not fixed: what a camera tells changes when its user assigns something to it."""
    return node(
        "tev:GetEventPropertiesResponse",
        node("tev:TopicNamespaceLocation", TOPIC_NAMESPACE_URL),
        node("wsnt:FixedTopicSet", False),
        topic_set(topics_of(context.camera.events.kinds)),
        *(node("wsnt:TopicExpressionDialect", dialect) for dialect in DIALECTS),
        node("tev:MessageContentFilterDialect", ITEM_FILTER),
        node("tev:MessageContentSchemaLocation", SCHEMA_URL),
    )


def create_pull_point_subscription(context: Context, request: Element) -> Element:
    """Make a pull point, whose first messages say what is the case now."""
    interest = _interest(context, request)
    try:
        lifetime = _lifetime(context.now, child_text(request, "tev:InitialTerminationTime"))
    except UnacceptableTime as fault:
        raise UnacceptableInitialTime(context.now) from fault
    subscription = context.camera.events.subscribe(context.client, interest, lifetime.total_seconds())
    return node(
        "tev:CreatePullPointSubscriptionResponse",
        node("tev:SubscriptionReference", node("wsa:Address", context.subscription_uri(subscription.identifier))),
        node("wsnt:CurrentTime", format_time(context.now)),
        node("wsnt:TerminationTime", _termination_time(context.now, subscription)),
    )


def _interest(context: Context, request: Element) -> Interest:
    """Read what a client wants to be told of."""
    parts = [part for filter_ in request.iterfind(expand("tev:Filter")) for part in filter_]
    if len(parts) > MAX_FILTERS:
        raise SubscribeFailed("There are too many filters")
    topics: list[TopicFilter] = []
    contents: list[ContentFilter] = []
    for part in parts:
        text, dialect = (part.text or "").strip(), part.get("Dialect")
        if part.tag == expand("wsnt:TopicExpression"):
            topics.append(parse_topic_expression(text, dialect, part.nsmap))
        elif part.tag == expand("wsnt:MessageContent"):
            contents.append(parse_content_expression(text, dialect, part.nsmap))
        elif part.tag == expand("wsnt:ProducerProperties"):
            raise InvalidProducerProperties("The camera has no properties to filter by")
        else:
            raise SubscribeFailed(f"The filter {etree.QName(part).localname} is not known")
    known = topics_of(context.camera.events.kinds)
    if topics and not any(all(matches(topic) for matches in topics) for topic in known):
        raise TopicNotSupported("The camera has no such topic")
    return Interest(topics=tuple(topics), contents=tuple(contents), changes_only=_wants_changes_only(request))


def _wants_changes_only(request: Element) -> bool:
    """Read the subscription policy; some clients put it in an element of its own name, as the WSDL does not say."""
    policies = [
        policy
        for parent in request.iterfind(expand("tev:SubscriptionPolicy"))
        for child in parent
        for policy in (child if child.tag == expand("tev:SubscriptionPolicy") else [child])
    ]
    for policy in policies:
        if policy.tag != expand("tev:ChangedOnly"):
            raise PolicyUnrecognized(f"The subscription policy {etree.QName(policy).localname} is not known")
    return bool(policies)


def _lifetime(now: datetime, text: str | None) -> timedelta:
    """Read when a subscription shall end, as a span from now; no longer than is allowed."""
    if not text:
        return DEFAULT_LIFETIME
    try:
        span = parse_duration(text) if text.lstrip("-").startswith("P") else parse_time(text) - now
    except (ValueError, OverflowError) as error:
        raise InvalidArgument("The termination time is neither a time nor a duration") from error
    if span <= timedelta():
        raise UnacceptableTime(now)
    return min(span, MAX_LIFETIME)


def _termination_time(now: datetime, subscription: Subscription) -> str:
    return format_time(now + timedelta(seconds=subscription.remaining))


def subscribe(_context: Context, _request: Element) -> Element:
    """Refuse; known all the same, as clients that try it first want WS-Addressing in the fault, too."""
    raise ActionNotSupported("Subscribe")


async def pull_messages(context: Context, request: Element) -> Element:
    """Hand out what waits, or wait for it."""
    subscription = _subscription(context)
    timeout, limit = _timeout(request), _message_limit(request)
    if timeout > MAX_PULL_TIMEOUT:
        raise PullTooLong(MAX_PULL_TIMEOUT, MAX_QUEUE)
    loop = asyncio.get_running_loop()
    began = loop.time()
    notifications = await pull(subscription, timeout=timeout.total_seconds(), limit=limit)
    context.if_unsent.append(lambda: subscription.put_back(notifications))
    now = context.now + timedelta(seconds=loop.time() - began)
    producer = context.xaddr(EVENTS)
    return node(
        "tev:PullMessagesResponse",
        node("tev:CurrentTime", format_time(now)),
        node("tev:TerminationTime", _termination_time(now, subscription)),
        *(notification_message(notification, producer) for notification in notifications),
    )


def _timeout(request: Element) -> timedelta:
    if not (text := child_text(request, "tev:Timeout")):
        return DEFAULT_PULL_TIMEOUT
    try:
        timeout = parse_duration(text)
    except ValueError as error:
        raise InvalidArgument("The timeout is not a duration") from error
    if timeout < timedelta():
        raise InvalidArgument("The timeout is negative")
    return timeout


def _message_limit(request: Element) -> int:
    if not (text := child_text(request, "tev:MessageLimit")):
        return MAX_QUEUE
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) > 0):
        raise InvalidArgument("The message limit is not a positive number")
    return int(text)


def set_synchronization_point(context: Context, _request: Element) -> Element:
    """Have the pull point say anew what is the case."""
    context.camera.events.synchronize(_subscription(context))
    return node("tev:SetSynchronizationPointResponse")


def renew(context: Context, request: Element) -> Element:
    """Let a pull point live on."""
    subscription = _subscription(context)
    subscription.renew(_lifetime(context.now, child_text(request, "wsnt:TerminationTime")).total_seconds())
    return node(
        "wsnt:RenewResponse",
        node("wsnt:TerminationTime", _termination_time(context.now, subscription)),
        node("wsnt:CurrentTime", format_time(context.now)),
    )


def unsubscribe(context: Context, _request: Element) -> Element:
    """End a pull point."""
    context.camera.events.end(_subscription(context))
    return node("wsnt:UnsubscribeResponse")


def _subscription(context: Context) -> Subscription:
    """Return the pull point that a request is for: by where it was sent to, else by where it says that it is sent to."""
    identifier = context.subscription
    if identifier is None:
        addresses = [
            (block.text or "").strip() for block in context.headers if block.tag in (expand("wsa:To"), expand("a:To"))
        ]
        identifier = next((address.rpartition("/")[2] for address in addresses if SUBSCRIPTION_PATH in address), "")
    if (subscription := context.camera.events.find(identifier)) is None:
        raise SubscriptionUnknown
    return subscription


EVENTS = Service(
    prefix="tev",
    path=EVENTS_PATH,
    version=VERSION,
    capabilities=capabilities,
    category="Events",
    legacy_capabilities=legacy_capabilities,
    capabilities_action=f"{_EVENT_ACTIONS}/GetServiceCapabilitiesResponse",
    operations={
        "GetEventProperties": Operation(
            get_event_properties,
            Access.READ_MEDIA,
            action=f"{_EVENT_ACTIONS}/GetEventPropertiesResponse",
        ),
        "CreatePullPointSubscription": Operation(
            create_pull_point_subscription,
            Access.READ_MEDIA,
            action=f"{_EVENT_ACTIONS}/CreatePullPointSubscriptionResponse",
        ),
        "PullMessages": Operation(
            pull_messages,
            Access.READ_MEDIA,
            action=f"{_PULL_POINT_ACTIONS}/PullMessagesResponse",
        ),
        "SetSynchronizationPoint": Operation(
            set_synchronization_point,
            Access.READ_MEDIA,
            action=f"{_PULL_POINT_ACTIONS}/SetSynchronizationPointResponse",
        ),
        "wsnt:Subscribe": Operation(subscribe, Access.READ_MEDIA, action=f"{_PRODUCER_ACTIONS}/SubscribeResponse"),
        "wsnt:Renew": Operation(renew, Access.READ_MEDIA, action=f"{_MANAGER_ACTIONS}/RenewResponse"),
        "wsnt:Unsubscribe": Operation(unsubscribe, Access.READ_MEDIA, action=f"{_MANAGER_ACTIONS}/UnsubscribeResponse"),
    },
)
