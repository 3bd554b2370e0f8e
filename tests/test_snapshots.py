"""A still image comes from the recorder, else from the stream, and is made once for all who ask."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
import io
import sys
from typing import Literal
from unittest.mock import patch

import av
from PIL import Image
import pytest

from custom_components.onvif_proxy.model import Channel, Snapshot
from custom_components.onvif_proxy.relay.key_frame import KeyFrame
from custom_components.onvif_proxy.responder import SnapshotUnavailable
from custom_components.onvif_proxy.snapshots import Decoder, Snapshots, decode_key_frame, has_snapshot
from tests.test_virtual_camera import CHANNEL

OWN = Snapshot(image=b"\xff\xd8recorder")
DECODED = Snapshot(image=b"\xff\xd8stream")
WITHOUT_OWN = replace(CHANNEL, snapshot_uri=None)


def with_codec(codec: str, channel: Channel = CHANNEL) -> Channel:
    main = replace(channel.main, video=replace(channel.main.video, codec=codec))
    return replace(channel, main=main)


class Rig:
    """A recorder, a relay and a clock that do as the test says."""

    def __init__(self, **limits: float) -> None:
        self.now = 100.0
        self.own: Snapshot | None = OWN
        self.key_frame: KeyFrame | None = KeyFrame("H264", b"frame")
        self.relay_error: OSError | None = None
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        """If there is one, the recorder answers when it is set."""
        self.snapshots = Snapshots(
            fetch=self.fetch, key_frame=self.fetch_key_frame, decode=self.decode, clock=lambda: self.now, **limits
        )

    async def fetch(self, channel: Channel) -> Snapshot:
        self.asked.append("recorder")
        if self.gate is not None:
            await self.gate.wait()
        if self.own is None:
            raise SnapshotUnavailable("the recorder is asleep")
        return self.own

    async def fetch_key_frame(self, timeout: float) -> KeyFrame | None:
        self.asked.append("stream")
        if self.relay_error is not None:
            raise self.relay_error
        return self.key_frame

    async def decode(self, key_frame: KeyFrame) -> bytes:
        return DECODED.image


class TestOrder:
    async def test_the_recorders_own_comes_first(self) -> None:
        rig = Rig()
        assert await rig.snapshots.get(CHANNEL) == OWN
        assert rig.asked == ["recorder"]

    async def test_a_recorder_that_has_none_is_not_asked(self) -> None:
        rig = Rig()
        assert await rig.snapshots.get(WITHOUT_OWN) == DECODED
        assert rig.asked == ["stream"]

    async def test_one_that_fails_is_left_alone_for_a_while(self) -> None:
        rig = Rig(recorder_rest=60.0)
        rig.own = None
        assert await rig.snapshots.get(CHANNEL) == DECODED
        rig.now += 59.0
        assert await rig.snapshots.get(CHANNEL) == DECODED
        rig.now += 1.0
        rig.own = OWN
        assert await rig.snapshots.get(CHANNEL) == OWN
        assert rig.asked == ["recorder", "stream", "stream", "recorder"]

    async def test_one_that_takes_too_long_fails(self) -> None:
        rig = Rig(recorder_timeout=0.01)
        rig.gate = asyncio.Event()
        assert await rig.snapshots.get(CHANNEL) == DECODED

    async def test_a_codec_that_cant_be_decoded_leaves_the_recorders_own(self) -> None:
        rig = Rig(recorder_timeout=0.01)
        rig.own = None
        for _ in range(2):
            with pytest.raises(SnapshotUnavailable, match="asleep"):
                await rig.snapshots.get(with_codec("MPEG4"))
        assert rig.asked == ["recorder", "recorder"]

    async def test_without_any_way_it_says_why(self) -> None:
        rig = Rig()
        rig.relay_error = OSError(5, "recorder refuses the connection")
        with pytest.raises(SnapshotUnavailable, match="recorder refuses the connection"):
            await rig.snapshots.get(WITHOUT_OWN)
        rig.relay_error, rig.key_frame = None, None
        with pytest.raises(SnapshotUnavailable, match="no key frame in time"):
            await rig.snapshots.get(WITHOUT_OWN)

    async def test_where_streams_are_not_read_it_is_the_recorders_or_none(self) -> None:
        rig = Rig(max_age=0.0)
        assert await rig.snapshots.get(CHANNEL, from_stream=False) == OWN
        rig.own = None
        with pytest.raises(SnapshotUnavailable, match="asleep"):
            await rig.snapshots.get(CHANNEL, from_stream=False)
        assert rig.asked == ["recorder", "recorder"]
        assert has_snapshot(CHANNEL, from_stream=False)
        assert not has_snapshot(WITHOUT_OWN, from_stream=False)

    @pytest.mark.parametrize(
        ("channel", "expected"),
        [
            (CHANNEL, True),
            (WITHOUT_OWN, True),
            (with_codec("H265", WITHOUT_OWN), True),
            (with_codec("JPEG"), True),
            (with_codec("JPEG", WITHOUT_OWN), False),
            (with_codec("MPEG4", WITHOUT_OWN), False),
        ],
    )
    def test_whether_there_is_a_way_is_known(self, channel: Channel, expected: bool) -> None:
        assert has_snapshot(channel) is expected


class TestManyAskers:
    async def test_all_who_ask_meanwhile_get_the_same(self) -> None:
        rig = Rig()
        rig.gate = asyncio.Event()
        asking = [asyncio.create_task(rig.snapshots.get(CHANNEL)) for _ in range(50)]
        await asyncio.sleep(0)
        rig.gate.set()
        assert await asyncio.gather(*asking) == [OWN] * 50
        assert rig.asked == ["recorder"]

    async def test_who_asks_a_moment_later_gets_the_same(self) -> None:
        rig = Rig(max_age=1.0)
        await rig.snapshots.get(CHANNEL)
        rig.now += 0.9
        await rig.snapshots.get(CHANNEL)
        assert rig.asked == ["recorder"]
        rig.now += 0.1
        await rig.snapshots.get(CHANNEL)
        assert rig.asked == ["recorder", "recorder"]

    async def test_who_goes_away_takes_it_from_nobody(self) -> None:
        rig = Rig()
        rig.gate = asyncio.Event()
        first, second = (asyncio.create_task(rig.snapshots.get(CHANNEL)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        rig.gate.set()
        assert await second == OWN

    async def test_a_failure_is_told_to_all_and_not_kept(self) -> None:
        rig = Rig()
        rig.own, rig.key_frame = None, None
        results = await asyncio.gather(*(rig.snapshots.get(CHANNEL) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [SnapshotUnavailable] * 3
        rig.key_frame = KeyFrame("H264", b"frame")
        assert await rig.snapshots.get(CHANNEL) == DECODED

    async def test_the_end_leaves_nobody_waiting(self) -> None:
        rig = Rig()
        rig.gate = asyncio.Event()
        asking = asyncio.create_task(rig.snapshots.get(CHANNEL))
        await asyncio.sleep(0)
        await rig.snapshots.close()
        with pytest.raises(SnapshotUnavailable, match="stops"):
            await asking
        await rig.snapshots.close()


def encode(codec: Literal["libx264", "libx265"], width: int, height: int, luma: int = 128) -> bytes:
    """Return a key frame of one colour."""
    encoder = av.VideoCodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuv420p", Fraction(1, 25)
    encoder.options = {"preset": "ultrafast"} | ({"x265-params": "log-level=none"} if codec == "libx265" else {})
    picture = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(picture.planes, (luma, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])


class TestDecoding:
    @pytest.mark.parametrize(("codec", "encoder"), [("H264", "libx264"), ("H265", "libx265")])
    def test_a_key_frame_becomes_a_jpeg_of_its_size(self, codec: str, encoder: Literal["libx264", "libx265"]) -> None:
        jpeg = decode_key_frame(KeyFrame(codec, encode(encoder, 1280, 720)))
        with Image.open(io.BytesIO(jpeg)) as image:
            assert (image.format, image.size) == ("JPEG", (1280, 720))

    @pytest.mark.parametrize(("luma", "brightness"), [(16, 0), (235, 255)])
    def test_black_is_black_and_white_is_white(self, luma: int, brightness: int) -> None:
        jpeg = decode_key_frame(KeyFrame("H264", encode("libx264", 64, 64, luma)))
        with Image.open(io.BytesIO(jpeg)) as image:
            pixel = image.convert("L").getpixel((32, 32))
            assert isinstance(pixel, int)
            assert abs(pixel - brightness) <= 3

    @pytest.mark.parametrize(
        "data", [b"", b"x" * 1000, b"\0\0\0\1\x67\x42\0\x1e", encode("libx264", 64, 64)[:40]], ids=len
    )
    def test_what_is_no_picture_is_refused(self, data: bytes) -> None:
        with pytest.raises(SnapshotUnavailable):
            decode_key_frame(KeyFrame("H264", data))

    def test_a_picture_that_is_too_large_is_refused(self) -> None:
        with pytest.raises(SnapshotUnavailable):
            decode_key_frame(KeyFrame("H264", encode("libx264", 640, 360)), max_pixels=640 * 350)

    def test_without_pyav_there_is_none(self) -> None:
        with patch.dict(sys.modules, {"av": None}), pytest.raises(SnapshotUnavailable, match="PyAV"):
            decode_key_frame(KeyFrame("H264", b""))

    async def test_only_some_are_decoded_at_once(self) -> None:
        running: list[KeyFrame] = []
        go_on = asyncio.Event()

        async def run(decode: Callable[[KeyFrame], bytes], key_frame: KeyFrame) -> bytes:
            assert decode is decode_key_frame
            running.append(key_frame)
            await go_on.wait()
            return b"\xff\xd8"

        decoder = Decoder(run, at_once=2)
        decoding = [asyncio.create_task(decoder.decode(KeyFrame("H264", b""))) for _ in range(5)]
        await asyncio.sleep(0)
        assert len(running) == 2
        go_on.set()
        assert await asyncio.gather(*decoding) == [b"\xff\xd8"] * 5
