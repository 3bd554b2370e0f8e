"""The topics of a camera: what each kind of event is called in ONVIF, and what its messages hold.

Chosen by what listens: Home Assistant's parser (package `onvif_parsers`) looks up the whole text of a topic, with the
prefix `tns1`, and reads the first data item, which must be `true` or `false`; danielwoz's listener for UniFi Protect
knows motion, people and vehicles in these forms; npm's onvif, and so Scrypted, reads the data item only where it is
the only one. Motion and tampering are told twice, as some clients know the standard's topic and others that of the
rule engine.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ...model import EventKind
from ..names import DIGITAL_INPUT, VIDEO_ANALYTICS_CONFIGURATION, VIDEO_SOURCE, VIDEO_SOURCE_CONFIGURATION

TOPIC_PREFIX: Final = "tns1"


@dataclass(frozen=True, slots=True)
class SourceItem:
    """What identifies where a message comes from."""

    name: str
    type: str
    """A prefixed name of a simple type."""
    value: str


@dataclass(frozen=True, slots=True)
class Topic:
    """One property of a camera; it is true or false, which is its only data item."""

    path: tuple[str, ...]
    """From the root topic, whose namespace is that of `TOPIC_PREFIX`, as all others have none."""
    source: tuple[SourceItem, ...]
    data: str
    """The name of the data item."""

    @property
    def text(self) -> str:
        """The topic as messages say it."""
        return f"{TOPIC_PREFIX}:{'/'.join(self.path)}"


def _rule_source(rule: str) -> tuple[SourceItem, ...]:
    """Return the source of what a rule of the analytics engine found (ONVIF Analytics, message source)."""
    return (
        SourceItem("VideoSourceConfigurationToken", "tt:ReferenceToken", VIDEO_SOURCE_CONFIGURATION),
        SourceItem("VideoAnalyticsConfigurationToken", "tt:ReferenceToken", VIDEO_ANALYTICS_CONFIGURATION),
        SourceItem("Rule", "xs:string", rule),
    )


def _topic(text: str, data: str, source: tuple[SourceItem, ...]) -> Topic:
    return Topic(tuple(text.split("/")), source, data)


_VIDEO_SOURCE: Final = (SourceItem("Source", "tt:ReferenceToken", VIDEO_SOURCE),)
_DIGITAL_INPUT: Final = (SourceItem("InputToken", "tt:ReferenceToken", DIGITAL_INPUT),)

TOPICS: Final[Mapping[EventKind, tuple[Topic, ...]]] = {
    EventKind.MOTION: (
        _topic("VideoSource/MotionAlarm", "State", _VIDEO_SOURCE),
        _topic("RuleEngine/CellMotionDetector/Motion", "IsMotion", _rule_source("MotionRule")),
    ),
    EventKind.PERSON: (_topic("RuleEngine/MyRuleDetector/PeopleDetect", "State", _VIDEO_SOURCE),),
    EventKind.VEHICLE: (_topic("RuleEngine/MyRuleDetector/VehicleDetect", "State", _VIDEO_SOURCE),),
    EventKind.ANIMAL: (_topic("RuleEngine/MyRuleDetector/DogCatDetect", "State", _VIDEO_SOURCE),),
    EventKind.FACE: (_topic("RuleEngine/MyRuleDetector/FaceDetect", "State", _VIDEO_SOURCE),),
    EventKind.PACKAGE: (_topic("RuleEngine/MyRuleDetector/Package", "State", _VIDEO_SOURCE),),
    EventKind.DOORBELL: (_topic("RuleEngine/MyRuleDetector/Visitor", "State", _VIDEO_SOURCE),),
    EventKind.LINE_CROSSING: (
        _topic("RuleEngine/LineCrossDetector/LineCross", "IsLineCross", _rule_source("LineCrossRule")),
    ),
    EventKind.TAMPER: (
        _topic("VideoSource/GlobalSceneChange/ImagingService", "State", _VIDEO_SOURCE),
        _topic("RuleEngine/TamperDetector/Tamper", "IsTamper", _rule_source("TamperRule")),
    ),
    EventKind.DIGITAL_INPUT: (_topic("Device/Trigger/DigitalInput", "LogicalState", _DIGITAL_INPUT),),
}


def topics_of(kinds: Iterable[EventKind]) -> tuple[Topic, ...]:
    """Return the topics of kinds, in their order."""
    return tuple(topic for kind in kinds for topic in TOPICS[kind])
