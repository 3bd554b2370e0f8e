"""The recorder and the viewers of the bench: what they count is what was sent, and what was not."""

from collections.abc import Callable, Iterator
import json
import shutil
import socket
import struct
import subprocess
import threading
import time
from typing import Any

import pytest

from tests.bench.relay.load import MODES, Program, programs, stream

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler: the bench says so and measures nothing"
)
ADDRESS = "127.0.0.1"
PATIENCE = 10.0


@pytest.fixture(scope="module")
def recorder() -> Iterator[Program]:
    """Run the recorder on a free port."""
    process = subprocess.Popen([programs() / "recorder", ADDRESS, "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    program = Program(process)
    yield program
    program.end()


@pytest.fixture
def viewers() -> Iterator[Program]:
    """Run a program for viewers."""
    program = Program(subprocess.Popen([programs() / "viewers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    yield program
    program.end()


def until(viewers: Program, true: Callable[[dict[str, Any]], bool], group: int = 0) -> dict[str, Any]:
    """Return the first report of a group that something is true of."""
    end = time.monotonic() + PATIENCE
    seen: dict[str, Any] = viewers.ask("report")[str(group)]
    while not true(seen):
        assert time.monotonic() < end, seen
        time.sleep(0.02)
        seen = viewers.ask("report")[str(group)]
    return seen


@pytest.mark.parametrize("mode", MODES)
def test_every_packet_of_every_way_of_writing_arrives(recorder: Program, viewers: Program, mode: str) -> None:
    for number in (1, 2):
        viewers.ask(f"open 0 {ADDRESS} {recorder.ready['port']} {stream(number, mode).path}")
    seen = until(viewers, lambda seen: seen["packets"] > 300)
    assert (seen["viewers"], seen["playing"], seen["lost"], seen["late"], seen["ended"]) == (2, 2, 0, 0, 0)
    assert 0 < seen["p50_ms"] <= seen["p99_ms"] <= seen["max_ms"]
    # 1400 bytes in a frame of four; parameter sets are shorter, answers come on top.
    assert seen["bytes"] == pytest.approx(seen["packets"] * 1404, rel=0.02)


def test_a_joiner_waits_for_a_key_frame(recorder: Program, viewers: Program) -> None:
    # Of a stream with 25 frames a second and a key frame in 50: two seconds at the most, and what opens a connection.
    said = viewers.ask(f"join 0 {ADDRESS} {recorder.ready['port']} {stream(3).path}")
    assert 0 < said["ms"] < 1000 * PATIENCE


def test_the_recorder_counts_sessions(recorder: Program, viewers: Program) -> None:
    recorder.ask("reset")
    for number in (4, 5):
        viewers.ask(f"open 0 {ADDRESS} {recorder.ready['port']} {stream(number).path}")
    until(viewers, lambda seen: seen["playing"] == 2)
    assert (recorder.ask("stats")["sessions"], recorder.ask("stats")["refused"]) == (2, 0)
    viewers.ask("close 0")
    end = time.monotonic() + PATIENCE
    while (said := recorder.ask("stats"))["sessions"]:
        assert time.monotonic() < end
    assert (said["peak"], said["total"]) == (2, 2)


def test_the_recorder_lets_nobody_in_without_login(recorder: Program) -> None:
    with socket.create_connection((ADDRESS, recorder.ready["port"]), timeout=PATIENCE) as asking:
        asking.sendall(b"DESCRIBE rtsp://x/frame/29/1 RTSP/1.0\r\nCSeq: 7\r\n\r\n")
        answer = asking.recv(4096)
        assert answer.startswith(b"RTSP/1.0 401 ")
        assert b"CSeq: 7\r\n" in answer
        nonce = answer.partition(b'nonce="')[2].partition(b'"')[0]
        asking.sendall(
            b'DESCRIBE rtsp://x/frame/29/1 RTSP/1.0\r\nCSeq: 8\r\nAuthorization: Digest username="viewer", '
            b'realm="recorder", nonce="%s", uri="rtsp://x/frame/29/1", response="%s"\r\n\r\n' % (nonce, b"0" * 32)
        )
        assert asking.recv(4096).startswith(b"RTSP/1.0 401 ")


def test_the_bare_relay_has_one_session_for_all_viewers_of_a_stream(recorder: Program, viewers: Program) -> None:
    command = [programs() / "bare", ADDRESS, "0", ADDRESS, str(recorder.ready["port"])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        bare = Program(process)
        for number in (8, 9, 8, 9, 8):
            viewers.ask(f"open 0 {ADDRESS} {bare.ready['port']} {stream(number).path}")
        until(viewers, lambda seen: seen["playing"] == 5)
        end = time.monotonic() + PATIENCE
        while recorder.ask("stats")["sessions"] != 2:
            assert time.monotonic() < end
            time.sleep(0.02)
        # Who goes over to another's session may miss a picture.
        time.sleep(0.2)
        viewers.ask("reset")
        seen = until(viewers, lambda seen: seen["packets"] > 1000)
        assert (seen["viewers"], seen["lost"], seen["late"], seen["ended"]) == (5, 0, 0, 0)
        assert recorder.ask("stats")["sessions"] == 2
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def test_connects_and_disconnects_at_every_step(recorder: Program, viewers: Program) -> None:
    port = recorder.ready["port"]
    assert viewers.ask(f"churn 20 4 {ADDRESS} {port} 1 {stream(6).path}") == {"done": 20, "failed": 0}
    # Those that are to come as far as to be described fail; that there is a connection is enough for a fourth.
    assert viewers.ask(f"churn 20 4 {ADDRESS} {port} 1 /nothing") == {"done": 20, "failed": 15}


def test_who_stops_reading_misses_what_the_recorder_leaves_out(recorder: Program, viewers: Program) -> None:
    recorder.ask("reset")
    viewers.ask(f"open 0 {ADDRESS} {recorder.ready['port']} {stream(7, packets=1000).path}")
    until(viewers, lambda seen: seen["playing"] == 1)
    viewers.ask("stop 0")
    end = time.monotonic() + PATIENCE
    while not recorder.ask("stats")["skipped"]:
        assert time.monotonic() < end
        time.sleep(0.02)
    viewers.ask("go 0")
    assert until(viewers, lambda seen: seen["lost"] > 0)["ended"] == 0


def frame(sequence: int) -> bytes:
    """Return an interleaved RTP packet of a picture, sent this moment."""
    packet = struct.pack("!BBHII", 0x80, 96, sequence, 0, 1) + b"\x7c\x01" + struct.pack("=Q", time.monotonic_ns())
    packet += bytes(100)
    return b"$\0" + len(packet).to_bytes(2) + packet


def play(listener: socket.socket, media: bytes) -> None:
    """Be a server that asks for no login, plays these bytes, and ends."""
    connection, _ = listener.accept()
    sdp = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=control:track\r\n"
    with connection, connection.makefile("rb") as requests:
        while method := requests.readline().partition(b" ")[0]:
            while requests.readline().strip():
                pass
            body = sdp if method == b"DESCRIBE" else b""
            head = b"RTSP/1.0 200 OK\r\nSession: 1\r\nContent-Base: rtsp://x/\r\nContent-Length: %d\r\n\r\n" % len(body)
            connection.sendall(head + body)
            if method == b"PLAY":
                connection.sendall(media)
                return


@pytest.mark.parametrize(
    ("sequences", "lost", "late"),
    [
        ((65534, 65535, 0, 1), 0, 0),
        ((1, 2, 5, 6), 2, 0),
        ((1, 3, 2, 3), 1, 1),
        ((65535, 2), 2, 0),
    ],
)
def test_what_is_missing_or_out_of_order_is_counted(
    viewers: Program, sequences: tuple[int, ...], lost: int, late: int
) -> None:
    with socket.create_server((ADDRESS, 0)) as listener:
        media = b"".join(map(frame, sequences))
        server = threading.Thread(target=play, args=(listener, media))
        server.start()
        viewers.ask(f"open 0 {ADDRESS} {listener.getsockname()[1]} /x")
        seen = until(viewers, lambda seen: seen["ended"] == 1)
        server.join()
    assert (seen["packets"], seen["lost"], seen["late"]) == (len(sequences), lost, late), json.dumps(seen)
