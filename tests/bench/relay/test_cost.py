"""What is made of measured windows; the windows here are given, not measured."""

from tests.bench.figure import Figure, Unmeasured
from tests.bench.relay.cost import costs, floors, lost, ratios
from tests.bench.relay.peers import BARE, HAPROXY, NODE
from tests.bench.relay.relays import OURS
from tests.bench.relay.stage import Window


def window(cpu_seconds: float, *, lost: int = 0) -> Window:
    """Return a window of two seconds in which half a gigabyte was delivered."""
    return Window(cpu_seconds, 2.0, 0.5, lost, 0.1, 0.2, 0.3, 0.0)


def test_a_window_tells_cost_speed_and_part_of_a_core() -> None:
    seen = window(0.25)
    assert (seen.cost, seen.gbit, seen.percent) == (0.5, 2.0, 12.5)


def test_ratios_are_those_of_the_same_round() -> None:
    # The machine was twice as slow in the second round, for both.
    windows = {OURS: [window(1), window(2), window(1)], HAPROXY: [window(2), window(4), window(2)]}
    found = list(ratios("frame", "Here", windows, {}, {HAPROXY: 0.4}))
    assert [(figure.name, figure.value) for figure in found if isinstance(figure, Figure)] == [
        ("ratio_frame_haproxy", 0.5),
        ("ratio_best_frame_haproxy", 0.5),
    ]
    assert isinstance(found[0], Figure)
    assert found[0].short is not None


def test_a_peer_that_is_missing_is_told_and_never_passed() -> None:
    missing = {NODE: Unmeasured("No node-tcp-proxy: node and npm are not installed.")}
    found = list(ratios("frame", "Here", {OURS: [window(1)]}, missing, {NODE: 0.7}))
    assert [str(each) for each in found] == [
        "Here, ours against node-tcp-proxy, was not measured. No node-tcp-proxy: node and npm are not installed."
    ]


def test_what_is_needed_for_reading_and_sending_alone_is_told_without_a_limit() -> None:
    windows = {OURS: [window(3)], BARE: [window(2)], HAPROXY: [window(1)]}
    assert [
        (figure.name, figure.value, figure.short) for figure in floors("frame", "Here", windows, (HAPROXY, NODE))
    ] == [("floor_frame_haproxy", 2.0, None)]
    assert not list(floors("frame", "Here", {OURS: [window(3)], HAPROXY: [window(1)]}, (HAPROXY,)))


def test_the_costs_of_all_are_told_ours_first() -> None:
    found = list(costs("frame", "Here", {HAPROXY: [window(1)], OURS: [window(2), window(3), window(7)]}))
    assert [(figure.name, figure.value) for figure in found] == [
        ("cost_frame_ours", 6.0),
        ("cost_frame_haproxy", 2.0),
        ("core_frame_percent", 150.0),
    ]


def test_one_lost_packet_is_short() -> None:
    assert lost("frame", "Here", [window(1), window(1)]).short is None
    assert lost("frame", "Here", [window(1), window(1, lost=1)]).short is not None
