"""Bytes through a pipe of the kernel's: all of them, in their order, and the end behind them."""

from collections.abc import Iterator
import fcntl
import os
from pathlib import Path
import socket
from unittest.mock import patch

import pytest

from custom_components.onvif_proxy.relay.splice import PIPE_SIZE, Splice


def pair() -> tuple[socket.socket, socket.socket]:
    """Return a peer and our end of a TCP connection to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    ours.setblocking(False)
    return peer, ours


def descriptors() -> set[str]:
    """Return what is open; the one that reads the list is among it each time."""
    return {one.name for one in Path("/proc/self/fd").iterdir()}


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Splice, socket.socket]]:
    """Who speaks, the splice, and who hears."""
    speaker, source = pair()
    hearer, sink = pair()
    with speaker, source, sink, hearer:
        splice = Splice(source, sink)
        yield speaker, splice, hearer
        splice.close()


type Ends = tuple[socket.socket, Splice, socket.socket]


def test_what_is_said_is_heard(ends: Ends) -> None:
    speaker, splice, hearer = ends
    splice.pull()
    splice.push()
    assert (splice.held, splice.passed, splice.ended) == (0, 0, False)
    speaker.sendall(b"OPTIONS * RTSP/1.0\r\n\r\n")
    splice.pull()
    assert (splice.held, splice.hungry) == (22, False)
    splice.push()
    assert (splice.held, splice.passed, splice.hungry) == (0, 22, True)
    assert hearer.recv(100) == b"OPTIONS * RTSP/1.0\r\n\r\n"


def test_who_does_not_listen_is_not_given_more_than_the_pipe_holds(ends: Ends) -> None:
    speaker, splice, hearer = ends
    speaker.setblocking(False)
    said, full = 0, False
    while not full:
        try:
            said += speaker.send(os.urandom(65536))
        except BlockingIOError:
            full = splice.held > 0
        if splice.hungry:
            splice.pull()
        splice.push()
    assert 0 < splice.held <= PIPE_SIZE
    assert not splice.hungry
    speaker.shutdown(socket.SHUT_WR)
    hearer.setblocking(False)
    heard = 0
    while not splice.done:
        if splice.hungry:
            splice.pull()
        splice.push()
        try:
            heard += len(hearer.recv(1 << 20))
        except BlockingIOError:
            continue
    hearer.setblocking(True)
    while data := hearer.recv(1 << 20):
        heard += len(data)
    assert heard == said == splice.passed


def test_the_end_follows_what_was_said(ends: Ends) -> None:
    speaker, splice, hearer = ends
    speaker.sendall(b"TEARDOWN")
    speaker.shutdown(socket.SHUT_WR)
    splice.pull()
    splice.push()
    assert not splice.done
    splice.pull()
    splice.push()
    assert (splice.ended, splice.done, splice.hungry) == (True, True, False)
    assert (hearer.recv(100), hearer.recv(100)) == (b"TEARDOWN", b"")


def test_a_user_who_may_have_no_large_pipe_gets_a_small_one() -> None:
    (speaker, source), (hearer, sink) = pair(), pair()
    with speaker, source, sink, hearer:
        with patch.object(fcntl, "fcntl", side_effect=PermissionError):
            splice = Splice(source, sink)
        speaker.sendall(b"x" * 100_000)
        heard = 0
        while heard < 100_000:
            splice.pull()
            splice.push()
            heard += len(hearer.recv(1 << 20))
        splice.close()


def test_neither_end_of_the_pipe_outlives_it() -> None:
    (speaker, source), (hearer, sink) = pair(), pair()
    with speaker, source, sink, hearer:
        before = descriptors()
        Splice(source, sink).close()
        assert descriptors() == before
