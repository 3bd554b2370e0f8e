"""What a recorder's topics mean. Pure.

A topic is looked up by its expanded name: the words of ONVIF's namespace bare, those of any other as `vendor:Word`. The
namespaces themselves don't matter, since no two vendors use one word for different things here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ..model import EventKind

ONVIF_TOPICS: Final = "http://www.onvif.org/ver10/topics"

_OBJECT_CLASSES: Final = {
    "human": EventKind.PERSON,
    "person": EventKind.PERSON,
    "people": EventKind.PERSON,
    "face": EventKind.FACE,
    "humanface": EventKind.FACE,
    "vehicle": EventKind.VEHICLE,
    "vehical": EventKind.VEHICLE,
    "car": EventKind.VEHICLE,
    "animal": EventKind.ANIMAL,
    "pet": EventKind.ANIMAL,
    "package": EventKind.PACKAGE,
}
"""Words of tt:ObjectType and its relatives, lower case; Vehical is how the schema once spelt it."""

TOPICS: Final[Mapping[str, tuple[EventKind, ...]]] = {
    # ONVIF's own.
    "VideoSource/MotionAlarm": (EventKind.MOTION,),
    "RuleEngine/CellMotionDetector/Motion": (EventKind.MOTION,),
    "RuleEngine/MotionRegionDetector/Motion": (EventKind.MOTION,),
    "RuleEngine/FieldDetector/ObjectsInside": (EventKind.MOTION,),
    "RuleEngine/LineDetector/Crossed": (EventKind.LINE_CROSSING,),
    "RuleEngine/TamperDetector/Tamper": (EventKind.TAMPER,),
    "RuleEngine/ObjectDetection/Object": (EventKind.PERSON, EventKind.VEHICLE, EventKind.ANIMAL, EventKind.FACE),
    "VideoSource/GlobalSceneChange/AnalyticsService": (EventKind.TAMPER,),
    "VideoSource/GlobalSceneChange/ImagingService": (EventKind.TAMPER,),
    "VideoSource/GlobalSceneChange/RecordingService": (EventKind.TAMPER,),
    # Reolink's, which others took over.
    "RuleEngine/MyRuleDetector/PeopleDetect": (EventKind.PERSON,),
    "RuleEngine/MyRuleDetector/HumanDetect": (EventKind.PERSON,),
    "RuleEngine/MyRuleDetector/VehicleDetect": (EventKind.VEHICLE,),
    "RuleEngine/MyRuleDetector/DogCatDetect": (EventKind.ANIMAL,),
    "RuleEngine/MyRuleDetector/FaceDetect": (EventKind.FACE,),
    "RuleEngine/MyRuleDetector/Package": (EventKind.PACKAGE,),
    "RuleEngine/MyRuleDetector/Visitor": (EventKind.DOORBELL,),
    # TP-Link's.
    "RuleEngine/CellMotionDetector/Intrusion": (EventKind.MOTION,),
    "RuleEngine/CellMotionDetector/LineCross": (EventKind.LINE_CROSSING,),
    "RuleEngine/CellMotionDetector/People": (EventKind.PERSON,),
    "RuleEngine/CellMotionDetector/Tamper": (EventKind.TAMPER,),
    "RuleEngine/CellMotionDetector/TpSmartEvent": (EventKind.MOTION,),
    "RuleEngine/TPSmartEventDetector/TPSmartEvent": (EventKind.MOTION,),
    "RuleEngine/LineCrossDetector/LineCross": (EventKind.LINE_CROSSING,),
    "RuleEngine/PeopleDetector/People": (EventKind.PERSON,),
    # Of Dahua's and Xiongmai's kin.
    "UserAlarm/IVA/HumanShapeDetect": (EventKind.PERSON,),
    "VehicleAlarm/IVB/VehicleDetect": (EventKind.VEHICLE,),
    # Ajax's and Axis's.
    "RuleEngine/vendor:MotionDetector/Detection": (EventKind.MOTION,),
    "RuleEngine/vendor:LineDetector/Crossing": (EventKind.LINE_CROSSING,),
    "VideoSource/vendor:Tampering": (EventKind.TAMPER,),
}
"""What the topics of channels tell of; ImageTooDark and the like are left out, since every night is dark."""

DEVICE_TOPICS: Final = frozenset({"Device/Trigger/DigitalInput", "Device/Trigger/vendor:AlarmIn"})
"""What a recorder tells of its own contacts: no channel's."""

# Topics whose messages tell of several things by the name of their item.
_ITEM_KINDS: Final = {
    "ispeople": EventKind.PERSON,
    "isvehicle": EventKind.VEHICLE,
    "ispet": EventKind.ANIMAL,
    "isface": EventKind.FACE,
    "islinecross": EventKind.LINE_CROSSING,
    "istamper": EventKind.TAMPER,
}
_STATE_ITEMS: Final = frozenset({"state", "active", "detected", "motion", "value", "logicalstate", "alarm"})
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says."""

    kind: EventKind
    active: bool | None
    """None: it happened, and nothing tells its end."""


def canonical_word(name: str, namespace: str | None) -> str:
    """Write one step of a topic; without a namespace it is taken as ONVIF's, below whose words most stand bare."""
    return name if namespace in {None, "", ONVIF_TOPICS} else f"vendor:{name}"


def canonical_topic(text: str, namespaces: Mapping[str | None, str]) -> str:
    """Write a concrete topic expression (WS-Topics 1.3 section 8) by expanded names; `namespaces` by prefix.

    Prefixes that were never declared are taken for what they are called: `tns1` is ONVIF's everywhere.
    """
    words = []
    for step in text.rstrip("./").split("/"):
        prefix, _, name = step.strip().rpartition(":")
        undeclared = ONVIF_TOPICS if prefix == "tns1" else "undeclared"
        words.append(canonical_word(name, namespaces.get(prefix, undeclared) if prefix else None))
    return "/".join(words)


def kinds_of(topics: Iterable[str]) -> tuple[EventKind, ...]:
    """Return what a recorder that offers these topics can tell of its channels, in a fixed order."""
    found = {kind for topic in topics for kind in TOPICS.get(topic, ())}
    return tuple(kind for kind in EventKind if kind in found)


def interpret(
    topic: str, source: Iterable[tuple[str, str]], data: Iterable[tuple[str, str]], operation: str
) -> tuple[Reading, ...]:
    """Tell what a message means; empty when it tells nothing of a channel.

    Items may come in any order, and words in any case. `operation` is the message's PropertyOperation.
    """
    if (kinds := TOPICS.get(topic)) is None:
        return ()
    if (rule := _kind_of_rule(topic, source)) is not None:
        kinds = (rule,)
    if operation == "Deleted":
        return tuple(Reading(kind, active=False) for kind in kinds)
    items = [(name.strip().lower(), value.strip().lower()) for name, value in data]
    if (classes := dict(items).get("classtypes")) is not None:
        seen = {_OBJECT_CLASSES.get(word) for word in classes.replace(",", " ").split()}
        return tuple(Reading(kind, active=kind in seen) for kind in kinds)
    if len(kinds) > 1:
        return ()
    states = [(name, state) for name, value in items if (state := _state(name, value)) is not None]
    if not states:
        # An initial state of what has none is the memory of something long over.
        momentary = kinds[0] is EventKind.LINE_CROSSING and operation != "Initialized"
        return (Reading(kinds[0], active=None),) if momentary else ()
    name, state = states[0]
    return (Reading(_ITEM_KINDS.get(name, kinds[0]), state),)


def _state(name: str, value: str) -> bool | None:
    """Read a truth value; bare digits only where the name says that it is one, since ObjectId is a number, too."""
    if value in _TRUE | _FALSE and (not value.isdecimal() or name.startswith("is") or name in _STATE_ITEMS):
        return value in _TRUE
    return None


def _kind_of_rule(topic: str, source: Iterable[tuple[str, str]]) -> EventKind | None:
    """Return what Hikvision's and Dahua's field rules look for, which only the name of the rule tells."""
    if topic != "RuleEngine/FieldDetector/ObjectsInside":
        return None
    rule = next((value for name, value in source if name.lower() == "rule"), "")
    return _OBJECT_CLASSES.get(rule.strip().lower())
