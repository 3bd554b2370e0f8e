"""The relay as a server: what a viewer may do, and what it is told."""

import asyncio
from base64 import b64encode
import contextlib
from dataclasses import replace
import logging

import pytest

from custom_components.onvif_proxy.model import Credentials
from custom_components.onvif_proxy.relay.rtcp import empty_receiver_report
from custom_components.onvif_proxy.rtsp import RtspRequest, frame

from .conftest import QUICK, relaying, until
from .rtsp_client import RtspClient
from .scripted_recorder import FIRST, SDP, Answer, Connection, ScriptedRecorder, described, packet, silence
from .test_rtcp import SENDER_REPORT, source_description

ALL_METHODS = ("DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER")
TCP = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"


async def test_a_viewer_plays_pauses_goes_on_and_ends() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        options = await viewer.request("OPTIONS", "/main")
        assert set((options.get("Public") or "").split(", ")) == {"OPTIONS", *ALL_METHODS}
        description = await viewer.request("DESCRIBE", "/main", "Accept: application/sdp")
        assert description.status == 200
        assert description.get("Content-Base") == viewer.uri("/main/")
        assert description.get("Content-Type") == "application/sdp"
        video = await viewer.setup("/main/trackID=1")
        assert video.get("Transport") == "RTP/AVP/TCP;unicast;interleaved=0-1"
        assert (video.get("Session") or "").endswith(";timeout=5")
        assert (await viewer.setup("/main/trackID=2", "2-3")).get("Session") == video.get("Session")
        assert server.viewers == 1
        play = await viewer.request("PLAY", "/main/")
        assert play.status == 200
        assert play.get("Range") == "npt=now-"
        assert play.get("RTP-Info") == f"url={viewer.uri('/main/trackID=1')};seq=1;rtptime=100"
        assert await viewer.frame() == (0, FIRST)
        assert (await viewer.request("GET_PARAMETER", "/main/")).status == 200
        assert (await viewer.request("PAUSE", "/main/")).status == 200
        assert (await viewer.request("PAUSE", "/main/")).status == 200
        assert (await viewer.request("PLAY", "/main/")).status == 200
        assert await viewer.frame() == (0, FIRST)
        assert (await viewer.request("PLAY", "/main/")).status == 200
        assert (await viewer.request("TEARDOWN", "/main/")).status == 200
        assert server.viewers == 0
        await until(lambda: recorder.open_connections == 0)
        assert recorder.methods.count("TEARDOWN") == 1
        assert "PAUSE" not in recorder.methods
        assert (await viewer.request("PLAY", "/main/")).status == 454
        viewer.session = None
        assert (await viewer.play("sub")).status == 200


async def test_media_comes_after_the_answer_to_play_from_the_key_frame_on() -> None:
    def early(request: RtspRequest, connection: Connection) -> Answer:
        connection.send(frame(0, packet(0, 0, b"\x41not a key frame")))
        return recorder.answer_play(request, connection)

    recorder = ScriptedRecorder(PLAY=early)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.play()).status == 200
        assert viewer.frames == []
        assert await viewer.frame() == (0, FIRST)


async def test_nothing_of_the_recorder_reaches_a_viewer() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        recorder.connections[0].send(frame(1, SENDER_REPORT + source_description(b"root@198.51.100.64")))
        await viewer.request("GET_PARAMETER", "/main")
        await viewer.request("PAUSE", "/main")
        await viewer.request("TEARDOWN", "/main")
        assert len(viewer.received) > 1000
        for secret in (
            b"198.51.100.64",
            b"Media Presentation",
            b"Streaming",
            b"Profile_1",
            b"RecorderSecret",
            b"SECRET-SESSION",
            b"admin",
            b"trackID=video",
            b"Media_header",
            b"1234ABCD",
            b":%d" % recorder.port,
        ):
            assert secret not in viewer.received


@pytest.mark.parametrize("method", [*ALL_METHODS, "RECORD", "NONSENSE"])
async def test_everything_but_options_needs_a_login(method: str) -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port, credentials=None) as viewer:
        assert (await viewer.request("OPTIONS", "*")).status == 200
        reply = await viewer.request(method, "/main", TCP)
        assert reply.status == 401
        challenges = [value for name, value in reply.headers if name == "WWW-Authenticate"]
        assert [challenge.split()[0] for challenge in challenges] == ["Digest", "Digest", "Basic"]
        assert "algorithm=MD5" in challenges[1]
    assert recorder.connections == []


@pytest.mark.parametrize("path", ["/main", "/unknown", "*"])
async def test_a_wrong_password_is_refused_and_five_end_the_connection(path: str) -> None:
    recorder = ScriptedRecorder()
    wrong = Credentials(username="viewer", password="ViewerSecreT")
    limits = replace(QUICK, handshake_timeout=30.0)
    async with relaying(recorder, limits) as server, RtspClient(server.port, credentials=wrong) as viewer:
        assert (await viewer.request("DESCRIBE", path)).status == 401
        for _ in range(4):
            assert (await viewer.ask("DESCRIBE", path)).status == 401
        assert await viewer.ended()
    assert recorder.connections == []


async def test_who_knows_no_digest_logs_in_as_it_can() -> None:
    async with (
        relaying(ScriptedRecorder()) as server,
        RtspClient(server.port, credentials=None) as viewer,
    ):
        basic = f"Authorization: Basic {b64encode(b'viewer:ViewerSecret').decode()}"
        assert (await viewer.ask("DESCRIBE", "/main", basic)).status == 200


@pytest.mark.parametrize("authorization", ["Basic dmlld2VyOk90aGVyU2VjcmV0", "Digest", "nonsense", ""])
async def test_other_logins_are_refused(authorization: str) -> None:
    async with (
        relaying(ScriptedRecorder()) as server,
        RtspClient(server.port, credentials=None) as viewer,
    ):
        assert (await viewer.ask("DESCRIBE", "/main", f"Authorization: {authorization}")).status == 401


@pytest.mark.parametrize("claimed", ["rtsp://127.0.0.1:{port}/main", "rtsp://camera/main/", "/main"])
async def test_a_login_may_be_for_another_spelling_of_the_stream(claimed: str) -> None:
    """live555, and VLC with it, computes every digest for the URI of the stream."""
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        assert viewer.digest is not None
        await viewer.request("DESCRIBE", "/main")
        authorization = viewer.digest.authorization("SETUP", claimed.format(port=server.port))
        viewer.digest = None
        assert (await viewer.ask("SETUP", "/main/trackID=1", TCP, f"Authorization: {authorization}")).status == 200


async def test_a_login_for_one_stream_is_none_for_another() -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        assert viewer.digest is not None
        await viewer.request("DESCRIBE", "/main")
        authorization = viewer.digest.authorization("DESCRIBE", viewer.uri("/main"))
        viewer.digest = None
        assert (await viewer.ask("DESCRIBE", "/sub", f"Authorization: {authorization}")).status == 401


@pytest.mark.parametrize(
    ("method", "path", "fields", "expected"),
    [
        ("DESCRIBE", "/unknown", (), 404),
        ("DESCRIBE", "/", (), 404),
        ("DESCRIBE", "/main/trackID=1", (), 404),
        ("DESCRIBE", "/main/../sub", (), 404),
        ("DESCRIBE", "/main", ("Accept: text/html",), 406),
        ("DESCRIBE", "/main", ("Require: play.basic",), 551),
        ("OPTIONS", "/unknown", (), 404),
        ("SETUP", "/main/trackID=1", ("Transport: RTP/AVP;multicast",), 461),
        ("SETUP", "/main/trackID=1", (), 461),
        ("SETUP", "/main/trackID=9", (TCP,), 404),
        ("SETUP", "/main", (TCP,), 459),
        ("SETUP", "*", (TCP,), 459),
        ("PLAY", "/main", (), 454),
        ("PLAY", "/main", ("Session: made-up",), 454),
        ("PAUSE", "/main", (), 454),
        ("TEARDOWN", "/main", (), 454),
        ("GET_PARAMETER", "/main", ("Session: made-up",), 454),
        ("ANNOUNCE", "/main", (), 501),
        ("RECORD", "/main", (), 501),
        ("NONSENSE", "/main", (), 501),
    ],
)
async def test_requests_that_cannot_be_met(method: str, path: str, fields: tuple[str, ...], expected: int) -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request(method, path, *fields)).status == expected
        assert (await viewer.request("OPTIONS", "*")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "fields", "expected"),
    [
        ("DESCRIBE", "/main", (), 200),
        ("DESCRIBE", "/sub", (), 455),
        ("SETUP", "/main/trackID=1", (TCP,), 455),
        ("SETUP", "/sub/trackID=1", (TCP,), 455),
        ("PLAY", "/sub", (), 454),
        ("PLAY", "/main", ("Session: another",), 454),
        ("PLAY", "/main/trackID=1", (), 460),
        ("TEARDOWN", "/main/trackID=1", (), 460),
        ("PLAY", "*", (), 200),
        ("SET_PARAMETER", "/main", (), 200),
    ],
)
async def test_requests_in_a_session(method: str, path: str, fields: tuple[str, ...], expected: int) -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert (await viewer.request(method, path, *fields)).status == expected


@pytest.mark.parametrize("method", ["PLAY", "PAUSE", "TEARDOWN"])
async def test_a_session_is_named_by_who_uses_it(method: str) -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        viewer.session = None
        assert (await viewer.request(method, "/main")).status == 454
        assert server.viewers == 1


@pytest.mark.parametrize(
    "wanted", ["RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP/TCP", "RTP/AVP/TCP;interleaved=999"]
)
async def test_channels_that_are_taken_or_not_named_are_chosen(wanted: str) -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        await viewer.request("DESCRIBE", "/main")
        await viewer.setup("/main/trackID=1", "0-1")
        reply = await viewer.request("SETUP", "/main/trackID=2", f"Transport: {wanted}")
        assert reply.get("Transport") == "RTP/AVP/TCP;unicast;interleaved=2-3"


async def test_one_track_alone_may_be_played_by_its_own_uri() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.setup("/main/trackID=2")
        play = await viewer.request("PLAY", "/main/trackID=2")
        assert (play.status, play.get("RTP-Info")) == (200, None)
        sound = packet(7, 700, b"sound", kind=8)
        recorder.connections[0].send(frame(0, packet(2, 200, b"\x41")) + frame(2, sound) + frame(3, SENDER_REPORT))
        assert [await viewer.frame(), await viewer.frame()] == [(0, sound), (1, SENDER_REPORT)]


async def test_parameters_are_unknown() -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        assert (await viewer.request("GET_PARAMETER", "/main", body=b"packets_received\r\n")).status == 451
        assert (await viewer.request("SET_PARAMETER", "/main", body=b"volume: 11\r\n")).status == 451


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"DESCRIBE /main RTSP/1.0\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 1000, 400),
    ],
    ids=["HTTP", "TLS", "long body"],
)
async def test_nonsense_is_answered_and_ends_the_connection(data: bytes, expected: int) -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        viewer.send(data)
        assert (await viewer.reply()).status == expected
        assert await viewer.ended()
    assert recorder.connections == []


async def test_nonsense_of_a_viewer_that_plays_ends_it_and_disturbs_no_one() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer, RtspClient(server.port) as other:
        await viewer.play()
        await other.play()
        viewer.send(bytes(range(1, 256)) + b"\r\n\r\n")
        assert await viewer.ended()
        assert b"RTSP/1.0 400 " in viewer.received
        recorder.connections[0].send(frame(0, b"undisturbed"))
        assert [await other.frame(), await other.frame()] == [(0, FIRST), (0, b"undisturbed")]
        await until(lambda: server.viewers == 1)


async def test_requests_and_reports_may_come_byte_by_byte() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert viewer.digest is not None
        uri = viewer.uri("/main")
        for number in ("77", "78"):
            said = (
                frame(1, empty_receiver_report(1))
                + (
                    f"GET_PARAMETER {uri} RTSP/1.0\r\nCSeq: {number}\r\nSession: {viewer.session}\r\n"
                    f"Authorization: {viewer.digest.authorization('GET_PARAMETER', uri)}\r\n"
                    "Content-Length: 10\r\n\r\nposition\r\n"
                ).encode()
            )
            for byte in said:
                viewer.send(bytes((byte,)))
                await asyncio.sleep(0)
            reply = await viewer.reply()
            assert (reply.status, reply.get("CSeq")) == (451, number)


@pytest.mark.parametrize("line", [b"X: ", b"X: 1\r\n"], ids=["one header", "many headers"])
async def test_a_flood_of_ten_megabytes_is_cut_off_and_disturbs_no_one(line: bytes) -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        async with RtspClient(server.port) as attacker:
            attacker.send(b"DESCRIBE /main RTSP/1.0\r\n")
            # The relay may end the connection before all is sent.
            with contextlib.suppress(ConnectionError):
                for _ in range(160):
                    attacker.send((line * 20000)[:65536])
                    await asyncio.wait_for(attacker.writer.drain(), 5)
            assert await attacker.ended()
            assert attacker.received.startswith(b"RTSP/1.0 400 ") or not attacker.received
            recorder.connections[0].send(frame(0, b"undisturbed"))
            assert [await viewer.frame(), await viewer.frame()] == [(0, FIRST), (0, b"undisturbed")]
        assert server.viewers == 1


async def test_a_defect_of_ours_is_logged_once_and_ends_only_its_viewer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def defect(*_: object, **__: object) -> bytes:
        raise RuntimeError("a defect")

    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer, RtspClient(server.port) as other:
        await other.play()
        monkeypatch.setattr("custom_components.onvif_proxy.relay.viewer.describe", defect)
        reply = await viewer.request("DESCRIBE", "/main")
        assert (reply.status, reply.get("Connection")) == (500, "close")
        assert await viewer.ended()
        assert server.viewers == 1
        await until(lambda: recorder.open_connections == 1)
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert errors == ["Could not answer DESCRIBE"]


async def test_requests_that_nobody_waits_for_are_cut_off() -> None:
    recorder = ScriptedRecorder(DESCRIBE=silence)
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        viewer.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 1000)
        assert await viewer.ended()
        assert len(viewer.received) < 10000


@pytest.mark.parametrize("cseq", ["", "CSeq: x\r\n"])
async def test_a_request_without_number_is_400(cseq: str) -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        viewer.send(f"OPTIONS * RTSP/1.0\r\n{cseq}\r\n".encode())
        assert (await viewer.reply()).status == 400


async def test_another_version_is_505() -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        viewer.send(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n")
        assert (await viewer.reply()).status == 505


@pytest.mark.parametrize("chatter", [b"", b"DESC", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"])
async def test_who_does_not_log_in_is_sent_away(chatter: bytes) -> None:
    limits = replace(QUICK, handshake_timeout=0.5)
    async with (
        relaying(ScriptedRecorder(), limits) as server,
        RtspClient(server.port, credentials=None) as viewer,
        asyncio.timeout(3),
    ):
        ended = asyncio.create_task(viewer.ended())
        while not ended.done():
            viewer.send(chatter)
            await asyncio.sleep(0.1)
        assert ended.result()


async def test_a_silent_viewers_session_ends() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder, replace(QUICK, session_timeout=1.0)) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert await viewer.ended()
        await until(lambda: recorder.open_connections == 0)
        assert recorder.methods.count("TEARDOWN") == 1
        assert server.viewers == 0


@pytest.mark.parametrize("sign_of_life", ["RTCP", "OPTIONS", "GET_PARAMETER"])
async def test_a_sign_of_life_keeps_a_session(sign_of_life: str) -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder, replace(QUICK, session_timeout=0.8)) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        for _ in range(8):
            await asyncio.sleep(0.2)
            if sign_of_life == "RTCP":
                viewer.send(frame(1, b"receiver report"))
            else:
                assert (await viewer.request(sign_of_life, "/main")).status == 200
        assert server.viewers == 1
        assert "TEARDOWN" not in recorder.methods


@pytest.mark.parametrize("moment", ["DESCRIBE", "SETUP", "PLAY"])
async def test_a_viewer_that_leaves_while_the_recorder_hangs_frees_it_at_once(moment: str) -> None:
    recorder = ScriptedRecorder(**{moment: silence})
    async with relaying(recorder, replace(QUICK, upstream_timeout=30.0)) as server:
        async with RtspClient(server.port) as viewer:
            playing = asyncio.create_task(viewer.play())
            await until(lambda: moment in recorder.methods)
            playing.cancel()
            await asyncio.wait([playing])
        await until(lambda: recorder.open_connections == 0)
        assert server.viewers == 0


async def test_a_viewer_may_name_only_the_path() -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        await viewer.request("DESCRIBE", "/main")
        assert viewer.digest is not None
        authorization = viewer.digest.authorization("DESCRIBE", "/main")
        viewer.send(f"DESCRIBE /main RTSP/1.0\r\nCSeq: 9\r\nAuthorization: {authorization}\r\n\r\n".encode())
        reply = await viewer.reply()
        assert (reply.status, reply.get("Content-Base")) == (200, viewer.uri("/main/"))


async def test_a_stream_of_one_track_may_be_set_up_as_a_whole() -> None:
    sdp = SDP.partition(b"m=audio")[0]
    recorder = ScriptedRecorder(DESCRIBE=described(sdp))
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        assert (await viewer.setup("/main")).status == 200
        assert (await viewer.request("PLAY", "/main")).status == 200


async def test_what_was_not_asked_for_is_ignored_and_stays_here() -> None:
    recorder = ScriptedRecorder()
    async with relaying(recorder) as server, RtspClient(server.port) as viewer:
        viewer.send(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n")
        assert (await viewer.play()).status == 200
        viewer.send(frame(77, b"unknown channel") + frame(1, b"report") + frame(0, b"media"))
        assert (await viewer.request("GET_PARAMETER", "/main")).status == 200
        assert not {b"unknown channel", b"report", b"media"}.intersection(
            payload for _, payload in recorder.connections[0].frames
        )


async def test_rtcp_that_crosses_the_end_of_a_session_is_ignored() -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        assert (await viewer.request("TEARDOWN", "/main")).status == 200
        viewer.send(frame(1, b"late"))
        viewer.session = None
        assert (await viewer.play()).status == 200


@pytest.mark.parametrize("login", [False, True], ids=["before a login", "after it"])
async def test_interleaved_data_before_a_session_is_nonsense(login: bool) -> None:
    async with relaying(ScriptedRecorder()) as server, RtspClient(server.port) as viewer:
        if login:
            assert (await viewer.request("DESCRIBE", "/main")).status == 200
        viewer.send(frame(0, b""))
        assert (await viewer.reply()).status == 400
        assert await viewer.ended()


@pytest.mark.parametrize("item", [frame(1, b""), b"OPTIONS * RTSP/1.0\r\n\r\n"], ids=["frames", "requests"])
async def test_a_viewer_that_sends_too_much_at_once_is_cut_off(item: bytes) -> None:
    recorder = ScriptedRecorder()
    limits = replace(QUICK, max_items_per_read=8)
    async with relaying(recorder, limits) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        viewer.send(item * 9)
        assert await viewer.ended()
        assert b"RTSP/1.0 400 " in viewer.received
        await until(lambda: recorder.open_connections == 0)


@pytest.mark.parametrize("flood", [b"\r\n", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"], ids=["empty lines", "requests"])
async def test_what_is_taken_before_a_login_is_limited(flood: bytes) -> None:
    limits = replace(QUICK, max_login_bytes=1000, handshake_timeout=30.0)
    async with relaying(ScriptedRecorder(), limits) as server, RtspClient(server.port) as viewer:
        for _ in range(1001 // len(flood) + 1):
            viewer.send(flood)
            await asyncio.sleep(0.001)
        assert await viewer.ended()
        assert b"RTSP/1.0 400 " in viewer.received


async def test_after_the_login_a_viewer_may_send_any_number_of_bytes() -> None:
    limits = replace(QUICK, max_login_bytes=1000)
    async with relaying(ScriptedRecorder(), limits) as server, RtspClient(server.port) as viewer:
        await viewer.play()
        for _ in range(50):
            assert (await viewer.request("GET_PARAMETER", "/main")).status == 200


async def test_the_number_of_viewers_is_limited() -> None:
    recorder = ScriptedRecorder()
    limits = replace(QUICK, max_viewers=2, max_viewers_per_address=1)
    async with (
        relaying(recorder, limits) as server,
        RtspClient(server.port) as first,
        RtspClient(server.port) as same,
        RtspClient(server.port, local_address="127.0.0.2") as second,
        RtspClient(server.port, local_address="127.0.0.3") as third,
    ):
        assert (await first.play()).status == 200
        assert (await same.request("DESCRIBE", "/main")).status == 453
        assert (await second.play()).status == 200
        assert (await third.request("DESCRIBE", "/main")).status == 453
        await first.request("TEARDOWN", "/main")
        assert (await third.request("DESCRIBE", "/main")).status == 200
    assert len(recorder.connections) == 1


async def test_who_has_not_logged_in_is_limited_over_all_cameras() -> None:
    limits = replace(QUICK, max_strangers_per_address=2)
    async with (
        relaying(ScriptedRecorder(), limits) as one,
        relaying(ScriptedRecorder(), limits) as other,
        RtspClient(one.port) as first,
        RtspClient(other.port, local_address="127.0.0.2") as elsewhere,
    ):
        assert (await first.request("OPTIONS", "*")).status == 200
        assert (await elsewhere.request("OPTIONS", "*")).status == 200
        async with RtspClient(other.port) as second:
            assert (await second.request("OPTIONS", "*")).status == 200
            for server in (one, other):
                async with RtspClient(server.port) as refused:
                    assert await refused.ended()
            # Who logs in, or leaves, makes room for another.
            assert (await first.request("GET_PARAMETER", "/main")).status == 200
            async with RtspClient(one.port) as third:
                assert (await third.request("OPTIONS", "*")).status == 200
                async with RtspClient(one.port) as refused:
                    assert await refused.ended()
        assert one._camera is not None
        strangers = one._camera.common.strangers
        await until(lambda: strangers.number("127.0.0.1") == 0)
        async with RtspClient(one.port) as fourth:
            assert (await fourth.request("OPTIONS", "*")).status == 200
    await until(lambda: not strangers._by_address)


async def test_the_number_of_connections_is_limited() -> None:
    limits = replace(QUICK, max_connections=2, max_connections_per_address=1)
    async with (
        relaying(ScriptedRecorder(), limits) as server,
        RtspClient(server.port) as first,
        RtspClient(server.port, local_address="127.0.0.2") as second,
    ):
        assert (await first.request("OPTIONS", "*")).status == 200
        assert (await second.request("OPTIONS", "*")).status == 200
        for address in ("127.0.0.1", "127.0.0.3"):
            async with RtspClient(server.port, local_address=address) as refused:
                assert await refused.ended()
        assert (await first.request("OPTIONS", "*")).status == 200
