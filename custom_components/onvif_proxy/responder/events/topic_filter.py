"""Filters of messages by their topic (ONVIF Core, topic filter; WS-Topics 1.3 section 8)."""

from collections.abc import Callable, Mapping
import re
from typing import Final

from ..names import NAMESPACES
from .errors import InvalidTopicExpression, TopicDialectUnknown
from .topics import TOPIC_PREFIX, Topic

CONCRETE: Final = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
CONCRETE_SET: Final = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
DIALECTS: Final = (CONCRETE, CONCRETE_SET)

MAX_LENGTH: Final = 4096
_SUBTREE: Final = "//."
_STEP: Final = re.compile(r"(?:(?P<prefix>[^\W\d][\w.-]*):)?(?P<name>[^\W\d][\w.-]*)")

type TopicFilter = Callable[[Topic], bool]


def parse_topic_expression(text: str, dialect: str | None, namespaces: Mapping[str | None, str]) -> TopicFilter:
    """Return what an expression matches; `namespaces` are those declared where it stands.

    An expression without a dialect is taken as one of `CONCRETE_SET`, which all of `CONCRETE` are, too. Raises
    `TopicDialectUnknown` and `InvalidTopicExpression`.
    """
    if dialect is not None and dialect.strip() not in DIALECTS:
        raise TopicDialectUnknown("The dialect of the topic expression is not supported")
    if len(text) > MAX_LENGTH:
        raise InvalidTopicExpression("The topic expression is too long")
    is_set = dialect is None or dialect.strip() == CONCRETE_SET
    alternatives = [_parse_path(path.strip(), namespaces, is_set) for path in (text.split("|") if is_set else [text])]
    return lambda topic: any(matches(topic) for matches in alternatives)


def _parse_path(text: str, namespaces: Mapping[str | None, str], is_set: bool) -> TopicFilter:
    with_subtree = is_set and text.endswith(_SUBTREE)
    steps = [_STEP.fullmatch(step) for step in text.removesuffix(_SUBTREE if with_subtree else "").split("/")]
    path = []
    is_ours = True
    for position, step in enumerate(steps):
        if step is None:
            raise InvalidTopicExpression("The topic expression is not one of its dialect")
        path.append(step["name"])
        # Only the root must have a prefix; some clients give every step the same.
        if position == 0 or step["prefix"] is not None:
            is_ours &= _namespace(step["prefix"], namespaces) == NAMESPACES[TOPIC_PREFIX]
    wanted = tuple(path)
    if with_subtree:
        return lambda topic: is_ours and topic.path[: len(wanted)] == wanted
    return lambda topic: is_ours and topic.path == wanted


def _namespace(prefix: str | None, namespaces: Mapping[str | None, str]) -> str | None:
    """Return what a prefix stands for; many clients forget to declare the usual one."""
    if prefix is None:
        return None
    if prefix in namespaces:
        return namespaces[prefix]
    if prefix == TOPIC_PREFIX:
        return NAMESPACES[TOPIC_PREFIX]
    raise InvalidTopicExpression(f"The prefix {prefix} is not declared")
