"""A motor is where time and speed have brought it."""

import pytest

from tests.simulated_nvr.axis import Axis


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def axis(clock: Clock) -> Axis:
    return Axis(-1.0, 1.0, full_speed=0.5, clock=clock)


def test_it_runs_until_its_time_is_over(axis: Axis, clock: Clock) -> None:
    axis.run(0.4, seconds=2.0)
    clock.now += 1.0
    assert (axis.position, axis.moving) == (pytest.approx(0.2), True)
    clock.now += 5.0
    assert (axis.position, axis.moving) == (pytest.approx(0.4), False)


@pytest.mark.parametrize(("speed", "end"), [(1.0, 1.0), (-1.0, -1.0)])
def test_it_stops_at_its_end(axis: Axis, clock: Clock, speed, end) -> None:
    axis.run(speed, seconds=60.0)
    clock.now += 1.9
    assert axis.moving
    clock.now += 0.2
    assert (axis.position, axis.moving) == (end, False)


def test_it_goes_to_a_position_at_a_speed(axis: Axis, clock: Clock) -> None:
    axis.go(-0.5, speed=0.5)
    clock.now += 1.0
    assert (axis.position, axis.moving) == (pytest.approx(-0.25), True)
    clock.now += 1.5
    assert (axis.position, axis.moving) == (pytest.approx(-0.5), False)


def test_it_goes_no_further_than_its_end(axis: Axis, clock: Clock) -> None:
    axis.go(7.0)
    clock.now += 10.0
    assert axis.position == 1.0


def test_a_new_command_takes_over_on_the_way(axis: Axis, clock: Clock) -> None:
    axis.go(1.0)
    clock.now += 1.0
    axis.go(0.0)
    clock.now += 0.5
    assert axis.position == pytest.approx(0.25)


def test_it_stands_still_when_told(axis: Axis, clock: Clock) -> None:
    axis.run(1.0, seconds=60.0)
    clock.now += 1.0
    axis.stop()
    clock.now += 1.0
    assert (axis.position, axis.moving) == (pytest.approx(0.5), False)


def test_to_go_where_it_is_takes_no_time(axis: Axis) -> None:
    axis.go(0.0)
    assert not axis.moving
