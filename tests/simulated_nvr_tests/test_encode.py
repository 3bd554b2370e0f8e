"""Pictures move, decode, and are encoded once."""

import av
import numpy as np
import pytest

from tests.simulated_nvr import StreamOptions, encode
from tests.simulated_nvr.encode import EncodingAborted, encoded_audio, encoded_still, encoded_video
from tests.simulated_nvr.pictures import LOOP_SECONDS, loop_frames

TINY = StreamOptions(width=160, height=90, frame_rate=5)


def _never() -> bool:
    return False


def test_the_clock_advances_each_second_and_the_bar_each_frame() -> None:
    frames = list(loop_frames(3, 320, 180, 5))
    assert len(frames) == 5 * LOOP_SECONDS
    clock = [frame[144:170] for frame in frames]
    for second in range(LOOP_SECONDS - 1):
        first = second * 5
        assert np.array_equal(clock[first], clock[first + 4])
        assert not np.array_equal(clock[first], clock[first + 5])
    bars = [frame[20].tobytes() for frame in frames]
    assert len(set(bars)) == len(bars)


def test_channels_look_different() -> None:
    assert not np.array_equal(next(loop_frames(1, 320, 180, 5)), next(loop_frames(2, 320, 180, 5)))


@pytest.mark.parametrize("seconds", [1, 5])
@pytest.mark.parametrize(("codec", "decoder"), [("H264", "h264"), ("H265", "hevc")])
def test_a_loop_decodes_with_a_key_frame_every_so_many_seconds(codec, decoder, seconds, tmp_path) -> None:
    options = StreamOptions(codec=codec, width=160, height=90, frame_rate=5, key_seconds=seconds)
    video = encoded_video(1, options, tmp_path, _never)
    context = av.CodecContext.create(decoder, "r")
    pictures = []
    for unit in video.access_units:
        packet = av.Packet(b"".join(b"\x00\x00\x00\x01" + nal for nal in unit))
        pictures += context.decode(packet)
    pictures += context.decode(None)
    assert [picture.key_frame for picture in pictures] == [
        number % (5 * seconds) == 0 for number in range(5 * LOOP_SECONDS)
    ]
    assert {(picture.width, picture.height) for picture in pictures} == {(160, 90)}
    assert len(video.parameter_sets) == (2 if codec == "H264" else 3)


def test_the_next_run_finds_the_pictures_on_disk(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(encode, "_videos", {})
    first = encoded_video(1, TINY, tmp_path, _never)
    monkeypatch.setattr(encode, "_videos", {})
    monkeypatch.setattr(encode, "encode_annex_b", None)
    assert encoded_video(1, TINY, tmp_path, _never) == first


def test_a_cut_off_file_is_encoded_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(encode, "_videos", {})
    first = encoded_video(1, TINY, tmp_path, _never)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(encode, "_videos", {})
    assert encoded_video(1, TINY, tmp_path, _never) == first
    assert path.stat().st_size > 1000


def test_a_folder_that_cannot_be_written_costs_only_the_keeping(tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(encode, "_videos", {})
    (tmp_path / "file").write_text("")
    assert encoded_video(1, TINY, tmp_path / "file", _never).access_units
    assert "not kept" in caplog.text


def test_encoding_can_be_aborted(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(encode, "_videos", {})
    with pytest.raises(EncodingAborted):
        encoded_video(1, TINY, tmp_path, lambda: True)
    assert not list(tmp_path.iterdir())


def test_sound_is_there_in_three_encodings() -> None:
    assert [len(frame) for frame in encoded_audio(1, "PCMU").frames] == [320] * 250
    assert encoded_audio(1, "PCMU").frames != encoded_audio(1, "PCMA").frames
    aac = encoded_audio(1, "AAC")
    assert len(aac.frames) == 156
    # AudioSpecificConfig: AAC LC, index 8 (16 kHz), one channel.
    assert aac.config[:2] == bytes([(2 << 3) | (8 >> 1), ((8 & 1) << 7) | (1 << 3)])


def test_stills_follow_the_clock() -> None:
    assert encoded_still(1, 160, 90, 1) != encoded_still(1, 160, 90, 2)


@pytest.mark.parametrize("wrong", [{"codec": "VP9"}, {"width": 161}, {"height": 10}, {"frame_rate": 0}])
def test_impossible_streams_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"codec|picture|frame rate"):
        StreamOptions(**wrong)
