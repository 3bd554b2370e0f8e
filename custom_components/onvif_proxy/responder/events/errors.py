"""Faults of the event service (ONVIF Core, SOAP fault messages; WS-BaseNotification 1.3; WS-BaseFaults 1.2).

All are faults of the receiver, whoever is to blame, and say what is wrong in their detail.
"""

from datetime import UTC, datetime, timedelta
from typing import ClassVar

from ..durations import format_duration, format_time
from ..errors import ReceiverFault
from ..xmltree import Element, node


class EventFault(ReceiverFault):
    """A fault with a base fault as its detail."""

    name: ClassVar[str]
    """Of the detail's element."""

    def __init__(self, reason: str, *content: Element) -> None:
        """Make a fault; `content` is what its type adds to a base fault."""
        timestamp = node("wsrf-bf:Timestamp", format_time(datetime.now(UTC)))
        super().__init__(reason, detail=node(self.name, timestamp, node("wsrf-bf:Description", reason), *content))


class SubscriptionUnknown(EventFault):
    """There is no such pull point, or no more."""

    name = "wsrf-r:ResourceUnknownFault"

    def __init__(self) -> None:
        """Make a fault."""
        super().__init__("There is no such subscription, or it has ended")


class TopicDialectUnknown(EventFault):
    """A topic filter is written in a way that is not understood."""

    name = "wsnt:TopicExpressionDialectUnknownFault"


class InvalidTopicExpression(EventFault):
    """A topic filter breaks the rules of its dialect."""

    name = "wsnt:InvalidTopicExpressionFault"


class TopicNotSupported(EventFault):
    """A topic filter matches nothing that the camera can tell."""

    name = "wsnt:TopicNotSupportedFault"


class InvalidMessageContent(EventFault):
    """A filter of messages by their content can't be understood."""

    name = "wsnt:InvalidMessageContentExpressionFault"


class InvalidProducerProperties(EventFault):
    """A filter by properties of the camera itself, of which there are none."""

    name = "wsnt:InvalidProducerPropertiesExpressionFault"


class SubscribeFailed(EventFault):
    """A subscription is not made, for what it asks for is not known."""

    name = "wsnt:SubscribeCreationFailedFault"


class PolicyUnrecognized(EventFault):
    """A subscription policy is not known."""

    name = "wsnt:UnrecognizedPolicyRequestFault"


class UnacceptableTime(EventFault):
    """A subscription should end in the past."""

    name = "wsnt:UnacceptableTerminationTimeFault"

    def __init__(self, earliest: datetime) -> None:
        """Make a fault that says when it may end at the earliest."""
        super().__init__("The subscription would end in the past", node("wsnt:MinimumTime", format_time(earliest)))


class UnacceptableInitialTime(UnacceptableTime):
    """A new one should."""

    name = "wsnt:UnacceptableInitialTerminationTimeFault"


class PullTooLong(ReceiverFault):
    """A client wants to wait for longer than is allowed."""

    def __init__(self, max_timeout: timedelta, max_messages: int) -> None:
        """Make a fault that says what is allowed."""
        super().__init__(
            "The timeout is too long",
            detail=node(
                "tev:PullMessagesFaultResponse",
                node("tev:MaxTimeout", format_duration(max_timeout)),
                node("tev:MaxMessageLimit", max_messages),
            ),
        )
