"""Which channel the source items of a message name."""

import pytest

from custom_components.onvif_proxy.nvr.profiles import Profile
from custom_components.onvif_proxy.nvr.sources import SourceMap


def profile(token: str, source: str, configuration: str | None = None, analytics: str | None = None) -> Profile:
    """Make a profile."""
    return Profile(
        token=token, source_token=source, source_configuration=configuration, analytics_configuration=analytics
    )


HIKVISION = SourceMap.of(
    profile(f"ProfileToken{n:03}", f"VideoSourceToken{n:03}", f"VideoSourceConfigurationToken{n:03}", f"Analytics{n}")
    for n in range(1, 4)
)
DAHUA = SourceMap.of(profile(f"MediaProfile{n:03}00", f"{n:03}00", f"{n:03}00", f"{n:03}00") for n in range(3))


@pytest.mark.parametrize(
    ("source", "channel"),
    [
        ([("Source", "VideoSourceToken002")], "VideoSourceToken002"),
        ([("VideoSourceToken", "VideoSourceToken002")], "VideoSourceToken002"),
        ([("source", "VideoSourceConfigurationToken002")], "VideoSourceToken002"),
        ([("VideoSourceConfigurationToken", "VideoSourceConfigurationToken003")], "VideoSourceToken003"),
        ([("Rule", "x"), ("VideoSourceConfigurationToken", "VideoSourceToken003")], "VideoSourceToken003"),
        ([("VideoAnalyticsConfigurationToken", "Analytics1"), ("Rule", "MyMotionDetectorRule")], "VideoSourceToken001"),
        ([("Source", "VideoSourceToken009")], None),
        ([("Rule", "VideoSourceToken001")], None),
        ([("InputToken", "VideoSourceToken001")], None),
        ([], None),
    ],
)
def test_hikvision(source: list[tuple[str, str]], channel: str | None) -> None:
    """Sources and their configurations have tokens of their own; what names neither is not guessed at."""
    assert HIKVISION.channel_of(source) == channel


def test_dahua() -> None:
    """Everything of a channel has the same token."""
    items = ("VideoSourceConfigurationToken", "VideoAnalyticsConfigurationToken", "Rule")

    assert DAHUA.channel_of([(name, "00100") for name in items]) == "00100"
    assert DAHUA.channel_of([("Source", "00000")]) == "00000"
    assert DAHUA.channel_of([("Rule", "00100")]) is None


def test_the_name_of_an_item_decides_between_two_meanings() -> None:
    """One channel's source can be called as another's configuration."""
    crossed = SourceMap.of([profile("p1", "1", "2"), profile("p2", "2", "1")])

    assert crossed.channel_of([("Source", "1")]) == "1"
    assert crossed.channel_of([("VideoSourceConfigurationToken", "1")]) == "2"


def test_a_configuration_of_several_channels_names_none() -> None:
    """Some recorders call them all alike."""
    alike = SourceMap.of([profile("p1", "a", "vsc"), profile("p2", "b", "vsc")])

    assert alike.channel_of([("VideoSourceConfigurationToken", "vsc")]) is None


def test_a_device_with_one_camera_need_not_name_it() -> None:
    """But what it names must be that one."""
    single = SourceMap.of([profile("p1", "a", "vsc"), profile("p2", "a", "vsc")])

    assert single.channel_of([]) == "a"
    assert single.channel_of([("Rule", "r")]) == "a"
    assert single.channel_of([("Source", "b")]) is None
    assert SourceMap().channel_of([("Source", "b")]) is None
