"""Rules of a recorder that tell of the same thing."""

from datetime import UTC, datetime, timedelta

from custom_components.onvif_proxy.model import EventKind
from custom_components.onvif_proxy.nvr.event_states import EventStates

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOTION = EventKind.MOTION


def test_a_kind_is_active_while_any_rule_is() -> None:
    """Motion comes in two topics, and ends with the later one."""
    states = EventStates()

    assert states.update("c", MOTION, "alarm", True, NOW)
    assert states.update("c", MOTION, "cells", True, NOW)
    assert states.update("c", MOTION, "alarm", False, NOW)
    assert not states.update("c", MOTION, "cells", False, NOW)


def test_channels_and_kinds_are_apart() -> None:
    """What goes on at one says nothing of another."""
    states = EventStates()
    states.update("c", MOTION, "r", True, NOW)

    assert not states.update("d", MOTION, "r", False, NOW)
    assert not states.update("c", EventKind.TAMPER, "r", False, NOW)


def test_a_rule_that_never_ends_does_not_hold_others() -> None:
    """Its end was forgotten."""
    states = EventStates(stale=timedelta(minutes=5))
    states.update("c", MOTION, "endless", True, NOW)

    assert states.update("c", MOTION, "r", False, NOW + timedelta(minutes=4))
    assert not states.update("c", MOTION, "r", False, NOW + timedelta(minutes=6))


def test_rules_are_bounded() -> None:
    """A recorder that invents rules costs nothing, and the newest count."""
    states = EventStates(max_rules=2)
    for rule in ("a", "b", "c"):
        states.update("c", MOTION, rule, True, NOW)

    assert states.update("c", MOTION, "b", False, NOW)
    assert not states.update("c", MOTION, "c", False, NOW)


def test_all_is_forgotten_with_the_subscription() -> None:
    """A new one begins with the states of everything."""
    states = EventStates()
    states.update("c", MOTION, "r", True, NOW)
    states.forget()

    assert not states.update("c", MOTION, "other", False, NOW)


def test_what_waits_longest_to_be_said_again() -> None:
    """Not what ended, and not what was given up."""
    states = EventStates()
    minute = timedelta(minutes=1)
    assert states.unconfirmed_since(NOW, minute) is None
    states.update("c", MOTION, "r", True, NOW)
    states.update("d", MOTION, "r", True, NOW + minute / 2)
    assert states.unconfirmed_since(NOW + minute, minute) == NOW
    assert states.unconfirmed_since(NOW + minute * 1.1, minute) == NOW + minute / 2
    states.update("d", MOTION, "r", False, NOW + minute)

    assert states.unconfirmed_since(NOW + minute * 1.1, minute) is None
