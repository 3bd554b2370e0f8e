"""Transport, Session and RTP-Info."""

import pytest

from custom_components.onvif_proxy.relay.fields import RtpInfo, Transport, is_range, parse_session, parse_transports


@pytest.mark.parametrize(
    ("header", "transports"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1", [Transport("RTP/AVP/TCP", (0, 1))]),
        ("rtp/avp/tcp; unicast; Interleaved = 4", [Transport("RTP/AVP/TCP", (4, 5))]),
        ("RTP/AVP/TCP;interleaved=0-1;ssrc=00AB12CD;mode=play", [Transport("RTP/AVP/TCP", (0, 1), "00AB12CD")]),
        (
            "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP",
            [Transport("RTP/AVP", client_ports=(5000, 5001)), Transport("RTP/AVP/TCP")],
        ),
        ("RTP/AVP/UDP;client_port=6000", [Transport("RTP/AVP/UDP", client_ports=(6000, 6001))]),
        ("RTP/AVP;client_port=1023-1024", [Transport("RTP/AVP")]),
        ("RTP/AVP;client_port=65535", [Transport("RTP/AVP")]),
        ("RTP/AVP;client_port=5000-99999", [Transport("RTP/AVP")]),
        (
            "RTP/AVP;multicast;Destination=192.0.2.9;client_port=5000-5001",
            [Transport("RTP/AVP", client_ports=(5000, 5001), multicast=True, destination="192.0.2.9")],
        ),
        ("RTP/AVP/TCP;interleaved=300-301", [Transport("RTP/AVP/TCP")]),
        ("RTP/AVP/TCP;interleaved=255", [Transport("RTP/AVP/TCP")]),
        ("RTP/AVP/TCP;interleaved=7-7", [Transport("RTP/AVP/TCP")]),
        ("RTP/AVP/TCP;interleaved=-1", [Transport("RTP/AVP/TCP")]),
        ("", []),
        (" , ", []),
    ],
)
def test_transports(header: str, transports: list[Transport]) -> None:
    assert parse_transports(header) == transports


@pytest.mark.parametrize(
    ("header", "session"),
    [
        ("12345678", ("12345678", 60.0)),
        ("12345678;timeout=30", ("12345678", 30.0)),
        ("12345678 ; timeout = 90 ", ("12345678", 90.0)),
        ("12345678;timeout=0", ("12345678", 60.0)),
        ("12345678;timeout=soon", ("12345678", 60.0)),
    ],
)
def test_sessions(header: str, session: tuple[str, float]) -> None:
    assert parse_session(header) == session


def test_rtp_info_is_written_with_what_is_known() -> None:
    assert str(RtpInfo("rtsp://a/b", 1, 2)) == "url=rtsp://a/b;seq=1;rtptime=2"
    assert str(RtpInfo("rtsp://a/b")) == "url=rtsp://a/b"


@pytest.mark.parametrize(
    "text", ["npt=now-", "npt=0.000-", "npt=0:00:10.5-0:01:00", "npt=-", "clock=20261121T120000Z-"]
)
def test_ranges(text: str) -> None:
    assert is_range(text)


@pytest.mark.parametrize(
    "text", ["", "npt=", "npt=198.51.100.64-", "npt=rtsp://a-", "clock=now-", "smpte=0:10:00-", "npt=0-\r\n"]
)
def test_no_ranges(text: str) -> None:
    assert not is_range(text)
