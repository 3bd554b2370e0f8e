"""Reading the answers of an event service (Core specification chapter 9, WS-BaseNotification). Pure: bytes in, values out.

Not zeep's decoding: a topic's prefixes can be resolved only where its text stands, and recorders write their subscriptions
in WS-Addressing of 2004 or 2005.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from .envelope import all_named, first_named, local_name, parse_envelope, text_in
from .errors import RecorderRefused
from .topics import canonical_topic, canonical_word

MAX_NOTIFICATIONS = 1024
"""Of one answer."""
MAX_ITEMS = 32
"""Of one source or datum."""
MAX_ITEM_LENGTH = 256
"""Characters."""
MAX_REFERENCE_PARAMETERS = 8
MAX_REFERENCE_BYTES = 4096
MAX_LIFETIME = 86400.0
"""Seconds that a subscription is believed to last."""
MAX_TOPICS = 4096
MAX_TOPIC_DEPTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message of a recorder: names and values as they are written, in their order."""

    topic: str
    """As `topics.canonical_topic` writes it."""
    operation: str
    """Initialized, Changed or Deleted; empty for what is no property."""
    source: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """An answer to PullMessages."""

    notifications: tuple[Notification, ...]
    lifetime: float | None
    """Seconds that the subscription has left, None where the recorder does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionReference:
    """Where a subscription is, as its recorder wrote it."""

    address: str
    headers: tuple[etree._Element, ...]
    """Reference parameters, which every request to it repeats (WS-Addressing 1.0 SOAP binding section 3.4)."""
    lifetime: float | None
    """Seconds, None where the recorder does not tell."""


def read_subscription(content: bytes) -> SubscriptionReference:
    """Read an answer to CreatePullPointSubscription; raises RecorderRefused when it holds no address."""
    root = parse_envelope(content)
    reference = first_named(root, "SubscriptionReference")
    address = text_in(first_named(reference, "Address"))
    if reference is None or not address:
        raise RecorderRefused("CreatePullPointSubscription: no address")
    parameters = first_named(reference, "ReferenceParameters")
    # Comments are no elements.
    headers = [child for child in parameters if local_name(child)] if parameters is not None else []
    if len(headers) > MAX_REFERENCE_PARAMETERS or sum(len(etree.tostring(h)) for h in headers) > MAX_REFERENCE_BYTES:
        raise RecorderRefused("CreatePullPointSubscription: too long a reference")
    for header in headers:
        header.tail = None
        header.set("{http://www.w3.org/2005/08/addressing}IsReferenceParameter", "true")
    return SubscriptionReference(
        address=address, headers=tuple(deepcopy(header) for header in headers), lifetime=_lifetime_in(root)
    )


def read_lifetime(content: bytes) -> float | None:
    """Return the seconds from CurrentTime to TerminationTime, both by the recorder's clock; None where it is silent."""
    return _lifetime_in(parse_envelope(content))


def _lifetime_in(root: etree._Element | None) -> float | None:
    try:
        current, end = (
            datetime.fromisoformat(text_in(first_named(root, name))) for name in ("CurrentTime", "TerminationTime")
        )
        seconds = (end - current).total_seconds()
    except TypeError, ValueError, OverflowError:
        return None
    return min(max(seconds, 0.0), MAX_LIFETIME)


def read_pulled(content: bytes) -> Pulled:
    """Read an answer to PullMessages; messages that can't be understood are left out."""
    root = parse_envelope(content)
    response = first_named(root, "PullMessagesResponse")
    # Not those inside others: each would be walked as often as it is deep.
    elements = [] if response is None else [one for one in response if local_name(one) == "NotificationMessage"]
    found = (_notification(element) for element in elements[:MAX_NOTIFICATIONS])
    notifications = tuple(notification for notification in found if notification is not None)
    return Pulled(notifications=notifications, lifetime=_lifetime_in(root))


def _notification(element: etree._Element) -> Notification | None:
    topic_element = first_named(element, "Topic")
    if topic_element is None:
        return None
    topic = canonical_topic(text_in(topic_element), topic_element.nsmap)
    operation = next((value for item in element.iter() if (value := item.get("PropertyOperation"))), "")
    return Notification(
        topic=topic,
        operation=operation if operation in {"Initialized", "Changed", "Deleted"} else "",
        source=tuple(_items(first_named(element, "Source"))),
        data=tuple(_items(first_named(element, "Data"))),
    )


def _items(parent: etree._Element | None) -> Iterator[tuple[str, str]]:
    if parent is None:
        return
    for count, item in enumerate(all_named(parent, "SimpleItem")):
        name, value = item.get("Name"), item.get("Value")
        if count >= MAX_ITEMS:
            return
        if name and value is not None and max(len(name), len(value)) <= MAX_ITEM_LENGTH:
            yield name, value


def read_topic_set(content: bytes) -> frozenset[str]:
    """Read the topics that an answer to GetEventProperties offers, as `topics.canonical_topic` writes them."""
    topics: set[str] = set()
    top = first_named(parse_envelope(content), "TopicSet")
    waiting = [(element, "") for element in top] if top is not None else []
    while waiting and len(topics) < MAX_TOPICS:
        element, above = waiting.pop()
        name = local_name(element)
        if not name or name == "MessageDescription":
            continue
        topic = "/".join(filter(None, (above, canonical_word(name, etree.QName(element).namespace))))
        children = [child for child in element if local_name(child)]
        # Some recorders leave the attribute out, or say that branches are topics, too; those mean nothing to us.
        if not children or any(local_name(child) == "MessageDescription" for child in children):
            topics.add(topic)
        if topic.count("/") < MAX_TOPIC_DEPTH:
            waiting.extend((child, topic) for child in children)
    return frozenset(topics)
