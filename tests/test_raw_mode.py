"""What is offered raw: the recorder's own paths, and never one that lets in."""

from dataclasses import replace

import pytest

from custom_components.onvif_proxy.model import Channel, Credentials, Stream, StreamRole, VideoEncoding
from custom_components.onvif_proxy.raw_mode import raw_offer

ACCOUNT = Credentials(username="admin", password="Tür/5 auf+zu%")
HIKVISION = "rtsp://192.0.2.2:554/Streaming/Channels/101?transportmode=unicast&profile=Profile_1"


def stream(uri: str, role: StreamRole = StreamRole.MAIN) -> Stream:
    return Stream(role=role, profile_token="P", uri=uri, video=VideoEncoding(codec="H264", width=640, height=360))


def channel(main: str, sub: str | None = None) -> Channel:
    return Channel(token="V1", name="Door", main=stream(main), sub=None if sub is None else stream(sub, StreamRole.SUB))


@pytest.mark.parametrize(
    ("main", "path"),
    [
        (HIKVISION, "/Streaming/Channels/101?transportmode=unicast&profile=Profile_1"),
        ("rtsp://192.0.2.2:554/cam/realmonitor?channel=1&subtype=0", "/cam/realmonitor?channel=1&subtype=0"),
        ("rtsp://192.0.2.2:554/user=admin_password=_channel=1_stream=0.sdp", None),
        ("rtsp://192.0.2.2:554/h264Preview_01_main", "/h264Preview_01_main"),
        ("rtsp://192.0.2.2:554", ""),
    ],
)
def test_paths_are_the_recorders(main: str, path: str | None) -> None:
    offer = raw_offer(channel(main), ACCOUNT)
    assert offer is not None
    assert offer.paths == {StreamRole.MAIN: main.partition(":554")[2] if path is None else path}


@pytest.mark.parametrize(
    "target",
    [
        "/live/Tür/5 auf+zu%",
        "/live?u=admin&p=T%C3%BCr%2F5%20auf%2Bzu%25",
        "/live?u=admin&p=T%C3%BCr%2f5+auf%2bzu%25",
        "/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
        "/live?passwd=anything",
        "/live?channel=1&Auth=YWRtaW46cGFzcw==",
        "/live%3Ftoken%3D5",
        "/live;sessionid=99",
    ],
)
def test_none_that_lets_in_is_told(target: str) -> None:
    uri = f"rtsp://192.0.2.2:554{target}".replace(" ", "%20")
    assert raw_offer(channel(uri), ACCOUNT) is None
    offer = raw_offer(channel(HIKVISION, uri), ACCOUNT)
    assert offer is not None
    assert (offer.channel.sub, list(offer.paths)) == (None, [StreamRole.MAIN])


@pytest.mark.parametrize(("password", "possible"), [("101", True), ("1", False), ("", True), ("Streaming", False)])
def test_a_short_password_counts_where_it_stands_alone(password: str, possible: bool) -> None:
    offer = raw_offer(channel(f"{HIKVISION}&channel=1"), Credentials(username="admin", password=password))
    assert (offer is not None) is possible


@pytest.mark.parametrize("main", ["", "http://192.0.2.2/picture", "rtsp://"])
def test_what_is_no_stream_is_not_offered(main: str) -> None:
    assert raw_offer(channel(main), ACCOUNT) is None


@pytest.mark.parametrize(
    ("sub", "offered"),
    [
        ("rtsp://192.0.2.2:554/Streaming/Channels/102", True),
        ("rtsp://192.0.2.2/Streaming/Channels/102", True),
        ("rtsp://192.0.2.2:555/Streaming/Channels/102", False),
        ("rtsp://192.0.2.3:554/Streaming/Channels/102", False),
        ("no URI", False),
    ],
)
def test_a_sub_stream_is_offered_where_connections_go(sub: str, offered: bool) -> None:
    there = channel(HIKVISION, sub)
    offer = raw_offer(there, ACCOUNT)
    assert offer is not None
    assert offer.channel == (there if offered else replace(there, sub=None))
    assert offer.paths.get(StreamRole.SUB) == ("/Streaming/Channels/102" if offered else None)
