"""The relay as a client of recorders, good and odd ones, seen through a viewer."""

from collections.abc import Callable

import pytest

from custom_components.onvif_proxy.digest import DigestServer
from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.rtsp import Headers, RtspRequest, RtspResponse, frame

from .conftest import relaying, until
from .rtsp_client import RtspClient
from .scripted_recorder import (
    SDP,
    Answer,
    Connection,
    ScriptedRecorder,
    described,
    in_turn,
    ok,
    raw,
    reset,
    silence,
    status,
)

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
        self.refused = 0
        for method in ("DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER"):
            recorder.script[method] = self.guard(recorder, method)

    def guard(self, recorder: ScriptedRecorder, method: str) -> Callable[[RtspRequest, Connection], Answer]:
        """Return what answers a method."""
        inner = recorder.script.get(method, getattr(recorder, f"answer_{method.lower()}"))

        def answer(request: RtspRequest, connection: Connection) -> Answer:
            result = self.digest.check(
                request.headers.get("Authorization") or "", request.method, (request.uri,), RECORDER
            )
            if result.ok:
                return inner(request, connection)
            self.refused += 1
            challenges = self.digest.challenges(stale=result.stale)
            return RtspResponse(401, headers=Headers([("WWW-Authenticate", item) for item in challenges]))

        return answer


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
    recorder = ScriptedRecorder()
    login = Login(recorder, "MD5")
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.request("DESCRIBE", "/main")
        login.digest._nonces.clear()
        assert (await viewer.setup("/main/trackID=1")).status == 200
        login.digest._nonces.clear()
        assert (await viewer.request("PLAY", "/main")).status == 200
    assert login.refused == 3


async def test_wrong_credentials_of_the_recorder_are_tried_once_and_are_not_the_viewers_fault() -> None:
    recorder = ScriptedRecorder(DESCRIBE=status(401, ("WWW-Authenticate", 'Digest realm="recorder", nonce="1"')))
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        reply = await viewer.request("DESCRIBE", "/main")
        assert reply.status == 503
        assert reply.get("Retry-After") is not None
    assert recorder.methods == ["DESCRIBE", "DESCRIBE"]


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
    assert recorder.requests[1].uri == (f"{here}{track}" if track else f"{recorder.base}/trackID=video")
    assert recorder.requests[2].uri == (f"{here}{control}" if control else recorder.base)


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
        (status(403), 502),
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


async def test_a_recorder_that_is_off_is_503() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        recorder._server.close()
        await recorder._server.wait_closed()
        reply = await viewer.request("DESCRIBE", "/main")
        assert (reply.status, reply.get("Retry-After")) == (503, "10")


@pytest.mark.parametrize("method", ["SETUP", "PLAY"])
@pytest.mark.parametrize(("answer", "expected"), [(silence, 504), (reset, 503), (status(453), 453), (status(500), 502)])
async def test_what_goes_wrong_later_is_answered(method: str, answer: object, expected: int) -> None:
    recorder = ScriptedRecorder(**{method: answer})
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.request("DESCRIBE", "/main")
        reply = await viewer.setup("/main/trackID=1")
        if method == "PLAY":
            assert reply.status == 200
            reply = await viewer.request("PLAY", "/main")
        assert reply.status == expected


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
        await viewer.request("DESCRIBE", "/main")
        assert (await viewer.setup("/main/trackID=1")).status == 502


async def test_a_control_that_makes_no_uri_is_502() -> None:
    recorder = ScriptedRecorder(DESCRIBE=described(SDP.replace(b"trackID=video", b"track ID=video")))
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.request("DESCRIBE", "/main")
        assert (await viewer.setup("/main/trackID=1")).status == 502


async def test_channels_that_the_recorder_changes_are_changed_back() -> None:
    def other_channels(request: RtspRequest, connection: Connection) -> Answer:
        connection.channels[request.uri] = (6, 7)
        return ok(("Transport", "RTP/AVP/TCP;unicast;interleaved=6-7"), ("Session", "1"))

    recorder = ScriptedRecorder(SETUP=other_channels)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play(tracks=1)
        assert await viewer.frame() == (0, b"first")
        recorder.connections[0].send(frame(6, b"more") + frame(0, b"not set up") + frame(6, b"end"))
        assert [await viewer.frame(), await viewer.frame()] == [(0, b"more"), (0, b"end")]
        viewer.send(frame(1, b"receiver report") + frame(0, b"not RTCP"))
        await until(lambda: bool(recorder.connections[0].frames))
        assert recorder.connections[0].frames == [(7, b"receiver report")]


async def test_the_recorders_session_is_kept_alive() -> None:
    recorder = ScriptedRecorder(SETUP=short_session)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        await until(lambda: "OPTIONS" in recorder.methods)
        recorder.connections[0].send(frame(0, b"media"))
        await until(lambda: "GET_PARAMETER" in recorder.methods)
    assert recorder.methods[4:6] == ["OPTIONS", "GET_PARAMETER"]
    assert recorder.requests[5].headers.get("Session") == "1"


@pytest.mark.parametrize("keep_alive", [silence, reset, status(454)], ids=["silence", "reset", "session not found"])
async def test_a_viewer_is_sent_away_when_the_recorders_session_is_lost(keep_alive: object) -> None:
    recorder = ScriptedRecorder(SETUP=short_session, GET_PARAMETER=keep_alive)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        await until(lambda: "OPTIONS" in recorder.methods)
        recorder.connections[0].send(frame(0, b"media"))
        assert await viewer.ended()
    assert "GET_PARAMETER" in recorder.methods


async def test_a_viewer_is_sent_away_when_the_media_stops() -> None:
    recorder = ScriptedRecorder(SETUP=short_session)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert await viewer.ended()
    assert "GET_PARAMETER" not in recorder.methods


@pytest.mark.parametrize("how", ["close", "nonsense"])
async def test_a_viewer_is_sent_away_when_the_recorder_ends_in_mid_stream(how: str) -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        if how == "close":
            recorder.connections[0].writer.transport.abort()
        else:
            recorder.connections[0].send(b"\x00 this is neither a frame nor a message\r\n\r\n")
        assert await viewer.ended()
        await until(lambda: server.viewers == 0)


async def test_requests_of_the_recorder_are_refused() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        recorder.connections[0].send(b"ANNOUNCE rtsp://a/ RTSP/1.0\r\nCSeq: 77\r\n\r\n" + frame(0, b"after"))
        assert await viewer.frame() == (0, b"first")
        assert await viewer.frame() == (0, b"after")


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
