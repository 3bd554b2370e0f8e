"""URIs of recorders and of viewers."""

import pytest

from custom_components.onvif_proxy.relay.uris import (
    ViewerTarget,
    at_authority,
    parse_location,
    parse_viewer_uri,
    resolve_control,
)


@pytest.mark.parametrize(
    ("uri", "host", "port", "rest"),
    [
        ("rtsp://192.0.2.1/a?b=c&d", "192.0.2.1", 554, "/a?b=c&d"),
        ("RTSP://Recorder.local:8554", "recorder.local", 8554, ""),
        ("rtsp://[2001:db8::1]:554/a", "2001:db8::1", 554, "/a"),
        ("rtsp://192.0.2.1?channel=1", "192.0.2.1", 554, "?channel=1"),
    ],
)
def test_location(uri: str, host: str, port: int, rest: str) -> None:
    location = parse_location(uri)
    assert (location.host, location.port, location.rest) == (host, port, rest)
    assert location.uri.lower() == uri.lower()


def test_location_forgets_credentials() -> None:
    assert parse_location("rtsp://admin:secret@192.0.2.1:554/a").uri == "rtsp://192.0.2.1:554/a"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/a",
        "http://192.0.2.1/",
        "rtsp://",
        "rtsp:///a",
        "rtsp://a:0/",
        "rtsp://a:99999/",
        "rtsp://a/b c",
        "rtsp://a\r\n/",
        "rtsp://a..b/",
        "rtsp://" + "a" * 64 + "/",
        "rtsp://a\0b/",
    ],
)
def test_no_location(uri: str) -> None:
    with pytest.raises(ValueError, match="not an RTSP URI"):
        parse_location(uri)


@pytest.mark.parametrize(
    ("base", "control", "resolved"),
    [
        ("rtsp://192.0.2.1/a/", "trackID=1", "rtsp://192.0.2.1/a/trackID=1"),
        ("rtsp://192.0.2.1/a", "trackID=1", "rtsp://192.0.2.1/a/trackID=1"),
        ("rtsp://192.0.2.1/a?channel=1&subtype=0", "trackID=1", "rtsp://192.0.2.1/a?channel=1&subtype=0/trackID=1"),
        ("rtsp://192.0.2.1/a/", "/trackID=1", "rtsp://192.0.2.1/a/trackID=1"),
        ("rtsp://192.0.2.1/a/", "*", "rtsp://192.0.2.1/a/"),
        ("rtsp://192.0.2.1/a/", None, "rtsp://192.0.2.1/a/"),
        ("rtsp://192.0.2.1/a/", "rtsp://192.0.2.1/a/trackID=1?x", "rtsp://192.0.2.1/a/trackID=1?x"),
        ("rtsp://192.0.2.1:8554/a/", "rtsp://10.0.0.5:554/b/trackID=1", "rtsp://192.0.2.1:8554/b/trackID=1"),
    ],
)
def test_control(base: str, control: str | None, resolved: str) -> None:
    assert resolve_control(base, control) == resolved


def test_another_authority_keeps_path_and_query() -> None:
    assert at_authority("rtsp://u:p@10.0.0.5:1/a/b?c=d/", "192.0.2.1:554") == "rtsp://192.0.2.1:554/a/b?c=d/"
    assert at_authority("trackID=1", "192.0.2.1:554") == "trackID=1"


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("rtsp://192.0.2.9:554/main", ViewerTarget("192.0.2.9:554", "main")),
        ("rtsp://camera.local/main/", ViewerTarget("camera.local", "main")),
        ("rtsp://192.0.2.9/main?x=1", ViewerTarget("192.0.2.9", "main")),
        ("rtsp://192.0.2.9/sub/trackID=2", ViewerTarget("192.0.2.9", "sub", 2)),
        ("rtsp://192.0.2.9/sub/trackid=2/", ViewerTarget("192.0.2.9", "sub", 2)),
        ("/main/trackID=1", ViewerTarget("", "main", 1)),
        ("*", ViewerTarget("", "")),
        ("rtsp://192.0.2.9", ViewerTarget("192.0.2.9", "")),
        ("rtsp://192.0.2.9/main/other", None),
        ("rtsp://192.0.2.9//main", None),
        ("main", None),
        ("http://192.0.2.9/main", None),
    ],
)
def test_what_a_viewer_asks_for(uri: str, target: ViewerTarget | None) -> None:
    assert parse_viewer_uri(uri) == target
