"""Addresses that recorders give, and what is made of them."""

import pytest

from custom_components.onvif_proxy.nvr.addresses import parse_address, service_address, snapshot_address, stream_address

HOST = "192.168.1.20"


@pytest.mark.parametrize(
    ("xaddrs", "expected"),
    [
        # The configured host keeps the port of the XAddr, wherever it stands in the string.
        (f"http://{HOST}:8000/onvif/Media", f"http://{HOST}:8000/onvif/Media"),
        (f"http://{HOST}/onvif/Media", f"http://{HOST}:80/onvif/Media"),
        (f"http://[fe80::1]/a http://{HOST}:85/b", f"http://{HOST}:85/b"),
        # Behind NAT, on another network, unspecified: path only.
        ("http://203.0.113.181:80/onvif/media_service", f"http://{HOST}:8080/onvif/media_service"),
        ("http://0.0.0.0:80/onvif/media", f"http://{HOST}:8080/onvif/media"),
        ("http://[fe80::a%25eth0]:80/six http://10.0.0.5/four", f"http://{HOST}:8080/four"),
        ("http://nvr.local/onvif/media", f"http://{HOST}:8080/onvif/media"),
        # The scheme that works is the one that was asked with.
        (f"https://{HOST}:443/onvif/media", f"http://{HOST}:8080/onvif/media"),
        # Written wrongly.
        (f"http://{HOST}:8106:8106/onvif/media", f"http://{HOST}:8106/onvif/media"),
        (f"  HTTP://{HOST}:8000/onvif/Media \n", f"http://{HOST}:8000/onvif/Media"),
        (f"http://user:secret@{HOST}:8000/onvif", f"http://{HOST}:8000/onvif"),
        (f"http://{HOST}:8000?service=media", f"http://{HOST}:8000/?service=media"),
        ("http:///onvif/media", f"http://{HOST}:8080/onvif/media"),
    ],
)
def test_a_service_is_reached_at_the_configured_host(xaddrs: str, expected: str) -> None:
    """Only path and, of the same host, port are taken from an XAddr."""
    assert service_address(xaddrs, HOST, 8080) == expected


@pytest.mark.parametrize(
    "xaddrs", ["", "onvif/media", "file:///etc/passwd", "rtsp://192.168.1.20/a", "http://h:99999/a"]
)
def test_a_service_without_a_usable_address_has_none(xaddrs: str) -> None:
    """Nothing is guessed."""
    assert service_address(xaddrs, HOST, 8080) is None


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("rtsp://10.0.0.9:10554/Streaming/Channels/101?a=b&c=d", f"rtsp://{HOST}:10554/Streaming/Channels/101?a=b&c=d"),
        ("rtsp://10.0.0.9/one", f"rtsp://{HOST}:554/one"),
        ("rtsp://10.0.0.9:554/", f"rtsp://{HOST}:554/"),
        ("rtsp://admin:p@ss@10.0.0.9:554/one", f"rtsp://{HOST}:554/one"),
        # XMeye: what looks like a login is the path; without it there is no stream.
        (
            "rtsp://192.168.15.40:554/user=admin_password=_channel=1_stream=0&protocol=unicast&onvif=ture.sdp?real_stream",
            f"rtsp://{HOST}:554/user=admin_password=_channel=1_stream=0&protocol=unicast&onvif=ture.sdp?real_stream",
        ),
    ],
)
def test_a_stream_keeps_port_and_path_on_the_configured_host(uri: str, expected: str) -> None:
    """The relay never connects to another host, and sends its login in a digest only."""
    assert stream_address(uri, HOST) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://10.0.0.9/one",
        "rtsp://10.0.0.9/a\r\nX: y",
        "rtsp://10.0.0.9/a b",
        "rtsp://10.0.0.9:0/a",
        "rtsp://h/" + "a" * 3000,
    ],
)
def test_a_uri_that_could_smuggle_something_is_no_stream(uri: str) -> None:
    """Line ends, spaces, lengths and other schemes."""
    assert stream_address(uri, HOST) is None


def test_a_snapshot_keeps_its_own_port() -> None:
    """Reolink: ONVIF on 8000, snapshots on 80; Uniview: 85."""
    assert snapshot_address("http://10.0.0.9:85/images/snapshot.jpg", HOST) == f"http://{HOST}:85/images/snapshot.jpg"
    assert snapshot_address("http://10.0.0.9/a.cgi?channel=0", HOST) == f"http://{HOST}:80/a.cgi?channel=0"
    assert snapshot_address("rtsp://10.0.0.9/a", HOST) is None


def test_an_ipv6_recorder_gets_its_brackets() -> None:
    """A host is configured without them."""
    assert stream_address("rtsp://[fe80::1]:554/a", "fd00::5") == "rtsp://[fd00::5]:554/a"
    parsed = parse_address("http://[fd00::5]:81/x")
    assert parsed is not None
    assert (parsed.host, parsed.port) == ("fd00::5", 81)
