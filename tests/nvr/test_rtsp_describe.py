"""Asking a stream what it is."""

import asyncio

import pytest

from custom_components.onvif_proxy.model import AudioEncoding, Credentials, VideoEncoding
from custom_components.onvif_proxy.nvr.errors import RecorderError, RecorderRefused, Unreachable, WrongCredentials
from custom_components.onvif_proxy.nvr.rtsp_describe import describe, read_description
from custom_components.onvif_proxy.sdp import parse_sdp

from .conftest import CREDENTIALS
from .rtsp_server import RtspServer, answer, sdp


def test_the_first_video_and_the_first_audio_towards_us_count() -> None:
    """ONVIF's back channel is `sendonly`, and comes first at some."""
    text = (
        "v=0\r\nm=audio 0 RTP/AVP 0\r\na=sendonly\r\nm=application 0 RTP/AVP 107\r\n"
        + sdp(audio="MPEG4-GENERIC/16000/1").partition("a=control:*\r\n")[2]
        + "m=video 0 RTP/AVP 26\r\n"
    )
    description = read_description(parse_sdp(text.encode()))

    assert description.video == VideoEncoding(codec="H264", width=704, height=576, frame_rate=12.5)
    assert description.audio == AudioEncoding(codec="AAC", sample_rate=16)


@pytest.mark.parametrize("text", [sdp(size=None), sdp(codec="VP9"), sdp(codec="")])
def test_a_stream_whose_codec_or_size_is_not_told_is_undescribed(text: str) -> None:
    """A channel must be true or not there."""
    assert read_description(parse_sdp(text.encode())).video is None


def test_unknown_audio_is_none() -> None:
    """And no audio is none."""
    assert read_description(parse_sdp(sdp(audio="OPUS/48000").encode())).audio is None
    assert read_description(parse_sdp(sdp(audio="").encode())).audio is None


async def test_a_digest_is_given_when_it_is_wanted() -> None:
    """Once."""
    async with RtspServer({"/a?b=c": answer(200, sdp())}, CREDENTIALS) as server:
        description = await describe(server.uri("/a?b=c"), CREDENTIALS)

        assert description.video is not None
        assert server.refused == 1


@pytest.mark.parametrize("closes", [False, True])
async def test_the_answer_to_a_challenge_goes_where_the_challenge_came_from(closes: bool) -> None:
    """Many servers know their challenge on its connection only; some close that one."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                known = b"Authorization: Digest" in request
                writer.write(
                    answer(200, sdp()) if known else answer(401, "", 'WWW-Authenticate: Digest realm="r", nonce="n"')
                )
                await writer.drain()
                if closes:
                    break
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await describe(f"rtsp://127.0.0.1:{port}/a", CREDENTIALS)).video is not None
    assert connections == (2 if closes else 1)


async def test_basic_is_given_when_nothing_else_is_offered() -> None:
    """Some recorders have only that."""
    requests = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        requests.append(request)
        known = "Authorization: Basic YWRtaW46UmVjb3JkZXIxMjM=" in request
        writer.write(answer(200, sdp()) if known else answer(401, "", 'WWW-Authenticate: Basic realm="r"'))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await describe(f"rtsp://127.0.0.1:{port}/a", CREDENTIALS)).video is not None
    assert "Authorization" not in requests[0]


async def test_a_wrong_password_is_sent_once() -> None:
    """Two requests: without it, with it."""
    async with RtspServer({"/a": answer(200, sdp())}, CREDENTIALS) as server:
        with pytest.raises(WrongCredentials):
            await describe(server.uri("/a"), Credentials(username="admin", password="wrong"))

        assert server.refused == 2
        assert server.described == []


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (answer(404), RecorderRefused),
        (answer(453), RecorderRefused),
        (answer(403), WrongCredentials),
        (answer(302, "", "Location: rtsp://192.0.2.1/a"), RecorderRefused),
        (answer(200, "nonsense"), RecorderRefused),
        (answer(200), RecorderRefused),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", RecorderRefused),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n", RecorderRefused),
        (b"\0" * 100_000, RecorderRefused),
        (b"RTSP/1.0 100 Continue\r\n\r\n" * 50, RecorderRefused),
    ],
)
async def test_refusals_and_nonsense(raw: bytes, kind: type[RecorderError]) -> None:
    """Each has its error; a redirect is not followed."""
    async with RtspServer({"/a": raw}) as server:
        with pytest.raises(RecorderError) as caught:
            await describe(server.uri("/a"), CREDENTIALS)

    assert type(caught.value) is kind


async def test_media_before_the_answer_is_skipped() -> None:
    """Interleaved frames and an interim response."""
    noise = b"$\0\0\x03abc" + b"RTSP/1.0 100 Continue\r\n\r\n"
    async with RtspServer({"/a": noise + answer(200, sdp())}) as server:
        assert (await describe(server.uri("/a"), CREDENTIALS)).video is not None


async def test_a_server_that_hangs_or_closes_or_is_not_there() -> None:
    """All are unreachable."""
    done = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    for behaviour in (hang, close):
        async with await asyncio.start_server(behaviour, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(Unreachable):
                await describe(f"rtsp://127.0.0.1:{port}/a", CREDENTIALS, timeout=0.1)
            done.set()
    with pytest.raises(Unreachable):
        await describe("rtsp://127.0.0.1:1/a", CREDENTIALS)


@pytest.mark.parametrize("uri", ["", "http://127.0.0.1/a", "rtsp://127.0.0.1/a\r\nX: y"])
async def test_what_is_no_rtsp_address(uri: str) -> None:
    """Nothing is sent."""
    with pytest.raises(RecorderRefused):
        await describe(uri, CREDENTIALS)
