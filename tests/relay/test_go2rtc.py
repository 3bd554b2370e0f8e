"""What go2rtc says to a camera, byte for byte as version 1.9.14 was heard to, and the relay's answers.

Home Assistant makes WebRTC of a camera by it. It logs in by digest without `qop` (RFC 2069), asks for the backchannel first,
and neither waits for the answer to PLAY nor for that to TEARDOWN.
"""

from hashlib import md5

import pytest

from custom_components.onvif_proxy.digest import parse_parameters
from custom_components.onvif_proxy.relay import CameraOptions
from custom_components.onvif_proxy.rtsp import RtspRequest, RtspResponse

from .conftest import relaying, until
from .rtsp_client import VIEWER, Reply, RtspClient
from .scripted_recorder import FIRST, SDP, Answer, Connection, ScriptedRecorder, ok

REQUIRE = "Require: www.onvif.org/ver20/backchannel"
DESCRIBE = ("Accept: application/sdp", "User-Agent: go2rtc/1.9.14")
KEEP_ALIVES = 3


def hash_of(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


class Go2rtc(RtspClient):
    """One of its connections."""

    challenge: dict[str, str] | None = None

    def say(self, method: str, path: str, *fields: str) -> None:
        """Send a request."""
        self.cseq += 1
        uri = self.uri(path)
        lines = [f"{method} {uri} RTSP/1.0", *fields, f"CSeq: {self.cseq}"]
        if self.challenge is not None:
            realm, nonce = self.challenge["realm"], self.challenge["nonce"]
            secret = hash_of(f"{VIEWER.username}:{realm}:{VIEWER.password}")
            response = hash_of(f"{secret}:{nonce}:{hash_of(f'{method}:{uri}')}")
            login = (
                f'username="{VIEWER.username}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"'
            )
            lines.append(f"Authorization: Digest {login}")
        if self.session is not None:
            lines.append(f"Session: {self.session}")
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def describe(self, *fields: str) -> Reply:
        """Ask, and log in by the first challenge."""
        self.say("DESCRIBE", "/main", *fields, *DESCRIBE)
        reply = await self.reply()
        assert reply.status == 401
        self.challenge = parse_parameters(reply.get("WWW-Authenticate") or "")[1]
        self.say("DESCRIBE", "/main", *fields, *DESCRIBE)
        return await self.reply()

    async def set_up(self, track: int) -> None:
        """Set a track up at the channels of its place."""
        transport = f"RTP/AVP/TCP;unicast;interleaved={2 * track - 2}-{2 * track - 1}"
        self.say("SETUP", f"/main/trackID={track}", f"Transport: {transport}")
        reply = await self.reply()
        assert reply.status == 200
        assert f"interleaved={2 * track - 2}-" in (reply.get("Transport") or "")
        self.session, _, timeout = (reply.get("Session") or "").partition(";timeout=")
        assert timeout == "5"


def without_backchannel(request: RtspRequest, connection: Connection) -> Answer:
    """Describe the stream, but refuse what isn't known."""
    if "Require" in request.headers:
        return RtspResponse(551)
    return ok(("Content-Base", request.uri + "/"), ("Content-Type", "application/sdp"), body=SDP)


async def test_it_plays_after_the_camera_has_no_backchannel_keeps_its_session_and_leaves() -> None:
    recorder = ScriptedRecorder(DESCRIBE=without_backchannel)
    async with relaying(recorder, options=CameraOptions()) as server:
        async with Go2rtc(server.port) as first:
            assert (await first.describe(REQUIRE)).status == 551
        async with Go2rtc(server.port) as viewer:
            described = await viewer.describe()
            assert described.status == 200
            assert described.get("Content-Base") == viewer.uri("/main/")
            assert b"a=control:trackID=1\r\n" in described.body
            await viewer.set_up(1)
            await viewer.set_up(2)
            viewer.say("PLAY", "/main/")
            for _ in range(KEEP_ALIVES):
                viewer.say("OPTIONS", "/main/")
            for _ in range(1 + KEEP_ALIVES):
                assert (await viewer.reply()).status == 200
            assert (0, FIRST[12:]) in [(channel, packet[12:]) for channel, packet in viewer.frames]
            assert server.viewers == 1
            viewer.say("TEARDOWN", "/main/")
        await until(lambda: server.viewers == 0)
        assert recorder.methods.count("PLAY") == 1


@pytest.mark.parametrize("required", [True, False])
async def test_the_backchannel_is_offered_to_whom_it_is_asked_for(required: bool) -> None:
    async with relaying(ScriptedRecorder()) as server, Go2rtc(server.port) as viewer:
        described = await viewer.describe(*([REQUIRE] if required else []))
        assert described.status == 200
        assert (b"a=sendonly" in described.body) is required
