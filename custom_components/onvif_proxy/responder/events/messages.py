"""Events as XML: messages, and the description of topics (ONVIF Core, event notifications and topic structure)."""

from collections.abc import Iterable

from lxml import etree

from ..durations import format_time
from ..names import expand
from ..xmltree import Element, node
from .notification import Notification
from .topic_filter import CONCRETE_SET
from .topics import TOPIC_PREFIX, Topic


def notification_message(notification: Notification, producer: str) -> Element:
    """Build a wsnt:NotificationMessage; `producer` is where the event service is."""
    topic = notification.topic
    items = [node("tt:SimpleItem", {"Name": name, "Value": value}) for name, value in notification.items]
    return node(
        "wsnt:NotificationMessage",
        node("wsnt:Topic", {"Dialect": CONCRETE_SET}, topic.text),
        node("wsnt:ProducerReference", node("wsa:Address", producer)),
        node(
            "wsnt:Message",
            node(
                "tt:Message",
                {
                    "UtcTime": format_time(notification.at, "milliseconds"),
                    "PropertyOperation": notification.operation,
                },
                node("tt:Source", items[:-1]),
                node("tt:Data", items[-1]),
            ),
        ),
    )


def topic_set(topics: Iterable[Topic]) -> Element:
    """Build a wstop:TopicSet: a tree, of which only the roots have a namespace."""
    root = node("wstop:TopicSet")
    for topic in topics:
        parent = root
        for position, step in enumerate(topic.path):
            name = expand(f"{TOPIC_PREFIX}:{step}") if position == 0 else step
            found = parent.find(name)
            parent = etree.SubElement(parent, name) if found is None else found
        parent.set(expand("wstop:topic"), "true")
        parent.append(_message_description(topic))
    return root


def _message_description(topic: Topic) -> Element:
    return node(
        "tt:MessageDescription",
        {"IsProperty": True},
        node("tt:Source", [_item_description(item.name, item.type) for item in topic.source]),
        node("tt:Data", _item_description(topic.data, "xs:boolean")),
    )


def _item_description(name: str, type_: str) -> Element:
    return node("tt:SimpleItemDescription", {"Name": name, "Type": type_})
