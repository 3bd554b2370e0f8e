"""Events of one camera, put together from their sources, by a clock that the test sets."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.onvif_proxy.camera_events import CameraEvents
from custom_components.onvif_proxy.model import EventKind

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RECORDER = "recorder"
MOTION, DOORBELL = EventKind.MOTION, EventKind.DOORBELL


@dataclass(slots=True, eq=False)
class Timer:
    due: float
    call: Callable[[], None]
    timers: list[Timer]

    def cancel(self) -> None:
        if self in self.timers:
            self.timers.remove(self)


@dataclass(slots=True)
class Clock:
    """Time that passes only when it is told to."""

    seconds: float = 0.0
    timers: list[Timer] = field(default_factory=list)

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        timer = Timer(self.seconds + delay, call, self.timers)
        self.timers.append(timer)
        return timer

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        until = self.seconds + seconds
        while due := sorted((timer for timer in self.timers if timer.due <= until), key=lambda timer: timer.due):
            self.seconds = due[0].due
            self.timers.remove(due[0])
            due[0].call()
        self.seconds = until


@dataclass(slots=True)
class Watched:
    clock: Clock
    changes: list[tuple[EventKind, bool, float]]
    events: CameraEvents

    def report(self, source: str, active: bool, kind: EventKind = MOTION, **more: bool) -> None:
        self.events.report(source, kind, active, self.clock.now(), **more)


@pytest.fixture
def watched() -> Watched:
    clock = Clock()
    changes: list[tuple[EventKind, bool, float]] = []
    events = CameraEvents(
        lambda kind, active, at: changes.append((kind, active, (at - START).total_seconds())),
        hold=60,
        pulse=5,
        call_later=clock.call_later,
        clock=clock.now,
    )
    return Watched(clock, changes, events)


def test_a_beginning_and_an_end_are_told_once(watched: Watched) -> None:
    watched.report(RECORDER, False)
    watched.report(RECORDER, True)
    watched.clock.advance(3)
    watched.report(RECORDER, True)
    watched.clock.advance(4)
    watched.report(RECORDER, False)
    watched.report(RECORDER, False)
    assert watched.changes == [(MOTION, True, 0), (MOTION, False, 7)]
    assert watched.clock.timers == []


def test_what_the_recorder_forgets_ends_a_while_after_it_was_said_last(watched: Watched) -> None:
    watched.report(RECORDER, True)
    watched.clock.advance(50)
    watched.report(RECORDER, True)
    watched.clock.advance(59)
    assert watched.events.states[MOTION]
    watched.clock.advance(1)
    assert watched.changes == [(MOTION, True, 0), (MOTION, False, 110)]
    assert watched.clock.timers == []


def test_a_source_that_always_tells_the_end_has_all_the_time_of_the_world(watched: Watched) -> None:
    watched.report("binary_sensor.pir", True, until_told=True)
    assert watched.clock.timers == []
    watched.clock.advance(86400)
    assert watched.events.states[MOTION]
    watched.report("binary_sensor.pir", False, until_told=True)
    assert watched.changes == [(MOTION, True, 0), (MOTION, False, 86400)]


def test_something_is_seen_as_long_as_any_source_sees_it(watched: Watched) -> None:
    watched.report("binary_sensor.pir", True, until_told=True)
    watched.clock.advance(1)
    watched.report(RECORDER, True)
    watched.clock.advance(1)
    watched.report("binary_sensor.pir", False)
    assert watched.changes == [(MOTION, True, 0)]
    watched.report(RECORDER, False)
    assert watched.changes == [(MOTION, True, 0), (MOTION, False, 2)]


def test_a_ring_of_the_bell_lasts_for_a_pulse(watched: Watched) -> None:
    watched.report("event.bell", True, DOORBELL, momentary=True)
    watched.clock.advance(3)
    watched.report("event.bell", True, DOORBELL, momentary=True)
    watched.clock.advance(4.9)
    assert watched.events.states == {kind: kind is DOORBELL for kind in EventKind}
    watched.clock.advance(0.1)
    assert watched.changes == [(DOORBELL, True, 0), (DOORBELL, False, 8)]


def test_a_pulse_does_not_end_what_the_same_source_says_to_go_on(watched: Watched) -> None:
    watched.report(RECORDER, True)
    watched.report(RECORDER, True, momentary=True)
    watched.clock.advance(30)
    assert watched.changes == [(MOTION, True, 0)]


def test_a_source_that_is_gone_sees_nothing(watched: Watched) -> None:
    watched.report(RECORDER, True)
    watched.report(RECORDER, True, EventKind.PERSON)
    watched.report("binary_sensor.pir", True, until_told=True)
    watched.clock.advance(2)
    watched.events.forget(RECORDER)
    assert watched.changes[2:] == [(EventKind.PERSON, False, 2)]
    watched.events.forget("binary_sensor.pir")
    assert watched.changes[3:] == [(MOTION, False, 2)]
    assert watched.clock.timers == []


def test_nothing_is_told_after_the_end(watched: Watched) -> None:
    watched.report(RECORDER, True)
    watched.events.close()
    watched.events.close()
    assert watched.clock.timers == []
    watched.report(RECORDER, False)
    watched.report(RECORDER, True, DOORBELL)
    watched.events.forget(RECORDER)
    assert watched.clock.timers == []
    assert watched.changes == [(MOTION, True, 0)]


async def test_the_event_loop_is_the_clock_unless_another_one_is_given() -> None:
    changes = []
    events = CameraEvents(lambda kind, active, at: changes.append((kind, active, at)), pulse=0)
    events.report("event.bell", DOORBELL, True, START, momentary=True)
    while len(changes) < 2:
        await asyncio.sleep(0)
    (_, rung, began), (_, still, ended) = changes
    assert (rung, began, still) == (True, START, False)
    assert ended.tzinfo is UTC
    events.close()
