"""Rates of counters."""

import pytest

from custom_components.onvif_proxy.relay.statistics import Rates


def test_rates_are_over_the_time_between_two_looks_of_a_second_or_more() -> None:
    now = 100.0
    rates = Rates(clock=lambda: now)
    rates.restart(1000, 5)
    now += 2
    assert rates.look(3000, 55) == (1000, 25)
    now += 0.5
    assert rates.look(9999, 999) == (1000, 25)
    now += 0.5
    assert rates.look(3000, 56) == (0, 1)


def test_the_first_look_needs_no_second() -> None:
    now = 0.0
    rates = Rates(clock=lambda: now)
    assert rates.look(0) == (0,)
    now += 0.5
    assert rates.look(10) == (pytest.approx(20),)
