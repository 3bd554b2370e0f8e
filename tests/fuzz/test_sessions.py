"""A session with a hostile recorder without its socket, and a whole relay between strangers on both sides."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
import contextlib
from contextlib import contextmanager
import logging
import socket
from typing import Any

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay import RelayServer, Source
from custom_components.onvif_proxy.relay.codecs import FINDERS
from custom_components.onvif_proxy.relay.plane import PlaneLoop, running_plane
from custom_components.onvif_proxy.relay.scanner import Scanner
from custom_components.onvif_proxy.relay.upstream import UpstreamSession
from custom_components.onvif_proxy.rtsp import RtspError, frame
from tests.relay.conftest import AT_ONCE, QUICK
from tests.relay.rtsp_client import RtspClient
from tests.relay.scripted_recorder import SDP, ScriptedRecorder, packet, raw
from tests.relay.test_rtcp import SENDER_REPORT

from .corpus import REQUESTS, RESPONSES
from .harness import holds
from .inputs import CUTS, pieces, variants
from .test_rtsp import read

MEDIA, REPORTS = (0, 2), (1, 3)
FRAMES = (
    frame(0, packet(1, 2, b"\x67\x4d\x00")) + frame(0, packet(2, 2, b"\x65picture" * 5)) * 3,
    frame(2, packet(1, 2, b"sound", kind=8)),
    frame(1, SENDER_REPORT),
    frame(9, b"nobody's"),
)
QUIET_SECONDS = 0.01
"""Without an answer, after which none is waited for."""


class Taken:
    """What of a session reaches its viewers."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.media = b""
        self.reports: list[tuple[int, bytes]] = []

    def media_received(self, piece: bytes, scanner: Scanner) -> None:
        """Take it."""
        self.media += piece

    def report_received(self, channel: int, compound: bytes) -> None:
        """Take it."""
        self.reports.append((channel, compound))


def take(data: bytes, cuts: Sequence[int]) -> tuple[Taken, bool]:
    """Give a session what a recorder sends, in pieces, as its connection does; return what came of it, and whether it was RTSP."""
    plane, taken, rest = running_plane(), Taken(), b""
    session = UpstreamSession(
        Source(uri="rtsp://192.0.2.64/", credentials=Credentials(username="a", password="b")),
        QUICK,
        plane,
        taken,
        tick=None,
    )
    session.scanner = Scanner(video=0, look=FINDERS["H264"], media=MEDIA)
    session._report_channels = frozenset(REPORTS)
    for piece in pieces(data, cuts):
        rest += piece
        plane.buffer[: len(rest)] = rest
        try:
            rest = rest[session.data_received(len(rest)) :]
        except RtspError:
            return taken, False
    return taken, True


@holds(found=variants(*FRAMES, *RESPONSES), cuts=CUTS)
def test_a_session_gives_what_a_naive_one_gives_in_any_pieces(
    found: list[bytes], cuts: list[int]
) -> Iterator[Hashable]:
    async def compare(data: bytes) -> None:
        items, good = read(data, ())
        frames = [item for item in items if isinstance(item, tuple)]
        for places in ((0,), cuts):
            taken, also_good = take(data, places)
            assert also_good == good
            assert taken.media == b"".join(frame(*item) for item in frames if item[0] in MEDIA)
            assert taken.reports == [item for item in frames if item[0] in REPORTS]

    with asyncio.Runner(loop_factory=PlaneLoop) as runner:
        for data in found:
            runner.run(compare(data))
            yield data
            yield data, tuple(cuts)


@contextmanager
def running(
    recorder: ScriptedRecorder,
) -> Iterator[Callable[[Callable[[RelayServer], Awaitable[object]]], None]]:
    """Run a relay that lets everybody in; yield what runs something with it. Neither it nor its loop may complain."""
    complaints: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complaints.append(self.format(record))

    def complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        complaints.append(repr(context))

    listening = Listening(logging.WARNING)
    logging.getLogger().addHandler(listening)
    with asyncio.Runner(loop_factory=PlaneLoop) as runner:
        runner.get_loop().set_exception_handler(complain)
        runner.run(recorder.__aenter__())
        server = RelayServer(
            "127.0.0.1", 0, credentials=None, sources={"main": recorder.source}, options=AT_ONCE, limits=QUICK
        )
        runner.run(server.start())

        def run(what: Callable[[RelayServer], Awaitable[object]]) -> None:
            runner.run(asyncio.wait_for(_awaited(what(server)), 10))
            assert complaints == []

        try:
            yield run
        finally:
            runner.run(server.stop())
            runner.run(recorder.__aexit__())
            logging.getLogger().removeHandler(listening)


async def _awaited(what: Awaitable[object]) -> None:
    await what


async def say(port: int, data: bytes) -> None:
    """Connect, say something, and read what is answered until nothing more is, or the connection ends."""
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", port)) as viewer:
        viewer.setblocking(False)
        # The relay may end the connection whenever it likes.
        with contextlib.suppress(ConnectionError, TimeoutError):
            await loop.sock_sendall(viewer, data)
            answer = b"?"
            while answer:
                async with asyncio.timeout(QUIET_SECONDS):
                    answer = await loop.sock_recv(viewer, 65536)


@holds(share=0.05, found=variants(*REQUESTS, *FRAMES))
def test_a_relay_survives_any_viewer(found: list[bytes]) -> Iterator[Hashable]:
    with running(ScriptedRecorder()) as run:
        for data in found:
            run(lambda server, data=data: say(server.port, data))
            yield data

        async def ask(server: RelayServer) -> None:
            async with RtspClient(server.port, credentials=None) as viewer:
                assert (await viewer.request("OPTIONS", "*")).status == 200

        run(ask)


@holds(share=0.05, found=variants(*RESPONSES, *FRAMES, SDP))
def test_a_relay_survives_any_recorder(found: list[bytes]) -> Iterator[Hashable]:
    recorder = ScriptedRecorder()
    with running(recorder) as run:
        for number, data in enumerate(found):
            methods = ("DESCRIBE", "SETUP", "PLAY", "OPTIONS")
            recorder.script = {methods[number % 4]: raw(data.replace(b"CSeq: ", b"X: "))}
            run(lambda server: say(server.port, b"DESCRIBE /main RTSP/1.0\r\nCSeq: 1\r\n\r\n"))
            yield methods[number % 4], data
