"""Topics: what notifications look like in them, the set that lists them, and the filters that name them (Core chapter 9)."""

from collections.abc import Mapping
from dataclasses import dataclass

from .soap import NAMESPACES, attribute

DIALECT = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
KINDS = (
    "motion",
    "person",
    "vehicle",
    "animal",
    "face",
    "package",
    "doorbell",
    "line_crossing",
    "tamper",
    "intrusion",
    "digital_input",
)
"""What recorders tell, by our words. An intrusion is something in a field, whatever it is."""
_TOPIC_NAMESPACES = {NAMESPACES[prefix]: prefix for prefix in ("tns1", "tnshik")}
_SCHEMA_TYPES = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One form in which a kind of event is told."""

    name: str
    """With the prefixes of our envelopes."""
    kind: str
    sources: tuple[tuple[str, str], ...]
    """Names and values of the source items; a value may be `{source}`, `{configuration}`, `{analytics}` or `{input}`."""
    state: str | None
    """The data item that is true or false. None: the message is no property, it only says that something happened."""
    object_id: bool = False
    """ObjectId is a key of the property, or the data of what is none."""

    def notification(self, tokens: Mapping[str, str], *, active: bool, operation: str, moment: str) -> str:
        """Return a wsnt:NotificationMessage; `tokens` are the channel's."""
        sources = "".join(_item(name, value.format(**tokens)) for name, value in self.sources)
        object_id = _item("ObjectId", "1") if self.object_id else ""
        if self.state is None:
            changed, key, data = "", "", object_id
        else:
            changed = f' PropertyOperation="{operation}"'
            key = f"<tt:Key>{object_id}</tt:Key>" if object_id else ""
            data = _item(self.state, "true" if active else "false")
        return (
            f'<wsnt:NotificationMessage><wsnt:Topic Dialect="{DIALECT}">{self.name}</wsnt:Topic><wsnt:Message>'
            f'<tt:Message UtcTime="{moment}"{changed}><tt:Source>{sources}</tt:Source>{key}'
            f"<tt:Data>{data}</tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>"
        )

    def description(self) -> str:
        """Return the tt:MessageDescription."""
        sources = "".join(
            _described(name, "xs:string" if name == "Rule" else "tt:ReferenceToken") for name, _ in self.sources
        )
        object_id = _described("ObjectId", "xs:integer") if self.object_id else ""
        if self.state is None:
            key, data = "", object_id
        else:
            key, data = f"<tt:Key>{object_id}</tt:Key>" if object_id else "", _described(self.state, "xs:boolean")
        return (
            f'<tt:MessageDescription IsProperty="{"true" if self.state else "false"}" {_SCHEMA_TYPES}>'
            f"<tt:Source>{sources}</tt:Source>{key}<tt:Data>{data}</tt:Data></tt:MessageDescription>"
        )


def _item(name: str, value: str) -> str:
    return f"<tt:SimpleItem Name={attribute(name)} Value={attribute(value)}/>"


def _described(name: str, kind: str) -> str:
    return f'<tt:SimpleItemDescription Name="{name}" Type="{kind}"/>'


type _Tree = dict[str, _Tree]


def topic_set(topics: tuple[Topic, ...]) -> str:
    """Return what is in wstop:TopicSet: a tree whose leaves are marked and described; each topic once."""
    tree: _Tree = {}
    descriptions = {topic.name: topic.description() for topic in topics}
    for name in descriptions:
        branch = tree
        for step in name.split("/"):
            branch = branch.setdefault(step, {})

    def write(branch: _Tree, parent: str) -> str:
        found = []
        for step, below in branch.items():
            name = f"{parent}/{step}" if parent else step
            mark = ' wstop:topic="true"' if name in descriptions else ""
            found.append(f"<{step}{mark}>{descriptions.get(name, '')}{write(below, name)}</{step}>")
        return "".join(found)

    return write(tree, "")


def topics_of(expression: str, prefixes: Mapping[str | None, str], topics: tuple[Topic, ...]) -> frozenset[str]:
    """Return the names that a TopicExpression (`a|b`, `a//.`) matches; raises ValueError for an unknown namespace."""
    matched: set[str] = set()
    for part in expression.split("|"):
        steps = part.strip().removesuffix("//.").split("/")
        if ":" not in steps[0]:
            raise ValueError("a topic's root needs a namespace")
        wanted = "/".join(_with_our_prefix(step, prefixes) for step in steps)
        matched |= {topic.name for topic in topics if topic.name == wanted or topic.name.startswith(f"{wanted}/")}
    return frozenset(matched)


def _with_our_prefix(step: str, prefixes: Mapping[str | None, str]) -> str:
    prefix, colon, name = step.rpartition(":")
    if not colon:
        return step
    try:
        return f"{_TOPIC_NAMESPACES[prefixes[prefix]]}:{name}"
    except KeyError:
        raise ValueError("unknown topic namespace") from None
