"""Who is locked out, and what is told of failures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.onvif_proxy.logins import LoginFailure, LoginGuard, LoginProblem, LoginWay

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WRONG = LoginProblem.WRONG_PASSWORD
NONE = LoginProblem.NO_CREDENTIALS
ME, OTHER = "192.0.2.1", "192.0.2.2"


class Clock:
    """Seconds that tests let pass."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        """Return the time of day."""
        return NOON + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
def told() -> list[LoginFailure]:
    """Return where failures are told."""
    return []


def make_guard(clock: Clock, told: list[LoginFailure], **limits: Any) -> LoginGuard:
    """Return a guard at noon."""
    return LoginGuard(told.append, clock=clock, now=clock.now, **limits)


@pytest.fixture
def guard(clock: Clock, told: list[LoginFailure]) -> LoginGuard:
    """Return a guard with the usual limits."""
    return make_guard(clock, told)


def fail(guard: LoginGuard, times: int, problem: LoginProblem = WRONG, source: str = ME) -> None:
    """Fail some times."""
    for _ in range(times):
        guard.failed(source, LoginWay.SOAP, problem)


class TestLockOut:
    """Ten guesses in five minutes, then a minute's rest."""

    @pytest.mark.parametrize("problem", [LoginProblem.WRONG_PASSWORD, LoginProblem.UNKNOWN_USER])
    def test_guessing(self, guard: LoginGuard, problem: LoginProblem) -> None:
        fail(guard, 9, problem)
        assert not guard.is_locked_out(ME)
        fail(guard, 1, problem)
        assert guard.is_locked_out(ME)
        assert not guard.is_locked_out(OTHER)

    @pytest.mark.parametrize("problem", sorted(set(LoginProblem) - {WRONG, LoginProblem.UNKNOWN_USER}))
    def test_what_is_no_guess(self, guard: LoginGuard, problem: LoginProblem) -> None:
        fail(guard, 500, problem)
        assert not guard.is_locked_out(ME)

    def test_it_ends(self, guard: LoginGuard, clock: Clock) -> None:
        fail(guard, 10)
        clock.seconds += 59.9
        assert guard.is_locked_out(ME)
        clock.seconds += 0.1
        assert not guard.is_locked_out(ME)
        fail(guard, 9)
        assert not guard.is_locked_out(ME)

    def test_not_waiting_makes_it_no_longer(self, guard: LoginGuard, clock: Clock) -> None:
        fail(guard, 10)
        clock.seconds += 59
        fail(guard, 100, LoginProblem.LOCKED_OUT)
        clock.seconds += 1
        assert not guard.is_locked_out(ME)

    def test_slow_failures_do_not_add_up(self, guard: LoginGuard, clock: Clock) -> None:
        for _ in range(50):
            fail(guard, 1)
            clock.seconds += 34
        assert not guard.is_locked_out(ME)
        fail(guard, 2)
        assert guard.is_locked_out(ME)

    def test_a_right_login_forgets_the_wrong_ones(self, guard: LoginGuard) -> None:
        fail(guard, 9)
        guard.succeeded(ME)
        fail(guard, 9)
        assert not guard.is_locked_out(ME)

    def test_a_right_login_does_not_end_it(self, guard: LoginGuard) -> None:
        fail(guard, 10)
        guard.succeeded(ME)
        assert guard.is_locked_out(ME)

    def test_the_number_of_sources_is_bounded(self, clock: Clock, told: list[LoginFailure]) -> None:
        guard = make_guard(clock, told, max_sources=3)
        fail(guard, 9)
        fail(guard, 9, source=OTHER)
        fail(guard, 9, source="192.0.2.3")
        fail(guard, 1)
        fail(guard, 9, source="192.0.2.4")
        fail(guard, 1, source=OTHER)
        assert guard.is_locked_out(ME)
        assert not guard.is_locked_out(OTHER)
        assert len(guard._sources) == 3


class TestRecent:
    """What is shown of failures."""

    def test_nothing_at_first(self, guard: LoginGuard) -> None:
        assert guard.recent == ()

    def test_what_a_failure_tells(self, guard: LoginGuard, told: list[LoginFailure]) -> None:
        guard.failed(ME, LoginWay.SOAP, LoginProblem.CLOCK_OFF, seconds_off=-3600)
        failure = LoginFailure(
            source=ME, way=LoginWay.SOAP, problem=LoginProblem.CLOCK_OFF, at=NOON, seconds_off=-3600, count=1
        )
        assert guard.recent == (failure,)
        assert told == [failure]

    def test_the_same_again_is_counted(self, guard: LoginGuard, clock: Clock) -> None:
        fail(guard, 1)
        fail(guard, 1, source=OTHER)
        clock.seconds = 5
        fail(guard, 2)
        assert [(item.source, item.count, item.at) for item in guard.recent] == [
            (OTHER, 1, NOON),
            (ME, 3, NOON + timedelta(seconds=5)),
        ]

    def test_their_number_is_bounded(self, guard: LoginGuard) -> None:
        for number in range(30):
            fail(guard, 1, source=f"192.0.2.{number}")
        assert [item.source for item in guard.recent] == [f"192.0.2.{number}" for number in range(10, 30)]


class TestReports:
    """Not more than people can use."""

    def test_once_a_minute(self, guard: LoginGuard, clock: Clock, told: list[LoginFailure]) -> None:
        for _ in range(61):
            fail(guard, 1, LoginProblem.CLOCK_OFF)
            clock.seconds += 1
        assert [failure.count for failure in told] == [1, 61]

    def test_each_source_way_and_problem(self, guard: LoginGuard, told: list[LoginFailure]) -> None:
        for source in (ME, OTHER):
            for way in LoginWay:
                for problem in (WRONG, LoginProblem.MALFORMED):
                    guard.failed(source, way, problem)
        assert len({replace(failure, at=NOON) for failure in told}) == len(told) == 12

    def test_so_many_and_no_more(self, clock: Clock, told: list[LoginFailure]) -> None:
        """Somebody with a network full of addresses fills neither the log book nor the database."""
        guard = make_guard(clock, told, max_reports=3)
        for number in range(100):
            fail(guard, 1, source=f"192.0.2.{number}")
            clock.seconds += 0.1
        assert [failure.source for failure in told] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]
        clock.seconds += 55
        fail(guard, 2, source="192.0.2.200")
        assert [failure.source for failure in told[3:]] == ["192.0.2.200"]
        assert len(guard._reported) <= 3

    def test_nobody_listens(self, clock: Clock) -> None:
        guard = LoginGuard(clock=clock, now=clock.now)
        fail(guard, 1)
        assert len(guard.recent) == 1


class TestNoCredentials:
    """The first half of a digest's handshake is no failure."""

    def test_handshakes(self, guard: LoginGuard, told: list[LoginFailure]) -> None:
        for _ in range(20):
            fail(guard, 2, NONE)
            guard.succeeded(ME)
        assert told == []
        assert guard.recent == ()

    def test_handshakes_with_a_wrong_password(self, guard: LoginGuard) -> None:
        for _ in range(5):
            fail(guard, 2, NONE)
            fail(guard, 1, WRONG)
        assert [failure.problem for failure in guard.recent] == [WRONG]

    def test_three_in_a_row(self, guard: LoginGuard, told: list[LoginFailure]) -> None:
        fail(guard, 2, NONE)
        fail(guard, 2, NONE, source=OTHER)
        assert told == []
        fail(guard, 1, NONE)
        assert [(failure.source, failure.problem) for failure in told] == [(ME, NONE)]


class TestTwoGuardsOfOneCamera:
    """Its servers run in two processes; who guesses at one is locked out at the other too."""

    def test_a_lock_out_is_told_once_with_its_seconds(self, clock: Clock, told: list[LoginFailure]) -> None:
        lock_outs: list[tuple[str, float]] = []
        guard = make_guard(clock, told, on_lock_out=lambda *lock_out: lock_outs.append(lock_out))
        fail(guard, 9)
        assert lock_outs == []
        fail(guard, 1)
        fail(guard, 1, LoginProblem.LOCKED_OUT)
        assert lock_outs == [(ME, 60.0)]

    def test_a_lock_out_elsewhere_holds_here_and_is_not_told_back(self, clock: Clock, told: list[LoginFailure]) -> None:
        lock_outs: list[tuple[str, float]] = []
        guard = make_guard(clock, told, on_lock_out=lambda *lock_out: lock_outs.append(lock_out))
        guard.lock_out(ME, 60.0)
        assert guard.locked_out == {ME: 60.0}
        clock.seconds += 59
        guard.lock_out(ME, 0.5)
        assert guard.locked_out == {ME: 1.0}
        clock.seconds += 1
        assert guard.locked_out == {}
        assert lock_outs == []

    def test_what_another_guard_reports_is_told_and_remembered_and_counts_there(
        self, guard: LoginGuard, told: list[LoginFailure]
    ) -> None:
        reported = LoginFailure(source=ME, way=LoginWay.RTSP, problem=WRONG, at=NOON, count=9)
        for _ in range(20):
            guard.note(reported)
        assert guard.recent == (reported,)
        assert told == [reported]
        assert not guard.is_locked_out(ME)
