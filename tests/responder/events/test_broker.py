"""What a camera tells its pull points, by a clock that the test sets."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.responder.events import EventBroker
from custom_components.onvif_proxy.responder.events.notification import Notification
from custom_components.onvif_proxy.responder.events.subscription import Interest, Subscription
from custom_components.onvif_proxy.responder.events.topic_filter import parse_topic_expression

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MOTION, PERSON, DOORBELL = EventKind.MOTION, EventKind.PERSON, EventKind.DOORBELL
EVERYTHING = Interest()

MOTION_ALARM = "VideoSource/MotionAlarm"
CELL_MOTION = "RuleEngine/CellMotionDetector/Motion"
PEOPLE = "RuleEngine/MyRuleDetector/PeopleDetect"
VISITOR = "RuleEngine/MyRuleDetector/Visitor"


def topics(text: str) -> Interest:
    return Interest(topics=(parse_topic_expression(text, None, {}),))


def taken(subscription: Subscription, limit: int = 1000) -> list[tuple[str, str, bool]]:
    """Take messages, as topic, operation and state."""
    return [("/".join(one.topic.path), str(one.operation), one.active) for one in subscription.take(limit)]


class Camera:
    """A broker whose time passes only when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.broker = EventBroker(
            max_subscriptions=4,
            max_subscriptions_per_client=2,
            max_queue=6,
            monotonic=lambda: self.seconds,
            clock=lambda: self.now,
        )

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def publish(self, kind: EventKind, active: bool) -> None:
        self.broker.publish(kind, active, self.now)

    def subscribe(
        self, client: str = "192.0.2.1", interest: Interest = EVERYTHING, lifetime: float = 60
    ) -> Subscription:
        return self.broker.subscribe(client, interest, lifetime)


@pytest.fixture
def camera() -> Camera:
    made = Camera()
    made.broker.set_kinds([PERSON, MOTION])
    return made


class TestStates:
    def test_kinds_have_an_order(self, camera: Camera) -> None:
        assert camera.broker.kinds == (MOTION, PERSON)
        assert camera.broker.states == {MOTION: False, PERSON: False}

    def test_a_subscription_begins_with_what_is_the_case(self, camera: Camera) -> None:
        camera.publish(PERSON, True)
        assert taken(camera.subscribe()) == [
            (MOTION_ALARM, "Initialized", False),
            (CELL_MOTION, "Initialized", False),
            (PEOPLE, "Initialized", True),
        ]

    def test_states_say_since_when(self, camera: Camera) -> None:
        camera.seconds = 5
        camera.publish(PERSON, True)
        camera.seconds = 7
        motion, _, person = camera.subscribe().take(10)
        assert (motion.at, person.at) == (START, START + timedelta(seconds=5))

    def test_changes_follow(self, camera: Camera) -> None:
        subscription = camera.subscribe(interest=topics(f"tns1:{MOTION_ALARM}"))
        for active in (True, False):
            camera.publish(MOTION, active)
        assert taken(subscription) == [
            (MOTION_ALARM, "Initialized", False),
            (MOTION_ALARM, "Changed", True),
            (MOTION_ALARM, "Changed", False),
        ]

    def test_what_is_no_change_or_no_kind_of_the_camera_is_not_told(self, camera: Camera) -> None:
        subscription = camera.subscribe()
        subscription.take(10)
        camera.publish(MOTION, False)
        camera.publish(DOORBELL, True)
        assert taken(subscription) == []
        assert camera.broker.states == {MOTION: False, PERSON: False}

    def test_a_new_kind_is_told(self, camera: Camera) -> None:
        subscription = camera.subscribe()
        subscription.take(10)
        camera.broker.set_kinds([MOTION, PERSON, DOORBELL])
        assert taken(subscription) == [(VISITOR, "Initialized", False)]
        assert camera.broker.kinds == (MOTION, PERSON, DOORBELL)

    def test_a_kind_that_is_gone_ends_first(self, camera: Camera) -> None:
        camera.publish(PERSON, True)
        camera.publish(MOTION, True)
        subscription = camera.subscribe()
        subscription.take(10)
        camera.broker.set_kinds([MOTION])
        assert taken(subscription) == [(PEOPLE, "Changed", False), (PEOPLE, "Deleted", False)]
        assert camera.broker.states == {MOTION: True}

    def test_the_same_kinds_again_change_nothing(self, camera: Camera) -> None:
        camera.publish(MOTION, True)
        subscription = camera.subscribe()
        subscription.take(10)
        camera.broker.set_kinds([MOTION, PERSON])
        assert taken(subscription) == []
        assert camera.broker.states[MOTION]

    def test_who_wants_changes_only(self, camera: Camera) -> None:
        subscription = camera.subscribe(interest=Interest(changes_only=True))
        camera.publish(PERSON, True)
        camera.broker.set_kinds([MOTION])
        assert taken(subscription) == [(PEOPLE, "Changed", True), (PEOPLE, "Changed", False)]


class TestQueue:
    def test_what_is_taken_is_gone(self, camera: Camera) -> None:
        subscription = camera.subscribe()
        assert len(taken(subscription, 2)) == 2
        assert taken(subscription, 2) == [(PEOPLE, "Initialized", False)]
        assert taken(subscription, 2) == []

    def test_what_did_not_reach_the_client_is_put_back_in_order(self, camera: Camera) -> None:
        subscription = camera.subscribe(interest=topics(f"tns1:{PEOPLE}"))
        camera.publish(PERSON, True)
        lost = subscription.take(2)
        camera.publish(PERSON, False)
        subscription.put_back(lost)
        assert taken(subscription) == [
            (PEOPLE, "Initialized", False),
            (PEOPLE, "Changed", True),
            (PEOPLE, "Changed", False),
        ]

    def test_what_was_overtaken_on_its_way_is_not_put_back(self, camera: Camera) -> None:
        """The client has a new connection, by which it got the newer state long before the former one broke."""
        subscription = camera.subscribe()
        subscription.take(10)
        camera.publish(MOTION, True)
        camera.publish(PERSON, True)
        lost = subscription.take(10)
        camera.publish(PERSON, False)
        assert taken(subscription) == [(PEOPLE, "Changed", False)]
        subscription.put_back(lost)
        assert taken(subscription) == [(MOTION_ALARM, "Changed", True), (CELL_MOTION, "Changed", True)]
        assert subscription.overtaken == 1

    def test_filters_are_asked_once_for_each_message_that_there_may_be(self, camera: Camera) -> None:
        """They may be long."""
        asked: list[bool] = []

        def is_long(notification: Notification) -> bool:
            asked.append(notification.active)
            return True

        subscription = camera.subscribe(interest=Interest(contents=(is_long,)))
        for active in (True, False, True):
            camera.publish(PERSON, active)
        assert [active for _, _, active in taken(subscription)[2:]] == [False, True, False, True]
        assert asked == [False, False, False, True]

    def test_the_newest_state_of_each_topic_is_always_kept(self, camera: Camera) -> None:
        subscription = camera.subscribe()
        for active in (True, False, True):
            camera.publish(PERSON, active)
        assert len(subscription.take(3)) == 3
        assert subscription.overtaken == 0
        camera.publish(MOTION, True)
        for active in (False, True):
            camera.publish(PERSON, active)
        assert taken(subscription) == [
            (MOTION_ALARM, "Changed", True),
            (CELL_MOTION, "Changed", True),
            (PEOPLE, "Changed", True),
        ]
        assert subscription.overtaken == camera.broker.overtaken == 4

    def test_a_synchronization_says_anew_what_is_the_case(self, camera: Camera) -> None:
        subscription = camera.subscribe(interest=topics(f"tns1:{PEOPLE}"))
        camera.publish(PERSON, True)
        for _ in range(100):
            camera.broker.synchronize(subscription)
        assert taken(subscription) == [(PEOPLE, "Changed", True), (PEOPLE, "Initialized", True)]


class TestLifetime:
    def test_a_subscription_ends_when_its_time_is_over(self, camera: Camera) -> None:
        subscription = camera.subscribe(lifetime=60)
        camera.seconds = 59.9
        assert camera.broker.find(subscription.identifier) is subscription
        camera.seconds = 60
        assert camera.broker.find(subscription.identifier) is None
        assert subscription.has_ended
        assert camera.broker.subscribers == {}

    def test_it_ends_also_when_nobody_asks_for_it(self, camera: Camera) -> None:
        subscription = camera.subscribe(lifetime=60)
        camera.seconds = 60
        camera.publish(MOTION, True)
        assert subscription.has_ended
        assert taken(subscription) == []

    def test_it_can_be_renewed_and_shortened(self, camera: Camera) -> None:
        subscription = camera.subscribe(lifetime=60)
        camera.seconds = 50
        subscription.renew(60)
        assert subscription.remaining == 60
        subscription.renew(5)
        assert subscription.remaining == 5

    @pytest.mark.parametrize(("timeout", "remaining"), [(1, 60), (90, 90)])
    def test_a_pull_keeps_it_alive_for_as_long_again(self, camera: Camera, timeout: float, remaining: float) -> None:
        subscription = camera.subscribe(lifetime=60)
        camera.seconds = 59
        subscription.keep_alive(timeout)
        camera.seconds += timeout
        assert subscription.remaining == remaining

    def test_a_pull_does_not_shorten_it(self, camera: Camera) -> None:
        subscription = camera.subscribe(lifetime=600)
        subscription.renew(10)
        subscription.renew(600)
        subscription.keep_alive(1)
        assert subscription.remaining >= 600

    def test_it_can_be_ended(self, camera: Camera) -> None:
        subscription = camera.subscribe()
        camera.broker.end(subscription)
        camera.broker.end(subscription)
        assert camera.broker.find(subscription.identifier) is None
        camera.publish(MOTION, True)
        assert taken(subscription) == []


class TestCaps:
    def test_a_client_loses_what_it_left_behind(self, camera: Camera) -> None:
        first, second = camera.subscribe("192.0.2.1"), camera.subscribe("192.0.2.1")
        camera.broker.find(first.identifier)  # still in use
        third = camera.subscribe("192.0.2.1")
        assert [one.has_ended for one in (first, second, third)] == [False, True, False]

    def test_others_do_not_lose_anything_for_it(self, camera: Camera) -> None:
        other = camera.subscribe("192.0.2.9")
        for _ in range(10):
            camera.subscribe("192.0.2.1")
        assert not other.has_ended
        assert camera.broker.subscribers == {"192.0.2.9": 1, "192.0.2.1": 2}

    def test_a_camera_has_so_many(self, camera: Camera) -> None:
        subscriptions = [camera.subscribe(f"192.0.2.{number}") for number in range(5)]
        assert [one.has_ended for one in subscriptions] == [True, False, False, False, False]

    def test_what_has_expired_makes_room(self, camera: Camera) -> None:
        kept = camera.subscribe("192.0.2.1", lifetime=600)
        camera.subscribe("192.0.2.1", lifetime=1)
        camera.seconds = 1
        camera.subscribe("192.0.2.1")
        assert not kept.has_ended

    def test_identifiers_cannot_be_guessed(self, camera: Camera) -> None:
        identifiers = {camera.subscribe().identifier for _ in range(100)}
        assert len(identifiers) == 100
        assert min(map(len, identifiers)) >= 16


def test_by_default_it_goes_by_the_clocks_of_the_host() -> None:
    broker = EventBroker()
    broker.set_kinds([MOTION])
    (first, _) = broker.subscribe("192.0.2.1", EVERYTHING, 60).take(2)
    assert abs(datetime.now(UTC) - first.at) < timedelta(seconds=5)


def test_news_are_told_to_who_waits(camera: Camera) -> None:
    subscription = camera.subscribe(interest=topics(f"tns1:{PEOPLE}"))
    subscription.take(10)
    calls: list[str] = []

    def note(name: str) -> Callable[[], None]:
        return lambda: calls.append(name)

    subscription.on_news = note("news")
    camera.publish(MOTION, True)
    assert calls == []  # it is not for this one
    camera.publish(PERSON, True)
    assert calls == ["news"]
    subscription.take(1)
    subscription.on_news = note("end")
    camera.broker.end(subscription)
    assert calls == ["news", "end"]
