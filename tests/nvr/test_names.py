"""Which names were meant for people."""

import pytest

from custom_components.onvif_proxy.nvr.names import MAX_NAME_LENGTH, channel_names, clean_name, human_name


@pytest.mark.parametrize(
    "name",
    [
        # Dahua
        "MediaProfile_Channel7_SubStream1",
        "MediaProfile_Channel1_MainStream",
        "VideoSourceConfig_Channel1",
        # Hikvision
        "mainStream",
        "subStream2",
        "VideoSourceConfig",
        "VideoEncoder_1",
        # Reolink
        "Profile000_MainStream",
        "VideoS_000",
        # Uniview
        "media_profile1",
        "video_source_config1",
        "channel3_s1",
        # XMeye, Axis, others
        "Profile_000",
        "profile_1 h264",
        "default_1 jpeg",
        "user0",
        "profile_0_main",
        "VideoSourceToken001",
        "Camera 01",
        "IPCamera 01",
        "IPC",
        "D1",
        "12",
        "-",
        "",
        None,
        7,
    ],
)
def test_what_firmware_makes_is_no_name(name: object) -> None:
    """Nobody wants cameras called like that."""
    assert human_name(name) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Front door", "Front door"),
        ("  Front\tdoor\n", "Front door"),
        ("Garage_MainStream", "Garage"),
        ("Garage sub stream 1", "Garage"),
        ("Main entrance", "Main entrance"),
        ("Einfahrt Süd", "Einfahrt Süd"),
        ("Camera Garage 2", "Camera Garage 2"),
        ("大门", "大门"),
        ("Cổng chính", "Cổng chính"),
        ("Submarine dock", "Submarine dock"),
    ],
)
def test_what_people_typed_is_a_name(name: str, expected: str) -> None:
    """Without what firmware added to it."""
    assert human_name(name) == expected


def test_names_are_one_printable_line_of_bounded_length() -> None:
    """Whatever a hostile recorder sends."""
    assert clean_name("a\x00b\x1b[31mc\u202ed") == "a b [31mc d"
    assert len(clean_name("x" * 10_000)) == MAX_NAME_LENGTH


def test_each_channel_takes_its_first_human_name() -> None:
    """Others keep none, for the caller to make one."""
    candidates = {"1": ["VideoSource", "Yard_MainStream"], "2": ["VideoSource", "mainStream"], "3": ["Gate", "Door"]}

    assert channel_names(candidates) == {"1": "Yard", "2": "", "3": "Gate"}


def test_a_name_that_all_channels_share_is_the_recorders() -> None:
    """It would not tell them apart; a single channel keeps it."""
    assert channel_names({"1": ["Shop"], "2": ["Shop"]}) == {"1": "", "2": ""}
    assert channel_names({"1": ["Shop"]}) == {"1": "Shop"}
    assert channel_names({"1": ["Shop"], "2": ["Shop"], "3": ["Yard"]}) == {"1": "Shop", "2": "Shop", "3": "Yard"}
