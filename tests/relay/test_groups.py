"""The buffered group of pictures."""

import pytest

from custom_components.onvif_proxy.relay.groups import GroupBuffer


class Clock:
    """Time that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock at zero."""
    return Clock()


@pytest.fixture
def groups(clock: Clock) -> GroupBuffer:
    """Return a small buffer."""
    return GroupBuffer(max_size=100, max_seconds=10, clock=clock)


def test_it_keeps_a_group_from_its_beginning_on(groups: GroupBuffer) -> None:
    assert not groups.keeps
    assert groups.turn() == []
    assert groups.keeps
    assert groups.append(b"key")
    assert groups.append(b"more")
    assert (groups.holding, groups.pieces, groups.size) == (True, [b"key", b"more"], 7)


def test_the_next_group_takes_the_place_of_the_first(groups: GroupBuffer) -> None:
    groups.turn()
    groups.append(b"old")
    groups.turn()
    groups.append(b"new")
    assert (groups.pieces, groups.former) == ([b"new"], [b"old"])
    groups.picture_ended()
    assert groups.former == []


def test_what_came_since_the_mark_belongs_to_the_next_group(groups: GroupBuffer) -> None:
    groups.turn()
    groups.append(b"old")
    groups.mark()
    groups.append(b"parameters")
    assert groups.pieces == [b"old", b"parameters"]
    assert groups.turn() == [b"parameters"]
    assert (groups.pieces, groups.size) == ([b"parameters"], 10)


def test_a_mark_may_be_for_nothing(groups: GroupBuffer) -> None:
    groups.mark()
    groups.append(b"parameters")
    groups.unmark()
    assert (groups.pieces, groups.keeps) == ([], False)
    groups.turn()
    groups.append(b"key")
    groups.mark()
    groups.append(b"parameters")
    groups.unmark()
    assert groups.pieces == [b"key", b"parameters"]


def test_a_group_that_is_too_large_is_given_up_until_the_next(groups: GroupBuffer) -> None:
    groups.turn()
    assert groups.append(b"x" * 100)
    assert not groups.append(b"x")
    assert (groups.holding, groups.pieces, groups.size, groups.keeps) == (False, [], 0, False)
    groups.turn()
    assert groups.append(b"key")
    assert groups.holding


def test_a_group_that_is_too_long_is_given_up(groups: GroupBuffer, clock: Clock) -> None:
    groups.turn()
    clock.now = 10.0
    assert groups.append(b"x")
    clock.now = 10.1
    # It is not at every piece that it looks at the clock.
    assert [groups.append(b"x") for _ in range(20)].count(False) == 1


def test_a_mark_without_a_picture_is_bounded_too(groups: GroupBuffer) -> None:
    groups.mark()
    assert groups.append(b"x" * 101)
    assert (groups.pieces, groups.keeps) == ([], False)
