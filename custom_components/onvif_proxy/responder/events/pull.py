"""Waiting for the messages of a pull point."""

import asyncio

from .errors import SubscriptionUnknown
from .notification import Notification
from .subscription import Subscription


async def pull(subscription: Subscription, *, timeout: float, limit: int) -> tuple[Notification, ...]:
    """Return messages as soon as there are any, none after `timeout` seconds (ONVIF Core, pull messages).

    Where two pull at once, the latter gets everything: clients begin anew when their connection breaks, long before the
    former one is known to be dead. The former then waits in vain until its time is over, as an answer that comes early
    and empty makes a client ask again at once. What is not returned, as the task is cancelled, is not taken either.
    Raises `SubscriptionUnknown` when the subscription ends.
    """
    subscription.keep_alive(timeout)
    news = asyncio.Event()
    mine = news.set
    subscription.on_news = mine
    try:
        async with asyncio.timeout(timeout):
            while subscription.on_news is not mine or not subscription.has_news:
                news.clear()
                await news.wait()
    except TimeoutError:
        pass  # there may be something all the same, just now
    finally:
        is_latest = subscription.on_news is mine
        if is_latest:
            subscription.on_news = None
    if subscription.has_ended:
        raise SubscriptionUnknown
    return subscription.take(limit) if is_latest else ()
