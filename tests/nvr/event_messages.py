"""Answers of event services, written as recorders write them."""

from collections.abc import Mapping

from .soap_recorder import envelope

_NAMESPACES = (
    'xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"'
    ' xmlns:tns1="http://www.onvif.org/ver10/topics" xmlns:wstop="http://docs.oasis-open.org/wsn/t-1"'
    ' xmlns:tnshik="http://www.hikvision.com/2011/event/topics"'
)
WSA_2004 = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSA_2005 = "http://www.w3.org/2005/08/addressing"
TIMES = ("2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z")
"""CurrentTime and TerminationTime."""
MOTION_ALARM = "tns1:VideoSource/MotionAlarm"
CELL_MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"


def items(given: Mapping[str, str]) -> str:
    """Write simple items."""
    return "".join(f'<tt:SimpleItem Name="{name}" Value="{value}"/>' for name, value in given.items())


def notification(
    topic: str, source: Mapping[str, str], data: Mapping[str, str], operation: str | None = "Changed"
) -> str:
    """Write one message."""
    attribute = f' PropertyOperation="{operation}"' if operation else ""
    return (
        f"<wsnt:NotificationMessage><wsnt:Topic>{topic}</wsnt:Topic><wsnt:Message>"
        f'<tt:Message UtcTime="2001-01-01T00:00:00Z"{attribute}><tt:Source>{items(source)}</tt:Source>'
        f"<tt:Data>{items(data)}</tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>"
    )


def motion(source: str, active: bool, operation: str = "Changed") -> str:
    """Write a motion alarm."""
    return notification(MOTION_ALARM, {"Source": source}, {"State": str(active).lower()}, operation)


def _times(prefix: str, times: tuple[str, str] | None) -> str:
    if times is None:
        return ""
    return (
        f"<{prefix}:CurrentTime>{times[0]}</{prefix}:CurrentTime>"
        f"<{prefix}:TerminationTime>{times[1]}</{prefix}:TerminationTime>"
    )


def pulled(*messages: str, times: tuple[str, str] | None = TIMES) -> str:
    """Answer PullMessages."""
    return envelope(
        f"<tev:PullMessagesResponse {_NAMESPACES}>{_times('tev', times)}{''.join(messages)}</tev:PullMessagesResponse>"
    )


def subscription(
    address: str, *, parameters: str = "", times: tuple[str, str] | None = TIMES, addressing: str = WSA_2005
) -> str:
    """Answer CreatePullPointSubscription."""
    reference = f"<wsa:ReferenceParameters>{parameters}</wsa:ReferenceParameters>" if parameters else ""
    return envelope(
        f'<tev:CreatePullPointSubscriptionResponse {_NAMESPACES} xmlns:wsa="{addressing}"><tev:SubscriptionReference>'
        f"<wsa:Address>{address}</wsa:Address>{reference}</tev:SubscriptionReference>{_times('wsnt', times)}"
        "</tev:CreatePullPointSubscriptionResponse>"
    )


def renewed(times: tuple[str, str] = TIMES) -> str:
    """Answer Renew."""
    return envelope(f"<wsnt:RenewResponse {_NAMESPACES}>{_times('wsnt', times)}</wsnt:RenewResponse>")


def unsubscribed() -> str:
    """Answer Unsubscribe."""
    return envelope(f"<wsnt:UnsubscribeResponse {_NAMESPACES}/>")


def synchronized() -> str:
    """Answer SetSynchronizationPoint."""
    return envelope(f"<tev:SetSynchronizationPointResponse {_NAMESPACES}/>")


def event_properties(topic_set: str) -> str:
    """Answer GetEventProperties."""
    return envelope(
        f"<tev:GetEventPropertiesResponse {_NAMESPACES}><wsnt:FixedTopicSet>true</wsnt:FixedTopicSet>"
        f"<wstop:TopicSet>{topic_set}</wstop:TopicSet></tev:GetEventPropertiesResponse>"
    )
