"""The lock of the keeper."""

import socket

import pytest

from custom_components.onvif_proxy.interfaces.errors import KeptElsewhere
from custom_components.onvif_proxy.interfaces.lock import KeeperLock, is_kept


@pytest.fixture(autouse=True)
def other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave alone the lock of this machine's own keeper."""
    monkeypatch.setattr("custom_components.onvif_proxy.interfaces.lock._NAME", "\0onvif_proxy.interfaces.test")


def test_only_one_has_it_until_it_is_released() -> None:
    with KeeperLock() as lock:
        with pytest.raises(KeptElsewhere, match="Only one of them may"):
            KeeperLock()
        lock.release()
        KeeperLock().release()


def test_who_looks_sees_it_while_it_is_held() -> None:
    assert not is_kept()
    with KeeperLock():
        assert is_kept()
    assert not is_kept()


@pytest.mark.parametrize(
    ("kind", "name"),
    [(socket.SOCK_STREAM, "\0onvif_proxy.interfaces.test.other"), (socket.SOCK_DGRAM, "\0onvif_proxy.interfaces.test")],
)
def test_sockets_that_are_in_nobodys_way_are_not_taken_for_it(kind: int, name: str) -> None:
    with socket.socket(socket.AF_UNIX, kind) as other:
        other.bind(name)
        assert not is_kept()
        KeeperLock().release()


def test_looking_turns_away_no_keeper_that_starts_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*arguments: object) -> None:
        raise AssertionError("who looks must not hold the name, not even for a moment")

    with monkeypatch.context() as looking:
        looking.setattr(socket, "socket", no_socket)
        assert not is_kept()
