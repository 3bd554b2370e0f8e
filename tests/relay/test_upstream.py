"""The relay as a client of recorders, good and odd ones, seen through a viewer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
import fcntl
import socket
import struct
import sys
import termios

import pytest

from custom_components.onvif_proxy.digest import DigestServer
from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay import StreamState
from custom_components.onvif_proxy.relay.connection import Connection as RelayConnection
from custom_components.onvif_proxy.relay.fanout import Fanout
from custom_components.onvif_proxy.relay.plane import READ_BUFFER, running_plane
from custom_components.onvif_proxy.relay.statistics import StreamReason
from custom_components.onvif_proxy.relay.upstream import UpstreamSession
from custom_components.onvif_proxy.rtsp import Headers, RtspFramer, RtspRequest, RtspResponse, frame

from .conftest import AT_ONCE, QUICK, relaying, until
from .rtsp_client import RtspClient
from .scripted_recorder import (
    FIRST,
    SDP,
    Answer,
    Connection,
    ScriptedRecorder,
    described,
    in_turn,
    ok,
    packet,
    raw,
    reset,
    silence,
    status,
)
from .test_rtcp import SENDER_REPORT

RECORDER = Credentials(username="admin", password="RecorderSecret")


def short_session(request: RtspRequest, connection: Connection) -> Answer:
    """Set up a session that ends after a second without a request."""
    connection.channels[request.uri] = (0, 1)
    return ok(("Transport", request.headers.get("Transport") or ""), ("Session", "1;timeout=1"))


class Login:
    """Wraps a recorder's answers into digest authentication."""

    def __init__(self, recorder: ScriptedRecorder, *algorithms: str) -> None:
        """Guard every method but OPTIONS."""
        self.digest = DigestServer("recorder", algorithms=algorithms)
        self.credentials = RECORDER
        self.refused = 0
        for method in ("DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER"):
            recorder.script[method] = self.guard(recorder, method)

    def guard(self, recorder: ScriptedRecorder, method: str) -> Callable[[RtspRequest, Connection], Answer]:
        """Return what answers a method."""
        inner = recorder.script.get(method, getattr(recorder, f"answer_{method.lower()}"))

        def answer(request: RtspRequest, connection: Connection) -> Answer:
            result = self.digest.check(
                request.headers.get("Authorization") or "", request.method, (request.uri,), self.credentials
            )
            if result.ok:
                return inner(request, connection)
            self.refused += 1
            challenges = self.digest.challenges(stale=result.stale)
            return RtspResponse(401, headers=Headers([("WWW-Authenticate", item) for item in challenges]))

        return answer


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({"DESCRIBE": status(401)}, StreamReason.LOGIN_REFUSED),
        ({"DESCRIBE": status(403)}, StreamReason.LOGIN_REFUSED),
        ({"DESCRIBE": status(404)}, StreamReason.NOT_FOUND),
        ({"SETUP": status(453)}, StreamReason.BUSY),
        ({"PLAY": status(503)}, StreamReason.BUSY),
        ({"PLAY": status(454)}, StreamReason.CLOSED),
        ({"SETUP": status(500)}, StreamReason.REFUSED),
        ({"DESCRIBE": silence}, StreamReason.NO_ANSWER),
        ({"DESCRIBE": reset}, StreamReason.CLOSED),
        ({"DESCRIBE": described(b"nothing")}, StreamReason.NOT_UNDERSTOOD),
        ({"DESCRIBE": raw(b"HTTP/1.0 400 Bad Request\r\n\r\n")}, StreamReason.NOT_UNDERSTOOD),
    ],
)
async def test_why_there_is_no_stream_is_told_by_a_key_and_a_sentence(
    script: dict[str, Callable[[RtspRequest, Connection], Answer]], reason: StreamReason
) -> None:
    async with relaying(ScriptedRecorder(**script)) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("DESCRIBE", "/main")).status >= 400
        trouble = server.statistics().streams[0].trouble
        assert trouble is not None
        assert trouble.reason is reason
        assert trouble.text.startswith("recorder")


async def test_a_recorder_that_is_not_there_is_told() -> None:
    async with relaying(recorder := ScriptedRecorder()) as server:
        await recorder.__aexit__()
        async with RtspClient(server.port) as viewer:
            assert (await viewer.request("DESCRIBE", "/main")).status == 503
        trouble = server.statistics().streams[0].trouble
        assert trouble is not None
        assert trouble.reason is StreamReason.UNREACHABLE


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_it_logs_in_by_digest(algorithm: str) -> None:
    recorder = ScriptedRecorder()
    login = Login(recorder, algorithm)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.play()).status == 200
    assert login.refused == 1


async def test_it_logs_in_by_basic_where_nothing_better_is_offered() -> None:
    recorder = ScriptedRecorder(
        DESCRIBE=in_turn(status(401, ("WWW-Authenticate", 'Basic realm="recorder"')), described(SDP))
    )
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("DESCRIBE", "/main")).status == 200
    assert recorder.requests[1].headers.get("Authorization") == "Basic YWRtaW46UmVjb3JkZXJTZWNyZXQ="


async def test_a_nonce_that_expires_in_mid_session_is_renewed_unseen() -> None:
    recorder = ScriptedRecorder(SETUP=short_session)
    login = Login(recorder, "MD5")
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        login.digest._nonces.clear()
        await until(lambda: recorder.methods.count("GET_PARAMETER") == 2)
        assert (await viewer.request("GET_PARAMETER", "/main")).status == 200
    assert login.refused == 2
    assert recorder.methods.count("DESCRIBE") == 2


async def test_wrong_credentials_of_the_recorder_are_tried_once_and_are_not_the_viewers_fault() -> None:
    recorder = ScriptedRecorder(DESCRIBE=status(401, ("WWW-Authenticate", 'Digest realm="recorder", nonce="1"')))
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        for path in ("/main", "/sub", "/main"):
            reply = await viewer.request("DESCRIBE", path)
            assert reply.status == 503
            assert reply.get("Retry-After") is not None
        assert recorder.methods == ["DESCRIBE", "DESCRIBE"]
        await asyncio.sleep(QUICK.login_retry_first)
        assert (await viewer.request("DESCRIBE", "/main")).status == 503
    assert recorder.methods == ["DESCRIBE"] * 4


async def test_the_stream_is_asked_for_as_it_is_known() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
    describe, video, audio, play = recorder.requests[:4]
    assert describe.uri == recorder.base
    assert (video.uri, audio.uri) == (f"{recorder.base}/trackID=video", f"{recorder.base}/trackID=audio")
    assert play.uri == f"{recorder.base}/"
    assert {request.headers.get("Session") for request in (audio, play)} == {"SECRET-SESSION"}


@pytest.mark.parametrize(
    ("sdp", "base", "track", "control"),
    [
        (
            SDP.replace(b"trackID=video", b"rtsp://198.51.100.64:554/live/trackID=1?a=b"),
            "rtsp://198.51.100.64/live/",
            "/live/trackID=1?a=b",
            "/live/",
        ),
        (SDP, "rtsp://10.0.0.5:99/moved/", "/moved/trackID=video", "/moved/"),
        (SDP.replace(b"control:*", b"control:rtsp://10.0.0.5/all/"), "rtsp://10.0.0.5/x", "/x/trackID=video", "/all/"),
        (SDP.replace(b"a=control:*\r\n", b""), "nonsense", None, None),
        (SDP, "rtsp://10.0.0.5/with space/", None, None),
        (
            SDP.replace(b"control:*", b"control:rtsp://10.0.0.5/all/"),
            "rtsp://10.0.0.5#x",
            None,
            "/all/",
        ),
    ],
    ids=[
        "absolute control",
        "content base elsewhere",
        "absolute session control",
        "no base",
        "unusable base",
        "base without a path",
    ],
)
async def test_whatever_address_a_recorder_names_it_is_asked_where_it_is(
    sdp: bytes, base: str, track: str | None, control: str | None
) -> None:
    recorder = ScriptedRecorder(DESCRIBE=described(sdp, ("Content-Base", base)))
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.play(tracks=1)).status == 200
    here = f"rtsp://127.0.0.1:{recorder.port}"
    setup, _, play = recorder.requests[1:4]
    assert setup.uri == (f"{here}{track}" if track else f"{recorder.base}/trackID=video")
    assert play.uri == (f"{here}{control}" if control else recorder.base)


async def test_a_redirect_on_the_same_host_is_followed() -> None:
    recorder = ScriptedRecorder()

    def redirect(request: RtspRequest, connection: Connection) -> Answer:
        if request.uri.endswith("/new"):
            return ok(("Content-Base", request.uri), body=SDP)
        return RtspResponse(302, headers=Headers([("Location", f"rtsp://127.0.0.1:{recorder.port}/new")]))

    recorder.script["DESCRIBE"] = redirect
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.play(tracks=1)).status == 200
    assert recorder.requests[2].uri.endswith("/new/trackID=video")


@pytest.mark.parametrize(
    "target", ["rtsp://127.0.0.2:{port}/new", "http://127.0.0.1/", "/new", "rtsp://127.0.0.1:{port}/again"]
)
async def test_other_redirects_are_refused(target: str) -> None:
    recorder = ScriptedRecorder()
    recorder.script["DESCRIBE"] = lambda request, connection: RtspResponse(
        301, headers=Headers([("Location", target.format(port=recorder.port))])
    )
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("DESCRIBE", "/main")).status == 502
    assert len(recorder.requests) <= 4


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (silence, 504),
        (reset, 503),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n<html>"), 502),
        (raw(b"\x00\xff" * 20000), 502),
        (raw(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 100000000\r\n\r\n"), 502),
        (described(b""), 502),
        (described(b"<html></html>"), 502),
        (described(b"v=0\r\ns=nothing\r\n"), 502),
        (described(b"v=0\r\nm=application 0 RTP/AVP 107\r\n"), 502),
        (status(404), 404),
        (status(453), 453),
        (status(503), 503),
        (status(500), 502),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_what_goes_wrong_with_describe_is_answered_and_the_viewer_may_try_again(
    answer: object, expected: int
) -> None:
    recorder = ScriptedRecorder()
    recorder.script["DESCRIBE"] = in_turn(answer, recorder.answer_describe)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("DESCRIBE", "/main")).status == expected
        await until(lambda: recorder.open_connections == 0)
        assert (await viewer.play()).status == 200


async def test_a_stream_that_only_waited_for_the_login_is_there_once_that_was_right() -> None:
    """It is the account's turn that counts, not when the stream was asked for."""
    recorder = ScriptedRecorder()
    recorder.script["DESCRIBE"] = in_turn(status(401, ("WWW-Authenticate", "Unknown")), recorder.answer_describe)
    limits = replace(QUICK, login_retry_first=1.0, login_retry_longest=1.0)
    async with relaying(recorder, limits) as server, RtspClient(server.port) as one, RtspClient(server.port) as other:
        assert (await one.request("DESCRIBE", "/main")).status == 503
        await asyncio.sleep(0.7)
        assert (await other.request("DESCRIBE", "/sub")).status == 503
        assert len(recorder.connections) == 1
        await asyncio.sleep(0.5)
        assert (await other.play("sub")).status == 200


async def test_a_recorder_that_forbids_is_left_alone_for_as_long_as_after_a_refused_login() -> None:
    recorder = ScriptedRecorder()
    recorder.script["DESCRIBE"] = in_turn(status(403), recorder.answer_describe)
    async with relaying(recorder, replace(QUICK, login_retry_first=0.5)) as server, RtspClient(server.port) as viewer:
        for _ in range(3):
            assert (await viewer.request("DESCRIBE", "/main")).status == 502
        assert len(recorder.connections) == 1
        await asyncio.sleep(0.6)
        assert (await viewer.play()).status == 200


async def test_a_recorder_that_is_off_is_503() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        recorder._server.close()
        await recorder._server.wait_closed()
        reply = await viewer.request("DESCRIBE", "/main")
        assert (reply.status, reply.get("Retry-After")) == (503, "10")


@pytest.mark.parametrize("method", ["SETUP", "PLAY"])
@pytest.mark.parametrize(("answer", "expected"), [(silence, 504), (reset, 503), (status(453), 453), (status(500), 502)])
async def test_a_stream_that_cannot_be_played_is_not_described(method: str, answer: object, expected: int) -> None:
    recorder = ScriptedRecorder(**{method: answer})
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("DESCRIBE", "/main")).status == expected
        await until(lambda: recorder.open_connections == 0)


@pytest.mark.parametrize(
    "answer",
    [
        lambda request, connection: ok(("Transport", "RTP/AVP;unicast;client_port=1-2"), ("Session", "1")),
        lambda request, connection: ok(("Session", "1")),
        lambda request, connection: ok(("Transport", "RTP/AVP/TCP;interleaved=0-1")),
    ],
    ids=["UDP", "no transport", "no session"],
)
async def test_a_setup_that_makes_no_sense_is_502(answer: object) -> None:
    async with relaying(ScriptedRecorder(SETUP=answer)) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("DESCRIBE", "/main")).status == 502


async def test_a_control_that_makes_no_uri_is_502() -> None:
    recorder = ScriptedRecorder(DESCRIBE=described(SDP.replace(b"trackID=video", b"track ID=video")))
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("DESCRIBE", "/main")).status == 502


async def test_channels_that_the_recorder_changes_are_changed_back() -> None:
    def other_channels(request: RtspRequest, connection: Connection) -> Answer:
        first = 6 if request.uri.endswith("video") else 8
        connection.channels[request.uri] = (first, first + 1)
        return ok(("Transport", f"RTP/AVP/TCP;unicast;interleaved={first}-{first + 1}"), ("Session", "1"))

    recorder = ScriptedRecorder(SETUP=other_channels)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert await viewer.frame() == (0, FIRST)
        recorder.connections[0].send(
            frame(6, b"more") + frame(0, b"not set up") + frame(8, b"sound") + frame(7, SENDER_REPORT)
        )
        assert [await viewer.frame() for _ in range(3)] == [(0, b"more"), (2, b"sound"), (1, SENDER_REPORT)]


async def test_two_tracks_on_one_channel_are_502() -> None:
    recorder = ScriptedRecorder(
        SETUP=lambda request, connection: ok(("Transport", "RTP/AVP/TCP;interleaved=0-1"), ("Session", "1"))
    )
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("DESCRIBE", "/main")).status == 502


async def test_the_recorders_session_is_kept_alive() -> None:
    recorder = ScriptedRecorder(SETUP=short_session)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        await until(lambda: "OPTIONS" in recorder.methods)
        recorder.connections[0].send(frame(0, b"media"))
        await until(lambda: "GET_PARAMETER" in recorder.methods)
    assert recorder.methods[4:6] == ["OPTIONS", "GET_PARAMETER"]
    assert recorder.requests[5].headers.get("Session") == "1"


async def test_the_recorder_hears_of_us_by_rtcp_too() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        await until(lambda: len(recorder.connections[0].frames) == 2)
    assert [(channel, payload[1]) for channel, payload in recorder.connections[0].frames] == [(1, 201), (3, 201)]


@pytest.mark.parametrize("keep_alive", [silence, reset, status(454)], ids=["silence", "reset", "session not found"])
async def test_a_lost_session_is_opened_anew_while_the_viewer_stays(keep_alive: object) -> None:
    def once(request: RtspRequest, connection: Connection) -> Answer:
        answer = keep_alive if connection is recorder.connections[0] else recorder.answer_get_parameter
        return answer(request, connection)

    recorder = ScriptedRecorder(SETUP=short_session, GET_PARAMETER=once)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert await viewer.frame() == (0, FIRST)
        await until(lambda: len(recorder.connections) == 2)
        channel, payload = await viewer.frame()
        assert (channel, payload[2:4], payload[12:]) == (0, b"\x00\x02", FIRST[12:])
    assert "GET_PARAMETER" in recorder.methods


async def test_a_login_that_is_refused_in_mid_session_ends_it_and_is_tried_again_later_while_the_viewer_stays() -> None:
    recorder = ScriptedRecorder(SETUP=short_session)
    login = Login(recorder, "MD5")
    recorder.script["OPTIONS"] = login.guard(recorder, "OPTIONS")
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert await viewer.frame() == (0, FIRST)
        accepted, login.credentials = login.credentials, replace(login.credentials, password="Changed")
        await until(lambda: server.statistics().streams[0].state is StreamState.RETRYING)
        asked = len(recorder.connections)
        await asyncio.sleep(QUICK.login_retry_first / 2)
        # Whoever asks again and again locks the account.
        assert len(recorder.connections) <= asked + 1
        login.credentials = accepted
        await until(lambda: server.statistics().streams[0].state is StreamState.LIVE)
        assert (await viewer.frame())[1][12:] == FIRST[12:]
        assert server.viewers == 1


@pytest.mark.parametrize(
    "last", [b"", frame(0, packet(9, 9, b"\x41picture"))[:20]], ids=["", "in the middle of a frame"]
)
async def test_a_session_without_media_is_opened_anew(last: bytes) -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder, replace(QUICK, media_timeout=0.2)) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        recorder.connections[0].send(last)
        await until(lambda: server.statistics().streams[0].trouble is not None)
        trouble = server.statistics().streams[0].trouble
        assert trouble is not None
        assert trouble.reason is StreamReason.NO_MEDIA
        await until(lambda: len(recorder.connections) == 2)
        assert (await viewer.request("GET_PARAMETER", "/main")).status == 200


@pytest.mark.parametrize("how", ["close", "reset", "half closed", "nonsense"])
async def test_a_recorder_that_ends_in_mid_stream_is_asked_again(how: str) -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        if how == "close":
            recorder.connections[0].writer.transport.abort()
        elif how == "reset":
            sock = recorder.connections[0].writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            recorder.connections[0].writer.transport.abort()
        elif how == "half closed":
            recorder.connections[0].writer.write_eof()
        else:
            recorder.connections[0].send(b"\x00 this is neither a frame nor a message\r\n\r\n")
        await until(lambda: len(recorder.connections) == 2)
        assert server.viewers == 1


@pytest.mark.parametrize("method", ["DESCRIBE", "SETUP", "PLAY"])
async def test_answers_in_the_wrong_order_are_told_apart(method: str) -> None:
    def reordered(request: RtspRequest, connection: Connection) -> Answer:
        number = request.cseq or 0
        for other in (number - 1, number + 1, 99):
            connection.send(b"RTSP/1.0 404 Not Found\r\nCSeq: %d\r\n\r\n" % other)
        return getattr(recorder, f"answer_{method.lower()}")(request, connection)

    recorder = ScriptedRecorder(**{method: reordered})
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.play()).status == 200
        assert await viewer.frame() == (0, FIRST)
    assert len(recorder.connections) == 1


def unread(sock: socket.socket) -> int:
    """Return how many bytes a socket has that nobody has read."""
    return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)


async def test_media_and_messages_may_be_cut_anywhere() -> None:
    recorder = ScriptedRecorder()
    async with (
        relaying(recorder, options=replace(AT_ONCE, tick=0.0)) as server,
        RtspClient(server.port) as viewer,
    ):
        await viewer.play()
        assert await viewer.frame() == (0, FIRST)
        assert server._camera is not None
        plane = server._camera.common.plane
        (relays,) = (
            owner.sock
            for owner in plane._owners.values()
            if isinstance(owner, RelayConnection) and owner.sock.getpeername()[1] == recorder.port
        )

        async def send(data: bytes) -> None:
            """Send, and wait until the relay has read it."""
            recorder.connections[0].send(data)
            async with asyncio.timeout(5):
                while unread(relays):
                    await asyncio.sleep(0)

        sound = packet(1, 2, b"sound", kind=8)
        media = frame(0, packet(2, 200, b"\x41picture")) + frame(2, sound) + frame(1, SENDER_REPORT)
        data = media + b"OPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\n"
        wanted = [(0, packet(2, 200, b"\x41picture")), (2, sound), (1, SENDER_REPORT)]
        for cut in range(len(data) + 1):
            await send(data[:cut])
            await send(data[cut:])
            assert [await viewer.frame() for _ in range(3)] == wanted
        for byte in data:
            await send(bytes((byte,)))
        assert [await viewer.frame() for _ in range(3)] == wanted
    assert len(recorder.connections) == 1


RESPONSE = b"RTSP/1.0 200 OK\r\n\r\n"


@pytest.mark.parametrize("item", [RESPONSE, frame(9, b""), frame(1, b"")], ids=["message", "frame", "report"])
async def test_a_recorder_that_floods_with_what_is_no_media_is_left(item: bytes) -> None:
    recorder = ScriptedRecorder()
    limits = replace(QUICK, max_recorder_items_per_read=4)
    async with relaying(recorder, limits) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert await viewer.frame() == (0, FIRST)
        picture = packet(2, 200, b"\x41picture")
        recorder.connections[0].send(4 * item + frame(0, picture))
        assert await viewer.frame() == (0, picture)
        recorder.connections[0].send(5 * item + frame(0, picture))
        await until(lambda: server.statistics().streams[0].trouble is not None)
        trouble = server.statistics().streams[0].trouble
        assert trouble is not None
        assert trouble.reason is StreamReason.NOT_UNDERSTOOD


async def test_of_what_follows_a_message_no_more_is_copied_than_a_message_has(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    parse = RtspFramer.message_at

    def message_at(framer: RtspFramer, data: bytes) -> tuple[RtspRequest | RtspResponse | None, int]:
        seen.append(len(data))
        return parse(framer, data)

    monkeypatch.setattr(RtspFramer, "message_at", message_at)
    recorder, plane = ScriptedRecorder(), running_plane()
    session = UpstreamSession(recorder.source, QUICK, plane, Fanout(QUICK), tick=None)
    longest = RtspFramer().max_size
    head = b"RTSP/1.0 200 OK\r\nContent-Length: 65536\r\n"
    message = head + b"X: " + b"x" * (longest - 65536 - len(head) - 7) + b"\r\n\r\n" + bytes(65536)
    data = message.ljust(READ_BUFFER, b"$")
    plane.view[:] = data
    assert len(message) == longest
    assert session.data_received(len(data)) >= longest
    assert seen == [longest]
    await session.close()


async def test_requests_of_the_recorder_are_refused() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        recorder.connections[0].send(b"ANNOUNCE rtsp://a/ RTSP/1.0\r\nCSeq: 77\r\n\r\n" + frame(0, b"after"))
        assert [await viewer.frame(), await viewer.frame()] == [(0, FIRST), (0, b"after")]


@pytest.mark.parametrize("teardown", [silence, reset, status(454), raw(b"nonsense\r\n\r\n")])
async def test_a_session_is_given_back_whatever_the_recorder_says(teardown: object) -> None:
    recorder = ScriptedRecorder(TEARDOWN=teardown)
    async with relaying(recorder) as server:
        async with RtspClient(server.port) as viewer:
            await viewer.play()
        await until(lambda: recorder.open_connections == 0)
        assert recorder.methods.count("TEARDOWN") == 1


async def test_a_source_without_a_usable_uri_is_502() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        source = recorder.source
        server.update(sources={"main": type(source)(uri="http://192.0.2.1/", credentials=source.credentials)})
        assert (await viewer.request("DESCRIBE", "/main")).status == 502
