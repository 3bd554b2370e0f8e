"""How often repairs are tried."""

from custom_components.onvif_proxy.interfaces.patience import Patience


def test_a_repair_that_fails_is_tried_ever_more_rarely() -> None:
    patience = Patience(first_wait=1, longest_wait=5)
    assert patience.seconds(100) == 0
    waits = []
    for _ in range(4):
        patience.failed(100)
        waits.append(patience.seconds(100))
    assert waits == [1, 2, 4, 5]
    assert patience.seconds(103) == 2
    assert patience.seconds(200) == 0


def test_a_success_forgets_the_failures() -> None:
    patience = Patience(first_wait=1)
    patience.failed(0)
    patience.failed(1)
    assert not patience.repaired(3)
    assert patience.seconds(3) == 0
    patience.failed(4)
    assert patience.seconds(4) == 1


def test_too_many_successes_have_to_wait_too() -> None:
    patience = Patience(burst=3, burst_seconds=30)
    assert [patience.repaired(now) for now in (0, 1, 2)] == [False, False, True]
    assert patience.seconds(2) == 28
    assert patience.seconds(30) == 0
    # The first of them no longer counts.
    assert patience.repaired(30)
    assert patience.seconds(30) == 1


def test_successes_that_are_far_apart_never_wait() -> None:
    patience = Patience(burst=3, burst_seconds=30)
    assert not any(patience.repaired(now) for now in range(0, 600, 20))
