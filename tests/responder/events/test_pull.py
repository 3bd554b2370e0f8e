"""Waiting at a pull point."""

import asyncio
from datetime import UTC, datetime

import pytest

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.responder.events import EventBroker
from custom_components.onvif_proxy.responder.events.errors import SubscriptionUnknown
from custom_components.onvif_proxy.responder.events.pull import pull
from custom_components.onvif_proxy.responder.events.subscription import Interest, Subscription

LONG = 3600.0
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def broker() -> EventBroker:
    made = EventBroker()
    made.set_kinds([EventKind.PERSON])
    return made


@pytest.fixture
def subscription(broker: EventBroker) -> Subscription:
    """Return one whose client knows what is the case."""
    made = broker.subscribe("192.0.2.1", Interest(), LONG)
    made.take(10)
    return made


def waiting(subscription: Subscription, *, timeout: float = LONG) -> asyncio.Task[list[bool]]:
    """Pull in a task; its result are the states."""

    async def states() -> list[bool]:
        return [one.active for one in await pull(subscription, timeout=timeout, limit=10)]

    return asyncio.create_task(states())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_there_is_returned_at_once(broker: EventBroker, subscription: Subscription) -> None:
    broker.publish(EventKind.PERSON, True, NOW)
    broker.publish(EventKind.PERSON, False, NOW)
    assert len(await pull(subscription, timeout=LONG, limit=1)) == 1
    assert len(await pull(subscription, timeout=0, limit=10)) == 1
    assert await pull(subscription, timeout=0, limit=10) == ()


async def test_what_comes_ends_the_wait(broker: EventBroker, subscription: Subscription) -> None:
    task = waiting(subscription)
    await settle()
    assert not task.done()
    broker.publish(EventKind.PERSON, True, NOW)
    assert await task == [True]
    assert subscription.on_news is None


async def test_the_end_of_the_subscription_ends_the_wait(broker: EventBroker, subscription: Subscription) -> None:
    task = waiting(subscription)
    await settle()
    broker.end(subscription)
    with pytest.raises(SubscriptionUnknown):
        await task


async def test_who_is_cancelled_takes_nothing(broker: EventBroker, subscription: Subscription) -> None:
    task = waiting(subscription)
    await settle()
    broker.publish(EventKind.PERSON, True, NOW)  # it is woken, but had no time to take anything
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await waiting(subscription) == [True]


async def test_of_two_the_latter_gets_everything(broker: EventBroker, subscription: Subscription) -> None:
    former = waiting(subscription)
    await settle()
    latter = waiting(subscription)
    await settle()
    broker.publish(EventKind.PERSON, True, NOW)
    assert await latter == [True]
    broker.publish(EventKind.PERSON, False, NOW)
    await settle()
    assert not former.done()  # empty answers before the time would make its client ask again at once
    assert await waiting(subscription) == [False]
    former.cancel()


async def test_the_former_of_two_ends_empty_when_its_time_is_over(subscription: Subscription) -> None:
    former = waiting(subscription, timeout=0.02)
    await settle()
    latter = waiting(subscription)
    assert await former == []
    assert not latter.done()
    latter.cancel()


async def test_the_former_is_not_woken_by_what_the_latter_takes(
    broker: EventBroker, subscription: Subscription
) -> None:
    former = waiting(subscription)
    await settle()
    broker.publish(EventKind.PERSON, True, NOW)  # wakes the former, which has no turn before
    assert [one.active for one in await pull(subscription, timeout=0, limit=10)] == [True]
    await settle()
    assert not former.done()
    former.cancel()


async def test_what_is_put_back_ends_the_wait(broker: EventBroker, subscription: Subscription) -> None:
    broker.publish(EventKind.PERSON, True, NOW)
    lost = await pull(subscription, timeout=0, limit=10)
    task = waiting(subscription)
    await settle()
    subscription.put_back(lost)
    assert await task == [True]
