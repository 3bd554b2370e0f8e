"""Listening to recorders: one that behaves, and ones that do not, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import logging
import re
from typing import Any

import aiohttp
from aiohttp import web
import pytest

from custom_components.onvif_proxy.model import Credentials, EventKind, RecorderEvent
from custom_components.onvif_proxy.nvr import EventsNotSupported, WrongCredentials
from custom_components.onvif_proxy.nvr.events import EventListener
from custom_components.onvif_proxy.nvr.soap import EVENTS, SoapClient
from custom_components.onvif_proxy.nvr.sources import SourceMap
from tests.simulated_nvr import RecorderOptions, SimulatedRecorder

from .conftest import CREDENTIALS, DriverFactory
from .event_messages import CELL_MOTION, motion, notification, pulled, renewed, subscription, synchronized, unsubscribed
from .soap_recorder import SoapRecorder, fault

SOURCES = SourceMap(channels=frozenset({"s1", "s2"}), configurations={"vsc1": "s1"})


@dataclass
class Ear:
    """Who listens: what was heard, and waiting for it."""

    events: list[RecorderEvent] = field(default_factory=list)
    states: list[bool] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    listener: Any = None
    """For its counts and its clock."""

    def on_event(self, event: RecorderEvent) -> None:
        """Take an event."""
        self.events.append(event)

    def on_state(self, state: bool) -> None:
        """Take a state."""
        self.states.append(state)

    async def until(self, condition: Callable[[], Any], timeout: float = 5.0) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """End listening."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def last_active(self) -> bool | None:
        """What the last event said; None before the first."""
        return self.events[-1].active if self.events else None

    @property
    def said(self) -> list[tuple[str, EventKind, bool]]:
        """The events without their times."""
        return [(event.channel, event.kind, event.active) for event in self.events]


class EventRecorder(SoapRecorder):
    """Canned answers, with an event service that keeps count of its subscriptions."""

    def __init__(self) -> None:
        """Begin with an event service that has nothing to tell."""
        super().__init__()
        self.made = 0
        self.living: set[str] = set()
        self.most_living = 0
        self.waiting: asyncio.Queue[str] = asyncio.Queue()
        """Answers to PullMessages that are given at once."""
        self.pulled_with: list[str] = []

    async def __aenter__(self) -> EventRecorder:
        """Listen."""
        await super().__aenter__()
        self.answers |= {
            "CreatePullPointSubscription": self.create,
            "SetSynchronizationPoint": synchronized(),
            "PullMessages": self.pull,
            "Renew": renewed(),
            "Unsubscribe": self.unsubscribe,
        }
        return self

    def soap(self, text: str) -> web.Response:
        """Send an answer."""
        return web.Response(text=text, content_type="application/soap+xml")

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Make a subscription with an address of its own."""
        self.made += 1
        path = f"/sub/{self.made}"
        self.living.add(path)
        self.most_living = max(self.most_living, len(self.living))
        return self.soap(subscription(f"http://{self.host}:{self.port}{path}"))

    async def pull(self, request: web.Request) -> web.StreamResponse:
        """Wait for something to tell, for as long as was asked."""
        if request.path not in self.living:
            return fault("wsrf-r:ResourceUnknownFault", "no such subscription", 500)
        found = re.search(r"Timeout>PT([\d.]+)S<", await request.text())
        assert found
        self.pulled_with.append(found[1])
        try:
            async with asyncio.timeout(float(found[1])):
                return self.soap(await self.waiting.get())
        except TimeoutError:
            return self.soap(pulled())

    async def unsubscribe(self, request: web.Request) -> web.StreamResponse:
        """Forget a subscription."""
        if request.path not in self.living:
            return fault("wsrf-r:ResourceUnknownFault", "no such subscription", 500)
        self.living.remove(request.path)
        return self.soap(unsubscribed())


@pytest.fixture
async def recorder() -> AsyncIterator[EventRecorder]:
    """A recorder with two channels' worth of events."""
    async with EventRecorder() as event_recorder:
        yield event_recorder


type Listen = Callable[..., Any]


@pytest.fixture
async def listen(session: aiohttp.ClientSession) -> AsyncIterator[Listen]:
    """Starts listening, in a task; ends it at the end."""
    ears: list[Ear] = []
    clients: list[SoapClient] = []

    async def start(recorder: SoapRecorder, *, timeout: float = 5.0, **limits: Any) -> Ear:
        client = SoapClient(
            host=recorder.host, port=recorder.port, credentials=CREDENTIALS, session=session, timeout=timeout
        )
        client.addresses[EVENTS] = f"http://{recorder.host}:{recorder.port}/onvif/events"
        clients.append(client)
        quick: dict[str, Any] = {"pull_timeout": 0.3, "retry_delays": (0.01, 0.02), "pause": 0.05}
        listener = EventListener(soap=client, sources=SOURCES, **(quick | limits))
        ear = Ear()
        ear.listener = listener
        ear.task = asyncio.ensure_future(listener.run(ear.on_event, ear.on_state))
        ears.append(ear)
        return ear

    yield start
    for ear in ears:
        await ear.stop()
    for client in clients:
        await client.close()


# --- A recorder that behaves -----------------------------------------------------------------------------------------


async def test_events_are_told_as_they_come(recorder: EventRecorder, listen: Listen) -> None:
    """True and false, of the channel that they name, in our time."""
    ear = await listen(recorder)
    await ear.until(lambda: recorder.calls["PullMessages"])
    before = datetime.now(UTC)
    await recorder.waiting.put(pulled(motion("s1", True), motion("s2", False, "Initialized")))
    await ear.until(lambda: len(ear.events) == 2)
    await recorder.waiting.put(pulled(motion("s1", False)))
    await ear.until(lambda: len(ear.events) == 3)

    assert ear.said == [
        ("s1", EventKind.MOTION, True),
        ("s2", EventKind.MOTION, False),
        ("s1", EventKind.MOTION, False),
    ]
    assert all(before <= event.at <= datetime.now(UTC) for event in ear.events)
    assert ear.states == [True]


async def test_an_event_comes_without_delay(recorder: EventRecorder, listen: Listen) -> None:
    """The recorder's answer is all that is waited for."""
    ear = await listen(recorder, pull_timeout=30.0)
    await ear.until(lambda: recorder.calls["PullMessages"])
    began = asyncio.get_running_loop().time()
    await recorder.waiting.put(pulled(motion("s1", True)))
    await ear.until(lambda: ear.events)

    assert asyncio.get_running_loop().time() - began < 0.15


async def test_two_topics_of_one_motion_end_together(recorder: EventRecorder, listen: Listen) -> None:
    """The first end is not yet one."""

    def cells(active: bool) -> str:
        source = {"VideoSourceConfigurationToken": "vsc1", "Rule": "MyMotionDetectorRule"}
        return notification(CELL_MOTION, source, {"IsMotion": "1" if active else "0"})

    ear = await listen(recorder)
    await recorder.waiting.put(pulled(motion("s1", True), cells(True), motion("s1", False), cells(False)))
    await ear.until(lambda: len(ear.events) == 4)

    assert [active for _, _, active in ear.said] == [True, True, True, False]


async def test_a_moment_has_no_end(recorder: EventRecorder, listen: Listen) -> None:
    """A line that was crossed."""
    ear = await listen(recorder)
    await recorder.waiting.put(
        pulled(
            notification(
                "tns1:RuleEngine/LineDetector/Crossed", {"VideoSourceConfigurationToken": "vsc1"}, {"ObjectId": "7"}
            )
        )
    )
    await ear.until(lambda: ear.events)

    assert (ear.events[0].kind, ear.events[0].active, ear.events[0].momentary) == (EventKind.LINE_CROSSING, True, True)


async def test_what_is_of_no_channel_is_counted(
    recorder: EventRecorder, listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    """Unknown sources, contacts of the recorder, topics of no meaning; each is logged once."""
    caplog.set_level(logging.DEBUG)
    ear = await listen(recorder)
    contact = notification("tns1:Device/Trigger/DigitalInput", {"InputToken": "1"}, {"LogicalState": "true"})
    usage = notification("tns1:Monitoring/ProcessorUsage", {"Token": "1"}, {"Value": "3"})
    strange = motion("somewhere", True)
    await recorder.waiting.put(pulled(strange, strange, contact, usage, usage, motion("s1", True)))
    await ear.until(lambda: ear.events)

    counts = ear.listener.counts
    assert (counts.unknown_source, counts.of_device, counts.other, counts.reported) == (2, 1, 2, 1)
    assert caplog.text.count("somewhere") == 1
    assert caplog.text.count("Monitoring/ProcessorUsage") == 1


async def test_cancelling_unsubscribes(recorder: EventRecorder, listen: Listen) -> None:
    """Recorders have few subscriptions."""
    ear = await listen(recorder, pull_timeout=30.0)
    await ear.until(lambda: recorder.calls["PullMessages"])
    await ear.stop()

    assert recorder.living == set()
    assert ear.states == [True, False]


async def test_cancelling_while_a_subscription_is_made_unsubscribes_from_it(
    recorder: EventRecorder, listen: Listen
) -> None:
    """Its address comes with the answer only, so that is waited for."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        answer = await recorder.create(request)
        begun.set()
        await go_on.wait()
        return answer

    recorder.answers["CreatePullPointSubscription"] = slow
    ear = await listen(recorder)
    await begun.wait()
    stopping = asyncio.ensure_future(ear.stop())
    await asyncio.sleep(0.05)
    go_on.set()
    await stopping

    assert recorder.made == 1
    assert recorder.living == set()
    assert ear.states == []


async def test_cancelling_is_short_where_nobody_answers(recorder: EventRecorder, listen: Listen) -> None:
    """Home Assistant is not held up."""
    ear = await listen(recorder, farewell_timeout=0.1)
    await ear.until(lambda: recorder.calls["PullMessages"])
    recorder.answers["Unsubscribe"] = _never
    async with asyncio.timeout(1.0):
        await ear.stop()

    assert ear.states == [True, False]


# --- The subscription's life -----------------------------------------------------------------------------------------


async def test_a_subscription_is_renewed_in_time(recorder: EventRecorder, listen: Listen) -> None:
    """Long before it ends, where pulling does not lengthen it."""
    recorder.answers["Renew"] = renewed()
    ear = await listen(recorder, lifetime=90.0, min_renewal=0.05)
    # 90 s were asked for, and 45 s are left from now on.
    await recorder.waiting.put(pulled(times=("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")))
    await ear.until(lambda: recorder.calls["Renew"])
    body = next(body for operation, _, body in recorder.requests if operation == "Renew")

    assert b"PT90S" in body
    assert recorder.made == 1
    assert ear.states == [True]


async def test_where_renewing_is_refused_another_subscription_takes_its_place(
    recorder: EventRecorder, listen: Listen
) -> None:
    """Nothing is lost in between, and there is never more than one."""
    recorder.answers["Renew"] = fault()
    ear = await listen(recorder, min_renewal=0.05)
    await recorder.waiting.put(pulled(times=("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")))
    await ear.until(lambda: recorder.made == 2)
    await recorder.waiting.put(pulled(motion("s1", True)))
    await ear.until(lambda: ear.events)

    assert recorder.most_living == 1
    assert ear.states == [True]


async def test_a_recorder_that_misreads_durations_is_given_times_of_its_clock(
    recorder: EventRecorder, listen: Listen
) -> None:
    """It ended the subscription at once."""

    async def create(request: web.Request) -> web.StreamResponse:
        await recorder.create(request)
        path = f"http://127.0.0.1:{recorder.port}/sub/{recorder.made}"
        return recorder.soap(subscription(path, times=("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z")))

    recorder.answers["CreatePullPointSubscription"] = create
    ear = await listen(recorder)
    ear.listener.soap.clock_offset = timedelta(days=-365)
    await ear.until(lambda: recorder.calls["PullMessages"])
    body = next(body for operation, _, body in recorder.requests if operation == "Renew").decode()
    told = re.search(r"TerminationTime>(\S+?)<", body)
    assert told
    end = datetime.fromisoformat(told[1])

    assert abs(end - (datetime.now(UTC) + timedelta(days=-365, seconds=90))) < timedelta(seconds=10)
    assert recorder.calls["Renew"] == 1


async def test_an_address_of_another_host_is_bent(recorder: EventRecorder, listen: Listen) -> None:
    """Behind NAT the recorder knows neither its host nor its port."""

    async def create(request: web.Request) -> web.StreamResponse:
        await recorder.create(request)
        return recorder.soap(subscription(f"http://203.0.113.9:8899/sub/{recorder.made}"))

    recorder.answers["CreatePullPointSubscription"] = create
    ear = await listen(recorder)
    await recorder.waiting.put(pulled(motion("s1", True)))
    await ear.until(lambda: ear.events)

    assert ear.said == [("s1", EventKind.MOTION, True)]


async def test_an_address_on_another_port_of_the_host_is_kept(recorder: EventRecorder, listen: Listen) -> None:
    """Some recorders have their subscriptions elsewhere."""
    async with EventRecorder() as elsewhere:
        elsewhere.living.add("/sub/9")

        async def create(request: web.Request) -> web.StreamResponse:
            return recorder.soap(subscription(f"http://127.0.0.1:{elsewhere.port}/sub/9"))

        recorder.answers["CreatePullPointSubscription"] = create
        ear = await listen(recorder)
        await elsewhere.waiting.put(pulled(motion("s2", True)))
        await ear.until(lambda: ear.events)
        await ear.stop()

        assert elsewhere.living == set()
    assert recorder.calls["PullMessages"] == 0


async def test_reference_parameters_are_sent_along(recorder: EventRecorder, listen: Listen) -> None:
    """With every request to the subscription."""

    async def create(request: web.Request) -> web.StreamResponse:
        await recorder.create(request)
        path = f"http://127.0.0.1:{recorder.port}/sub/1"
        return recorder.soap(subscription(path, parameters='<d:Id xmlns:d="urn:d">id-7</d:Id>'))

    recorder.answers["CreatePullPointSubscription"] = create
    ear = await listen(recorder)
    await ear.until(lambda: recorder.calls["PullMessages"] == 2)
    await ear.stop()
    sent = [(operation, body) for operation, _, body in recorder.requests if operation != "CreatePullPointSubscription"]

    assert {operation for operation, _ in sent} == {"SetSynchronizationPoint", "PullMessages", "Unsubscribe"}
    for _, body in sent:
        assert re.search(rb"Header>.*Id[^>]*>id-7<.*</\S*Header>", body, re.DOTALL)


# --- Recorders that misbehave ----------------------------------------------------------------------------------------


async def _never(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError


async def _broken(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    "answer", [fault("ter:Action", "no more pull points", 500), _broken, web.Response(status=500), b"junk"]
)
async def test_a_recorder_that_loses_its_subscription_is_asked_for_another(
    answer: Any, recorder: EventRecorder, listen: Listen
) -> None:
    """After telling that nothing is known any more."""
    ear = await listen(recorder)
    await ear.until(lambda: recorder.calls["PullMessages"])
    recorder.answers["PullMessages"] = answer
    await ear.until(lambda: False in ear.states)
    recorder.answers["PullMessages"] = recorder.pull
    await ear.until(lambda: ear.states[-1:] == [True])
    await recorder.waiting.put(pulled(motion("s1", True)))
    await ear.until(lambda: ear.events)

    # What was lost only for us is taken back.
    assert len(recorder.living) == 1


async def test_what_was_active_is_forgotten_with_the_subscription(recorder: EventRecorder, listen: Listen) -> None:
    """A rule whose end was missed does not hold the next one."""
    ear = await listen(recorder)
    await recorder.waiting.put(pulled(notification(CELL_MOTION, {"Source": "s1"}, {"IsMotion": "true"})))
    await ear.until(lambda: ear.events)
    recorder.living.clear()
    await ear.until(lambda: ear.states == [True, False, True])
    await recorder.waiting.put(pulled(motion("s1", False)))
    await ear.until(lambda: len(ear.events) == 2)

    assert ear.said[-1] == ("s1", EventKind.MOTION, False)


async def test_a_recorder_that_never_answers_is_given_up_and_tried_again(
    recorder: EventRecorder, listen: Listen
) -> None:
    """It has as long as it may wait, and the time for an answer."""
    recorder.answers["PullMessages"] = _never
    ear = await listen(recorder, timeout=0.2, pull_timeout=0.1)
    await ear.until(lambda: ear.states[:3] == [True, False, True])

    assert recorder.most_living == 1


async def test_a_recorder_that_answers_empty_at_once_is_not_run_after(recorder: EventRecorder, listen: Listen) -> None:
    """It is asked now and then, and heard all the same."""
    recorder.answers["PullMessages"] = pulled()
    ear = await listen(recorder, pull_timeout=30.0, pause=0.1)
    await ear.until(lambda: recorder.calls["PullMessages"] >= 2)
    await asyncio.sleep(0.35)

    assert recorder.calls["PullMessages"] <= 7
    recorder.answers["PullMessages"] = pulled(motion("s1", True))
    await ear.until(lambda: ear.events)


async def test_a_recorder_that_never_stops_telling_is_slowed_down(recorder: EventRecorder, listen: Listen) -> None:
    """A burst is taken as it comes, no more."""
    recorder.answers["PullMessages"] = pulled(motion("s1", True))
    ear = await listen(recorder, pull_timeout=30.0, max_burst=110, messages_per_second=55.0)
    await ear.until(lambda: recorder.calls["PullMessages"] >= 11)
    await asyncio.sleep(0.5)

    assert recorder.calls["PullMessages"] <= 15


async def test_a_flood_in_large_answers_is_slowed_down_as_well(recorder: EventRecorder, listen: Listen) -> None:
    """It holds more messages than were asked for; others have their turn in between."""
    recorder.answers["PullMessages"] = pulled(*(motion("s1", n % 2 == 0) for n in range(400)))
    ear = await listen(recorder, pull_timeout=30.0, max_burst=500, messages_per_second=100.0)
    turns = 0
    while len(ear.events) < 400:
        await asyncio.sleep(0)
        turns += 0 < len(ear.events) < 400
    await asyncio.sleep(0.4)

    assert turns >= 2
    assert len(ear.events) == 800
    assert [event.active for event in ear.events[:3]] == [True, False, True]


async def test_a_recorder_that_tells_beginnings_only_once_is_asked_whether_it_goes_on(
    recorder: EventRecorder, listen: Listen
) -> None:
    """Motion that lasts is not taken for one whose end was forgotten, and a forgotten end is found."""
    going_on = True

    async def restate(_: web.Request) -> web.StreamResponse:
        await recorder.waiting.put(pulled(motion("s1", going_on, "Initialized")))
        return recorder.soap(synchronized())

    ear = await listen(recorder, confirmation=0.01)
    await ear.until(lambda: recorder.calls["PullMessages"] >= 2)
    assert recorder.calls["SetSynchronizationPoint"] == 1  # nothing goes on that could be asked for
    recorder.answers["SetSynchronizationPoint"] = restate
    await recorder.waiting.put(pulled(motion("s1", True)))
    await ear.until(lambda: len(ear.events) == 3)
    going_on = False
    await ear.until(lambda: ear.last_active is False)
    asked = recorder.calls["SetSynchronizationPoint"]
    await ear.until(lambda: recorder.calls["PullMessages"] >= asked + 4)

    told = [event.active for event in ear.events]
    assert told == sorted(told, reverse=True)  # what was asked for when the end came may tell it again
    assert recorder.calls["SetSynchronizationPoint"] == asked


async def test_a_recorder_that_does_not_confirm_is_not_asked_for_ever(recorder: EventRecorder, listen: Listen) -> None:
    """Nor is one that can't."""
    await recorder.waiting.put(pulled(motion("s1", True)))
    ear = await listen(recorder, confirmation=0.01, given_up=0.5, pull_timeout=0.1)
    await ear.until(lambda: recorder.calls["SetSynchronizationPoint"] >= 3)
    await asyncio.sleep(0.6)
    asked = recorder.calls["SetSynchronizationPoint"]
    recorder.answers["SetSynchronizationPoint"] = fault()
    await recorder.waiting.put(pulled(motion("s1", True)))
    await ear.until(lambda: recorder.calls["SetSynchronizationPoint"] > asked)
    await asyncio.sleep(0.3)

    assert recorder.calls["SetSynchronizationPoint"] == asked + 1


async def test_a_recorder_that_refuses_subscriptions_is_asked_seldom(recorder: EventRecorder, listen: Listen) -> None:
    """It has no room for one more; each time it is waited longer."""
    recorder.answers["CreatePullPointSubscription"] = fault("ter:Action", "too many pull points", 500)
    ear = await listen(recorder, retry_delays=(0.01, 0.1, 5.0))
    await ear.until(lambda: recorder.calls["CreatePullPointSubscription"] == 3)
    await asyncio.sleep(0.2)

    assert recorder.calls == {"CreatePullPointSubscription": 3}
    assert ear.states == []


async def test_losing_one_subscription_after_another_is_waited_for_longer(
    recorder: EventRecorder, listen: Listen
) -> None:
    """As long as none lasts."""
    recorder.answers["PullMessages"] = fault("ter:Action", "no", 500)
    ear = await listen(recorder, retry_delays=(0.01, 0.05, 5.0))
    await ear.until(lambda: recorder.made == 3)
    await asyncio.sleep(0.2)

    assert recorder.made == 3
    assert recorder.living == set()
    assert ear.states == [True, False] * 3


@pytest.mark.parametrize("answer", [fault(), fault("ter:Action", "Method not implemented"), web.Response(status=404)])
async def test_a_recorder_without_pull_points_says_so(answer: Any, recorder: EventRecorder, listen: Listen) -> None:
    """That is no fault to try away."""
    recorder.answers["CreatePullPointSubscription"] = answer
    ear = await listen(recorder)

    with pytest.raises(EventsNotSupported):
        await ear.task
    assert recorder.calls == {"CreatePullPointSubscription": 1}


@pytest.mark.parametrize("operation", ["CreatePullPointSubscription", "PullMessages", "Renew"])
async def test_a_refused_login_ends_it(operation: str, recorder: EventRecorder, listen: Listen) -> None:
    """Recorders lock accounts: not even unsubscribing is tried with it."""
    recorder.answers[operation] = fault("ter:NotAuthorized")
    if operation == "Renew":
        await recorder.waiting.put(pulled(times=("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")))
    ear = await listen(recorder, min_renewal=0.05)

    with pytest.raises(WrongCredentials):
        await ear.task
    assert recorder.calls[operation] == 1
    assert recorder.calls["Unsubscribe"] == 0
    assert ear.states in ([], [True, False])


async def test_a_synchronization_point_is_not_insisted_on(recorder: EventRecorder, listen: Listen) -> None:
    """Most begin with the states of everything by themselves."""
    recorder.answers["SetSynchronizationPoint"] = fault()
    ear = await listen(recorder)
    await recorder.waiting.put(pulled(motion("s1", True)))
    await ear.until(lambda: ear.events)

    assert recorder.calls["SetSynchronizationPoint"] == 1


# --- With the simulated recorder, through the driver -----------------------------------------------------------------


@asynccontextmanager
async def heard(driver: Any) -> AsyncIterator[Ear]:
    """Listen by a driver that has scanned."""
    ear = Ear()
    ear.task = asyncio.ensure_future(driver.listen(ear.on_event, ear.on_state))
    try:
        await ear.until(lambda: ear.states == [True])
        yield ear
    finally:
        await ear.stop()


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "reolink", "uniview"])
async def test_motion_of_every_vendor_comes_from_its_channel(vendor: str, make_driver: DriverFactory) -> None:
    """Split by source, or by the configuration of it; and the scan tells that there will be some."""
    async with SimulatedRecorder(RecorderOptions(channels=3, vendor=vendor)) as simulated:
        driver = make_driver(simulated)
        recorder = await driver.scan()
        async with heard(driver) as ear:
            await ear.until(lambda: {event.channel for event in ear.events} == {c.token for c in recorder.channels})
            assert not any(event.active for event in ear.events)
            del ear.events[:]
            simulated.set_motion(2, True)
            await ear.until(lambda: ear.events)
            simulated.set_motion(2, False)
            await ear.until(lambda: ear.last_active is False)

        assert {event.channel for event in ear.events} == {recorder.channels[1].token}
        assert {event.kind for event in ear.events} == {EventKind.MOTION}
        assert all(EventKind.MOTION in channel.event_kinds for channel in recorder.channels)
        assert simulated.pull_points == 0


@pytest.mark.parametrize("vendor", ["hikvision", "dahua", "reolink", "uniview"])
async def test_everything_that_every_vendor_tells_is_understood(vendor: str, make_driver: DriverFactory) -> None:
    """In its own topics; what is in a field moves, and contacts are the recorder's own."""
    async with SimulatedRecorder(RecorderOptions(channels=2, vendor=vendor)) as simulated:
        driver = make_driver(simulated)
        second = (await driver.scan()).channels[1]
        async with heard(driver) as ear:
            for kind in simulated.event_kinds:
                if kind == "digital_input":
                    before = driver.event_counts.of_device
                    simulated.set_event(2, kind, True)
                    await ear.until(lambda: driver.event_counts.of_device > before)  # noqa: B023  # awaited at once
                    continue
                expected = EventKind.MOTION if kind == "intrusion" else EventKind(kind)
                simulated.set_event(2, kind, True)
                await ear.until(lambda: (second.token, expected, True) in ear.said)  # noqa: B023  # as above
                assert [event.channel for event in ear.events if event.active] == [second.token] * sum(
                    event.active for event in ear.events
                )
                if not ear.events[-1].momentary:
                    simulated.set_event(2, kind, False)
                    await ear.until(lambda: ear.said[-1] == (second.token, expected, False))  # noqa: B023  # as above
                ear.events.clear()

    assert driver.event_counts.unknown_source == 0


async def test_a_recorder_that_forgets_its_subscriptions_is_heard_again(make_driver: DriverFactory) -> None:
    """As after a restart of its event service."""
    async with SimulatedRecorder(RecorderOptions(channels=1)) as simulated:
        driver = make_driver(simulated)
        driver._listener.retry_delays = (0.01,)  # no waiting in tests
        await driver.scan()
        async with heard(driver) as ear:
            simulated.forget_pull_points()
            await ear.until(lambda: ear.states == [True, False, True])
            simulated.set_motion(1, True)
            await ear.until(lambda: ear.last_active)

            assert simulated.pull_points == 1


async def test_a_recorder_that_restarts_is_heard_again(make_driver: DriverFactory) -> None:
    """It was away for a while."""
    async with SimulatedRecorder(RecorderOptions(channels=1)) as simulated:
        driver = make_driver(simulated)
        driver._listener.retry_delays = (0.05,)  # no waiting in tests
        await driver.scan()
        async with heard(driver) as ear:
            await simulated.stop()
            await ear.until(lambda: ear.states[-1:] == [False])
            await asyncio.sleep(0.1)
            await simulated.start()
            await ear.until(lambda: ear.states[-1:] == [True])
            simulated.set_motion(1, True)
            await ear.until(lambda: ear.last_active)


async def test_two_drivers_do_not_disturb_each_other(make_driver: DriverFactory) -> None:
    """Each has its own subscription, and leaves the other's alone."""
    async with SimulatedRecorder(RecorderOptions(channels=1, max_pull_points=2)) as simulated:
        first, second = make_driver(simulated), make_driver(simulated)
        await first.scan()
        await second.scan()
        async with heard(first) as ear:
            async with heard(second) as other:
                assert simulated.pull_points == 2
                simulated.set_motion(1, True)
                await ear.until(lambda: ear.last_active)
                await other.until(lambda: other.last_active)
            assert simulated.pull_points == 1
            simulated.set_motion(1, False)
            await ear.until(lambda: ear.last_active is False)


async def test_scans_and_listening_go_on_side_by_side(make_driver: DriverFactory) -> None:
    """A waiting request takes no place of another; nor is it dropped by a scan."""
    async with SimulatedRecorder(RecorderOptions(channels=2)) as simulated:
        driver = make_driver(simulated, max_parallel=1)
        before = await driver.scan()
        async with heard(driver) as ear:
            assert await driver.scan() == before
            simulated.set_motion(2, True)
            await ear.until(lambda: ear.last_active)

            assert ear.states == [True]
            assert simulated.requests["CreatePullPointSubscription"] == 1


async def test_without_a_scan_there_is_nothing_to_listen_to(
    soap_recorder: SoapRecorder, make_driver: DriverFactory
) -> None:
    """Nor where the scan found no event service."""
    driver = make_driver(soap_recorder)
    ear = Ear()

    with pytest.raises(EventsNotSupported):
        await driver.listen(ear.on_event, ear.on_state)
    assert soap_recorder.calls == {}


async def test_a_wrong_password_is_sent_once_to_the_simulated_recorder(make_driver: DriverFactory) -> None:
    """The password was changed there after the scan."""
    async with SimulatedRecorder(RecorderOptions(channels=1)) as simulated:
        right, wrong = make_driver(simulated), make_driver(simulated, Credentials(username="admin", password="no"))
        await right.scan()
        wrong._soap.addresses |= right._soap.addresses  # as if it had scanned before
        ear = Ear()

        with pytest.raises(WrongCredentials):
            await wrong.listen(ear.on_event, ear.on_state)
        assert simulated.authentication_failures.total() <= 2
