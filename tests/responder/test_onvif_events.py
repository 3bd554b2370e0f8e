"""Events as Home Assistant's onvif integration reads them: its client library, and its own reading of the messages."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from homeassistant.components.onvif.event_manager import EventManager
from onvif import ONVIFCamera
from onvif.managers import PullPointManager
import pytest
from zeep.exceptions import Fault

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.responder import Camera, EventBroker, OnvifServer

from .conftest import make_camera
from .envelopes import PASSWORD, USERNAME

# What Home Assistant calls them.
ENTITIES = {
    EventKind.MOTION: {"Motion Alarm", "Cell Motion Detection"},
    EventKind.PERSON: {"Person Detection"},
    EventKind.VEHICLE: {"Vehicle Detection"},
    EventKind.ANIMAL: {"Pet Detection"},
    EventKind.FACE: {"Face Detection"},
    EventKind.PACKAGE: {"Package Detection"},
    EventKind.DOORBELL: {"Visitor Detection"},
    EventKind.LINE_CROSSING: {"Line Detector Crossed"},
    EventKind.TAMPER: {"Global Scene Change", "Tamper Detection"},
    EventKind.DIGITAL_INPUT: {"Digital Input"},
}


@pytest.fixture
def broker() -> EventBroker:
    made = EventBroker()
    made.set_kinds(EventKind)
    return made


@pytest.fixture
def camera(broker: EventBroker) -> Camera:
    return make_camera(events=broker)


@pytest.fixture
async def device(server: OnvifServer) -> AsyncIterator[ONVIFCamera]:
    connected = ONVIFCamera("127.0.0.1", server.port, USERNAME, PASSWORD)
    await connected.update_xaddrs()
    yield connected
    await connected.close()


@pytest.fixture
async def manager(device: ONVIFCamera) -> AsyncIterator[PullPointManager]:
    """Return a pull point as Home Assistant makes one."""
    made = await device.create_pullpoint_manager(timedelta(minutes=10), lambda: None)
    await made.set_synchronization_point()
    yield made
    await made.shutdown()


@pytest.fixture
def home_assistant(device: ONVIFCamera) -> EventManager:
    """Return Home Assistant's reader; it needs nothing else of Home Assistant to read."""
    entry: Any = SimpleNamespace(unique_id="camera", entry_id="entry")
    nobody: Any = None
    return EventManager(nobody, device, entry, "Front Door")


async def pull(manager: PullPointManager) -> list[Any]:
    reply = await manager.get_service().PullMessages({"MessageLimit": 100, "Timeout": timedelta(seconds=60)})
    return list(reply.NotificationMessage)


def read(home_assistant: EventManager) -> dict[str, Any]:
    """Return the binary sensors by name, with their states."""
    return {event.name: event.value for event in home_assistant.get_platform("binary_sensor")}


async def test_every_state_becomes_a_binary_sensor(manager: PullPointManager, home_assistant: EventManager) -> None:
    messages = await pull(manager)
    assert {str(message.Message._value_1.PropertyOperation) for message in messages} == {"Initialized"}
    await home_assistant.async_parse_messages(messages)
    assert read(home_assistant) == dict.fromkeys(set().union(*ENTITIES.values()), False)
    assert home_assistant.get_platform("sensor") == home_assistant.get_platform("event") == []


@pytest.mark.parametrize("kind", EventKind)
async def test_a_change_reaches_its_binary_sensors_and_no_others(
    manager: PullPointManager, home_assistant: EventManager, broker: EventBroker, kind: EventKind
) -> None:
    await home_assistant.async_parse_messages(await pull(manager))
    for active in (True, False):
        broker.publish(kind, active, datetime.now(UTC))
        await home_assistant.async_parse_messages(await pull(manager))
        states = read(home_assistant)
        assert {name for name, state in states.items() if state} == (ENTITIES[kind] if active else set())


async def test_the_same_camera_has_the_same_entities_again(
    manager: PullPointManager, home_assistant: EventManager
) -> None:
    await home_assistant.async_parse_messages(await pull(manager))
    before = set(home_assistant.get_uids_by_platform("binary_sensor"))
    await manager.set_synchronization_point()
    await home_assistant.async_parse_messages(await pull(manager))
    assert home_assistant.get_uids_by_platform("binary_sensor") == before


async def test_times_are_what_the_client_asked_for(device: ONVIFCamera) -> None:
    events = await device.create_events_service()
    reply = await events.CreatePullPointSubscription(
        {"InitialTerminationTime": device.get_next_termination_time(timedelta(minutes=10))}
    )
    assert reply.TerminationTime - reply.CurrentTime == timedelta(minutes=10)
    assert not device.has_broken_relative_time(timedelta(minutes=10), reply.CurrentTime, reply.TerminationTime)


async def test_renewal(device: ONVIFCamera, manager: PullPointManager) -> None:
    subscription = await device.create_subscription_service("PullPointSubscription")
    reply = await subscription.Renew(device.get_next_termination_time(timedelta(minutes=2)))
    assert reply.TerminationTime - reply.CurrentTime == timedelta(minutes=2)


async def test_a_webhook_is_declined_so_that_the_pull_point_is_used(device: ONVIFCamera) -> None:
    with pytest.raises(Fault, match="not implemented"):
        await device.create_notification_manager("http://127.0.0.1:1/", timedelta(minutes=10), lambda: None)


async def test_the_end_of_a_pull_point_is_a_fault(manager: PullPointManager, broker: EventBroker) -> None:
    for subscription in list(broker._subscriptions.values()):
        broker.end(subscription)
    with pytest.raises(Fault, match="no such subscription"):
        await pull(manager)


async def test_topics_can_be_read(device: ONVIFCamera) -> None:
    events = await device.create_events_service()
    properties = await events.GetEventProperties()
    assert properties.FixedTopicSet is False
    assert {element.tag for element in properties.TopicSet._value_1} == {
        f"{{http://www.onvif.org/ver10/topics}}{name}" for name in ("VideoSource", "RuleEngine", "Device")
    }
