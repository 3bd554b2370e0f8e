"""Ports are those that clients expect where they are free, else the next ones."""

from collections.abc import Iterator
import errno
import socket

import pytest

from custom_components.onvif_proxy.ports import first_free_port

LOOPBACK = "127.0.0.1"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind((LOOPBACK, 0))
        listening.listen()
        yield listening


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def test_the_first_candidate_that_is_free(listener: socket.socket, free_port: int) -> None:
    taken = listener.getsockname()[1]
    assert first_free_port(LOOPBACK, (taken, free_port)) == free_port


def test_a_wildcard_listener_rules_a_port_out_on_every_address(free_port: int) -> None:
    with socket.socket() as wildcard:
        wildcard.bind(("0.0.0.0", 0))
        wildcard.listen()
        assert first_free_port("127.0.0.2", (wildcard.getsockname()[1], free_port)) == free_port


def test_a_port_promised_to_another_camera_is_left_out(free_port: int) -> None:
    assert first_free_port(LOOPBACK, (free_port,), {free_port}) is None


def test_no_candidate_is_free(listener: socket.socket) -> None:
    assert first_free_port(LOOPBACK, (listener.getsockname()[1],)) is None


def test_a_port_that_may_not_be_used_is_left_out(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    bind = socket.socket.bind

    def refuse_low_ports(self: socket.socket, address: tuple[str, int]) -> None:
        if address[1] < 1024:
            raise PermissionError(errno.EACCES, "Permission denied")
        bind(self, address)

    monkeypatch.setattr(socket.socket, "bind", refuse_low_ports)
    assert first_free_port(LOOPBACK, (80, free_port)) == free_port


def test_an_address_that_is_not_here() -> None:
    with pytest.raises(OSError) as caught:
        first_free_port("192.0.2.77", (8081,))
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_probing_leaves_the_port_free(free_port: int) -> None:
    assert first_free_port(LOOPBACK, (free_port,)) == free_port
    assert first_free_port(LOOPBACK, (free_port,)) == free_port
