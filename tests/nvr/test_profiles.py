"""Profiles, channels, main and sub."""

from types import SimpleNamespace as Answer
from typing import Any

import pytest

from custom_components.onvif_proxy.model import AudioEncoding, VideoEncoding
from custom_components.onvif_proxy.nvr.profiles import (
    MAX_PROFILES,
    Profile,
    choose_streams,
    group_by_source,
    read_profiles,
    silent_profiles,
)


def encoder(codec: object = "H264", width: object = 1280, height: object = 720, **more: Any) -> Answer:
    """Make a VideoEncoderConfiguration, as zeep gives one."""
    return Answer(token="e", Encoding=codec, Resolution=Answer(Width=width, Height=height), **more)


def answered(token: object = "p", source: object = "s", video: object = None, audio: object = None) -> Answer:
    """Make a profile, as zeep gives one."""
    return Answer(
        token=token,
        Name="profile",
        VideoSourceConfiguration=None if source is None else Answer(SourceToken=source, Name="source"),
        VideoEncoderConfiguration=video,
        AudioEncoderConfiguration=audio,
    )


def told(token: str, codec: str | None = "H264", size: tuple[int, int] = (1280, 720), **more: Any) -> Profile:
    """Make a profile of which codec and size are known."""
    return Profile(token=token, source_token="s", codec=codec, width=size[0], height=size[1], **more)


def silent(token: str, encoder_token: str | None = None) -> Profile:
    """Make a profile of which nothing is known."""
    return Profile(token=token, source_token="s", encoder_token=encoder_token)


def test_a_profile_says_truly_what_its_encoder_does() -> None:
    """Every field of VideoEncoding and AudioEncoding."""
    video = encoder(
        "H264",
        1920,
        1080,
        Quality=4.0,
        RateControl=Answer(FrameRateLimit=12, BitrateLimit=3072),
        H264=Answer(GovLength=50, H264Profile="High"),
    )
    [profile] = read_profiles([answered(video=video, audio=Answer(Encoding="AAC", Bitrate=64, SampleRate=16))])

    assert profile.video == VideoEncoding(
        codec="H264",
        width=1920,
        height=1080,
        frame_rate=12,
        bit_rate=3072,
        gov_length=50,
        codec_profile="High",
        quality=4.0,
    )
    assert profile.audio == AudioEncoding(codec="AAC", bit_rate=64, sample_rate=16)


@pytest.mark.parametrize(
    ("said", "codec"),
    [
        ("H265", "H265"),
        ("hevc", "H265"),
        ("H.264", "H264"),
        ("JPEG", "JPEG"),
        ("MPEG4", "MPEG4"),
        ("VP9", None),
        ("", None),
        (None, None),
    ],
)
def test_codec_names(said: object, codec: str | None) -> None:
    """Media1 knows no H.265, recorders say it nevertheless."""
    [profile] = read_profiles([answered(video=encoder(said))])

    assert profile.codec == codec
    assert (profile.video is None) == (codec is None)


@pytest.mark.parametrize("number", [None, 0, -1, float("nan"), float("inf"), 10**12, "x", True, [1]])
def test_numbers_that_make_no_sense_are_unknown(number: object) -> None:
    """Axis writes 2147483647 for `no limit`."""
    rate = Answer(FrameRateLimit=number, BitrateLimit=2147483647)
    [profile] = read_profiles([answered(video=encoder("H264", number, 720, RateControl=rate, Quality=number))])

    assert (profile.width, profile.height, profile.frame_rate, profile.bit_rate, profile.quality) == (None,) * 5


def test_a_sample_rate_in_hertz_becomes_kilohertz() -> None:
    """ONVIF counts kHz."""
    [profile] = read_profiles([answered(audio=Answer(Encoding="G711", Bitrate=64, SampleRate=8000))])

    assert profile.audio == AudioEncoding(codec="G711", bit_rate=64, sample_rate=8)


def test_profiles_without_source_or_token_and_repeated_ones_are_left_out() -> None:
    """Metadata-only profiles have no source."""
    answers = [
        answered("a"),
        answered("b", None),
        answered(None),
        answered(""),
        answered("a", "t"),
        answered("x" * 999),
    ]

    assert [profile.token for profile in read_profiles([*answers, object()])] == ["a"]


@pytest.mark.parametrize("answer", [None, "text", {}, Answer()])
def test_an_answer_that_is_no_list_has_no_profiles(answer: object) -> None:
    """Zeep gives None for an empty one."""
    assert read_profiles(answer) == []


def test_the_number_of_profiles_is_limited() -> None:
    """A hostile recorder costs little."""
    assert len(read_profiles([answered(str(number)) for number in range(MAX_PROFILES + 9)])) == MAX_PROFILES


def test_tokens_are_opaque() -> None:
    """Uniview has slashes and colons; blanks belong to a token too."""
    profiles = read_profiles([answered("token:17/0/0/1/1/s0", " 00100")])

    assert list(group_by_source(profiles)) == [" 00100"]


def test_a_channel_is_a_distinct_source_wherever_its_profiles_stand() -> None:
    """Hikvision lists all mains, then all subs; a missing camera leaves a hole."""
    answers = [answered("P1", "S1"), answered("P4", "S4"), answered("P17", "S1"), answered("P20", "S4")]
    groups = group_by_source(read_profiles(answers))

    assert {source: [profile.token for profile in profiles] for source, profiles in groups.items()} == {
        "S1": ["P1", "P17"],
        "S4": ["P4", "P20"],
    }


@pytest.mark.parametrize(
    ("profiles", "main", "sub"),
    [
        ([told("a", size=(640, 360)), told("b", size=(1920, 1080))], "b", "a"),
        # The largest of those that are smaller.
        ([told("a", size=(1920, 1080)), told("b", size=(352, 288)), told("c", size=(1280, 720))], "a", "c"),
        # Nothing smaller: no sub.
        ([told("a"), told("b")], "a", None),
        ([told("a")], "a", None),
        ([], None, None),
        ([silent("a")], None, None),
        # Equal sizes: bit rate, then order; for sub H.264.
        ([told("a", bit_rate=1000), told("b", bit_rate=4000)], "b", None),
        ([told("a", size=(1920, 1080)), told("b", "H265"), told("c", "H264")], "a", "c"),
        # A large JPEG beside a video (Axis).
        ([told("a", "JPEG", (5120, 2560)), told("b", "H264", (1920, 960))], "b", None),
        ([told("a", "H265", (3840, 2160)), told("b", "JPEG", (640, 480)), told("c", "H264", (320, 240))], "a", "c"),
        ([told("a", "JPEG", (1280, 720)), told("b", "JPEG", (640, 360))], "a", "b"),
    ],
)
def test_main_is_the_largest_and_sub_the_next_smaller(
    profiles: list[Profile], main: str | None, sub: str | None
) -> None:
    """By what they are, not by what they are called."""
    chosen = choose_streams(profiles)

    assert tuple(profile.token if profile else None for profile in chosen) == (main, sub)


def test_only_what_is_needed_is_asked_elsewhere() -> None:
    """Hidden encoders always; profiles without one while two streams aren't known."""
    known, other, hidden, bare = told("a"), told("b"), silent("c", "e"), silent("d")

    assert silent_profiles([known, other, bare]) == []
    assert silent_profiles([known, other, hidden, bare]) == [hidden]
    assert silent_profiles([known, bare]) == [bare]
    assert silent_profiles([hidden, bare]) == [hidden, bare]


def test_a_description_tells_the_truth_on_codec_size_and_audio() -> None:
    """What only Media1 knows stays."""
    g711 = AudioEncoding(codec="G711", bit_rate=64, sample_rate=8)
    profile = Profile(token="p", source_token="s", encoder_token="e", bit_rate=4096, audio=g711)
    video = VideoEncoding(codec="H265", width=2560, height=1440, frame_rate=20)

    described = profile.with_description(video, AudioEncoding(codec="G711", sample_rate=8))

    assert described.video == VideoEncoding(codec="H265", width=2560, height=1440, frame_rate=20, bit_rate=4096)
    assert described.audio == g711
    assert profile.with_description(video, None).audio is None
    aac = AudioEncoding(codec="AAC", sample_rate=16)
    assert profile.with_description(video, aac).audio == aac
    assert profile.with_description(None, None) == profile


def test_an_encoder_that_is_asked_for_keeps_its_token() -> None:
    """Some answer with an empty one."""
    profile = silent("p", "e").with_encoder(Answer(Encoding="H264", Resolution=Answer(Width=640, Height=360)))

    assert profile.encoder_token == "e"
    assert profile.video == VideoEncoding(codec="H264", width=640, height=360)
