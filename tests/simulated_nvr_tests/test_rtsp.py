"""RTSP as players and strict clients see it."""

import asyncio
import socket
import struct

import av
import pytest

from tests.simulated_nvr import SimulatedRecorder
from tests.simulated_nvr.vendors import VENDORS

from .clients import RawRtsp, play, session_id, video_control
from .conftest import Recorders


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("vendor", VENDORS)
async def test_ffmpeg_plays_pictures_and_sound_of_every_vendor(start_recorder: Recorders, vendor, transport) -> None:
    recorder = await start_recorder(vendor=vendor, channels=2, codecs={2: "H265"})
    sound = {"PCMU": "pcm_mulaw", "PCMA": "pcm_alaw"}[recorder.channels.vendor.g711_law]
    main, h265, sub = await asyncio.gather(
        play(recorder, 1, transport=transport),
        play(recorder, 2, transport=transport),
        play(recorder, 1, 1, transport=transport),
    )
    assert (main.video_codec, main.audio_codec, main.size) == ("h264", sound, (320, 180))
    assert (h265.video_codec, h265.size) == ("hevc", (320, 180))
    assert sub.size == (160, 90)
    assert min(main.frames, h265.frames, sub.frames) >= 10
    assert min(main.audio_samples, h265.audio_samples, sub.audio_samples) > 0


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_ffmpeg_hears_aac(start_recorder: Recorders, transport) -> None:
    recorder = await start_recorder(audio="AAC")
    played = await play(recorder, 1, transport=transport)
    assert played.audio_codec == "aac"
    assert played.audio_samples >= 1024


async def test_a_recorder_without_sound_has_one_track(start_recorder: Recorders) -> None:
    recorder = await start_recorder(audio=None)
    assert (await play(recorder, 1)).audio_codec is None


async def test_the_picture_is_the_channels_own(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=2)

    def colour(uri: str) -> tuple[int, int]:
        with av.open(uri, options={"rtsp_transport": "tcp", "analyzeduration": "100000"}, timeout=10) as container:
            frame = next(container.decode(video=0))
            return tuple(
                int(plane[2:20].mean()) for plane in frame.to_ndarray(format="yuv420p")[180:].reshape(2, 90, 160)
            )

    login = f"rtsp://{recorder.options.username}:{recorder.options.password}@"
    one, two = [
        await asyncio.to_thread(colour, recorder.stream_uri(number).replace("rtsp://", login)) for number in (1, 2)
    ]
    assert one != two


async def test_a_wrong_password_is_refused(recorder: SimulatedRecorder) -> None:
    with pytest.raises(av.error.HTTPUnauthorizedError):
        await play(recorder, 1, password="wrong")
    assert recorder.authentication_failures["rtsp"] >= 1
    assert recorder.rtsp_sessions == 0


async def test_every_request_but_options_wants_a_digest(recorder: SimulatedRecorder) -> None:
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as client:
        options = await client.once("OPTIONS", uri)
        assert options.status == 200
        assert "GET_PARAMETER" in options.headers["public"]
        for method in ("DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER", "RECORD"):
            answer = await client.once(method, uri)
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Digest realm=")
    assert recorder.authentication_failures.total() == 0


async def test_a_digest_is_good_for_its_uri_only(recorder: SimulatedRecorder) -> None:
    async with RawRtsp.connect(recorder) as client:
        assert (await client.request("DESCRIBE", recorder.stream_uri(1))).status == 200
        client._digest = lambda method, uri, sign=client._digest: sign(method, recorder.stream_uri(1))  # type: ignore[method-assign] # a cheat
        assert (await client.once("DESCRIBE", recorder.stream_uri(2))).status == 401


@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_old_nonce_is_called_stale(start_recorder: Recorders, vendor) -> None:
    recorder = await start_recorder(vendor=vendor, nonce_lifetime=0.2)
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as client:
        assert (await client.request("DESCRIBE", uri)).status == 200
        await asyncio.sleep(0.25)
        late = await client.once("DESCRIBE", uri)
        assert (late.status, "stale=true" in late.headers["www-authenticate"]) == (401, True)
        assert (await client.request("DESCRIBE", uri)).status == 200
    assert recorder.authentication_failures.total() == 0


@pytest.mark.parametrize(
    ("vendor", "control"),
    [
        ("hikvision", "rtsp://127.0.0.1:{port}/Streaming/Channels/101/trackID=1"),
        ("dahua", "trackID=0"),
        ("reolink", "track1"),
        ("uniview", "streamid=0"),
    ],
)
async def test_the_description_is_in_the_vendors_style(start_recorder: Recorders, vendor, control) -> None:
    recorder = await start_recorder(vendor=vendor, channels=1)
    async with RawRtsp.connect(recorder) as client:
        answer = await client.request("DESCRIBE", recorder.stream_uri(1), Accept="application/sdp")
    text = answer.body.decode()
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.headers["content-base"].endswith("/")
    assert f"a=control:{control.format(port=recorder.rtsp_port)}\r\n" in text
    assert "a=framerate:15" in text
    assert "packetization-mode=1;profile-level-id=4D" in text
    assert "sprop-parameter-sets=" in text


async def test_h265_is_described_with_its_three_parameter_sets(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=1, codecs={1: "H265"})
    async with RawRtsp.connect(recorder) as client:
        text = (await client.request("DESCRIBE", recorder.stream_uri(1))).body.decode()
    assert "H265/90000" in text
    assert all(f"sprop-{name}=" in text for name in ("vps", "sps", "pps"))


@pytest.mark.parametrize(
    "path", ["/", "/Streaming/Channels/901", "/Streaming/Channels/103", "/cam/realmonitor?channel=1"]
)
async def test_unknown_streams_are_not_found(recorder: SimulatedRecorder, path) -> None:
    async with RawRtsp.connect(recorder) as client:
        answer = await client.request("DESCRIBE", f"rtsp://127.0.0.1:{recorder.rtsp_port}{path}")
    assert answer.status == 404


async def test_rtp_info_announces_the_first_packet(recorder: SimulatedRecorder) -> None:
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as client:
        session = session_id(await client.set_up(uri, "RTP/AVP/TCP;unicast;interleaved=6-7"))
        played = await client.request("PLAY", uri, Session=session)
        info = dict(part.split("=", 1) for part in played.headers["rtp-info"].split(";"))
        await client.media(2)
    (report_channel, report), (channel, packet) = client.interleaved
    assert (report_channel, report[1]) == (7, 200)
    assert channel == 6
    _, kind, sequence, timestamp, ssrc = struct.unpack("!BBHII", packet[:12])
    assert (kind & 0x7F, sequence, timestamp) == (96, int(info["seq"]), int(info["rtptime"]))
    # The report's clocks are those of the packet.
    assert struct.unpack("!I", report[4:8])[0] == ssrc
    assert struct.unpack("!I", report[16:20])[0] == timestamp
    # A stream begins with the parameter sets of a key frame.
    assert packet[12] & 0x1F == 7


async def test_sequence_numbers_have_no_holes(recorder: SimulatedRecorder) -> None:
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as client:
        await client.request("PLAY", uri, Session=session_id(await client.set_up(uri)))
        await client.media(40)
    packets = [packet for channel, packet in client.interleaved if channel == 0]
    sequences = [struct.unpack("!H", packet[2:4])[0] for packet in packets]
    assert sequences == [(sequences[0] + number) & 0xFFFF for number in range(len(sequences))]


async def test_udp_packets_come_from_the_announced_port(recorder: SimulatedRecorder) -> None:
    uri = recorder.stream_uri(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        port = receiver.getsockname()[1]
        async with RawRtsp.connect(recorder) as client:
            answer = await client.set_up(uri, f"RTP/AVP;unicast;client_port={port}-{port + 1}")
            await client.request("PLAY", uri, Session=session_id(answer))
            async with asyncio.timeout(5):
                data, address = await asyncio.get_running_loop().sock_recvfrom(receiver, 2000)
    assert f"server_port={address[1]}-{address[1] + 1}" in answer.headers["transport"]
    assert address[1] % 2 == 0
    assert data[1] & 0x7F == 96


async def test_the_first_transport_that_it_has_is_taken(recorder: SimulatedRecorder) -> None:
    async with RawRtsp.connect(recorder) as client:
        answer = await client.set_up(
            recorder.stream_uri(1), "RTP/AVP;multicast,RTP/SAVP;unicast,RTP/AVP/TCP;unicast;interleaved=2-3"
        )
    assert answer.headers["transport"].startswith("RTP/AVP/TCP;unicast;interleaved=2-3")


@pytest.mark.parametrize(
    "transport", ["RTP/AVP;multicast", "RTP/SAVP;unicast;client_port=4000-4001", "RTP/AVP;unicast", ""]
)
async def test_other_transports_are_refused(recorder: SimulatedRecorder, transport) -> None:
    async with RawRtsp.connect(recorder) as client:
        assert (await client.set_up(recorder.stream_uri(1), transport)).status == 461
    assert recorder.rtsp_sessions == 0


async def test_one_session_too_many_is_refused_until_one_ends(start_recorder: Recorders) -> None:
    recorder = await start_recorder(max_rtsp_sessions=2)
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as one, RawRtsp.connect(recorder) as two, RawRtsp.connect(recorder) as three:
        session = session_id(await one.set_up(uri))
        assert (await two.set_up(uri)).status == 200
        assert (await three.set_up(uri)).status == 453
        assert (await one.request("TEARDOWN", uri, Session=session)).status == 200
        assert (await three.set_up(uri)).status == 200
        assert (recorder.rtsp_sessions, recorder.rtsp_sessions_peak) == (2, 2)


async def test_a_closed_connection_ends_its_session(recorder: SimulatedRecorder) -> None:
    async with RawRtsp.connect(recorder) as client:
        await client.set_up(recorder.stream_uri(1))
        assert recorder.rtsp_sessions == 1
    async with asyncio.timeout(5):
        while recorder.rtsp_sessions:
            await asyncio.sleep(0.01)


async def test_both_tracks_share_a_session(recorder: SimulatedRecorder) -> None:
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as client:
        first = await client.set_up(uri)
        audio = video_control(await client.request("DESCRIBE", uri)).replace("trackID=1", "trackID=2")
        transport = "RTP/AVP/TCP;unicast;interleaved=2-3"
        second = await client.request("SETUP", audio, Transport=transport, Session=session_id(first))
        assert session_id(second) == session_id(first)
        assert (await client.request("SETUP", audio, Transport=transport, Session=session_id(first))).status == 455
        await client.request("PLAY", uri, Session=session_id(first))
        await client.media(40)
    assert {channel for channel, _ in client.interleaved} == {0, 1, 2, 3}
    assert {packet[1] & 0x7F for channel, packet in client.interleaved if channel == 2} == {0}
    assert recorder.rtsp_sessions_peak == 1


async def test_who_requires_it_can_talk_to_a_camera_with_a_loudspeaker(start_recorder: Recorders) -> None:
    recorder = await start_recorder(channels=2, loudspeakers=(1,))
    required = "www.onvif.org/ver20/backchannel"
    sound = bytes((0x80, 0)) + bytes(10) + b"hello"
    async with RawRtsp.connect(recorder) as client:
        uri = recorder.stream_uri(1)
        assert b"a=sendonly" not in (await client.request("DESCRIBE", uri)).body
        described = await client.request("DESCRIBE", uri, Require=required)
        assert described.body.endswith(b"a=sendonly\r\n")
        control = video_control(described).replace("trackID=1", "trackID=3")
        udp = await client.request("SETUP", control, Transport="RTP/AVP;unicast;client_port=5000-5001")
        assert udp.status == 461
        set_up = await client.request("SETUP", control, Transport="RTP/AVP/TCP;unicast;interleaved=4-5")
        client.writer.write(b"$\x04" + len(sound).to_bytes(2) + sound)
        assert (await client.request("PLAY", uri, Session=session_id(set_up))).status == 200
        assert recorder.heard(1) == []
        client.writer.write(b"$\x04" + len(sound).to_bytes(2) + sound)
        assert (await client.request("GET_PARAMETER", uri, Session=session_id(set_up))).status == 200
        assert recorder.heard(1) == [sound]
        other = await client.request("DESCRIBE", recorder.stream_uri(2), Require=required)
        assert b"a=sendonly" not in other.body


async def test_setup_needs_a_track(recorder: SimulatedRecorder) -> None:
    async with RawRtsp.connect(recorder) as client:
        answer = await client.request("SETUP", recorder.stream_uri(1), Transport="RTP/AVP/TCP;interleaved=0-1")
    assert answer.status == 459


@pytest.mark.parametrize("method", ["PLAY", "PAUSE", "TEARDOWN"])
async def test_a_session_belongs_to_its_connection(recorder: SimulatedRecorder, method) -> None:
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as one, RawRtsp.connect(recorder) as two:
        session = session_id(await one.set_up(uri))
        assert (await two.request(method, uri, Session=session)).status == 454
        assert (await two.request(method, uri)).status == 454
        assert (await two.request("GET_PARAMETER", uri, Session="other")).status == 454


async def test_pause_stops_the_packets_and_play_goes_on_in_sequence(recorder: SimulatedRecorder) -> None:
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as client:
        session = session_id(await client.set_up(uri))
        await client.request("PLAY", uri, Session=session)
        await client.media(5)
        assert (await client.request("PAUSE", uri, Session=session)).status == 200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.media(1)
        seen = [packet for channel, packet in client.interleaved if channel == 0]
        await client.request("PLAY", uri, Session=session)
        await client.media(2)
    following = [packet for channel, packet in client.interleaved if channel == 0][len(seen)]
    last, first = (struct.unpack("!H", packet[2:4])[0] for packet in (seen[-1], following))
    assert first == (last + 1) & 0xFFFF


async def test_a_session_without_keepalive_expires(start_recorder: Recorders) -> None:
    recorder = await start_recorder(rtsp_session_timeout=1.0)
    uri = recorder.stream_uri(1)
    async with RawRtsp.connect(recorder) as kept, RawRtsp.connect(recorder) as left:
        setups = [await client.set_up(uri) for client in (kept, left)]
        assert setups[0].headers["session"].endswith(";timeout=1")
        for number in range(4):
            await asyncio.sleep(0.35)
            assert (await kept.request("GET_PARAMETER", uri, Session=session_id(setups[0]))).status == 200
            if number == 0:
                # A receiver report is no request.
                left.writer.write(b"$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x01")
        assert recorder.rtsp_sessions == 1
        assert await left.reader.read() == b""


async def test_a_reader_that_does_not_read_costs_no_memory(start_recorder: Recorders, monkeypatch) -> None:
    monkeypatch.setattr("tests.simulated_nvr.rtsp_session.MAX_BUFFERED", 0)
    recorder = await start_recorder()
    uri = recorder.stream_uri(1)
    reader_limit = 1 << 10
    async with RawRtsp.connect(recorder) as client:
        client.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, reader_limit)
        session = session_id(await client.set_up(uri))
        [server_side] = recorder._rtsp._connections.values()
        server_side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, reader_limit)
        await client.request("PLAY", uri, Session=session)
        client.writer.transport.pause_reading()
        async with asyncio.timeout(10):
            while recorder.rtsp_frames_dropped < 10:
                await asyncio.sleep(0.05)
        assert server_side.transport.get_write_buffer_size() < 100_000


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff\xfe\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"DESCRIBE rtsp://x RTSP/1.0\r\nno colon\r\n\r\n",
        b"DESCRIBE rtsp://x RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n",
        b"x" * 100_000,
    ],
)
async def test_nonsense_ends_its_own_connection_only(recorder: SimulatedRecorder, nonsense) -> None:
    async with RawRtsp.connect(recorder) as good, RawRtsp.connect(recorder) as bad:
        bad.writer.write(nonsense)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await bad.answer()
        assert (await good.request("DESCRIBE", recorder.stream_uri(1))).status == 200
