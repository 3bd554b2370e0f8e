"""The least that a relay in Python does: wait for the next tick, read what came, send it. A program of its own.

It knows no RTSP, one viewer is one session with the recorder, and whoever reads slowly holds up all: of no use to anybody but the
bench, where it shows what part of a relay's cost is the kernel's and the interpreter's waiting, reading and sending.
"""

import select
import socket
import sys
import time

TICK = 0.002
"""Seconds; as of our relay."""
BUFFER = 256 * 1024
_BACKLOG = 256
_PATIENCE = 10.0


def _serve(address: str, port: int, recorder: tuple[str, int]) -> None:
    listening = socket.create_server((address, port), backlog=_BACKLOG)
    waiting = select.epoll()
    waiting.register(listening, select.EPOLLIN)
    others: dict[int, tuple[socket.socket, socket.socket]] = {}
    view = memoryview(bytearray(BUFFER))
    ticking = False
    while True:
        if ticking:
            time.sleep(TICK - time.monotonic() % TICK)
        events = waiting.poll(0 if ticking else None)
        ticking = bool(events)
        for descriptor, _ in events:
            if descriptor == listening.fileno():
                _join(listening, recorder, waiting, others)
                continue
            if descriptor not in others:
                continue  # the other side has just ended
            ours, other = others[descriptor]
            try:
                size = ours.recv_into(view)
                if size:
                    _send(other, view[:size])
            except OSError:
                size = 0
            if not size:
                _part(ours, other, waiting, others)


def _send(sock: socket.socket, data: memoryview) -> None:
    """Send at once; wait only for a viewer that is slow."""
    try:
        sent = sock.send(data)
    except BlockingIOError:
        sent = 0
    if sent < len(data):
        sock.settimeout(_PATIENCE)
        sock.sendall(data[sent:])
        sock.setblocking(False)


def _join(
    listening: socket.socket,
    recorder: tuple[str, int],
    waiting: select.epoll,
    others: dict[int, tuple[socket.socket, socket.socket]],
) -> None:
    viewer, _ = listening.accept()
    try:
        upstream = socket.create_connection(recorder, timeout=_PATIENCE)
    except OSError:
        viewer.close()
        return
    for ours, other in ((viewer, upstream), (upstream, viewer)):
        # With a timeout, Python would ask the kernel before each call whether it may be made.
        ours.setblocking(False)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        waiting.register(ours, select.EPOLLIN)
        others[ours.fileno()] = ours, other


def _part(
    ours: socket.socket,
    other: socket.socket,
    waiting: select.epoll,
    others: dict[int, tuple[socket.socket, socket.socket]],
) -> None:
    for sock in (ours, other):
        waiting.unregister(sock)
        del others[sock.fileno()]
    for sock in (ours, other):
        sock.close()


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), (sys.argv[3], int(sys.argv[4])))
